// SPDX-License-Identifier: Apache-2.0
#include "transport/tcpconnector_p.h"

#include "base/clock_p.h"
#include "transport/socketdevice_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/transport_p.h"

namespace MsgpackRpc {

TcpConnector::TcpConnector(const TransportSettings &settings)
    : m_host(settings.url.host()),
      m_port(quint16(settings.url.port())),
      m_keepAlive(settings.keepAlive),
      m_notifierMode(settings.notifierMode),
      m_log(settings.log)
{
    auto socket = std::make_unique<TcpSocket>();
    m_socket = socket.get();
    m_device = std::move(socket);
    connect(m_socket, &QAbstractSocket::connected, this, &TcpConnector::onConnected);
    // Queued: an error that is found at once is told after start() has returned.
    connect(m_socket, &QAbstractSocket::errorOccurred, this, &TcpConnector::onError,
            Qt::QueuedConnection);
}

void TcpConnector::start()
{
    m_socket->connectTo(m_host, m_port);
}

bool TcpConnector::waitForConnected(std::chrono::milliseconds time)
{
    // A name that is still being looked up would be looked up again, blocking for as long as the resolver likes.
    if (m_socket->state() == QAbstractSocket::HostLookupState
        && m_host != QLatin1String("localhost"))
        return false;
    return m_socket->waitForConnected(waitingTime(time));
}

void TcpConnector::onConnected()
{
    m_socket->disconnect(this);
    m_socket->tune(m_keepAlive);
    if (m_notifierMode == NotifierMode::PerThread) {
        if (auto device = SocketDevice::takeOver(*m_socket, m_log.get())) {
            m_device.release()->deleteLater();
            m_device = std::move(device);
        }
    }
    Q_EMIT connected();
}

void TcpConnector::onError()
{
    if (m_device)
        Q_EMIT failed(m_socket->errorString());
}

} // namespace MsgpackRpc
