// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QtGlobal>

#include <functional>

#if defined(__SANITIZE_THREAD__)
#    define MSGPACKRPC_TSAN
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define MSGPACKRPC_TSAN
#    endif
#endif
#if defined(MSGPACKRPC_TSAN)
#    include <sanitizer/tsan_interface.h>
#endif

namespace MsgpackRpc {

/// A function that goes to another thread through Qt's event queue: give it to
/// QMetaObject::invokeMethod() in place of the function itself. ThreadSanitizer does not see that
/// the queue orders what one thread wrote before what the other reads, as Qt is not built with it;
/// this tells it. Without ThreadSanitizer it does nothing.
class Posted
{
public:
    explicit Posted(std::function<void()> function) : m_function(std::move(function))
    {
        handOver();
    }
    // Where it is moved to last is where the other thread finds it.
    Posted(Posted &&other) noexcept : m_function(std::move(other.m_function)) { handOver(); }
    Posted(const Posted &other) : m_function(other.m_function) { handOver(); }
    Posted &operator=(const Posted &) = delete;
    ~Posted() { takeOver(); }

    void operator()()
    {
        takeOver();
        m_function();
    }

private:
#if defined(MSGPACKRPC_TSAN)
    void handOver() noexcept
    {
        __tsan_release(this);
    }
    void takeOver() noexcept
    {
        __tsan_acquire(this);
    }
#else
    void handOver() noexcept {}
    void takeOver() noexcept {}
#endif

    std::function<void()> m_function;
};

} // namespace MsgpackRpc
