// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QRandomGenerator>
#include <QtCore/QTimer>
#include <QtCore/QUrl>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <algorithm>
#include <memory>

/// Stands between clients and a server and does to their bytes what a bad network does not do to TCP, and worse: delays
/// them, splits them, and as it is told drops and changes some, and resets connections. What it does follows from a seed.
/// Over `tls:` those are the encrypted bytes.
class UnreliableProxy : public QObject
{
    Q_OBJECT

public:
    /// In how many of a thousand pieces something is done; or how often it was.
    struct Faults
    {
        int dropped = 0; ///< a byte is missing
        int changed = 0; ///< a byte is another
        int reset = 0; ///< the connection ends
        int total() const { return dropped + changed + reset; }
    };

    /// Listens on the road of \a server, if that is a local socket's at \a path.
    UnreliableProxy(const QUrl &server, quint32 seed, Faults faults, const QString &path)
        : m_server(server), m_random(seed), m_faults(faults), m_url(server)
    {
        if (server.scheme() == QLatin1String("local")) {
            connect(&m_localListener, &QLocalServer::newConnection, this,
                    &UnreliableProxy::acceptLocal);
            m_localListener.listen(path);
            m_url.setPath(path);
        } else {
            connect(&m_listener, &QTcpServer::newConnection, this, &UnreliableProxy::accept);
            m_listener.listen(QHostAddress::LocalHost);
            m_url.setPort(m_listener.serverPort());
        }
    }

    /// Where clients connect to.
    QUrl url() const { return m_url; }
    /// How often something was done.
    Faults faultsDone() const { return m_done; }
    /// From now on it delays and splits only.
    void doNoMore() { m_faults = {}; }

private:
    void accept()
    {
        while (QTcpSocket *const client = m_listener.nextPendingConnection()) {
            auto *const server = new QTcpSocket(client);
            join(client, server, &QTcpSocket::disconnectFromHost);
            server->connectToHost(m_server.host(), quint16(m_server.port()));
        }
    }
    void acceptLocal()
    {
        while (QLocalSocket *const client = m_localListener.nextPendingConnection()) {
            auto *const server = new QLocalSocket(client);
            join(client, server, &QLocalSocket::disconnectFromServer);
            server->connectToServer(m_server.path());
        }
    }
    template<typename Socket, typename Disconnect>
    void join(Socket *client, Socket *server, Disconnect end)
    {
        relay(client, server);
        relay(server, client);
        connect(client, &Socket::disconnected, client, &QObject::deleteLater);
        connect(server, &Socket::disconnected, client, end);
    }

    // What has arrived waits up to 5 ms, and goes on in pieces.
    template<typename Socket>
    void relay(Socket *from, Socket *to)
    {
        auto *const timer = new QTimer(from);
        timer->setSingleShot(true);
        connect(from, &Socket::readyRead, timer, [this, timer] {
            if (!timer->isActive())
                timer->start(int(m_random.bounded(6)));
        });
        connect(timer, &QTimer::timeout, to, [this, timer, from, to] {
            QByteArray piece =
                    from->read(1 + m_random.bounded(m_random.bounded(2) == 0 ? 9 : 4000));
            if (piece.isEmpty())
                return;
            if (occurs(m_faults.dropped, m_done.dropped))
                piece.remove(m_random.bounded(int(piece.size())), 1);
            if (!piece.isEmpty() && occurs(m_faults.changed, m_done.changed)) {
                char &byte = piece[m_random.bounded(int(piece.size()))];
                byte = char(byte ^ (1 + m_random.bounded(255)));
            }
            to->write(piece);
            if (occurs(m_faults.reset, m_done.reset))
                return to->abort();
            if (from->bytesAvailable() > 0)
                timer->start(int(m_random.bounded(3)));
        });
    }
    bool occurs(int ofAThousand, int &done)
    {
        const bool does = int(m_random.bounded(1000)) < ofAThousand;
        done += does ? 1 : 0;
        return does;
    }

    QUrl m_server;
    QRandomGenerator m_random;
    Faults m_faults;
    QUrl m_url;
    QTcpServer m_listener;
    QLocalServer m_localListener;
    Faults m_done;
};
