// SPDX-License-Identifier: Apache-2.0
#include "wire/outputqueue_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// Sent bytes are given up when they are so many and at least half of the buffer, so each byte moves once on average.
constexpr qsizetype CompactFrom = 256 * 1024;
constexpr size_t KeptSizes = 16 * 1024;

} // namespace

Writer &OutputQueue::begin() noexcept
{
    Q_ASSERT(!m_isOpen);
    m_isOpen = true;
    return m_writer;
}

quint64 OutputQueue::commit(bool isAnswer)
{
    m_sizes.push_back(quint64(openSize()) | (isAnswer ? AnswerBit : 0));
    m_committed = m_writer.size();
    m_isOpen = false;
    return m_firstNumber + m_sizes.size() - 1;
}

void OutputQueue::rollback()
{
    m_writer.truncate(m_committed);
    m_writer.clearFailure();
    m_isOpen = false;
}

bool OutputQueue::remove(quint64 number)
{
    if (number < firstUnsent() || number - m_firstNumber >= m_sizes.size())
        return false;
    const size_t index = size_t(number - m_firstNumber);
    if (isRemoved(index))
        return false;
    m_removedBytes += sizeAt(index);
    ++m_removed;
    ++m_dropped;
    m_sizes[index] |= RemovedBit;
    if (m_sent == m_frontOffset)
        skipRemoved();
    return true;
}

void OutputQueue::removeAnswers()
{
    const quint64 end = m_firstNumber + m_sizes.size();
    // From behind: what is taken out at the front renumbers what is before it only.
    for (quint64 number = end; number > firstUnsent();) {
        if (--number - m_firstNumber < m_sizes.size()
            && (m_sizes[size_t(number - m_firstNumber)] & AnswerBit) != 0)
            remove(number);
    }
}

void OutputQueue::clear()
{
    m_dropped += quint64(count() - (isFrontPartial() ? 1 : 0));
    m_sent = m_committed;
    reset();
}

QByteArray OutputQueue::take()
{
    QByteArray bytes;
    bytes.reserve(size());
    for (Writer::Segment part = front(); part.size > 0; part = front()) {
        bytes.append(part.data, part.size);
        sent(part.size);
    }
    return bytes;
}

// Passes over messages that were taken out, at the front.
void OutputQueue::skipRemoved() noexcept
{
    while (m_removed > 0 && m_front < m_sizes.size() && isRemoved(m_front)) {
        const qsizetype size = sizeAt(m_front);
        m_removedBytes -= size;
        --m_removed;
        m_frontOffset += size;
        m_sent = m_frontOffset;
        ++m_front;
    }
    if (m_sent == m_committed)
        reset();
}

Writer::Segment OutputQueue::front() noexcept
{
    if (m_sent == m_committed)
        return {};
    Writer::Segment segment = m_writer.segment(m_sent);
    qsizetype end = m_committed;
    if (Q_UNLIKELY(m_removed > 0)) {
        end = m_frontOffset;
        for (size_t i = m_front; i < m_sizes.size() && !isRemoved(i); ++i)
            end += sizeAt(i);
    }
    segment.size = std::min(segment.size, end - m_sent);
    return segment;
}

void OutputQueue::advanceFront() noexcept
{
    while (m_front < m_sizes.size() && m_sent >= m_frontOffset + sizeAt(m_front)) {
        m_frontOffset += sizeAt(m_front);
        ++m_front;
    }
}

void OutputQueue::sent(qsizetype size)
{
    m_sent += size;
    if (m_sent == m_committed) {
        reset();
        return;
    }
    advanceFront();
    if (m_removed > 0 && m_sent == m_frontOffset)
        skipRemoved();
    if (m_frontOffset >= CompactFrom && m_frontOffset >= m_committed / 2)
        compact();
}

// Everything was sent: start again at the beginning of the buffer. A message that is being written stays.
void OutputQueue::reset()
{
    m_firstNumber += m_sizes.size();
    if (m_sizes.capacity() > KeptSizes)
        std::vector<quint64>().swap(m_sizes);
    m_sizes.clear();
    if (m_isOpen)
        m_writer.remove(0, m_committed);
    else
        m_writer.clear();
    m_front = 0;
    m_frontOffset = m_sent = m_committed = m_removed = m_removedBytes = 0;
}

void OutputQueue::compact()
{
    m_writer.remove(0, m_frontOffset);
    m_sizes.erase(m_sizes.begin(), m_sizes.begin() + qptrdiff(m_front));
    m_firstNumber += m_front;
    m_sent -= m_frontOffset;
    m_committed -= m_frontOffset;
    m_front = 0;
    m_frontOffset = 0;
}

quint64 OutputQueue::firstUnsent() const noexcept
{
    return m_firstNumber + m_front + (m_sent > m_frontOffset ? 1 : 0);
}

void OutputQueue::dropPartial()
{
    if (m_sent > m_frontOffset)
        sent(m_frontOffset + sizeAt(m_front) - m_sent);
}

} // namespace MsgpackRpc
