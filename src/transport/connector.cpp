// SPDX-License-Identifier: Apache-2.0
#include "transport/connector_p.h"

#include "transport/memorydevice_p.h"
#include "transport/socketdevice_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/udpconnector_p.h"

namespace MsgpackRpc {

namespace {

class TcpConnector final : public Connector
{
public:
    explicit TcpConnector(const QUrl &url) : m_host(url.host()), m_port(quint16(url.port()))
    {
        auto socket = std::make_unique<TcpSocket>();
        m_socket = socket.get();
        m_device = std::move(socket);
        connect(m_socket, &QAbstractSocket::connected, this, &TcpConnector::onConnected);
        // Queued: an error that is found at once is told after start() has returned.
        connect(m_socket, &QAbstractSocket::errorOccurred, this, &TcpConnector::onError,
                Qt::QueuedConnection);
    }

    void start() override { m_socket->connectTo(m_host, m_port); }
    bool waitForConnected(std::chrono::milliseconds time) override
    {
        // A name that is still being looked up would be looked up again, blocking for as long as the resolver likes.
        if (m_socket->state() == QAbstractSocket::HostLookupState
            && m_host != QLatin1String("localhost"))
            return false;
        return m_socket->waitForConnected(int(time.count()));
    }

private:
    void onConnected()
    {
        m_socket->disconnect(this);
        m_socket->tune(m_keepAlive);
        if (m_notifierMode == NotifierMode::PerThread) {
            if (auto device = SocketDevice::takeOver(*m_socket)) {
                m_device.release()->deleteLater();
                m_device = std::move(device);
            }
        }
        Q_EMIT connected();
    }
    void onError()
    {
        if (m_device)
            Q_EMIT failed(m_socket->errorString());
    }

    TcpSocket *m_socket;
    QString m_host;
    quint16 m_port;
};

class UnusableConnector final : public Connector
{
public:
    explicit UnusableConnector(const QString &why) : m_why(why) {}

    bool isUsable() const override { return false; }
    void start() override
    {
        QMetaObject::invokeMethod(
                this, [this] { Q_EMIT failed(m_why); }, Qt::QueuedConnection);
    }
    bool waitForConnected(std::chrono::milliseconds) override { return false; }

private:
    QString m_why;
};

class MemoryConnector final : public Connector
{
public:
    explicit MemoryConnector(const QUrl &url) : m_name(url.path()) {}

    void start() override
    {
        QMetaObject::invokeMethod(this, &MemoryConnector::connectNow, Qt::QueuedConnection);
    }
    bool waitForConnected(std::chrono::milliseconds) override
    {
        connectNow();
        return m_done && !m_failed;
    }

private:
    void connectNow()
    {
        if (m_done)
            return;
        m_done = true;
        m_device = MemoryListener::connectTo(m_name);
        m_failed = m_device == nullptr;
        if (m_failed)
            Q_EMIT failed(QStringLiteral("nobody listens at memory:%1").arg(m_name));
        else
            Q_EMIT connected();
    }

    QString m_name;
    bool m_done = false;
    bool m_failed = false;
};

} // namespace

QString Connector::check(const QUrl &url)
{
    const QString scheme = url.scheme();
    if (url.isEmpty())
        return QStringLiteral("there is no URL to connect to");
    if (!url.isValid())
        return QStringLiteral("the URL is not valid: %1").arg(url.errorString());
    if (scheme == QLatin1String("tcp") || scheme == QLatin1String("udp")) {
        if (url.host().isEmpty())
            return QStringLiteral("%1 names no host; expected %2://host:port")
                    .arg(url.toString(), scheme);
        if (url.port(0) <= 0)
            return QStringLiteral("%1 names no port to connect to; expected %2://host:port")
                    .arg(url.toString(), scheme);
        return {};
    }
    if (scheme == QLatin1String("memory"))
        return url.path().isEmpty()
                       ? QStringLiteral("%1 has no name; expected memory:name").arg(url.toString())
                       : QString();
    return QStringLiteral("%1 has no known scheme; expected tcp://host:port, udp://host:port or "
                          "memory:name")
            .arg(url.toString());
}

std::unique_ptr<Connector> Connector::create(const QUrl &url)
{
    const QString wrong = check(url);
    if (!wrong.isEmpty())
        return std::make_unique<UnusableConnector>(wrong);
    if (url.scheme() == QLatin1String("tcp"))
        return std::make_unique<TcpConnector>(url);
    if (url.scheme() == QLatin1String("udp"))
        return std::make_unique<UdpConnector>(url);
    return std::make_unique<MemoryConnector>(url);
}

} // namespace MsgpackRpc
