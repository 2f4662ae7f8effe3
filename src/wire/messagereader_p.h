// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/message_p.h"
#include "wire/scanner_p.h"

#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Buffers of one size that the connections of a thread take for as long as they have bytes in them, so that an idle
/// connection holds none. Not thread-safe.
class BlockPool
{
public:
    static constexpr qsizetype BlockSize = 64 * 1024;
    using Block = std::unique_ptr<char[]>;

    /// A block; its bytes are undefined.
    Block take();
    /// Gives \a block back.
    void give(Block block);

private:
    std::vector<Block> m_free;
};

/// Makes messages of bytes. Knows no device: bytes are put into space() and announced by added(), and next() gives the
/// messages, one at a time.
///
/// Small messages are found where they lie, in a block of the pool. A message that has no room there gets a
/// QByteArray of its own, which grows with what has arrived, never by what was only announced.
class MessageReader
{
public:
    struct Space
    {
        char *data;
        qsizetype size;
    };

    MessageReader(const Limits &limits, BlockPool &pool);
    ~MessageReader();

    /// Where the next bytes go, at least one and at most so many.
    Space space();
    /// \a size bytes have been put into the last space().
    void added(qsizetype size);

    /// The next message, if it is complete. Reentrant: what \a message points to holds until space() or next() is
    /// called again, by whoever called this; within a Nested they may be called without hurting it.
    Scanner::Result next(Message &message);
    /// True if next() might have something to give.
    bool hasUnread() const noexcept { return m_scanned != m_end; }
    /// The most bytes of the messages that begin from now on.
    void setMessageBytes(qsizetype bytes) noexcept { m_scanner.setMaxBytes(bytes); }
    /// The next byte at a message boundary; -1 if there is none, or within a message.
    int peek() const noexcept;
    /// Takes everything after the last message away, uninterpreted.
    QByteArray takeRest();

    /// Bytes of a message that has begun but is not complete.
    qsizetype partialSize() const noexcept { return m_scanner.size(); }
    /// What was wrong, after Failed.
    QString error() const { return m_scanner.error(); }
    /// True if that was one of the limits.
    bool exceedsLimit() const noexcept { return m_scanner.exceedsLimit(); }
    /// Gives the block back if it is empty. No message that was given is looked at any more, but for those from before
    /// the innermost Nested.
    void release();

    /// While it lives, space() and next() leave alone what the message points to that was given last before: that block
    /// is left to whoever handles it, and what follows goes into another one. Each level of nesting holds one at most.
    class Nested
    {
    public:
        explicit Nested(MessageReader &reader);
        ~Nested();

    private:
        MessageReader &m_reader;
        const size_t m_outer;
        Q_DISABLE_COPY_MOVE(Nested)
    };

private:
    void leaveBlock();
    void giveLeft();
    void compact();
    void enlarge();
    bool readsDirectly() const noexcept;
    void growLarge(qsizetype least, qsizetype whole);
    void appendToLarge(const char *data, qsizetype size);
    void finishLarge(Message &message);

    Scanner m_scanner;
    BlockPool &m_pool;
    BlockPool::Block m_block;
    std::vector<BlockPool::Block> m_left; // messages in them are still being handled
    size_t m_level = 0; // so many of them belong to outer levels
    bool m_isInUse = false; // the message that was given last lies in the block
    qsizetype m_begin = 0; // of the message that is being scanned, within the block
    qsizetype m_scanned = 0;
    qsizetype m_end = 0;
    bool m_isLarge = false;
    bool m_largeComplete = false;
    bool m_hasFailed = false;
    QByteArray m_large; // its size is what is reserved
    qsizetype m_largeSize = 0;
};

} // namespace MsgpackRpc
