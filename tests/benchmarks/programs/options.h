// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QString>

namespace Benchmark {

/// What the command line says. Each system takes what concerns it.
struct Options
{
    // Of both sides.
    qint64 messageBytes =
            0; ///< raise the limits so that messages of so many bytes pass; 0: as they are
    qint64 connections = 1; ///< of the client; the server raises its limits for them
    bool isWatching = false; ///< measure how late a timer of 16 ms is

    // Of the server.
    qint64 requestSize = 12; ///< of a bare frame
    qint64 answerSize = 12; ///< of the bare frame that answers it
    qint64 answerEvery = 1; ///< so many bare frames get one answer
    qint64 requestsInWork = 0; ///< raise the limit; 0: as it is
    QString idleWaiting; ///< how idle connections are waited for; empty: as by default
    bool isQuiet = false; ///< read, never answer
    bool isOnce = false; ///< exit when the first connection has ended
    bool isControlled = false; ///< answer questions that come on the standard input

    // Of the client.
    QString address;
    QString method; ///< what is called, and how
    qint64 size = 12; ///< of a bare frame, or of the body that is echoed
    qint64 window = 1; ///< requests that are open at a time, on each connection
    qint64 count = 0; ///< requests that are measured; 0: as many as take `seconds`
    qint64 warmUp = 0; ///< requests before those, if `count` is given
    double seconds = 0.3;
    qint64 held = 0; ///< calls that are open beside these and never answered
    bool isDeflating = false;
};

} // namespace Benchmark
