// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/writer.h>

#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Messages that wait to be sent, in order, with their boundaries: one that no byte was sent of can be taken out, and
/// when a connection is lost it is known what it has not carried. Messages are numbered from 0.
///
/// What takes messages out moves those that wait: it ends what front() has given.
///
/// A message may be begun while another is open, by a conversion that writes into that: it is complete, and may be sent,
/// before the other goes on, in the same Writer.
class OutputQueue
{
public:
    explicit OutputQueue(WireFormat format = WireFormat::Modern) : m_writer(format) {}

    /// Begins a message, to be written into the result. One that is open waits until this one has ended.
    Writer &begin();
    /// True between begin() and commit() or rollback().
    bool isOpen() const noexcept { return m_open > 0; }
    /// Ends the message; it waits to be sent. Returns its number. An answer is for the peer of this connection only.
    quint64 commit(bool isAnswer = false);
    /// Takes the message back.
    void rollback();
    /// Bytes of the message that begin() has begun.
    qsizetype openSize() const noexcept { return m_writer.size() - openFrom(); }

    /// Calls \a visit with each piece of the open message, and its size.
    template<typename Visit>
    void forEachOpenSegment(Visit visit) const
    {
        for (qsizetype at = openFrom(); at < m_writer.size();) {
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
    quint64 nextNumber() const noexcept { return m_firstNumber + m_sizes.size() + m_skipped; }
    /// The number of the first message of which no byte was sent.
    quint64 firstUnsent() const noexcept
    {
        return numberAt(m_front) + (m_sent > m_frontOffset ? 1 : 0);
    }
    /// Messages that were sent, at least in part.
    quint64 messagesSent() const noexcept
    {
        return nextNumber() - m_dropped - quint64(count() - (isFrontPartial() ? 1 : 0));
    }
    /// Drops the rest of a message that was sent in part: its connection is lost.
    void dropPartial();

    /// Bytes that wait.
    qsizetype size() const noexcept { return m_committed - m_sent - m_removedBytes; }
    /// Bytes that are kept: those that wait, are being written, or were not given up yet.
    qsizetype keptBytes() const noexcept
    {
        return m_writer.size() + (m_apart != nullptr ? m_apart->size() : 0);
    }
    /// Of those that wait, how many are of answers.
    qsizetype answerBytes() const noexcept
    {
        const bool isInAnswer = isFrontPartial() && (m_sizes[m_front] & AnswerBit) != 0;
        return m_answerBytes - (isInAnswer ? m_sent - m_frontOffset : 0);
    }
    /// True if nothing waits.
    bool isEmpty() const noexcept { return size() == 0; }
    /// Messages that wait, the one sent in part included.
    qsizetype count() const noexcept { return qsizetype(m_sizes.size() - m_front) - m_removed; }
    /// The format that is written.
    void setFormat(WireFormat format);

private:
    static constexpr quint64 RemovedBit = quint64(1) << 63;
    static constexpr quint64 AnswerBit = quint64(1) << 62;
    qsizetype sizeAt(size_t index) const noexcept
    {
        return qsizetype(m_sizes[index] & ~(RemovedBit | AnswerBit));
    }
    /// Numbers without a message: those of messages whose bytes were given up.
    struct Gap
    {
        size_t index; // of the message that comes after them
        quint64 skipped; // how many they are, those of the gaps before included
    };
    Writer &stored() noexcept { return Q_UNLIKELY(m_apart != nullptr) ? *m_apart : m_writer; }
    /// Where the open message begins in m_writer.
    qsizetype openFrom() const noexcept { return Q_LIKELY(m_apart == nullptr) ? m_committed : 0; }
    Writer &beginWithin();
    qsizetype storeApart();
    void endWithin();
    bool isRemoved(size_t index) const noexcept { return (m_sizes[index] & RemovedBit) != 0; }
    /// The number of the message at \a index.
    quint64 numberAt(size_t index) const noexcept
    {
        return m_firstNumber + index + (Q_LIKELY(m_gaps.empty()) ? 0 : skippedBefore(index));
    }
    quint64 skippedBefore(size_t index) const noexcept;
    bool findIndex(quint64 number, size_t *index) const noexcept;
    void markRemoved(size_t index) noexcept;
    void settleRemoved();
    void advanceFront() noexcept;
    void skipRemoved() noexcept;
    void reset();
    bool isWorthCompacting() const noexcept;
    void compact();

    Writer m_writer; // what waits, and behind it the message that is open
    // From the first message that was begun within another until the outermost has ended, m_writer has the open one only.
    std::unique_ptr<Writer> m_apart; // what waits
    std::vector<Writer> m_outer; // messages that are open around that
    std::vector<quint64>
            m_sizes; // of the messages in stored(); the top bits mark those taken out, and answers
    size_t m_front = 0; // the first message that is not sent wholly
    qsizetype m_frontOffset = 0; // where it begins
    quint64 m_firstNumber = 0; // of m_sizes[0]
    std::vector<Gap> m_gaps; // in order
    quint64 m_skipped = 0; // of the last of them
    qsizetype m_sent = 0; // bytes
    qsizetype m_committed = 0; // bytes
    qsizetype m_removed = 0; // messages not yet passed over
    qsizetype m_removedBytes = 0;
    qsizetype m_answerBytes = 0; // of answers, the one sent in part counts wholly
    quint64 m_dropped = 0; // messages of which nothing was sent, since the beginning
    int m_open = 0; // messages, one within another
};

} // namespace MsgpackRpc
