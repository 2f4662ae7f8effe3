// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/server.h>

#include "base/limits_p.h"
#include "base/threadcheck_p.h"
#include "endpoint/acceptor_p.h"
#include "transport/ownlistener_p.h"
#include "transport/standardlistener_p.h"

#include <QtNetwork/QSslConfiguration>

namespace MsgpackRpc {

class ServerPrivate
{
public:
    explicit ServerPrivate(Server *server)
        : dispatcher(server), acceptor(server, dispatcher, settings)
    {
    }

    ObjectDispatcher dispatcher;
    SessionSettings settings;
    Acceptor acceptor;
};

Server::Server(QObject *parent) : QObject(parent), d(std::make_unique<ServerPrivate>(this))
{
    d->acceptor.onOpened = [this](AcceptedSession *session) { Q_EMIT sessionOpened(session); };
    d->acceptor.onClosed = [this](Session *session) { Q_EMIT sessionClosed(session); };
}

Server::~Server() = default;

bool Server::listen(const QUrl &url)
{
    if (!isInThread(this, "Server::listen()"))
        return false;
    return d->acceptor.listen(url);
}

bool Server::listen(QTcpServer *server)
{
    if (!isInThread(this, "Server::listen()"))
        return false;
    return d->acceptor.listen(std::make_unique<OwnTcpListener>(server));
}

bool Server::listen(QLocalServer *server)
{
    if (!isInThread(this, "Server::listen()"))
        return false;
    return d->acceptor.listen(std::make_unique<OwnLocalListener>(server));
}

bool Server::listenOnStandardStreams()
{
    if (!isInThread(this, "Server::listenOnStandardStreams()"))
        return false;
    auto listener = std::make_unique<StandardListener>();
    connect(listener.get(), &StandardListener::ended, this, &Server::standardStreamsEnded);
    return d->acceptor.listen(std::move(listener));
}

QList<QUrl> Server::urls() const
{
    if (!isInThread(this, "Server::urls()"))
        return {};
    return d->acceptor.urls();
}

void Server::close()
{
    if (isInThread(this, "Server::close()"))
        d->acceptor.close();
}

Counters Server::counters() const
{
    if (!isInThread(this, "Server::counters()"))
        return {};
    return d->acceptor.counters();
}

quint64 Server::datagramsDropped() const
{
    if (!isInThread(this, "Server::datagramsDropped()"))
        return 0;
    return d->acceptor.datagramsDropped();
}

Error Server::error() const
{
    if (!isInThread(this, "Server::error()"))
        return {};
    return d->acceptor.error();
}

QList<Session *> Server::sessions() const
{
    if (!isInThread(this, "Server::sessions()"))
        return {};
    return d->acceptor.sessions();
}

std::chrono::milliseconds Server::timeout() const
{
    return d->settings.timeout;
}

void Server::setTimeout(std::chrono::milliseconds timeout)
{
    if (!isInThread(this, "Server::setTimeout()") || d->settings.timeout == timeout)
        return;
    d->settings.timeout = timeout;
    Q_EMIT timeoutChanged();
}

Limits Server::limits() const
{
    return d->settings.transport.limits;
}

void Server::setLimits(const Limits &limits)
{
    if (!isInThread(this, "Server::setLimits()") || d->settings.transport.limits == inRange(limits))
        return;
    d->settings.transport.limits = inRange(limits);
    d->acceptor.limitsChanged();
    Q_EMIT limitsChanged();
}

TransportOption Server::acceptedOptions() const
{
    return d->settings.transport.accepted;
}

void Server::setAcceptedOptions(TransportOption options)
{
    if (!isInThread(this, "Server::setAcceptedOptions()")
        || d->settings.transport.accepted == options)
        return;
    d->settings.transport.accepted = options;
    Q_EMIT acceptedOptionsChanged();
}

WireFormat Server::wireFormat() const
{
    return d->settings.transport.format;
}

void Server::setWireFormat(WireFormat format)
{
    if (!isInThread(this, "Server::setWireFormat()") || d->settings.transport.format == format)
        return;
    d->settings.transport.format = format;
    Q_EMIT wireFormatChanged();
}

std::chrono::seconds Server::keepAlive() const
{
    return std::chrono::seconds(d->settings.transport.keepAlive);
}

void Server::setKeepAlive(std::chrono::seconds time)
{
    if (!isInThread(this, "Server::setKeepAlive()"))
        return;
    if (d->settings.transport.setKeepAlive(time))
        Q_EMIT keepAliveChanged();
}

NotifierMode Server::notifierMode() const
{
    return d->settings.transport.notifierMode;
}

void Server::setNotifierMode(NotifierMode mode)
{
    if (!isInThread(this, "Server::setNotifierMode()")
        || d->settings.transport.notifierMode == mode)
        return;
    d->settings.transport.notifierMode = mode;
    Q_EMIT notifierModeChanged();
}

LocalAccess Server::localAccess() const
{
    return d->settings.transport.localAccess;
}

void Server::setLocalAccess(LocalAccess access)
{
    if (!isInThread(this, "Server::setLocalAccess()")
        || d->settings.transport.localAccess == access)
        return;
    d->settings.transport.localAccess = access;
    Q_EMIT localAccessChanged();
}

QSslConfiguration Server::tlsConfiguration() const
{
    return d->settings.transport.tls ? *d->settings.transport.tls
                                     : QSslConfiguration::defaultConfiguration();
}

void Server::setTlsConfiguration(const QSslConfiguration &configuration)
{
    if (!isInThread(this, "Server::setTlsConfiguration()"))
        return;
    d->settings.transport.tls = std::make_shared<const QSslConfiguration>(configuration);
}

void Server::setToken(const QByteArray &token)
{
    if (!isInThread(this, "Server::setToken()"))
        return;
    d->acceptor.doorkeeper().setToken(token);
}

bool Server::hasToken() const
{
    return d->acceptor.doorkeeper().hasToken();
}

void Server::setAuthenticator(Authenticator authenticator, Credentials credentials)
{
    if (!isInThread(this, "Server::setAuthenticator()"))
        return;
    d->acceptor.doorkeeper().setAuthenticator(std::move(authenticator),
                                              credentials == TokenCredentials);
}

ObjectDispatcher &Server::objectDispatcher()
{
    return d->dispatcher;
}

} // namespace MsgpackRpc
