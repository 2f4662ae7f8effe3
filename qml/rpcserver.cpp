// SPDX-License-Identifier: Apache-2.0
#include "rpcserver_p.h"

#include "rpcclient_p.h"
#include "scriptmethod_p.h"
#include "scriptwriter_p.h"

#include <MsgpackRpc/loggable.h>

#include <QtCore/QMetaMethod>
#include <QtQml/QQmlContext>
#include <QtQml/QQmlEngine>
#include <QtQml/QQmlInfo>

namespace MsgpackRpc {

RpcServer::RpcServer(QObject *parent) : QObject(parent)
{
    m_server.objectDispatcher().setFallback([this](IncomingCall &call) {
        m_dispatcher.dispatch(call);
        return true;
    });
    connect(&m_server, &Server::sessionOpened, this, &RpcServer::opened);
    connect(&m_server, &Server::sessionClosed, this, &RpcServer::closed);
}

RpcServer::~RpcServer()
{
    m_server.disconnect(this);
    const auto clients = std::exchange(m_clients, {});
    for (const QPointer<RpcClient> &client : clients)
        delete client; // before its session
}

void RpcServer::componentComplete()
{
    m_isComplete = true;
    const QPointer<RpcServer> self(this);
    serveAll();
    if (self)
        listen();
}

void RpcServer::setUrl(const QUrl &url)
{
    if (m_url == url)
        return;
    m_url = url;
    const QPointer<RpcServer> self(this);
    listen();
    if (self)
        Q_EMIT urlChanged();
}

void RpcServer::setActive(bool active)
{
    if (m_isActive == active)
        return;
    m_isActive = active;
    const QPointer<RpcServer> self(this);
    listen();
    if (self)
        Q_EMIT activeChanged();
}

void RpcServer::listen()
{
    if (!m_isComplete)
        return;
    const QPointer<RpcServer> self(this);
    const bool wasListening = isListening();
    const int turn = ++m_listens;
    m_server.close();
    if (!self || turn != m_listens) // who was told of the end has listened elsewhere
        return;
    const bool isWanted = m_isActive && !m_url.isEmpty();
    const bool hasFailed = isWanted && !m_server.listen(m_url);
    if (wasListening || isListening())
        Q_EMIT urlsChanged();
    if (self)
        setProblem(&m_listenProblem, hasFailed ? m_server.error() : Error());
}

void RpcServer::setTarget(QObject *target)
{
    if (m_target == target)
        return;
    m_target = target;
    const QPointer<RpcServer> self(this);
    serveAll();
    if (self)
        Q_EMIT targetChanged();
}

void RpcServer::setObjects(const QVariantMap &objects)
{
    if (m_objects == objects)
        return;
    m_objects = objects;
    const QPointer<RpcServer> self(this);
    serveAll();
    if (self)
        Q_EMIT objectsChanged();
}

void RpcServer::setAccept(const QStringList &accept)
{
    if (m_accept == accept)
        return;
    m_accept = accept;
    const QPointer<RpcServer> self(this);
    serveAll();
    if (self)
        Q_EMIT acceptChanged();
}

void RpcServer::setToken(const QString &token)
{
    if (m_token == token)
        return;
    m_token = token;
    m_server.setToken(token.toUtf8());
    Q_EMIT tokenChanged();
}

void RpcServer::serveAll()
{
    if (!m_isComplete)
        return;
    for (const QPointer<QObject> &object : std::exchange(m_served, {})) {
        if (object)
            m_dispatcher.unserve(object);
    }
    QStringList problems;
    if (m_target)
        serve(QString(), m_target, m_accept, &problems);
    for (auto it = m_objects.cbegin(); it != m_objects.cend(); ++it) {
        if (auto *const object = it.value().value<QObject *>())
            serve(it.key(), object, {}, &problems);
        else
            problems.append(
                    QStringLiteral("what is to be served as `%1' is no object").arg(it.key()));
    }
    setProblem(&m_serveProblem, problems.isEmpty() ? Error()
                                                   : Error(Error::InvalidArguments,
                                                           problems.join(QLatin1String("; "))));
}

void RpcServer::serve(const QString &name, QObject *object, const QStringList &accept,
                      QStringList *problems)
{
    m_served.append(object);
    if (!m_dispatcher.serve(name, object, accept))
        problems->append(m_dispatcher.error().message());
}

// Both may be wrong, where it listens and what it serves; of those the property has one.
void RpcServer::setProblem(Error *place, const Error &problem)
{
    *place = problem;
    if (problem)
        qmlWarning(this) << Detail::loggable(problem.message());
    const Error error = m_listenProblem ? m_listenProblem : m_serveProblem;
    const ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr || (!error && m_error.isUndefined()))
        return;
    m_error = error ? support->toScript(error, QString(), m_url) : QJSValue();
    const QPointer<RpcServer> self(this);
    const QJSValue told = m_error;
    Q_EMIT errorChanged();
    if (self && problem)
        Q_EMIT errorOccurred(told);
}

RpcClient *RpcServer::caller()
{
    Session *const session = m_dispatcher.currentSession();
    return session != nullptr && m_server.sessions().contains(session) ? clientOf(session)
                                                                       : nullptr;
}

RpcClient *RpcServer::clientOf(Session *session)
{
    QPointer<RpcClient> &client = m_clients[session];
    if (client == nullptr) {
        client = new RpcClient(this);
        if (QQmlContext *const context = qmlContext(this))
            QQmlEngine::setContextForObject(client, context);
        client->setSource(session);
    }
    return client;
}

void RpcServer::opened(Session *session)
{
    const QPointer<RpcServer> self(this);
    static const QMetaMethod signal = QMetaMethod::fromSignal(&RpcServer::clientConnected);
    Q_EMIT connectionsChanged();
    if (self && m_server.sessions().contains(session) && isSignalConnected(signal))
        Q_EMIT clientConnected(clientOf(session));
}

void RpcServer::closed(Session *session)
{
    const QPointer<RpcServer> self(this);
    const QPointer<RpcClient> client = m_clients.take(session);
    Q_EMIT connectionsChanged();
    if (self && client)
        Q_EMIT clientDisconnected(client);
    if (client)
        client->deleteLater();
}

int RpcServer::notifyAll(const QJSValue &method, const QJSValue &arguments)
{
    const ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr)
        return 0;
    const QPointer<RpcServer> self(this);
    const ScriptMethod scriptMethod(method);
    if (!self)
        return 0;
    Error error = scriptMethod.error();
    Writer writer(m_server.wireFormat());
    if (!error) {
        ScriptArguments(arguments).write(*support, writer, m_server.limits());
        if (!self)
            return 0;
        error = argumentsError(writer);
    }
    if (error) {
        qmlWarning(this) << "a notification of " << Detail::loggable(scriptMethod.text())
                         << " was dropped: " << Detail::loggable(error.message());
        return 0;
    }
    int count = 0;
    const QList<Session *> sessions = m_server.sessions();
    for (Session *session : sessions)
        count += notifyWith(session->callTarget(), scriptMethod, writer) ? 1 : 0;
    return count;
}

} // namespace MsgpackRpc
