// SPDX-License-Identifier: Apache-2.0
#include "remotemethod_p.h"

#include "rpcclient_p.h"
#include "scriptcall_p.h"
#include "scriptwriter_p.h"

namespace MsgpackRpc {

RemoteMethod::RemoteMethod(ScriptSupport *support, RpcClient *client, const QString &name,
                           const CallOptions &options)
    : m_support(support), m_client(client), m_name(name), m_utf8(name.toUtf8()), m_options(options)
{
}

double RemoteMethod::start(const QJSValue &promise, const QJSValue &arguments, int count)
{
    const Detail::CallStatePtr<PromiseCall> call(new PromiseCall(
            m_support, m_client, m_name, m_client ? m_client->url() : QUrl(), promise));
    const double id = call->id();
    if (m_client)
        m_client->start(*m_support, *call, Detail::MethodName(m_utf8),
                        ScriptArguments(arguments, quint32(count)), m_options);
    else
        call->finishWithError(
                Error(Error::NotConnectable, QStringLiteral("the client is destroyed")),
                Detail::CallState::Later);
    return id;
}

} // namespace MsgpackRpc
