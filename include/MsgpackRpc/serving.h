// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/objectdispatcher.h>

namespace MsgpackRpc {

/// serve() and bind() for classes that have an ObjectDispatcher and derive from this:
/// `objectDispatcher()` of \a Derived returns it. See ObjectDispatcher for what each function does.
template<typename Derived>
class Serving
{
public:
    /// \copydoc ObjectDispatcher::serve
    bool serve(QObject *object, const AcceptList &accept = {}, const QMetaObject *base = nullptr)
    {
        return target().serve(object, accept, base);
    }
    /// The same, as \a name `.` method; integers stay what they are.
    bool serve(const QString &name, QObject *object, const AcceptList &accept = {},
               const QMetaObject *base = nullptr)
    {
        return target().serve(name, object, accept, base);
    }
    /// \copydoc ObjectDispatcher::unserve
    void unserve(QObject *object) { target().unserve(object); }

    /// \copydoc ObjectDispatcher::bind
    template<typename Method, typename F>
    bool bind(const Method &method, F &&callable)
    {
        return target().bind(method, std::forward<F>(callable));
    }
    /// The same, until \a context is destroyed, in its thread.
    template<typename Method, typename C, typename F>
    bool bind(const Method &method, C *context, F &&callable)
    {
        return target().bind(method, context, std::forward<F>(callable));
    }
    /// The same with the types of arguments and result stated: `bind<int(int, int)>("add",
    /// callable)`.
    template<typename Signature, typename Method, typename F,
             typename = std::enable_if_t<std::is_function_v<Signature>>>
    bool bind(const Method &method, F &&callable)
    {
        return target().template bind<Signature>(method, std::forward<F>(callable));
    }
    /// \overload
    template<typename Signature, typename Method, typename C, typename F,
             typename = std::enable_if_t<std::is_function_v<Signature>>>
    bool bind(const Method &method, C *context, F &&callable)
    {
        return target().template bind<Signature>(method, context, std::forward<F>(callable));
    }
    /// \copydoc ObjectDispatcher::unbind
    template<typename Method>
    bool unbind(const Method &method)
    {
        return target().unbind(method);
    }

protected:
    Serving() = default;
    ~Serving() = default;

private:
    ObjectDispatcher &target() { return static_cast<Derived *>(this)->objectDispatcher(); }
};

} // namespace MsgpackRpc
