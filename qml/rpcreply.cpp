// SPDX-License-Identifier: Apache-2.0
#include "rpcreply_p.h"

#include "rpcclient_p.h"
#include "scriptmethod_p.h"
#include "scriptwriter_p.h"

#include <QtCore/QPointer>
#include <QtQml/QQmlEngine>

namespace MsgpackRpc {

RpcReply *RpcReply::start(ScriptSupport &support, RpcClient &client, const ScriptMethod &method,
                          const ScriptArguments &arguments, const CallOptions &options)
{
    auto *const reply = new RpcReply(&support, &client);
    client.m_replies.append(reply);
    QQmlEngine::setObjectOwnership(reply, QQmlEngine::CppOwnership);
    reply->m_call = Detail::CallStatePtr<ObjectCall>(
            new ObjectCall(&support, reply, method.text(), client.url()));
    // Accessors of the arguments may delete everything.
    const QPointer<RpcReply> guard(reply);
    const Detail::CallStatePtr<ObjectCall> call = reply->m_call;
    client.start(support, *call, method, arguments, options);
    return guard;
}

RpcReply::RpcReply(ScriptSupport *support, RpcClient *client)
    : QObject(support), m_support(support), m_client(client)
{
}

RpcReply::~RpcReply()
{
    if (m_client)
        m_client->m_replies.removeOne(this);
    if (m_call)
        m_call->abandon();
}

void RpcReply::cancel()
{
    if (m_call)
        m_call->cancel();
}

void RpcReply::callSucceeded(const QJSValue &result)
{
    const QPointer<RpcReply> self(this);
    m_call = {};
    m_result = result;
    Q_EMIT resultChanged();
    if (self)
        Q_EMIT runningChanged();
    if (self)
        Q_EMIT finished(result);
    if (self)
        handOver();
}

void RpcReply::callFailed(const QJSValue &error)
{
    const QPointer<RpcReply> self(this);
    m_call = {};
    m_error = error;
    Q_EMIT errorChanged();
    if (self)
        Q_EMIT runningChanged();
    if (self)
        Q_EMIT failed(error);
    if (self)
        handOver();
}

// It has finished, and is JavaScript's from now on, which collects it when nothing refers to it.
void RpcReply::handOver()
{
    if (m_client)
        m_client->m_replies.removeOne(this);
    setParent(nullptr);
    QQmlEngine::setObjectOwnership(this, QQmlEngine::JavaScriptOwnership);
    if (m_support && m_support->engine() != nullptr)
        m_support->engine()->newQObject(this); // what is collected is what JavaScript has of it
    else
        deleteLater();
}

} // namespace MsgpackRpc
