// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/scalarcodec.h>

#include <QtCore/QHash>
#include <QtCore/QList>
#include <QtCore/QMap>
#include <QtCore/QStringList>

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace MsgpackRpc {

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

} // namespace MsgpackRpc
