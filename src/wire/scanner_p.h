// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/limits.h>

#include <QtCore/QString>

#include <array>
#include <memory>

namespace MsgpackRpc {

/// Finds the end of a message and checks its shape against the limits, in one pass over the bytes as they come, in
/// pieces of any size. Allocates its stack once, up to the depth limit, and nothing else.
///
/// A message is an array; anything else fails at its first byte. What a header announces counts at once, so that a
/// header of five bytes can't make anyone wait for, or reserve, four gigabytes.
class Scanner
{
public:
    enum Result : quint8 { NeedMore, Complete, Failed };
    /// Elements of the message's own array whose offsets are kept; more than any message of the protocol needs.
    static constexpr int KeptElements = 4;

    explicit Scanner(const Limits &limits);

    /// Takes bytes from \a pos, which is advanced, until the message is complete or \a end is reached.
    Result scan(const char *&pos, const char *end);
    /// The limit of the messages that begin from now on.
    void setMaxBytes(qsizetype bytes) noexcept { m_maxBytes = bytes; }
    /// Forgets the message; the next scan() starts another.
    void reset() noexcept;

    /// Bytes of the message so far.
    qsizetype size() const noexcept { return m_size; }
    /// A lower bound of the bytes that are still to come.
    qsizetype missing() const noexcept;
    /// Elements of the message's own array, as announced.
    quint32 count() const noexcept { return m_count; }
    /// Where element \a index (less than KeptElements and count()) begins, from the message's first byte.
    qsizetype offset(int index) const noexcept { return m_offsets[size_t(index)]; }
    /// What was wrong, after Failed.
    QString error() const { return m_error; }
    /// True if that was one of the limits, not a malformed message.
    bool exceedsLimit() const noexcept { return m_exceedsLimit; }

private:
    const uchar *scanWhole(const uchar *begin, const uchar *last) noexcept;
    bool takeHeader(const uchar *header, qsizetype offset, qsizetype available);
    bool open(quint64 values, bool map, qsizetype offset);
    bool closeValue() noexcept;
    bool fail(const QString &why);
    bool failFirst(uchar byte);
    bool failLimit(const QString &why);

    std::unique_ptr<quint32[]> m_remaining; // values to come, for each open array or map
    int m_depth = 0;
    quint8 m_partialSize = 0;
    std::array<uchar, 8> m_partial; // a header that was cut
    quint64 m_skip = 0; // body bytes to come of the value being read
    qsizetype m_size = 0;
    qint64 m_announced = 0;
    quint32 m_count = 0;
    int m_elements = 0;
    std::array<qsizetype, KeptElements> m_offsets;
    int m_maxDepth;
    qint64 m_maxItems;
    qsizetype m_maxBytes;
    QString m_error;
    bool m_exceedsLimit = false;
};

} // namespace MsgpackRpc
