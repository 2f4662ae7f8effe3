// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/callstate.h>
#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QFuture>
#include <QtCore/QPointer>

#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

/// \file
/// What then(), onError() and toFuture() attach to a call. Nothing here is meant to be used directly.

namespace MsgpackRpc {

template<typename T>
class PendingReply;

namespace Detail {

/// Where a callback runs: in the thread of its context, while that lives.
class MSGPACKRPC_EXPORT ContextLink
{
public:
    /// No context: callbacks run where the call does.
    explicit ContextLink(QObject *context);
    ~ContextLink();

    /// True if the context lives in another thread.
    bool isElsewhere() const noexcept { return m_kind == Elsewhere; }
    /// True if there was a context and it is gone. Not for contexts in other threads.
    bool isGone() const noexcept { return m_kind == Here && !m_object; }
    /// Runs \a work in the context's thread, with true if the context lives still. \a work is destroyed without
    /// having run if that thread ends first.
    void post(std::function<void(bool alive)> work);

private:
    enum Kind : quint8 { None, Here, Elsewhere };
    QPointer<QObject> m_object; // the context, or what stands for it in its thread
    Kind m_kind = None;
    Q_DISABLE_COPY_MOVE(ContextLink)
};

/// Brings the outcome of a callback that ran in another thread home to the state that waits for it. Destroyed without
/// finish(), it brings Canceled.
class MSGPACKRPC_EXPORT HomeReturn
{
public:
    explicit HomeReturn(CallState *state);
    ~HomeReturn();
    /// Runs \a work in the thread where this was made.
    void finish(std::function<void()> work);

private:
    CallStatePtr<CallState> m_state;
    QObject *m_home;
    Q_DISABLE_COPY_MOVE(HomeReturn)
};

template<typename Callback, typename T, typename = void>
struct TakesValue : std::false_type
{
};
template<typename Callback, typename T>
struct TakesValue<Callback, T, std::enable_if_t<std::is_invocable_v<Callback &, const T &>>>
    : std::true_type
{
};
template<typename Callback>
struct TakesValue<Callback, void, void> : std::false_type
{
};

/// Calls \a callback with the value of \a source, or with nothing.
template<typename T, typename Callback>
decltype(auto) invokeWithResult(Callback &callback, TypedCallState<T> &source)
{
    if constexpr (TakesValue<Callback, T>::value) {
        return callback(source.value());
    } else {
        static_assert(
                std::is_invocable_v<Callback &>,
                "then(): the callback takes the result (by value or const reference), or nothing");
        return callback();
    }
}

template<typename T, typename Callback>
using CallbackResult = std::decay_t<decltype(invokeWithResult<T>(
        std::declval<Callback &>(), std::declval<TypedCallState<T> &>()))>;

template<typename R>
struct Flattened
{
    using Type = R;
    static constexpr bool isReply = false;
};
template<typename R>
struct Flattened<PendingReply<R>>
{
    using Type = R;
    static constexpr bool isReply = true;
};

template<typename Callback>
decltype(auto) invokeWithError(Callback &callback, const Error &error)
{
    if constexpr (std::is_invocable_v<Callback &, const Error &>)
        return callback(error);
    else
        return callback();
}
template<typename Callback>
using ErrorCallbackResult = std::decay_t<decltype(invokeWithError(std::declval<Callback &>(),
                                                                  std::declval<const Error &>()))>;

/// A callback as it is, or a member function with its object.
template<typename Context, typename Callback>
auto bindMember(Context *context, Callback &&callback)
{
    if constexpr (std::is_member_function_pointer_v<std::decay_t<Callback>>) {
        return [context, callback](auto &&...args) -> decltype((context->*callback)(
                                                           std::forward<decltype(args)>(args)...)) {
            return (context->*callback)(std::forward<decltype(args)>(args)...);
        };
    } else {
        return std::decay_t<Callback>(std::forward<Callback>(callback));
    }
}

/// Hands the outcome of one call on to another.
template<typename T>
class ForwardListener final : public CallListener
{
public:
    explicit ForwardListener(TypedCallState<T> *target) : m_target(target) {}
    void finished(CallState &source) override
    {
        if (!source.hasSucceeded())
            return m_target->finishWithError(source.error(), CallState::Now);
        if constexpr (!std::is_void_v<T>)
            m_target->setValue(static_cast<TypedCallState<T> &>(source).value());
        m_target->finishWithValue(CallState::Now);
    }
    void release() override { delete this; }

private:
    CallStatePtr<TypedCallState<T>> m_target;
};

/// A call that follows another: listens to the one, and is the other.
template<typename T, typename Next>
class FollowingCall : public TypedCallState<Next>, public CallListener
{
public:
    explicit FollowingCall(QObject *context) : m_link(context) {}

    void attachTo(TypedCallState<T> *source)
    {
        this->ref(); // the source's, until release()
        if (source == nullptr) {
            this->finishWithError(Error(Error::NotConnectable, QStringLiteral("there is no call")),
                                  CallState::Later);
            release();
            return;
        }
        this->setSource(source);
        source->addListener(this);
    }
    void finished(CallState &source) final
    {
        this->setSource(nullptr);
        follow(source);
    }
    void release() override { this->deref(); }

protected:
    /// The call that this follows has ended.
    virtual void follow(CallState &source) = 0;
    /// Runs \a work, which finishes this, where the callback is to run; \a work returns what is to be done at home.
    template<typename Work>
    void runInContext(CallState &source, Work work)
    {
        if (Q_LIKELY(!m_link.isElsewhere())) {
            if (m_link.isGone())
                finishCanceled();
            else
                work()();
            return;
        }
        auto home = std::make_shared<HomeReturn>(this);
        m_link.post([home, work = std::move(work),
                     keep = CallStatePtr<CallState>(&source)](bool alive) mutable {
            if (alive)
                home->finish(work());
        });
    }
    void finishCanceled()
    {
        this->finishWithError(Error(Error::Canceled, QStringLiteral("the context object is gone")),
                              CallState::Now);
    }
    /// Takes over a value, or the outcome of a reply.
    template<typename R>
    void adopt(R result)
    {
        if constexpr (Flattened<R>::isReply) {
            auto *inner = result.typedState();
            if (inner == nullptr)
                return this->finishWithError(result.error(), CallState::Now);
            this->setSource(inner);
            inner->addListener(new ForwardListener<Next>(this));
        } else {
            this->setValue(std::move(result));
            this->finishWithValue(CallState::Now);
        }
    }

private:
    ContextLink m_link;
};

/// The reply of then().
template<typename T, typename Callback>
class ThenListener final
    : public FollowingCall<T, typename Flattened<CallbackResult<T, Callback>>::Type>
{
    using Result = CallbackResult<T, Callback>;

public:
    using Next = typename Flattened<Result>::Type;
    ThenListener(Callback callback, QObject *context)
        : FollowingCall<T, Next>(context), m_callback(std::move(callback))
    {
    }

protected:
    void follow(CallState &state) override
    {
        if (!state.hasSucceeded())
            return this->finishWithError(state.error(), CallState::Now);
        auto &source = static_cast<TypedCallState<T> &>(state);
        if constexpr (std::is_void_v<Result>) {
            this->runInContext(state, [this, &source] { return Done{this, run(source)}; });
        } else {
            this->runInContext(state, [this, &source] { return compute(source); });
        }
    }

private:
    struct Done
    {
        ThenListener *self;
        Error error;
        void operator()() const
        {
            if (error)
                self->finishWithError(error, CallState::Now);
            else
                self->finishWithValue(CallState::Now);
        }
    };
    Error run(TypedCallState<T> &source)
    {
        try {
            invokeWithResult<T>(m_callback, source);
            return {};
        } catch (...) {
            return callbackError(std::current_exception());
        }
    }
    std::function<void()> compute(TypedCallState<T> &source)
    {
        try {
            return [this, result = Result(invokeWithResult<T>(m_callback, source))] {
                this->adopt(result);
            };
        } catch (...) {
            return [this, error = callbackError(std::current_exception())] {
                this->finishWithError(error, CallState::Now);
            };
        }
    }

    Callback m_callback;
};

/// The reply of onError() with a callback that gives a result instead.
template<typename T, typename Callback>
class RecoverListener final : public FollowingCall<T, T>
{
public:
    RecoverListener(Callback callback, QObject *context)
        : FollowingCall<T, T>(context), m_callback(std::move(callback))
    {
    }

protected:
    void follow(CallState &state) override
    {
        if (!state.hasSucceeded()) {
            return this->runInContext(
                    state, [this, error = state.error()]() -> std::function<void()> {
                        try {
                            return [this, result = invokeWithError(m_callback, error)] {
                                this->adopt(result);
                            };
                        } catch (...) {
                            return [this, thrown = callbackError(std::current_exception())] {
                                this->finishWithError(thrown, CallState::Now);
                            };
                        }
                    });
        }
        if constexpr (!std::is_void_v<T>)
            this->setValue(static_cast<TypedCallState<T> &>(state).value());
        this->finishWithValue(CallState::Now);
    }

private:
    Callback m_callback;
};

/// A callback for errors that returns nothing.
template<typename Callback>
class ErrorListener final : public CallListener
{
public:
    ErrorListener(Callback callback, QObject *context)
        : m_callback(std::move(callback)), m_link(context)
    {
    }
    void attachTo(CallState *source)
    {
        if (source == nullptr)
            return delete this;
        source->setHandled();
        source->addListener(this);
    }
    void finished(CallState &state) override
    {
        if (state.hasSucceeded() || m_link.isGone())
            return;
        const Error error = state.error();
        if (!m_link.isElsewhere())
            return run(m_callback, error);
        m_link.post([callback = m_callback, error](bool alive) mutable {
            if (alive)
                run(callback, error);
        });
    }
    void release() override { delete this; }

private:
    static void run(Callback &callback, const Error &error)
    {
        try {
            invokeWithError(callback, error);
        } catch (...) {
            callbackError(std::current_exception());
        }
    }

    Callback m_callback;
    ContextLink m_link;
};

/// Fulfils a QFuture.
template<typename T>
class FutureListener final : public CallListener
{
public:
    QFuture<T> future() const { return m_promise.future(); }
    void attachTo(CallState *source)
    {
        if (source == nullptr)
            return delete this;
        source->setHandled();
        source->addListener(this);
    }
    bool isImmediate() const override { return true; }
    void finished(CallState &state) override
    {
        if (!state.hasSucceeded())
            m_promise.fail(state.error());
        else if constexpr (std::is_void_v<T>)
            m_promise.succeed();
        else
            m_promise.succeed(static_cast<TypedCallState<T> &>(state).value());
    }
    void release() override { delete this; }

private:
    FuturePromise<T> m_promise;
};

} // namespace Detail
} // namespace MsgpackRpc
