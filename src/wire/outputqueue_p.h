// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/writer.h>

#include <vector>

namespace MsgpackRpc {

/// Messages that wait to be sent, in order, with their boundaries: one that no byte was sent of can be taken out, and
/// when a connection is lost it is known what it has not carried. Messages are numbered from 0.
class OutputQueue
{
public:
    explicit OutputQueue(WireFormat format = WireFormat::Modern) : m_writer(format) {}

    /// Begins a message, to be written into the result. Only one at a time.
    Writer &begin() noexcept;
    /// True between begin() and commit() or rollback().
    bool isOpen() const noexcept { return m_isOpen; }
    /// Ends the message; it waits to be sent. Returns its number. An answer is for the peer of this connection only.
    quint64 commit(bool isAnswer = false);
    /// Takes the message back.
    void rollback();
    /// Bytes of the message that begin() has begun.
    qsizetype openSize() const noexcept { return m_writer.size() - m_committed; }

    /// Calls \a visit with each piece of the open message, and its size.
    template<typename Visit>
    void forEachOpenSegment(Visit visit) const
    {
        for (qsizetype at = m_committed; at < m_writer.size();) {
            const Writer::Segment part = m_writer.segment(at);
            visit(part.data, part.size);
            at += part.size;
        }
    }

    /// True if something could not be written into the open message.
    bool hasFailed() const noexcept { return m_writer.hasFailed(); }
    /// What could not be written.
    QString failure() const { return m_writer.failure(); }

    /// Takes message \a number out if none of its bytes was sent.
    bool remove(quint64 number);
    /// Takes out all answers of which no byte was sent: their connection is lost, and the next peer never asked.
    void removeAnswers();
    /// Takes everything out.
    void clear();
    /// Takes everything that waits out, as bytes.
    QByteArray take();

    /// The first bytes to send; empty if there is nothing to send.
    Writer::Segment front() noexcept;
    /// Bytes of front() that belong to its first message.
    qsizetype frontMessageSize() const noexcept { return m_frontOffset + sizeAt(m_front) - m_sent; }
    /// True if a part of it was sent.
    bool isFrontPartial() const noexcept { return m_sent > m_frontOffset; }
    /// \a size bytes of front() were sent.
    void sent(qsizetype size);
    /// The number that the next message will have.
    quint64 nextNumber() const noexcept { return m_firstNumber + m_sizes.size(); }
    /// The number of the first message of which no byte was sent.
    quint64 firstUnsent() const noexcept;
    /// Messages that were sent, at least in part.
    quint64 messagesSent() const noexcept
    {
        return firstUnsent() - (m_dropped - quint64(m_removed));
    }
    /// Drops the rest of a message that was sent in part: its connection is lost.
    void dropPartial();

    /// Bytes that wait.
    qsizetype size() const noexcept { return m_committed - m_sent - m_removedBytes; }
    /// True if nothing waits.
    bool isEmpty() const noexcept { return size() == 0; }
    /// Messages that wait, the one sent in part included.
    qsizetype count() const noexcept { return qsizetype(m_sizes.size() - m_front) - m_removed; }
    /// The format that is written.
    void setFormat(WireFormat format) { m_writer.setFormat(format); }

private:
    static constexpr quint64 RemovedBit = quint64(1) << 63;
    static constexpr quint64 AnswerBit = quint64(1) << 62;
    qsizetype sizeAt(size_t index) const noexcept
    {
        return qsizetype(m_sizes[index] & ~(RemovedBit | AnswerBit));
    }
    bool isRemoved(size_t index) const noexcept { return (m_sizes[index] & RemovedBit) != 0; }
    void advanceFront() noexcept;
    void skipRemoved() noexcept;
    void reset();
    void compact();

    Writer m_writer;
    std::vector<quint64>
            m_sizes; // of the messages in m_writer; the top bits mark those taken out, and answers
    size_t m_front = 0; // the first message that is not sent wholly
    qsizetype m_frontOffset = 0; // where it begins
    quint64 m_firstNumber = 0; // of m_sizes[0]
    qsizetype m_sent = 0; // bytes
    qsizetype m_committed = 0; // bytes
    qsizetype m_removed = 0; // messages not yet passed over
    qsizetype m_removedBytes = 0;
    quint64 m_dropped = 0; // messages of which nothing was sent, since the beginning
    bool m_isOpen = false;
};

} // namespace MsgpackRpc
