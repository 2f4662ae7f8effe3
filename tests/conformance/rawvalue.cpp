// SPDX-License-Identifier: Apache-2.0
#include "rawvalue.h"

#include <cmath>

using MsgpackRpc::Reader;

namespace Conformance {

namespace {

// Both readers stand at a value. Each function takes both values and says where they differ.
class Comparison
{
public:
    explicit Comparison(bool textIsBinary) : m_textIsBinary(textIsBinary) {}

    QString values(Reader &sent, Reader &got) const
    {
        const QString text = QStringLiteral("expected %1, got %2");
        const QString differ = text.arg(sent.describe(), got.describe());
        const Reader::Kind kind = sent.kind();
        if (kind == Reader::Integer || kind == Reader::Float)
            return sameNumber(sent, got) ? QString() : differ;
        if (!sameKind(kind, got.kind()))
            return differ;
        switch (kind) {
        case Reader::Array:
            return arrays(sent, got);
        case Reader::Map:
            return maps(sent, got);
        case Reader::String:
        case Reader::Binary:
            return sameBytes(sent, got) ? QString() : differ;
        default:
            return sameRaw(sent, got) ? QString() : differ;
        }
    }

private:
    bool sameKind(Reader::Kind sent, Reader::Kind got) const
    {
        const auto isText = [](Reader::Kind kind) {
            return kind == Reader::String || kind == Reader::Binary;
        };
        return sent == got || (m_textIsBinary && isText(sent) && isText(got));
    }
    static bool sameNumber(Reader &sent, Reader &got)
    {
        if (got.kind() != Reader::Integer && got.kind() != Reader::Float)
            return false;
        double a = 0;
        double b = 0;
        if (sent.kind() == Reader::Integer) {
            quint64 bits = 0;
            bool isNegative = false;
            if (!sent.readInteger(bits, isNegative))
                return false;
            if (isNegative) {
                qint64 value = 0;
                return got.readSigned(value) && quint64(value) == bits && value < 0;
            }
            quint64 value = 0;
            return got.readUnsigned(value) && value == bits;
        }
        if (!sent.readDouble(a) || !got.readDouble(b))
            return false;
        return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
    }
    static bool sameBytes(Reader &sent, Reader &got)
    {
        QByteArrayView a;
        QByteArrayView b;
        return sent.readBytesView(a) && got.readBytesView(b) && a == b;
    }
    static bool sameRaw(Reader &sent, Reader &got)
    {
        QByteArrayView a;
        QByteArrayView b;
        const bool isExtension = sent.kind() == Reader::Ext;
        qint8 typeA = 0;
        qint8 typeB = 0;
        if (isExtension)
            return sent.readExtension(typeA, a) && got.readExtension(typeB, b) && typeA == typeB
                   && a == b;
        return sent.readRaw(a) && got.readRaw(b) && a == b; // nil or a boolean
    }
    QString arrays(Reader &sent, Reader &got) const
    {
        quint32 expected = 0;
        quint32 count = 0;
        if (!sent.readArray(expected) || !got.readArray(count) || expected != count)
            return QStringLiteral("expected an array of %1, got one of %2")
                    .arg(expected)
                    .arg(count);
        for (quint32 i = 0; i < count; ++i) {
            const QString difference = values(sent, got);
            if (!difference.isEmpty())
                return QStringLiteral("element %1: %2").arg(i).arg(difference);
        }
        return {};
    }
    QString maps(Reader &sent, Reader &got) const
    {
        quint32 expected = 0;
        quint32 count = 0;
        if (!sent.readMap(expected) || !got.readMap(count) || expected != count)
            return QStringLiteral("expected a map of %1, got one of %2").arg(expected).arg(count);
        QList<Reader> entries; // of got, those that were not found yet
        for (quint32 i = 0; i < count; ++i) {
            entries.append(got);
            if (!got.skip() || !got.skip())
                return QStringLiteral("a map that is cut off");
        }
        for (quint32 i = 0; i < count; ++i) {
            const QString missing = takeEntry(sent, entries);
            if (!missing.isEmpty())
                return missing;
        }
        return {};
    }
    // Usually the order is the same, so the search ends at once.
    QString takeEntry(Reader &sent, QList<Reader> &entries) const
    {
        const Reader start = sent;
        sent.skip();
        const Reader atValue = sent;
        sent.skip();
        for (qsizetype i = 0; i < entries.size(); ++i) {
            Reader key = start;
            Reader entry = entries.at(i);
            if (!values(key, entry).isEmpty())
                continue;
            entries.removeAt(i);
            Reader value = atValue;
            const QString difference = values(value, entry);
            return difference.isEmpty()
                           ? QString()
                           : QStringLiteral("at the key %1: %2").arg(start.describe(), difference);
        }
        return QStringLiteral("the key %1 is missing").arg(start.describe());
    }

    bool m_textIsBinary;
};

} // namespace

QString difference(const RawValue &sent, const RawValue &got, bool textIsBinary)
{
    Reader a(sent.bytes);
    Reader b(got.bytes);
    return Comparison(textIsBinary).values(a, b);
}

QString describe(const RawValue &value)
{
    return Reader(value.bytes).describe();
}

} // namespace Conformance
