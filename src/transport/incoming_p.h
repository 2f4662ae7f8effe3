// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/deflate_p.h"
#include "wire/messagereader_p.h"

#include <QtCore/QString>

#include <memory>

QT_BEGIN_NAMESPACE
class QIODevice;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// What a stream brings: bytes of a device to messages, as they are or inflated.
class Incoming
{
public:
    Incoming(const Limits &limits, BlockPool &pool);

    /// What comes next may be plain, until a compressed stream begins.
    void awaitInflating(bool isAwaited) noexcept { m_awaitsInflate = isAwaited; }
    /// What comes next, which may have been read already, is compressed.
    void startInflating();
    /// Does that if it is awaited, and begins here: where, at a boundary, a byte is 0x78, with which no message begins. True
    /// then.
    bool beginsInflating() { return Q_UNLIKELY(m_awaitsInflate) && beginsHere(); }
    bool isInflating() const noexcept { return m_inflater != nullptr; }

    struct Taken
    {
        qsizetype size; ///< of messages, as they are; -1 if the device has ended
        qsizetype received; ///< bytes of the device
        bool isDry; ///< the device has no more now; otherwise there may be more, even if size is 0
    };
    /// Takes some bytes from \a device; \a givesAll tells that less than was asked for is all that it has. What is wrong with
    /// compressed ones, next() tells.
    Taken read(QIODevice &device, bool givesAll);
    /// As MessageReader::next().
    Scanner::Result next(Message &message)
    {
        return Q_LIKELY(m_failure.isNull()) ? m_reader.next(message) : Scanner::Failed;
    }
    /// What was wrong, after Failed.
    QString error() const { return m_failure.isNull() ? m_reader.error() : m_failure; }
    /// True if that was one of the limits.
    bool exceedsLimit() const noexcept { return m_isTooLarge || m_reader.exceedsLimit(); }

    MessageReader &reader() noexcept { return m_reader; }
    const MessageReader &reader() const noexcept { return m_reader; }

private:
    bool beginsHere();
    Taken inflate(QIODevice &device);

    MessageReader m_reader;
    std::unique_ptr<Inflater> m_inflater;
    qsizetype m_mostInflated; // of a message
    QString m_failure; // of the compressed stream
    bool m_isTooLarge = false;
    bool m_awaitsInflate = false;
};

} // namespace MsgpackRpc
