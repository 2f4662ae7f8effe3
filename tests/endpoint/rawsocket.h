// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "roads.h"

#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QSslServer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <sys/socket.h>

#include <memory>

/// \file
/// Peers that do with a connection what no program of good will does.

/// One end of a connection on the road of its URL, over TLS after the handshake.
class RawSocket
{
public:
    /// Connects to \a url; over `tls:` without a word of TLS if \a isPlain.
    explicit RawSocket(const QUrl &url, bool isPlain = false)
    {
        if (url.scheme() == QLatin1String("local")) {
            auto local = std::make_unique<QLocalSocket>();
            local->connectToServer(url.path());
            local->waitForConnected(30'000);
            m_device = std::move(local);
        } else if (url.scheme() == QLatin1String("tls") && !isPlain) {
            auto tls = std::make_unique<QSslSocket>();
            tls->setSslConfiguration(RoadWorks::instance().ofClient());
            tls->connectToHostEncrypted(url.host(), quint16(url.port()));
            // Whoever is to answer may live in this thread.
            static_cast<void>(QTest::qWaitFor([&tls] { return tls->isEncrypted(); }, 30'000));
            m_device = std::move(tls);
        } else {
            auto tcp = std::make_unique<QTcpSocket>();
            tcp->connectToHost(url.host(), quint16(url.port()));
            tcp->waitForConnected(30'000);
            m_device = std::move(tcp);
        }
    }
    /// Takes a connected socket.
    explicit RawSocket(std::unique_ptr<QIODevice> device) : m_device(std::move(device)) {}

    bool isConnected() const
    {
        if (const auto *local = qobject_cast<QLocalSocket *>(m_device.get()))
            return local->state() == QLocalSocket::ConnectedState;
        return m_device && tcp()->state() == QAbstractSocket::ConnectedState;
    }
    bool isClosed() const
    {
        if (const auto *local = qobject_cast<QLocalSocket *>(m_device.get()))
            return local->state() == QLocalSocket::UnconnectedState;
        return tcp()->state() == QAbstractSocket::UnconnectedState;
    }
    qint64 bytesAvailable() const { return m_device->bytesAvailable(); }
    QByteArray readAll() { return m_device->readAll(); }
    /// Reads no more than what is asked for.
    void readNothing()
    {
        if (auto *local = qobject_cast<QLocalSocket *>(m_device.get()))
            local->setReadBufferSize(1);
        else
            tcp()->setReadBufferSize(1);
    }
    /// Leaves it to the system at once, as far as the system takes it.
    void write(const QByteArray &bytes)
    {
        m_device->write(bytes);
        if (auto *local = qobject_cast<QLocalSocket *>(m_device.get()))
            local->flush();
        else
            tcp()->flush();
    }
    bool isWritten() const
    {
        const auto *tls = qobject_cast<QSslSocket *>(m_device.get());
        return m_device->bytesToWrite() == 0
               && (tls == nullptr || tls->encryptedBytesToWrite() == 0);
    }
    /// Says no more, and listens; over TLS without a word of goodbye.
    void halfClose() { ::shutdown(descriptor(), SHUT_WR); }
    /// Ends the connection as a crash of the machine does; over a local socket as one of the program.
    void reset()
    {
        if (auto *local = qobject_cast<QLocalSocket *>(m_device.get())) {
            local->abort();
            return;
        }
        const linger atOnce = {1, 0};
        setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &atOnce, sizeof atOnce);
        tcp()->abort();
    }

private:
    QAbstractSocket *tcp() const { return qobject_cast<QAbstractSocket *>(m_device.get()); }
    int descriptor() const
    {
        if (const auto *local = qobject_cast<QLocalSocket *>(m_device.get()))
            return int(local->socketDescriptor());
        return int(tcp()->socketDescriptor());
    }

    std::unique_ptr<QIODevice> m_device;
};

/// Takes what clients on the row's road send, and answers what it is told to.
class RawServer
{
public:
    RawServer()
    {
        switch (currentRoad()) {
        case Road::Tcp:
            m_tcp = std::make_unique<QTcpServer>();
            break;
        case Road::Local: {
            const QString path = RoadWorks::instance().newPath();
            if (!m_local.listen(path))
                qFatal("%s", qPrintable(m_local.errorString()));
            m_url = QUrl(QStringLiteral("local:") + path);
            return;
        }
        case Road::Tls: {
            auto tls = std::make_unique<QSslServer>();
            tls->setSslConfiguration(RoadWorks::instance().ofServer());
            m_tcp = std::move(tls);
            break;
        }
        }
        if (!m_tcp->listen(QHostAddress::LocalHost))
            qFatal("%s", qPrintable(m_tcp->errorString()));
        m_url = QUrl(QStringLiteral("%1://127.0.0.1:%2")
                             .arg(QLatin1String(currentRoad() == Road::Tls ? "tls" : "tcp"))
                             .arg(m_tcp->serverPort()));
    }

    QUrl url() const { return m_url; }
    /// The next connection, from the event loop; null if there is none for too long.
    std::unique_ptr<RawSocket> next()
    {
        const auto hasOne = [this] {
            return m_tcp ? m_tcp->hasPendingConnections() : m_local.hasPendingConnections();
        };
        if (!QTest::qWaitFor(hasOne, 30'000))
            return nullptr;
        QIODevice *const device = m_tcp ? static_cast<QIODevice *>(m_tcp->nextPendingConnection())
                                        : m_local.nextPendingConnection();
        device->setParent(nullptr);
        return std::make_unique<RawSocket>(std::unique_ptr<QIODevice>(device));
    }
    /// Who comes from now on is connected, and not read from.
    void readNothing()
    {
        if (auto *tls = qobject_cast<QSslServer *>(m_tcp.get())) {
            QObject::connect(tls, &QSslServer::startedEncryptionHandshake, tls,
                             [](QSslSocket *socket) { socket->setReadBufferSize(1024); });
        } else if (m_tcp) {
            QObject::connect(m_tcp.get(), &QTcpServer::newConnection, m_tcp.get(),
                             [this] { m_tcp->nextPendingConnection()->setReadBufferSize(1); });
        } else {
            QObject::connect(&m_local, &QLocalServer::newConnection, &m_local,
                             [this] { m_local.nextPendingConnection()->setReadBufferSize(1); });
        }
    }

private:
    std::unique_ptr<QTcpServer> m_tcp;
    QLocalServer m_local;
    QUrl m_url;
};
