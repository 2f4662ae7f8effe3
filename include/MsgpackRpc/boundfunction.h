// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/asyncresult.h>
#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/methodname.h>
#include <MsgpackRpc/responder.h>

#include <QtCore/QFuture>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// What bind() makes of a callable. Internal.
namespace MsgpackRpc::Detail {

/// What a callable takes and gives.
struct FunctionType
{
    struct Parameter
    {
        QMetaType type;
        const TypeCodec
                *codec; // null: a Responder, which does not come over the wire, or an unknown type
    };
    QMetaType result;
    const TypeCodec *resultCodec =
            nullptr; // of T where the result is a QFuture<T>; null: nil, or an unknown type
    bool isResultKnown = true;
    QFuture<void> (*toFuture)(const void *result) = nullptr; // where the result is a QFuture
    std::vector<Parameter> parameters;
};

/// A callable behind one interface.
class MSGPACKRPC_EXPORT BoundFunction
{
public:
    virtual ~BoundFunction();
    /// What it takes and gives.
    virtual FunctionType type() const = 0;
    /// Calls with the arguments at argv[1] …, which may be moved from; constructs the result at
    /// argv[0].
    virtual void call(void **argv) = 0;

protected:
    BoundFunction() = default;
    Q_DISABLE_COPY_MOVE(BoundFunction)
};

/// `R(Args…)` of a callable; void if it cannot be told, as for a generic lambda.
template<typename F, typename = void>
struct CallableType
{
    using Type = void;
};
template<typename F>
struct CallableType<F, std::void_t<decltype(&F::operator())>>
    : CallableType<decltype(&F::operator())>
{
};
template<typename R, typename... A>
struct CallableType<R (*)(A...)>
{
    using Type = R(A...);
};
template<typename R, typename... A>
struct CallableType<R (*)(A...) noexcept> : CallableType<R (*)(A...)>
{
};
template<typename C, typename R, typename... A>
struct CallableType<R (C::*)(A...)> : CallableType<R (*)(A...)>
{
};
template<typename C, typename R, typename... A>
struct CallableType<R (C::*)(A...) const> : CallableType<R (*)(A...)>
{
};
template<typename C, typename R, typename... A>
struct CallableType<R (C::*)(A...) noexcept> : CallableType<R (*)(A...)>
{
};
template<typename C, typename R, typename... A>
struct CallableType<R (C::*)(A...) const noexcept> : CallableType<R (*)(A...)>
{
};

/// Codec<T> behind the run-time interface, for a type that may be one that can only be written.
template<typename T>
class ResultTypeCodec final : public TypeCodec
{
public:
    bool read(Reader &reader, void *) const override
    {
        return reader.fail("nothing: this can only be sent");
    }
    void write(Writer &writer, const void *value) const override
    {
        Codec<T>::write(writer, *static_cast<const T *>(value));
    }
    bool isOwnKind(Reader::Kind) const override { return false; }
};

template<typename T>
const TypeCodec *parameterCodec()
{
    if constexpr (std::is_same_v<T, Responder>) {
        return nullptr;
    } else if constexpr (IsFoundAtRunTime<T>::value) {
        return typeCodec(QMetaType::fromType<T>());
    } else {
        static const StaticTypeCodec<T> codec;
        return &codec;
    }
}

/// True for results that are answered with nil, or with what is told to them.
template<typename T>
constexpr bool isWithoutValue = std::is_void_v<T> || std::is_same_v<T, AsyncResult>;

template<typename T>
const TypeCodec *resultCodec()
{
    if constexpr (isWithoutValue<T>) {
        return nullptr;
    } else if constexpr (IsFoundAtRunTime<T>::value) {
        return typeCodec(QMetaType::fromType<T>());
    } else {
        static const ResultTypeCodec<T> codec;
        return &codec;
    }
}

/// T of a QFuture<T>; of anything else, that.
template<typename T>
struct FutureValue : std::false_type
{
    using Type = T;
};
template<typename T>
struct FutureValue<QFuture<T>> : std::true_type
{
    using Type = T;
};

template<typename Signature, typename F>
class BoundFunctionOf;

template<typename R, typename... A, typename F>
class BoundFunctionOf<R(A...), F> final : public BoundFunction
{
    using Result = std::decay_t<R>;
    static_assert(std::is_invocable_v<F &, A...>, "the callable does not take these arguments");
    static_assert((std::is_default_constructible_v<std::decay_t<A>> && ...),
                  "the types of arguments must be default-constructible");
    static_assert((!std::is_pointer_v<std::decay_t<A>> && ...),
                  "pointers cannot come over the wire");
    static_assert(
            ((!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>)&&...),
            "take arguments by value or const reference");

public:
    explicit BoundFunctionOf(F function) : m_function(std::move(function)) {}

    FunctionType type() const override
    {
        FunctionType type;
        type.result = QMetaType::fromType<Result>();
        type.resultCodec = resultCodec<typename FutureValue<Result>::Type>();
        type.isResultKnown =
                type.resultCodec != nullptr || isWithoutValue<typename FutureValue<Result>::Type>;
        if constexpr (FutureValue<Result>::value)
            type.toFuture = [](const void *result) {
                return QFuture<void>(*static_cast<const Result *>(result));
            };
        type.parameters = {
                {QMetaType::fromType<std::decay_t<A>>(), parameterCodec<std::decay_t<A>>()}...};
        return type;
    }
    void call(void **argv) override { invoke(argv, std::index_sequence_for<A...>()); }

private:
    template<size_t... I>
    void invoke([[maybe_unused]] void **argv, std::index_sequence<I...>)
    {
        if constexpr (std::is_void_v<R>)
            static_cast<void>(m_function(argument<A>(argv[I + 1])...));
        else
            new (argv[0]) Result(static_cast<R>(m_function(argument<A>(argv[I + 1])...)));
    }
    // The caller keeps its copy of a Responder, to answer with if the callable throws.
    template<typename T>
    static decltype(auto) argument(void *value)
    {
        using Value = std::decay_t<T>;
        if constexpr (std::is_same_v<Value, Responder>)
            return Value(*static_cast<const Value *>(value));
        else if constexpr (std::is_lvalue_reference_v<T>)
            return static_cast<const Value &>(*static_cast<const Value *>(value));
        else
            return static_cast<Value &&>(*static_cast<Value *>(value));
    }

    F m_function;
};

/// A member function with its object.
template<typename C, typename Member>
struct MemberCall
{
    C *object;
    Member member;
    template<typename... A>
    auto operator()(A &&...arguments) const -> decltype((
            std::declval<C *>()->*std::declval<Member>())(std::forward<A>(arguments)...))
    {
        return (object->*member)(std::forward<A>(arguments)...);
    }
};

/// What bind() makes of \a callable; \a Signature is void if it is to be taken from the callable.
template<typename Signature, typename F>
std::unique_ptr<BoundFunction> makeBoundFunction(F &&callable)
{
    using Callable = std::decay_t<F>;
    if constexpr (std::is_member_pointer_v<Callable>) {
        static_assert(dependentFalse<F>,
                      "a member function needs its object: bind(name, object, &Class::function)");
        return nullptr;
    } else if constexpr (std::is_void_v<Signature>) {
        using Type = typename CallableType<Callable>::Type;
        static_assert(!std::is_void_v<Type>, "the types of the arguments cannot be taken from this "
                                             "callable (is it a generic lambda?); "
                                             "state them: bind<R(Args...)>(name, callable)");
        if constexpr (!std::is_void_v<Type>)
            return std::make_unique<BoundFunctionOf<Type, Callable>>(std::forward<F>(callable));
        else
            return nullptr;
    } else {
        return std::make_unique<BoundFunctionOf<Signature, Callable>>(std::forward<F>(callable));
    }
}

/// The same with a context: \a callable may be a member function of it.
template<typename Signature, typename C, typename F>
std::unique_ptr<BoundFunction> makeBoundFunction(C *context, F &&callable)
{
    static_assert(std::is_base_of_v<QObject, C>, "the context is a QObject");
    using Callable = std::decay_t<F>;
    if constexpr (std::is_member_pointer_v<Callable>) {
        using Type = std::conditional_t<std::is_void_v<Signature>,
                                        typename CallableType<Callable>::Type, Signature>;
        return makeBoundFunction<Type>(MemberCall<C, Callable>{context, callable});
    } else {
        return makeBoundFunction<Signature>(std::forward<F>(callable));
    }
}

} // namespace MsgpackRpc::Detail
