// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "transport/turn_p.h"
#include "wire/deflate_p.h"
#include "wire/messagereader_p.h"
#include "wire/outputqueue_p.h"

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>

#include <QtCore/QIODevice>
#include <QtCore/QObject>

#include <memory>

QT_BEGIN_NAMESPACE
class QAbstractSocket;
QT_END_NAMESPACE

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

protected:
    ConnectionHandler() = default;
    ~ConnectionHandler() = default;
    Q_DISABLE_COPY_MOVE(ConnectionHandler)
};

/// Messages over any QIODevice that is a stream. Reads and frames what arrives, writes what its queue holds: once at
/// the end of each turn of the event loop, and at once when much waits.
///
/// Reentrant: while a message is being handled an event loop may run, in which the connection goes on.
class StreamConnection final : public QObject, private TurnClient
{
    Q_OBJECT

public:
    /// Which side opened the connection: it decides who sends OPTION.
    enum Role : quint8 { Active, Passive };

    /// Takes \a device, which is open. \a queue and \a handler must live until release().
    StreamConnection(std::unique_ptr<QIODevice> device, Role role, const Limits &limits,
                     OutputQueue &queue, ConnectionHandler &handler);
    ~StreamConnection() override;

    /// Asks the peer for \a option with an OPTION message, if it is not the default. For active connections, first.
    void sendOption(ExchangeOption option);
    /// What the peer may ask for; other options of its OPTION message end the connection.
    void setAcceptedOptions(TransportOption accepted) { m_accepted = accepted; }
    /// Plain bytes that go first, before anything of the queue.
    void sendPreamble(const QByteArray &bytes) { m_raw.append(bytes); }

    /// The queue has got a message: it leaves at the end of the turn, or now if much waits.
    void outputAdded()
    {
        if (Q_UNLIKELY(m_queue->size() >= FlushFrom))
            flush();
        else
            m_turn->schedule(this);
    }
    /// Gives the device what it takes.
    void flush();
    /// Sends everything that waits, for at most \a time. Blocks; runs no event loop.
    bool flushAndWait(std::chrono::milliseconds time);
    /// Bytes that wait in the queue, here and in the device.
    qsizetype bytesToWrite() const;

    /// Reads no more, until this is called with false, or the peer has ended the connection.
    void setReadingPaused(bool paused);
    /// True if it is not read from.
    bool isReadingPaused() const noexcept { return m_isPaused; }

    /// Ends the connection: the handler hears no more of it. Deletes this as soon as nothing of it runs.
    void release();
    /// Closes for a fault of the peer: logs it, and tells the handler.
    void closeFor(Error::Code code, const QString &what);

    /// The other side, for logs and for people: an address where there is one.
    QString peerName() const { return m_peerName; }
    /// The other side's address; none where the transport has none.
    std::optional<Address> peerAddress() const { return m_peerAddress; }
    /// The device.
    QIODevice *device() const { return m_device.get(); }
    /// False once the connection has ended or was released.
    bool isOpen() const noexcept { return m_handler != nullptr; }

    /// So many bytes waiting are sent at once.
    static constexpr qsizetype FlushFrom = 64 * 1024;

private:
    class Running;
    void connectDevice();
    void onReadyRead();
    void onBytesWritten();
    void onClosed();
    void endOfTurn() override;
    bool mayRead() const noexcept;
    void process();
    bool readOnce();
    qsizetype inflate(MessageReader::Space space);
    bool handle(Message &message);
    bool handleOption(const Message &message);
    bool startInflating();
    void keepPartial();
    bool handleMessages(class TurnBudget &budget);
    void continueLater();
    void watchPartial();
    void onPartialTimeout();
    qsizetype write(const char *data, qsizetype size);
    bool writeRaw();
    bool writeQueue(class TurnBudget &budget);
    qsizetype compressSome();
    void lost(const Error &reason);
    Error deviceError() const;
    bool event(QEvent *event) override;

    std::unique_ptr<QIODevice> m_device;
    QAbstractSocket *m_socket = nullptr; // the device, if it is one
    std::shared_ptr<Turn> m_turn;
    OutputQueue *m_queue;
    ConnectionHandler *m_handler; // null once released or lost
    MessageReader m_reader;
    Limits m_limits;
    std::unique_ptr<Deflater> m_deflater;
    std::unique_ptr<Inflater> m_inflater;
    QByteArray m_raw; // plain or compressed bytes that go before the queue's
    qsizetype m_rawSent = 0;
    QString m_peerName;
    std::optional<Address> m_peerAddress;
    std::unique_ptr<Timer> m_partialTimer;
    qint64 m_partialMessage = 0; // counts messages, to tell whether the partial one is the same
    qint64 m_messages = 0;
    qsizetype m_partialAt = 0;
    int m_depth = 0; // functions of this that are running
    Role m_role;
    TransportOption m_accepted = TransportOption::Deflate;
    bool m_awaitsInflate =
            false; // plain messages may come before the compressed stream that was asked for
    bool m_isPaused = false;
    bool m_isDry = true; // the device had less to read than there was room for
    bool m_continues = false; // an event to go on is posted
    bool m_isInDevice = false; // a function of the device is running
    bool m_isWaiting = false; // flushAndWait() is running
    bool m_isClosed = false; // the device has said so
};

} // namespace MsgpackRpc
