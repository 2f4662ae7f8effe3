// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <memory>
#include <utility>

/// Stands between one client and a server, and ends their connection after so many bytes: within a record of TLS, too.
class CuttingProxy : public QObject
{
    Q_OBJECT

public:
    enum Direction { ToServer, ToClient };

    explicit CuttingProxy(const QUrl &server) : m_server(server)
    {
        connect(&m_listener, &QTcpServer::newConnection, this, &CuttingProxy::accept);
        m_listener.listen(QHostAddress::LocalHost);
    }

    /// Where the client connects to.
    QUrl url() const
    {
        QUrl url = m_server;
        url.setPort(m_listener.serverPort());
        return url;
    }
    /// Lets so many \a bytes of those that come from now on pass in this \a direction, and resets the connection when there
    /// is another.
    void cutAfter(qint64 bytes, Direction direction) { m_left[direction] = bytes; }
    /// What has passed in a direction since the connection was made.
    qint64 passed(Direction direction) const { return m_passed[direction]; }
    bool hasCut() const { return m_hasCut; }

private:
    void accept()
    {
        m_client.reset(m_listener.nextPendingConnection());
        m_client->setParent(nullptr);
        m_upstream = std::make_unique<QTcpSocket>();
        QTcpSocket *const client = m_client.get();
        QTcpSocket *const server = m_upstream.get();
        m_hasCut = false;
        for (const Direction direction : {ToServer, ToClient})
            m_left[direction] = -1, m_passed[direction] = 0;
        connect(client, &QTcpSocket::readyRead, this, [=] { pass(client, server, ToServer); });
        connect(server, &QTcpSocket::readyRead, this, [=] { pass(server, client, ToClient); });
        connect(client, &QTcpSocket::disconnected, server, &QTcpSocket::disconnectFromHost);
        connect(server, &QTcpSocket::disconnected, client, &QTcpSocket::disconnectFromHost);
        server->connectToHost(m_server.host(), quint16(m_server.port()));
    }
    void pass(QTcpSocket *from, QTcpSocket *to, Direction direction)
    {
        QByteArray bytes = from->readAll();
        qint64 &left = m_left[direction];
        const bool isEnd = left >= 0 && bytes.size() > left;
        if (isEnd)
            bytes.truncate(left);
        else if (left >= 0)
            left -= bytes.size();
        m_passed[direction] += bytes.size();
        to->write(bytes);
        to->flush();
        if (!isEnd)
            return;
        m_hasCut = true;
        from->abort();
        to->abort();
    }

    QUrl m_server;
    QTcpServer m_listener;
    std::unique_ptr<QTcpSocket> m_client;
    std::unique_ptr<QTcpSocket> m_upstream;
    qint64 m_left[2] = {-1, -1};
    qint64 m_passed[2] = {0, 0};
    bool m_hasCut = false;
};
