// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scriptsupport_p.h"

#include <MsgpackRpc/callstate.h>

#include <QtCore/QPointer>
#include <QtCore/QUrl>
#include <QtQml/QJSValue>

namespace MsgpackRpc {

/// A call whose result is a JavaScript value: it is decoded straight into one. Its own listener, so that it is the one
/// allocation of the call.
class ScriptCall : public Detail::CallState, public Detail::CallListener
{
public:
    QVariant toVariant() const final { return m_value.toVariant(); }
    void release() final { deref(); }

protected:
    /// A call for \a support, of \a method at \a url for errors to name.
    ScriptCall(ScriptSupport *support, const QString &method, const QUrl &url);
    bool decode(Reader &reader) final;
    void finished(CallState &state) final;
    /// How it has ended; the engine is there.
    virtual void succeeded(const QJSValue &result) = 0;
    /// \copydoc succeeded()
    virtual void failed(const QJSValue &error) = 0;
    ScriptSupport *support() const { return m_support; }

private:
    QPointer<ScriptSupport> m_support;
    QString m_method;
    QUrl m_url;
    QJSValue m_value;
};

/// A call that settles a promise.
class PromiseCall final : public ScriptCall
{
public:
    /// \a client is who calls.
    PromiseCall(ScriptSupport *support, const QObject *client, const QString &method,
                const QUrl &url, const QJSValue &promise);
    ~PromiseCall() override;

    /// What support.mjs cancels it by.
    double id() const { return double(m_id); }
    /// Who calls.
    const QObject *client() const { return m_client; }

protected:
    void succeeded(const QJSValue &result) override { support()->resolve(m_promise, result); }
    void failed(const QJSValue &error) override { support()->reject(m_promise, error); }

private:
    const QObject *m_client; // to compare with
    const quint64 m_id;
    QJSValue m_promise;
};

/// Hears of the end of an ObjectCall, and holds it until then.
class CallReceiver
{
public:
    virtual void callSucceeded(const QJSValue &result) = 0;
    virtual void callFailed(const QJSValue &error) = 0;

protected:
    CallReceiver() = default;
    ~CallReceiver() = default;
    Q_DISABLE_COPY_MOVE(CallReceiver)
};

/// A call that tells an object.
class ObjectCall final : public ScriptCall
{
public:
    ObjectCall(ScriptSupport *support, CallReceiver *receiver, const QString &method,
               const QUrl &url)
        : ScriptCall(support, method, url), m_receiver(receiver)
    {
    }
    /// Ends the call, and tells nobody.
    void abandon()
    {
        m_receiver = nullptr;
        cancel();
    }

protected:
    void succeeded(const QJSValue &result) override
    {
        if (m_receiver != nullptr)
            m_receiver->callSucceeded(result);
    }
    void failed(const QJSValue &error) override
    {
        if (m_receiver != nullptr)
            m_receiver->callFailed(error);
    }

private:
    CallReceiver *m_receiver;
};

} // namespace MsgpackRpc
