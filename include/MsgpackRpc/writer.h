// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/error.h>
#include <MsgpackRpc/global.h>
#include <MsgpackRpc/options.h>

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <cstring>
#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Writes MessagePack values one after the other into a growing buffer. Movable, not copyable.
///
/// Binary of 64 KiB or more is shared with its QByteArray, not copied; bytes() joins what
/// segments() keeps apart.
class MSGPACKRPC_EXPORT Writer
{
public:
    /// A part of what was written: \a size bytes from \a data.
    struct Segment
    {
        const char *data = nullptr;
        qsizetype size = 0;
    };
    /// \a size bytes from byte \a offset on.
    struct Range
    {
        qsizetype offset = 0;
        qsizetype size = 0;
    };

    /// Writes \a format.
    explicit Writer(WireFormat format = WireFormat::Modern) noexcept : m_format(format) {}
    Writer(Writer &&other) noexcept;
    Writer &operator=(Writer &&other) noexcept;
    ~Writer();

    /// The format that is written.
    WireFormat format() const noexcept { return m_format; }
    /// Writes \a format from now on.
    void setFormat(WireFormat format) noexcept { m_format = format; }

    void writeNil(); ///< Writes nil.
    void writeBool(bool value); ///< Writes a boolean.
    /// Writes an integer in its shortest form.
    void writeSigned(qint64 value)
    {
        if (Q_LIKELY(value >= -32 && value < 128))
            appendByte(uchar(value));
        else
            writeLongSigned(value);
    }
    /// Writes an integer in its shortest form.
    void writeUnsigned(quint64 value)
    {
        if (Q_LIKELY(value < 128))
            appendByte(uchar(value));
        else
            writeLongUnsigned(value);
    }
    void writeFloat(float value); ///< Writes a 32-bit float.
    void writeDouble(double value); ///< Writes a 64-bit float.
    void writeString(QByteArrayView utf8); ///< Writes text that is UTF-8 already.
    void writeString(QStringView text); ///< Writes text. A lone surrogate becomes U+FFFD.
    void writeBinary(
            QByteArrayView bytes); ///< Writes bin (raw in the compatibility format), always copied.
    void
    writeBinary(const QByteArray &bytes); ///< Writes bin; 64 KiB or more are shared, not copied.
    /// Writes the header of an array; \a count values must follow.
    void writeArray(quint32 count)
    {
        if (Q_LIKELY(count < 16))
            appendByte(uchar(0x90 | count));
        else
            writeLongArray(count);
    }
    void writeMap(quint32 count); ///< Writes the header of a map; \a count pairs must follow.
    /// Writes an extension. The compatibility format has none: the writer fails.
    void writeExtension(qint8 type, QByteArrayView data);
    /// Writes bytes that are MessagePack already.
    void writeRaw(QByteArrayView bytes) { appendBytes(bytes); }

    /// Writes everything that \a other holds; large binary is shared.
    void writeAll(const Writer &other);

    /// Remembers, if it is the first, why something could not be written. Always returns false.
    bool fail(const QString &why);
    /// Says, on the way out of a container, in which element the failure was; the first has index
    /// 0.
    void failedIn(qsizetype index);
    /// The same for the value of a map that has \a key.
    void failedIn(QStringView key);
    /// Why something could not be written; empty if nothing failed.
    QString failure() const { return m_failure; }
    /// True if something could not be written.
    bool hasFailed() const noexcept { return !m_failure.isNull(); }
    /// Forgets failure().
    void clearFailure() { m_failure = QString(); }

    /// Bytes written so far, shared ones included.
    qsizetype size() const noexcept { return m_size + m_sharedSize; }
    /// True if nothing was written.
    bool isEmpty() const noexcept { return m_size == 0 && m_shared.empty(); }
    /// Everything written, in one piece.
    QByteArray bytes() const;
    /// The first part of what was written, from byte \a offset (of size()) on.
    Segment segment(qsizetype offset) const noexcept;
    /// Takes back what was written after byte \a size, which must lie where a value began. A conversion that calls, or runs
    /// an event loop, moves what was written: a size() from before it is none to go back to.
    void truncate(qsizetype size);
    /// Takes what was written after byte \a size, which must lie where a message began, and what could not be written, out
    /// into the result.
    Writer takeFrom(qsizetype size);
    /// Forgets everything, keeps the memory unless that is large.
    void clear() noexcept;
    /// Takes the bytes from \a offset to \a offset + \a size out of the middle.
    void remove(qsizetype offset, qsizetype size) { remove({{offset, size}}); }
    /// Takes all of \a ranges out, which are in order and apart, and gives memory back if little is left.
    void remove(const std::vector<Range> &ranges);

    /// Appends plain bytes.
    void append(const char *data, size_t size)
    {
        reserve(qsizetype(size));
        std::memcpy(m_data.get() + m_size, data, size);
        m_size += qsizetype(size);
    }
    /// Appends plain bytes: the stream concept of msgpack-cxx.
    void write(const char *data, size_t size) { append(data, size); }

    /// The deepest nesting that is written.
    static constexpr int MaximumDepth = 1024;

    /// Counts a level of nesting as long as it lives, where types do not bound the recursion:
    /// values of any type, and gadgets that hold gadgets.
    class Nesting
    {
    public:
        /// One level more in \a writer, which fails if there are too many.
        explicit Nesting(Writer &writer) : m_writer(writer), m_ok(writer.m_depth < MaximumDepth)
        {
            ++m_writer.m_depth;
            if (Q_UNLIKELY(!m_ok))
                writer.fail(QStringLiteral("it is nested more than 1024 deep"));
        }
        ~Nesting() { --m_writer.m_depth; }
        /// False if the limit is passed.
        explicit operator bool() const noexcept { return m_ok; }

    private:
        Writer &m_writer;
        const bool m_ok;
        Q_DISABLE_COPY_MOVE(Nesting)
    };

private:
    struct Shared
    {
        qsizetype at; // in the plain bytes
        QByteArray bytes;
    };
    // memcpy() from a null view is undefined even for no bytes.
    void appendBytes(QByteArrayView bytes)
    {
        if (!bytes.isEmpty())
            append(bytes.data(), size_t(bytes.size()));
    }
    void appendByte(uchar byte)
    {
        reserve(1);
        m_data[size_t(m_size++)] = char(byte);
    }
    void writeLongSigned(qint64 value);
    void writeLongUnsigned(quint64 value);
    void writeLongArray(quint32 count);
    void grow(qsizetype more);
    void reallocate(qsizetype capacity);
    void reserve(qsizetype more)
    {
        if (Q_UNLIKELY(m_capacity - m_size < more))
            grow(more);
    }
    void addPlace(const QString &where);
    void writeStringHeader(quint32 size);
    qsizetype stringHeaderSize(qsizetype size) const;
    void writeBinaryHeader(quint32 size);
    bool fits(qsizetype size);

    std::unique_ptr<char[]> m_data;
    qsizetype m_size = 0;
    qsizetype m_capacity = 0;
    std::vector<Shared> m_shared;
    qsizetype m_sharedSize = 0;
    int m_depth = 0;
    WireFormat m_format;
    QString m_failure;
    qsizetype m_failureWhere = 0; // characters of m_failure that say where it was

    Q_DISABLE_COPY(Writer)
};

} // namespace MsgpackRpc
