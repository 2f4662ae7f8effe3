// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QAtomicInt>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QThread>

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

/// \file
/// What PendingReply is made of. Nothing here is meant to be used directly.

namespace MsgpackRpc {

template<typename T>
class PendingReply;

namespace Detail {

class CallState;

/// A counted reference to a call's state.
template<typename S>
class CallStatePtr
{
public:
    CallStatePtr() noexcept = default;
    explicit CallStatePtr(S *state) noexcept : m_state(state)
    {
        if (m_state != nullptr)
            m_state->ref();
    }
    CallStatePtr(const CallStatePtr &other) noexcept : CallStatePtr(other.m_state) {}
    CallStatePtr(CallStatePtr &&other) noexcept : m_state(std::exchange(other.m_state, nullptr)) {}
    CallStatePtr &operator=(CallStatePtr other) noexcept
    {
        std::swap(m_state, other.m_state);
        return *this;
    }
    ~CallStatePtr()
    {
        if (m_state != nullptr)
            m_state->deref();
    }
    S *get() const noexcept { return m_state; }
    S *operator->() const noexcept { return m_state; }
    S &operator*() const noexcept { return *m_state; }
    explicit operator bool() const noexcept { return m_state != nullptr; }
    friend bool operator==(const CallStatePtr &a, const CallStatePtr &b) noexcept
    {
        return a.m_state == b.m_state;
    }
    friend bool operator!=(const CallStatePtr &a, const CallStatePtr &b) noexcept
    {
        return a.m_state != b.m_state;
    }

private:
    S *m_state = nullptr;
};

/// Hears of the end of one call, once. Owned by the call's state until then.
class MSGPACKRPC_EXPORT CallListener
{
public:
    /// The call has ended. Followed by release().
    virtual void finished(CallState &state) = 0;
    /// Gives this up: deletes it, or drops a reference.
    virtual void release() = 0;
    /// True if finished() may be called outside of the event loop too, and runs no user code there.
    virtual bool isImmediate() const { return false; }

protected:
    CallListener() = default;
    virtual ~CallListener() = default;

private:
    friend class CallState;
    CallListener *m_next = nullptr;
    Q_DISABLE_COPY_MOVE(CallListener)
};

/// Who started a call: the session.
class CallOwner
{
public:
    /// Ends \a state with Canceled.
    virtual void cancelCall(CallState &state) = 0;
    /// Writes what waits: somebody is going to wait for an answer.
    virtual void flushCalls() = 0;
    /// The session's thread.
    virtual QThread *callThread() const = 0;

protected:
    CallOwner() = default;
    ~CallOwner() = default;
};

/// The state of one call: what the copies of a PendingReply, the call table and the listeners share. Lives in the
/// session's thread; only the reference count is for all threads.
class MSGPACKRPC_EXPORT CallState
{
public:
    enum Delivery : quint8 {
        Now, ///< the event loop is calling: listeners may run
        Later ///< somebody's function is calling: listeners run when the event loop does
    };

    void ref() noexcept { m_ref.ref(); }
    void deref() noexcept
    {
        if (!m_ref.deref())
            delete this;
    }

    bool isFinished() const noexcept { return m_status != Pending; }
    bool hasSucceeded() const noexcept { return m_status == Succeeded; }
    /// The error; asking for it counts as handling it.
    Error error() const
    {
        m_isHandled = true;
        return m_status == Failed ? *m_link.error : Error();
    }
    /// The result as a QVariant.
    virtual QVariant toVariant() const = 0;
    /// Ends with Canceled, unless it has ended. A call that follows another cancels that.
    void cancel();
    /// Writes what waits for the peer.
    void flush();
    /// The thread whose event loop ends it.
    QThread *thread() const;
    /// An error is not to be logged: somebody deals with it.
    void setHandled() const noexcept { m_isHandled = true; }

    /// Adds a listener, which is called now if the call has ended and it is immediate, otherwise from the event loop.
    void addListener(CallListener *listener);

    /// The answer has come: decodes the result and tells the listeners.
    void finishWithResult(Reader &reader);
    /// The call has failed.
    void finishWithError(const Error &error, Delivery delivery);
    /// The value is there.
    void finishWithValue(Delivery delivery);

    /// \a owner has sent it, and hears of cancel().
    void setOwner(CallOwner *owner) noexcept { m_link.owner = owner; }

protected:
    CallState() noexcept : hasDeadline(false), m_isHandled(false), m_follows(false) {}
    virtual ~CallState();
    /// It ends when \a source does; null when that has ended.
    void setSource(CallState *source) noexcept
    {
        if (m_status != Pending)
            return;
        m_link.source = source;
        m_follows = source != nullptr;
    }
    /// Decodes the result into this; false, and the reader says why, if that is not possible.
    virtual bool decode(Reader &reader) = 0;
    /// For an error of the listeners' own making that nobody else will see.
    void finish(quint8 status, Delivery delivery);

private:
    enum Status : quint8 { Pending, Succeeded, Failed };
    void deliver();
    void deliverImmediately();

    // In this order the members take 44 bytes, and an int result has room behind them: with its allocator's header a
    // call<int> takes 64 bytes.
    CallListener *m_listeners = nullptr;
    union
    {
        CallOwner *owner; // while pending
        CallState *source; // while pending, if it follows another
        Error *error; // once failed
    } m_link{nullptr};
    QAtomicInt m_ref{0};

public:
    // What the session keeps of a call in its table.
    quint32 msgid = 0;
    quint32 deadline = 0; ///< the low bits of a time of Clock::now()
    quint32 sequence = 0; ///< the low bits of its number in its transport's queue
    quint8 transport = 0; ///< index of the transport that carries it
    bool hasDeadline : 1;

private:
    mutable bool m_isHandled : 1;
    bool m_follows : 1;
    quint8 m_status = Pending;
    Q_DISABLE_COPY_MOVE(CallState)
};

/// Runs \a function from the current thread's event loop.
MSGPACKRPC_EXPORT void runLater(std::function<void()> function);
/// Logs an exception that came out of a callback, and returns the Error that stands for it.
MSGPACKRPC_EXPORT Error callbackError(std::exception_ptr exception);

/// A call whose result is a T.
template<typename T>
class TypedCallState : public CallState
{
public:
    bool hasValue() const noexcept { return m_value.has_value(); }
    const T &value() const { return *m_value; }
    void setValue(T value) { m_value.emplace(std::move(value)); }
    QVariant toVariant() const override
    {
        if (!m_value)
            return {};
        if constexpr (std::is_same_v<T, QVariant>)
            return *m_value;
        else
            return QVariant::fromValue(*m_value);
    }

protected:
    bool decode(Reader &reader) override
    {
        m_value.emplace();
        if (Codec<T>::read(reader, *m_value))
            return true;
        m_value.reset();
        return false;
    }

private:
    std::optional<T> m_value;
};

/// A call whose result is of no interest: anything is accepted.
template<>
class TypedCallState<void> : public CallState
{
public:
    QVariant toVariant() const override { return {}; }

protected:
    bool decode(Reader &) override { return true; }
};

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
