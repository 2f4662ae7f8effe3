// SPDX-License-Identifier: Apache-2.0
#include "transport/tcpsocket_p.h"

#include "transport/ready_p.h"

#include <QtCore/QVariant>

#ifndef Q_OS_UNIX
#    include <QtCore/QThread>
#endif

#ifdef Q_OS_LINUX
#    include <netinet/in.h>
#    include <netinet/tcp.h>
#    include <sys/socket.h>
#endif

namespace MsgpackRpc {

bool TcpSocket::waitForBytesWritten(int milliseconds)
{
    if (bytesToWrite() == 0)
        return false;
#ifdef Q_OS_UNIX
    return isReady(int(socketDescriptor()), POLLOUT, milliseconds)
           && (flush() || state() == ConnectedState);
#else
    for (const QDeadlineTimer deadline(milliseconds); !flush(); QThread::msleep(1)) {
        if (state() != ConnectedState || deadline.hasExpired())
            return false;
    }
    return true;
#endif
}

void TcpSocket::tune(int keepAliveSeconds)
{
    setSocketOption(LowDelayOption, 1);
    setSocketOption(KeepAliveOption, keepAliveSeconds > 0 ? 1 : 0);
    setKeepAliveTimes(socketDescriptor(), keepAliveSeconds);
}

void TcpSocket::setKeepAliveTimes([[maybe_unused]] qintptr socket, [[maybe_unused]] int seconds)
{
#ifdef Q_OS_LINUX
    if (seconds <= 0)
        return;
    // Three probes, a quarter of the time apart: a silent peer is noticed within less than twice the time. Elsewhere
    // the system's own times hold (two hours, usually).
    const int descriptor = int(socket);
    const int interval = qMax(1, seconds / 4);
    const int probes = 3;
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
#endif
}

} // namespace MsgpackRpc
