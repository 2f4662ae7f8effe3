// SPDX-License-Identifier: Apache-2.0
#include "transport/listener_p.h"

#include "transport/memorydevice_p.h"
#include "transport/socketdevice_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/udplistener_p.h"

#include <QtNetwork/QTcpServer>

namespace MsgpackRpc {

namespace {

// A QTcpServer whose sockets are ours.
class TcpServer final : public QTcpServer
{
public:
    explicit TcpServer(std::function<void(qintptr)> accept) : m_accept(std::move(accept)) {}

protected:
    void incomingConnection(qintptr descriptor) override { m_accept(descriptor); }

private:
    std::function<void(qintptr)> m_accept;
};

class TcpListener final : public Listener
{
public:
    TcpListener() : m_server([this](qintptr descriptor) { accept(descriptor); }) {}

    bool listen(const QUrl &url) override
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
    QUrl url() const override { return m_url; }
    void close() override
    {
        m_server.close();
        m_url.clear();
    }
    void setPaused(bool paused) override
    {
        if (paused)
            m_server.pauseAccepting();
        else
            m_server.resumeAccepting();
    }

private:
    void accept(qintptr descriptor)
    {
        if (m_notifierMode == NotifierMode::PerThread) {
            if (auto device = SocketDevice::create(descriptor)) {
                device->tune(m_keepAlive);
                offer(std::move(device));
                return;
            }
        }
        auto socket = std::make_unique<TcpSocket>();
        if (!socket->accept(descriptor))
            return;
        socket->tune(m_keepAlive);
        offer(std::move(socket));
    }

    TcpServer m_server;
    QUrl m_url;
};

} // namespace

QHostAddress Listener::hostOf(const QUrl &url)
{
    if (url.host() == QLatin1String("localhost"))
        return QHostAddress(QHostAddress::LocalHost);
    return QHostAddress(url.host());
}

std::unique_ptr<Listener> Listener::create(const QUrl &url, QString *why)
{
    const QString scheme = url.scheme();
    if (scheme == QLatin1String("tcp") && !url.host().isEmpty())
        return std::make_unique<TcpListener>();
    if (scheme == QLatin1String("udp") && !url.host().isEmpty())
        return std::make_unique<UdpListener>();
    if (scheme == QLatin1String("memory"))
        return std::make_unique<MemoryListener>();
    if (scheme == QLatin1String("tcp") || scheme == QLatin1String("udp"))
        *why = QStringLiteral("%1 names no address to listen at; expected %2://address:port")
                       .arg(url.toString(), scheme);
    else
        *why = QStringLiteral("\"%1\" has no known scheme; expected tcp://address:port, "
                              "udp://address:port or "
                              "memory:name")
                       .arg(url.toString());
    return nullptr;
}

} // namespace MsgpackRpc
