// SPDX-License-Identifier: Apache-2.0

// The server of this library: a served QObject, and bound lambdas.
#include "person.h"
#include "system.h"

#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

namespace Benchmark {

namespace {

class Served : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    QByteArray echo(const QByteArray &data) { return data; }
    QString text(const QString &text) { return text; }
    Benchmark::Person person(const Benchmark::Person &person) { return person; }
    QList<int> list(const QList<int> &list) { return list; }

public:
    // Never answers.
    Q_INVOKABLE void hold(const MsgpackRpc::Responder &responder) { m_held.append(responder); }

private:
    QList<MsgpackRpc::Responder> m_held;
};

class RpcServer final : public ServerSide
{
public:
    explicit RpcServer(const Options &options)
    {
        MsgpackRpc::Limits limits = m_server.limits();
        if (options.requestsInWork > 0)
            limits.requestsInWork = int(options.requestsInWork);
        if (options.messageBytes > 0) {
            limits.messageBytes = options.messageBytes;
            limits.queuedBytes = 2 * options.messageBytes;
        }
        if (options.connections + 2 > limits.connections)
            limits.connections = limits.connectionsPerAddress = int(options.connections) + 2;
        m_server.setLimits(limits);
        if (options.idleWaiting == QLatin1String("per-thread"))
            m_server.setNotifierMode(MsgpackRpc::NotifierMode::PerThread);
        else if (!options.idleWaiting.isEmpty())
            fail(QStringLiteral("no such way to wait for idle connections: ")
                 + options.idleWaiting);
        m_server.serve(&m_served);
        m_server.bind("sum", [](int a, int b) { return a + b; });
    }

    QString listen() override
    {
        if (!m_server.listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))))
            return QString();
        return m_server.urls().constFirst().toString();
    }
    void onConnectionEnded(const std::function<void()> &function) override
    {
        QObject::connect(&m_server, &MsgpackRpc::Server::sessionClosed, &m_server, function);
    }

private:
    Served m_served;
    MsgpackRpc::Server m_server;
};

/// Takes everything and answers nothing.
class Sink final : public ServerSide
{
public:
    Sink()
    {
        QObject::connect(&m_server, &QTcpServer::newConnection, &m_server, [this] {
            QTcpSocket *const socket = m_server.nextPendingConnection();
            QObject::connect(socket, &QIODevice::readyRead, socket,
                             [socket] { socket->readAll(); });
            QObject::connect(socket, &QAbstractSocket::disconnected, &m_server, [this] {
                if (m_ended)
                    m_ended();
            });
        });
    }

    QString listen() override
    {
        if (!m_server.listen(QHostAddress::LocalHost))
            return QString();
        return QStringLiteral("tcp://127.0.0.1:%1").arg(m_server.serverPort());
    }
    void onConnectionEnded(const std::function<void()> &function) override { m_ended = function; }

private:
    QTcpServer m_server;
    std::function<void()> m_ended;
};

} // namespace

std::unique_ptr<ServerSide> makeServer(const Options &options)
{
    if (options.isQuiet)
        return std::make_unique<Sink>();
    return std::make_unique<RpcServer>(options);
}

} // namespace Benchmark

#include "rpcserver.moc"
