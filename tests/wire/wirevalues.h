// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>

#include <QtTest/QTest>

#include <optional>

/// \file
/// What the tests of the codecs share.

/// The bytes of \a digits; blanks between them are skipped.
inline QByteArray hex(const char *digits)
{
    return QByteArray::fromHex(digits);
}

/// \a value on the wire.
template<typename T>
QByteArray encode(const T &value, MsgpackRpc::WireFormat format = MsgpackRpc::WireFormat::Modern)
{
    MsgpackRpc::Writer writer(format);
    MsgpackRpc::Codec<T>::write(writer, value);
    if (writer.hasFailed())
        qWarning("encode: %s", qPrintable(writer.failure()));
    return writer.hasFailed() ? QByteArray() : writer.bytes();
}

/// The value of \a bytes; empty if it is refused, or if something is left.
template<typename T>
std::optional<T> decode(const QByteArray &bytes, QString *failure = nullptr)
{
    MsgpackRpc::Reader reader(bytes);
    T value{};
    const bool taken = MsgpackRpc::Codec<T>::read(reader, value);
    if (failure != nullptr)
        *failure = reader.failure();
    if (taken == reader.hasFailed())
        qFatal("a read function that succeeds leaves no failure, and one that fails leaves one");
    return taken && reader.atEnd() ? std::optional<T>(std::move(value)) : std::nullopt;
}

/// Why \a bytes are no T; empty if they are one.
template<typename T>
QString refusal(const QByteArray &bytes)
{
    QString failure;
    decode<T>(bytes, &failure);
    return failure;
}

/// The value of \a bytes where no type is known.
inline QVariant decodeVariant(const QByteArray &bytes)
{
    const auto value = decode<QVariant>(bytes);
    return value ? *value : QVariant(QStringLiteral("refused"));
}
