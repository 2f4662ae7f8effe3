// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/AsyncResult>
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Error>
#include <MsgpackRpc/Responder>

#include <QtCore/QObject>
#include <QtCore/QTimer>

/// What is served: every public slot and Q_INVOKABLE method of this class, and nothing of QObject.
class Calculator : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }

    double divide(double a, double b)
    {
        if (b == 0)
            throw MsgpackRpc::ErrorException("division by zero");
        return a / b;
    }

    // A notification: whoever sends it waits for no answer.
    void remember(const QString &note)
    {
        m_notes.append(note);
        qInfo("server: noted \"%s\"", qPrintable(note));
    }

    QStringList notes() const { return m_notes; }

public:
    // The answer comes later; the server serves others meanwhile.
    Q_INVOKABLE MsgpackRpc::AsyncResult square(int x)
    {
        const MsgpackRpc::AsyncResult answer;
        QTimer::singleShot(50, this, [answer, x] { answer.result(x * x); });
        return answer;
    }

    // The caller is asked back, over its own connection, before it gets its answer.
    Q_INVOKABLE void greet(MsgpackRpc::Responder responder)
    {
        const MsgpackRpc::SessionHandle caller = MsgpackRpc::CallContext::current().session();
        caller.call<QString>("name").then(this, [responder](const QString &name) {
            responder.result(QStringLiteral("Hello, %1!").arg(name));
        });
    }

    // Never answers within the patience of the caller.
    Q_INVOKABLE void ponder(MsgpackRpc::Responder responder) { m_pondering.append(responder); }

private:
    QStringList m_notes;
    QList<MsgpackRpc::Responder> m_pondering;
};
