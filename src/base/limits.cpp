// SPDX-License-Identifier: Apache-2.0
#include "base/limits_p.h"

#include <QtCore/QDebug>

#include <algorithm>

namespace MsgpackRpc {

namespace {

template<typename... Values>
void raiseToZero(Values &...values)
{
    ((values = std::max(values, Values())), ...);
}

} // namespace

Limits inRange(const Limits &limits)
{
    Limits l = limits;
    raiseToZero(l.messageBytes, l.depth, l.items, l.inflatedBytes, l.queuedBytes, l.pendingCalls,
                l.requestsInWork, l.connections, l.connectionsPerAddress, l.datagramSessions,
                l.datagramReplyBytes, l.clusterSessions, l.unauthenticatedConnections);
    constexpr std::chrono::milliseconds none(0);
    for (std::chrono::milliseconds *time :
         {&l.clusterIdleTime, &l.halfMessageTime, &l.tlsHandshakeTime, &l.authenticationTime,
          &l.closeTime})
        *time = std::max(*time, none);
    return l;
}

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
