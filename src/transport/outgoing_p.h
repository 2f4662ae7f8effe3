// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/deflate_p.h"
#include "wire/outputqueue_p.h"

#include <QtCore/QByteArray>

#include <memory>

namespace MsgpackRpc {

/// What a stream sends next: bytes that go first, then the messages of a queue, as they are or compressed. Has no device:
/// gives the next bytes, and is told how many of them were taken.
class Outgoing
{
public:
    /// \a queue is not looked at any more once its connection is released.
    explicit Outgoing(OutputQueue &queue) : m_queue(queue) {}

    /// Plain bytes that go before what the queue has.
    void addPreamble(const QByteArray &bytes) { m_raw.append(bytes); }
    /// Gives copies: where user code runs while they are written, it may end what they are of, and call, which moves what
    /// is queued.
    void setCopying(bool isCopying) { m_isPrepared = isCopying; }
    /// Compresses each message that has not begun to be sent; the rest of one that has goes before, as it is.
    void startDeflating();
    bool isDeflating() const noexcept { return m_deflater != nullptr; }
    /// True if front() takes out of the queue what it gives.
    bool isPrepared() const noexcept { return m_isPrepared; }

    /// The bytes that go next. Unless they are prepared, they hold until the queue is another. None if nothing waits, or if
    /// compressing some of what waits has given none yet: the queue has less then.
    Writer::Segment front()
    {
        return Q_LIKELY(m_raw.isEmpty() && !m_isPrepared) ? m_queue.front() : frontPrepared();
    }
    /// \a size bytes of front() were taken.
    void sent(qsizetype size)
    {
        if (Q_LIKELY(m_raw.isEmpty()))
            m_queue.sent(size);
        else
            sentPrepared(size);
    }
    /// Bytes that wait and are not the queue's any more.
    qsizetype preparedBytes() const noexcept { return m_raw.size() - m_rawSent; }

private:
    Writer::Segment frontPrepared();
    void sentPrepared(qsizetype size);
    void copySome();
    void compressSome();

    OutputQueue &m_queue;
    std::unique_ptr<Deflater> m_deflater;
    QByteArray m_raw; // empty, or some of it is not sent
    qsizetype m_rawSent = 0;
    bool m_isPrepared = false; // copied or compressed
};

} // namespace MsgpackRpc
