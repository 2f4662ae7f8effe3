// SPDX-License-Identifier: Apache-2.0
#include "transport/streamconnection_p.h"

#include "transport/endwatch_p.h"
#include "transport/foreignsocket_p.h"
#include "transport/forwardingdevice_p.h"
#include "transport/lingering_p.h"
#include "transport/socketdevice_p.h"
#include "transport/turnbudget_p.h"

#include <QtNetwork/QAbstractSocket>

#include <algorithm>

namespace MsgpackRpc {

namespace {

// The device gets no more at once than it may have to copy because the system does not take it.
constexpr qsizetype WriteSlice = 256 * 1024;

// A device of the user's; a child's streams are not.
ForwardingDevice *forwardingDevice(QIODevice *device)
{
    return device->metaObject() == &ForwardingDevice::staticMetaObject
                   ? static_cast<ForwardingDevice *>(device)
                   : nullptr;
}

} // namespace

StreamConnection::StreamConnection(std::unique_ptr<QIODevice> device, Role role,
                                   const Limits &limits, OutputQueue &queue,
                                   ConnectionHandler &handler)
    : Connection(queue, handler),
      m_device(std::move(device)),
      m_socket(qobject_cast<QAbstractSocket *>(m_device.get())),
      m_forwarding(forwardingDevice(m_device.get())),
      m_incoming(limits, m_turn->blocks()),
      m_outgoing(queue),
      m_halfMessage(limits.halfMessageTime, [this] { onHalfMessageTime(); }),
      m_role(role)
{
    m_isUsers = m_forwarding != nullptr || isForeign(m_device.get());
    if (m_socket != nullptr) {
        m_isSocket = true;
        if (m_socket->peerPort() != 0) // a local socket has no address
            m_peerAddress = Address(m_socket->peerAddress(), m_socket->peerPort());
    } else if (auto *const own = qobject_cast<SocketDevice *>(m_device.get())) {
        m_peerAddress = own->peerAddress();
        m_isSocket = true;
        m_isUsers = own->isUsers();
    }
    m_outgoing.setCopying(m_isUsers);
    m_peerName = m_peerAddress ? m_peerAddress->toString() : m_device->objectName();
    connectDevice();
    // What had come before, or that it had ended, nobody says again.
    if (m_socket == nullptr || m_socket->bytesAvailable() > 0
        || m_socket->state() != QAbstractSocket::ConnectedState)
        continueLater();
}

// A slot that has deleted this may have been called by the device, which then goes on.
StreamConnection::~StreamConnection()
{
    if (isForeign(m_device.get()))
        m_device.release()->deleteLater();
}

// channelReadyRead is emitted within a slot of itself, readyRead is not: an event loop that user code runs while a
// message is handled hears of new data only by it. Where a device does not emit it, endOfTurn() looks. The same is true
// of channelBytesWritten.
void StreamConnection::connectDevice()
{
    QIODevice *const device = m_device.get();
    if (m_socket != nullptr) {
        connect(m_socket, &QIODevice::channelReadyRead, this, &StreamConnection::onReadyRead);
        connect(m_socket, &QIODevice::channelBytesWritten, this, &StreamConnection::onBytesWritten);
        connect(m_socket, &QAbstractSocket::disconnected, this, &StreamConnection::onGone);
    } else {
        connect(device, &QIODevice::readyRead, this, &StreamConnection::onReadyRead);
        connect(device, &QIODevice::bytesWritten, this, &StreamConnection::onBytesWritten);
        connect(device, &QIODevice::readChannelFinished, this, &StreamConnection::onClosed);
    }
    connect(device, &QIODevice::aboutToClose, this, &StreamConnection::onGone);
}

QSslCertificate StreamConnection::peerCertificate() const
{
    auto *const device = qobject_cast<SocketDevice *>(m_device.get());
    return device != nullptr ? device->peerCertificate() : QSslCertificate();
}

void StreamConnection::sendOption(ExchangeOption option)
{
    if (option.isDefault())
        return;
    m_outgoing.addPreamble(optionMessage(option));
    if (option.tx.deflate())
        m_outgoing.startDeflating();
    m_incoming.awaitInflating(option.rx.deflate());
}

void StreamConnection::onReadyRead()
{
    m_isDry = false;
    processUnlessFlushing();
}

// While flush() runs, it goes on itself, unless that has called a slot of the user's which runs an event loop.
void StreamConnection::onBytesWritten()
{
    if (!m_isFlushing || std::exchange(m_isBlocked, false))
        flush();
}

// Nor does it take anything.
void StreamConnection::onGone()
{
    m_isGone = true;
    onClosed();
}

// The device has no more to read than it has now.
void StreamConnection::onClosed()
{
    m_isDry = false;
    m_isClosed = true;
    processUnlessFlushing();
}

// What writing has found out is told from the event loop: writing happens where callbacks must not run.
void StreamConnection::processUnlessFlushing()
{
    if (m_isFlushing && !m_isInDevice)
        continueLater();
    else
        process();
}

void StreamConnection::proceed()
{
    m_isDry = false;
    process();
    // Not as soon as the pause ends: it may begin again with what waits to be read.
    if (Q_UNLIKELY(m_endWatch) && !m_isPaused)
        m_endWatch.reset();
}

// In a nested event loop, what the outer process() has not come to yet is taken up by an event.
void StreamConnection::endOfTurn()
{
    if (m_handler == nullptr)
        return;
    if (m_depth > 0 && mayRead() && (m_incoming.reader().hasUnread() || !m_isDry))
        continueLater();
    flushNow();
}

// A pause holds the peer back; of one that has ended, what it has sent is taken and the end is told.
bool StreamConnection::mayRead() const noexcept
{
    return m_handler != nullptr && !m_isWaiting && !m_isHeld
           && (!m_isPaused || m_isClosed || m_isEnding);
}

// Calls \a function, which is one of the device's: nothing is read or written within it.
template<typename Function>
qsizetype StreamConnection::inDevice(Function function)
{
    const bool wasInDevice = std::exchange(m_isInDevice, true);
    const auto size = qsizetype(function());
    m_isInDevice = wasInDevice;
    if (Q_UNLIKELY(m_isPutOff) && !wasInDevice) {
        m_isPutOff = false;
        continueLater();
    }
    return size;
}

void StreamConnection::process()
{
    if (Q_UNLIKELY(m_isInDevice)) {
        m_isPutOff = true;
        return;
    }
    if (Q_UNLIKELY(m_turn->isDeepest()))
        return m_turn->whenShallower(this, &StreamConnection::proceed);
    const Running running(this);
    const Turn::Handling handling(*m_turn);
    if (Q_LIKELY(m_depth == 1))
        return processNow();
    // An event loop of the user's runs while a message is handled, which may not be decoded yet.
    const MessageReader::Nested nested(m_incoming.reader());
    processNow();
}

void StreamConnection::processNow()
{
    TurnBudget budget;
    const quint64 messagesBefore = m_traffic.messagesReceived;
    while (mayRead()) {
        if (!handleMessages(budget)) {
            if (mayRead())
                continueLater();
            break;
        }
        if (!mayRead() || m_isDry)
            break;
        // A socket that reads the end of the peer's stream takes nothing any more.
        if (Q_UNLIKELY(m_traffic.messagesReceived != messagesBefore))
            flushNow();
        if (!mayRead())
            break;
        const qsizetype size = readOnce();
        if (size < 0)
            break;
        if (!budget.takeBytes(size)) {
            continueLater();
            break;
        }
    }
    if (m_handler == nullptr)
        return;
    m_incoming.reader().release();
    if (m_isClosed && m_isDry && !m_isWaiting && !m_isHeld && !continues()) {
        flushNow(); // who has ended its direction may still read the answers
        return lost(deviceError());
    }
    if (const qsizetype size = m_incoming.reader().partialSize(); size > 0)
        m_halfMessage.watch(m_traffic.messagesReceived, size);
    flushNow();
}

// Takes some bytes from the device, and tells how much work that was; -1 if there is nothing to be looked at.
qsizetype StreamConnection::readOnce()
{
    Incoming::Taken taken{};
    inDevice([&] {
        taken = m_incoming.read(*m_device, m_isSocket);
        return taken.size;
    });
    if (m_handler == nullptr)
        return -1;
    m_traffic.bytesReceived += quint64(taken.received);
    m_isDry = taken.isDry;
    if (taken.size < 0)
        m_isClosed = true;
    return taken.size > 0 || !taken.isDry ? std::max(taken.size, taken.received) : -1;
}

// Handles what is complete; false if the turn's budget is used up, or the connection has ended.
bool StreamConnection::handleMessages(TurnBudget &budget)
{
    Message message;
    while (mayRead()) {
        if (Q_UNLIKELY(m_incoming.beginsInflating())) {
            m_isDry = false;
            return true;
        }
        const Scanner::Result result = m_incoming.next(message);
        if (result == Scanner::NeedMore)
            return true;
        if (Q_UNLIKELY(result == Scanner::Failed)) {
            closeFor(m_incoming.exceedsLimit() ? Error::LimitExceeded : Error::ProtocolViolation,
                     m_incoming.error());
            return false;
        }
        ++m_traffic.messagesReceived;
        // Whoever runs an event loop while this message is handled must get what follows it.
        if (m_incoming.reader().hasUnread() || !m_isDry)
            m_turn->schedule(this);
        if (Q_UNLIKELY(!handle(message)) || !budget.takeMessage())
            return false;
    }
    return false;
}

bool StreamConnection::handle(Message &message)
{
    if (Q_UNLIKELY(message.fault == Message::Fatal)) {
        closeFor(Error::ProtocolViolation, message.faultText);
        return false;
    }
    if (Q_UNLIKELY(message.type == Message::Option))
        return handleOption(message);
    m_handler->messageReceived(message);
    return m_handler != nullptr;
}

// The sender's stream is compressed from the next byte on, which may have been read already. Bits add up; a stream
// that runs goes on. An active side has asked itself and is not asked.
bool StreamConnection::handleOption(const Message &message)
{
    const ExchangeOption mine = message.option.reversed();
    if (m_role == Active) {
        closeFor(Error::ProtocolViolation,
                 QStringLiteral("an OPTION message from the accepting side"));
        return false;
    }
    if (m_isStranger && std::exchange(m_hadOption, true)) {
        closeFor(Error::ProtocolViolation,
                 QStringLiteral(
                         "more OPTION messages before it was decided whether it may come in"));
        return false;
    }
    if ((mine.rx.deflate() && !m_accepted.testFlag(TransportOption::RxDeflate))
        || (mine.tx.deflate() && !m_accepted.testFlag(TransportOption::TxDeflate))) {
        closeFor(Error::ProtocolViolation,
                 QStringLiteral("an OPTION message that asks for more than is accepted"));
        return false;
    }
    if (mine.tx.deflate() && !m_outgoing.isDeflating()) {
        m_outgoing.startDeflating(); // what is queued already is answers to plain requests
        m_handler->outputDrained();
    }
    if (mine.rx.deflate() && !m_incoming.isInflating()) {
        m_incoming.startInflating();
        m_isDry = false;
    }
    return true;
}

void StreamConnection::onHalfMessageTime()
{
    const Running running(this);
    const qsizetype size = m_incoming.reader().partialSize();
    if (m_handler == nullptr || size == 0)
        return;
    if (m_isPaused || m_isHeld || m_halfMessage.goesOn(m_traffic.messagesReceived, size))
        return m_halfMessage.watch(m_traffic.messagesReceived, size);
    closeFor(Error::LimitExceeded,
             QStringLiteral("half a message (%1 bytes), and too little more of it for %2 ms")
                     .arg(size)
                     .arg(m_halfMessage.time().count()));
}

void StreamConnection::setReadingPaused(bool paused)
{
    if (m_isPaused == paused)
        return;
    m_isPaused = paused;
    if (m_handler == nullptr)
        return;
    if (paused) {
        if (!m_endWatch)
            m_endWatch = EndWatch::begin(m_device.get(), [this] { onPeerEnded(); });
        return;
    }
    // Something may have come meanwhile. What is half received has its whole time again: the pause was not the peer's.
    m_halfMessage.stop();
    continueLater();
}

// Who would hear of the end is not being read from: the peer has gone, and nobody waits for the answers.
void StreamConnection::onPeerEnded()
{
    m_isEnding = true;
    m_isDry = false;
    if (m_handler != nullptr)
        process();
}

void StreamConnection::setHeld(bool held)
{
    m_isHeld = held;
    if (!held && m_handler != nullptr)
        continueLater();
}

qsizetype StreamConnection::bytesToWrite() const
{
    return (m_queue != nullptr ? m_queue->size() : 0) + m_outgoing.preparedBytes()
           + qsizetype(m_device->bytesToWrite());
}

// What the device took, or holds for the system to take. Once that is noted, pushDevice() is to be called.
qsizetype StreamConnection::write(const char *data, qsizetype size)
{
    const qsizetype written =
            inDevice([&] { return m_device->write(data, std::min(size, WriteSlice)); });
    if (written > 0)
        m_traffic.bytesSent += quint64(written);
    if (written < 0) {
        m_isClosed = m_isGone = true;
        continueLater();
    }
    return std::max<qsizetype>(written, 0);
}

// Has the device give to the system what it holds.
void StreamConnection::pushDevice()
{
    if (m_socket != nullptr) {
        if (m_socket->bytesToWrite() > 0)
            m_socket->flush();
    } else if (m_forwarding != nullptr) {
        m_forwarding->flush();
    } else if (m_isUsers && m_isSocket) {
        static_cast<SocketDevice *>(m_device.get())->push();
    }
}

// A slot of the user's that is called by a device which is being flushed, or closes because of that, does not write.
void StreamConnection::flush()
{
    if (m_isFlushing)
        m_turn->schedule(this);
    else
        flushNow();
}

void StreamConnection::flushNow()
{
    if (m_handler == nullptr || m_isInDevice || m_isGone)
        return;
    const qsizetype before = m_queue->size();
    if (before == 0 && m_outgoing.preparedBytes() == 0)
        return;
    const Running running(this);
    const bool wasFlushing = std::exchange(m_isFlushing, true);
    m_isBlocked = false;
    flushFrom(before);
    m_isFlushing = wasFlushing;
    if (Q_UNLIKELY(wasFlushing))
        m_isBlocked = m_handler != nullptr && m_device->bytesToWrite() > 0;
}

void StreamConnection::flushFrom(qsizetype before)
{
    // A peer that reads as fast as this writes would keep the turn from ending.
    TurnBudget budget;
    const bool hasBudget = m_device->bytesToWrite() > 0 || writeSome(budget);
    if (m_handler == nullptr)
        return;
    if (!hasBudget)
        continueLater();
    if (m_queue->size() < before)
        m_handler->outputDrained();
}

// Whoever waits for the bytes to go has no other turn.
bool StreamConnection::mayGoOn() const
{
    return m_isWaiting && !m_waitsUntil.hasExpired();
}

// False if the budget is used up.
bool StreamConnection::writeSome(TurnBudget &budget)
{
    for (;;) {
        const qsizetype before = m_queue->size();
        const Writer::Segment segment = m_outgoing.front();
        const qsizetype prepared = before - m_queue->size(); // compressing them may be much work
        if (segment.size == 0) {
            if (prepared == 0)
                return true;
            if (!budget.takeBytes(prepared) && !mayGoOn())
                return false;
            continue;
        }
        const qsizetype written = write(segment.data, segment.size);
        if (m_handler == nullptr)
            return true;
        m_outgoing.sent(written);
        if (written > 0)
            pushDevice();
        if (m_handler == nullptr || written == 0 || m_isGone)
            return true;
        if ((written < segment.size || m_outgoing.isPrepared()) && m_device->bytesToWrite() > 0)
            return true;
        if (!budget.takeBytes(std::max(written, prepared)) && !mayGoOn())
            return m_queue->isEmpty() && m_outgoing.preparedBytes() == 0;
    }
}

bool StreamConnection::flushAndWait(std::chrono::milliseconds time)
{
    const Running running(this);
    const bool wasWaiting =
            std::exchange(m_isWaiting, true); // nobody wants to hear of what is read while waiting
    const QDeadlineTimer until = std::exchange(m_waitsUntil, QDeadlineTimer(waitingTime(time)));
    flushNow();
    while (m_handler != nullptr && !m_isGone && bytesToWrite() > 0) {
        const int left = waitingTime(std::chrono::milliseconds(m_waitsUntil.remainingTime()));
        if (left == 0 || !m_device->waitForBytesWritten(left))
            break;
        flushNow();
    }
    m_isWaiting = wasWaiting;
    m_waitsUntil = until;
    continueLater();
    return m_handler != nullptr && bytesToWrite() == 0;
}

Error StreamConnection::deviceError() const
{
    const QString why = m_socket != nullptr ? m_socket->errorString() : m_device->errorString();
    return Error(Error::ConnectionLost,
                 QStringLiteral("the connection to %1 was lost: %2").arg(m_peerName, why));
}

void StreamConnection::endDevice()
{
    m_halfMessage.stop();
    m_endWatch.reset();
    m_device->disconnect(this);
    const bool isAllSent = m_outgoing.preparedBytes() == 0 && m_device->bytesToWrite() == 0;
    const bool lingers = m_lingering.count() > 0 && !m_isClosed && isAllSent;
    const int descriptor = lingers ? Lingering::copyOf(socketDescriptor()) : -1;
    if (m_socket != nullptr && m_socket->bytesToWrite() == 0)
        m_socket->disconnectFromHost();
    m_device->close();
    Lingering::begin(descriptor, m_lingering);
}

// -1 for what is no socket, and for one of the user's.
qintptr StreamConnection::socketDescriptor() const
{
    if (m_socket != nullptr)
        return m_socket->socketDescriptor();
    auto *const own = m_isSocket ? static_cast<SocketDevice *>(m_device.get()) : nullptr;
    return own != nullptr ? own->socketDescriptor() : -1;
}

} // namespace MsgpackRpc
