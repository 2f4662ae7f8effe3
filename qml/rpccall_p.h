// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpcclient_p.h"
#include "scriptcall_p.h"

#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QStringList>
#include <QtQml/QJSValue>
#include <QtQml/QQmlParserStatus>
#include <QtQml/qqml.h>

namespace MsgpackRpc {

/// A call that is declared: its result is a property to bind to, and it can be kept up to date.
///
/// \code{.qml}
/// RpcCall { id: total; client: calc; method: "sum"; args: [a.value, b.value]; live: true }
/// Label { text: total.error ? total.error.message : total.result }
/// \endcode
/// Of calls that overlap only the last one counts: the others are cancelled, and their answers dropped.
class RpcCall : public QObject, public QQmlParserStatus, private CallReceiver
{
    Q_OBJECT
    QML_ELEMENT
    Q_INTERFACES(QQmlParserStatus)
    /// Who calls.
    Q_PROPERTY(MsgpackRpc::RpcClient *client READ client WRITE setClient NOTIFY clientChanged FINAL)
    /// The method: a name or an integer.
    Q_PROPERTY(QJSValue method READ method WRITE setMethod NOTIFY methodChanged FINAL)
    /// The arguments: an array, or the one argument that is no array. Default: none.
    Q_PROPERTY(QJSValue args READ args WRITE setArgs NOTIFY argsChanged FINAL)
    /// `timeout` in milliseconds and `deflate`, as for RpcClient.call(). Default: what client has.
    Q_PROPERTY(QJSValue options READ options WRITE setOptions NOTIFY optionsChanged FINAL)
    /// Whether to call by itself: once everything is complete, whenever client, method or args change (once for all
    /// changes of a turn of the event loop), and when a lost connection is there again. Default false.
    Q_PROPERTY(bool live READ isLive WRITE setLive NOTIFY liveChanged FINAL)
    /// A notification, or several, of the other side after which to call again, live or not.
    Q_PROPERTY(
            QStringList refreshOn READ refreshOn WRITE setRefreshOn NOTIFY refreshOnChanged FINAL)
    /// True while an answer is waited for.
    Q_PROPERTY(bool running READ isRunning NOTIFY runningChanged FINAL)
    /// The last result; undefined before the first. Kept while the next call runs, and when it fails.
    Q_PROPERTY(QJSValue result READ result NOTIFY resultChanged FINAL)
    /// What the last call has failed with, an Error with code, message and data; undefined if it has not.
    Q_PROPERTY(QJSValue error READ error NOTIFY errorChanged FINAL)

public:
    explicit RpcCall(QObject *parent = nullptr) : QObject(parent) {}
    ~RpcCall() override;

    RpcClient *client() const { return m_client; }
    void setClient(RpcClient *client);
    QJSValue method() const { return m_method; }
    void setMethod(const QJSValue &method);
    QJSValue args() const { return m_args; }
    void setArgs(const QJSValue &args);
    QJSValue options() const { return m_options; }
    void setOptions(const QJSValue &options);
    bool isLive() const { return m_isLive; }
    void setLive(bool live);
    QStringList refreshOn() const { return m_refreshOn; }
    void setRefreshOn(const QStringList &notifications);
    bool isRunning() const { return m_isRunning; }
    QJSValue result() const { return m_result; }
    QJSValue error() const { return m_error; }

    /// Calls now. A call that runs is cancelled, and not told.
    Q_INVOKABLE void call();
    /// Ends the call that runs with RpcError.Canceled.
    Q_INVOKABLE void cancel();

    void classBegin() override { m_isComplete = false; }
    void componentComplete() override;

Q_SIGNALS:
    /// A call has succeeded.
    void finished(const QJSValue &result);
    /// A call has failed.
    void failed(const QJSValue &error);
    void clientChanged();
    void methodChanged();
    void argsChanged();
    void optionsChanged();
    void liveChanged();
    void refreshOnChanged();
    void runningChanged();
    void resultChanged();
    void errorChanged();

private:
    void callSucceeded(const QJSValue &result) override;
    void callFailed(const QJSValue &error) override;
    void abandon();
    void refresh();
    void refreshIfLive();
    void clientNotified(const QString &method);
    void clientStateChanged();
    void setRunning(bool running);

    QPointer<RpcClient> m_client;
    QJSValue m_method;
    QJSValue m_args;
    QJSValue m_options;
    QStringList m_refreshOn;
    QJSValue m_result;
    QJSValue m_error;
    Detail::CallStatePtr<ObjectCall> m_call;
    bool m_isLive = false;
    bool m_isRunning = false;
    bool m_isComplete = true; // false while the engine builds it
    bool m_isRefreshing = false; // a call is about to be made
    bool m_wasLost = false; // the connection
};

} // namespace MsgpackRpc
