// SPDX-License-Identifier: Apache-2.0
#include "transport/streamconnection_p.h"

#include "transport/endwatch_p.h"
#include "transport/foreignsocket_p.h"
#include "transport/forwardingdevice_p.h"
#include "transport/socketdevice_p.h"
#include "transport/turnbudget_p.h"

#include <QtCore/QElapsedTimer>
#include <QtNetwork/QAbstractSocket>

#include <algorithm>

namespace MsgpackRpc {

namespace {

// The device gets no more at once than it may have to copy because the system does not take it.
constexpr qsizetype WriteSlice = 256 * 1024;
constexpr qsizetype CompressedSlice = 64 * 1024;
constexpr qsizetype CompressStep = 256 * 1024;
constexpr qsizetype InflateStep = 64 * 1024;
// A half-received message lives on while so much of it arrives within Limits::halfMessageTime.
constexpr qsizetype PartialProgress = 64 * 1024;

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
      m_reader(limits, m_turn->blocks()),
      m_limits(limits),
      m_role(role)
{
    if (m_socket != nullptr) {
        m_isSocket = true;
        if (m_socket->peerPort() != 0) // a local socket has no address
            m_peerAddress = Address(m_socket->peerAddress(), m_socket->peerPort());
    } else if (auto *const own = qobject_cast<SocketDevice *>(m_device.get())) {
        m_peerAddress = own->peerAddress();
        m_isSocket = true;
    }
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
// message is handled hears of new data only by it. Where a device does not emit it, endOfTurn() looks.
void StreamConnection::connectDevice()
{
    QIODevice *const device = m_device.get();
    if (m_socket != nullptr) {
        connect(m_socket, &QIODevice::channelReadyRead, this, &StreamConnection::onReadyRead);
        connect(m_socket, &QAbstractSocket::disconnected, this, &StreamConnection::onClosed);
    } else {
        connect(device, &QIODevice::readyRead, this, &StreamConnection::onReadyRead);
        connect(device, &QIODevice::readChannelFinished, this, &StreamConnection::onClosed);
    }
    connect(device, &QIODevice::aboutToClose, this, &StreamConnection::onClosed);
    connect(device, &QIODevice::bytesWritten, this, &StreamConnection::onBytesWritten);
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
    m_raw.append(optionMessage(option));
    if (option.tx.deflate())
        m_deflater = std::make_unique<Deflater>();
    m_awaitsInflate = option.rx.deflate();
}

void StreamConnection::onReadyRead()
{
    m_isDry = false;
    processUnlessFlushing();
}

// While flush() runs, it goes on itself.
void StreamConnection::onBytesWritten()
{
    if (!m_isFlushing)
        flush();
}

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
}

// In a nested event loop, what the outer process() has not come to yet is taken up by an event.
void StreamConnection::endOfTurn()
{
    if (m_handler == nullptr)
        return;
    if (m_depth > 0 && mayRead() && (m_reader.hasUnread() || !m_isDry))
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
    const Running running(this);
    TurnBudget budget;
    while (mayRead()) {
        if (!handleMessages(budget)) {
            if (mayRead())
                continueLater();
            break;
        }
        if (!mayRead() || m_isDry)
            break;
        const qsizetype before = m_reader.partialSize();
        if (!readOnce())
            break;
        if (!budget.takeBytes(m_reader.partialSize() - before)) {
            continueLater();
            break;
        }
    }
    if (m_handler == nullptr)
        return;
    m_reader.release();
    if (m_isClosed && m_isDry && !m_isWaiting && !m_isHeld && !continues())
        return lost(deviceError());
    if (m_reader.partialSize() > 0)
        watchPartial();
    flushNow();
}

// Takes some bytes from the device; false if there are none, or the connection has ended.
bool StreamConnection::readOnce()
{
    const MessageReader::Space space = m_reader.space();
    const qsizetype size = inDevice([&] {
        return m_inflater ? inflate(space) : qsizetype(m_device->read(space.data, space.size));
    });
    if (m_handler == nullptr)
        return false;
    if (size > 0 && !m_inflater)
        m_traffic.bytesReceived += quint64(size);
    if (size < 0) {
        m_isDry = true;
        m_isClosed = true;
        return false;
    }
    // A socket gives what it has; another device may have more, or only now say that it has ended.
    if (!m_inflater)
        m_isDry = m_isSocket ? size < space.size : size == 0;
    if (size > 0)
        m_reader.added(size);
    return size > 0;
}

// Decompresses into \a space, reading compressed bytes as needed. The limit stops a message before it has grown.
qsizetype StreamConnection::inflate(MessageReader::Space space)
{
    const qsizetype left = std::max<qsizetype>(m_limits.inflatedBytes, 0) - m_reader.partialSize();
    if (left <= 0) {
        closeFor(Error::LimitExceeded,
                 QStringLiteral("a message that inflates to more than %1 bytes")
                         .arg(m_limits.inflatedBytes));
        return 0;
    }
    const qsizetype most = std::min({space.size, left, InflateStep});
    for (;;) {
        const qsizetype size = m_inflater->read(space.data, most);
        if (size < 0)
            closeFor(Error::ProtocolViolation, m_inflater->error());
        if (size != 0)
            return std::max<qsizetype>(size, 0);
        QByteArray compressed(InflateStep, Qt::Uninitialized);
        const auto received = qsizetype(m_device->read(compressed.data(), compressed.size()));
        if (received <= 0) {
            m_isDry = true;
            return received; // -1 tells that the connection has ended
        }
        compressed.truncate(received);
        m_traffic.bytesReceived += quint64(received);
        m_inflater->add(compressed);
    }
}

// Handles what is complete; false if the turn's budget is used up, or the connection has ended.
bool StreamConnection::handleMessages(TurnBudget &budget)
{
    Message message;
    while (mayRead()) {
        if (m_awaitsInflate && !startInflating())
            return true;
        const Scanner::Result result = m_reader.next(message);
        if (result == Scanner::NeedMore)
            return true;
        if (Q_UNLIKELY(result == Scanner::Failed)) {
            closeFor(m_reader.exceedsLimit() ? Error::LimitExceeded : Error::ProtocolViolation,
                     m_reader.error());
            return false;
        }
        ++m_traffic.messagesReceived;
        // Whoever runs an event loop while this message is handled must get what follows it.
        if (m_reader.hasUnread() || !m_isDry)
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
    if (mine.tx.deflate() && !m_deflater) {
        // What is queued already is answers to plain requests; each message is compressed as it is sent, but for one
        // that has begun to be.
        keepPartial();
        m_deflater = std::make_unique<Deflater>();
        m_handler->outputDrained();
    }
    if (mine.rx.deflate() && !m_inflater) {
        m_inflater = std::make_unique<Inflater>();
        m_inflater->add(m_reader.takeRest());
        m_isDry = false;
    }
    return true;
}

// The rest of a message that was sent in part is sent as it is, before the compressed stream.
void StreamConnection::keepPartial()
{
    if (!m_queue->isFrontPartial())
        return;
    for (qsizetype left = m_queue->frontMessageSize(); left > 0;) {
        const Writer::Segment segment = m_queue->front();
        const qsizetype size = std::min(segment.size, left);
        m_raw.append(segment.data, size);
        m_queue->sent(size);
        left -= size;
    }
}

// After asking for a compressed answer, plain messages may still come: the stream begins where, at a boundary, a byte
// is 0x78, which no message begins with. True if messages may be read.
bool StreamConnection::startInflating()
{
    if (m_reader.peek() != 0x78)
        return true;
    m_awaitsInflate = false;
    m_inflater = std::make_unique<Inflater>();
    m_inflater->add(m_reader.takeRest());
    m_isDry = false;
    return false;
}

void StreamConnection::watchPartial()
{
    if (m_partialTimer && m_partialTimer->isActive())
        return;
    if (!m_partialTimer)
        m_partialTimer = std::make_unique<Timer>([this] { onPartialTimeout(); });
    m_partialMessage = m_traffic.messagesReceived;
    m_partialAt = m_reader.partialSize();
    m_partialTimer->start(m_limits.halfMessageTime);
}

void StreamConnection::onPartialTimeout()
{
    const Running running(this);
    const qsizetype size = m_reader.partialSize();
    if (m_handler == nullptr || size == 0)
        return;
    if (m_isPaused || m_isHeld || m_partialMessage != m_traffic.messagesReceived
        || size - m_partialAt >= PartialProgress)
        return watchPartial();
    closeFor(Error::LimitExceeded,
             QStringLiteral("half a message (%1 bytes), and too little more of it for %2 ms")
                     .arg(size)
                     .arg(m_limits.halfMessageTime.count()));
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
    if (m_partialTimer)
        m_partialTimer->stop();
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
    return (m_queue != nullptr ? m_queue->size() : 0) + m_raw.size() - m_rawSent
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
        m_isClosed = true;
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
    if (m_handler == nullptr || m_isInDevice || m_isClosed)
        return;
    const qsizetype before = m_queue->size();
    if (before == 0 && m_raw.isEmpty())
        return;
    const Running running(this);
    const bool wasFlushing = std::exchange(m_isFlushing, true);
    flushFrom(before);
    m_isFlushing = wasFlushing;
}

void StreamConnection::flushFrom(qsizetype before)
{
    // A peer that reads as fast as this writes would keep the turn from ending.
    TurnBudget budget;
    bool hasBudget = true;
    if (m_device->bytesToWrite() == 0) {
        const bool isPrepared = m_deflater || m_forwarding != nullptr;
        if (isPrepared || !m_raw.isEmpty()) {
            while (writeRaw() && isPrepared && !m_queue->isEmpty() && hasBudget)
                hasBudget =
                        budget.takeBytes(m_deflater ? compressSome() : copySome()) || m_isWaiting;
        }
        if (m_handler != nullptr && !isPrepared && m_raw.isEmpty())
            hasBudget = writeQueue(budget);
    }
    if (m_handler == nullptr)
        return;
    if (!hasBudget)
        continueLater();
    if (m_queue->size() < before)
        m_handler->outputDrained();
}

// False if the budget is used up; whoever waits for the bytes to go has no other turn.
bool StreamConnection::writeQueue(TurnBudget &budget)
{
    for (;;) {
        const Writer::Segment segment = m_queue->front();
        if (segment.size == 0)
            return true;
        const qsizetype written = write(segment.data, segment.size);
        if (m_handler == nullptr)
            return true;
        m_queue->sent(written);
        if (written > 0)
            pushDevice();
        if (m_handler == nullptr || written == 0 || m_isClosed
            || (written < segment.size && m_device->bytesToWrite() > 0))
            return true;
        if (!budget.takeBytes(written) && !m_isWaiting)
            return m_queue->isEmpty();
    }
}

// Writes preamble and compressed bytes; true if none is left.
bool StreamConnection::writeRaw()
{
    while (m_rawSent < m_raw.size()) {
        const qsizetype written = write(m_raw.constData() + m_rawSent, m_raw.size() - m_rawSent);
        m_rawSent += written;
        if (written > 0)
            pushDevice();
        if (m_handler == nullptr || written == 0 || m_isClosed
            || (m_rawSent < m_raw.size() && m_device->bytesToWrite() > 0))
            return false;
    }
    m_raw.clear();
    m_rawSent = 0;
    return m_device->bytesToWrite() == 0;
}

// Slots of the user's that run while this is written may end what it is of, and call.
qsizetype StreamConnection::copySome()
{
    const Writer::Segment segment = m_queue->front();
    const qsizetype size = std::min(segment.size, WriteSlice);
    m_raw.append(segment.data, size);
    m_queue->sent(size);
    return size;
}

// Compresses messages, each ended by a sync flush, until there is a good deal to write. Returns how many bytes it took.
qsizetype StreamConnection::compressSome()
{
    qsizetype taken = 0;
    while (!m_queue->isEmpty() && m_deflater->output().size() < CompressedSlice
           && taken < CompressStep) {
        const Writer::Segment segment = m_queue->front();
        const qsizetype size = std::min({segment.size, m_queue->frontMessageSize(), WriteSlice});
        const bool endsMessage = size == m_queue->frontMessageSize();
        m_deflater->write(segment.data, size);
        if (endsMessage)
            m_deflater->flush();
        m_queue->sent(size);
        taken += size;
    }
    m_raw = std::exchange(m_deflater->output(), QByteArray());
    m_rawSent = 0;
    return taken;
}

bool StreamConnection::flushAndWait(std::chrono::milliseconds time)
{
    const Running running(this);
    QElapsedTimer timer;
    timer.start();
    const bool wasWaiting =
            std::exchange(m_isWaiting, true); // nobody wants to hear of what is read while waiting
    flushNow();
    while (m_handler != nullptr && !m_isClosed && bytesToWrite() > 0) {
        const int left = waitingTime(std::max(time, std::chrono::milliseconds(0))
                                     - std::chrono::milliseconds(timer.elapsed()));
        if (left == 0 || !m_device->waitForBytesWritten(left))
            break;
        flushNow();
    }
    m_isWaiting = wasWaiting;
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
    m_partialTimer.reset();
    m_endWatch.reset();
    m_device->disconnect(this);
    if (m_socket != nullptr && m_socket->bytesToWrite() == 0)
        m_socket->disconnectFromHost();
    m_device->close();
}

} // namespace MsgpackRpc
