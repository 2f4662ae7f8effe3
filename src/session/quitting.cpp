// SPDX-License-Identifier: Apache-2.0
#include "session/quitting_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QMutex>
#include <QtCore/QPointer>

#include <atomic>
#include <utility>

namespace MsgpackRpc {

namespace {

// How often an application was about to quit.
std::atomic<int> quits{0};

// To be called before whoever wants to know listens itself.
void countQuits(QCoreApplication *application)
{
    static QMutex mutex;
    static QPointer<QCoreApplication> counted;
    const QMutexLocker lock(&mutex);
    if (counted == application)
        return;
    counted = application;
    QObject::connect(application, &QCoreApplication::aboutToQuit, application, [] { ++quits; });
}

// Each session may have to wait then, but those of a thread not one after the other: this is what they have waited.
std::chrono::milliseconds &waitedAtQuit()
{
    static thread_local int quit = 0;
    static thread_local std::chrono::milliseconds waited{0};
    const int now = quits.load();
    if (std::exchange(quit, now) != now)
        waited = std::chrono::milliseconds(0);
    return waited;
}

} // namespace

void whenQuitting(QCoreApplication *application, QObject *context,
                  std::function<void(std::chrono::milliseconds)> flush)
{
    countQuits(application);
    QObject::connect(application, &QCoreApplication::aboutToQuit, context,
                     [flush = std::move(flush)] {
                         std::chrono::milliseconds &waited = waitedAtQuit();
                         QElapsedTimer timer;
                         timer.start();
                         flush(waited);
                         waited += std::chrono::milliseconds(timer.elapsed());
                     });
}

} // namespace MsgpackRpc
