// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/acceptlist.h>
#include <MsgpackRpc/boundfunction.h>
#include <MsgpackRpc/dispatcher.h>
#include <MsgpackRpc/methodname.h>

#include <QtCore/QStringList>

#include <functional>
#include <memory>

namespace MsgpackRpc {

class ObjectDispatcherPrivate;

/// Serves the methods of QObjects, and callables. Client and Server have one; a Session may be
/// given one.
///
/// Nothing is served that was not asked for, and what is served is logged at debug level
/// (`msgpackrpc.dispatch`). A call of anything else is answered with the same error whether the
/// method exists or not. Arguments are converted only where nothing is lost; a call with other
/// arguments is answered with an error that says what the method takes. A method that throws
/// answers with an error: that of an ErrorException, what() of a std::exception.
///
/// Methods may run an event loop, serve, unserve, bind and unbind anything, and delete their
/// object, the session, and this dispatcher.
///
/// **Threads.** A dispatcher belongs to the thread of its sessions; all functions are to be called
/// there. Objects and contexts may live in other threads: their methods are called there, from the
/// event loop, in the order in which the calls came, and answered when they return. Such an object
/// must be deleted in its own thread, and it must be unserved, or the dispatcher deleted, before
/// its thread ends for good.
///
/// **Parameters and results** are of any type with a Codec. A parameter of type Responder,
/// anywhere, is not taken from the call: with it the method answers when it likes, and what it
/// returns is ignored. A result may be a QFuture<T> (the answer follows it; a cancelled one answers
/// with the error "canceled") or an AsyncResult. For a served QObject, T of a QFuture<T> must be
/// known to the meta-type system by name: call qRegisterMetaType<T>() for enums, gadgets and other
/// types of your own before serve().
class MSGPACKRPC_EXPORT ObjectDispatcher : public Dispatcher
{
public:
    /// Serves nothing yet. Lives in the current thread, and moves to other threads with \a parent,
    /// which does not own it.
    explicit ObjectDispatcher(QObject *parent = nullptr);
    /// Calls that have been passed to other threads still run there.
    ~ObjectDispatcher() override;

    /// Serves the public slots and Q_INVOKABLE methods that the class of \a object itself declares,
    /// or the functions of an object that is declared in QML; and those of its base classes up to
    /// and including \a base, if that is given (but never those of QObject). Never signals, never
    /// private or protected slots, never names that begin with `_` or `rpc.`. With \a accept only
    /// these: `{"add", {7, "greet"}}` serves add by its name, and greet as the integer method 7.
    ///
    /// False, and error() says what, if a method takes or returns something that cannot cross the
    /// wire, if an entry of \a accept names no such method, if a name or an integer is taken, or if
    /// \a object is null: whatever is not concerned is served all the same. \a object is not owned; when it is
    /// destroyed its methods are no longer served. An object may be served under several names.
    bool serve(QObject *object, const AcceptList &accept = {}, const QMetaObject *base = nullptr);
    /// The same, as \a name `.` method; integers stay what they are.
    bool serve(const QString &name, QObject *object, const AcceptList &accept = {},
               const QMetaObject *base = nullptr);
    /// Stops serving \a object under any name. What is bound with it as a context stays.
    void unserve(QObject *object);

    /// Serves \a callable as \a method: a name, an integer or an enum. The callable is anything
    /// that can be called and whose argument types are known; bind<R(Args…)>() states them where
    /// they are not. It runs in the thread of this dispatcher. Replaces what was served by that
    /// name. False, and error() says why, if \a method is an empty name, or if a parameter or the
    /// result is of a type that cannot cross the wire: then nothing changes.
    template<typename Method, typename F>
    bool bind(const Method &method, F &&callable)
    {
        return bindFunction(Detail::MethodName(method),
                            Detail::makeBoundFunction<void>(std::forward<F>(callable)));
    }
    /// The same, until \a context is destroyed. Runs in the thread of \a context. The callable may
    /// be a member function of \a context. False also if \a context is null.
    template<typename Method, typename C, typename F>
    bool bind(const Method &method, C *context, F &&callable)
    {
        return bindFunction(Detail::MethodName(method), context,
                            Detail::makeBoundFunction<void>(context, std::forward<F>(callable)));
    }
    /// The same with the types of arguments and result stated: `bind<int(int, int)>("add",
    /// callable)`.
    template<typename Signature, typename Method, typename F,
             typename = std::enable_if_t<std::is_function_v<Signature>>>
    bool bind(const Method &method, F &&callable)
    {
        return bindFunction(Detail::MethodName(method),
                            Detail::makeBoundFunction<Signature>(std::forward<F>(callable)));
    }
    /// \overload
    template<typename Signature, typename Method, typename C, typename F,
             typename = std::enable_if_t<std::is_function_v<Signature>>>
    bool bind(const Method &method, C *context, F &&callable)
    {
        return bindFunction(
                Detail::MethodName(method), context,
                Detail::makeBoundFunction<Signature>(context, std::forward<F>(callable)));
    }
    /// Stops serving \a method, be it bound or of an object. False if it was not served.
    template<typename Method>
    bool unbind(const Method &method)
    {
        return unbindMethod(Detail::MethodName(method));
    }

    /// The names, and numbers, of all that is served, sorted.
    QStringList methods() const;
    /// Why the last serve() or bind() returned false; no error if it did not. Its code is
    /// InvalidArguments.
    Error error() const;

    /// Gives calls of methods that are not served to \a fallback, which returns true if it has
    /// handled the call; otherwise the caller gets the usual error. Runs in the thread of this
    /// dispatcher. None by default.
    void setFallback(std::function<bool(IncomingCall &)> fallback);

    /// Calls the method.
    void dispatch(IncomingCall &call) override;

private:
    bool bindFunction(const Detail::MethodName &method,
                      std::unique_ptr<Detail::BoundFunction> function);
    bool bindFunction(const Detail::MethodName &method, QObject *context,
                      std::unique_ptr<Detail::BoundFunction> function);
    bool unbindMethod(const Detail::MethodName &method);

    std::unique_ptr<ObjectDispatcherPrivate> d;
};

} // namespace MsgpackRpc
