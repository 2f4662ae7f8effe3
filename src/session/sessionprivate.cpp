// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "base/currentthread_p.h"
#include "base/logging_p.h"
#include "session/sessionresponder_p.h"
#include "transport/datagramdevice_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QRandomGenerator>
#include <QtCore/QThread>

#include <algorithm>

namespace MsgpackRpc {

namespace {

// The table of calls is not searched for the late more often than this.
constexpr std::chrono::milliseconds Tick(20);
// Deadlines are kept in 32 bits.
constexpr qint64 LongestTimeout = 0x7fffffff - 1;

// Whoever would answer a datagram in the peer's place has to guess the id.
quint32 randomId()
{
    return 1 + QRandomGenerator::system()->bounded(0x7fffffffu);
}

// All of them have ended before the first is told: its callback may cancel another, wait for it or run an event loop.
void endCalls(const std::vector<CallTable::Call> &calls, const Error &error)
{
    const auto delivery = calls.size() == 1 ? Detail::CallState::Now : Detail::CallState::Later;
    for (const CallTable::Call &call : calls)
        call->finishWithError(error, delivery);
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
    QObject::connect(QCoreApplication::instance(), &QCoreApplication::aboutToQuit, q,
                     [this] { flushAndWait(settings.limits.closeTime); });
}

void SessionPrivate::flushAndWait(std::chrono::milliseconds time)
{
    const Running running(this);
    for (const auto &transport : m_transports) {
        if (transport)
            transport->flushAndWait(time);
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

// Takes all out, to end them with \a why. What is not sent yet of them is not sent at all.
std::vector<CallTable::Call> SessionPrivate::takeCalls(const Error &why)
{
    auto open = calls.takeIf([](const Detail::CallState &) { return true; });
    for (const CallTable::Call &call : open)
        unqueue(*call);
    countFailed(why, open.size());
    return open;
}

// Requests end first; then the rest goes out. Slots of a device that is the user's may call, close and delete while it
// goes out, and when the connections are closed; and so may whoever is told at the end.
void SessionPrivate::close(const Error &why)
{
    const Running running(this);
    auto open = takeCalls(why);
    flushAndWait(settings.limits.closeTime);
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
    if (!isPassive && checkThread())
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

void SessionPrivate::enter(Detail::CallState *call, quint32 msgid, qint64 callTimeout,
                           Transport &transport, quint64 sequence)
{
    call->setOwner(this);
    call->msgid = msgid;
    call->sequence = quint32(sequence);
    call->transport = indexOf(transport);
    calls.insert(msgid, call);
    ++counters.callsMade;
    if (callTimeout < 0)
        return;
    // Rounded up: now() has whole milliseconds, and no call ends early.
    const qint64 deadline = Clock::after(
            Clock::now(), std::chrono::milliseconds(std::min(callTimeout, LongestTimeout) + 1));
    call->deadline = quint32(deadline);
    call->hasDeadline = true;
    if (m_nextDeadline < 0 || deadline < m_nextDeadline)
        watchDeadline(deadline);
}

// What was not written yet is not sent at all. Numbers are kept by their low bits: they are near to those of now.
void SessionPrivate::unqueue(const Detail::CallState &call)
{
    OutputQueue &queue = transportAt(call.transport)->queue();
    const quint64 unsent = queue.firstUnsent();
    queue.remove(unsent + quint64(qint64(qint32(call.sequence - quint32(unsent)))));
}

bool SessionPrivate::isWritten(const Detail::CallState &call, quint64 firstUnsent)
{
    return qint32(call.sequence - quint32(firstUnsent)) < 0;
}

// One timer for all calls: for the one that ends first when it was set. It is not stopped when that call has its
// answer, but finds out when it fires for which to wait next.
void SessionPrivate::watchDeadline(qint64 deadline)
{
    if (!m_deadlineTimer)
        m_deadlineTimer = std::make_unique<Timer>([this] { onDeadline(); });
    m_nextDeadline = deadline;
    m_deadlineTimer->start(std::chrono::milliseconds(std::max<qint64>(deadline - Clock::now(), 0)));
}

void SessionPrivate::onDeadline()
{
    const qint64 now = Clock::now();
    m_nextDeadline = -1;
    qint64 next = -1;
    const auto late = calls.takeIf([now, &next](const Detail::CallState &call) {
        if (!call.hasDeadline)
            return false;
        const qint64 left = qint32(call.deadline - quint32(now));
        if (left <= 0)
            return true;
        if (next < 0 || now + left < next)
            next = now + left;
        return false;
    });
    if (next >= 0)
        watchDeadline(std::max(next, Clock::after(now, Tick)));
    for (const CallTable::Call &call : late)
        unqueue(*call);
    outputShrunk();
    const Error error(Error::Timeout, QStringLiteral("no answer in time"));
    countFailed(error, late.size());
    // Last, since the callbacks may delete the session.
    endCalls(late, error);
}

void SessionPrivate::cancelCall(Detail::CallState &call)
{
    const CallTable::Call keep = calls.take(call.msgid);
    unqueue(call);
    outputShrunk();
    const Error error(Error::Canceled, QStringLiteral("the call was cancelled"));
    countFailed(error, 1);
    call.finishWithError(error, Detail::CallState::Later);
}

void SessionPrivate::flushCalls()
{
    const Running running(this);
    for (const auto &transport : m_transports) {
        if (transport)
            transport->flush();
    }
}

void SessionPrivate::dropped(int count, const Error &error)
{
    if (count <= 0 || isShutDown)
        return;
    peerWarning(settings.log.get(), lcSession)
            << count << "notification(s) dropped:" << error.message();
    emitLater([this, count, error] { Q_EMIT q->notificationDropped(count, error); });
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

void SessionPrivate::setState(Session::State next)
{
    if (state == next)
        return;
    state = next;
    if (q != nullptr && !isShutDown)
        emitLater([this, next] { Q_EMIT q->stateChanged(next); });
}

void SessionPrivate::stateChanged(Transport &transport)
{
    if (Connection *const connection = transport.connection()) {
        ++counters.connectionsOpened;
        lastPeer = connection->peerAddress();
        lastPeerName = connection->peerName();
    }
    if (indexOf(transport) == (m_only >= 0 ? m_only : option.flags()))
        setState(transport.state() == Transport::Connected    ? Session::Connected
                 : transport.state() == Transport::Connecting ? Session::Connecting
                                                              : Session::Unconnected);
}

// An accepted session is over with its connection.
void SessionPrivate::tellClosed(const Error &why)
{
    if (!isPassive || isShutDown || !onClosed)
        return;
    emitLater([this, why] {
        if (onClosed)
            std::exchange(onClosed, nullptr)(why);
    });
}

void SessionPrivate::connectionLost(Transport &transport, quint64 firstUnsent, const Error &error)
{
    const Running running(this);
    if (isPassive)
        setState(Session::Closed);
    transport.endConnection();
    if (isShutDown) // meanwhile, by a slot of the device's
        return;
    const quint8 index = indexOf(transport);
    const auto lost = calls.takeIf([&](const Detail::CallState &call) {
        return call.transport == index && (isPassive || isWritten(call, firstUnsent));
    });
    qCDebug(lcSession).noquote() << error.message() << "-" << lost.size() << "calls open";
    countFailed(error, lost.size());
    counters.violations += error.code() == Error::ProtocolViolation ? 1 : 0;
    counters.limitsPassed += error.code() == Error::LimitExceeded ? 1 : 0;
    for (const auto &responder : takeWork(&transport))
        responder->cancel();
    if (isPassive) {
        for (const CallTable::Call &call : lost)
            unqueue(*call);
        dropped(int(transport.dropUnsent()), error);
        tellClosed(error);
    } else {
        stateChanged(transport);
        emitLater([this, error] { Q_EMIT q->errorOccurred(error); });
        transport.reopen(error);
    }
    outputShrunk();
    // Last, since the callbacks may delete the session.
    endCalls(lost, error);
}

void SessionPrivate::connectFailed(Transport &transport, const Error &error)
{
    const quint8 index = indexOf(transport);
    const auto failed =
            calls.takeIf([&](const Detail::CallState &call) { return call.transport == index; });
    stateChanged(transport);
    outputShrunk();
    dropped(int(transport.takeDropped() - qsizetype(failed.size())), error);
    emitLater([this, error] { Q_EMIT q->errorOccurred(error); });
    countFailed(error, failed.size());
    endCalls(failed, error);
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
        calls.setNextId(randomId());
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
