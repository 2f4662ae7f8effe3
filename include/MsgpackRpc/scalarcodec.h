// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/extension.h>
#include <MsgpackRpc/reader.h>
#include <MsgpackRpc/typecodec.h>
#include <MsgpackRpc/writer.h>

#include <QtCore/QDateTime>
#include <QtCore/QUrl>
#include <QtCore/QUuid>
#include <QtCore/QVariant>

#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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

} // namespace MsgpackRpc
