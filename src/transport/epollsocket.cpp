// SPDX-License-Identifier: Apache-2.0
#include "transport/epollsocket_p.h"

#ifdef Q_OS_LINUX

#    include "transport/ready_p.h"
#    include "transport/tcpsocket_p.h"

#    include <QtCore/QPointer>
#    include <QtNetwork/QHostAddress>

#    include <fcntl.h>
#    include <netinet/in.h>
#    include <netinet/tcp.h>
#    include <sys/ioctl.h>
#    include <sys/socket.h>
#    include <unistd.h>

#    include <utility>

namespace MsgpackRpc {

std::unique_ptr<EpollSocket> EpollSocket::create(int descriptor, QString *why)
{
    std::shared_ptr<EpollSet> set = EpollSet::current(why);
    if (!set)
        return nullptr;
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
        *why = qt_error_string(errno);
        return nullptr;
    }
    std::unique_ptr<EpollSocket> socket(new EpollSocket(descriptor, set));
    if (!set->add(descriptor, socket.get())) {
        *why = qt_error_string(errno);
        socket->m_descriptor = -1;
        return nullptr;
    }
    socket->findPeer();
    socket->open(ReadWrite | Unbuffered);
    return socket;
}

EpollSocket::EpollSocket(int descriptor, std::shared_ptr<EpollSet> set)
    : m_descriptor(descriptor), m_set(std::move(set))
{
}

EpollSocket::~EpollSocket()
{
    EpollSocket::close();
}

void EpollSocket::close()
{
    const int descriptor = std::exchange(m_descriptor, -1);
    if (descriptor < 0)
        return;
    m_set->remove(descriptor, this);
    QIODevice::close();
    ::close(descriptor);
}

void EpollSocket::findPeer()
{
    sockaddr_storage storage = {};
    socklen_t size = sizeof storage;
    auto *const peer = reinterpret_cast<sockaddr *>(&storage);
    if (getpeername(m_descriptor, peer, &size) != 0)
        return;
    if (peer->sa_family == AF_INET)
        m_peerAddress = Address(QHostAddress(peer),
                                ntohs(reinterpret_cast<sockaddr_in *>(&storage)->sin_port));
    else if (peer->sa_family == AF_INET6)
        m_peerAddress = Address(QHostAddress(peer),
                                ntohs(reinterpret_cast<sockaddr_in6 *>(&storage)->sin6_port));
}

void EpollSocket::tune(int keepAliveSeconds)
{
    const int on = 1;
    setsockopt(m_descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int isKept = keepAliveSeconds > 0 ? 1 : 0;
    setsockopt(m_descriptor, SOL_SOCKET, SO_KEEPALIVE, &isKept, sizeof isKept);
    TcpSocket::setKeepAliveTimes(m_descriptor, keepAliveSeconds);
}

qint64 EpollSocket::bytesAvailable() const
{
    int size = 0;
    if (m_descriptor >= 0)
        ioctl(m_descriptor, FIONREAD, &size);
    return size + QIODevice::bytesAvailable();
}

qint64 EpollSocket::readData(char *data, qint64 maxSize)
{
    if (maxSize == 0)
        return 0; // and recv() would say the same at the end
    for (;;) {
        const ssize_t size = ::recv(m_descriptor, data, size_t(maxSize), 0);
        if (size > 0)
            return size;
        if (size == 0) {
            setEnded(0);
            return -1;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        setEnded(errno);
        return -1;
    }
}

// The system tells when it takes more only to who has asked for more than it took.
qint64 EpollSocket::writeData(const char *data, qint64 size)
{
    if (m_isFull)
        return 0;
    for (;;) {
        const ssize_t written = ::send(m_descriptor, data, size_t(size), MSG_NOSIGNAL);
        if (written >= 0) {
            m_isFull = written < size;
            m_untold += written;
            return written;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            m_isFull = true;
            return 0;
        }
        setEnded(errno);
        return -1;
    }
}

// The first reason is the one: what follows from it (EPIPE) says less.
void EpollSocket::setEnded(int error)
{
    if (std::exchange(m_hasEnded, true))
        return;
    setErrorString(error != 0 ? qt_error_string(error)
                              : QStringLiteral("The remote host closed the connection"));
}

void EpollSocket::ready(quint32 events)
{
    if (m_isFull && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        const QPointer<EpollSocket> guard(this);
        m_isFull = false;
        Q_EMIT bytesWritten(std::exchange(m_untold, 0));
        if (!guard || m_descriptor < 0)
            return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        if ((events & EPOLLERR) != 0)
            getsockopt(m_descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
        setEnded(error);
        if ((events & (EPOLLHUP | EPOLLERR)) == 0 && (events & EPOLLIN) != 0)
            tellEndLater();
        else
            Q_EMIT readChannelFinished();
    } else if ((events & EPOLLIN) != 0) {
        Q_EMIT readyRead();
    }
}

// A peer that has ended only its own direction reads on: the answers to what has come with the end leave first, at the end
// of the turn.
void EpollSocket::tellEndLater()
{
    QMetaObject::invokeMethod(this, &QIODevice::readChannelFinished, Qt::QueuedConnection);
    Q_EMIT readyRead();
}

bool EpollSocket::waitForReadyRead(int milliseconds)
{
    return m_descriptor >= 0 && isReady(m_descriptor, POLLIN, milliseconds);
}

bool EpollSocket::waitForBytesWritten(int milliseconds)
{
    if (m_descriptor < 0 || !isReady(m_descriptor, POLLOUT, milliseconds))
        return false;
    m_isFull = false;
    return true;
}

} // namespace MsgpackRpc

#endif
