// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/reader.h>

#include <QtCore/QStringDecoder>
#include <QtCore/QtEndian>

#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace MsgpackRpc {

namespace {

// What the first byte of a value says.
struct Form
{
    Reader::Kind kind;
    quint8 bytes; // of the number that follows: a value, a length or a count
    qint16 value; // if none follows
};

constexpr Form formOf(int byte)
{
    if (byte < 0x80)
        return {Reader::Integer, 0, qint16(byte)};
    if (byte < 0x90)
        return {Reader::Map, 0, qint16(byte & 0x0f)};
    if (byte < 0xa0)
        return {Reader::Array, 0, qint16(byte & 0x0f)};
    if (byte < 0xc0)
        return {Reader::String, 0, qint16(byte & 0x1f)};
    if (byte >= 0xe0)
        return {Reader::Integer, 0, qint16(byte - 0x100)};
    switch (byte) {
    case 0xc0:
        return {Reader::Nil, 0, 0};
    case 0xc1:
        return {Reader::Malformed, 0, 0};
    case 0xc2:
    case 0xc3:
        return {Reader::Boolean, 0, qint16(byte & 1)};
    case 0xca:
        return {Reader::Float, 4, 0};
    case 0xcb:
        return {Reader::Float, 8, 0};
    default:
        break;
    }
    if (byte <= 0xc6)
        return {Reader::Binary, quint8(1 << (byte - 0xc4)), 0};
    if (byte <= 0xc9)
        return {Reader::Ext, quint8(1 << (byte - 0xc7)), 0};
    if (byte <= 0xd3)
        return {Reader::Integer, quint8(1 << (byte & 3)), 0};
    if (byte <= 0xd8)
        return {Reader::Ext, 0, qint16(1 << (byte - 0xd4))};
    if (byte <= 0xdb)
        return {Reader::String, quint8(1 << (byte - 0xd9)), 0};
    return {byte <= 0xdd ? Reader::Array : Reader::Map, quint8(2 << (byte & 1)), 0};
}

constexpr std::array<Form, 256> makeForms()
{
    std::array<Form, 256> forms{};
    for (size_t byte = 0; byte < forms.size(); ++byte)
        forms[byte] = formOf(int(byte));
    return forms;
}

constexpr std::array<Form, 256> forms = makeForms();

inline quint64 bigEndian(const uchar *p, int size)
{
    switch (size) {
    case 1:
        return *p;
    case 2:
        return qFromBigEndian<quint16>(p);
    case 4:
        return qFromBigEndian<quint32>(p);
    default:
        return qFromBigEndian<quint64>(p);
    }
}

constexpr qsizetype ShortText = 64;

// Gives \a text this size, in the memory that it has if nobody shares it: arguments are decoded
// into the same variables again and again.
void makeRoom(QString &text, qsizetype size)
{
    constexpr qsizetype Kept = 4 * ShortText;
    if (text.isDetached() && text.capacity() >= size && text.capacity() <= Kept)
        text.resize(size);
    else
        text = QString(size, Qt::Uninitialized);
}

// Nearly all text is ASCII: copies it to \a out; false if it is not. Compilers make one instruction
// of each inner loop.
bool widen(QByteArrayView bytes, QChar *target)
{
    constexpr qsizetype Block = 8;
    auto *out = reinterpret_cast<char16_t *>(target);
    const auto *in = reinterpret_cast<const uchar *>(bytes.data());
    qsizetype left = bytes.size();
    quint64 bits = 0;
    for (; left >= Block; left -= Block, in += Block, out += Block) {
        quint64 block;
        std::memcpy(&block, in, sizeof block);
        bits |= block;
        char16_t wide[Block];
        for (int i = 0; i < Block; ++i)
            wide[i] = in[i];
        std::memcpy(out, wide, sizeof wide);
    }
    for (; left > 0; --left) {
        bits |= *in;
        *out++ = *in++;
    }
    return (bits & Q_UINT64_C(0x8080808080808080)) == 0;
}

// Eight bytes at a time.
bool isAscii(QByteArrayView view)
{
    const char *p = view.data();
    qsizetype left = view.size();
    quint64 bits = 0;
    for (; left >= 8; left -= 8, p += 8) {
        quint64 block;
        std::memcpy(&block, p, sizeof block);
        bits |= block;
    }
    for (; left > 0; --left, ++p)
        bits |= uchar(*p);
    return (bits & Q_UINT64_C(0x8080808080808080)) == 0;
}

double toDouble(quint64 bits)
{
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

quint64 floatBits(quint32 bits)
{
    float value;
    std::memcpy(&value, &bits, sizeof value);
    const double wide = value;
    quint64 result;
    std::memcpy(&result, &wide, sizeof result);
    return result;
}

} // namespace

// What follows the header and belongs to the value itself.
Q_ALWAYS_INLINE quint64 Reader::bodySize(const Header &h) noexcept
{
    return h.kind == String || h.kind == Binary ? h.value : h.kind == Ext ? h.value + 1 : 0;
}

// The header of the next value, and for fixed-size values the value. A value that is cut off is
// Malformed.
Q_ALWAYS_INLINE Reader::Header Reader::header() const noexcept
{
    const auto left = m_end - m_pos;
    if (Q_UNLIKELY(left <= 0))
        return {End, 0, 0};
    const uchar byte = *m_pos;
    const Form form = forms[byte];
    Header h{form.kind, quint8(1 + form.bytes), quint64(qint64(form.value))};
    if (Q_UNLIKELY(left < h.size))
        return Header();
    if (form.bytes != 0) {
        h.value = bigEndian(m_pos + 1, form.bytes);
        const int unused = 64 - 8 * form.bytes;
        if (form.kind == Integer && byte >= 0xd0)
            h.value = quint64(qint64(h.value << unused) >> unused);
        else if (byte == 0xca)
            h.value = floatBits(quint32(h.value));
    }
    if (Q_UNLIKELY(quint64(left - h.size) < bodySize(h)))
        return Header();
    return h;
}

Reader::Kind Reader::kind() const noexcept
{
    if (Q_UNLIKELY(m_pos == m_end))
        return End;
    const Form form = forms[*m_pos];
    // What has no body is known by its first byte.
    const bool isWhole = form.bytes == 0 && form.kind != String && form.kind != Ext;
    return isWhole ? form.kind : header().kind;
}

bool Reader::readNil() noexcept
{
    if (m_pos == m_end || *m_pos != 0xc0)
        return fail("nil");
    ++m_pos;
    return true;
}

bool Reader::readBool(bool &value) noexcept
{
    if (m_pos == m_end || (*m_pos & 0xfe) != 0xc2)
        return fail("a boolean");
    value = *m_pos & 1;
    ++m_pos;
    return true;
}

bool Reader::readLongSigned(qint64 &value, qint64 minimum, qint64 maximum,
                            const char *expected) noexcept
{
    const Header h = header();
    qint64 number = 0;
    if (Q_LIKELY(h.kind == Integer)) {
        number = qint64(h.value);
        if (number < 0 && *m_pos == 0xcf)
            return fail(expected);
    } else if (h.kind == Float) {
        const double d = toDouble(h.value);
        // 2^63 itself is no qint64; the comparison is false for NaN.
        if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || d != std::floor(d))
            return fail(expected);
        number = qint64(d);
    } else {
        return fail(expected);
    }
    if (Q_UNLIKELY(number < minimum || number > maximum))
        return fail(expected);
    value = number;
    m_pos += h.size;
    return true;
}

bool Reader::readLongUnsigned(quint64 &value, quint64 maximum, const char *expected) noexcept
{
    const Header h = header();
    quint64 number = 0;
    if (Q_LIKELY(h.kind == Integer)) {
        number = h.value;
        if (qint64(number) < 0 && *m_pos != 0xcf)
            return fail(expected);
    } else if (h.kind == Float) {
        const double d = toDouble(h.value);
        if (!(d >= 0 && d < 18446744073709551616.0) || d != std::floor(d))
            return fail(expected);
        number = quint64(d);
    } else {
        return fail(expected);
    }
    if (Q_UNLIKELY(number > maximum))
        return fail(expected);
    value = number;
    m_pos += h.size;
    return true;
}

bool Reader::readLongInteger(quint64 &bits, bool &isNegative) noexcept
{
    const Header h = header();
    if (h.kind != Integer)
        return fail("an integer");
    bits = h.value;
    isNegative = qint64(h.value) < 0 && *m_pos != 0xcf;
    m_pos += h.size;
    return true;
}

bool Reader::readDouble(double &value) noexcept
{
    const Header h = header();
    if (h.kind == Float) {
        value = toDouble(h.value);
    } else if (h.kind == Integer && *m_pos == 0xcf) {
        value = double(h.value);
        if (!(value < 18446744073709551616.0) || quint64(value) != h.value)
            return fail("a number that a double represents exactly");
    } else if (h.kind == Integer) {
        value = double(qint64(h.value));
        if (!(value < 9223372036854775808.0) || qint64(value) != qint64(h.value))
            return fail("a number that a double represents exactly");
    } else {
        return fail("a number");
    }
    m_pos += h.size;
    return true;
}

bool Reader::readFloat(float &value) noexcept
{
    const uchar *const begin = m_pos;
    double wide = 0;
    if (!readDouble(wide))
        return false;
    value = float(wide);
    if (Q_LIKELY(double(value) == wide || std::isnan(wide)))
        return true;
    m_pos = begin;
    return fail("a number that a float represents exactly");
}

bool Reader::readLongBytesView(QByteArrayView &value) noexcept
{
    const Header h = header();
    if (h.kind != String && h.kind != Binary)
        return fail("text or binary");
    value = QByteArrayView(m_pos + h.size, qsizetype(h.value));
    m_pos += h.size + h.value;
    return true;
}

bool Reader::readBytes(QByteArray &value)
{
    QByteArrayView view;
    if (!readBytesView(view))
        return false;
    if (m_frame == nullptr || m_pos != m_end || view.size() < LargeBody) {
        value = view.toByteArray();
        return true;
    }
    const qsizetype offset = view.data() - m_frame->constData();
    value = std::exchange(*m_frame, QByteArray());
    value.truncate(offset + view.size());
    value.remove(0, offset); // from the front: moves the begin, not the bytes
    m_frame = nullptr;
    m_pos = m_end = nullptr;
    m_isMoved = true;
    return true;
}

bool Reader::readString(QString &value)
{
    const Header h = header();
    if (h.kind != String && h.kind != Binary)
        return fail("text");
    if (!decodeText(QByteArrayView(m_pos + h.size, qsizetype(h.value)), value))
        return fail("text in UTF-8");
    m_pos += h.size + h.value;
    return true;
}

bool Reader::decodeText(QByteArrayView bytes, QString &text)
{
    const qsizetype size = bytes.size();
    if (Q_LIKELY(size <= ShortText)) {
        makeRoom(text, size);
        if (Q_LIKELY(widen(bytes, text.data())))
            return true;
    } else if (isAscii(bytes)) {
        text = QString::fromLatin1(bytes);
        return true;
    }
    // Stateless: what is cut off at the end is an error. The mark at the beginning is text like any
    // other.
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless
                                                         | QStringDecoder::Flag::ConvertInitialBom);
    text = decoder(bytes);
    return !decoder.hasError();
}

bool Reader::readLongArray(quint32 &count) noexcept
{
    const Header h = header();
    if (h.kind != Array)
        return fail("an array");
    count = quint32(h.value);
    m_pos += h.size;
    return true;
}

bool Reader::readMap(quint32 &count) noexcept
{
    const Header h = header();
    if (h.kind != Map)
        return fail("a map");
    count = quint32(h.value);
    m_pos += h.size;
    return true;
}

bool Reader::readExtension(qint8 &type, QByteArrayView &data) noexcept
{
    const Header h = header();
    if (h.kind != Ext)
        return fail("an extension");
    type = qint8(m_pos[h.size]);
    data = QByteArrayView(m_pos + h.size + 1, qsizetype(h.value));
    m_pos += h.size + 1 + h.value;
    return true;
}

bool Reader::readRaw(QByteArrayView &value) noexcept
{
    const uchar *begin = m_pos;
    if (!skip())
        return false;
    value = QByteArrayView(begin, m_pos - begin);
    return true;
}

bool Reader::skip() noexcept
{
    const uchar *begin = m_pos;
    // Counts values rather than recursing: nesting costs nothing here.
    for (quint64 values = 1; values > 0; --values) {
        const Header h = header();
        if (h.kind == Array) {
            values += h.value;
        } else if (h.kind == Map) {
            values += 2 * h.value;
        } else if (h.kind == End || h.kind == Malformed) {
            m_pos = begin;
            return fail("a complete value");
        }
        m_pos += h.size + bodySize(h);
    }
    return true;
}

} // namespace MsgpackRpc
