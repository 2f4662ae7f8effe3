// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/error.h>
#include <MsgpackRpc/global.h>

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QSharedData>
#include <QtCore/QString>

#include <limits>

namespace MsgpackRpc {

/// Reads MessagePack values one after the other from a span of bytes, without copying them. A
/// value; the bytes must outlive it.
///
/// Every read function takes the next value and returns true, or leaves it, remembers what was
/// expected, and returns false. Nothing is converted with loss: see doc/types. Safe on any bytes,
/// complete or not.
class MSGPACKRPC_EXPORT Reader
{
public:
    /// The families of values.
    enum Kind : quint8 {
        End, ///< nothing is left
        Nil,
        Boolean,
        Integer,
        Float,
        String, ///< str, or raw of an old peer
        Binary,
        Array,
        Map,
        Ext,
        Malformed ///< 0xc1, or a value that is cut off
    };

    /// Nothing to read.
    Reader() noexcept = default;
    /// Reads \a bytes.
    explicit Reader(QByteArrayView bytes) noexcept
        : m_pos(reinterpret_cast<const uchar *>(bytes.data())), m_end(m_pos + bytes.size())
    {
    }
    /// Reads \a bytes, which lie within \a frame. A large binary at its very end is moved out of \a
    /// frame rather than copied (readBytes()); after that nothing more can be read.
    Reader(QByteArrayView bytes, QByteArray *frame) noexcept : Reader(bytes) { m_frame = frame; }

    /// The family of the next value.
    Kind kind() const noexcept;
    /// True if nothing is left.
    bool atEnd() const noexcept { return m_pos == m_end; }

    /// Takes nil.
    bool readNil() noexcept;
    /// Takes a boolean.
    bool readBool(bool &value) noexcept;
    /// Takes an integer from -2^63 to 2^63-1, or a float with such a value.
    bool readSigned(qint64 &value) noexcept
    {
        return readSigned(value, (std::numeric_limits<qint64>::min)(),
                          (std::numeric_limits<qint64>::max)(), "an integer of 64 bits");
    }
    /// Takes an integer from \a minimum to \a maximum, or a float with such a value. \a expected, a
    /// literal, says that in words.
    bool readSigned(qint64 &value, qint64 minimum, qint64 maximum, const char *expected) noexcept
    {
        if (Q_UNLIKELY(m_pos == m_end || (*m_pos >= 0x80 && *m_pos < 0xe0)))
            return readLongSigned(value, minimum, maximum, expected);
        const qint64 number =
                *m_pos < 0x80 ? qint64(*m_pos) : qint64(*m_pos) - 0x100; // of one byte
        if (Q_UNLIKELY(number < minimum || number > maximum))
            return fail(expected);
        value = number;
        ++m_pos;
        return true;
    }
    /// Takes an integer from 0 to 2^64-1, or a float with such a value.
    bool readUnsigned(quint64 &value) noexcept
    {
        return readUnsigned(value, (std::numeric_limits<quint64>::max)(),
                            "an integer of 64 bits without sign");
    }
    /// Takes an integer from 0 to \a maximum, or a float with such a value. \a expected, a literal,
    /// says that in words.
    bool readUnsigned(quint64 &value, quint64 maximum, const char *expected) noexcept
    {
        if (Q_UNLIKELY(m_pos == m_end || *m_pos >= 0x80 || *m_pos > maximum))
            return readLongUnsigned(value, maximum, expected);
        value = *m_pos++;
        return true;
    }
    /// Takes an integer of any size, as its 64 \a bits: of a qint64 if it \a isNegative, else of a
    /// quint64.
    bool readInteger(quint64 &bits, bool &isNegative) noexcept
    {
        if (Q_UNLIKELY(m_pos == m_end || *m_pos >= 0x80))
            return readLongInteger(bits, isNegative);
        bits = *m_pos++;
        isNegative = false;
        return true;
    }
    /// Takes a float, or an integer that a double represents exactly.
    bool readDouble(double &value) noexcept;
    /// Takes a number that a float represents exactly; NaN and the infinities are such.
    bool readFloat(float &value) noexcept;
    /// Takes str or bin as a view into the bytes.
    bool readBytesView(QByteArrayView &value) noexcept
    {
        const qsizetype size = m_pos != m_end && (*m_pos & 0xe0) == 0xa0 ? *m_pos & 0x1f : -1;
        if (Q_UNLIKELY(size < 0 || m_end - m_pos <= size))
            return readLongBytesView(value);
        value = QByteArrayView(m_pos + 1, size);
        m_pos += 1 + size;
        return true;
    }
    /// Takes str or bin; large ones at the end of the frame without a copy.
    bool readBytes(QByteArray &value);
    /// Takes str or bin that is valid UTF-8. Memory that \a value has is reused.
    bool readString(QString &value);
    /// Makes \a text of \a bytes, as readString() does; false, and \a text is undefined, if they
    /// are not valid UTF-8.
    static bool decodeText(QByteArrayView bytes, QString &text);
    /// Takes the header of an array; its \a count values follow.
    bool readArray(quint32 &count) noexcept
    {
        if (Q_UNLIKELY(m_pos == m_end || (*m_pos & 0xf0) != 0x90))
            return readLongArray(count);
        count = *m_pos++ & 0x0f;
        return true;
    }
    /// Takes the header of a map; \a count pairs of key and value follow.
    bool readMap(quint32 &count) noexcept;
    /// Takes an extension as a view into the bytes.
    bool readExtension(qint8 &type, QByteArrayView &data) noexcept;
    /// Takes any value, as its bytes.
    bool readRaw(QByteArrayView &value) noexcept;
    /// Passes over any value.
    bool skip() noexcept;

    /// Remembers, if this is the first failure, that \a expected was not found at the next value.
    /// \a expected must be a literal. Always returns false.
    bool fail(const char *expected) noexcept;
    /// The same with a text made at run time.
    bool fail(const QString &expected);
    /// Says, on the way out of a container, in which element the failure was; the first has index
    /// 0. Always returns false.
    bool failedIn(quint32 index);
    /// The same for the value of a map whose key is \a key, in UTF-8.
    bool failedIn(QByteArrayView key);
    /// The same for the value whose key \a key reads next: a copy of this reader that was made
    /// before the key.
    bool failedIn(const Reader &key);
    /// True if something failed.
    bool hasFailed() const noexcept { return m_hasFailed; }
    /// "element 3: expected an integer from 0 to 255, got the text "x"": what the first failure
    /// was; empty if none.
    QString failure() const;
    /// Forgets a failure, to try something else from \a position on, an earlier copy of this
    /// reader. If a large binary has been moved out since, there is nothing left to read.
    void recover(const Reader &position) noexcept;
    /// What the next value is, shortly, for messages: `the text "x"`, `an array of 3`.
    QString describe() const;

    /// Bytes from which on readBytes() moves instead of copying.
    static constexpr qsizetype LargeBody = 64 * 1024;
    /// The deepest nesting that is decoded. Limits::depth, which is checked before, cannot be set
    /// higher.
    static constexpr int MaximumDepth = 1024;

    /// Counts a level of nesting as long as it lives, where types do not bound the recursion:
    /// values of any type, and gadgets that hold gadgets.
    class Nesting
    {
    public:
        /// One level more in \a reader, which fails if there are too many.
        explicit Nesting(Reader &reader) noexcept
            : m_reader(reader), m_outer(reader.m_depth), m_ok(m_outer < MaximumDepth)
        {
            m_reader.m_depth = m_outer + 1;
            if (Q_UNLIKELY(!m_ok))
                reader.fail("an array or map nested at most 1024 deep");
        }
        ~Nesting() { m_reader.m_depth = m_outer; }
        /// False if the limit is passed.
        explicit operator bool() const noexcept { return m_ok; }

    private:
        Reader &m_reader;
        const int m_outer;
        const bool m_ok;
        Q_DISABLE_COPY_MOVE(Nesting)
    };

private:
    struct Header
    {
        Kind kind = Malformed;
        quint8 size = 0; // bytes of the header
        quint64 value = 0; // count, length or the raw bits of a number
    };
    // What there is no place for in a reader that succeeds.
    struct Details : QSharedData
    {
        QString expected;
        QString where;
    };
    Header header() const noexcept;
    bool readLongInteger(quint64 &bits, bool &isNegative) noexcept;
    bool readLongSigned(qint64 &value, qint64 minimum, qint64 maximum,
                        const char *expected) noexcept;
    bool readLongUnsigned(quint64 &value, quint64 maximum, const char *expected) noexcept;
    bool readLongBytesView(QByteArrayView &value) noexcept;
    bool readLongArray(quint32 &count) noexcept;
    Details *details();
    bool addPlace(const QString &place);
    static quint64 bodySize(const Header &h) noexcept;

    const uchar *m_pos = nullptr;
    const uchar *m_end = nullptr;
    QByteArray *m_frame = nullptr;
    const uchar *m_failed = nullptr;
    const char *m_expected = nullptr;
    QExplicitlySharedDataPointer<Details> m_details;
    int m_depth = 0;
    bool m_hasFailed = false;
    bool m_isMoved = false; // the rest of the frame was moved out
};

} // namespace MsgpackRpc
