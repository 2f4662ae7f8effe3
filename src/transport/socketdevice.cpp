// SPDX-License-Identifier: Apache-2.0
#include "transport/socketdevice_p.h"

#include "base/logging_p.h"
#include "transport/epollsocket_p.h"

#include <QtNetwork/QAbstractSocket>

#ifdef Q_OS_LINUX
#    include <fcntl.h>
#    include <unistd.h>
#endif

namespace MsgpackRpc {

#ifdef Q_OS_LINUX

std::unique_ptr<SocketDevice> SocketDevice::create(qintptr descriptor, PeerLog *log)
{
    QString why;
    std::unique_ptr<SocketDevice> device = EpollSocket::create(int(descriptor), &why);
    if (!device) {
        peerWarning(log, lcTransport)
                << "a connection gets a notifier of its own instead of the thread's:" << why;
    }
    return device;
}

// A descriptor cannot be taken from a QAbstractSocket, but its connection lives on in a copy.
std::unique_ptr<SocketDevice> SocketDevice::takeOver(QAbstractSocket &socket, PeerLog *log)
{
    const int descriptor = fcntl(int(socket.socketDescriptor()), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0) {
        peerWarning(log, lcTransport)
                << "a connection gets a notifier of its own instead of the thread's:"
                << qt_error_string(errno);
        return nullptr;
    }
    std::unique_ptr<SocketDevice> device = create(descriptor, log);
    if (!device) {
        ::close(descriptor);
        return nullptr;
    }
    // Not at once: the socket is in the middle of telling that it is connected.
    QMetaObject::invokeMethod(&socket, &QAbstractSocket::abort, Qt::QueuedConnection);
    return device;
}

#else

std::unique_ptr<SocketDevice> SocketDevice::create(qintptr, PeerLog *)
{
    qCDebug(lcTransport) << "NotifierMode::PerThread has no effect on this system";
    return nullptr;
}

std::unique_ptr<SocketDevice> SocketDevice::takeOver(QAbstractSocket &, PeerLog *)
{
    return create(-1, nullptr);
}

#endif

} // namespace MsgpackRpc
