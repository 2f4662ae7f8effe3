// SPDX-License-Identifier: Apache-2.0
#include "session/answer_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QtEndian>

namespace MsgpackRpc::Detail {

// By hand: it is written for every message, and the length of a whole header at once beats four calls of a packer.
char *packMsgid(char *to, quint32 number) noexcept
{
    if (number < 0x80) {
        *to++ = char(number);
    } else if (number < 0x100) {
        *to++ = char(0xcc);
        *to++ = char(number);
    } else if (number < 0x10000) {
        *to++ = char(0xcd);
        qToBigEndian(quint16(number), to);
        to += 2;
    } else {
        *to++ = char(0xce);
        qToBigEndian(number, to);
        to += 4;
    }
    return to;
}

void writeAnswerHeader(Writer &writer, quint32 msgid, bool succeeded)
{
    char header[8] = {char(0x94), 0x01};
    char *end = packMsgid(header + 2, msgid);
    if (succeeded)
        *end++ = char(0xc0);
    writer.append(header, size_t(end - header));
}

Writer packError(const QVariant &error, WireFormat format)
{
    Writer writer(format);
    writeValues(writer, error);
    if (!writer.hasFailed())
        return writer;
    Writer instead(format);
    instead.writeString(
            QStringView(QStringLiteral("an error that cannot be sent: %1").arg(writer.failure())));
    return instead;
}

namespace {

void beginErrorAnswer(OutputQueue &queue, quint32 msgid, const Writer &error)
{
    Writer &writer = queue.begin();
    writeAnswerHeader(writer, msgid, false);
    writer.writeAll(error);
    writer.writeNil();
}

} // namespace

void writeErrorAnswer(OutputQueue &queue, quint32 msgid, const Writer &error)
{
    beginErrorAnswer(queue, msgid, error);
    queue.commit(true);
}

void writeErrorAnswer(Transport &transport, quint32 msgid, const Writer &error)
{
    OutputQueue &queue = transport.queue();
    beginErrorAnswer(queue, msgid, error);
    const QString problem = transport.sizeProblem();
    if (Q_UNLIKELY(!problem.isEmpty())) {
        queue.rollback();
        beginErrorAnswer(queue, msgid,
                         packError(QStringLiteral("the error cannot be sent: %1").arg(problem),
                                   error.format()));
    }
    queue.commit(true);
}

QString answerProblem(const Transport &transport, const Limits &limits)
{
    const OutputQueue &queue = transport.queue();
    if (queue.hasFailed())
        return QStringLiteral("the result cannot be sent: %1").arg(queue.failure());
    if (queue.openSize() > limits.messageBytes)
        return QStringLiteral("the result cannot be sent: %1 bytes, and at most %2 are allowed")
                .arg(queue.openSize())
                .arg(limits.messageBytes);
    return QStringLiteral("the result cannot be sent: %1").arg(transport.sizeProblem());
}

} // namespace MsgpackRpc::Detail
