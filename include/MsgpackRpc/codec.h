// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/extension.h>
#include <MsgpackRpc/reader.h>
#include <MsgpackRpc/typecodec.h>
#include <MsgpackRpc/writer.h>

#include <QtCore/QDateTime>
#include <QtCore/QHash>
#include <QtCore/QMap>
#include <QtCore/QStringList>
#include <QtCore/QUrl>
#include <QtCore/QUuid>
#include <QtCore/QVariant>

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace MsgpackRpc {

/// How a type that is known at compile time crosses the wire: `read(Reader &, T &)`, `write(Writer
/// &, const T &)` and `isOwnKind(Reader::Kind)`. This primary template serves what typeCodec()
/// finds at run time: gadgets, enums and flags, and types given to registerType(). Specialise it
/// for a type of your own, or call registerType().
template<typename T, typename = void>
struct Codec
{
    /// Tells this template from the specialisations.
    static constexpr bool IsFoundAtRunTime = true;

    /// Decodes the next value into \a value; false if that is not possible without loss.
    static bool read(Reader &reader, T &value)
    {
        const TypeCodec *codec = typeCodec(QMetaType::fromType<T>());
        return codec != nullptr ? codec->read(reader, &value) : reader.fail(noForm());
    }
    /// Encodes \a value.
    static void write(Writer &writer, const T &value)
    {
        const TypeCodec *codec = typeCodec(QMetaType::fromType<T>());
        if (codec != nullptr)
            codec->write(writer, &value);
        else
            writer.fail(noForm());
    }
    /// True if \a kind is the family of this type.
    static bool isOwnKind(Reader::Kind kind)
    {
        const TypeCodec *codec = typeCodec(QMetaType::fromType<T>());
        return codec != nullptr && codec->isOwnKind(kind);
    }

private:
    static QString noForm()
    {
        return QStringLiteral("a registered type (%1 is not known to registerType())")
                .arg(QLatin1String(QMetaType::fromType<T>().name()));
    }
};

/// nil.
template<>
struct Codec<std::nullptr_t>
{
    static bool read(Reader &reader, std::nullptr_t &) { return reader.readNil(); }
    static void write(Writer &writer, std::nullptr_t) { writer.writeNil(); }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Nil; }
};

/// Booleans; nothing else is one.
template<>
struct Codec<bool>
{
    static bool read(Reader &reader, bool &value) { return reader.readBool(value); }
    static void write(Writer &writer, bool value) { writer.writeBool(value); }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Boolean; }
};

namespace Detail {

template<typename T>
constexpr bool isInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// What an integer of this type must be, for messages.
template<typename T>
constexpr const char *integerText()
{
    constexpr int bits = std::numeric_limits<T>::digits;
    return bits == 7    ? "an integer from -128 to 127"
           : bits == 8  ? "an integer from 0 to 255"
           : bits == 15 ? "an integer from -32768 to 32767"
           : bits == 16 ? "an integer from 0 to 65535"
           : bits == 31 ? "an integer from -2147483648 to 2147483647"
           : bits == 32 ? "an integer from 0 to 4294967295"
           : bits == 63 ? "an integer of 64 bits"
                        : "an integer of 64 bits without sign";
}

} // namespace Detail

/// Integers of any size; a value that does not fit is refused.
template<typename T>
struct Codec<T, std::enable_if_t<Detail::isInteger<T>>>
{
    static bool read(Reader &reader, T &value)
    {
        using Range = std::numeric_limits<T>;
        constexpr const char *expected = Detail::integerText<T>();
        std::conditional_t<std::is_signed_v<T>, qint64, quint64> wide = 0;
        bool taken = false;
        if constexpr (std::is_signed_v<T>)
            taken = reader.readSigned(wide, (Range::min)(), (Range::max)(), expected);
        else
            taken = reader.readUnsigned(wide, (Range::max)(), expected);
        value = taken ? T(wide) : value;
        return taken;
    }
    static void write(Writer &writer, T value)
    {
        if constexpr (std::is_signed_v<T>)
            writer.writeSigned(value);
        else
            writer.writeUnsigned(value);
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Integer; }
};

/// double, and float where a float holds the value exactly.
template<typename T>
struct Codec<T, std::enable_if_t<std::is_same_v<T, double> || std::is_same_v<T, float>>>
{
    static bool read(Reader &reader, T &value)
    {
        if constexpr (std::is_same_v<T, float>)
            return reader.readFloat(value);
        else
            return reader.readDouble(value);
    }
    static void write(Writer &writer, T value)
    {
        if constexpr (std::is_same_v<T, float>)
            writer.writeFloat(value);
        else
            writer.writeDouble(value);
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Float; }
};

/// Text; also taken from binary that is UTF-8.
template<>
struct Codec<QString>
{
    static bool read(Reader &reader, QString &value) { return reader.readString(value); }
    static void write(Writer &writer, const QString &value)
    {
        writer.writeString(QStringView(value));
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// Text, to be written only.
template<>
struct Codec<QStringView>
{
    static void write(Writer &writer, QStringView value) { writer.writeString(value); }
};

/// Text, to be written only.
template<>
struct Codec<QLatin1String>
{
    static void write(Writer &writer, QLatin1String value)
    {
        writer.writeString(QStringView(QString(value)));
    }
};

/// Text in UTF-8, to be written only.
template<>
struct Codec<const char *>
{
    static void write(Writer &writer, const char *value)
    {
        value != nullptr ? writer.writeString(QByteArrayView(value)) : writer.writeNil();
    }
};

/// \overload
template<>
struct Codec<char *> : Codec<const char *>
{
};

/// Text in UTF-8, to be written only.
template<>
struct Codec<std::string_view>
{
    static void write(Writer &writer, std::string_view value)
    {
        writer.writeString(QByteArrayView(value.data(), qsizetype(value.size())));
    }
};

/// Text in UTF-8; taken from text and binary as it is.
template<>
struct Codec<std::string>
{
    static bool read(Reader &reader, std::string &value)
    {
        QByteArrayView view;
        if (!reader.readBytesView(view))
            return false;
        value.assign(view.data(), size_t(view.size()));
        return true;
    }
    static void write(Writer &writer, const std::string &value)
    {
        writer.writeString(QByteArrayView(value.data(), qsizetype(value.size())));
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// Binary; also taken from text.
template<>
struct Codec<QByteArray>
{
    static bool read(Reader &reader, QByteArray &value) { return reader.readBytes(value); }
    static void write(Writer &writer, const QByteArray &value) { writer.writeBinary(value); }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Binary; }
};

/// Any value.
template<>
struct MSGPACKRPC_EXPORT Codec<QVariant>
{
    static bool read(Reader &reader, QVariant &value);
    static void write(Writer &writer, const QVariant &value);
    static bool isOwnKind(Reader::Kind) { return true; }
};

/// Any extension, timestamps too.
template<>
struct MSGPACKRPC_EXPORT Codec<Extension>
{
    static bool read(Reader &reader, Extension &value);
    static void write(Writer &writer, const Extension &value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Ext; }
};

/// A map with keys of any type.
template<>
struct MSGPACKRPC_EXPORT Codec<AnyKeyMap>
{
    static bool read(Reader &reader, AnyKeyMap &value);
    static void write(Writer &writer, const AnyKeyMap &value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Map; }
};

/// A timestamp (extension -1). Written in UTC with milliseconds; arrives in UTC; refused if it has
/// more than milliseconds. An invalid QDateTime is nil, and nil an invalid QDateTime.
template<>
struct MSGPACKRPC_EXPORT Codec<QDateTime>
{
    static bool read(Reader &reader, QDateTime &value);
    static void write(Writer &writer, const QDateTime &value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Ext; }
};

/// Text in ISO 8601, `2024-02-29`. An invalid QDate is nil, and nil an invalid QDate; a year
/// outside of 0 to 9999 has no form.
template<>
struct MSGPACKRPC_EXPORT Codec<QDate>
{
    static bool read(Reader &reader, QDate &value);
    static void write(Writer &writer, QDate value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// Text in ISO 8601 with milliseconds, `23:59:59.999`; taken without them too, refused if it has
/// more. An invalid QTime is nil, and nil an invalid QTime.
template<>
struct MSGPACKRPC_EXPORT Codec<QTime>
{
    static bool read(Reader &reader, QTime &value);
    static void write(Writer &writer, QTime value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// Text: the encoded URL. Text that is no valid URL is refused, the empty one is taken.
template<>
struct MSGPACKRPC_EXPORT Codec<QUrl>
{
    static bool read(Reader &reader, QUrl &value);
    static void write(Writer &writer, const QUrl &value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// Text without braces; taken with or without.
template<>
struct MSGPACKRPC_EXPORT Codec<QUuid>
{
    static bool read(Reader &reader, QUuid &value);
    static void write(Writer &writer, const QUuid &value);
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::String; }
};

/// nil, or the value.
template<typename T>
struct Codec<std::optional<T>>
{
    static bool read(Reader &reader, std::optional<T> &value)
    {
        if (reader.kind() == Reader::Nil) {
            value.reset();
            return reader.readNil();
        }
        return Codec<T>::read(reader, value.emplace());
    }
    static void write(Writer &writer, const std::optional<T> &value)
    {
        value ? Codec<T>::write(writer, *value) : writer.writeNil();
    }
    static bool isOwnKind(Reader::Kind kind)
    {
        return kind == Reader::Nil || Codec<T>::isOwnKind(kind);
    }
};

namespace Detail {

/// Takes the header of an array, or an empty map (Lua's `{}`) as an empty array.
MSGPACKRPC_EXPORT bool readArrayOrEmptyMap(Reader &reader, quint32 &count);
/// Takes the header of a map, or an empty array as an empty map.
MSGPACKRPC_EXPORT bool readMapOrEmptyArray(Reader &reader, quint32 &count);
/// A count for the header of a container; fails where MessagePack has no room.
MSGPACKRPC_EXPORT quint32 wireCount(Writer &writer, size_t count);
/// What may be reserved for \a count announced values: never more than could have arrived.
inline int reservable(quint32 count)
{
    return int(count < 4096 ? count : 4096);
}

template<typename List>
struct SequenceCodec
{
    using Value = typename List::value_type;
    static bool read(Reader &reader, List &list)
    {
        quint32 count = 0;
        if (!readArrayOrEmptyMap(reader, count))
            return false;
        list.clear();
        if constexpr (std::is_same_v<List, std::vector<Value>>)
            list.reserve(size_t(reservable(count)));
        else
            list.reserve(reservable(count));
        for (quint32 i = 0; i < count; ++i) {
            Value value{};
            if (Q_UNLIKELY(!Codec<Value>::read(reader, value)))
                return reader.failedIn(i);
            list.push_back(std::move(value));
        }
        return true;
    }
    static void write(Writer &writer, const List &list)
    {
        writer.writeArray(wireCount(writer, size_t(list.size())));
        qsizetype index = 0;
        for (const auto &value : list) {
            Codec<Value>::write(writer, value);
            if constexpr (!std::is_arithmetic_v<Value>) { // these never fail
                if (Q_UNLIKELY(writer.hasFailed()))
                    return writer.failedIn(index);
                ++index;
            }
        }
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Array; }
};

template<typename Map, typename Key, typename Value>
struct MapCodec
{
    static bool read(Reader &reader, Map &map)
    {
        quint32 count = 0;
        if (!readMapOrEmptyArray(reader, count))
            return false;
        map.clear();
        for (quint32 i = 0; i < count; ++i) {
            const Reader start = reader;
            Key key{};
            if (Q_UNLIKELY(!Codec<Key>::read(reader, key)))
                return false;
            const auto size = map.size();
            Value &value = map[key];
            if (Q_UNLIKELY(map.size() == size))
                value = Value{}; // a key that comes twice: the last counts, and nothing of the first stays
            if (Q_UNLIKELY(!Codec<Value>::read(reader, value)))
                return reader.failedIn(start);
        }
        return true;
    }
    static void writeEntry(Writer &writer, const Key &key, const Value &value)
    {
        Codec<Key>::write(writer, key);
        Codec<Value>::write(writer, value);
        if constexpr (std::is_same_v<Key, QString> && !std::is_arithmetic_v<Value>) {
            if (Q_UNLIKELY(writer.hasFailed()))
                writer.failedIn(key);
        }
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Map; }
};

template<typename Map, typename Key, typename Value>
struct QtMapCodec : MapCodec<Map, Key, Value>
{
    using MapCodec<Map, Key, Value>::writeEntry;
    static void write(Writer &writer, const Map &map)
    {
        writer.writeMap(wireCount(writer, size_t(map.size())));
        for (auto it = map.cbegin(); it != map.cend(); ++it)
            writeEntry(writer, it.key(), it.value());
    }
};

template<typename Map, typename Key, typename Value>
struct StdMapCodec : MapCodec<Map, Key, Value>
{
    using MapCodec<Map, Key, Value>::writeEntry;
    static void write(Writer &writer, const Map &map)
    {
        writer.writeMap(wireCount(writer, map.size()));
        for (const auto &[key, value] : map)
            writeEntry(writer, key, value);
    }
};

/// Takes the header of an array of exactly \a count.
MSGPACKRPC_EXPORT bool readArrayOf(Reader &reader, quint32 count);

/// Arrays of a fixed length.
template<typename T, size_t N>
struct FixedArrayCodec
{
    static bool read(Reader &reader, std::array<T, N> &array)
    {
        if (!readArrayOf(reader, quint32(N)))
            return false;
        for (size_t i = 0; i < N; ++i) {
            if (!Codec<T>::read(reader, array[i]))
                return reader.failedIn(quint32(i));
        }
        return true;
    }
    static void write(Writer &writer, const std::array<T, N> &array)
    {
        writer.writeArray(quint32(N));
        for (const T &value : array)
            Codec<T>::write(writer, value);
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Array; }
};

/// Arrays of a fixed length whose values have types of their own.
template<typename Tuple, typename... Ts>
struct TupleCodec
{
    static bool read(Reader &reader, Tuple &tuple)
    {
        if (!readArrayOf(reader, quint32(sizeof...(Ts))))
            return false;
        quint32 index = 0;
        const auto readNext = [&](auto &value) {
            return Codec<std::decay_t<decltype(value)>>::read(reader, value)
                           ? ++index > 0
                           : reader.failedIn(index);
        };
        return std::apply([&](auto &...values) { return (readNext(values) && ...); }, tuple);
    }
    static void write(Writer &writer, const Tuple &tuple)
    {
        writer.writeArray(quint32(sizeof...(Ts)));
        std::apply([&](const auto &...values) { (Codec<Ts>::write(writer, values), ...); }, tuple);
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Array; }
};

} // namespace Detail

/// Arrays.
template<typename T>
struct Codec<QList<T>> : Detail::SequenceCodec<QList<T>>
{
};
/// \overload
template<typename T>
struct Codec<std::vector<T>> : Detail::SequenceCodec<std::vector<T>>
{
};
/// Arrays of exactly this length.
template<typename T, size_t N>
struct Codec<std::array<T, N>> : Detail::FixedArrayCodec<T, N>
{
};
/// Arrays of exactly two.
template<typename A, typename B>
struct Codec<std::pair<A, B>> : Detail::TupleCodec<std::pair<A, B>, A, B>
{
};
/// Arrays of exactly this length.
template<typename... Ts>
struct Codec<std::tuple<Ts...>> : Detail::TupleCodec<std::tuple<Ts...>, Ts...>
{
};
/// Maps.
template<typename K, typename V>
struct Codec<QMap<K, V>> : Detail::QtMapCodec<QMap<K, V>, K, V>
{
};
/// \overload
template<typename K, typename V>
struct Codec<QHash<K, V>> : Detail::QtMapCodec<QHash<K, V>, K, V>
{
};
/// \overload
template<typename K, typename V>
struct Codec<std::map<K, V>> : Detail::StdMapCodec<std::map<K, V>, K, V>
{
};
/// \overload
template<typename K, typename V>
struct Codec<std::unordered_map<K, V>> : Detail::StdMapCodec<std::unordered_map<K, V>, K, V>
{
};

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

} // namespace Detail

namespace Detail {

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
