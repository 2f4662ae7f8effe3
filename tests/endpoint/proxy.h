// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <memory>
#include <utility>
#include <vector>

/// Stands between clients and a server: passes on and records what they say, and lets a test cut a connection, put bytes
/// into it, or change one.
class Proxy : public QObject
{
    Q_OBJECT

public:
    enum Direction { FromClient, FromServer };
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
    /// Changes a bit of the last byte of the next bytes that come that way.
    void spoilNext(Direction direction) { m_spoils[direction] = true; }

private:
    QByteArray passing(Direction direction, QByteArray bytes)
    {
        if (!bytes.isEmpty() && std::exchange(m_spoils[direction], false))
            bytes.back() = char(bytes.back() ^ 1);
        return bytes;
    }
    void accept()
    {
        m_connections.push_back(std::make_unique<Connection>());
        Connection *const connection = m_connections.back().get();
        connection->client.reset(m_listener.nextPendingConnection());
        connection->client->setParent(nullptr);
        QTcpSocket *const client = connection->client.get();
        QTcpSocket *const server = &connection->server;
        connect(client, &QTcpSocket::readyRead, this, [=] {
            const QByteArray bytes = passing(FromClient, client->readAll());
            connection->fromClient += bytes;
            server->write(bytes);
        });
        connect(server, &QTcpSocket::readyRead, this, [=] {
            const QByteArray bytes = passing(FromServer, server->readAll());
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
    bool m_spoils[2] = {false, false};
};
