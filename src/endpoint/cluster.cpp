// SPDX-License-Identifier: Apache-2.0
#include "endpoint/cluster_p.h"

#include "base/logging_p.h"
#include "base/threadcheck_p.h"

#include <QtCore/QPointer>

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr qint64 Soonest = 1000; // ms; idle sessions are not looked for more often

bool isWildcard(const QHostAddress &host)
{
    return host == QHostAddress(QHostAddress::AnyIPv4)
           || host == QHostAddress(QHostAddress::AnyIPv6)
           || host == QHostAddress(QHostAddress::Any);
}

} // namespace

ClusterPrivate::ClusterPrivate(Cluster *cluster)
    : q(cluster),
      pool(SessionPoolPrivate::get(cluster)),
      acceptor(cluster, pool->dispatcher, pool->settings),
      m_sweepTimer([this] { sweep(); })
{
    acceptor.onOpened = [this](AcceptedSession *session) {
        SessionPrivate::get(session)->binder = this;
        QObject::connect(session, &QObject::destroyed, q, [this, session] { forget(session); });
    };
    acceptor.onClosed = [this](Session *session) {
        const bool isKnown = m_announced.contains(session);
        forget(session);
        if (isKnown)
            Q_EMIT q->sessionClosed(session); // may delete this
    };
    QObject::connect(q, &SessionPool::limitsChanged, q, [this] { acceptor.limitsChanged(); });
    pool->onAsked = [this](Session *session) { m_claimed.remove(session); };
    pool->onGone = [this](Session *session) { sessionGone(session); };
}

ClusterPrivate::~ClusterPrivate()
{
    pool->onAsked = nullptr;
    pool->onGone = nullptr;
}

// What speaks against \a url and \a advertised before anything listens.
QString ClusterPrivate::problemOf(const QUrl &url, const std::optional<Address> &advertised) const
{
    if (url.scheme() != QLatin1String("tcp"))
        return QStringLiteral("\"%1\": a node listens at tcp://address:port").arg(shown(url));
    if (advertised && (!advertised->isConnectable() || isWildcard(advertised->host())))
        return QStringLiteral(
                       "%1 is no address to advertise: expected one that others can connect to")
                .arg(advertised->toString());
    if (advertised && q->isListening() && *advertised != q->address())
        return QStringLiteral("this node is %1 already and cannot be %2 too")
                .arg(q->address()->toString(), advertised->toString());
    if (!advertised && !q->address() && isWildcard(Listener::hostOf(url)))
        return QStringLiteral("%1 is no address that others can connect to: advertise one")
                .arg(shown(url));
    return {};
}

bool ClusterPrivate::listen(const QUrl &url, const std::optional<Address> &advertised)
{
    const QString problem = problemOf(url, advertised);
    if (!problem.isEmpty()) {
        error = Error(Error::NotConnectable, QStringLiteral("cannot listen: %1").arg(problem));
        return false;
    }
    if (!acceptor.listen(url)) {
        error = acceptor.error();
        return false;
    }
    if (advertised)
        pool->setOwnAddress(advertised);
    else if (!q->address())
        pool->setOwnAddress(
                Address(Listener::hostOf(url), quint16(acceptor.urls().constLast().port())));
    return true;
}

void ClusterPrivate::close()
{
    const QPointer<Cluster> guard(q);
    acceptor.close();
    if (!guard)
        return;
    pool->setOwnAddress(std::nullopt);
    const QList<Session *> claimed = m_claimed.keys();
    for (Session *session : claimed)
        drop(session);
}

// Whether the check, or without one the rule, lets \a claimed pass. Touches nothing of this once the check has run.
bool ClusterPrivate::isPossible(const Address &claimed, const Address &peer) const
{
    if (!check)
        return claimed.isConnectable() && Address(claimed.host(), 0) == Address(peer.host(), 0);
    const Cluster::AddressCheck asked = check;
    try {
        return asked(claimed, peer);
    } catch (const std::exception &e) {
        peerWarning(pool->settings.transport.log.get(), lcEndpoint)
                << "the check of an address threw:" << loggable(QString::fromLocal8Bit(e.what()));
    } catch (...) {
        peerWarning(pool->settings.transport.log.get(), lcEndpoint)
                << "the check of an address threw something unknown";
    }
    return false;
}

Session *ClusterPrivate::bind(Session *accepted, const std::optional<Address> &claimed,
                              QString *refusal)
{
    if (!claimed) {
        clients.append(accepted);
        announce(accepted);
        return accepted;
    }
    const std::optional<Address> peer = accepted->peerAddress();
    const QPointer<Cluster> guard(q);
    const QPointer<Session> open(accepted);
    const bool possible = peer && isPossible(*claimed, *peer);
    if (!possible)
        *refusal =
                QStringLiteral("a SESSION message that claims to be %1").arg(claimed->toString());
    if (!possible || !guard || !open || open->state() == Session::Closed)
        return nullptr;
    Session *const session = claim(*claimed, refusal);
    if (session != nullptr)
        m_bound.insert(accepted, session);
    return session;
}

Session *ClusterPrivate::claim(const Address &address, QString *refusal)
{
    const QUrl key = SessionPoolPrivate::keyOf(address.toUrl());
    Session *session = pool->find(key);
    if (session == nullptr) {
        if (!makeRoom()) {
            *refusal = QStringLiteral("a SESSION message of %1, when there are %2 nodes already")
                               .arg(address.toString())
                               .arg(m_claimed.size());
            return nullptr;
        }
        session = pool->make(key);
        m_claimed.insert(session, {});
        announce(session);
    }
    const auto claimed = m_claimed.find(session);
    if (claimed != m_claimed.end())
        ++claimed->connections;
    return session;
}

// Makes room for one more claimed session, by dropping the one that has been idle for longest.
bool ClusterPrivate::makeRoom()
{
    if (m_claimed.size() < pool->settings.transport.limits.clusterSessions)
        return true;
    Session *idlest = nullptr;
    qint64 since = 0;
    for (auto it = m_claimed.begin(); it != m_claimed.end(); ++it) {
        if (isBusy(it.key(), *it) || (idlest != nullptr && it->idleSince >= since))
            continue;
        idlest = it.key();
        since = it->idleSince;
    }
    if (idlest == nullptr)
        return false;
    drop(idlest);
    return true;
}

// True if a connection, a call or something sent since the last look shows that it is in use.
bool ClusterPrivate::isBusy(Session *session, Claimed &claimed)
{
    if (claimed.connections > 0)
        return true;
    const quint64 messages = SessionPrivate::get(session)->messagesQueued();
    if (session->pendingCalls() == 0 && session->requestsInWork() == 0
        && session->bytesToWrite() == 0 && messages == claimed.messages)
        return false;
    claimed.messages = messages;
    claimed.idleSince = Clock::now();
    return true;
}

// Those who were told of it hear of its end before it goes.
void ClusterPrivate::drop(Session *session)
{
    m_claimed.remove(session);
    pool->sessions.remove(pool->sessions.key(session));
    m_unannounced.remove(session);
    if (!m_announced.remove(session))
        return session->deleteLater();
    QMetaObject::invokeMethod(
            q,
            [this, guard = QPointer<Session>(session)] {
                if (guard)
                    Q_EMIT q->sessionClosed(guard);
                if (guard)
                    guard->deleteLater();
            },
            Qt::QueuedConnection);
}

// From the event loop: who hears of it may run one, and the message that it begins with is not handled yet.
void ClusterPrivate::announce(Session *session)
{
    m_unannounced.insert(session);
    QMetaObject::invokeMethod(
            q,
            [this, session] {
                if (!m_unannounced.remove(session))
                    return;
                m_announced.insert(session);
                Q_EMIT q->sessionOpened(session);
            },
            Qt::QueuedConnection);
}

// An accepted session has ended. The one that it belongs to is idle when it was the last.
void ClusterPrivate::forget(Session *accepted)
{
    m_announced.remove(accepted);
    m_unannounced.remove(accepted);
    if (clients.removeOne(accepted))
        return;
    const auto claimed = m_claimed.find(m_bound.take(accepted));
    if (claimed == m_claimed.end() || --claimed->connections > 0)
        return;
    claimed->idleSince = Clock::now();
    startSweep();
}

// Its peer's connections end with a session of the pool: they have nobody to belong to.
void ClusterPrivate::sessionGone(Session *session)
{
    m_claimed.remove(session);
    m_announced.remove(session);
    m_unannounced.remove(session);
    const QList<Session *> connections = m_bound.keys(session);
    for (Session *accepted : connections) {
        m_bound.remove(accepted);
        accepted->close();
    }
}

void ClusterPrivate::startSweep()
{
    if (!m_sweepTimer.isActive())
        m_sweepTimer.start(pool->settings.transport.limits.clusterIdleTime);
}

void ClusterPrivate::sweep()
{
    const qint64 now = Clock::now();
    const qint64 most =
            std::max<qint64>(pool->settings.transport.limits.clusterIdleTime.count(), 0);
    QList<Session *> idle;
    qint64 next = -1;
    for (auto it = m_claimed.begin(); it != m_claimed.end(); ++it) {
        if (it->connections > 0)
            continue;
        const bool busy = isBusy(it.key(), *it);
        const qint64 left = busy ? most : most - (now - it->idleSince);
        if (left <= 0 && !busy)
            idle.append(it.key());
        else
            next = next < 0 ? std::max(left, Soonest) : std::min(next, std::max(left, Soonest));
    }
    if (next >= 0)
        m_sweepTimer.start(std::chrono::milliseconds(next));
    for (Session *session : std::as_const(idle))
        drop(session);
}

Cluster::Cluster(QObject *parent) : SessionPool(parent), d(std::make_unique<ClusterPrivate>(this))
{
}

Cluster::~Cluster() = default;

bool Cluster::listen(const QUrl &url)
{
    if (!isInThread(this, "Cluster::listen()"))
        return false;
    return d->listen(url, std::nullopt);
}

bool Cluster::listen(const QUrl &url, const Address &advertised)
{
    if (!isInThread(this, "Cluster::listen()"))
        return false;
    return d->listen(url, advertised);
}

QList<QUrl> Cluster::urls() const
{
    if (!isInThread(this, "Cluster::urls()"))
        return {};
    return d->acceptor.urls();
}

Error Cluster::error() const
{
    if (!isInThread(this, "Cluster::error()"))
        return {};
    return d->error;
}

std::optional<Address> Cluster::address() const
{
    if (!isInThread(this, "Cluster::address()"))
        return {};
    return d->pool->settings.transport.ownAddress;
}

QList<Session *> Cluster::clients() const
{
    if (!isInThread(this, "Cluster::clients()"))
        return {};
    return d->clients;
}

void Cluster::close()
{
    if (!isInThread(this, "Cluster::close()"))
        return;
    const QPointer<Cluster> guard(this);
    d->close();
    if (guard)
        SessionPool::close();
}

void Cluster::setToken(const QByteArray &token)
{
    if (!isInThread(this, "Cluster::setToken()"))
        return;
    SessionPool::setToken(token);
    d->acceptor.doorkeeper().setToken(token);
}

void Cluster::setAddressCheck(AddressCheck check)
{
    if (!isInThread(this, "Cluster::setAddressCheck()"))
        return;
    d->check = std::move(check);
}

} // namespace MsgpackRpc
