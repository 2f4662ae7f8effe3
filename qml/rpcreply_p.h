// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scriptcall_p.h"

#include <QtCore/QObject>
#include <QtQml/QJSValue>
#include <QtQml/qqml.h>

namespace MsgpackRpc {

class RpcClient;
class ScriptArguments;
class ScriptMethod;
struct CallOptions;

/// A call as an object, where a promise is not wanted: what RpcClient.request() returns.
///
/// It is kept until it has finished, and after that for as long as JavaScript refers to it. When its RpcClient is
/// destroyed with its component, it goes too; destroyed alone, it fails with RpcError.Canceled first.
class RpcReply : public QObject, private CallReceiver
{
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("RpcClient.request() returns one")
    /// True until there is a result or an error.
    Q_PROPERTY(bool running READ isRunning NOTIFY runningChanged FINAL)
    /// The result; undefined while there is none.
    Q_PROPERTY(QJSValue result READ result NOTIFY resultChanged FINAL)
    /// An Error with code, message and data; undefined while there is none.
    Q_PROPERTY(QJSValue error READ error NOTIFY errorChanged FINAL)

public:
    /// Begins a call. The reply is kept until it has finished, or \a client goes with its component.
    static RpcReply *start(ScriptSupport &support, RpcClient &client, const ScriptMethod &method,
                           const ScriptArguments &arguments, const CallOptions &options);
    ~RpcReply() override;

    bool isRunning() const { return bool(m_call); }
    QJSValue result() const { return m_result; }
    QJSValue error() const { return m_error; }
    /// Ends the call with RpcError.Canceled, if it is running.
    Q_INVOKABLE void cancel();

Q_SIGNALS:
    /// The call has succeeded.
    void finished(const QJSValue &result);
    /// The call has failed.
    void failed(const QJSValue &error);
    void runningChanged();
    void resultChanged();
    void errorChanged();

private:
    RpcReply(ScriptSupport *support, RpcClient *client);
    void callSucceeded(const QJSValue &result) override;
    void callFailed(const QJSValue &error) override;
    void handOver();

    QPointer<ScriptSupport> m_support; // the parent, while it runs
    QPointer<RpcClient> m_client;
    Detail::CallStatePtr<ObjectCall> m_call; // while it runs
    QJSValue m_result;
    QJSValue m_error;
};

} // namespace MsgpackRpc
