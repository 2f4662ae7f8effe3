// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/session.h>

#include "base/limits_p.h"
#include "session/session_p.h"
#include "transport/deviceconnector_p.h"

#include <QtNetwork/QSslConfiguration>

namespace MsgpackRpc {

Session::Session(QObject *parent) : Session(std::make_unique<SessionPrivate>(), parent)
{
    d->settings.keepAlive = 60;
    d->settings.log = std::make_shared<PeerLog>();
}

Session::Session(const QUrl &url, QObject *parent) : Session(parent)
{
    d->setUrl(url);
}

Session::Session(std::unique_ptr<SessionPrivate> dd, QObject *parent)
    : QObject(parent), d(std::move(dd))
{
    d->init(this);
}

Session::~Session()
{
    shutdown();
    SessionPrivate::end(std::move(d));
}

void Session::shutdown()
{
    d->shutdown();
}

QUrl Session::url() const
{
    return d->settings.url;
}

void Session::setUrl(const QUrl &url)
{
    if (!d->checkThread("Session::setUrl()"))
        return;
    const bool isSame = d->settings.url == url;
    if (isSame && !d->settings.connector)
        return;
    const QPointer<Session> guard(this);
    d->setUrl(url);
    if (guard && !isSame)
        Q_EMIT urlChanged();
}

bool Session::setDevice(QIODevice *device)
{
    if (!d->checkThread("Session::setDevice()") || d->isPassive)
        return false;
    const QPointer<QIODevice> guard(device);
    const QPointer<Session> self(this);
    d->setConnector([guard] { return std::make_unique<DeviceConnector>(guard); },
                    QStringLiteral("the device"));
    if (self)
        d->open();
    return self && DeviceConnector::problemOf(guard).isEmpty();
}

void Session::open()
{
    d->open();
}

void Session::close()
{
    if (d->checkThread("Session::close()"))
        d->close(Error(Error::Canceled, QStringLiteral("the session was closed")));
}

Session::State Session::state() const
{
    return d->state;
}

std::chrono::milliseconds Session::timeout() const
{
    return d->timeout;
}

void Session::setTimeout(std::chrono::milliseconds timeout)
{
    if (!d->checkThread("Session::setTimeout()") || d->timeout == timeout)
        return;
    d->timeout = timeout;
    Q_EMIT timeoutChanged();
}

std::chrono::milliseconds Session::connectTimeout() const
{
    return d->settings.connectTimeout;
}

void Session::setConnectTimeout(std::chrono::milliseconds timeout)
{
    if (!d->checkThread("Session::setConnectTimeout()") || d->settings.connectTimeout == timeout)
        return;
    d->settings.connectTimeout = timeout;
    Q_EMIT connectTimeoutChanged();
}

Limits Session::limits() const
{
    return d->settings.limits;
}

void Session::setLimits(const Limits &limits)
{
    if (!d->checkThread("Session::setLimits()") || d->settings.limits == inRange(limits))
        return;
    d->settings.limits = inRange(limits);
    d->limitsChanged();
    Q_EMIT limitsChanged();
}

TransportOption Session::transportOption() const
{
    return d->option;
}

void Session::setTransportOption(TransportOption option)
{
    if (!d->checkThread("Session::setTransportOption()") || d->option == option)
        return;
    d->option = option;
    Q_EMIT transportOptionChanged();
}

TransportOption Session::acceptedOptions() const
{
    return d->settings.accepted;
}

void Session::setAcceptedOptions(TransportOption options)
{
    if (!d->checkThread("Session::setAcceptedOptions()") || d->settings.accepted == options)
        return;
    d->settings.accepted = options;
    Q_EMIT acceptedOptionsChanged();
}

WireFormat Session::wireFormat() const
{
    return d->settings.format;
}

void Session::setWireFormat(WireFormat format)
{
    if (!d->checkThread("Session::setWireFormat()") || d->settings.format == format)
        return;
    d->setFormat(format);
    Q_EMIT wireFormatChanged();
}

Reconnect Session::reconnect() const
{
    return d->settings.reconnect;
}

void Session::setReconnect(const Reconnect &reconnect)
{
    if (!d->checkThread("Session::setReconnect()") || d->settings.reconnect == reconnect)
        return;
    d->settings.reconnect = reconnect;
    Q_EMIT reconnectChanged();
}

std::chrono::seconds Session::keepAlive() const
{
    return std::chrono::seconds(d->settings.keepAlive);
}

void Session::setKeepAlive(std::chrono::seconds time)
{
    if (!d->checkThread("Session::setKeepAlive()"))
        return;
    if (d->settings.setKeepAlive(time))
        Q_EMIT keepAliveChanged();
}

NotifierMode Session::notifierMode() const
{
    return d->settings.notifierMode;
}

void Session::setNotifierMode(NotifierMode mode)
{
    if (!d->checkThread("Session::setNotifierMode()") || d->settings.notifierMode == mode)
        return;
    d->settings.notifierMode = mode;
    Q_EMIT notifierModeChanged();
}

QSslConfiguration Session::tlsConfiguration() const
{
    return d->settings.tls ? *d->settings.tls : QSslConfiguration::defaultConfiguration();
}

void Session::setTlsConfiguration(const QSslConfiguration &configuration)
{
    if (!d->checkThread("Session::setTlsConfiguration()"))
        return;
    d->settings.tls = std::make_shared<const QSslConfiguration>(configuration);
}

void Session::setToken(const QByteArray &token)
{
    if (!d->checkThread("Session::setToken()"))
        return;
    d->settings.token = token;
}

bool Session::hasToken() const
{
    return !d->settings.token.isEmpty();
}

Dispatcher *Session::dispatcher() const
{
    return d->dispatcher;
}

void Session::setDispatcher(Dispatcher *dispatcher)
{
    if (!d->checkThread("Session::setDispatcher()"))
        return;
    d->setDispatcher(dispatcher);
}

SessionHandle Session::handle() const
{
    if (!d->checkThread("Session::handle()"))
        return {};
    return SessionHandle(d->anchor());
}

std::optional<Address> Session::address() const
{
    return Address::fromUrl(d->settings.url);
}

std::optional<Address> Session::peerAddress() const
{
    if (!d->checkThread("Session::peerAddress()"))
        return {};
    return d->state == Connected ? d->lastPeer : std::nullopt;
}

QSslCertificate Session::peerCertificate() const
{
    if (!d->checkThread("Session::peerCertificate()"))
        return QSslCertificate();
    const Connection *const connection = d->connection();
    return connection != nullptr ? connection->peerCertificate() : QSslCertificate();
}

QString Session::peerName() const
{
    if (!d->checkThread("Session::peerName()"))
        return {};
    return d->lastPeerName.isEmpty() ? d->settings.target() : d->lastPeerName;
}

int Session::pendingCalls() const
{
    return d->calls.size();
}

int Session::requestsInWork() const
{
    return d->requestsInWork();
}

bool Session::isCongested() const
{
    return d->isCongested;
}

qsizetype Session::bytesToWrite() const
{
    if (!d->checkThread("Session::bytesToWrite()"))
        return 0;
    return d->bytesToWrite();
}

quint64 Session::datagramsDropped() const
{
    if (!d->checkThread("Session::datagramsDropped()"))
        return 0;
    return d->datagramsDropped();
}

Counters Session::counters() const
{
    if (!d->checkThread("Session::counters()"))
        return {};
    return d->counted();
}

void Session::setNextMsgid(quint32 msgid)
{
    if (!d->checkThread("Session::setNextMsgid()"))
        return;
    d->isMsgidSet = true;
    d->setNextId(msgid);
}

} // namespace MsgpackRpc
