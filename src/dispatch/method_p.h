// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/target_p.h"

#include <MsgpackRpc/boundfunction.h>

#include <QtCore/QMetaMethod>
#include <QtCore/QMetaObject>
#include <QtCore/QMetaType>

#include <cstddef>
#include <memory>
#include <vector>

namespace MsgpackRpc {

/// A parameter of a method, and where its value lies in the storage of a call.
struct Parameter
{
    static constexpr size_t TrivialSize = 8;

    const TypeCodec *codec = nullptr; // null: a Responder
    size_t offset = 0;
    bool isTrivial = false; // TrivialSize zero bytes make a value, and nothing is to be destroyed
    QMetaType type;
};

/// What a method returns, and how it is sent.
struct ResultPlan
{
    enum Kind : quint8 { Nothing, Value, Future, Async };

    Kind kind = Nothing;
    bool isTrivial = true; // zero bytes make a value, and nothing is to be destroyed
    size_t size = 0;
    const TypeCodec *codec = nullptr; // of T for a QFuture<T>; null: nil
    QFuture<void> (*toFuture)(const void *result) =
            nullptr; // null: the converter of the meta-type system
    QMetaType type;
};

/// One method, or one overload of it, prepared for calls. Not changed once made, so that all
/// threads may use it.
class Method
{
public:
    /// What a call needs at most to be small: bytes, and parameters.
    static constexpr size_t SmallSize = 192;
    static constexpr size_t SmallCount = 8;

    /// A method of an object; \a problem says why it cannot be served.
    Method(const std::shared_ptr<const Target> &target, const QMetaMethod &method,
           QString *problem);
    /// A callable; \a target is its context, if it has one.
    Method(const std::shared_ptr<const Target> &target,
           std::unique_ptr<Detail::BoundFunction> function, QString *problem);

    /// Calls. \a object is that of the target; unused for callables. Lets exceptions through.
    void invoke(QObject *object, void **argv) const
    {
        if (Q_LIKELY(m_staticMetacall != nullptr))
            m_staticMetacall(object, QMetaObject::InvokeMetaMethod, m_index, argv);
        else
            invokeOther(object, argv);
    }

    const std::shared_ptr<const Target> &target() const noexcept { return m_target; }
    const std::vector<Parameter> &parameters() const noexcept { return m_parameters; }
    const ResultPlan &result() const noexcept { return m_result; }
    /// Bytes of storage for result and parameters. The result comes first, and has room even if
    /// there is none.
    size_t storageSize() const noexcept { return m_storageSize; }
    size_t storageAlignment() const noexcept { return m_storageAlignment; }
    /// True if that is within what CallStorage has within itself.
    bool isSmall() const noexcept { return m_isSmall; }
    /// Arguments that come over the wire.
    quint32 arity() const noexcept { return m_arity; }
    bool takesResponder() const noexcept { return m_arity != m_parameters.size(); }
    /// True if nothing in the storage is to be destroyed.
    bool isTrivial() const noexcept { return m_isTrivial; }
    /// True if the answer is what is returned when it returns.
    bool isPlain() const noexcept { return m_isPlain; }
    /// True for a callable, which constructs its result itself; a method of an object assigns it.
    bool isCallable() const noexcept { return m_function != nullptr; }
    /// True for what moc makes of a default argument: the method before this, with fewer
    /// parameters.
    bool isCloned() const noexcept { return m_isCloned; }
    /// The types that come over the wire: `int, QString`.
    QByteArray parameterText() const;

private:
    using StaticMetacall = void (*)(QObject *, QMetaObject::Call, int, void **);

    bool addParameter(QMetaType type, const TypeCodec *codec);
    void setResult(const ResultPlan &result);
    QString planParameters(const QMetaMethod &method);
    QString planResult(const QMetaMethod &method);
    void finishLayout();
    void invokeOther(QObject *object, void **argv) const;

    StaticMetacall m_staticMetacall = nullptr;
    int m_index = -1; // local to its class with m_staticMetacall, otherwise absolute
    quint32 m_arity = 0;
    bool m_isSmall = true;
    bool m_isTrivial = true;
    bool m_isPlain = true;
    bool m_isCloned = false;
    ResultPlan m_result;
    std::vector<Parameter> m_parameters;
    size_t m_storageSize = Parameter::TrivialSize; // which CallStorage::invoke() clears unasked
    size_t m_storageAlignment = alignof(std::max_align_t);
    std::shared_ptr<const Target> m_target;
    std::unique_ptr<Detail::BoundFunction> m_function;

    Q_DISABLE_COPY_MOVE(Method)
};

} // namespace MsgpackRpc
