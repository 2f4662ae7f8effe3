// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/writer.h>

#include <QtCore/QStringEncoder>
#include <QtCore/QtEndian>

#include <msgpack.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace MsgpackRpc {

namespace {

constexpr qsizetype FirstCapacity = 512;
constexpr qsizetype KeptCapacity = 72 * 1024;
constexpr qsizetype SharedFrom = 64 * 1024;

constexpr qsizetype LongestHeader = 5;

using Packer = msgpack::packer<Writer>;

// Puts text that is ASCII into \a out; false if it is not, or long enough for the encoder's vector
// instructions.
bool narrow(QStringView text, char *out)
{
    constexpr qsizetype Short = 64;
    if (text.size() > Short)
        return false;
    char16_t bits = 0;
    for (const QChar c : text) {
        bits |= c.unicode();
        *out++ = char(c.unicode());
    }
    return bits < 0x80;
}

} // namespace

Writer::Writer(Writer &&other) noexcept
    : m_data(std::move(other.m_data)),
      m_size(std::exchange(other.m_size, 0)),
      m_capacity(std::exchange(other.m_capacity, 0)),
      m_shared(std::move(other.m_shared)),
      m_sharedSize(std::exchange(other.m_sharedSize, 0)),
      m_format(other.m_format),
      m_failure(std::exchange(other.m_failure, {})),
      m_failureWhere(std::exchange(other.m_failureWhere, 0))
{
    other.m_shared.clear();
}

Writer &Writer::operator=(Writer &&other) noexcept
{
    m_data = std::move(other.m_data);
    m_size = std::exchange(other.m_size, 0);
    m_capacity = std::exchange(other.m_capacity, 0);
    m_shared = std::exchange(other.m_shared, {});
    m_sharedSize = std::exchange(other.m_sharedSize, 0);
    m_format = other.m_format;
    m_failure = std::exchange(other.m_failure, {});
    m_failureWhere = std::exchange(other.m_failureWhere, 0);
    return *this;
}

Writer::~Writer() = default;

void Writer::grow(qsizetype more)
{
    reallocate(std::max({FirstCapacity, m_capacity * 2, m_size + more}));
}

void Writer::reallocate(qsizetype capacity)
{
    std::unique_ptr<char[]> data(new char[size_t(capacity)]);
    if (m_size > 0)
        std::memcpy(data.get(), m_data.get(), size_t(m_size));
    m_data = std::move(data);
    m_capacity = capacity;
}

void Writer::writeNil()
{
    Packer(*this).pack_nil();
}

void Writer::writeBool(bool value)
{
    value ? Packer(*this).pack_true() : Packer(*this).pack_false();
}

void Writer::writeLongSigned(qint64 value)
{
    Packer(*this).pack_int64(value);
}

void Writer::writeLongUnsigned(quint64 value)
{
    Packer(*this).pack_uint64(value);
}

// Not by msgpack's packer, which makes integers of whole numbers: 2.0 would arrive as another type,
// -0.0 as 0.
void Writer::writeFloat(float value)
{
    char bytes[5] = {char(0xca)};
    quint32 bits;
    std::memcpy(&bits, &value, sizeof bits);
    qToBigEndian(bits, bytes + 1);
    append(bytes, sizeof bytes);
}

void Writer::writeDouble(double value)
{
    char bytes[9] = {char(0xcb)};
    quint64 bits;
    std::memcpy(&bits, &value, sizeof bits);
    qToBigEndian(bits, bytes + 1);
    append(bytes, sizeof bytes);
}

bool Writer::fits(qsizetype size)
{
    return quint64(size) <= std::numeric_limits<quint32>::max()
           || fail(QStringLiteral("%1 bytes are more than MessagePack can hold in one value")
                           .arg(size));
}

// raw of 2010 has no one-byte length: str8 would not be understood.
void Writer::writeStringHeader(quint32 size)
{
    if (m_format == WireFormat::Compatibility && size > 31 && size < 256) {
        const char header[] = {char(0xda), 0, char(size)};
        append(header, sizeof header);
    } else {
        Packer(*this).pack_str(size);
    }
}

qsizetype Writer::stringHeaderSize(qsizetype size) const
{
    if (size < 32)
        return 1;
    if (size < 256)
        return m_format == WireFormat::Compatibility ? 3 : 2;
    return size < 65536 ? 3 : 5;
}

void Writer::writeBinaryHeader(quint32 size)
{
    if (m_format == WireFormat::Compatibility)
        writeStringHeader(size);
    else
        Packer(*this).pack_bin(size);
}

void Writer::writeString(QByteArrayView utf8)
{
    if (!fits(utf8.size()))
        return;
    writeStringHeader(quint32(utf8.size()));
    appendBytes(utf8);
}

// Encodes straight into the buffer, behind a header that is right if the text is ASCII; other text
// is put right.
void Writer::writeString(QStringView text)
{
    if (!fits(text.size()))
        return;
    const qsizetype start = m_size;
    // Stateless: a lone surrogate at the end is written like one in the middle.
    QStringEncoder encoder(QStringEncoder::Utf8, QStringEncoder::Flag::Stateless);
    reserve(encoder.requiredSpace(text.size()) + LongestHeader);
    writeStringHeader(quint32(text.size()));
    const qsizetype guessed = m_size;
    char *const body = m_data.get() + m_size;
    const qsizetype size =
            narrow(text, body) ? text.size() : encoder.appendToBuffer(body, text) - body;
    if (Q_UNLIKELY(size != text.size())) {
        m_size = start;
        if (!fits(size))
            return;
        const qsizetype needed = stringHeaderSize(size);
        std::memmove(m_data.get() + start + needed, body, size_t(size));
        writeStringHeader(quint32(size));
        Q_ASSERT(m_size == start + needed && needed >= guessed - start);
    }
    m_size += size;
}

void Writer::writeBinary(QByteArrayView bytes)
{
    if (!fits(bytes.size()))
        return;
    writeBinaryHeader(quint32(bytes.size()));
    appendBytes(bytes);
}

void Writer::writeBinary(const QByteArray &bytes)
{
    // Raw data (capacity 0) belongs to someone who may free it after this call: it is copied.
    if (bytes.size() < SharedFrom || bytes.capacity() == 0) {
        writeBinary(QByteArrayView(bytes));
        return;
    }
    if (!fits(bytes.size()))
        return;
    writeBinaryHeader(quint32(bytes.size()));
    m_shared.push_back({m_size, bytes});
    m_sharedSize += bytes.size();
}

void Writer::writeLongArray(quint32 count)
{
    Packer(*this).pack_array(count);
}

void Writer::writeMap(quint32 count)
{
    Packer(*this).pack_map(count);
}

void Writer::writeExtension(qint8 type, QByteArrayView data)
{
    if (m_format == WireFormat::Compatibility) {
        fail(QStringLiteral("an extension of type %1 cannot be written in the compatibility format")
                     .arg(type));
        return;
    }
    if (!fits(data.size()))
        return;
    Packer(*this).pack_ext(size_t(data.size()), type);
    appendBytes(data);
}

void Writer::writeAll(const Writer &other)
{
    qsizetype plain = 0;
    for (const Shared &shared : other.m_shared) {
        append(other.m_data.get() + plain, size_t(shared.at - plain));
        plain = shared.at;
        m_shared.push_back({m_size, shared.bytes});
        m_sharedSize += shared.bytes.size();
    }
    if (other.m_size > plain)
        append(other.m_data.get() + plain, size_t(other.m_size - plain));
}

bool Writer::fail(const QString &why)
{
    if (m_failure.isNull()) {
        m_failure = why.isEmpty() ? QStringLiteral("it cannot be written") : why;
        m_failureWhere = 0;
    }
    return false;
}

void Writer::failedIn(qsizetype index)
{
    addPlace(QStringLiteral("element %1: ").arg(index));
}

void Writer::failedIn(QStringView key)
{
    constexpr qsizetype Shown = 40;
    const QString text = key.first(qMin(key.size(), Shown)).toString();
    addPlace(QStringLiteral("key \"%1\": ").arg(key.size() > Shown ? text + QChar(0x2026) : text));
}

void Writer::addPlace(const QString &where)
{
    constexpr qsizetype Longest = 200; // the innermost places say most
    if (m_failureWhere < Longest) {
        m_failure.prepend(where);
        m_failureWhere += where.size();
    }
}

QByteArray Writer::bytes() const
{
    QByteArray all;
    all.reserve(size());
    for (qsizetype offset = 0; offset < size();) {
        const Segment part = segment(offset);
        all.append(part.data, part.size);
        offset += part.size;
    }
    return all;
}

Writer::Segment Writer::segment(qsizetype offset) const noexcept
{
    qsizetype plain = 0; // plain bytes before the current shared ones
    for (const Shared &shared : m_shared) {
        if (offset < shared.at - plain)
            return {m_data.get() + plain + offset, shared.at - plain - offset};
        offset -= shared.at - plain;
        plain = shared.at;
        if (offset < shared.bytes.size())
            return {shared.bytes.constData() + offset, shared.bytes.size() - offset};
        offset -= shared.bytes.size();
    }
    return {m_data.get() + plain + offset, m_size - plain - offset};
}

void Writer::truncate(qsizetype size)
{
    if (Q_UNLIKELY(size < 0 || size > this->size())) { // what is not there would be sent
        fail(QStringLiteral("truncated to %1 bytes, where there are %2")
                     .arg(size)
                     .arg(this->size()));
        return;
    }
    while (!m_shared.empty() && this->size() > size) {
        const Shared &last = m_shared.back();
        const qsizetype before = last.at + m_sharedSize - last.bytes.size();
        if (size >= before + last.bytes.size())
            break;
        m_size = last.at;
        m_sharedSize -= last.bytes.size();
        m_shared.pop_back();
    }
    m_size = size - m_sharedSize;
}

Writer Writer::takeFrom(qsizetype size)
{
    Writer taken(m_format);
    qsizetype plain = size; // plain bytes that stay
    auto first = m_shared.begin();
    for (; first != m_shared.end() && first->at < plain; ++first)
        plain -= first->bytes.size();
    if (m_size > plain)
        taken.append(m_data.get() + plain, size_t(m_size - plain));
    for (auto it = first; it != m_shared.end(); ++it) {
        taken.m_sharedSize += it->bytes.size();
        taken.m_shared.push_back({it->at - plain, std::move(it->bytes)});
    }
    m_shared.erase(first, m_shared.end());
    m_size = plain;
    m_sharedSize -= taken.m_sharedSize;
    taken.m_failure = std::exchange(m_failure, {});
    taken.m_failureWhere = std::exchange(m_failureWhere, 0);
    return taken;
}

void Writer::clear() noexcept
{
    m_size = 0;
    m_shared.clear();
    m_sharedSize = 0;
    if (m_capacity > KeptCapacity) {
        m_data.reset();
        m_capacity = 0;
    }
}

// In one pass. Whole shared bodies or whole stretches of plain bytes: callers remove messages, which never cut a body.
void Writer::remove(const std::vector<Range> &ranges)
{
    qsizetype plainTo = 0; // plain bytes that have their place
    qsizetype plainFrom = 0; // those that were looked at
    qsizetype position = 0; // bytes of the bodies that were looked at
    size_t kept = 0;
    size_t next = 0;
    const auto movePlain = [&](qsizetype end) {
        if (plainTo != plainFrom && end > plainFrom)
            std::memmove(m_data.get() + plainTo, m_data.get() + plainFrom, size_t(end - plainFrom));
        plainTo += end - plainFrom;
        plainFrom = end;
    };
    const auto keepBodies = [&](qsizetype end) {
        for (; next < m_shared.size() && m_shared[next].at + position < end; ++next) {
            Shared &shared = m_shared[next];
            position += shared.bytes.size();
            shared.at -= plainFrom - plainTo;
            if (kept != next)
                m_shared[kept] = std::move(shared);
            ++kept;
        }
    };
    for (const Range &range : ranges) {
        keepBodies(range.offset);
        movePlain(range.offset - position);
        const qsizetype end = range.offset + range.size;
        for (; next < m_shared.size() && m_shared[next].at + position < end; ++next) {
            position += m_shared[next].bytes.size();
            m_sharedSize -= m_shared[next].bytes.size();
        }
        plainFrom = end - position;
    }
    keepBodies(std::numeric_limits<qsizetype>::max());
    movePlain(m_size);
    m_shared.resize(kept);
    m_size = plainTo;
    if (m_capacity > KeptCapacity && m_size < m_capacity / 4)
        reallocate(std::max(FirstCapacity, m_size * 2));
}

} // namespace MsgpackRpc
