// SPDX-License-Identifier: Apache-2.0
#include "wire/scanner_p.h"

#include <QtCore/QtEndian>

#include <algorithm>
#include <cstring>

namespace MsgpackRpc {

namespace {

enum Shape : quint8 { Plain, ArrayShape, MapShape, Illegal };

// What a first byte says: the shape of the value, how many bytes of length follow, and a fixed number that is added to
// that length: bytes of the body for Plain, values for arrays and maps.
struct FirstByte
{
    Shape shape = Plain;
    quint8 lengthBytes = 0;
    quint8 fixed = 0;
};

constexpr FirstByte describe(int byte)
{
    if (byte < 0x80 || byte >= 0xe0)
        return {Plain, 0, 0};
    if (byte < 0x90)
        return {MapShape, 0, quint8(byte & 0x0f)};
    if (byte < 0xa0)
        return {ArrayShape, 0, quint8(byte & 0x0f)};
    if (byte < 0xc0)
        return {Plain, 0, quint8(byte & 0x1f)};
    if (byte == 0xc1)
        return {Illegal, 0, 0};
    if (byte < 0xc4)
        return {Plain, 0, 0}; // nil, false, true
    if (byte < 0xc7)
        return {Plain, quint8(1 << (byte - 0xc4)), 0}; // bin
    if (byte < 0xca)
        return {Plain, quint8(1 << (byte - 0xc7)), 1}; // ext, with its type
    if (byte < 0xcc)
        return {Plain, 0, quint8(byte == 0xca ? 4 : 8)}; // floats
    if (byte < 0xd0)
        return {Plain, 0, quint8(1 << (byte - 0xcc))}; // uint
    if (byte < 0xd4)
        return {Plain, 0, quint8(1 << (byte - 0xd0))}; // int
    if (byte < 0xd9)
        return {Plain, 0, quint8(1 + (1 << (byte - 0xd4)))}; // fixext, with its type
    if (byte < 0xdc)
        return {Plain, quint8(1 << (byte - 0xd9)), 0}; // str
    if (byte < 0xde)
        return {ArrayShape, quint8(2 << (byte - 0xdc)), 0};
    return {MapShape, quint8(2 << (byte - 0xde)), 0};
}

constexpr std::array<FirstByte, 256> makeTable()
{
    std::array<FirstByte, 256> table{};
    for (int i = 0; i < 256; ++i)
        table[size_t(i)] = describe(i);
    return table;
}

constexpr std::array<FirstByte, 256> firstBytes = makeTable();

// A value: how long it is, and how many values follow that belong to it.
struct Extent
{
    qint64 size = 0;
    qint64 values = 0;
};

// The same where the first byte tells it; size is 0 where it does not.
struct ShortExtent
{
    quint8 size = 0;
    quint8 values = 0;
};

constexpr std::array<ShortExtent, 256> makeShortTable()
{
    std::array<ShortExtent, 256> table{};
    for (size_t byte = 0; byte < table.size(); ++byte) {
        const FirstByte first = firstBytes[byte];
        if (first.shape == Illegal || first.lengthBytes > 0)
            continue;
        const bool isPlain = first.shape == Plain;
        table[byte].size = quint8(isPlain ? 1 + first.fixed : 1);
        table[byte].values = quint8(isPlain ? 0 : first.fixed * (first.shape == MapShape ? 2 : 1));
    }
    return table;
}

constexpr std::array<ShortExtent, 256> shortExtents = makeShortTable();

quint32 length(const uchar *p, int bytes)
{
    return bytes == 1 ? *p : bytes == 2 ? qFromBigEndian<quint16>(p) : qFromBigEndian<quint32>(p);
}

// The same where a length follows the first byte; size is 0 if that is cut off, or the byte begins no value.
Extent longExtent(const uchar *p, qsizetype available)
{
    const FirstByte first = firstBytes[*p];
    if (first.shape == Illegal || available <= first.lengthBytes)
        return {};
    const qint64 size = qint64(length(p + 1, first.lengthBytes)) + first.fixed;
    const qint64 header = 1 + first.lengthBytes;
    if (first.shape == Plain)
        return {header + size, 0};
    return {header, first.shape == MapShape ? 2 * size : size};
}

// What else begins so: both are frequent enough mistakes.
QString likelyOrigin(uchar byte)
{
    if (byte == 0x16)
        return QStringLiteral("; this is how a TLS handshake begins: the peer wants tls://");
    if (byte == 0x15)
        return QStringLiteral("; this is how a TLS alert begins: the peer speaks tls:// only");
    return {};
}

} // namespace

Scanner::Scanner(const Limits &limits)
    : m_maxDepth(std::clamp(limits.depth, 1, 1024)),
      m_maxItems(limits.items),
      m_maxBytes(limits.messageBytes)
{
    m_remaining.reset(new quint32[size_t(m_maxDepth)]);
}

void Scanner::reset() noexcept
{
    m_depth = 0;
    m_partialSize = 0;
    m_skip = 0;
    m_size = 0;
    m_announced = 0;
    m_elements = 0;
    m_exceedsLimit = false;
}

bool Scanner::fail(const QString &why)
{
    m_error = why;
    return false;
}

bool Scanner::failFirst(uchar byte)
{
    return fail(QStringLiteral("no message: it begins with byte 0x%1, expected an array")
                        .arg(byte, 2, 16, QLatin1Char('0'))
                + likelyOrigin(byte));
}

bool Scanner::failLimit(const QString &why)
{
    m_exceedsLimit = true;
    return fail(why);
}

// A value has ended, and with it perhaps the arrays and maps around it. True if that was the message.
bool Scanner::closeValue() noexcept
{
    while (--m_remaining[size_t(m_depth - 1)] == 0) {
        if (--m_depth == 0)
            return true;
    }
    return false;
}

bool Scanner::open(quint64 values, bool map, qsizetype offset)
{
    if (m_depth == 0)
        m_count = quint32(values);
    if (map)
        values *= 2;
    m_announced += qint64(values);
    if (m_announced > m_maxItems)
        return failLimit(
                QStringLiteral("a message of more than %1 values (an %2 announces %3 at byte %4)")
                        .arg(m_maxItems)
                        .arg(map ? QStringLiteral("map") : QStringLiteral("array"))
                        .arg(values)
                        .arg(offset));
    if (quint64(offset) + values > quint64(m_maxBytes))
        return failLimit(QStringLiteral("a message of more than %1 bytes").arg(m_maxBytes));
    if (m_depth == m_maxDepth)
        return failLimit(QStringLiteral("a message nested deeper than %1").arg(m_maxDepth));
    if (values > 0xffffffffU)
        return fail(QStringLiteral("a map of more than 2147483647 entries"));
    m_remaining[size_t(m_depth++)] = quint32(values);
    return true;
}

// A complete header at byte \a offset of the message, followed by \a available bytes. Leaves in m_skip what the value
// still needs beyond its header.
bool Scanner::takeHeader(const uchar *header, qsizetype offset, qsizetype available)
{
    const FirstByte first = firstBytes[*header];
    quint64 size = first.fixed;
    if (first.lengthBytes > 0)
        size += length(header + 1, first.lengthBytes);
    if (m_depth == 0 && first.shape != ArrayShape)
        return failFirst(*header);
    if (m_depth == 1 && m_elements < KeptElements)
        m_offsets[size_t(m_elements++)] = offset;
    m_skip = 0;
    switch (first.shape) {
    case Plain:
        m_skip = size;
        if (Q_UNLIKELY(quint64(available) < size)
            && quint64(offset) + 1 + first.lengthBytes + size > quint64(m_maxBytes))
            return failLimit(
                    QStringLiteral(
                            "a message of more than %1 bytes (a value announces %2 at byte %3)")
                            .arg(m_maxBytes)
                            .arg(size)
                            .arg(offset));
        return true;
    case ArrayShape:
    case MapShape:
        if (size == 0) {
            if (m_depth == 0)
                return fail(QStringLiteral("no message: an empty array"));
            return true;
        }
        return open(size, first.shape == MapShape, offset);
    case Illegal:
        break;
    }
    return fail(QStringLiteral("byte 0xc1 at byte %1, which no value begins with").arg(offset));
}

// The end of the message at \a begin, if all of it is here and it keeps the limits: nearly always. Then the values to
// come are one number, and need no stack. Otherwise null, and nothing has happened: the scan value by value finds out
// what is missing or wrong, and goes on when more has come.
const uchar *Scanner::scanWhole(const uchar *begin, const uchar *last) noexcept
{
    if ((*begin & 0xf0) != 0x90)
        return nullptr;
    const int count = *begin & 0x0f;
    qint64 announced = count;
    int containers = 1; // as many as that it may be deep
    const uchar *p = begin + 1;
    for (int element = 0; element < count; ++element) {
        if (element < KeptElements)
            m_offsets[size_t(element)] = p - begin;
        for (qint64 values = 1; values > 0; --values) {
            if (p == last)
                return nullptr;
            const ShortExtent known = shortExtents[*p];
            Extent extent{known.size, known.values};
            if (Q_UNLIKELY(extent.size == 0))
                extent = longExtent(p, last - p);
            if (extent.size == 0 || extent.size > last - p)
                return nullptr;
            p += extent.size;
            if (extent.values > 0) {
                values += extent.values;
                announced += extent.values;
                if (++containers > m_maxDepth || announced > m_maxItems)
                    return nullptr;
            }
        }
    }
    if (count == 0 || announced > m_maxItems || p - begin > m_maxBytes)
        return nullptr;
    m_count = quint32(count);
    return p;
}

Scanner::Result Scanner::scan(const char *&pos, const char *end)
{
    const auto *const begin = reinterpret_cast<const uchar *>(pos);
    const auto *const last = reinterpret_cast<const uchar *>(end);
    const uchar *p = begin;
    const qsizetype before = m_size;
    if (before == 0 && p != last) {
        if (const uchar *const complete = scanWhole(p, last)) {
            m_size = complete - begin;
            pos = reinterpret_cast<const char *>(complete);
            return Complete;
        }
    }
    const auto stop = [&](Result result) {
        m_size = before + (p - begin);
        pos = reinterpret_cast<const char *>(p);
        if (Q_UNLIKELY(m_size > m_maxBytes) && result != Failed) {
            failLimit(QStringLiteral("a message of more than %1 bytes").arg(m_maxBytes));
            return Failed;
        }
        return result;
    };

    for (;;) {
        if (Q_UNLIKELY(m_skip > 0)) {
            const quint64 taken = std::min<quint64>(m_skip, quint64(last - p));
            p += taken;
            m_skip -= taken;
            if (m_skip > 0)
                return stop(NeedMore);
            if (closeValue())
                return stop(Complete);
        }
        if (p == last)
            return stop(NeedMore);

        const uchar *header = p;
        qsizetype offset = before + (p - begin);
        int headerSize = 1 + firstBytes[m_partialSize > 0 ? m_partial[0] : *p].lengthBytes;
        if (Q_UNLIKELY(m_partialSize > 0 || last - p < headerSize)) {
            // Nobody has to wait for the rest of what can't be a message.
            if (m_depth == 0 && m_partialSize == 0 && firstBytes[*p].shape != ArrayShape) {
                failFirst(*p);
                return stop(Failed);
            }
            offset -= m_partialSize;
            while (p != last && m_partialSize < headerSize)
                m_partial[m_partialSize++] = *p++;
            if (m_partialSize < headerSize)
                return stop(NeedMore);
            header = m_partial.data();
            m_partialSize = 0;
        } else {
            p += headerSize;
        }

        const int depth = m_depth;
        if (Q_UNLIKELY(!takeHeader(header, offset, last - p)))
            return stop(Failed);
        if (m_depth != depth)
            continue; // its values follow
        if (m_skip <= quint64(last - p)) {
            p += m_skip;
            m_skip = 0;
            if (closeValue())
                return stop(Complete);
        }
    }
}

qsizetype Scanner::missing() const noexcept
{
    if (m_depth == 0)
        return 1;
    quint64 values = 0;
    for (int i = 0; i < m_depth; ++i)
        values += m_remaining[size_t(i)];
    // The open containers, and the value whose body is coming, are counted although their headers have been read.
    values -= quint64(m_depth - 1) + (m_skip > 0 ? 1 : 0);
    return qsizetype(values + m_skip);
}

} // namespace MsgpackRpc
