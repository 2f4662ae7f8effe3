// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QRandomGenerator>
#include <QtCore/QTimer>
#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <algorithm>
#include <memory>

/// Stands between clients and a server and does to their bytes what a bad network does not do to TCP, and worse: delays
/// them, splits them, and as it is told drops and changes some, and resets connections. What it does follows from a seed.
class UnreliableProxy : public QObject
{
    Q_OBJECT

public:
    /// In how many of a thousand pieces something is done.
    struct Faults
    {
        int dropped = 0; ///< a byte is missing
        int changed = 0; ///< a byte is another
        int reset = 0; ///< the connection ends
    };

    UnreliableProxy(const QUrl &server, quint32 seed, Faults faults)
        : m_server(server), m_random(seed), m_faults(faults)
    {
        connect(&m_listener, &QTcpServer::newConnection, this, &UnreliableProxy::accept);
        m_listener.listen(QHostAddress::LocalHost);
    }

    /// Where clients connect to.
    QUrl url() const
    {
        return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_listener.serverPort()));
    }
    /// How often something was done.
    int faultsDone() const { return m_done; }

private:
    void accept()
    {
        while (QTcpSocket *const client = m_listener.nextPendingConnection()) {
            auto *const server = new QTcpSocket(client);
            relay(client, server);
            relay(server, client);
            connect(client, &QTcpSocket::disconnected, client, &QObject::deleteLater);
            connect(server, &QTcpSocket::disconnected, client, &QTcpSocket::disconnectFromHost);
            server->connectToHost(m_server.host(), quint16(m_server.port()));
        }
    }

    // What has arrived waits up to 5 ms, and goes on in pieces.
    void relay(QTcpSocket *from, QTcpSocket *to)
    {
        auto *const timer = new QTimer(from);
        timer->setSingleShot(true);
        connect(from, &QTcpSocket::readyRead, timer, [this, timer] {
            if (!timer->isActive())
                timer->start(int(m_random.bounded(6)));
        });
        connect(timer, &QTimer::timeout, to, [this, timer, from, to] {
            QByteArray piece =
                    from->read(1 + m_random.bounded(m_random.bounded(2) == 0 ? 9 : 4000));
            if (piece.isEmpty())
                return;
            if (occurs(m_faults.dropped))
                piece.remove(m_random.bounded(int(piece.size())), 1);
            if (occurs(m_faults.changed) && !piece.isEmpty())
                piece[m_random.bounded(int(piece.size()))] = char(m_random.bounded(256));
            to->write(piece);
            if (occurs(m_faults.reset))
                return to->abort();
            if (from->bytesAvailable() > 0)
                timer->start(int(m_random.bounded(3)));
        });
    }
    bool occurs(int ofAThousand)
    {
        const bool does = int(m_random.bounded(1000)) < ofAThousand;
        m_done += does ? 1 : 0;
        return does;
    }

    QUrl m_server;
    QRandomGenerator m_random;
    Faults m_faults;
    QTcpServer m_listener;
    int m_done = 0;
};
