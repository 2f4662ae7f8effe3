// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QDeadlineTimer>

#ifdef Q_OS_UNIX
#    include <cerrno>
#    include <poll.h>

namespace MsgpackRpc {

/// Waits until \a descriptor is ready for \a events, as poll() has them, or has an error, which the next read or write tells;
/// for at most \a milliseconds, for ever if they are -1. Signals do not end it. False if it was not ready in time.
inline bool isReady(int descriptor, short events, int milliseconds)
{
    const QDeadlineTimer deadline(milliseconds);
    pollfd polled = {descriptor, events, 0};
    int ready = -1;
    do {
        ready = ::poll(&polled, 1, int(deadline.remainingTime()));
    } while (ready < 0 && errno == EINTR && !deadline.hasExpired());
    return ready > 0;
}

} // namespace MsgpackRpc

#endif
