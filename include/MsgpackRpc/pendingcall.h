// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/calllisteners.h>
#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QFuture>
#include <QtCore/QVariant>

#include <chrono>

namespace MsgpackRpc {

template<typename T>
class PendingReply;

/// The outcome of a call, that is there or still to come: a small value, a handle on shared state. All copies are one
/// call. Use it in the session's thread; toFuture() and SessionHandle are for others.
///
/// Dropping every handle does not cancel the call; cancel() does.
class MSGPACKRPC_EXPORT PendingCall
{
public:
    /// No call: finished, with an error.
    PendingCall() noexcept = default;
    /// Internal.
    explicit PendingCall(Detail::CallStatePtr<Detail::CallState> state) noexcept
        : m_state(std::move(state))
    {
    }

    /// True once there is a result or an error. Callbacks may still be about to run.
    bool isFinished() const noexcept { return !m_state || m_state->isFinished(); }
    /// The error; none if the call has succeeded or is not finished.
    Error error() const;
    /// The result as a QVariant; invalid if there is none.
    QVariant toVariant() const;
    /// Ends the call with Canceled, if it is not finished; a request of which nothing was written yet is not sent at
    /// all. Callbacks hear of it from the event loop.
    void cancel() const;
    /// Blocks until the call is finished, for at most \a timeout (-1: no limit, the call's own timeout ends it), and
    /// returns whether it is. Runs a nested event loop, so that anything may happen meanwhile: for tests and
    /// command-line tools, never for a thread with a GUI. Only in the session's thread; elsewhere false.
    bool waitForFinished(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) const;
    /// True unless default-constructed.
    bool isValid() const noexcept { return bool(m_state); }

    friend bool operator==(const PendingCall &a, const PendingCall &b) noexcept
    {
        return a.m_state == b.m_state;
    }
    friend bool operator!=(const PendingCall &a, const PendingCall &b) noexcept
    {
        return !(a == b);
    }

    /// Internal: the shared state.
    Detail::CallState *state() const noexcept { return m_state.get(); }

protected:
    Detail::CallStatePtr<Detail::CallState> m_state;
};

/// A reply and the object in whose life it is of interest: what PendingReply::inContext() returns, for co_await.
template<typename T>
struct ContextReply
{
    PendingReply<T> reply; ///< the reply
    QPointer<QObject> context; ///< the object
};

/// A PendingCall whose result is a T (void for calls whose result is of no interest).
///
/// then() and onError() never run their callback before the event loop does, never more than once, and never when
/// their context object is gone. They run it in the context's thread; without a context, in the session's.
template<typename T>
class PendingReply : public PendingCall
{
public:
    /// The type of the result.
    using Result = T;

    /// No call: finished, with an error.
    PendingReply() noexcept = default;
    /// Internal.
    explicit PendingReply(Detail::CallStatePtr<Detail::TypedCallState<T>> state) noexcept
        : PendingCall(Detail::CallStatePtr<Detail::CallState>(std::move(state)))
    {
    }

    /// The result; a default-constructed T if there is none.
    T result() const
    {
        if constexpr (!std::is_void_v<T>) {
            const auto *state = typedState();
            return state != nullptr && state->hasValue() ? state->value() : T();
        }
    }

    /// Calls \a callback with the result (or with nothing, if it takes nothing) if the call succeeds and \a context
    /// still lives. \a callback may be a member function of \a context. The reply that is returned has what the
    /// callback returns; if that is itself a PendingReply, its outcome. Errors pass through to it: put onError() at
    /// the end of a chain. If \a context goes first, the returned reply ends with Canceled.
    template<typename Context, typename Callback>
    auto then(Context *context, Callback &&callback) const
    {
        return attachThen(Detail::bindMember(context, std::forward<Callback>(callback)), context);
    }
    /// \overload
    /// Without a context: \a callback must only use what outlives the call.
    template<typename Callback>
    auto then(Callback &&callback) const
    {
        return attachThen(std::forward<Callback>(callback), nullptr);
    }

    /// Calls \a callback with the Error (or with nothing) if the call fails and \a context still lives. Returns a
    /// reply: if \a callback returns a T it stands in for the result; if it returns nothing, this reply itself.
    template<typename Context, typename Callback>
    PendingReply onError(Context *context, Callback &&callback) const
    {
        return attachOnError(Detail::bindMember(context, std::forward<Callback>(callback)),
                             context);
    }
    /// \overload
    template<typename Callback>
    PendingReply onError(Callback &&callback) const
    {
        return attachOnError(std::forward<Callback>(callback), nullptr);
    }

    /// For co_await in <MsgpackRpc/Coroutine>: when the call ends and \a context is gone, a Task is not resumed but
    /// given up, with the Tasks that wait for it; coroutines of other types get an ErrorException with Canceled.
    ContextReply<T> inContext(QObject *context) const { return {*this, context}; }

    /// The outcome as a QFuture, for other threads, for whenAll and for libraries that know futures. Errors are
    /// ErrorException. Never left cancelled; finished as soon as the call is.
    QFuture<T> toFuture() const
    {
        auto *listener = new Detail::FutureListener<T>;
        QFuture<T> future = listener->future();
        listener->attachTo(typedState());
        return future;
    }

    /// Internal.
    Detail::TypedCallState<T> *typedState() const noexcept
    {
        return static_cast<Detail::TypedCallState<T> *>(m_state.get());
    }

private:
    template<typename Callback>
    auto attachThen(Callback &&callback, QObject *context) const
    {
        using Listener = Detail::ThenListener<T, std::decay_t<Callback>>;
        auto *listener = new Listener(std::forward<Callback>(callback), context);
        PendingReply<typename Listener::Next> next{
                Detail::CallStatePtr<Detail::TypedCallState<typename Listener::Next>>(listener)};
        listener->attachTo(typedState());
        return next;
    }
    template<typename Callback>
    PendingReply attachOnError(Callback &&callback, QObject *context) const
    {
        using Returned = Detail::ErrorCallbackResult<std::decay_t<Callback>>;
        if constexpr (std::is_void_v<Returned>) {
            auto *listener = new Detail::ErrorListener<std::decay_t<Callback>>(
                    std::forward<Callback>(callback), context);
            listener->attachTo(m_state.get());
            return *this;
        } else {
            auto *listener = new Detail::RecoverListener<T, std::decay_t<Callback>>(
                    std::forward<Callback>(callback), context);
            PendingReply next{Detail::CallStatePtr<Detail::TypedCallState<T>>(listener)};
            listener->attachTo(typedState());
            return next;
        }
    }
};

} // namespace MsgpackRpc
