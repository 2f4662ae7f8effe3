// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/limits.h>

#include <QtCore/QDebug>

namespace MsgpackRpc {

QDebug operator<<(QDebug debug, const Limits &limits)
{
    const QDebugStateSaver saver(debug);
    debug.nospace() << "MsgpackRpc::Limits(messageBytes " << limits.messageBytes << ", depth "
                    << limits.depth << ", items " << limits.items << ", inflatedBytes "
                    << limits.inflatedBytes << ", queuedBytes " << limits.queuedBytes
                    << ", pendingCalls " << limits.pendingCalls << ", requestsInWork "
                    << limits.requestsInWork << ", connections " << limits.connections
                    << ", connectionsPerAddress " << limits.connectionsPerAddress
                    << ", datagramSessions " << limits.datagramSessions << ", datagramIdleTime "
                    << limits.datagramIdleTime.count() << " ms, datagramReplyBytes "
                    << limits.datagramReplyBytes << ", clusterSessions " << limits.clusterSessions
                    << ", clusterIdleTime " << limits.clusterIdleTime.count()
                    << " ms, halfMessageTime " << limits.halfMessageTime.count() << " ms, idleTime "
                    << limits.idleTime.count() << " ms, tlsHandshakeTime "
                    << limits.tlsHandshakeTime.count() << " ms, unauthenticatedConnections "
                    << limits.unauthenticatedConnections << ", authenticationTime "
                    << limits.authenticationTime.count() << " ms, closeTime "
                    << limits.closeTime.count() << " ms)";
    return debug;
}

} // namespace MsgpackRpc
