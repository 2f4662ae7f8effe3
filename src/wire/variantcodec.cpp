// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/codec.h>

#include "wire/timestamp_p.h"

#include <QtCore/QHash>
#include <QtCore/QVarLengthArray>

namespace MsgpackRpc {

namespace {

void readText(Reader &reader, QVariant &value)
{
    QByteArrayView bytes;
    reader.readBytesView(bytes);
    QString text;
    if (Q_LIKELY(Reader::decodeText(bytes, text)))
        value = text;
    else
        value = bytes.toByteArray();
}

void readInteger(Reader &reader, QVariant &value)
{
    quint64 bits = 0;
    bool isNegative = false;
    reader.readInteger(bits, isNegative);
    if (Q_LIKELY(isNegative || qint64(bits) >= 0))
        value = qlonglong(bits);
    else
        value = qulonglong(bits);
}

bool readList(Reader &reader, QVariant &value)
{
    const Reader::Nesting nesting(reader);
    quint32 count = 0;
    if (!nesting || !reader.readArray(count))
        return false;
    QVariantList list;
    list.reserve(Detail::reservable(count));
    for (quint32 i = 0; i < count; ++i) {
        if (Q_UNLIKELY(!Codec<QVariant>::read(reader, list.emplaceBack())))
            return reader.failedIn(i);
    }
    value = list;
    return true;
}

bool readExtensionOrTime(Reader &reader, QVariant &value)
{
    Extension extension;
    QByteArrayView data;
    if (!reader.readExtension(extension.type, data))
        return false;
    QDateTime time;
    if (toDateTime(extension.type, data, time)) {
        value = time;
    } else {
        extension.data = data.toByteArray();
        value = QVariant::fromValue(extension);
    }
    return true;
}

bool readAnyEntry(Reader &reader, AnyKeyMap &map)
{
    const Reader start = reader;
    auto &entry = map.emplaceBack();
    return Codec<QVariant>::read(reader, entry.first)
           && (Codec<QVariant>::read(reader, entry.second) || reader.failedIn(start));
}

// A map whose keys are distinct text so far, and in which order they came. Decoding a value twice,
// once for a map with text keys and once more for one without, would cost a hostile sender nothing
// and us 2^depth: so what has been decoded is kept when the first other key turns up.
class MapReader
{
public:
    explicit MapReader(Reader &reader) : m_reader(reader) {}

    bool read(QVariant &value)
    {
        quint32 count = 0;
        if (!m_reader.readMap(count))
            return false;
        quint32 done = 0;
        while (done < count && readTextKey()) {
            if (Q_UNLIKELY(!Codec<QVariant>::read(m_reader, *m_order.back())))
                return m_reader.failedIn(m_key);
            ++done;
        }
        if (Q_LIKELY(done == count)) {
            value = m_map;
            return true;
        }
        return readOtherKeys(count - done, value);
    }

private:
    // Takes the next key and makes its entry; leaves it if it is no text, or known already.
    bool readTextKey()
    {
        m_key = m_reader;
        QString key;
        if (m_reader.kind() == Reader::String && m_reader.readString(key)) {
            const qsizetype size = m_map.size();
            // Many senders sort their keys, as QVariantMap does.
            const bool isLast = m_map.isEmpty() || m_map.lastKey() < key;
            QVariant &value = isLast ? *m_map.insert(m_map.cend(), key, QVariant()) : m_map[key];
            if (Q_LIKELY(m_map.size() != size)) {
                m_order.append(&value);
                return true;
            }
        }
        m_reader.recover(m_key);
        return false;
    }

    bool readOtherKeys(quint32 count, QVariant &value)
    {
        AnyKeyMap map = ordered();
        for (quint32 i = 0; i < count; ++i) {
            if (!readAnyEntry(m_reader, map))
                return false;
        }
        value = QVariant::fromValue(map);
        return true;
    }

    AnyKeyMap ordered()
    {
        QHash<const QVariant *, QString> keys;
        for (auto it = m_map.begin(); it != m_map.end(); ++it)
            keys.insert(&it.value(), it.key());
        AnyKeyMap map;
        for (QVariant *value : std::as_const(m_order))
            map.append({keys.value(value), std::move(*value)});
        return map;
    }

    Reader &m_reader;
    Reader m_key;
    QVariantMap m_map;
    QVarLengthArray<QVariant *, 16> m_order; // of values in m_map
};

// Not inlined: its large frame would be paid on the stack for each level of arrays too.
Q_NEVER_INLINE bool readMapValue(Reader &reader, QVariant &value)
{
    const Reader::Nesting nesting(reader);
    return nesting && MapReader(reader).read(value);
}

// Containers of QVariants; each level is counted.
template<typename Container>
void writeContainer(Writer &writer, const QVariant &value)
{
    const Writer::Nesting nesting(writer);
    if (nesting)
        Codec<Container>::write(writer, *static_cast<const Container *>(value.constData()));
}

template<typename T>
void writeHeld(Writer &writer, const QVariant &value)
{
    Codec<T>::write(writer, *static_cast<const T *>(value.constData()));
}

// Everything that is no built-in type, or a rare one.
void writeOther(Writer &writer, const QVariant &value)
{
    const QMetaType type = value.metaType();
    const bool isPointer = (type.flags() & QMetaType::IsPointer) != 0;
    if (isPointer && *static_cast<const void *const *>(value.constData()) == nullptr)
        return writer.writeNil();
    const TypeCodec *codec = typeCodec(type);
    if (codec == nullptr) {
        writer.fail(QStringLiteral("the type %1 has no form on the wire")
                            .arg(QLatin1String(type.name())));
        return;
    }
    const Writer::Nesting nesting(writer);
    if (nesting)
        codec->write(writer, value.constData());
}

} // namespace

bool Codec<QVariant>::read(Reader &reader, QVariant &value)
{
    switch (reader.kind()) {
    case Reader::Nil:
        value.clear();
        return reader.readNil();
    case Reader::Boolean: {
        bool boolean = false;
        reader.readBool(boolean);
        value = boolean;
        return true;
    }
    case Reader::Integer:
        readInteger(reader, value);
        return true;
    case Reader::Float: {
        double number = 0;
        reader.readDouble(number);
        value = number;
        return true;
    }
    case Reader::String:
        readText(reader, value);
        return true;
    case Reader::Binary: {
        QByteArray bytes;
        reader.readBytes(bytes);
        value = bytes;
        return true;
    }
    case Reader::Array:
        return readList(reader, value);
    case Reader::Map:
        return readMapValue(reader, value);
    case Reader::Ext:
        return readExtensionOrTime(reader, value);
    case Reader::End:
    case Reader::Malformed:
        break;
    }
    return reader.fail("a value");
}

void Codec<QVariant>::write(Writer &writer, const QVariant &value)
{
    if (Q_UNLIKELY(writer.hasFailed()))
        return;
    switch (value.typeId()) {
    case QMetaType::UnknownType:
    case QMetaType::Nullptr:
        return writer.writeNil();
    case QMetaType::Bool:
        return writeHeld<bool>(writer, value);
    case QMetaType::Int:
        return writeHeld<int>(writer, value);
    case QMetaType::UInt:
        return writeHeld<uint>(writer, value);
    case QMetaType::LongLong:
        return writeHeld<qlonglong>(writer, value);
    case QMetaType::ULongLong:
        return writeHeld<qulonglong>(writer, value);
    case QMetaType::Double:
        return writeHeld<double>(writer, value);
    case QMetaType::QString:
        return writeHeld<QString>(writer, value);
    case QMetaType::QByteArray:
        return writeHeld<QByteArray>(writer, value);
    case QMetaType::QVariantList:
        return writeContainer<QVariantList>(writer, value);
    case QMetaType::QVariantMap:
        return writeContainer<QVariantMap>(writer, value);
    case QMetaType::QVariantHash:
        return writeContainer<QVariantHash>(writer, value);
    default:
        return writeOther(writer, value);
    }
}

bool Codec<AnyKeyMap>::read(Reader &reader, AnyKeyMap &value)
{
    quint32 count = 0;
    if (!Detail::readMapOrEmptyArray(reader, count))
        return false;
    value.clear();
    value.reserve(Detail::reservable(count));
    for (quint32 i = 0; i < count; ++i) {
        if (!readAnyEntry(reader, value))
            return false;
    }
    return true;
}

void Codec<AnyKeyMap>::write(Writer &writer, const AnyKeyMap &value)
{
    writer.writeMap(Detail::wireCount(writer, size_t(value.size())));
    for (const auto &[key, mapped] : value) {
        Codec<QVariant>::write(writer, key);
        Codec<QVariant>::write(writer, mapped);
    }
}

} // namespace MsgpackRpc
