// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "base/logging_p.h"
#include "transport/connection_p.h"
#include "transport/connector_p.h"
#include "wire/outputqueue_p.h"

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

QT_BEGIN_NAMESPACE
class QSslConfiguration;
QT_END_NAMESPACE

namespace MsgpackRpc {

class Transport;

/// What a transport is made with. Read at each connect.
struct TransportSettings
{
    QUrl url;
    Limits limits;
    Reconnect reconnect;
    std::chrono::milliseconds connectTimeout{5'000};
    int keepAlive = 0; // seconds
    /// Sets keepAlive, to the most that systems take if \a time is more; true if that changes it.
    bool setKeepAlive(std::chrono::seconds time)
    {
        const auto wanted = int(std::clamp<qint64>(time.count(), 0, 32'767));
        return std::exchange(keepAlive, wanted) != wanted;
    }
    NotifierMode notifierMode = NotifierMode::PerConnection;
    LocalAccess localAccess = LocalAccess::User; // who may connect to a local socket
    TransportOption accepted = TransportOption::Deflate; // what a peer may ask for
    WireFormat format = WireFormat::Modern;
    std::optional<Address> ownAddress; // told to the peer first, with a SESSION message
    std::function<std::unique_ptr<Connector>()> connector; // replaces the URL's
    std::shared_ptr<const QSslConfiguration> tls; // null: Qt's default
    std::shared_ptr<PeerLog> log; // of what peers do; null: without limit
    QByteArray token; // told to the peer that is connected to, before anything else; null: none
    QString name; // of what that connects to

    /// Where to connect to, for people.
    QString target() const { return name.isEmpty() ? shown(url) : name; }
};

/// Who owns a transport. May delete the transport in any of these but outputDrained() and stateChanged().
class TransportOwner
{
public:
    /// A message has arrived on \a transport.
    virtual void messageReceived(Transport &transport, Message &message) = 0;
    /// The connection was lost, and is to be ended by endConnection(). Messages before number \a firstUnsent had been
    /// written, at least in part.
    virtual void connectionLost(Transport &transport, quint64 firstUnsent, const Error &error) = 0;
    /// Every attempt to connect has failed; what waited in the queue is dropped.
    virtual void connectFailed(Transport &transport, const Error &error) = 0;
    /// The transport's state is another.
    virtual void stateChanged(Transport &transport) = 0;
    /// Less waits to be sent than before.
    virtual void outputDrained(Transport &transport) = 0;

protected:
    TransportOwner() = default;
    ~TransportOwner() = default;
    Q_DISABLE_COPY_MOVE(TransportOwner)
};

/// Messages to and from one peer with one option: a queue that outlives connections, and the connection, which is made
/// when it is needed and made again when it was lost. One that was accepted is never made again.
class Transport final : private ConnectionHandler
{
public:
    enum State : quint8 { Unconnected, Connecting, Connected };

    /// Connects by itself.
    Transport(TransportOwner &owner, const TransportSettings &settings, TransportOption option);
    /// Carries on an accepted connection.
    Transport(TransportOwner &owner, const TransportSettings &settings,
              std::unique_ptr<QIODevice> accepted);
    ~Transport();

    /// What is to be sent. After commit(), outputAdded() is to be called.
    OutputQueue &queue() noexcept { return m_queue; }
    /// \overload
    const OutputQueue &queue() const noexcept { return m_queue; }
    /// A message was added to the queue.
    void outputAdded()
    {
        if (Q_LIKELY(m_connection != nullptr))
            m_connection->outputAdded();
        else
            open();
    }
    /// Connects, if there is no connection and none is being made.
    void open();
    /// Connects again after a loss because of \a why, if something waits or it is always to be connected. Gives up, and so
    /// may call connectFailed(), when Reconnect::attempts connections, one after the other, have carried nothing.
    void reopen(const Error &why);
    /// Ends the connection, or the attempt, and connects again when there is something to send. Slots of a device that
    /// is the user's may run, and do anything.
    void endConnection();
    /// The first part of that, in which no slots run: Connection::end() is to be called for the result, unless it is null.
    Connection *takeConnection();
    /// Nothing that waits is sent. Returns how many requests and notifications that were.
    qsizetype dropUnsent();
    /// True if the size of the message that is open in the queue is right, where it has to fit into a datagram.
    bool fits() const
    {
        return Q_LIKELY(m_connection != nullptr && !m_isDatagram) || sizeProblem().isEmpty();
    }
    /// What is wrong with it; empty if it is right.
    QString sizeProblem() const;
    /// Datagrams that were dropped, over all connections.
    quint64 datagramsDropped() const { return traffic().datagramsDropped; }
    /// What went through all connections.
    Traffic traffic() const;
    /// Sends what waits as far as the system takes it, without blocking.
    void flush();
    /// Waits for at most \a time until everything is sent. Runs no event loop, but slots of a device that is the user's.
    bool flushAndWait(std::chrono::milliseconds time);

    State state() const noexcept { return m_state; }
    TransportOption option() const noexcept { return m_option; }
    /// The connection; null if there is none.
    Connection *connection() const noexcept { return m_connection; }
    /// How many messages were dropped when connecting has failed.
    qsizetype takeDropped() noexcept { return std::exchange(m_dropped, 0); }
    /// True for one that was accepted.
    bool isPassive() const noexcept { return m_isPassive; }
    /// Counts connections, to tell those of before from that of now.
    quint32 generation() const noexcept { return m_generation; }

private:
    void messageReceived(Message &message) override { m_owner.messageReceived(*this, message); }
    void connectionClosed(const Error &reason) override;
    void outputDrained() override { m_owner.outputDrained(*this); }
    PeerLog *peerLog() const override { return m_settings.log.get(); }

    void attempt();
    void onTimer();
    void attemptFailed(const QString &reason);
    void tryAgain(const QString &reason);
    void reopenLater();
    void deviceConnected();
    Connection *makeConnection(std::unique_ptr<QIODevice> device, Connection::Role role);
    void adopt(std::unique_ptr<QIODevice> device, Connection::Role role);
    void giveUp(Error::Code code, const QString &why);
    void setState(State state);
    std::chrono::milliseconds delayAfter(int failures) const;

    TransportOwner &m_owner;
    const TransportSettings &m_settings;
    OutputQueue m_queue;
    Connection *m_connection = nullptr; // deletes itself after release()
    std::unique_ptr<Connector> m_connector;
    std::unique_ptr<Timer> m_timer; // of an attempt, or until the next
    int m_attempts = 0;
    quint64 m_firstOfConnection = 0; // the number of the first message that it could carry
    qint64 m_adoptedAt = 0; // by the clock
    int m_futile =
            0; // connections, one after the other, that have soon ended and carried no message
    qsizetype m_dropped = 0;
    Traffic m_traffic; // of former connections
    quint32 m_generation = 0;
    State m_state = Unconnected;
    TransportOption m_option;
    bool m_isPassive;
    bool m_isWaiting = false; // for the next attempt
    bool m_isDatagram = false; // what the connection is
};

} // namespace MsgpackRpc
