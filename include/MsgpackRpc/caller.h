// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/methodname.h>
#include <MsgpackRpc/options.h>
#include <MsgpackRpc/pendingcall.h>

#include <QtCore/QPointer>

#include <chrono>
#include <optional>

namespace MsgpackRpc {

class Caller;
class Session;
class SessionPrivate;
class Transport;

namespace Detail {

/// Where a call goes and how. Refers to what it was made of.
struct CallTarget
{
    Session *session = nullptr;
    const QByteArray *prefix = nullptr; ///< "object." or null
    std::optional<std::chrono::milliseconds> timeout; ///< the session's if empty
    std::optional<TransportOption> option; ///< the session's if empty
};

/// Packs one request or notification into the output of its transport. Either finish() or the destructor, which takes
/// everything back, ends it.
class MSGPACKRPC_EXPORT CallBuilder
{
public:
    enum Kind : quint8 { Request, Notification };
    CallBuilder(const CallTarget &target, const MethodName &method, Kind kind);
    ~CallBuilder();

    /// Where the array of arguments is to be written; null if the call is refused.
    Writer *writer() const noexcept { return m_writer; }
    /// The arguments are written. \a state will get the answer, or the error if the call is refused.
    void finish(CallState *state);
    /// The same for a notification: false if it is refused.
    bool finishNotification();

private:
    bool check(const CallTarget &target, const MethodName &method);
    void writeHeader(const MethodName &method, const QByteArray *prefix);
    bool isComplete();
    void refuse(Error error);
    void refuseClosed();

    SessionPrivate *m_session = nullptr;
    Transport *m_transport = nullptr;
    Writer *m_writer = nullptr;
    Error m_error;
    qint64 m_timeout = -1;
    quint32 m_msgid = 0;
    Kind m_kind;
    Q_DISABLE_COPY_MOVE(CallBuilder)
};

template<typename... Args>
void writeArguments(Writer &writer, const Args &...args)
{
    writer.writeArray(quint32(sizeof...(Args)));
    writeValues(writer, args...);
}

} // namespace Detail

/// The functions that make calls, shared by Session, Client and Caller.
///
/// Methods are named by a literal, QByteArray, QString, std::string, an integer or an enum; arguments are anything with
/// a form on the wire (doc/types). Calls return at once: what they return is finished from the event loop. Use them in
/// the session's thread; in others they end with WrongThread.
template<typename Derived>
class CallInterface
{
public:
    /// Calls \a method and decodes the result as a \a T.
    /// \code
    /// client.call<int>("add", 1, 2).then(this, [](int sum) { … }).onError(this, [](const Error &error) { … });
    /// \endcode
    template<typename T = QVariant, typename Method, typename... Args>
    PendingReply<T> call(const Method &method, const Args &...args)
    {
        Detail::CallStatePtr<Detail::TypedCallState<T>> state(new Detail::TypedCallState<T>);
        Detail::CallBuilder builder(derived().callTarget(), Detail::MethodName(method),
                                    Detail::CallBuilder::Request);
        if (Writer *writer = builder.writer())
            Detail::writeArguments(*writer, args...);
        builder.finish(state.get());
        return PendingReply<T>(std::move(state));
    }

    /// The untyped form: each element of \a arguments is one argument.
    template<typename Method>
    PendingReply<QVariant> callWithArguments(const Method &method, const QVariantList &arguments)
    {
        Detail::CallStatePtr<Detail::TypedCallState<QVariant>> state(
                new Detail::TypedCallState<QVariant>);
        Detail::CallBuilder builder(derived().callTarget(), Detail::MethodName(method),
                                    Detail::CallBuilder::Request);
        if (Writer *writer = builder.writer())
            Detail::writeValues(*writer, arguments);
        builder.finish(state.get());
        return PendingReply<QVariant>(std::move(state));
    }

    /// Calls \a method without an answer. False if it could not be queued, which Session::notificationDropped() tells
    /// too.
    template<typename Method, typename... Args>
    bool notify(const Method &method, const Args &...args)
    {
        Detail::CallBuilder builder(derived().callTarget(), Detail::MethodName(method),
                                    Detail::CallBuilder::Notification);
        if (Writer *writer = builder.writer())
            Detail::writeArguments(*writer, args...);
        return builder.finishNotification();
    }

    /// The untyped form of notify().
    template<typename Method>
    bool notifyWithArguments(const Method &method, const QVariantList &arguments)
    {
        Detail::CallBuilder builder(derived().callTarget(), Detail::MethodName(method),
                                    Detail::CallBuilder::Notification);
        if (Writer *writer = builder.writer())
            Detail::writeValues(*writer, arguments);
        return builder.finishNotification();
    }

    /// The same session with another timeout per call; -1 ms for none.
    Caller withTimeout(std::chrono::milliseconds timeout);
    /// The same session over a connection with \a option: one of its own for each distinct option, made at first use
    /// and kept.
    Caller over(TransportOption option);
    /// The methods of a served object: `object("calc").call("add")` calls "calc.add".
    template<typename Name>
    Caller object(const Name &name);

private:
    Derived &derived() { return static_cast<Derived &>(*this); }
};

/// A session with a timeout, an option or an object name for the calls made through this. A small value; it does not
/// keep the session alive: when that is gone, calls end with NotConnectable.
class MSGPACKRPC_EXPORT Caller : public CallInterface<Caller>
{
public:
    /// Internal: the settings of \a target with these changes.
    explicit Caller(const Detail::CallTarget &target);

    /// Internal.
    Detail::CallTarget callTarget() const;
    /// Internal: "object." or nothing.
    QByteArray prefix() const { return m_prefix; }
    /// Internal.
    void setTimeout(std::chrono::milliseconds timeout) { m_timeout = timeout; }
    /// Internal.
    void setOption(TransportOption option) { m_option = option; }
    /// Internal.
    void setObject(const Detail::MethodName &name);

private:
    QPointer<QObject> m_session;
    QByteArray m_prefix;
    std::optional<std::chrono::milliseconds> m_timeout;
    std::optional<TransportOption> m_option;
};

template<typename Derived>
Caller CallInterface<Derived>::withTimeout(std::chrono::milliseconds timeout)
{
    Caller caller(derived().callTarget());
    caller.setTimeout(timeout);
    return caller;
}

template<typename Derived>
Caller CallInterface<Derived>::over(TransportOption option)
{
    Caller caller(derived().callTarget());
    caller.setOption(option);
    return caller;
}

template<typename Derived>
template<typename Name>
Caller CallInterface<Derived>::object(const Name &name)
{
    Caller caller(derived().callTarget());
    caller.setObject(Detail::MethodName(name));
    return caller;
}

} // namespace MsgpackRpc
