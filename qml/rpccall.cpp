// SPDX-License-Identifier: Apache-2.0
#include "rpccall_p.h"

#include "scriptwriter_p.h"

#include <MsgpackRpc/loggable.h>

#include <QtQml/QQmlInfo>

namespace MsgpackRpc {

RpcCall::~RpcCall()
{
    abandon();
}

void RpcCall::componentComplete()
{
    m_isComplete = true;
    refreshIfLive();
}

void RpcCall::setClient(RpcClient *client)
{
    if (m_client == client)
        return;
    if (m_client)
        m_client->disconnect(this);
    abandon();
    m_client = client;
    m_wasLost = false;
    m_isRefreshing = m_isRefreshing && client != nullptr;
    if (client != nullptr) {
        connect(client, &RpcClient::notified, this, &RpcCall::clientNotified);
        connect(client, &RpcClient::connectedChanged, this, &RpcCall::clientStateChanged);
        connect(client, &QObject::destroyed, this, &RpcCall::clientChanged);
    }
    refreshIfLive();
    const QPointer<RpcCall> self(this);
    setRunning(false);
    if (self)
        Q_EMIT clientChanged();
}

void RpcCall::setMethod(const QJSValue &method)
{
    if (m_method.strictlyEquals(method))
        return;
    m_method = method;
    refreshIfLive();
    Q_EMIT methodChanged();
}

void RpcCall::setArgs(const QJSValue &args)
{
    m_args = args;
    refreshIfLive();
    Q_EMIT argsChanged();
}

void RpcCall::setOptions(const QJSValue &options)
{
    m_options = options;
    Q_EMIT optionsChanged();
}

void RpcCall::setLive(bool live)
{
    if (m_isLive == live)
        return;
    m_isLive = live;
    refreshIfLive();
    Q_EMIT liveChanged();
}

void RpcCall::setRefreshOn(const QStringList &notifications)
{
    if (m_refreshOn == notifications)
        return;
    m_refreshOn = notifications;
    Q_EMIT refreshOnChanged();
}

void RpcCall::clientNotified(const QString &method)
{
    if (m_refreshOn.contains(method))
        refresh();
}

// The first connection is made for the first call; later ones may lead to a server that has forgotten everything, and
// one may be there at last.
void RpcCall::clientStateChanged()
{
    if (!m_client->isConnected())
        m_wasLost = true;
    else if (std::exchange(m_wasLost, false))
        refreshIfLive();
}

void RpcCall::refreshIfLive()
{
    if (m_isLive && m_client && !m_method.isUndefined())
        refresh();
}

// Once for everything that changes in this turn of the event loop.
void RpcCall::refresh()
{
    if (!m_isComplete || m_isRefreshing)
        return;
    m_isRefreshing = true;
    QMetaObject::invokeMethod(
            this,
            [this] {
                if (m_isRefreshing)
                    call();
            },
            Qt::QueuedConnection);
}

void RpcCall::call()
{
    m_isRefreshing = false;
    ScriptSupport *const support = ScriptSupport::of(this);
    if (!m_client || support == nullptr) {
        qmlWarning(this) << "there is no client to call " << Detail::loggable(m_method.toString());
        return;
    }
    abandon();
    // These may run JavaScript, and accessors do anything.
    const QPointer<RpcCall> self(this);
    const ScriptMethod method(m_method);
    const ScriptArguments arguments(m_args);
    const CallOptions options = CallOptions::from(m_options);
    if (!self || !m_client)
        return;
    abandon(); // what they have begun
    const Detail::CallStatePtr<ObjectCall> call(
            new ObjectCall(support, this, method.text(), m_client->url()));
    m_call = call;
    m_client->start(*support, *call, method, arguments, options);
    if (self)
        setRunning(bool(m_call));
}

void RpcCall::cancel()
{
    if (m_call)
        m_call->cancel();
}

void RpcCall::abandon()
{
    if (m_call)
        std::exchange(m_call, {})->abandon();
}

void RpcCall::callSucceeded(const QJSValue &result)
{
    const QPointer<RpcCall> self(this);
    m_call = {};
    m_result = result;
    const bool hadError = !m_error.isUndefined();
    m_error = {};
    if (hadError)
        Q_EMIT errorChanged();
    if (self)
        Q_EMIT resultChanged();
    if (self)
        setRunning(bool(m_call));
    if (self)
        Q_EMIT finished(result);
}

void RpcCall::callFailed(const QJSValue &error)
{
    const QPointer<RpcCall> self(this);
    m_call = {};
    m_error = error;
    // Worth another try when there is a connection.
    const int code = error.property(QStringLiteral("code")).toInt();
    m_wasLost = m_wasLost || code == Error::ConnectFailed || code == Error::ConnectionLost
                || (m_client && !m_client->isConnected());
    Q_EMIT errorChanged();
    if (self)
        setRunning(bool(m_call));
    if (self)
        Q_EMIT failed(error);
}

void RpcCall::setRunning(bool running)
{
    if (m_isRunning == running)
        return;
    m_isRunning = running;
    Q_EMIT runningChanged();
}

} // namespace MsgpackRpc
