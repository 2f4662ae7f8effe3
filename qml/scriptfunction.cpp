// SPDX-License-Identifier: Apache-2.0
#include "scriptfunction_p.h"

#include "scriptreader_p.h"
#include "scriptwriter_p.h"

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/loggable.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QLoggingCategory>
#include <QtQml/QJSManagedValue>

namespace MsgpackRpc {

namespace {

Q_LOGGING_CATEGORY(lcDispatch, "msgpackrpc.dispatch") // the library's is its own

// A function without types has them all as var.
bool isAnything(QMetaType type)
{
    return type == QMetaType::fromType<QVariant>() || type == QMetaType::fromType<QJSValue>();
}

// As it is written in QML.
QString typeName(const QByteArray &type)
{
    if (type == "QString")
        return QStringLiteral("string");
    if (type == "double")
        return QStringLiteral("real");
    return QString::fromLatin1(type);
}

QString signatureOf(const QMetaMethod &method)
{
    QStringList parameters;
    const QList<QByteArray> names = method.parameterNames();
    for (int i = 0; i < method.parameterCount(); ++i) {
        const QString type = isAnything(method.parameterMetaType(i))
                                     ? QString()
                                     : QLatin1String(": ") + typeName(method.parameterTypeName(i));
        parameters += QString::fromUtf8(names.value(i)) + type;
    }
    return QStringLiteral("%1(%2)").arg(QString::fromUtf8(method.name()),
                                        parameters.join(QLatin1String(", ")));
}

AnswerForm formFor(const IncomingCall &call)
{
    const Session *const session = call.session();
    return session != nullptr ? AnswerForm{session->wireFormat(), session->limits()} : AnswerForm();
}

// What a function has thrown, as the other side gets it: the data of an error if it has some, or its message; any
// other value as it is.
QVariant errorValue(const ScriptSupport &support, const QJSValue &thrown)
{
    QJSValue value = thrown;
    if (thrown.isError()) {
        const QJSValue data = thrown.property(QStringLiteral("data"));
        if (data.isUndefined() || data.isNull())
            return thrown.property(QStringLiteral("message")).toString();
        value = data;
    }
    Writer writer;
    writeScriptValue(support, writer, value, Limits());
    const QByteArray bytes = writer.bytes();
    Reader reader(bytes);
    QVariant converted;
    if (writer.hasFailed() || !Codec<QVariant>::read(reader, converted))
        return value.toString();
    return converted;
}

} // namespace

ScriptFunction::ScriptFunction(QObject *object, const QMetaMethod &method)
    : m_object(object), m_support(ScriptSupport::of(object)), m_signature(signatureOf(method))
{
    if (!m_support)
        return;
    m_function =
            m_support->engine()->toScriptValue(object).property(QString::fromUtf8(method.name()));
    for (int i = 0; i < method.parameterCount(); ++i) {
        const QMetaType type = method.parameterMetaType(i);
        m_parameters.push_back({isAnything(type) ? nullptr : typeCodec(type), type});
    }
    m_needed = std::min(m_parameters.size(),
                        size_t(m_function.property(QStringLiteral("length")).toUInt()));
}

bool ScriptFunction::readArgument(Reader &reader, const Parameter &parameter,
                                  QJSValue &argument) const
{
    if (parameter.codec == nullptr)
        return readScriptValue(*m_support, reader, argument);
    QVariant value(parameter.type);
    if (!parameter.codec->read(reader, value.data()))
        return false;
    argument = m_support->engine()->toScriptValue(value);
    return true;
}

QString ScriptFunction::arity() const
{
    const size_t most = m_parameters.size();
    const QString count = most == 0          ? QStringLiteral("no")
                          : m_needed == most ? QString::number(most)
                                             : QStringLiteral("%1 to %2").arg(m_needed).arg(most);
    return count + QLatin1String(most == 1 ? " argument" : " arguments");
}

bool ScriptFunction::readArguments(IncomingCall &call, QJSValueList &arguments,
                                   QString *problem) const
{
    Reader reader = call.arguments();
    quint32 count = 0;
    if (reader.kind() == Reader::Map) // an empty one: Lua's {}
        reader.readMap(count);
    else
        reader.readArray(count);
    if (count < m_needed || count > m_parameters.size()) {
        *problem = QStringLiteral("%1 takes %2, got %3").arg(m_signature, arity()).arg(count);
        return false;
    }
    arguments.reserve(qsizetype(count));
    for (quint32 i = 0; i < count; ++i) {
        QJSValue argument;
        if (!readArgument(reader, m_parameters[i], argument)) {
            *problem = QStringLiteral("%1: argument %2: %3")
                               .arg(m_signature)
                               .arg(i + 1)
                               .arg(reader.failure());
            return false;
        }
        arguments.append(argument);
    }
    return true;
}

void ScriptFunction::invoke(IncomingCall &call) const
{
    if (!m_support || m_support->engine() == nullptr)
        return call.fail(QStringLiteral("%1: the QML engine is gone").arg(m_signature));
    QJSValueList arguments;
    QString problem;
    if (!readArguments(call, arguments, &problem)) {
        call.fail(problem);
        return;
    }
    const AnswerForm form = formFor(call);
    const QPointer<ScriptSupport> support = m_support;
    const QString signature = m_signature;
    QJSEngine *const engine = support->engine();
    // What was thrown stays apart from what was returned.
    const QJSValue result =
            QJSManagedValue(m_function, engine)
                    .callWithInstance(engine->toScriptValue(m_object.data()), arguments);
    if (!support || support->engine() == nullptr)
        return call.fail(QStringLiteral("%1: the QML engine is gone").arg(signature));
    if (engine->hasError()) {
        const QJSValue thrown = engine->catchError();
        qCDebug(lcDispatch).noquote()
                << signature << "threw" << Detail::loggable(thrown.toString())
                << Detail::loggable(thrown.property(QStringLiteral("stack")).toString());
        return call.fail(errorValue(*support, thrown));
    }
    if (result.isObject() && result.property(QStringLiteral("then")).isCallable()) {
        auto *const answer = new ScriptAnswer(support, call.responder(), signature, form);
        support->follow(result, answer);
        return;
    }
    // Apart from the answer: it may run JavaScript, which may do anything.
    Writer writer(form.format);
    writeScriptValue(*support, writer, result, form.limits);
    if (writer.hasFailed())
        return call.fail(QStringLiteral("%1: the result: %2").arg(signature, writer.failure()));
    if (Writer *const answer = call.beginReply()) {
        answer->writeAll(writer);
        call.commitReply();
    }
}

ScriptAnswer::ScriptAnswer(ScriptSupport *support, const Responder &responder,
                           const QString &method, const AnswerForm &form)
    : m_support(support), m_responder(responder), m_method(method), m_form(form)
{
}

void ScriptAnswer::resolve(const QJSValue &value)
{
    if (std::exchange(m_isDone, true) || !m_responder.isValid() || !m_support
        || m_support->engine() == nullptr)
        return;
    Writer writer(m_form.format);
    writeScriptValue(*m_support, writer, value, m_form.limits);
    if (writer.hasFailed())
        m_responder.error(QStringLiteral("%1: the result: %2").arg(m_method, writer.failure()));
    else
        m_responder.answer([&writer](Writer &answer) { answer.writeAll(writer); });
}

void ScriptAnswer::reject(const QJSValue &error)
{
    if (std::exchange(m_isDone, true) || !m_support || m_support->engine() == nullptr)
        return;
    if (m_responder.isValid())
        m_responder.error(errorValue(*m_support, error));
    else
        qCWarning(lcDispatch).noquote() << "the notification" << Detail::loggable(m_method)
                                        << "failed:" << Detail::loggable(error.toString());
}

} // namespace MsgpackRpc
