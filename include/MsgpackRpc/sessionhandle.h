// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/methodname.h>

#include <QtCore/QFuture>
#include <QtCore/QPromise>

#include <functional>
#include <memory>

namespace MsgpackRpc {

class IncomingCall;
class Session;

namespace Detail {

class SessionAnchor;

/// A promise that never leaves its future without an outcome: unanswered, it fails with Canceled.
template<typename T>
class FuturePromise
{
public:
    FuturePromise() { m_promise.start(); }
    ~FuturePromise()
    {
        if (!m_done)
            fail(Error(Error::Canceled, QStringLiteral("the call was dropped with its session")));
    }
    QFuture<T> future() const { return m_promise.future(); }
    template<typename... U>
    void succeed(U &&...value)
    {
        m_done = true;
        if constexpr (sizeof...(U) > 0)
            m_promise.addResult(std::forward<U>(value)...);
        m_promise.finish();
    }
    void fail(const Error &error)
    {
        m_done = true;
        m_promise.setException(ErrorException(error));
        m_promise.finish();
    }

private:
    QPromise<T> m_promise;
    bool m_done = false;
    Q_DISABLE_COPY_MOVE(FuturePromise)
};

/// What SessionHandle sends through: packed arguments in, a result's bytes or an error out. The callback is called
/// exactly once, from the session's thread, unless it is destroyed uncalled because the session has ended.
using RawCallback = std::function<void(Reader *result, const Error &error)>;
MSGPACKRPC_EXPORT void postCall(const std::shared_ptr<SessionAnchor> &anchor,
                                const MethodName &method, Writer arguments, RawCallback callback);
MSGPACKRPC_EXPORT bool postNotify(const std::shared_ptr<SessionAnchor> &anchor,
                                  const MethodName &method, Writer arguments);
MSGPACKRPC_EXPORT WireFormat anchorFormat(const std::shared_ptr<SessionAnchor> &anchor);

template<typename... Args>
Writer packArguments(WireFormat format, const Args &...args)
{
    Writer writer(format);
    writer.writeArray(quint32(sizeof...(Args)));
    writeValues(writer, args...);
    return writer;
}

} // namespace Detail

/// A weak reference to a Session that any thread may hold, copy and call through. It does not keep the session alive:
/// when the session is gone, calls fail with Canceled.
///
/// What is called through one handle from one thread goes out in that order.
class MSGPACKRPC_EXPORT SessionHandle
{
public:
    /// Refers to no session.
    SessionHandle() noexcept = default;
    /// Internal: refers to the session of \a anchor.
    explicit SessionHandle(std::shared_ptr<Detail::SessionAnchor> anchor) noexcept
        : m_anchor(std::move(anchor))
    {
    }

    /// Calls \a method; the future gets the result, or an ErrorException. Never blocks; the future is never left
    /// cancelled. The timeout is the session's. Thread-safe.
    template<typename T = QVariant, typename Method, typename... Args>
    QFuture<T> call(const Method &method, const Args &...args) const
    {
        auto promise = std::make_shared<Detail::FuturePromise<T>>();
        QFuture<T> future = promise->future();
        Detail::postCall(m_anchor, Detail::MethodName(method),
                         Detail::packArguments(Detail::anchorFormat(m_anchor), args...),
                         [promise = std::move(promise)](Reader *result, const Error &error) {
                             if (error)
                                 promise->fail(error);
                             else
                                 answer(*promise, *result);
                         });
        return future;
    }

    /// Notifies \a method. False if the session is gone, or if an argument cannot be sent. Thread-safe.
    template<typename Method, typename... Args>
    bool notify(const Method &method, const Args &...args) const
    {
        return Detail::postNotify(m_anchor, Detail::MethodName(method),
                                  Detail::packArguments(Detail::anchorFormat(m_anchor), args...));
    }

    /// The session, if it still exists; null otherwise, and in other threads than the session's.
    Session *session() const;
    /// True if the session exists at this moment. Thread-safe.
    bool isValid() const;

    /// Equal if both refer to the same session.
    friend bool operator==(const SessionHandle &a, const SessionHandle &b) noexcept
    {
        return a.m_anchor == b.m_anchor;
    }
    friend bool operator!=(const SessionHandle &a, const SessionHandle &b) noexcept
    {
        return !(a == b);
    }
    friend size_t qHash(const SessionHandle &handle, size_t seed = 0) noexcept
    {
        return ::qHash(handle.m_anchor.get(), seed);
    }

private:
    template<typename T>
    static void answer(Detail::FuturePromise<T> &promise, Reader &result)
    {
        if constexpr (std::is_void_v<T>) {
            promise.succeed();
        } else {
            T value{};
            if (Codec<T>::read(result, value))
                promise.succeed(std::move(value));
            else
                promise.fail(Error(Error::InvalidResult,
                                   QStringLiteral("the result: %1").arg(result.failure())));
        }
    }

    std::shared_ptr<Detail::SessionAnchor> m_anchor;
};

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::SessionHandle)
