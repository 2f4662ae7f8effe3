// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/codec.h>

#include <limits>

namespace MsgpackRpc {

bool Codec<Extension>::read(Reader &reader, Extension &value)
{
    QByteArrayView data;
    if (!reader.readExtension(value.type, data))
        return false;
    value.data = data.toByteArray();
    return true;
}

void Codec<Extension>::write(Writer &writer, const Extension &value)
{
    writer.writeExtension(value.type, value.data);
}

bool Codec<QUrl>::read(Reader &reader, QUrl &value)
{
    const Reader start = reader;
    QString text;
    if (reader.readString(text)) {
        value = QUrl(text, QUrl::StrictMode);
        if (value.isValid() || text.isEmpty())
            return true;
    }
    reader.recover(start);
    return reader.fail("a URL as text");
}

void Codec<QUrl>::write(Writer &writer, const QUrl &value)
{
    writer.writeString(QByteArrayView(value.toEncoded()));
}

bool Codec<QUuid>::read(Reader &reader, QUuid &value)
{
    const Reader start = reader;
    QString text;
    if (reader.readString(text)) {
        value = QUuid::fromString(text);
        const QString bare =
                text.startsWith(QLatin1Char('{')) ? text.mid(1, text.size() - 2) : text;
        if (bare.compare(value.toString(QUuid::WithoutBraces), Qt::CaseInsensitive) == 0)
            return true;
    }
    reader.recover(start);
    return reader.fail("a UUID as text");
}

void Codec<QUuid>::write(Writer &writer, const QUuid &value)
{
    writer.writeString(QByteArrayView(value.toByteArray(QUuid::WithoutBraces)));
}

namespace Detail {

bool readArrayOrEmptyMap(Reader &reader, quint32 &count)
{
    if (Q_UNLIKELY(reader.kind() == Reader::Map)) {
        const Reader start = reader;
        if (reader.readMap(count) && count == 0)
            return true;
        reader.recover(start);
    }
    return reader.readArray(count);
}

bool readMapOrEmptyArray(Reader &reader, quint32 &count)
{
    if (Q_UNLIKELY(reader.kind() == Reader::Array)) {
        const Reader start = reader;
        if (reader.readArray(count) && count == 0)
            return true;
        reader.recover(start);
    }
    return reader.readMap(count);
}

bool readArrayOf(Reader &reader, quint32 count)
{
    const Reader start = reader;
    quint32 found = 0;
    if (reader.readArray(found) && found == count)
        return true;
    reader.recover(start);
    return reader.fail(QStringLiteral("an array of %1").arg(count));
}

quint32 wireCount(Writer &writer, size_t count)
{
    if (Q_LIKELY(count <= std::numeric_limits<quint32>::max()))
        return quint32(count);
    writer.fail(QStringLiteral("%1 elements are more than MessagePack can hold in one container")
                        .arg(count));
    return 0;
}

} // namespace Detail

} // namespace MsgpackRpc
