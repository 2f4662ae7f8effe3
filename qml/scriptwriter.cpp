// SPDX-License-Identifier: Apache-2.0
#include "scriptwriter_p.h"

#include "rpcvalues_p.h"
#include "scriptsupport_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QDateTime>

#include <algorithm>
#include <cmath>

namespace MsgpackRpc {

namespace {

class ScriptWriter
{
public:
    ScriptWriter(const ScriptSupport &support, Writer &writer, const Limits &limits)
        : m_support(support),
          m_writer(writer),
          m_most(limits.messageBytes),
          m_depth(limits.depth - 2)
    {
    }

    void write(const QJSValue &value)
    {
        if (Q_UNLIKELY(m_writer.hasFailed()))
            return;
        if (value.isNumber())
            writeNumber(value.toNumber());
        else if (value.isString())
            m_writer.writeString(QStringView(value.toString()));
        else if (value.isBool())
            m_writer.writeBool(value.toBool());
        else if (value.isNull() || value.isUndefined())
            m_writer.writeNil();
        else if (value.isObject() || value.isVariant())
            writeObject(value);
        else
            fail("a Symbol has no form on the wire");
    }

private:
    // Remembers the objects that a value is within, to see when one comes again in itself.
    class Within
    {
    public:
        Within(ScriptWriter &writer, const QJSValue &value)
            : m_writer(writer), m_nesting(writer.m_writer)
        {
            auto &outer = writer.m_within;
            const auto isSame = [&value](const QJSValue *other) {
                return other->strictlyEquals(value);
            };
            if (std::any_of(outer.cbegin(), outer.cend(), isSame))
                writer.fail("it contains itself, and so would never end");
            else if (outer.size() >= writer.m_depth)
                writer.m_writer.fail(
                        QStringLiteral("it is nested more than %1 deep").arg(writer.m_depth));
            m_isRight = !writer.m_writer.hasFailed();
            outer.append(&value);
        }
        ~Within() { m_writer.m_within.removeLast(); }
        explicit operator bool() const { return m_isRight; }

    private:
        ScriptWriter &m_writer;
        const Writer::Nesting m_nesting;
        bool m_isRight;
        Q_DISABLE_COPY_MOVE(Within)
    };

    void fail(const char *why) { m_writer.fail(QString::fromLatin1(why)); }

    // JavaScript has one kind of number: what is an integer goes as one. Beyond 2^53 a number may have been rounded
    // already, and is none for sure.
    void writeNumber(double number)
    {
        constexpr double Exact = 9007199254740992.0;
        const bool isInteger = std::abs(number) <= Exact && number == std::trunc(number)
                               && !(number == 0 && std::signbit(number));
        if (isInteger)
            m_writer.writeSigned(qint64(number));
        else
            m_writer.writeDouble(number);
    }

    // Before any more of it is written.
    bool isTooLong(quint32 more = 0)
    {
        if (Q_LIKELY(m_writer.size() + more <= m_most))
            return false;
        m_writer.fail(QStringLiteral("it is longer than %1 bytes").arg(m_most));
        return true;
    }

    void writeObject(const QJSValue &value)
    {
        if (value.isArray())
            writeElements(value);
        else if (value.isDate())
            Codec<QDateTime>::write(m_writer, value.toDateTime());
        else if (value.isCallable())
            fail("a function has no form on the wire");
        else if (value.isRegExp())
            fail("a RegExp has no form on the wire");
        else if (value.isQObject())
            m_writer.fail(QStringLiteral("an object of the class %1 has no form on the wire")
                                  .arg(className(value.toQObject())));
        else
            writeOther(value);
    }

    static QString className(const QObject *object)
    {
        return object != nullptr ? QString::fromLatin1(object->metaObject()->className())
                                 : QStringLiteral("QObject that is destroyed");
    }

    void writeElements(const QJSValue &array)
    {
        const Within within(*this, array);
        if (!within)
            return;
        const quint32 count = array.property(QStringLiteral("length")).toUInt();
        if (isTooLong(count))
            return;
        m_writer.writeArray(count);
        for (quint32 i = 0; i < count && !m_writer.hasFailed() && !isTooLong(); ++i) {
            write(array.property(i));
            if (Q_UNLIKELY(m_writer.hasFailed()))
                m_writer.failedIn(qsizetype(i));
        }
    }

    // An object of JavaScript, or something of Qt's in the dress of one.
    void writeOther(const QJSValue &value)
    {
        const QVariant variant = value.toVariant(QJSValue::RetainJSObjects);
        if (variant.metaType() != QMetaType::fromType<QJSValue>())
            return writeVariant(variant);
        const QJSValue description = m_support.describe(value);
        if (description.isError()) // an accessor has thrown
            return static_cast<void>(m_writer.fail(description.toString()));
        const QString kind = description.property(0).toString();
        const QJSValue parts = description.property(1);
        if (kind == QLatin1String("object"))
            writeKeys(value, parts);
        else if (kind == QLatin1String("map"))
            writeEntries(value, parts);
        else if (kind == QLatin1String("binary"))
            Codec<QVariant>::write(m_writer, parts.toVariant());
        else if (kind == QLatin1String("value"))
            write(parts);
        else
            m_writer.fail(QStringLiteral("a %1 has no form on the wire").arg(parts.toString()));
    }

    // A type of Qt's without properties would be an empty map.
    void writeVariant(const QVariant &value)
    {
        const QMetaType type = value.metaType();
        const bool isOurs = type == QMetaType::fromType<RpcInteger>()
                            || type == QMetaType::fromType<RpcExtension>();
        const QMetaObject *const metaObject = type.metaObject();
        if (!isOurs && metaObject != nullptr && metaObject->propertyCount() == 0)
            m_writer.fail(QStringLiteral("the type %1 has no form on the wire")
                                  .arg(QLatin1String(type.name())));
        else
            Codec<QVariant>::write(m_writer, value);
    }

    void writeKeys(const QJSValue &object, const QJSValue &keys)
    {
        const Within within(*this, object);
        if (!within)
            return;
        const quint32 count = keys.property(QStringLiteral("length")).toUInt();
        m_writer.writeMap(count);
        for (quint32 i = 0; i < count && !m_writer.hasFailed() && !isTooLong(); ++i) {
            const QString key = keys.property(i).toString();
            m_writer.writeString(QStringView(key));
            write(object.property(key));
            if (Q_UNLIKELY(m_writer.hasFailed()))
                m_writer.failedIn(QStringView(key));
        }
    }

    void writeEntries(const QJSValue &map, const QJSValue &entries)
    {
        const Within within(*this, map);
        if (!within)
            return;
        const quint32 count = entries.property(QStringLiteral("length")).toUInt();
        m_writer.writeMap(count);
        for (quint32 i = 0; i < count && !m_writer.hasFailed() && !isTooLong(); ++i) {
            write(entries.property(i).property(0));
            write(entries.property(i).property(1));
            if (Q_UNLIKELY(m_writer.hasFailed()))
                m_writer.failedIn(qsizetype(i));
        }
    }

    const ScriptSupport &m_support;
    Writer &m_writer;
    const qsizetype m_most; // bytes
    const int m_depth; // of a value: the message and its arguments are levels too
    QVarLengthArray<const QJSValue *, 16> m_within;
};

} // namespace

ScriptArguments::ScriptArguments(const QJSValue &array, quint32 count)
{
    if (count > Most) {
        m_isPlain = false;
        m_problem = QStringLiteral("%1 arguments, and at most %2 are allowed").arg(count).arg(Most);
        return;
    }
    m_values.reserve(count);
    for (quint32 i = 0; i < count; ++i)
        append(array.property(i));
}

ScriptArguments::ScriptArguments(const QJSValue &arguments)
    : ScriptArguments(arguments, arguments.isArray()
                                         ? arguments.property(QStringLiteral("length")).toUInt()
                                         : 0)
{
    if (!arguments.isArray() && !arguments.isUndefined())
        append(arguments);
}

void ScriptArguments::append(const QJSValue &value)
{
    m_isPlain = m_isPlain && !value.isObject() && !value.isVariant();
    m_values.append(value);
}

void ScriptArguments::write(const ScriptSupport &support, Writer &writer,
                            const Limits &limits) const
{
    if (Q_UNLIKELY(!m_problem.isEmpty())) {
        writer.fail(m_problem);
        return;
    }
    ScriptWriter values(support, writer, limits);
    writer.writeArray(quint32(m_values.size()));
    for (qsizetype i = 0; i < m_values.size() && !writer.hasFailed(); ++i) {
        values.write(m_values[i]);
        if (Q_UNLIKELY(writer.hasFailed()))
            writer.failedIn(i);
    }
}

void writeScriptValue(const ScriptSupport &support, Writer &writer, const QJSValue &value,
                      const Limits &limits)
{
    ScriptWriter(support, writer, limits).write(value);
}

} // namespace MsgpackRpc
