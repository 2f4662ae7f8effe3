// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scriptsupport_p.h"

#include <MsgpackRpc/dispatcher.h>
#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>
#include <MsgpackRpc/responder.h>

#include <QtCore/QMetaMethod>
#include <QtCore/QPointer>
#include <QtQml/QJSValue>

#include <vector>

namespace MsgpackRpc {

class TypeCodec;

/// A function of an object that is declared in QML, as the other side may call it.
class ScriptFunction
{
public:
    /// \a method of \a object.
    ScriptFunction(QObject *object, const QMetaMethod &method);

    /// False once the object is gone.
    bool hasObject() const { return m_object != nullptr; }
    /// True if it is one of \a object's.
    bool isOf(const QObject *object) const { return m_object == object; }
    /// Calls it, and answers. It may do anything; \a call can be answered until this returns.
    void invoke(IncomingCall &call) const;

private:
    struct Parameter
    {
        const TypeCodec *codec = nullptr; // null: anything
        QMetaType type;
    };
    QString arity() const;
    bool readArguments(IncomingCall &call, QJSValueList &arguments, QString *problem) const;
    bool readArgument(Reader &reader, const Parameter &parameter, QJSValue &argument) const;

    QPointer<QObject> m_object;
    QPointer<ScriptSupport> m_support;
    QJSValue m_function;
    QString m_signature;
    std::vector<Parameter> m_parameters;
    size_t m_needed = 0; // those without a default
};

/// How answers are written, in a session.
struct AnswerForm
{
    WireFormat format = WireFormat::Modern;
    Limits limits;
};

/// Answers when a promise settles. Belongs to JavaScript: with it goes the responder, and the caller gets an error.
class ScriptAnswer final : public QObject
{
    Q_OBJECT

public:
    ScriptAnswer(ScriptSupport *support, const Responder &responder, const QString &method,
                 const AnswerForm &form);
    /// For support.mjs: the promise has this value.
    Q_INVOKABLE void resolve(const QJSValue &value);
    /// For support.mjs: the promise was rejected.
    Q_INVOKABLE void reject(const QJSValue &error);

private:
    QPointer<ScriptSupport> m_support;
    Responder m_responder;
    QString m_method;
    AnswerForm m_form;
    bool m_isDone = false; // what comes after the first outcome is none
};

} // namespace MsgpackRpc
