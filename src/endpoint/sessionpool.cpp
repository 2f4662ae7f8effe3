// SPDX-License-Identifier: Apache-2.0
#include "endpoint/sessionpool_p.h"

#include "base/limits_p.h"
#include "base/threadcheck_p.h"
#include "session/session_p.h"
#include "transport/connector_p.h"

#include <QtCore/QPointer>
#include <QtNetwork/QSslConfiguration>

namespace MsgpackRpc {

QUrl SessionPoolPrivate::keyOf(const QUrl &url)
{
    // Its calls are to say what is wrong with it.
    if (!Connector::check(url).isEmpty())
        return url;
    QUrl key;
    key.setScheme(url.scheme());
    if (url.host().isEmpty()) {
        key.setPath(url.path());
        return key;
    }
    const std::optional<Address> literal = Address::fromUrl(url);
    // An address that is of use on one interface only is not the same on another.
    if (literal && QHostAddress(url.host()).scopeId().isEmpty())
        return literal->toUrl(url.scheme());
    key.setHost(url.host().toLower());
    key.setPort(url.port());
    return key;
}

Session *SessionPoolPrivate::make(const QUrl &key)
{
    auto *const session = new Session(key, q);
    SessionPrivate *const made = SessionPrivate::get(session);
    made->settings = settings.transport;
    made->setUrl(key);
    made->timeout = settings.timeout;
    made->option = settings.option;
    session->setDispatcher(&dispatcher);
    sessions.insert(key, session);
    QObject::connect(session, &QObject::destroyed, q, [this, key, session] {
        if (find(key) == session)
            sessions.remove(key);
        if (onGone)
            onGone(session);
    });
    return session;
}

void SessionPoolPrivate::setOwnAddress(const std::optional<Address> &address)
{
    settings.transport.ownAddress = address;
    for (Session *session : std::as_const(sessions))
        SessionPrivate::get(session)->settings.ownAddress = address;
}

void SessionPoolPrivate::clear()
{
    // Who hears of one end may delete another.
    while (!sessions.isEmpty()) {
        Session *const session = *sessions.cbegin();
        sessions.erase(sessions.cbegin());
        session->disconnect(q);
        delete session;
    }
}

SessionPool::SessionPool(QObject *parent)
    : QObject(parent), d(std::make_unique<SessionPoolPrivate>(this))
{
}

SessionPool::~SessionPool()
{
    d->clear();
}

Session *SessionPool::session(const QUrl &url)
{
    if (!isInThread(this, "SessionPool::session()"))
        return d->nobodys;
    const QUrl key = SessionPoolPrivate::keyOf(url);
    Session *session = d->find(key);
    if (session == nullptr)
        session = d->make(key);
    if (d->onAsked)
        d->onAsked(session);
    return session;
}

Session *SessionPool::session(const Address &address)
{
    return session(address.toUrl());
}

Session *SessionPool::session(const QString &host, quint16 port)
{
    QUrl url;
    url.setScheme(QStringLiteral("tcp"));
    url.setHost(host);
    url.setPort(port);
    return session(url);
}

QList<Session *> SessionPool::sessions() const
{
    if (!isInThread(this, "SessionPool::sessions()"))
        return {};
    return d->sessions.values();
}

void SessionPool::close()
{
    if (!isInThread(this, "SessionPool::close()"))
        return;
    // Who hears of one end may delete another, or the pool.
    QList<QPointer<Session>> all;
    for (Session *session : std::as_const(d->sessions))
        all.append(session);
    for (const QPointer<Session> &session : std::as_const(all)) {
        if (session)
            session->close();
    }
}

std::chrono::milliseconds SessionPool::timeout() const
{
    return d->settings.timeout;
}

void SessionPool::setTimeout(std::chrono::milliseconds timeout)
{
    if (!isInThread(this, "SessionPool::setTimeout()") || d->settings.timeout == timeout)
        return;
    d->settings.timeout = timeout;
    Q_EMIT timeoutChanged();
}

std::chrono::milliseconds SessionPool::connectTimeout() const
{
    return d->settings.transport.connectTimeout;
}

void SessionPool::setConnectTimeout(std::chrono::milliseconds timeout)
{
    if (!isInThread(this, "SessionPool::setConnectTimeout()")
        || d->settings.transport.connectTimeout == timeout)
        return;
    d->settings.transport.connectTimeout = timeout;
    Q_EMIT connectTimeoutChanged();
}

Limits SessionPool::limits() const
{
    return d->settings.transport.limits;
}

void SessionPool::setLimits(const Limits &limits)
{
    if (!isInThread(this, "SessionPool::setLimits()")
        || d->settings.transport.limits == inRange(limits))
        return;
    d->settings.transport.limits = inRange(limits);
    Q_EMIT limitsChanged();
}

TransportOption SessionPool::transportOption() const
{
    return d->settings.option;
}

void SessionPool::setTransportOption(TransportOption option)
{
    if (!isInThread(this, "SessionPool::setTransportOption()") || d->settings.option == option)
        return;
    d->settings.option = option;
    Q_EMIT transportOptionChanged();
}

TransportOption SessionPool::acceptedOptions() const
{
    return d->settings.transport.accepted;
}

void SessionPool::setAcceptedOptions(TransportOption options)
{
    if (!isInThread(this, "SessionPool::setAcceptedOptions()")
        || d->settings.transport.accepted == options)
        return;
    d->settings.transport.accepted = options;
    Q_EMIT acceptedOptionsChanged();
}

WireFormat SessionPool::wireFormat() const
{
    return d->settings.transport.format;
}

void SessionPool::setWireFormat(WireFormat format)
{
    if (!isInThread(this, "SessionPool::setWireFormat()") || d->settings.transport.format == format)
        return;
    d->settings.transport.format = format;
    Q_EMIT wireFormatChanged();
}

Reconnect SessionPool::reconnect() const
{
    return d->settings.transport.reconnect;
}

void SessionPool::setReconnect(const Reconnect &reconnect)
{
    if (!isInThread(this, "SessionPool::setReconnect()")
        || d->settings.transport.reconnect == reconnect)
        return;
    d->settings.transport.reconnect = reconnect;
    Q_EMIT reconnectChanged();
}

std::chrono::seconds SessionPool::keepAlive() const
{
    return std::chrono::seconds(d->settings.transport.keepAlive);
}

void SessionPool::setKeepAlive(std::chrono::seconds time)
{
    if (!isInThread(this, "SessionPool::setKeepAlive()"))
        return;
    if (d->settings.transport.setKeepAlive(time))
        Q_EMIT keepAliveChanged();
}

QSslConfiguration SessionPool::tlsConfiguration() const
{
    return d->settings.transport.tls ? *d->settings.transport.tls
                                     : QSslConfiguration::defaultConfiguration();
}

void SessionPool::setTlsConfiguration(const QSslConfiguration &configuration)
{
    if (!isInThread(this, "SessionPool::setTlsConfiguration()"))
        return;
    d->settings.transport.tls = std::make_shared<const QSslConfiguration>(configuration);
}

void SessionPool::setToken(const QByteArray &token)
{
    if (!isInThread(this, "SessionPool::setToken()"))
        return;
    d->settings.transport.token = token;
}

ObjectDispatcher &SessionPool::objectDispatcher()
{
    return d->dispatcher;
}

} // namespace MsgpackRpc
