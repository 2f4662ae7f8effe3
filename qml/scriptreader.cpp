// SPDX-License-Identifier: Apache-2.0
#include "scriptreader_p.h"

#include "rpcvalues_p.h"
#include "scriptsupport_p.h"

#include <MsgpackRpc/codec.h>

namespace MsgpackRpc {

namespace {

bool readInteger(QJSEngine &engine, Reader &reader, QJSValue &value)
{
    quint64 bits = 0;
    bool isNegative = false;
    if (!reader.readInteger(bits, isNegative))
        return false;
    const qint64 number = qint64(bits);
    if (Q_LIKELY(number == qint32(number) && (isNegative || number >= 0)))
        value = QJSValue(int(number));
    else if (RpcInteger::isExact(bits, isNegative))
        value = QJSValue(double(number));
    else
        value = engine.toScriptValue(RpcInteger(bits, isNegative));
    return true;
}

bool readText(QJSEngine &engine, Reader &reader, QJSValue &value)
{
    QByteArrayView bytes;
    if (!reader.readBytesView(bytes))
        return false;
    QString text;
    if (Q_LIKELY(Reader::decodeText(bytes, text)))
        value = QJSValue(text);
    else
        value = engine.toScriptValue(bytes.toByteArray());
    return true;
}

bool readList(const ScriptSupport &support, Reader &reader, QJSValue &value)
{
    const Reader::Nesting nesting(reader);
    quint32 count = 0;
    if (!nesting || !reader.readArray(count))
        return false;
    value = support.engine()->newArray(count);
    for (quint32 i = 0; i < count; ++i) {
        QJSValue element;
        if (!readScriptValue(support, reader, element))
            return reader.failedIn(i);
        value.setProperty(i, element);
    }
    return true;
}

bool readExtension(QJSEngine &engine, Reader &reader, QJSValue &value)
{
    QVariant variant; // a QDateTime, or an Extension
    if (!Codec<QVariant>::read(reader, variant))
        return false;
    if (variant.metaType() == QMetaType::fromType<Extension>())
        value = engine.toScriptValue(RpcExtension(variant.value<Extension>()));
    else
        value = engine.toScriptValue(variant.toDateTime());
    return true;
}

// Text that JavaScript would take for something else than a key.
bool isSpecial(const QString &key)
{
    return key == QLatin1String("__proto__");
}

// A map becomes an object as long as its keys are text, and a Map from the first other key on: so no value is decoded
// twice, which would cost a hostile sender nothing and us 2^depth.
class MapReader
{
public:
    MapReader(const ScriptSupport &support, Reader &reader) : m_support(support), m_reader(reader)
    {
    }

    bool read(QJSValue &value)
    {
        quint32 count = 0;
        if (!m_reader.readMap(count))
            return false;
        QJSValue object = m_support.engine()->newObject();
        for (quint32 i = 0; i < count; ++i) {
            const Reader start = m_reader;
            QString key;
            if (m_reader.kind() != Reader::String || !m_reader.readString(key)) {
                m_reader.recover(start);
                return readOtherKeys(object, count, value);
            }
            QJSValue element;
            if (!readScriptValue(m_support, m_reader, element))
                return m_reader.failedIn(start);
            if (Q_UNLIKELY(isSpecial(key)))
                m_support.define(object, key, element);
            else
                object.setProperty(key, element);
            m_keys.append(key);
        }
        value = object;
        return true;
    }

private:
    bool readOtherKeys(const QJSValue &object, quint32 count, QJSValue &value)
    {
        QJSValue entries = m_support.engine()->newArray(count);
        quint32 index = 0;
        for (const QString &key : std::as_const(m_keys))
            entries.setProperty(index++, entry(QJSValue(key), object.property(key)));
        for (; index < count; ++index) {
            const Reader start = m_reader;
            QJSValue key;
            QJSValue element;
            if (!readScriptValue(m_support, m_reader, key)
                || !(readScriptValue(m_support, m_reader, element) || m_reader.failedIn(start)))
                return false;
            entries.setProperty(index, entry(key, element));
        }
        value = m_support.makeMap(entries);
        return true;
    }
    QJSValue entry(const QJSValue &key, const QJSValue &element) const
    {
        QJSValue pair = m_support.engine()->newArray(2);
        pair.setProperty(0, key);
        pair.setProperty(1, element);
        return pair;
    }

    const ScriptSupport &m_support;
    Reader &m_reader;
    QStringList m_keys;
};

bool readObject(const ScriptSupport &support, Reader &reader, QJSValue &value)
{
    const Reader::Nesting nesting(reader);
    return nesting && MapReader(support, reader).read(value);
}

} // namespace

bool readScriptValue(const ScriptSupport &support, Reader &reader, QJSValue &value)
{
    switch (reader.kind()) {
    case Reader::Nil:
        value = QJSValue(QJSValue::NullValue);
        return reader.readNil();
    case Reader::Boolean: {
        bool boolean = false;
        reader.readBool(boolean);
        value = QJSValue(boolean);
        return true;
    }
    case Reader::Integer:
        return readInteger(*support.engine(), reader, value);
    case Reader::Float: {
        double number = 0;
        reader.readDouble(number);
        value = QJSValue(number);
        return true;
    }
    case Reader::String:
        return readText(*support.engine(), reader, value);
    case Reader::Binary: {
        QByteArray bytes;
        reader.readBytes(bytes);
        value = support.engine()->toScriptValue(bytes);
        return true;
    }
    case Reader::Array:
        return readList(support, reader, value);
    case Reader::Map:
        return readObject(support, reader, value);
    case Reader::Ext:
        return readExtension(*support.engine(), reader, value);
    case Reader::End:
    case Reader::Malformed:
        break;
    }
    return reader.fail("a value");
}

} // namespace MsgpackRpc
