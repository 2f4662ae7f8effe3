// SPDX-License-Identifier: Apache-2.0
#include "transport/ownlistener_p.h"

#include "transport/foreignsocket_p.h"
#include "transport/localpath_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/tlsdevice_p.h"

#include <QtCore/QThread>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QSslServer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#ifdef Q_OS_UNIX
#    include <fcntl.h>
#    include <unistd.h>
#endif

namespace MsgpackRpc {

namespace {

#ifdef Q_OS_UNIX

// A plain local socket that nothing was read from goes on as one of ours, which is heard of in nested event loops too.
std::unique_ptr<QIODevice> asOurs(QLocalSocket &socket)
{
    if (socket.metaObject() != &QLocalSocket::staticMetaObject || socket.bytesAvailable() > 0
        || socket.bytesToWrite() > 0)
        return nullptr;
    const int descriptor = fcntl(int(socket.socketDescriptor()), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0)
        return nullptr;
    auto ours = std::make_unique<TcpSocket>();
    if (!ours->acceptLocal(descriptor)) {
        ::close(descriptor);
        return nullptr;
    }
    return ours;
}

#else

std::unique_ptr<QIODevice> asOurs(QLocalSocket &)
{
    return nullptr;
}

#endif

// At the server itself, so that it ends with it. Its signals would go to the first who hears them.
constexpr char TakenProperty[] = "_msgpackrpc_taken";

} // namespace

bool OwnListener::take(QObject *server, const QString &type)
{
    QString problem;
    // What else is wrong with one in another thread cannot be asked from here.
    if (server == nullptr)
        problem = QStringLiteral("there is no %1");
    else if (server->thread() != QThread::currentThread())
        problem = QStringLiteral("the %1 lives in another thread than this server");
    else if (!isServerListening())
        problem = QStringLiteral("the %1 does not listen");
    else if (server->property(TakenProperty).toBool())
        problem = QStringLiteral("the %1 is taken already, by this server or another");
    if (!problem.isEmpty()) {
        setError(problem.arg(type));
        return false;
    }
    server->setProperty(TakenProperty, true);
    m_taken = server;
    return true;
}

void OwnListener::close()
{
    if (!m_taken)
        return;
    m_taken->disconnect(this);
    m_taken->setProperty(TakenProperty, QVariant());
    if (m_isPaused)
        pauseServer(false);
    m_taken.clear();
}

void OwnListener::setPaused(bool paused)
{
    m_isPaused = paused;
    pauseServer(paused);
    // From the event loop: who is told of a new session may delete whoever has called this.
    QMetaObject::invokeMethod(this, &OwnListener::takePending, Qt::QueuedConnection);
}

// Whoever gets one may delete this, or pause it.
void OwnListener::takePending()
{
    const QPointer<OwnListener> guard(this);
    while (guard && !m_isPaused) {
        std::unique_ptr<QIODevice> device = next();
        if (!device)
            return;
        offer(std::move(device));
    }
}

OwnTcpListener::OwnTcpListener(QTcpServer *server) : m_server(server) {}

OwnTcpListener::~OwnTcpListener()
{
    OwnTcpListener::close();
}

// One that encrypts has a connection some time after it is new.
bool OwnTcpListener::listen(const QUrl &)
{
    if (!take(m_server, QStringLiteral("QTcpServer")))
        return false;
    connect(m_server, &QTcpServer::newConnection, this, &OwnTcpListener::takePending,
            Qt::QueuedConnection);
    connect(m_server, &QTcpServer::pendingConnectionAvailable, this, &OwnTcpListener::takePending,
            Qt::QueuedConnection);
    QMetaObject::invokeMethod(this, &OwnTcpListener::takePending, Qt::QueuedConnection);
    return true;
}

QUrl OwnTcpListener::url() const
{
    if (!m_server || !m_server->isListening())
        return {};
    QUrl url;
    url.setScheme(qobject_cast<QSslServer *>(m_server) != nullptr ? QStringLiteral("tls")
                                                                  : QStringLiteral("tcp"));
    url.setHost(m_server->serverAddress().toString());
    url.setPort(m_server->serverPort());
    return url;
}

void OwnTcpListener::close()
{
    OwnListener::close();
    m_server.clear();
}

// The socket is the server's child otherwise, and would end with it.
std::unique_ptr<QIODevice> OwnTcpListener::next()
{
    QTcpSocket *const socket = m_server && m_server->hasPendingConnections()
                                       ? m_server->nextPendingConnection()
                                       : nullptr;
    if (socket == nullptr)
        return nullptr;
    socket->setParent(nullptr);
    socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    if (auto *const encrypted = qobject_cast<QSslSocket *>(socket)) {
        const Address peer(socket->peerAddress(), socket->peerPort());
        return std::make_unique<TlsDevice>(std::unique_ptr<QSslSocket>(encrypted), peer,
                                           TlsDevice::User);
    }
    boundSocket(socket);
    return std::unique_ptr<QIODevice>(socket);
}

bool OwnTcpListener::isServerListening() const
{
    return m_server->isListening();
}

// One that does not listen has nothing that could be paused, and QTcpServer does not look.
void OwnTcpListener::pauseServer(bool paused)
{
    if (!m_server || !m_server->isListening())
        return;
    if (paused)
        m_server->pauseAccepting();
    else
        m_server->resumeAccepting();
}

OwnLocalListener::OwnLocalListener(QLocalServer *server) : m_server(server) {}

OwnLocalListener::~OwnLocalListener()
{
    OwnLocalListener::close();
}

bool OwnLocalListener::isServerListening() const
{
    return m_server->isListening();
}

bool OwnLocalListener::listen(const QUrl &)
{
    if (!take(m_server, QStringLiteral("QLocalServer")))
        return false;
    connect(m_server, &QLocalServer::newConnection, this, &OwnLocalListener::takePending,
            Qt::QueuedConnection);
    QMetaObject::invokeMethod(this, &OwnLocalListener::takePending, Qt::QueuedConnection);
    return true;
}

QUrl OwnLocalListener::url() const
{
    return m_server && m_server->isListening() ? LocalPath::toUrl(m_server->fullServerName())
                                               : QUrl();
}

void OwnLocalListener::close()
{
    OwnListener::close();
    m_server.clear();
}

std::unique_ptr<QIODevice> OwnLocalListener::next()
{
    QLocalSocket *const socket = m_server && m_server->hasPendingConnections()
                                         ? m_server->nextPendingConnection()
                                         : nullptr;
    if (socket == nullptr)
        return nullptr;
    socket->setParent(nullptr);
    std::unique_ptr<QIODevice> device = asOurs(*socket);
    if (device) {
        delete socket; // at once: it would read what is for ours
    } else {
        boundSocket(socket);
        device.reset(socket);
    }
    device->setObjectName(url().toString());
    return device;
}

} // namespace MsgpackRpc
