// SPDX-License-Identifier: Apache-2.0
#include "wire/outputqueue_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// Bytes that were sent or taken out are given up when they are so many and at least half of all, so each byte moves once
// on average.
constexpr qsizetype CompactFrom = 256 * 1024;
constexpr size_t KeptSizes = 16 * 1024;

void addDead(std::vector<Writer::Range> &ranges, Writer::Range more)
{
    if (!ranges.empty() && ranges.back().offset + ranges.back().size == more.offset)
        ranges.back().size += more.size;
    else if (more.size > 0)
        ranges.push_back(more);
}

} // namespace

Writer &OutputQueue::begin()
{
    if (Q_UNLIKELY(m_open > 0))
        return beginWithin();
    m_open = 1;
    return m_writer;
}

// Whoever writes the open message has a reference to m_writer, and goes on with that: what it has written is put aside.
// Only the first time are its bytes copied. Its depth stays, since the stack is as deep.
Writer &OutputQueue::beginWithin()
{
    if (m_apart == nullptr) {
        m_apart = std::make_unique<Writer>(std::move(m_writer));
        m_writer = m_apart->takeFrom(m_committed);
    }
    m_outer.push_back(std::move(m_writer));
    ++m_open;
    return m_writer;
}

void OutputQueue::endWithin()
{
    if (!m_outer.empty()) {
        m_writer = std::move(m_outer.back());
        m_outer.pop_back();
        return;
    }
    m_writer = std::move(*m_apart);
    m_apart.reset();
}

void OutputQueue::setFormat(WireFormat format)
{
    m_writer.setFormat(format);
    if (m_apart != nullptr)
        m_apart->setFormat(format);
    for (Writer &outer : m_outer)
        outer.setFormat(format);
}

quint64 OutputQueue::commit(bool isAnswer)
{
    qsizetype end = m_writer.size();
    if (Q_UNLIKELY(m_apart != nullptr))
        end = storeApart();
    const qsizetype size = end - m_committed;
    m_sizes.push_back(quint64(size) | (isAnswer ? AnswerBit : 0));
    m_answerBytes += isAnswer ? size : 0;
    m_committed = end;
    --m_open;
    return nextNumber() - 1;
}

qsizetype OutputQueue::storeApart()
{
    m_apart->writeAll(m_writer);
    const qsizetype end = m_apart->size();
    endWithin();
    return end;
}

void OutputQueue::rollback()
{
    m_writer.truncate(openFrom());
    m_writer.clearFailure();
    --m_open;
    if (Q_UNLIKELY(m_apart != nullptr))
        endWithin();
}

// Numbers without a message before that at \a index.
quint64 OutputQueue::skippedBefore(size_t index) const noexcept
{
    const auto after =
            std::upper_bound(m_gaps.cbegin(), m_gaps.cend(), index,
                             [](size_t wanted, const Gap &gap) { return wanted < gap.index; });
    return after != m_gaps.cbegin() ? std::prev(after)->skipped : 0;
}

// Finds the message with \a number; false if there is none.
bool OutputQueue::findIndex(quint64 number, size_t *index) const noexcept
{
    if (number < m_firstNumber)
        return false;
    quint64 found = number - m_firstNumber;
    size_t end = m_sizes.size();
    if (Q_UNLIKELY(!m_gaps.empty())) {
        const auto after = std::upper_bound(
                m_gaps.cbegin(), m_gaps.cend(), found,
                [](quint64 wanted, const Gap &gap) { return wanted < gap.index + gap.skipped; });
        if (after != m_gaps.cend())
            end = after->index;
        if (after != m_gaps.cbegin())
            found -= std::prev(after)->skipped;
    }
    *index = size_t(found);
    return found < end;
}

void OutputQueue::markRemoved(size_t index) noexcept
{
    m_removedBytes += sizeAt(index);
    if ((m_sizes[index] & AnswerBit) != 0)
        m_answerBytes -= sizeAt(index);
    ++m_removed;
    ++m_dropped;
    m_sizes[index] |= RemovedBit;
}

void OutputQueue::settleRemoved()
{
    if (m_sent == m_frontOffset)
        skipRemoved();
    if (isWorthCompacting())
        compact();
}

bool OutputQueue::remove(quint64 number)
{
    size_t index = 0;
    if (number < firstUnsent() || !findIndex(number, &index) || isRemoved(index))
        return false;
    markRemoved(index);
    settleRemoved();
    return true;
}

void OutputQueue::removeAnswers()
{
    for (size_t i = m_front + (isFrontPartial() ? 1 : 0); i < m_sizes.size(); ++i) {
        if ((m_sizes[i] & AnswerBit) != 0 && !isRemoved(i))
            markRemoved(i);
    }
    settleRemoved();
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
    Writer::Segment segment = stored().segment(m_sent);
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
        if ((m_sizes[m_front] & AnswerBit) != 0)
            m_answerBytes -= sizeAt(m_front);
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
    if (isWorthCompacting())
        compact();
}

// Everything was sent: start again at the beginning of the buffer. A message that is being written stays.
void OutputQueue::reset()
{
    m_firstNumber = nextNumber();
    m_skipped = 0;
    m_gaps.clear();
    if (m_sizes.capacity() > KeptSizes)
        std::vector<quint64>().swap(m_sizes);
    m_sizes.clear();
    if (Q_UNLIKELY(m_open > 0 && m_apart == nullptr))
        m_writer.remove(0, m_committed);
    else
        stored().clear();
    m_front = 0;
    m_frontOffset = m_sent = m_committed = m_removed = m_removedBytes = m_answerBytes = 0;
}

bool OutputQueue::isWorthCompacting() const noexcept
{
    const qsizetype dead = m_frontOffset + m_removedBytes;
    return dead >= CompactFrom && dead >= m_committed / 2;
}

// Gives up the bytes of what was sent wholly and of what was taken out. A message that was sent in part stays, and so
// does one that is being written.
void OutputQueue::compact()
{
    std::vector<Writer::Range> dead;
    addDead(dead, {0, m_frontOffset});
    std::vector<Gap> gaps;
    const quint64 first = numberAt(m_front);
    const quint64 next = nextNumber();
    size_t kept = 0;
    quint64 skipped = 0;
    const auto keepNumber = [&](quint64 number) {
        if (number - first - kept != skipped) {
            skipped = number - first - kept;
            gaps.push_back({kept, skipped});
        }
    };
    for (size_t i = m_front, offset = size_t(m_frontOffset); i < m_sizes.size(); ++i) {
        const qsizetype size = sizeAt(i);
        if (isRemoved(i)) {
            addDead(dead, {qsizetype(offset), size});
        } else {
            keepNumber(numberAt(i));
            m_sizes[kept++] = m_sizes[i];
        }
        offset += size_t(size);
    }
    keepNumber(next);
    stored().remove(dead);
    m_sizes.resize(kept);
    if (m_sizes.capacity() > KeptSizes && kept < m_sizes.capacity() / 4)
        m_sizes.shrink_to_fit();
    m_gaps = std::move(gaps);
    m_skipped = skipped;
    m_firstNumber = first;
    m_sent -= m_frontOffset;
    m_committed -= m_frontOffset + m_removedBytes;
    m_front = 0;
    m_frontOffset = m_removed = m_removedBytes = 0;
}

void OutputQueue::dropPartial()
{
    if (m_sent > m_frontOffset)
        sent(m_frontOffset + sizeAt(m_front) - m_sent);
}

} // namespace MsgpackRpc
