// SPDX-License-Identifier: Apache-2.0
#include "wire/messagereader_p.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace MsgpackRpc {

namespace {

constexpr size_t KeptBlocks = 4;
// A message of this size or more is not moved about within a block but gets a buffer of its own.
constexpr qsizetype LargeMessage = BlockPool::BlockSize / 2;
// Bytes that are certainly missing, from which on they are read into place.
constexpr qsizetype DirectRead = 16 * 1024;
constexpr qsizetype FirstLarge = 256 * 1024;
// What has arrived in good part gets its buffer at once up to this size: growing in steps may copy each time.
constexpr qsizetype EagerLarge = 1024 * 1024;
constexpr qsizetype EagerGrowth = 16;

} // namespace

BlockPool::Block BlockPool::take()
{
    if (m_free.empty())
        return Block(new char[size_t(BlockSize)]);
    Block block = std::move(m_free.back());
    m_free.pop_back();
    return block;
}

void BlockPool::give(Block block)
{
    if (m_free.size() < KeptBlocks)
        m_free.push_back(std::move(block));
}

MessageReader::MessageReader(const Limits &limits, BlockPool &pool)
    : m_scanner(limits), m_pool(pool)
{
}

MessageReader::~MessageReader()
{
    if (m_block)
        m_pool.give(std::move(m_block));
}

void MessageReader::release()
{
    m_isInUse = false;
    if (Q_UNLIKELY(m_left.size() > m_level))
        giveLeft();
    if (m_block && m_begin == m_end) {
        m_pool.give(std::move(m_block));
        m_begin = m_scanned = m_end = 0;
    }
}

// Blocks that were left at this level: their messages were handled.
void MessageReader::giveLeft()
{
    while (m_left.size() > m_level) {
        m_pool.give(std::move(m_left.back()));
        m_left.pop_back();
    }
}

// The message that has begun goes on in another block.
void MessageReader::leaveBlock()
{
    giveLeft(); // of the message before
    BlockPool::Block next;
    if (m_begin != m_end) {
        next = m_pool.take();
        std::memcpy(next.get(), m_block.get() + m_begin, size_t(m_end - m_begin));
    }
    m_scanned -= m_begin;
    m_end -= m_begin;
    m_begin = 0;
    m_left.push_back(std::exchange(m_block, std::move(next)));
    m_isInUse = false;
}

MessageReader::Nested::Nested(MessageReader &reader) : m_reader(reader), m_outer(reader.m_level)
{
    if (reader.m_isInUse)
        reader.leaveBlock();
    reader.m_level = reader.m_left.size();
}

MessageReader::Nested::~Nested()
{
    m_reader.giveLeft();
    m_reader.m_level = m_outer;
    m_reader.m_isInUse = false; // the outer message's block was left
}

// Nothing waits in the block, and so much is missing that it may be read to where it belongs.
bool MessageReader::readsDirectly() const noexcept
{
    return m_isLarge && m_scanned == m_end && m_scanner.missing() >= DirectRead;
}

MessageReader::Space MessageReader::space()
{
    if (readsDirectly()) {
        const qsizetype missing = m_scanner.missing();
        if (m_large.size() == m_largeSize)
            growLarge(m_largeSize, m_largeSize + missing);
        return {m_large.data() + m_largeSize, std::min(missing, m_large.size() - m_largeSize)};
    }
    if (!m_block)
        m_block = m_pool.take();
    if (m_begin == m_end)
        m_begin = m_scanned = m_end = 0;
    else if (m_end == BlockPool::BlockSize)
        compact();
    return {m_block.get() + m_end, BlockPool::BlockSize - m_end};
}

void MessageReader::added(qsizetype size)
{
    if (!readsDirectly()) {
        m_end += size;
        return;
    }
    const char *pos = m_large.constData() + m_largeSize;
    m_largeSize += size;
    const Scanner::Result result = m_scanner.scan(pos, m_large.constData() + m_largeSize);
    m_largeComplete = result == Scanner::Complete;
    m_hasFailed = result == Scanner::Failed;
}

void MessageReader::compact()
{
    std::memmove(m_block.get(), m_block.get() + m_begin, size_t(m_end - m_begin));
    m_scanned -= m_begin;
    m_end -= m_begin;
    m_begin = 0;
}

// The message that is being scanned moves from the block, which it fills, into a buffer of its own.
void MessageReader::enlarge()
{
    m_isLarge = true;
    m_large = QByteArray(m_block.get() + m_begin, m_end - m_begin);
    m_largeSize = m_large.size();
    m_begin = m_scanned = m_end;
}

// Room for at least \a least bytes of a message that has \a whole, as far as is known. A little more than twice of what
// has arrived is taken at once where that is all: a rest would make it grow again. Not by append(), which copies
// everything where this extends it.
void MessageReader::growLarge(qsizetype least, qsizetype whole)
{
    qsizetype size = std::max({FirstLarge, m_largeSize * 2, least});
    size = std::max(size, std::min(m_largeSize * EagerGrowth, EagerLarge));
    if (size + size / 8 >= whole)
        size = whole;
    m_large.reserve(size);
    m_large.resize(size);
}

void MessageReader::appendToLarge(const char *data, qsizetype size)
{
    const qsizetype end = m_largeSize + size;
    if (m_large.size() < end)
        growLarge(end, end + m_scanner.missing());
    std::memcpy(m_large.data() + m_largeSize, data, size_t(size));
    m_largeSize = end;
}

void MessageReader::finishLarge(Message &message)
{
    m_large.truncate(m_largeSize);
    message.frame = std::move(m_large);
    m_large = QByteArray();
    m_isLarge = m_largeComplete = false;
    m_largeSize = 0;
    message.parse(message.frame.constData(), m_scanner);
    m_scanner.reset();
}

Scanner::Result MessageReader::next(Message &message)
{
    if (m_hasFailed)
        return Scanner::Failed;
    if (m_largeComplete) {
        finishLarge(message);
        return Scanner::Complete;
    }
    if (m_scanned == m_end)
        return Scanner::NeedMore;
    const char *const data = m_block.get();
    const char *pos = data + m_scanned;
    const Scanner::Result result = m_scanner.scan(pos, data + m_end);
    const qsizetype from = m_scanned;
    m_scanned = pos - data;
    m_hasFailed = result == Scanner::Failed;
    if (m_isLarge) {
        appendToLarge(data + from, m_scanned - from);
        m_begin = m_scanned;
        if (result == Scanner::Complete)
            finishLarge(message);
        return result;
    }
    if (result == Scanner::Complete) {
        if (Q_UNLIKELY(!message.frame.isNull()))
            message.frame = QByteArray();
        message.parse(data + m_begin, m_scanner);
        m_isInUse = true;
        m_scanner.reset();
        m_begin = m_scanned;
    } else if (result == Scanner::NeedMore
               && m_scanner.size() + m_scanner.missing() >= LargeMessage) {
        enlarge();
    }
    return result;
}

int MessageReader::peek() const noexcept
{
    return m_scanner.size() == 0 && m_scanned != m_end ? uchar(m_block[size_t(m_scanned)]) : -1;
}

QByteArray MessageReader::takeRest()
{
    const QByteArray rest(m_block.get() + m_scanned, m_end - m_scanned);
    m_begin = m_scanned = m_end = 0;
    return rest;
}

} // namespace MsgpackRpc
