// SPDX-License-Identifier: Apache-2.0
#include "transport/datagramconnection_p.h"

#include "base/clock_p.h"
#include "transport/turnbudget_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// For so many unanswered datagrams a peer is owed replies.
constexpr qsizetype MostOwed = 64;

} // namespace

DatagramForm DatagramForm::asking(ExchangeOption option, qsizetype maximum)
{
    return {option.isDefault() ? QByteArray() : optionMessage(option), option.tx.deflate(),
            maximum};
}

// Compressing tells exactly; it is done only where it is not certain that the message fits.
QString DatagramForm::problem(const OutputQueue &queue) const
{
    qsizetype size = prefix.size() + queue.openSize();
    if (deflates) {
        if (size + size / 1000 + 64 <= maximum)
            return {};
        DatagramWriter writer(prefix, true);
        writer.begin();
        queue.forEachOpenSegment(
                [&writer](const char *data, qsizetype bytes) { writer.add(data, bytes); });
        size = writer.finish().size();
    }
    if (size <= maximum)
        return {};
    return QStringLiteral("a datagram of %1 bytes, and at most %2 are possible")
            .arg(size)
            .arg(maximum);
}

DatagramConnection::DatagramConnection(std::unique_ptr<DatagramDevice> device, Role role,
                                       ExchangeOption option, const Limits &limits,
                                       OutputQueue &queue, ConnectionHandler &handler)
    : Connection(queue, handler),
      m_device(std::move(device)),
      m_form(DatagramForm::asking(role == Active ? option : ExchangeOption(), m_device->maximum())),
      m_reader(limits),
      m_writer(m_form.prefix,
               role == Active ? option.tx.deflate() : m_device->option().rx.deflate()),
      m_role(role),
      m_mayInflate(role == Active && option.rx.deflate()),
      m_replyBytes(limits.datagramReplyBytes),
      m_lastHeard(Clock::now())
{
    if (role == Passive)
        m_form.deflates = m_device->option().rx.deflate();
    if (isHeldBack())
        m_form.maximum = std::min(m_form.maximum, m_replyBytes);
    m_peerAddress = m_device->peer();
    m_peerName = m_peerAddress->toString();
    m_device->setReceiver(this);
}

DatagramConnection::~DatagramConnection() = default;

// The source of a datagram can be forged. Where that could turn this side against a third, it sends no more than
// it was sent datagrams for.
bool DatagramConnection::isHeldBack() const
{
    return m_role == Passive && !m_device->isLocal() && m_replyBytes < DatagramDevice::MostIPv6;
}

Traffic DatagramConnection::traffic() const
{
    Traffic traffic = m_traffic;
    traffic.bytesReceived = m_device->bytesReceived();
    traffic.datagramsDropped = m_device->datagramsDropped();
    return traffic;
}

// A passive side's datagrams are read by who listens.
qsizetype DatagramConnection::datagramReceived(QByteArrayView datagram)
{
    const Running running(this);
    Message message;
    const DatagramReader::Result result =
            m_reader.read(datagram, message, TransportOption(), m_mayInflate);
    const qsizetype inflated = m_reader.inflatedBytes();
    if (result == DatagramReader::Complete)
        datagramRead(message);
    else
        m_device->drop(DatagramDrops::reasonFor(result), m_reader.error());
    return inflated;
}

void DatagramConnection::datagramRead(Message &message)
{
    if (m_handler == nullptr)
        return;
    const Running running(this);
    if (m_isPaused && message.type != Message::Response) {
        m_device->drop(DatagramDrops::NoRoom, QStringLiteral("too many requests are in work"));
        return;
    }
    ++m_traffic.messagesReceived;
    m_lastHeard = Clock::now();
    m_credit = std::min(m_credit + m_replyBytes, MostOwed * m_replyBytes);
    m_handler->messageReceived(message);
}

void DatagramConnection::flush()
{
    if (m_handler == nullptr || m_queue->isEmpty())
        return;
    TurnBudget budget;
    while (!m_queue->isEmpty()) {
        sendNext();
        if (!budget.takeMessage()) {
            continueLater();
            break;
        }
    }
    m_handler->outputDrained();
}

void DatagramConnection::sendNext()
{
    m_writer.begin();
    for (qsizetype left = m_queue->frontMessageSize(); left > 0;) {
        const Writer::Segment segment = m_queue->front();
        const qsizetype size = std::min(segment.size, left);
        m_writer.add(segment.data, size);
        m_queue->sent(size);
        left -= size;
    }
    const QByteArray &bytes = m_writer.finish();
    if (bytes.size() > m_form.maximum) {
        m_device->drop(DatagramDrops::NotSent,
                       QStringLiteral("a message of %1 bytes to send").arg(bytes.size()));
        return;
    }
    if (isHeldBack()) {
        if (bytes.size() > m_credit) {
            m_device->drop(DatagramDrops::NotSent,
                           QStringLiteral("more to send than it has sent datagrams for"));
            return;
        }
        m_credit -= bytes.size();
    }
    if (m_device->send(bytes))
        m_traffic.bytesSent += quint64(bytes.size());
    else
        m_device->drop(DatagramDrops::NotSent, QStringLiteral("the system does not take it"));
}

bool DatagramConnection::flushAndWait(std::chrono::milliseconds)
{
    while (m_handler != nullptr && !m_queue->isEmpty())
        flush();
    return m_handler != nullptr;
}

qsizetype DatagramConnection::bytesToWrite() const
{
    return m_queue != nullptr ? m_queue->size() : 0;
}

void DatagramConnection::endDevice()
{
    m_device->setReceiver(nullptr);
    m_device->close();
}

} // namespace MsgpackRpc
