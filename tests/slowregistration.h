// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMetaType>
#include <QtCore/QSemaphore>
#include <QtCore/QThread>

#include <atomic>
#include <memory>

/// The registration of T, as its QMetaTypeId, where the first thread to come stops half way: T has its id, and Qt does
/// not know yet what else it registers with it, as the views of a container.
template<typename T>
class SlowRegistration
{
public:
    enum { Defined = 1 };

    static int qt_metatype_id()
    {
        static std::atomic<int> id = 0;
        static std::atomic<bool> hasBegun = false;
        if (id != 0)
            return id;
        if (!hasBegun.exchange(true)) {
            s_hasBegun.release();
            s_mayEnd.acquire();
        }
        id = qRegisterNormalizedMetaType<T>(QMetaType::fromType<T>().name());
        return id;
    }

    /// Runs \a function while another thread is half way.
    template<typename Function>
    static void runMeanwhile(const Function &function)
    {
        const std::unique_ptr<QThread> thread(
                QThread::create([] { static_cast<void>(QMetaType::fromType<T>().id()); }));
        thread->start();
        s_hasBegun.acquire();
        function();
        s_mayEnd.release();
        thread->wait();
    }

private:
    static inline QSemaphore s_hasBegun;
    static inline QSemaphore s_mayEnd;
};
