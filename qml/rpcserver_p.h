// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpcclient_p.h"
#include "scriptdispatcher_p.h"

#include <MsgpackRpc/server.h>

#include <QtCore/QHash>
#include <QtCore/QPointer>
#include <QtCore/QStringList>
#include <QtCore/QVariantMap>
#include <QtQml/QJSValue>
#include <QtQml/QQmlParserStatus>
#include <QtQml/qqml.h>

namespace MsgpackRpc {

/// Serves objects of QML, or of C++, to other programs.
///
/// \code{.qml}
/// RpcServer {
///     url: "tcp://127.0.0.1:18800"
///     target: QtObject { function add(a: int, b: int): int { return a + b } }
/// }
/// \endcode
/// Served are the functions that target declares itself, and nothing else: no properties, no signals, no names that
/// begin with `_` or `rpc.`. A function that throws answers with the error's message (or its data), one that returns a
/// promise when that settles. Parameters with a type take only arguments of that type.
///
/// TCP on the loopback interface is open to every user of the machine, and on others to everyone who reaches them.
class RpcServer : public QObject, public QQmlParserStatus
{
    Q_OBJECT
    QML_ELEMENT
    Q_INTERFACES(QQmlParserStatus)
    /// Where to listen, `tcp://127.0.0.1:0` for example: port 0 is any free one.
    Q_PROPERTY(QUrl url READ url WRITE setUrl NOTIFY urlChanged FINAL)
    /// Whether to listen. Default true.
    Q_PROPERTY(bool active READ isActive WRITE setActive NOTIFY activeChanged FINAL)
    /// Where it listens, with the ports that were found; empty if it does not.
    Q_PROPERTY(QList<QUrl> urls READ urls NOTIFY urlsChanged FINAL)
    /// True while it listens.
    Q_PROPERTY(bool listening READ isListening NOTIFY urlsChanged FINAL)
    /// The object whose functions are served by their names. Not owned. Default null.
    Q_PROPERTY(QObject *target READ target WRITE setTarget NOTIFY targetChanged FINAL)
    /// Objects that are served by name: `({ calc: calculator })` serves `calc.add`. Default none.
    Q_PROPERTY(QVariantMap objects READ objects WRITE setObjects NOTIFY objectsChanged FINAL)
    /// The functions of target to serve; all if it is empty, the default.
    Q_PROPERTY(QStringList accept READ accept WRITE setAccept NOTIFY acceptChanged FINAL)
    /// Only those who know it may call (RpcClient.token, Session::setToken()). Set it before url, or with it. Default: none,
    /// and everyone who reaches url may call.
    Q_PROPERTY(QString token READ token WRITE setToken NOTIFY tokenChanged FINAL)
    /// How many are connected.
    Q_PROPERTY(int connections READ connections NOTIFY connectionsChanged FINAL)
    /// Why it does not listen, or what cannot be served: an Error with code and message; undefined if all is well.
    Q_PROPERTY(QJSValue error READ error NOTIFY errorChanged FINAL)
    /// Within a served function: who calls, to call or notify back, also later. null elsewhere.
    Q_PROPERTY(MsgpackRpc::RpcClient *caller READ caller FINAL)

public:
    explicit RpcServer(QObject *parent = nullptr);
    ~RpcServer() override;

    QUrl url() const { return m_url; }
    void setUrl(const QUrl &url);
    bool isActive() const { return m_isActive; }
    void setActive(bool active);
    QList<QUrl> urls() const { return m_server.urls(); }
    bool isListening() const { return m_server.isListening(); }
    QObject *target() const { return m_target; }
    void setTarget(QObject *target);
    QVariantMap objects() const { return m_objects; }
    void setObjects(const QVariantMap &objects);
    QStringList accept() const { return m_accept; }
    void setAccept(const QStringList &accept);
    QString token() const { return m_token; }
    void setToken(const QString &token);
    int connections() const { return int(m_server.sessions().size()); }
    QJSValue error() const { return m_error; }
    RpcClient *caller();

    /// Notifies everyone who is connected. Returns how many it was queued for.
    Q_INVOKABLE int notifyAll(const QJSValue &method, const QJSValue &arguments = {});

    void classBegin() override { m_isComplete = false; }
    void componentComplete() override;

Q_SIGNALS:
    /// Somebody has connected; \a client calls and notifies them. It is destroyed some time after clientDisconnected().
    void clientConnected(MsgpackRpc::RpcClient *client);
    /// A connection has ended.
    void clientDisconnected(MsgpackRpc::RpcClient *client);
    /// It cannot listen, or something cannot be served.
    void errorOccurred(const QJSValue &error);
    void urlChanged();
    void activeChanged();
    void urlsChanged();
    void targetChanged();
    void objectsChanged();
    void acceptChanged();
    void tokenChanged();
    void connectionsChanged();
    void errorChanged();

private:
    void listen();
    void serveAll();
    void serve(const QString &name, QObject *object, const QStringList &accept,
               QStringList *problems);
    void opened(Session *session);
    void closed(Session *session);
    RpcClient *clientOf(Session *session);
    void setProblem(Error *place, const Error &problem);

    Server m_server;
    ScriptDispatcher m_dispatcher;
    QHash<Session *, QPointer<RpcClient>> m_clients; // made when they are asked for
    QList<QPointer<QObject>> m_served;
    QUrl m_url;
    QPointer<QObject> m_target;
    QVariantMap m_objects;
    QStringList m_accept;
    QString m_token;
    Error m_listenProblem;
    Error m_serveProblem;
    QJSValue m_error;
    int m_listens = 0; // how many times it has begun to
    bool m_isActive = true;
    bool m_isComplete = true; // false while the engine builds it
};

} // namespace MsgpackRpc
