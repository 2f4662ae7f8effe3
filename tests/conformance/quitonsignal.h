// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QCoreApplication>

#ifdef Q_OS_UNIX
#    include <QtCore/QSocketNotifier>

#    include <csignal>
#    include <unistd.h>
#endif

namespace Conformance {

#ifdef Q_OS_UNIX

inline int quitPipe[2];

/// Makes SIGTERM and SIGINT end the event loop, so that everything is closed properly. Elsewhere
/// than on Unix they end the process as they do.
inline void quitOnSignal()
{
    if (pipe(quitPipe) != 0)
        return; // then they end the process
    auto *const notifier =
            new QSocketNotifier(quitPipe[0], QSocketNotifier::Read, QCoreApplication::instance());
    QObject::connect(notifier, &QSocketNotifier::activated, QCoreApplication::instance(),
                     &QCoreApplication::quit, Qt::QueuedConnection);
    // Nothing else may be done in a signal handler; a full pipe has said it already.
    const auto handler = [](int) { static_cast<void>(!write(quitPipe[1], "q", 1)); };
    std::signal(SIGTERM, handler);
    std::signal(SIGINT, handler);
}

#else

inline void quitOnSignal() {}

#endif

} // namespace Conformance
