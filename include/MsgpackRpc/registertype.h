// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/scalarcodec.h>

#include <QtCore/QList>
#include <QtCore/QMap>
#include <QtCore/QString>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace MsgpackRpc {

namespace Detail {

/// Codec<T> behind the run-time interface.
template<typename T>
class StaticTypeCodec final : public TypeCodec
{
public:
    bool read(Reader &reader, void *value) const override
    {
        return Codec<T>::read(reader, *static_cast<T *>(value));
    }
    void write(Writer &writer, const void *value) const override
    {
        Codec<T>::write(writer, *static_cast<const T *>(value));
    }
    bool isOwnKind(Reader::Kind kind) const override { return Codec<T>::isOwnKind(kind); }
};

/// The argument of a callable that takes one.
template<typename F>
struct Signature : Signature<decltype(&F::operator())>
{
};
template<typename R, typename A>
struct Signature<R (*)(A)>
{
    using Argument = std::decay_t<A>;
};
template<typename R, typename A>
struct Signature<R (*)(A) noexcept> : Signature<R (*)(A)>
{
};
template<typename C, typename R, typename A>
struct Signature<R (C::*)(A) const> : Signature<R (*)(A)>
{
};
template<typename C, typename R, typename A>
struct Signature<R (C::*)(A)> : Signature<R (*)(A)>
{
};
template<typename C, typename R, typename A>
struct Signature<R (C::*)(A) const noexcept> : Signature<R (*)(A)>
{
};
template<typename C, typename R, typename A>
struct Signature<R (C::*)(A) noexcept> : Signature<R (*)(A)>
{
};

/// A type that travels as another one, by two functions of the user's. What they throw is a
/// failure.
template<typename T, typename ToWire, typename FromWire>
class ConvertingTypeCodec final : public TypeCodec
{
    using Sent = std::decay_t<std::invoke_result_t<const ToWire &, const T &>>;
    using Received = typename Signature<FromWire>::Argument;

public:
    ConvertingTypeCodec(ToWire toWire, FromWire fromWire)
        : m_toWire(std::move(toWire)), m_fromWire(std::move(fromWire))
    {
    }
    bool read(Reader &reader, void *value) const override
    {
        const Reader start = reader;
        Received received{};
        if (!Codec<Received>::read(reader, received))
            return false;
        if (convert(received, *static_cast<T *>(value)))
            return true;
        reader.recover(start);
        return reader.fail(QStringLiteral("a valid %1").arg(name()));
    }
    void write(Writer &writer, const void *value) const override
    {
        QT_TRY
        {
            Codec<Sent>::write(writer, std::invoke(m_toWire, *static_cast<const T *>(value)));
        }
        QT_CATCH(...)
        {
            writer.fail(
                    QStringLiteral("the function that writes %1 threw an exception").arg(name()));
        }
    }
    bool isOwnKind(Reader::Kind kind) const override { return Codec<Received>::isOwnKind(kind); }

private:
    static QLatin1String name() { return QLatin1String(QMetaType::fromType<T>().name()); }
    bool convert(const Received &received, T &value) const
    {
        QT_TRY
        {
            if constexpr (std::is_same_v<std::decay_t<decltype(m_fromWire(received))>,
                                         std::optional<T>>) {
                std::optional<T> converted = m_fromWire(received);
                if (!converted)
                    return false;
                value = *std::move(converted);
            } else {
                value = m_fromWire(received);
            }
            return true;
        }
        QT_CATCH(...)
        {
            return false;
        }
    }

    ToWire m_toWire;
    FromWire m_fromWire;
};

template<typename T, typename = void>
struct IsFoundAtRunTime : std::false_type
{
};
template<typename T>
struct IsFoundAtRunTime<T, std::enable_if_t<Codec<T>::IsFoundAtRunTime>> : std::true_type
{
};

/// Makes the containers of \a T known at run time, which Qt itself only knows of declared types.
template<typename T>
void addContainersOf()
{
    if constexpr (std::is_default_constructible_v<T> && std::is_copy_constructible_v<T>) {
        addTypeCodec(QMetaType::fromType<QList<T>>(),
                     std::make_unique<StaticTypeCodec<QList<T>>>());
        addTypeCodec(QMetaType::fromType<QMap<QString, T>>(),
                     std::make_unique<StaticTypeCodec<QMap<QString, T>>>());
    }
}

} // namespace Detail

/// Lets \a T travel as another type. \a toWire takes a `const T &` and returns anything that can be
/// sent; \a fromWire takes anything that can be received and returns a T, or a std::optional<T>
/// that is empty to refuse the value. Both may be called from any thread in which calls are made or
/// served. QList<T> and QMap<QString, T> are known with it. Thread-safe; the last registration
/// counts, for methods served and calls made after it.
/// \code
/// registerType<QColor>([](const QColor &c) { return c.name(); }, [](const QString &s) { return QColor(s); });
/// \endcode
template<typename T, typename ToWire, typename FromWire>
void registerType(ToWire toWire, FromWire fromWire)
{
    registerTypeCodec(QMetaType::fromType<T>(),
                      std::make_unique<Detail::ConvertingTypeCodec<T, ToWire, FromWire>>(
                              std::move(toWire), std::move(fromWire)));
    Detail::addContainersOf<T>();
}

/// Makes a type that has a Codec at compile time known at run time, as a parameter of served
/// methods and within QVariants: `registerType<std::optional<int>>()`. QList<T> and QMap<QString,
/// T> are known with it. Thread-safe.
template<typename T>
void registerType()
{
    if constexpr (!Detail::IsFoundAtRunTime<T>::value)
        registerTypeCodec(QMetaType::fromType<T>(), std::make_unique<Detail::StaticTypeCodec<T>>());
    else if (typeCodec(QMetaType::fromType<T>()) == nullptr) // gadgets and enums have one
        qWarning("MsgpackRpc::registerType<%s>() needs two functions: it has no form on the wire "
                 "of its own",
                 QMetaType::fromType<T>().name());
    Detail::addContainersOf<T>();
}

} // namespace MsgpackRpc
