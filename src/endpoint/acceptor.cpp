// SPDX-License-Identifier: Apache-2.0
#include "endpoint/acceptor_p.h"

#include "base/logging_p.h"
#include "session/quitting_p.h"
#include "transport/datagramdevice_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QPointer>

namespace MsgpackRpc {

namespace {

// Who hears of one end, even by a slot of a device that is the user's, may delete another, or the owner.
QList<QPointer<Session>> guarded(const QList<Session *> &sessions)
{
    return {sessions.cbegin(), sessions.cend()};
}

} // namespace

Acceptor::Acceptor(QObject *owner, Dispatcher &dispatcher, const SessionSettings &settings)
    : m_owner(owner),
      m_dispatcher(dispatcher),
      m_settings(settings),
      m_doorkeeper(settings),
      m_datagrams(settings.transport.limits.datagramIdleTime,
                  [this](AcceptedSession *session) { end(session); }),
      m_streams(settings.transport.limits.idleTime,
                [this](AcceptedSession *session) { endIdle(session); }),
      m_counters(std::make_shared<Counters>())
{
    m_doorkeeper.onAccepted = [this](AcceptedSession *session) { open(session); };
    m_doorkeeper.onRefused = [this](AcceptedSession *session) {
        count(Counters::NotAuthenticated);
        end(session);
    };
    if (QCoreApplication::instance() == nullptr)
        return;
    whenQuitting(QCoreApplication::instance(), owner, [this](std::chrono::milliseconds waited) {
        flushAll(m_settings.transport.limits.closeTime - waited, [](AcceptedSession *) {});
    });
}

Acceptor::~Acceptor()
{
    // Nobody is told any more. Slots of the user's that run meanwhile may still end sessions, and have some let in.
    onOpened = [](AcceptedSession *) {};
    onClosed = [](Session *) {};
    retireListeners();
    flushForGood();
    const auto all = guarded(allSessions());
    for (const QPointer<Session> &session : all) {
        if (!session)
            continue;
        session->disconnect(m_owner);
        forget(session);
    }
    for (const QPointer<Session> &session : all)
        delete session;
}

bool Acceptor::listen(const QUrl &url)
{
    QString why;
    std::unique_ptr<Listener> listener = Listener::create(url, m_settings.transport, &why);
    if (listener && m_doorkeeper.isNeeded() && url.scheme() == QLatin1String("udp"))
        return fail(
                QStringLiteral(
                        "%1: a datagram proves nothing: no token or authenticator can decide on it")
                        .arg(shown(url)));
    return listener ? listen(std::move(listener), url) : fail(why);
}

bool Acceptor::fail(const QString &why)
{
    m_error = Error(Error::NotConnectable, QStringLiteral("cannot listen: %1").arg(why));
    return false;
}

bool Acceptor::listen(std::unique_ptr<Listener> listener, const QUrl &url)
{
    listener->setSettings(m_settings.transport);
    if (!listener->listen(url))
        return fail(listener->error());
    listener->setPlaces(*this);
    QObject::connect(listener.get(), &Listener::acceptFailed, m_owner,
                     [this, from = listener.get()] { onAcceptFailed(*from); });
    QObject::connect(listener.get(), &Listener::handshakeFailed, m_owner,
                     [this] { count(Counters::HandshakeFailed); });
    listener->setAcceptor(
            [this, keepIdle = listener->keepsIdle()](std::unique_ptr<QIODevice> device) {
                accept(std::move(device), keepIdle);
            });
    qCDebug(lcEndpoint).noquote() << "listening at" << listener->url().toString();
    if (m_isPaused)
        listener->setPaused(true);
    m_listeners.push_back(std::move(listener));
    updateAccepting(); // which may be to none
    return true;
}

QList<QUrl> Acceptor::urls() const
{
    QList<QUrl> urls;
    for (const auto &listener : m_listeners) {
        const QUrl url = listener->url();
        if (!url.isEmpty()) // one of the user's may have ended, and standard streams have none
            urls.append(url);
    }
    return urls;
}

void Acceptor::close()
{
    retireListeners();
    const QPointer<QObject> owner(m_owner);
    flushForGood();
    if (!owner)
        return;
    for (const QPointer<Session> &session : guarded(allSessions())) {
        if (owner && session)
            end(session);
    }
}

void Acceptor::end(Session *session)
{
    const QPointer<Session> guard(session);
    session->close();
    if (guard)
        closed(session);
}

void Acceptor::endIdle(AcceptedSession *session)
{
    const Error why(
            Error::LimitExceeded,
            QStringLiteral(
                    "the connection was closed because it was idle for %1 ms (Limits::idleTime)")
                    .arg(m_settings.transport.limits.idleTime.count()));
    qCDebug(lcEndpoint).noquote() << loggable(session->peerName()) + QLatin1Char(':')
                                  << why.message();
    const QPointer<AcceptedSession> guard(session);
    SessionPrivate *const ended = SessionPrivate::get(session);
    if (!ended->endError) // it was lost just now, which is told instead
        ended->endError = why;
    ended->close(why);
    if (guard)
        closed(session);
}

void Acceptor::limitsChanged()
{
    m_datagrams.timeChanged();
    m_streams.timeChanged();
    updateAccepting();
}

void Acceptor::retireListeners()
{
    m_datagramsDropped = datagramsDropped();
    // Out of the list first: what they give back makes this look at those that are in it.
    const auto retired = std::exchange(m_listeners, {});
}

quint64 Acceptor::datagramsDropped() const
{
    quint64 count = m_datagramsDropped;
    for (const auto &listener : m_listeners)
        count += listener->datagramsDropped();
    return count;
}

// One address can have no more than its part; the total only makes the others wait.
bool Acceptor::takePlace(const QHostAddress &host, const QString &peerName)
{
    const int most = m_settings.transport.limits.connectionsPerAddress;
    if (!host.isNull() && m_perHost.value(host) >= most) {
        peerWarning(m_settings.transport.log.get(), lcEndpoint)
                << "refusing a connection from" << loggable(peerName) + QLatin1Char(':')
                << "more than" << most << "from this address";
        count(Counters::TooManyFromAddress);
        return false;
    }
    ++m_places;
    if (!host.isNull())
        ++m_perHost[host];
    updateAccepting();
    return true;
}

void Acceptor::givePlace(const QHostAddress &host)
{
    --m_places;
    if (!host.isNull() && --m_perHost[host] == 0)
        m_perHost.remove(host);
    updateAccepting();
}

void Acceptor::onAcceptFailed(const Listener &listener)
{
    count(Counters::SystemRefused);
    peerWarning(m_settings.transport.log.get(), lcEndpoint)
            << "cannot accept a connection at" << listener.url().toString()
            << "although one waits: the system has no descriptors left for "
               "this process, probably. It is tried again";
}

void Acceptor::accept(std::unique_ptr<QIODevice> device, bool keepIdle)
{
    // Sources can be forged: their number is not that of the connections, and no address has a part of it.
    const bool isDatagram = qobject_cast<DatagramDevice *>(device.get()) != nullptr;
    const QPointer<QObject> owner(m_owner);
    if (isDatagram
        && (m_doorkeeper.isNeeded()
            || !m_datagrams.makeRoom(m_settings.transport.limits.datagramSessions)))
        return;
    // Who has made room was told, and may have ended everything.
    if (!owner || m_listeners.empty())
        return;
    auto *const session = new AcceptedSession(std::move(device), m_settings.transport, m_owner);
    const std::optional<QHostAddress> passed = std::exchange(m_passed, std::nullopt);
    const std::optional<Address> peer = session->peerAddress();
    const QHostAddress host = passed ? *passed : peer ? peer->host() : QHostAddress();
    if (!isDatagram && !passed && !takePlace(host, session->peerName())) {
        delete session;
        return;
    }
    SessionPrivate::get(session)->ended = m_counters;
    session->setKeptIdle(keepIdle || isDatagram);
    session->setTimeout(m_settings.timeout);
    session->setDispatcher(&m_dispatcher);
    session->onClosed([this, session] { closed(session); });
    session->onGone([this, session, owner] {
        if (owner)
            forget(session);
    });
    if (isDatagram)
        m_datagrams.add(session);
    else
        m_hosts.insert(session, host);
    if (m_doorkeeper.isNeeded())
        m_doorkeeper.examine(session);
    else
        open(session);
}

Counters Acceptor::counters() const
{
    Counters all = *m_counters;
    const QList<Session *> sessions = allSessions();
    for (const Session *session : sessions)
        all += session->counters();
    all.datagramsDropped = datagramsDropped();
    return all;
}

void Acceptor::open(AcceptedSession *session)
{
    ++SessionPrivate::get(session)->counters.connectionsOpened;
    m_sessions.append(session);
    if (!session->isKeptIdle())
        m_streams.add(session);
    onOpened(session);
}

QList<Session *> Acceptor::allSessions() const
{
    QList<Session *> all = m_sessions;
    const QList<AcceptedSession *> visitors = m_doorkeeper.sessions();
    for (AcceptedSession *session : visitors)
        all.append(session);
    return all;
}

void Acceptor::closed(Session *session)
{
    const bool isKnown = m_sessions.contains(session);
    if (!isKnown && !m_hosts.contains(session))
        return;
    const QPointer<Session> guard(session);
    const QPointer<QObject> owner(m_owner);
    SessionPrivate::get(session)->settle();
    forget(session);
    if (isKnown)
        SessionPrivate::get(session)->tellEndError();
    if (isKnown && guard && owner)
        onClosed(session);
    if (guard)
        guard->deleteLater();
}

void Acceptor::forget(Session *session)
{
    static_cast<AcceptedSession *>(session)->onGone(nullptr);
    m_sessions.removeOne(session);
    m_doorkeeper.remove(session);
    m_datagrams.remove(session);
    m_streams.remove(session);
    const auto host = m_hosts.constFind(session);
    if (host == m_hosts.cend())
        return;
    const QHostAddress given = *host;
    m_hosts.erase(host);
    givePlace(given);
}

// Slots of the user's may delete the owner.
void Acceptor::flushForGood()
{
    flushAll(m_settings.transport.limits.closeTime,
             [](AcceptedSession *session) { session->setFlushed(); });
}

void Acceptor::flushAll(std::chrono::milliseconds time, void (*prepare)(AcceptedSession *))
{
    QElapsedTimer timer;
    timer.start();
    for (const QPointer<Session> &session : guarded(m_sessions)) {
        if (!session)
            continue;
        auto *const accepted = static_cast<AcceptedSession *>(session.data());
        prepare(accepted);
        accepted->flushWithin(time - std::chrono::milliseconds(timer.elapsed()));
    }
}

// Below what the system allows, so that it has descriptors left for others.
void Acceptor::updateAccepting()
{
    const int most = m_settings.transport.limits.connections;
    const bool pause = m_places >= most;
    if (pause == m_isPaused)
        return;
    m_isPaused = pause;
    peerWarning(m_settings.transport.log.get(), lcEndpoint)
            << (pause ? "accepting pauses at" : "accepting goes on below") << most << "connections";
    for (const auto &listener : m_listeners)
        listener->setPaused(pause);
}

} // namespace MsgpackRpc
