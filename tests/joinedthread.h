// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QThread>

#include <atomic>
#include <functional>
#include <memory>

/// Runs \a function in a QThread of its own, and returns when that has ended. ThreadSanitizer does not see every way in
/// which QThread::wait() orders what the thread has written before what is read afterwards; it sees this.
inline void runInThread(const std::function<void()> &function)
{
    std::atomic<bool> hasRun = false;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        function();
        hasRun = true;
    }));
    thread->start();
    thread->wait();
    if (!hasRun)
        qFatal("the thread was not run");
}
