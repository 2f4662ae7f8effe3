// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/pendingcall.h>

#if !defined(__cpp_impl_coroutine) && !defined(__cpp_lib_coroutine)
#    error "<MsgpackRpc/Coroutine> needs C++20 coroutines"
#endif

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

/// \file
/// `co_await` for PendingReply, in any coroutine type, and Task, a coroutine type of the library's own. C++20.
/// \code
/// Task<int> total(Client &client)
/// {
///     const int a = co_await client.call<int>("first");
///     co_return a + co_await client.call<int>("second");
/// }
/// \endcode

namespace MsgpackRpc {

namespace Detail {

/// What every Task has: who waits for it, and the way to end without resuming.
class TaskPromiseBase
{
public:
    std::suspend_never initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { m_exception = std::current_exception(); }

    /// The coroutine that waits for this one, and how to give it up.
    void setAwaiter(std::coroutine_handle<> awaiter,
                    void (*abandonAwaiter)(std::coroutine_handle<>)) noexcept
    {
        m_awaiter = awaiter;
        m_abandonAwaiter = abandonAwaiter;
    }
    std::coroutine_handle<> awaiter() const noexcept { return m_awaiter; }
    bool isDetached() const noexcept { return m_detached; }
    void detach() noexcept { m_detached = true; }
    std::exception_ptr exception() const noexcept { return m_exception; }
    std::exception_ptr takeException() noexcept { return std::exchange(m_exception, nullptr); }

    /// Gives up a suspended Task, and all Tasks that wait for it: their frames are destroyed, none is resumed.
    template<typename Promise>
    static void abandon(std::coroutine_handle<> handle)
    {
        auto typed = std::coroutine_handle<Promise>::from_address(handle.address());
        Promise &promise = typed.promise();
        const auto awaiter = promise.m_awaiter;
        const auto abandonNext = promise.m_abandonAwaiter;
        promise.disown();
        typed.destroy();
        if (awaiter && abandonNext != nullptr)
            abandonNext(awaiter);
    }

private:
    std::coroutine_handle<> m_awaiter;
    void (*m_abandonAwaiter)(std::coroutine_handle<>) = nullptr;
    std::exception_ptr m_exception;
    bool m_detached = false;
};

template<typename Promise>
concept IsTaskPromise = std::is_base_of_v<TaskPromiseBase, Promise>;

/// Resumes whoever waits when a Task has come to its end; a Task that nobody holds any more destroys itself.
struct FinalAwaiter
{
    bool await_ready() noexcept { return false; }
    template<typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) noexcept
    {
        Promise &promise = handle.promise();
        if (promise.awaiter())
            return promise.awaiter();
        if (promise.isDetached()) {
            if (promise.exception())
                callbackError(promise.exception());
            handle.destroy();
        }
        return std::noop_coroutine();
    }
    void await_resume() noexcept {}
};

template<typename T>
class TaskStorage : public TaskPromiseBase
{
public:
    template<typename U>
    void return_value(U &&value)
    {
        m_value.emplace(std::forward<U>(value));
    }
    T take() { return std::move(*m_value); }

private:
    std::optional<T> m_value;
};

template<>
class TaskStorage<void> : public TaskPromiseBase
{
public:
    void return_void() noexcept {}
    void take() noexcept {}
};

} // namespace Detail

/// A coroutine that has begun: it runs at once up to its first co_await. Movable.
///
/// `co_await` it from another coroutine for its result, or let it go: it then runs to its end by itself, and an
/// exception that leaves it is logged.
template<typename T = void>
class Task
{
public:
    class promise_type : public Detail::TaskStorage<T>
    {
    public:
        Task get_return_object() noexcept
        {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this), this);
        }
        Detail::FinalAwaiter final_suspend() noexcept { return {}; }
        void setOwner(Task *owner) noexcept { m_owner = owner; }
        /// The frame goes: its Task must know.
        void disown() noexcept
        {
            if (m_owner != nullptr)
                m_owner->m_handle = nullptr;
        }

    private:
        Task *m_owner = nullptr;
    };

    Task(Task &&other) noexcept : m_handle(std::exchange(other.m_handle, nullptr))
    {
        if (m_handle)
            m_handle.promise().setOwner(this);
    }
    Task &operator=(Task &&other) noexcept
    {
        if (this != &other) {
            letGo();
            m_handle = std::exchange(other.m_handle, nullptr);
            if (m_handle)
                m_handle.promise().setOwner(this);
        }
        return *this;
    }
    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;
    ~Task() { letGo(); }

    /// True once the coroutine has ended, or was given up because its context is gone.
    bool isFinished() const noexcept { return !m_handle || m_handle.done(); }

    /// What `co_await task` waits with.
    class Awaiter
    {
    public:
        explicit Awaiter(Task task) noexcept : m_task(std::move(task)) {}
        bool await_ready() const noexcept { return m_task.isFinished(); }
        template<typename Promise>
        void await_suspend(std::coroutine_handle<Promise> awaiter) noexcept
        {
            if constexpr (Detail::IsTaskPromise<Promise>)
                m_task.m_handle.promise().setAwaiter(awaiter,
                                                     &Detail::TaskPromiseBase::abandon<Promise>);
            else
                m_task.m_handle.promise().setAwaiter(awaiter, nullptr);
        }
        T await_resume()
        {
            if (!m_task.m_handle)
                throw ErrorException(
                        Error(Error::Canceled, QStringLiteral("the context object is gone")));
            if (m_task.m_handle.promise().exception())
                std::rethrow_exception(m_task.m_handle.promise().takeException());
            return m_task.m_handle.promise().take();
        }

    private:
        Task m_task;
    };
    /// Waits for the end: gives the result, or throws what left the coroutine.
    Awaiter operator co_await() &&noexcept { return Awaiter(std::move(*this)); }

private:
    friend class promise_type;
    Task(std::coroutine_handle<promise_type> handle, promise_type *promise) noexcept
        : m_handle(handle)
    {
        promise->setOwner(this);
    }
    void letGo() noexcept
    {
        if (!m_handle)
            return;
        m_handle.promise().setOwner(nullptr);
        if (!m_handle.done()) {
            m_handle.promise().detach();
        } else {
            if (m_handle.promise().exception() && !m_handle.promise().awaiter())
                Detail::callbackError(m_handle.promise().exception());
            m_handle.destroy();
        }
        m_handle = nullptr;
    }

    std::coroutine_handle<promise_type> m_handle;
};

namespace Detail {

/// Resumes a coroutine when a call has ended, or gives it up when its context is gone.
class CoroutineListener final : public CallListener
{
public:
    using Abandon = void (*)(std::coroutine_handle<>);
    CoroutineListener(std::coroutine_handle<> handle, Abandon abandon, QObject *context)
        : m_handle(handle), m_abandon(abandon), m_context(context), m_hasContext(context != nullptr)
    {
    }
    void finished(CallState &) override
    {
        if (m_hasContext && !m_context && m_abandon != nullptr)
            m_abandon(m_handle);
        else
            m_handle.resume();
    }
    void release() override { delete this; }

private:
    std::coroutine_handle<> m_handle;
    Abandon m_abandon;
    QPointer<QObject> m_context;
    bool m_hasContext;
};

template<typename T>
class ReplyAwaiter
{
public:
    explicit ReplyAwaiter(PendingReply<T> reply, QObject *context = nullptr)
        : m_reply(std::move(reply)), m_context(context), m_hasContext(context != nullptr)
    {
    }
    bool await_ready() const noexcept { return !m_reply.isValid(); }
    template<typename Promise>
    void await_suspend(std::coroutine_handle<Promise> handle)
    {
        CoroutineListener::Abandon abandon = nullptr;
        if constexpr (IsTaskPromise<Promise>)
            abandon = &TaskPromiseBase::abandon<Promise>;
        m_reply.state()->setHandled();
        m_reply.state()->addListener(new CoroutineListener(handle, abandon, m_context));
    }
    T await_resume()
    {
        if (m_hasContext && !m_context)
            throw ErrorException(
                    Error(Error::Canceled, QStringLiteral("the context object is gone")));
        if (const Error error = m_reply.error())
            throw ErrorException(error);
        return m_reply.result();
    }

private:
    PendingReply<T> m_reply;
    QPointer<QObject> m_context;
    bool m_hasContext;
};

} // namespace Detail

/// Waits for \a reply without blocking: gives the result, or throws an ErrorException.
template<typename T>
auto operator co_await(const PendingReply<T> &reply)
{
    return Detail::ReplyAwaiter<T>(reply);
}

/// What PendingReply::inContext() returns: co_await it.
template<typename T>
auto operator co_await(const ContextReply<T> &reply)
{
    return Detail::ReplyAwaiter<T>(reply.reply, reply.context);
}

} // namespace MsgpackRpc
