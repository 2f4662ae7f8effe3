// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/qglobal.h>

#include <chrono>
#include <cstddef>

namespace MsgpackRpc {

/// Connections that this side has ended, until their peers have, too. One that is closed while something is unread, or
/// before something more comes, is reset by the system, and what the peer has not read yet of what was sent to it is lost
/// (doc/decisions/lingering). What comes is thrown away here, from the event loop. A thread that ends, or the application,
/// waits for those that are left; with neither an event loop nor an application, so does who begins.
///
/// On systems other than Unix there are none.
class Lingering
{
public:
    /// So many at a time in a thread: the one that has lingered longest makes room.
    static constexpr std::size_t Most = 64;
    /// Who sends more than this is not listened to any longer.
    static constexpr qint64 MostBytes = 64 * 1024 * 1024;

    /// A copy of \a descriptor, for begin() when the owner has closed it; -1 if there is none.
    static int copyOf(qintptr descriptor);
    /// Owns \a descriptor, a connected stream socket to which everything was written: ends that direction, and closes it
    /// when the peer has ended the other, or in \a time. Nothing if it is -1.
    static void begin(int descriptor, std::chrono::milliseconds time);
    /// How many there are in this thread.
    static std::size_t count();
};

} // namespace MsgpackRpc
