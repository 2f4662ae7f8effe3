// SPDX-License-Identifier: Apache-2.0
#include "transport/tcplistener_p.h"

#include "transport/socketdevice_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/transport_p.h"

namespace MsgpackRpc {

TcpListener::TcpListener() : m_server(this) {}

bool TcpListener::listen(const QUrl &url)
{
    const QHostAddress host = hostOf(url);
    if (host.isNull()) {
        setError(QStringLiteral("%1: expected a literal address to listen at, or localhost")
                         .arg(url.toString()));
        return false;
    }
    if (!m_server.listen(host, quint16(url.port(0)))) {
        setError(QStringLiteral("%1: %2").arg(url.toString(), m_server.errorString()));
        return false;
    }
    m_url = url;
    m_url.setPort(m_server.serverPort());
    return true;
}

void TcpListener::close()
{
    m_server.close();
    m_url.clear();
}

void TcpListener::setPaused(bool paused)
{
    if (paused)
        m_server.pauseAccepting();
    else
        m_server.resumeAccepting();
}

void TcpListener::accept(qintptr descriptor)
{
    if (settings().notifierMode == NotifierMode::PerThread) {
        if (auto device = SocketDevice::create(descriptor)) {
            device->tune(settings().keepAlive);
            offer(std::move(device));
            return;
        }
    }
    auto socket = std::make_unique<TcpSocket>();
    if (!socket->accept(descriptor))
        return;
    socket->tune(settings().keepAlive);
    offer(std::move(socket));
}

} // namespace MsgpackRpc
