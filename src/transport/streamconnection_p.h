// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connection_p.h"
#include "transport/halfmessage_p.h"
#include "transport/incoming_p.h"
#include "transport/outgoing_p.h"

#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>

#include <QtCore/QDeadlineTimer>
#include <QtCore/QIODevice>

#include <memory>

QT_BEGIN_NAMESPACE
class QAbstractSocket;
QT_END_NAMESPACE

namespace MsgpackRpc {

class EndWatch;
class ForwardingDevice;

/// Messages over any QIODevice that is a stream: reads and frames what arrives. Where the device is the user's, slots of
/// the user's may run in each of its functions, which may run an event loop, or release() this.
class StreamConnection final : public Connection
{
    Q_OBJECT

public:
    /// Takes \a device, which is open. \a queue and \a handler must live until release().
    StreamConnection(std::unique_ptr<QIODevice> device, Role role, const Limits &limits,
                     OutputQueue &queue, ConnectionHandler &handler);
    ~StreamConnection() override;

    /// Asks the peer for \a option with an OPTION message, if it is not the default. For active connections, first.
    void sendOption(ExchangeOption option);
    /// What the peer may ask for; other options of its OPTION message end the connection.
    void setAcceptedOptions(TransportOption accepted) { m_accepted = accepted; }
    /// Plain bytes that go first, before anything of the queue.
    void sendPreamble(const QByteArray &bytes) { m_outgoing.addPreamble(bytes); }

    QSslCertificate peerCertificate() const override;
    void flush() override;
    bool flushAndWait(std::chrono::milliseconds time) override;
    qsizetype bytesToWrite() const override;
    /// Reads no more, until this is called with false, or the peer has ended the connection.
    void setReadingPaused(bool paused) override;
    void setHeld(bool held) override;
    void setMessageBytes(qsizetype bytes) override { m_incoming.reader().setMessageBytes(bytes); }
    void setStranger(bool isStranger) override { m_isStranger = isStranger; }
    /// The device.
    QIODevice *device() const { return m_device.get(); }

private:
    void connectDevice();
    void onReadyRead();
    void onBytesWritten();
    void onGone();
    void onClosed();
    void onPeerEnded();
    void endOfTurn() override;
    bool mayRead() const noexcept;
    void processUnlessFlushing();
    void process();
    void processNow();
    template<typename Function>
    qsizetype inDevice(Function function);
    void pushDevice();
    qsizetype readOnce();
    bool handle(Message &message);
    bool handleOption(const Message &message);
    bool handleMessages(class TurnBudget &budget);
    void onHalfMessageTime();
    qsizetype write(const char *data, qsizetype size);
    void flushNow();
    void flushFrom(qsizetype before);
    bool mayGoOn() const;
    bool writeSome(class TurnBudget &budget);
    Error deviceError() const;
    qintptr socketDescriptor() const;
    void endDevice() override;
    void proceed() override;

    std::unique_ptr<QIODevice> m_device;
    QAbstractSocket *m_socket = nullptr; // the device, if it is one
    ForwardingDevice *m_forwarding = nullptr; // the device, if it stands for one of the user's
    Incoming m_incoming;
    Outgoing m_outgoing;
    HalfMessage m_halfMessage;
    std::unique_ptr<EndWatch> m_endWatch; // of a pause
    Role m_role;
    TransportOption m_accepted = TransportOption::Deflate;
    bool m_isUsers = false; // slots of the user's may run in the functions of the device
    bool m_isSocket = false; // what it reads is all there is, unless it fills the space
    bool m_isDry = true; // the device had less to read than there was room for
    bool m_isInDevice = false; // a function of the device is running
    bool m_isStranger =
            false; // one OPTION is taken: it may have to be told in compressed form that it is refused
    bool m_hadOption = false; // as a stranger
    bool m_isPutOff = false; // until that has returned
    bool m_isFlushing = false; // flush() is running
    bool m_isBlocked = false; // a flush() within it waits for the device
    bool m_isWaiting = false; // flushAndWait() is running
    QDeadlineTimer m_waitsUntil; // then
    bool m_isClosed = false; // the device has said that nothing more comes
    bool m_isGone = false; // nor is anything taken
    bool m_isEnding = false; // the peer has ended its stream: what is left of it is to be read
};

} // namespace MsgpackRpc
