// SPDX-License-Identifier: Apache-2.0
#include "transport/udpconnector_p.h"

#include "base/clock_p.h"
#include "base/logging_p.h"
#include "transport/transport_p.h"
#include "transport/turn_p.h"
#include "transport/turnbudget_p.h"

#include <QtCore/QPointer>
#include <QtCore/QVariant>

namespace MsgpackRpc {

namespace {

// Datagrams that come at once wait here; the system may allow less.
constexpr int ReceiveBuffer = 1024 * 1024;

} // namespace

// channelReadyRead is emitted within a slot of itself: an event loop that user code runs hears of new data.
UdpDevice::UdpDevice()
{
    connect(&m_socket, &QIODevice::channelReadyRead, this, &UdpDevice::onReadyRead);
}

Address UdpDevice::peer() const
{
    return Address(m_socket.peerAddress(), m_socket.peerPort());
}

bool UdpDevice::send(const QByteArray &datagram)
{
    if (m_socket.write(datagram) == datagram.size())
        return true;
    // The system tells now that nobody listened for one before, and has not sent this one; QUdpSocket does not say that
    // this is why. It may still be that somebody listens now.
    return m_socket.write(datagram) == datagram.size();
}

void UdpDevice::close()
{
    m_socket.close();
    DatagramDevice::close();
}

// Reads at least once: only that lets the socket tell again. What is left over, it tells of again too.
void UdpDevice::onReadyRead()
{
    const std::shared_ptr<Turn> turn = Turn::current();
    if (turn->isDeepest())
        return turn->whenShallower(this, &UdpDevice::onReadyRead);
    const Turn::Handling handling(*turn);
    const QPointer<UdpDevice> guard(this);
    TurnBudget budget;
    QByteArray buffer(MostIPv6 + 1, Qt::Uninitialized);
    qsizetype inflated = 0;
    do {
        inflated = 0;
        const qint64 size = m_socket.readDatagram(buffer.data(), buffer.size());
        if (size >= 0)
            inflated = receive(QByteArrayView(buffer.constData(), size));
        else if (m_socket.error() == QAbstractSocket::ConnectionRefusedError)
            qCDebug(lcTransport).noquote()
                    << "nobody listens at" << peer().toString() << "at present";
    } while (guard && isOpen() && budget.takeMessage() && budget.takeBytes(inflated)
             && m_socket.hasPendingDatagrams());
}

UdpConnector::UdpConnector(const TransportSettings &settings)
    : m_host(settings.url.host()), m_port(quint16(settings.url.port()))
{
    // Where Server::listen() is with this name: nobody would tell that the other one is wrong.
    if (m_host == QLatin1String("localhost"))
        m_host = QStringLiteral("127.0.0.1");
    auto device = std::make_unique<UdpDevice>();
    m_socket = &device->socket();
    m_device = std::move(device);
    // Queued: what is found at once is told after start() has returned.
    connect(m_socket, &QAbstractSocket::connected, this, &UdpConnector::onConnected,
            Qt::QueuedConnection);
    connect(m_socket, &QAbstractSocket::errorOccurred, this, &UdpConnector::onError,
            Qt::QueuedConnection);
}

void UdpConnector::start()
{
    m_socket->connectToHost(m_host, m_port);
}

bool UdpConnector::waitForConnected(std::chrono::milliseconds time)
{
    // A name is looked up without blocking, or not at all.
    if (!m_device || m_socket->state() == QAbstractSocket::HostLookupState
        || !m_socket->waitForConnected(waitingTime(time)))
        return false;
    onConnected();
    return true;
}

void UdpConnector::onConnected()
{
    if (!m_device)
        return;
    m_socket->disconnect(this);
    m_socket->setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, ReceiveBuffer);
    Q_EMIT connected();
}

void UdpConnector::onError()
{
    if (m_device)
        Q_EMIT failed(m_socket->errorString());
}

} // namespace MsgpackRpc
