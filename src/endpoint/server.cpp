// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/server.h>

#include "base/logging_p.h"
#include "session/acceptedsession_p.h"
#include "transport/listener_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QDeadlineTimer>
#include <QtCore/QHash>
#include <QtCore/QPointer>

#include <vector>

namespace MsgpackRpc {

class ServerPrivate
{
public:
    explicit ServerPrivate(Server *server) : q(server) {}

    bool listen(const QUrl &url);
    void accept(std::unique_ptr<QIODevice> device);
    bool admits(const std::optional<Address> &peer, const QString &name);
    void closed(Session *session);
    void forget(Session *session);
    void updateAccepting();
    void limitClosing(const QList<Session *> &closing);

    Server *q;
    ObjectDispatcher dispatcher;
    std::vector<std::unique_ptr<Listener>> listeners;
    QList<Session *> sessions;
    QHash<Session *, QHostAddress> hosts;
    QHash<QHostAddress, int> perHost;
    TransportSettings settings;
    std::chrono::milliseconds timeout{10'000};
    Error error;
    bool isPaused = false;
};

bool ServerPrivate::listen(const QUrl &url)
{
    QString why;
    std::unique_ptr<Listener> listener = Listener::create(url, &why);
    if (listener && !listener->listen(url))
        why = listener->error();
    if (!why.isEmpty()) {
        error = Error(Error::NotConnectable, QStringLiteral("cannot listen: %1").arg(why));
        return false;
    }
    listener->setKeepAlive(settings.keepAlive);
    listener->setAcceptor([this](std::unique_ptr<QIODevice> device) { accept(std::move(device)); });
    qCDebug(lcEndpoint).noquote() << "listening at" << listener->url().toString();
    listeners.push_back(std::move(listener));
    return true;
}

// One address can have no more than its part; the total only makes the others wait.
bool ServerPrivate::admits(const std::optional<Address> &peer, const QString &name)
{
    if (!peer || perHost.value(peer->host()) < settings.limits.connectionsPerAddress)
        return true;
    qCWarning(lcEndpoint).noquote()
            << "refusing a connection from" << name + QLatin1Char(':') << "more than"
            << settings.limits.connectionsPerAddress << "from this address";
    return false;
}

void ServerPrivate::accept(std::unique_ptr<QIODevice> device)
{
    auto *const session = new AcceptedSession(std::move(device), settings, q);
    if (!admits(session->peerAddress(), session->peerName())) {
        delete session;
        return;
    }
    session->setTimeout(timeout);
    session->setDispatcher(&dispatcher);
    session->onClosed([this, session] { closed(session); });
    QObject::connect(session, &QObject::destroyed, q, [this, session] { forget(session); });
    sessions.append(session);
    if (const auto peer = session->peerAddress()) {
        hosts.insert(session, peer->host());
        ++perHost[peer->host()];
    }
    updateAccepting();
    Q_EMIT q->sessionOpened(session);
}

void ServerPrivate::closed(Session *session)
{
    if (!sessions.contains(session))
        return;
    const QPointer<Session> guard(session);
    forget(session);
    Q_EMIT q->sessionClosed(session);
    if (guard)
        guard->deleteLater();
}

void ServerPrivate::forget(Session *session)
{
    sessions.removeOne(session);
    const auto host = hosts.constFind(session);
    if (host != hosts.cend()) {
        if (--perHost[*host] == 0)
            perHost.remove(*host);
        hosts.erase(host);
    }
    updateAccepting();
}

// Limits::closeTime is for all of them together: they are flushed here, and what is left over then is not waited for.
void ServerPrivate::limitClosing(const QList<Session *> &closing)
{
    QDeadlineTimer deadline(settings.limits.closeTime);
    for (Session *session : closing)
        static_cast<AcceptedSession *>(session)->flushWithin(
                std::chrono::milliseconds(deadline.remainingTime()));
}

// Without this, running out of descriptors makes QTcpServer spin.
void ServerPrivate::updateAccepting()
{
    const bool pause = sessions.size() >= settings.limits.connections;
    if (pause == isPaused)
        return;
    isPaused = pause;
    qCWarning(lcEndpoint).noquote() << (pause ? "accepting pauses at" : "accepting goes on below")
                                    << settings.limits.connections << "connections";
    for (const auto &listener : listeners)
        listener->setPaused(pause);
}

Server::Server(QObject *parent) : QObject(parent), d(std::make_unique<ServerPrivate>(this))
{
    d->settings.keepAlive = 60;
    if (QCoreApplication::instance() == nullptr)
        return;
    connect(QCoreApplication::instance(), &QCoreApplication::aboutToQuit, this,
            [this] { d->limitClosing(sessions()); });
}

Server::~Server()
{
    d->listeners.clear();
    d->limitClosing(sessions());
    for (Session *session : sessions()) {
        session->disconnect(this);
        delete session;
    }
}

bool Server::listen(const QUrl &url)
{
    return d->listen(url);
}

QList<QUrl> Server::urls() const
{
    QList<QUrl> urls;
    for (const auto &listener : d->listeners)
        urls.append(listener->url());
    return urls;
}

void Server::close()
{
    d->listeners.clear();
    const QList<Session *> open = sessions();
    d->limitClosing(open);
    for (Session *session : open) {
        session->close();
        d->closed(session);
    }
}

Error Server::error() const
{
    return d->error;
}

QList<Session *> Server::sessions() const
{
    return d->sessions;
}

std::chrono::milliseconds Server::timeout() const
{
    return d->timeout;
}

void Server::setTimeout(std::chrono::milliseconds timeout)
{
    if (d->timeout == timeout)
        return;
    d->timeout = timeout;
    Q_EMIT timeoutChanged();
}

Limits Server::limits() const
{
    return d->settings.limits;
}

void Server::setLimits(const Limits &limits)
{
    if (d->settings.limits == limits)
        return;
    d->settings.limits = limits;
    Q_EMIT limitsChanged();
}

TransportOption Server::acceptedOptions() const
{
    return d->settings.accepted;
}

void Server::setAcceptedOptions(TransportOption options)
{
    if (d->settings.accepted == options)
        return;
    d->settings.accepted = options;
    Q_EMIT acceptedOptionsChanged();
}

WireFormat Server::wireFormat() const
{
    return d->settings.format;
}

void Server::setWireFormat(WireFormat format)
{
    if (d->settings.format == format)
        return;
    d->settings.format = format;
    Q_EMIT wireFormatChanged();
}

std::chrono::seconds Server::keepAlive() const
{
    return std::chrono::seconds(d->settings.keepAlive);
}

void Server::setKeepAlive(std::chrono::seconds time)
{
    if (keepAlive() == time)
        return;
    d->settings.keepAlive = int(time.count());
    Q_EMIT keepAliveChanged();
}

ObjectDispatcher &Server::objectDispatcher()
{
    return d->dispatcher;
}

} // namespace MsgpackRpc
