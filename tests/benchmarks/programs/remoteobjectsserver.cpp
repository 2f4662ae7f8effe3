// SPDX-License-Identifier: Apache-2.0

// The server of Qt Remote Objects, over TCP.
#include "rep_bench_source.h"
#include "system.h"

#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtRemoteObjects/QRemoteObjectHost>

namespace Benchmark {

namespace {

class Served final : public BenchSimpleSource
{
public:
    int add(int a, int b) override { return a + b; }
    QByteArray echo(const QByteArray &data) override { return data; }
};

/// Drops what is written from the first call on: a Remote Objects server that reads and never answers.
class QuietSocket final : public QTcpSocket
{
public:
    explicit QuietSocket(qintptr descriptor) { setSocketDescriptor(descriptor); }
    void setQuiet() { m_isQuiet = true; }

protected:
    qint64 writeData(const char *data, qint64 size) override
    {
        return m_isQuiet ? size : QTcpSocket::writeData(data, size);
    }

private:
    bool m_isQuiet = false;
};

class QuietServed final : public BenchSimpleSource
{
public:
    QuietSocket *socket = nullptr;
    int add(int a, int b) override
    {
        socket->setQuiet();
        return a + b;
    }
    QByteArray echo(const QByteArray &data) override { return data; }
};

class Server final : public ServerSide
{
public:
    QString listen() override
    {
        m_host.setHostUrl(QUrl(QStringLiteral("tcp://127.0.0.1:0")));
        if (!m_host.enableRemoting(&m_served, QStringLiteral("bench")))
            return QString();
        return m_host.hostUrl().toString();
    }
    void onConnectionEnded(const std::function<void()> &function) override
    {
        // The host does not tell, but parents the sockets of its server.
        m_ended = function;
        m_watch.setInterval(20);
        QObject::connect(&m_watch, &QTimer::timeout, &m_host, [this] {
            const qsizetype count = m_host.findChildren<QTcpSocket *>().size();
            if (m_hadConnection && count == 0)
                m_ended();
            m_hadConnection = m_hadConnection || count > 0;
        });
        m_watch.start();
    }

private:
    Served m_served;
    QRemoteObjectHost m_host;
    QTimer m_watch;
    std::function<void()> m_ended;
    bool m_hadConnection = false;
};

class QuietServer final : public QTcpServer, public ServerSide
{
public:
    QString listen() override
    {
        m_host.setHostUrl(QUrl(QStringLiteral("external:quiet")),
                          QRemoteObjectHost::AllowExternalRegistration);
        if (!m_host.enableRemoting(&m_served, QStringLiteral("bench"))
            || !QTcpServer::listen(QHostAddress::LocalHost))
            return QString();
        return QStringLiteral("tcp://127.0.0.1:%1").arg(serverPort());
    }
    void onConnectionEnded(const std::function<void()> &) override {}

protected:
    void incomingConnection(qintptr descriptor) override
    {
        m_served.socket = new QuietSocket(descriptor);
        m_host.addHostSideConnection(m_served.socket);
    }

private:
    QuietServed m_served;
    QRemoteObjectHost m_host;
};

} // namespace

std::unique_ptr<ServerSide> makeServer(const Options &options)
{
    if (options.isQuiet)
        return std::make_unique<QuietServer>();
    return std::make_unique<Server>();
}

} // namespace Benchmark
