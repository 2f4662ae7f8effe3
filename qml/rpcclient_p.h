// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpcreply_p.h"
#include "scriptdispatcher_p.h"
#include "scriptmethod_p.h"

#include <MsgpackRpc/client.h>

#include <QtCore/QPointer>
#include <QtQml/QJSValue>
#include <QtQml/QQmlParserStatus>
#include <QtQml/qqml.h>

#include <memory>
#include <optional>

namespace MsgpackRpc {

class ScriptArguments;
class ScriptCall;
class ScriptSupport;

/// Calls and notifies a server from QML, and answers it.
///
/// \code{.qml}
/// RpcClient { id: calc; url: "tcp://127.0.0.1:18800" }
/// Button { onClicked: calc.remote.add(1, 2).then(sum => label.text = sum) }
/// \endcode
/// It connects when it is complete, and again whenever the connection was lost (autoConnect). Calls can be made at any
/// time: they wait for the connection. Destroyed with its component, it calls nobody back; destroyed alone, its calls
/// end with RpcError.Canceled.
class RpcClient : public QObject, public QQmlParserStatus
{
    Q_OBJECT
    QML_ELEMENT
    Q_INTERFACES(QQmlParserStatus)
    /// Where to connect to, `tcp://host:port` for example. An open connection is closed for another.
    Q_PROPERTY(QUrl url READ url WRITE setUrl NOTIFY urlChanged FINAL)
    /// How long a call waits for its answer, in milliseconds; -1: without limit. Default 10000, or what source has.
    Q_PROPERTY(int timeout READ timeout WRITE setTimeout NOTIFY timeoutChanged FINAL)
    /// How long one attempt to connect may take, in milliseconds; -1: as long as the system tries. Default 5000.
    Q_PROPERTY(int connectTimeout READ connectTimeout WRITE setConnectTimeout NOTIFY
                       connectTimeoutChanged FINAL)
    /// Whether to connect without being called, and again after a loss, for ever. Default true.
    Q_PROPERTY(
            bool autoConnect READ autoConnect WRITE setAutoConnect NOTIFY autoConnectChanged FINAL)
    /// Whether calls and answers are compressed. Default false, or what source has.
    Q_PROPERTY(bool deflate READ deflate WRITE setDeflate NOTIFY deflateChanged FINAL)
    /// A token that the server asks for (RpcServer.token, Server::setToken()), told before anything else on every
    /// connection. Default: none.
    Q_PROPERTY(QString token READ token WRITE setToken NOTIFY tokenChanged FINAL)
    /// True while there is a connection.
    Q_PROPERTY(bool connected READ isConnected NOTIFY connectedChanged FINAL)
    /// The state of the connection.
    Q_PROPERTY(State state READ state NOTIFY stateChanged FINAL)
    /// Why the last attempt to connect has failed, or the connection was lost: an Error with code and message.
    /// undefined while there is none, and once there is a connection.
    Q_PROPERTY(QJSValue error READ error NOTIFY errorChanged FINAL)
    /// The methods of the other side: `remote.add(1, 2)` calls `add` and returns a promise, `remote.calc.add(1, 2)`
    /// calls `calc.add`.
    Q_PROPERTY(QJSValue remote READ remote CONSTANT FINAL)
    /// A Client or Session made in C++ to use, instead of one of its own. Not owned. Default null.
    Q_PROPERTY(QObject *source READ source WRITE setSource NOTIFY sourceChanged FINAL)
    /// An object whose functions the other side may call and notify. Default null.
    Q_PROPERTY(QObject *handlers READ handlers WRITE setHandlers NOTIFY handlersChanged FINAL)

public:
    /// The state of the connection.
    enum State {
        Unconnected = Session::Unconnected, ///< there is no connection
        Connecting = Session::Connecting, ///< it is being made, or the next attempt is waited for
        Connected = Session::Connected, ///< it is there
        Closed = Session::Closed ///< source was accepted by a server, and its connection has ended
    };
    Q_ENUM(State)

    explicit RpcClient(QObject *parent = nullptr);
    ~RpcClient() override;

    QUrl url() const;
    void setUrl(const QUrl &url);
    int timeout() const;
    void setTimeout(int timeout);
    int connectTimeout() const;
    void setConnectTimeout(int timeout);
    bool autoConnect() const { return m_autoConnect; }
    void setAutoConnect(bool on);
    bool deflate() const;
    void setDeflate(bool on);
    QString token() const { return m_token; }
    void setToken(const QString &token);
    bool isConnected() const { return m_state == Connected; }
    State state() const { return m_state; }
    QJSValue error() const { return m_error; }
    QJSValue remote();
    QObject *source() const { return m_isOwn ? nullptr : m_session.data(); }
    void setSource(QObject *source);
    QObject *handlers() const { return m_handlers; }
    void setHandlers(QObject *handlers);

    /// Calls \a method, a name or an integer, with the elements of the array \a arguments (or with the one argument that
    /// is no array), and returns a promise with cancel(). \a options: `timeout` in milliseconds, `deflate`.
    Q_INVOKABLE QJSValue call(const QJSValue &method, const QJSValue &arguments = {},
                              const QJSValue &options = {});
    /// The same, for \a arguments that must be an array: anything else ends the call with RpcError.InvalidArguments.
    Q_INVOKABLE QJSValue callArray(const QJSValue &method, const QJSValue &arguments,
                                   const QJSValue &options = {});
    /// The same, and returns an RpcReply.
    Q_INVOKABLE MsgpackRpc::RpcReply *
    request(const QJSValue &method, const QJSValue &arguments = {}, const QJSValue &options = {});
    /// Notifies \a method: there is no answer. False, and a warning says why, if it cannot be queued.
    Q_INVOKABLE bool notify(const QJSValue &method, const QJSValue &arguments = {});
    /// Like remote, for the methods that begin with \a name and a dot (all if it is empty), with \a options for each
    /// call.
    Q_INVOKABLE QJSValue object(const QString &name, const QJSValue &options = {});
    /// Connects now. Not needed for calling.
    Q_INVOKABLE void open();
    /// Closes the connection: open calls end with RpcError.Canceled. It stays closed until open() or a call.
    Q_INVOKABLE void close();

    void classBegin() override;
    void componentComplete() override;

    /// Begins \a call, which ends with an error if that is not possible.
    void start(const ScriptSupport &support, ScriptCall &call, const Detail::MethodName &method,
               const ScriptArguments &arguments, const CallOptions &options);
    /// The same for a method that may be none.
    void start(const ScriptSupport &support, ScriptCall &call, const ScriptMethod &method,
               const ScriptArguments &arguments, const CallOptions &options);

Q_SIGNALS:
    /// The other side has notified \a method, with the array \a args, and handlers has no such function.
    void notification(const QString &method, const QJSValue &args);
    /// A connection could not be made, or was lost; \a error is an Error with code and message.
    void errorOccurred(const QJSValue &error);
    void urlChanged();
    void timeoutChanged();
    void connectTimeoutChanged();
    void autoConnectChanged();
    void deflateChanged();
    void tokenChanged();
    void connectedChanged();
    void stateChanged();
    void errorChanged();
    void sourceChanged();
    void handlersChanged();
    /// Internal: the other side has notified \a method, whoever else hears of it.
    void notified(const QString &method);

private Q_SLOTS:
    void componentDestroyed();

private:
    Client *newClient();
    void use(Session *session);
    void leave();
    void updateState();
    void sessionFailed(const Error &error);
    void setError(const QJSValue &error);
    void applyReconnect(Session &session) const;
    Detail::CallTarget callTarget(const CallOptions &options) const;
    const QJSValue &life(const ScriptSupport &support);
    bool handle(IncomingCall &call);
    Client *ownClient() const
    {
        return m_isOwn ? static_cast<Client *>(m_session.data()) : nullptr;
    }

    friend class RpcReply;
    QList<RpcReply *> m_replies; // that have not finished
    QPointer<Session> m_session;
    ScriptDispatcher m_dispatcher; // of m_session
    Dispatcher *m_nextDispatcher = nullptr; // what m_session had before
    QPointer<QObject> m_handlers;
    std::optional<int> m_timeout;
    std::optional<int> m_connectTimeout;
    std::optional<bool> m_deflate;
    QString m_token;
    QJSValue m_error;
    QJSValue m_life; // of the targets that JavaScript has
    QJSValue m_remote;
    State m_state = Unconnected;
    bool m_isOver = false; // the component is being destroyed
    bool m_isOwn = true;
    bool m_autoConnect = true;
    bool m_isComplete = true; // false while the engine builds it
};

} // namespace MsgpackRpc
