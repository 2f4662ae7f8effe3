// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/error.h>

#include <QtCore/QAtomicInt>
#include <QtCore/QVariant>

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

QT_BEGIN_NAMESPACE
class QThread;
QT_END_NAMESPACE

/// \file
/// What PendingReply is made of. Nothing here is meant to be used directly.

namespace MsgpackRpc {

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
    /// Takes over the reference of a pointer to a more special state.
    template<typename Special, typename = std::enable_if_t<std::is_convertible_v<Special *, S *>>>
    explicit CallStatePtr(CallStatePtr<Special> &&other) noexcept : m_state(other.release())
    {
    }
    /// Takes over a reference that somebody has counted.
    static CallStatePtr adopt(S *state) noexcept
    {
        CallStatePtr pointer;
        pointer.m_state = state;
        return pointer;
    }
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
    /// Leaves the reference to the caller.
    S *release() noexcept { return std::exchange(m_state, nullptr); }
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

    /// The answer has come: decodes the result and tells the listeners. The caller holds a reference.
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

} // namespace Detail
} // namespace MsgpackRpc
