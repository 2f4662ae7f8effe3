// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <memory>
#include <vector>

/// Stands between clients and a server: passes on and records what they say, and lets a test cut a connection or put
/// bytes into it.
class Proxy : public QObject
{
    Q_OBJECT

public:
    struct Connection
    {
        std::unique_ptr<QTcpSocket> client;
        QTcpSocket server;
        QByteArray fromClient;
        QByteArray fromServer;
    };

    explicit Proxy(const QUrl &server) : m_server(server)
    {
        connect(&m_listener, &QTcpServer::newConnection, this, &Proxy::accept);
        m_listener.listen(QHostAddress::LocalHost);
    }

    /// Where clients connect to.
    QUrl url() const
    {
        return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_listener.serverPort()));
    }
    /// In the order in which they came; the closed ones too.
    const std::vector<std::unique_ptr<Connection>> &connections() const { return m_connections; }

private:
    void accept()
    {
        m_connections.push_back(std::make_unique<Connection>());
        Connection *const connection = m_connections.back().get();
        connection->client.reset(m_listener.nextPendingConnection());
        connection->client->setParent(nullptr);
        QTcpSocket *const client = connection->client.get();
        QTcpSocket *const server = &connection->server;
        connect(client, &QTcpSocket::readyRead, this, [=] {
            const QByteArray bytes = client->readAll();
            connection->fromClient += bytes;
            server->write(bytes);
        });
        connect(server, &QTcpSocket::readyRead, this, [=] {
            const QByteArray bytes = server->readAll();
            connection->fromServer += bytes;
            client->write(bytes);
        });
        connect(client, &QTcpSocket::disconnected, server, &QTcpSocket::disconnectFromHost);
        connect(server, &QTcpSocket::disconnected, client, &QTcpSocket::disconnectFromHost);
        server->connectToHost(m_server.host(), quint16(m_server.port()));
    }

    QUrl m_server;
    QTcpServer m_listener;
    std::vector<std::unique_ptr<Connection>> m_connections;
};
