// SPDX-License-Identifier: Apache-2.0
#include "transport/transport_p.h"

#include "base/logging_p.h"
#include "transport/datagramconnection_p.h"
#include "transport/streamconnection_p.h"
#include "transport/tokenconnector_p.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QRandomGenerator>

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr double LongestDelay = 1e15; // ms, which a qint64 and a double have exactly
// A connection that ends before is like an attempt that has failed, unless it has carried a message.
constexpr qint64 ShortLife = 1'000; // ms

} // namespace

Transport::Transport(TransportOwner &owner, const TransportSettings &settings,
                     TransportOption option)
    : m_owner(owner),
      m_settings(settings),
      m_queue(settings.format),
      m_option(option),
      m_isPassive(false)
{
}

Transport::Transport(TransportOwner &owner, const TransportSettings &settings,
                     std::unique_ptr<QIODevice> accepted)
    : m_owner(owner), m_settings(settings), m_queue(settings.format), m_isPassive(true)
{
    adopt(std::move(accepted), Connection::Passive);
}

Transport::~Transport()
{
    endConnection();
}

// Slots of a device that is the user's may call again, and so begin to connect.
void Transport::endConnection()
{
    if (Connection *const connection = takeConnection())
        connection->end();
}

Connection *Transport::takeConnection()
{
    if (m_connector) {
        m_connector->disconnect();
        m_connector.release()->deleteLater();
    }
    if (m_timer)
        m_timer->stop();
    m_isWaiting = false;
    m_state = Unconnected;
    Connection *const connection = std::exchange(m_connection, nullptr);
    if (connection != nullptr) {
        m_traffic += connection->traffic();
        connection->detach(m_settings.limits.closeTime);
    }
    return connection;
}

void Transport::setState(State state)
{
    if (m_state == state)
        return;
    m_state = state;
    m_owner.stateChanged(*this);
}

void Transport::open()
{
    if (m_isPassive || m_connection != nullptr || m_connector || m_isWaiting)
        return;
    m_futile = 0;
    m_attempts = 0;
    attempt();
}

void Transport::attempt()
{
    m_isWaiting = false;
    m_connector = m_settings.connector ? m_settings.connector() : Connector::create(m_settings);
    if (!m_settings.token.isEmpty())
        m_connector = std::make_unique<TokenConnector>(std::move(m_connector), m_settings);
    if (!m_timer)
        m_timer = std::make_unique<Timer>([this] { onTimer(); });
    ++m_attempts;
    QObject::connect(m_connector.get(), &Connector::connected, m_connector.get(),
                     [this] { deviceConnected(); });
    QObject::connect(m_connector.get(), &Connector::failed, m_connector.get(),
                     [this](const QString &reason) { attemptFailed(reason); });
    if (m_settings.connectTimeout.count() >= 0)
        m_timer->start(m_settings.connectTimeout);
    setState(Connecting);
    m_connector->start();
}

void Transport::onTimer()
{
    if (m_isWaiting)
        attempt();
    else
        attemptFailed(QStringLiteral("no connection within %1 ms")
                              .arg(m_settings.connectTimeout.count()));
}

// Doubles with each failure up to the maximum, and is varied by a quarter either way.
std::chrono::milliseconds Transport::delayAfter(int failures) const
{
    const Reconnect &reconnect = m_settings.reconnect;
    const int doublings = std::clamp(failures - 1, 0, 20);
    const double delay = std::min(double(reconnect.initialDelay.count()) * double(1 << doublings),
                                  double(reconnect.maximumDelay.count()));
    const double varied = delay * (0.75 + QRandomGenerator::global()->bounded(0.5));
    return std::chrono::milliseconds(qint64(std::clamp(varied, 0.0, LongestDelay)));
}

void Transport::attemptFailed(const QString &reason)
{
    const bool isUsable = m_connector->isUsable();
    m_connector->disconnect();
    m_connector.release()->deleteLater();
    m_timer->stop();
    if (isUsable)
        tryAgain(reason);
    else
        giveUp(Error::NotConnectable, reason);
}

// The attempt, which has failed because of \a reason, was not the last.
void Transport::tryAgain(const QString &reason)
{
    const Reconnect &reconnect = m_settings.reconnect;
    qCDebug(lcTransport).noquote()
            << "attempt" << m_attempts << "to connect to" << loggable(m_settings.target())
            << "failed:" << loggable(reason);
    if (m_attempts < std::max(reconnect.attempts, 1)) {
        m_isWaiting = true;
        m_timer->start(delayAfter(m_attempts));
        return;
    }
    if (reconnect.mode == Reconnect::Always) {
        m_isWaiting = true;
        m_attempts = 0;
        m_timer->start(reconnect.maximumDelay);
    }
    giveUp(Error::ConnectFailed, QStringLiteral("cannot connect to %1: %2 (%3 attempts)")
                                         .arg(m_settings.target(), reason)
                                         .arg(std::max(reconnect.attempts, 1)));
}

// The peer may have closed a connection that was idle. One that accepts and closes again and again would be connected to
// without end: those are attempts that have failed.
void Transport::reopen(const Error &why)
{
    if (m_isPassive || m_connection != nullptr || m_connector || m_isWaiting)
        return;
    if (m_queue.isEmpty()) {
        if (m_settings.reconnect.mode == Reconnect::Always)
            reopenLater();
    } else if (m_futile <= 1) {
        m_attempts = 0;
        attempt();
    } else {
        setState(Connecting);
        tryAgain(why.message());
    }
}

void Transport::reopenLater()
{
    m_attempts = 0;
    m_isWaiting = true;
    m_timer->start(delayAfter(m_futile));
    setState(Connecting);
}

void Transport::giveUp(Error::Code code, const QString &why)
{
    m_dropped = m_queue.count();
    m_queue.clear();
    if (!m_isWaiting)
        m_state = Unconnected;
    m_owner.connectFailed(*this, Error(code, why));
}

void Transport::deviceConnected()
{
    m_timer->stop();
    std::unique_ptr<QIODevice> device = m_connector->takeDevice();
    m_connector->disconnect();
    m_connector.release()->deleteLater();
    adopt(std::move(device), Connection::Active);
    setState(Connected);
    m_connection->outputAdded();
}

Connection *Transport::makeConnection(std::unique_ptr<QIODevice> device, Connection::Role role)
{
    auto *const datagrams = qobject_cast<DatagramDevice *>(device.get());
    m_isDatagram = datagrams != nullptr;
    if (m_isDatagram) {
        device.release();
        return new DatagramConnection(std::unique_ptr<DatagramDevice>(datagrams), role,
                                      m_option.exchange(), m_settings.limits, m_queue, *this);
    }
    auto *const stream =
            new StreamConnection(std::move(device), role, m_settings.limits, m_queue, *this);
    stream->setAcceptedOptions(m_settings.accepted);
    if (role == Connection::Passive)
        return stream;
    if (m_settings.ownAddress)
        stream->sendPreamble(packSession(m_settings.ownAddress->toBytes(), m_settings.format));
    stream->sendOption(m_option.exchange());
    return stream;
}

void Transport::adopt(std::unique_ptr<QIODevice> device, Connection::Role role)
{
    ++m_generation;
    m_firstOfConnection = m_queue.firstUnsent();
    m_adoptedAt = Clock::now();
    m_connection = makeConnection(std::move(device), role);
    if (role == Connection::Passive)
        m_state = Connected;
}

// Before a name is looked up, the smaller of the two maxima holds.
QString Transport::sizeProblem() const
{
    if (m_connection != nullptr)
        return m_connection->sizeProblem();
    if (m_isPassive || m_settings.url.scheme() != QLatin1String("udp"))
        return {};
    const std::optional<Address> peer = Address::fromUrl(m_settings.url);
    const qsizetype maximum =
            peer ? DatagramDevice::mostTo(*peer) : qsizetype(DatagramDevice::MostIPv4);
    return DatagramForm::asking(m_option.exchange(), maximum).problem(m_queue);
}

Traffic Transport::traffic() const
{
    Traffic traffic = m_traffic;
    if (m_connection != nullptr)
        traffic += m_connection->traffic();
    return traffic;
}

void Transport::connectionClosed(const Error &reason)
{
    const quint64 firstUnsent = m_queue.firstUnsent();
    const bool wasOfUse = firstUnsent != m_firstOfConnection
                          || m_connection->traffic().messagesReceived > 0
                          || Clock::now() - m_adoptedAt >= ShortLife;
    m_futile = wasOfUse ? 0 : m_futile + 1;
    m_queue.dropPartial();
    m_queue.removeAnswers();
    m_owner.connectionLost(*this, firstUnsent, reason);
}

void Transport::flush()
{
    if (m_connection != nullptr)
        m_connection->flush();
}

bool Transport::flushAndWait(std::chrono::milliseconds time)
{
    QElapsedTimer timer;
    timer.start();
    if (m_queue.isEmpty() && m_connection == nullptr)
        return true;
    if (m_connection == nullptr && m_connector && !m_connector->waitForConnected(time))
        return false;
    const std::chrono::milliseconds none(0);
    return m_connection != nullptr
           && m_connection->flushAndWait(std::max(
                   std::max(time, none) - std::chrono::milliseconds(timer.elapsed()), none));
}

qsizetype Transport::dropUnsent()
{
    m_queue.dropPartial();
    m_queue.removeAnswers();
    const qsizetype unsent = m_queue.count();
    m_queue.clear();
    return unsent;
}

} // namespace MsgpackRpc
