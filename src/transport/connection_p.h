// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/peerlog_p.h"
#include "transport/turn_p.h"
#include "wire/message_p.h"
#include "wire/outputqueue_p.h"

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/error.h>

#include <QtCore/QObject>
#include <QtNetwork/QSslCertificate>

#include <chrono>
#include <memory>
#include <optional>

namespace MsgpackRpc {

/// What a connection tells. Either function may delete whoever handles: the connection lives until its own functions
/// have returned.
class ConnectionHandler
{
public:
    /// A message has arrived. It is to be decoded before any user code runs.
    virtual void messageReceived(Message &message) = 0;
    /// The connection has ended, for this reason; it is of no use any more. Called at most once.
    virtual void connectionClosed(const Error &reason) = 0;
    /// Less waits to be sent than before.
    virtual void outputDrained() = 0;
    /// Where faults of the peer are logged; null: without limit.
    virtual PeerLog *peerLog() const { return nullptr; }

protected:
    ConnectionHandler() = default;
    ~ConnectionHandler() = default;
    Q_DISABLE_COPY_MOVE(ConnectionHandler)
};

/// What went through a connection.
struct Traffic
{
    quint64 bytesReceived = 0;
    quint64 bytesSent = 0;
    quint64 messagesReceived = 0;
    quint64 datagramsDropped = 0;

    Traffic &operator+=(const Traffic &other) noexcept
    {
        bytesReceived += other.bytesReceived;
        bytesSent += other.bytesSent;
        messagesReceived += other.messagesReceived;
        datagramsDropped += other.datagramsDropped;
        return *this;
    }
};

/// Messages to and from one peer: what streams and datagrams have in common. Writes what its queue holds once at the
/// end of each turn of the event loop, and at once when much waits.
///
/// Reentrant: while a message is being handled an event loop may run, in which the connection goes on.
class Connection : public QObject, protected TurnClient
{
    Q_OBJECT

public:
    /// Which side opened the connection: it decides who sends OPTION.
    enum Role : quint8 { Active, Passive };
    /// So many bytes waiting are sent at once.
    static constexpr qsizetype FlushFrom = 64 * 1024;

    ~Connection() override;

    /// The queue has got a message: it leaves at the end of the turn, or now if much waits.
    void outputAdded()
    {
        if (Q_UNLIKELY(m_queue->size() >= FlushFrom))
            flush();
        else
            m_turn->schedule(this);
    }
    /// Gives the device what it takes.
    virtual void flush() = 0;
    /// Sends everything that waits, for at most \a time. Blocks; runs no event loop.
    virtual bool flushAndWait(std::chrono::milliseconds time) = 0;
    /// Bytes that wait in the queue, here and in the device.
    virtual qsizetype bytesToWrite() const = 0;

    /// Takes no more requests, until this is called with false.
    virtual void setReadingPaused(bool paused) = 0;
    /// True if setReadingPaused() says so.
    bool isReadingPaused() const noexcept { return m_isPaused; }

    /// Hands no message over, until this is called with false, even where the peer has ended the connection.
    virtual void setHeld(bool held) { m_isHeld = held; }
    /// Another limit for the bytes of the messages that begin from now on.
    virtual void setMessageBytes(qsizetype) {}
    /// The peer was not let in yet: it may ask for options once.
    virtual void setStranger(bool) {}

    /// Ends the connection: the handler hears no more of it. Deletes this as soon as nothing of it runs.
    void release();
    /// The first half of that, in which no slot of the user's can run: end() is to follow. Unless the connection was lost,
    /// or something could not be sent, the peer gets \a lingering to read what it was sent.
    void detach(std::chrono::milliseconds lingering = std::chrono::milliseconds(0));
    /// The second half.
    void end();
    /// Closes for a fault of the peer: logs it, and tells the handler.
    void closeFor(Error::Code code, const QString &what);

    /// The other side, for logs and for people: an address where there is one.
    QString peerName() const { return m_peerName; }
    /// The other side's address; none where the transport has none.
    std::optional<Address> peerAddress() const { return m_peerAddress; }
    /// The certificate by which the other side is known; null where it has shown none that was verified.
    virtual QSslCertificate peerCertificate() const { return QSslCertificate(); }
    /// True while a function of it is on the stack, as while a message is handled.
    bool isBusy() const noexcept { return m_depth > 0; }
    /// What is wrong with the size of the message that is open in the queue, where each has to fit into a datagram.
    virtual QString sizeProblem() const { return {}; }
    /// What went through it.
    virtual Traffic traffic() const { return m_traffic; }
    /// Datagrams that were dropped; none where there are no datagrams.
    quint64 datagramsDropped() const { return traffic().datagramsDropped; }
    /// When the last datagram came, by the clock; -1 for connections that tell themselves when they end.
    virtual qint64 lastHeard() const { return -1; }
    /// False once the connection has ended or was released.
    bool isOpen() const noexcept { return m_handler != nullptr; }

protected:
    /// \a queue and \a handler must live until release().
    Connection(OutputQueue &queue, ConnectionHandler &handler);

    /// Marks that a function of the connection is on the stack: until the outermost has returned, the connection
    /// lives.
    class Running
    {
    public:
        explicit Running(Connection *connection) : m_connection(connection)
        {
            ++connection->m_depth;
        }
        ~Running()
        {
            if (--m_connection->m_depth == 0 && m_connection->m_queue == nullptr)
                m_connection->deleteLater();
        }

    private:
        Connection *m_connection;
        Q_DISABLE_COPY_MOVE(Running)
    };

    /// Closes the device and hears no more of it. A device of the user's tells slots of the user's, which may do
    /// anything.
    virtual void endDevice() = 0;
    /// Goes on, from the event loop, after continueLater().
    virtual void proceed() = 0;
    /// Calls proceed() once, from the event loop.
    void continueLater();
    /// True from continueLater() until proceed().
    bool continues() const noexcept { return m_continues; }
    /// Tells the handler that the connection has ended.
    void lost(const Error &reason);
    bool event(QEvent *event) override;

    std::shared_ptr<Turn> m_turn;
    OutputQueue *m_queue; // null once released
    ConnectionHandler *m_handler; // null once released or lost
    QString m_peerName;
    std::optional<Address> m_peerAddress;
    int m_depth = 0; // functions of this that are running
    Traffic m_traffic;
    std::chrono::milliseconds m_lingering{0}; // for endDevice()
    bool m_isPaused = false;
    bool m_isHeld = false;

private:
    bool m_continues = false; // an event to go on is posted
};

} // namespace MsgpackRpc
