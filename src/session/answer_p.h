// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/transport_p.h"
#include "wire/outputqueue_p.h"

#include <MsgpackRpc/limits.h>

#include <QtCore/QString>
#include <QtCore/QVariant>

namespace MsgpackRpc::Detail {

/// Appends \a number in its shortest form to \a to, which has room for five bytes; returns the end.
char *packMsgid(char *to, quint32 number) noexcept;
/// Writes `[1, msgid, nil,` or, for errors, `[1, msgid,`.
void writeAnswerHeader(Writer &writer, quint32 msgid, bool succeeded);
/// \a error as it is sent; one that cannot be sent is described instead.
Writer packError(const QVariant &error, WireFormat format);
/// Queues `[1, msgid, error, nil]`, where \a error comes from packError().
void writeErrorAnswer(OutputQueue &queue, quint32 msgid, const Writer &error);
/// The same over \a transport, where an error value that does not fit into a datagram is described, too.
void writeErrorAnswer(Transport &transport, quint32 msgid, const Writer &error);
/// True if the answer that is being written for \a transport can be sent.
inline bool isSendable(const Transport &transport, const Limits &limits)
{
    const OutputQueue &queue = transport.queue();
    return !queue.hasFailed() && queue.openSize() <= limits.messageBytes && transport.fits();
}
/// Why it cannot.
QString answerProblem(const Transport &transport, const Limits &limits);

} // namespace MsgpackRpc::Detail
