// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "base/currentthread_p.h"
#include "base/logging_p.h"
#include "session/quitting_p.h"
#include "session/sessionresponder_p.h"
#include "transport/datagramdevice_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QRandomGenerator>
#include <QtCore/QThread>

#include <algorithm>
#include <atomic>

namespace MsgpackRpc {

namespace {

// Whoever would answer a datagram in the peer's place has to guess the id.
quint32 randomId()
{
    return 1 + QRandomGenerator::system()->bounded(0x7fffffffu);
}

} // namespace

SessionPrivate::SessionPrivate() : dispatcher(&m_nullDispatcher) {}

SessionPrivate::~SessionPrivate() = default;

std::unique_ptr<SessionPrivate> SessionPrivate::accepted(std::unique_ptr<QIODevice> device,
                                                         const TransportSettings &settings)
{
    auto d = std::make_unique<SessionPrivate>();
    d->settings = settings;
    d->isPassive = true;
    d->m_only = 0; // with the options that the peer asks for
    d->state = Session::Connected;
    if (qobject_cast<DatagramDevice *>(device.get()) != nullptr)
        d->calls.setNextId(randomId());
    d->m_transports[0] = std::make_unique<Transport>(*d, d->settings, std::move(device));
    d->lastPeer = d->m_transports[0]->connection()->peerAddress();
    d->lastPeerName = d->m_transports[0]->connection()->peerName();
    return d;
}

void SessionPrivate::init(Session *session)
{
    q = session;
    if (isPassive || QCoreApplication::instance() == nullptr)
        return;
    // What was written in the last turn before quit() would wait for a turn that never comes.
    whenQuitting(QCoreApplication::instance(), q, [this](std::chrono::milliseconds waited) {
        flushAndWait(settings.limits.closeTime - waited);
    });
}

void SessionPrivate::flushAndWait(std::chrono::milliseconds time)
{
    const Running running(this);
    QElapsedTimer timer;
    timer.start();
    for (const auto &transport : m_transports) {
        if (transport)
            transport->flushAndWait(
                    std::max(time - std::chrono::milliseconds(timer.elapsed()), time.zero()));
    }
}

void SessionPrivate::end(std::unique_ptr<SessionPrivate> session)
{
    session->m_isOrphan = true;
    const Running running(session.release());
}

void SessionPrivate::shutdown()
{
    if (std::exchange(isShutDown, true))
        return;
    if (m_anchor)
        m_anchor->clear();
    onClosed = nullptr;
    close(Error(Error::Canceled, QStringLiteral("the session was deleted")));
    settle();
}

// Requests end first; then the rest goes out. Slots of a device that is the user's may call, close and delete while it
// goes out, and when the connections are closed; and so may whoever is told at the end.
void SessionPrivate::close(const Error &why)
{
    const Running running(this);
    auto open = takeCalls(why);
    flushAndWait(wasFlushed ? std::chrono::milliseconds(0) : settings.limits.closeTime);
    for (CallTable::Call &call : takeCalls(why))
        open.push_back(std::move(call));
    const auto canceled = takeWork(nullptr);
    setState(isPassive ? Session::Closed : Session::Unconnected);
    tellClosed(why);
    dropTransports();
    for (const auto &responder : canceled)
        responder->cancel();
    for (const CallTable::Call &call : open)
        call->finishWithError(why, Detail::CallState::Later);
}

// All of them before the first is closed: a slot may call over any.
void SessionPrivate::dropTransports()
{
    int notifications = 0;
    std::array<Connection *, 4> connections{};
    for (size_t i = 0; i < connections.size(); ++i) {
        if (!m_transports[i])
            continue;
        notifications += int(m_transports[i]->dropUnsent());
        connections[i] = m_transports[i]->takeConnection();
    }
    outputShrunk();
    dropped(notifications,
            Error(Error::Canceled,
                  QStringLiteral("the connection was closed before they were sent")));
    for (Connection *const connection : connections) {
        if (connection != nullptr)
            connection->end();
    }
}

void SessionPrivate::open()
{
    if (checkThread("Session::open()") && !isPassive)
        transport(option)->open();
}

Transport *SessionPrivate::transport(TransportOption wanted)
{
    const int index = m_only >= 0 ? m_only : wanted.flags();
    auto &slot = m_transports[index];
    if (Q_UNLIKELY(!slot))
        slot = std::make_unique<Transport>(*this, settings,
                                           TransportOption(TransportOption::Flag(index)));
    return slot.get();
}

const Connection *SessionPrivate::connection() const
{
    const Transport *const own = transportAt(m_only >= 0 ? quint8(m_only) : option.flags());
    if (own != nullptr && own->connection() != nullptr)
        return own->connection();
    for (const auto &transport : m_transports) {
        if (transport && transport->connection() != nullptr)
            return transport->connection();
    }
    return nullptr;
}

bool SessionPrivate::checkThread()
{
    if (Q_LIKELY(q->thread() == currentThread()))
        return true;
    static std::atomic_flag warned = ATOMIC_FLAG_INIT;
    if (!warned.test_and_set())
        qCWarning(lcSession) << "a session was used from a thread that it does not live in; use "
                                "Session::handle()";
    return false;
}

void SessionPrivate::emitLater(std::function<void()> emitter)
{
    QMetaObject::invokeMethod(q, std::move(emitter), Qt::QueuedConnection);
}

void SessionPrivate::setCongested(bool isNow)
{
    isCongested = isNow;
    if (q != nullptr && !isShutDown)
        emitLater([this, isNow] { Q_EMIT q->congestedChanged(isNow); });
}

// Only below half of what has made it so: or each message would change it.
void SessionPrivate::updateCongestion()
{
    const bool isNow =
            std::any_of(m_transports.cbegin(), m_transports.cend(),
                        [most = isCongested ? backlog() / 2 : backlog()](const auto &transport) {
                            return transport && transport->queue().size() > most;
                        });
    if (isNow != isCongested)
        setCongested(isNow);
}

void SessionPrivate::setFormat(WireFormat format)
{
    settings.format = format;
    for (const auto &transport : m_transports) {
        if (transport)
            transport->queue().setFormat(format);
    }
    if (m_anchor)
        m_anchor->setFormat(format);
}

qsizetype SessionPrivate::bytesToWrite() const
{
    qsizetype bytes = 0;
    for (const auto &transport : m_transports) {
        if (transport)
            bytes += transport->connection() != nullptr ? transport->connection()->bytesToWrite()
                                                        : transport->queue().size();
    }
    return bytes;
}

void SessionPrivate::setUrl(const QUrl &url)
{
    const bool hadConnector = settings.connector != nullptr;
    settings.url = url;
    if (!isMsgidSet && url.scheme() == QLatin1String("udp"))
        setNextId(randomId());
    if (hadConnector)
        setConnector(nullptr, {});
}

void SessionPrivate::setConnector(std::function<std::unique_ptr<Connector>()> connector,
                                  const QString &name)
{
    settings.connector = std::move(connector);
    settings.name = name;
    m_only = settings.connector ? qint8(option.flags()) : -1;
    close(Error(Error::Canceled, QStringLiteral("the session was given another connection")));
}

quint64 SessionPrivate::datagramsDropped() const
{
    quint64 count = 0;
    for (const auto &transport : m_transports)
        count += transport ? transport->datagramsDropped() : 0;
    return count;
}

Counters SessionPrivate::counted() const
{
    Counters all = counters;
    for (const auto &transport : m_transports) {
        if (!transport)
            continue;
        const Traffic traffic = transport->traffic();
        all.bytesReceived += traffic.bytesReceived;
        all.bytesSent += traffic.bytesSent;
        all.messagesReceived += traffic.messagesReceived;
        all.datagramsDropped += traffic.datagramsDropped;
        all.messagesSent += transport->queue().messagesSent();
    }
    return all;
}

void SessionPrivate::settle()
{
    if (const auto to = std::exchange(ended, nullptr))
        *to += counted();
}

quint64 SessionPrivate::messagesQueued() const
{
    quint64 count = 0;
    for (const auto &transport : m_transports)
        count += transport ? transport->queue().nextNumber() : 0;
    return count;
}

const std::shared_ptr<Detail::SessionAnchor> &SessionPrivate::anchor()
{
    if (!m_anchor) {
        m_anchor = std::make_shared<Detail::SessionAnchor>(q);
        m_anchor->setFormat(settings.format);
    }
    return m_anchor;
}

} // namespace MsgpackRpc
