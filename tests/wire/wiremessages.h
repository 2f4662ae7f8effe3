// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/writer.h>

#include <QtCore/QByteArray>
#include <QtCore/QList>
#include <QtCore/QRandomGenerator>

#include <algorithm>

/// Messages for tests, as bytes.
namespace WireMessages {

inline QByteArray hex(const char *digits)
{
    return QByteArray::fromHex(digits);
}

inline QByteArray notify(const QByteArray &method, const QByteArray &argument)
{
    MsgpackRpc::Writer writer;
    writer.writeArray(3);
    writer.writeUnsigned(2);
    writer.writeString(QByteArrayView(method));
    writer.writeArray(1);
    writer.writeBinary(argument);
    return writer.bytes();
}

inline QByteArray request(quint32 msgid, const QByteArray &method, const QByteArray &argument)
{
    MsgpackRpc::Writer writer;
    writer.writeArray(4);
    writer.writeUnsigned(0);
    writer.writeUnsigned(msgid);
    writer.writeString(QByteArrayView(method));
    writer.writeArray(1);
    writer.writeBinary(argument);
    return writer.bytes();
}

/// Bytes that do not compress and are the same on every run.
inline QByteArray noise(qsizetype size, quint32 seed = 1)
{
    QRandomGenerator random(seed);
    QByteArray bytes(size, Qt::Uninitialized);
    std::generate(bytes.begin(), bytes.end(), [&random] { return char(random.generate()); });
    return bytes;
}

inline QByteArray bigEndian(quint32 number, int bytes)
{
    QByteArray result;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        result.append(char(number >> shift));
    return result;
}

/// One complete value in any of the forms that MessagePack has, the shortest or not.
inline QByteArray randomValue(QRandomGenerator &random, int depth)
{
    const auto pick = [&random](quint32 below) { return quint32(random.bounded(below)); };
    const auto bytes = [&random](quint32 count) { return noise(count, random.generate()); };
    // A length of 1, 2 or 4 bytes behind a first byte of \a first and up.
    const auto sized = [&](uchar first, quint32 size) {
        const quint32 form = pick(3);
        return char(first + form) + bigEndian(size, 1 << form);
    };
    const auto elements = [&](quint32 count) {
        QByteArray all;
        for (quint32 i = 0; i < count; ++i)
            all += randomValue(random, depth - 1);
        return all;
    };
    const quint32 size = pick(8) == 0 ? pick(256) : pick(16);
    const quint32 count = pick(6);
    switch (pick(depth > 0 ? 15 : 10)) {
    case 0:
        return QByteArray(1, char(pick(0x80)));
    case 1:
        return QByteArray(1, char(0xe0 + pick(0x20)));
    case 2:
        return char(0xa0 + size % 32) + bytes(size % 32);
    case 3:
        return QByteArray(1, "\xc0\xc2\xc3"[pick(3)]);
    case 4:
        return sized(0xc4, size) + bytes(size);
    case 5:
        return sized(0xc7, size) + bytes(size + 1);
    case 6: {
        const quint32 form = pick(10); // floats and integers
        const quint32 sizes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
        return char(0xca + form) + bytes(sizes[form]);
    }
    case 7: {
        const quint32 form = pick(5);
        return char(0xd4 + form) + bytes(1 + (1U << form));
    }
    case 8:
    case 9:
        return sized(0xd9, size) + bytes(size);
    case 10:
    case 11:
        return char(0x90 + count) + elements(count);
    case 12: {
        const quint32 form = pick(2);
        return char(0xdc + form) + bigEndian(count, 2 << form) + elements(count);
    }
    case 13:
        return char(0x80 + count) + elements(2 * count);
    default: {
        const quint32 form = pick(2);
        return char(0xde + form) + bigEndian(count, 2 << form) + elements(2 * count);
    }
    }
}

/// An array that is not empty, in one of its three forms.
inline QByteArray randomMessage(QRandomGenerator &random, int depth)
{
    const quint32 count = 1 + random.bounded(6U);
    const quint32 form = random.bounded(3U);
    QByteArray message = form == 0 ? QByteArray(1, char(0x90 + count))
                                   : char(0xdb + form) + bigEndian(count, int(form) * 2);
    for (quint32 i = 0; i < count; ++i)
        message += randomValue(random, depth);
    return message;
}

} // namespace WireMessages
