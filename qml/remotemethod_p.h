// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scriptmethod_p.h"
#include "scriptsupport_p.h"

#include <QtCore/QByteArray>
#include <QtCore/QPointer>

namespace MsgpackRpc {

class RpcClient;

/// What a function of RpcClient.remote knows: whom to call, and how. Belongs to JavaScript, and may outlive the client.
class RemoteMethod final : public QObject
{
    Q_OBJECT

public:
    RemoteMethod(ScriptSupport *support, RpcClient *client, const QString &name,
                 const CallOptions &options);

    /// For support.mjs: makes a call with the \a count elements of \a arguments, which settles \a promise, and returns what to cancel it by.
    Q_INVOKABLE double start(const QJSValue &promise, const QJSValue &arguments, int count);

private:
    QPointer<ScriptSupport> m_support;
    QPointer<RpcClient> m_client;
    const QString m_name;
    const QByteArray m_utf8;
    const CallOptions m_options;
};

} // namespace MsgpackRpc
