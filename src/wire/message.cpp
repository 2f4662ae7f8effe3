// SPDX-License-Identifier: Apache-2.0
#include "wire/message_p.h"

#include "wire/scanner_p.h"

#include <MsgpackRpc/reader.h>
#include <MsgpackRpc/writer.h>

#include <QtCore/QtEndian>

#include <limits>

namespace MsgpackRpc {

namespace {

QByteArrayView element(const char *data, const Scanner &scanner, int index)
{
    const qsizetype begin = scanner.offset(index);
    const bool isLast = quint32(index) + 1 == scanner.count();
    const qsizetype end = isLast || index + 1 == Scanner::KeptElements ? scanner.size()
                                                                       : scanner.offset(index + 1);
    return QByteArrayView(data + begin, end - begin);
}

// By hand for the forms that are sent: every request and every response has one.
bool readMsgid(QByteArrayView bytes, quint32 &msgid)
{
    const auto *const p = reinterpret_cast<const uchar *>(bytes.data());
    switch (*p) {
    case 0xcc:
        msgid = p[1];
        return true;
    case 0xcd:
        msgid = qFromBigEndian<quint16>(p + 1);
        return true;
    case 0xce:
        msgid = qFromBigEndian<quint32>(p + 1);
        return true;
    default:
        break;
    }
    if (*p < 0x80) {
        msgid = *p;
        return true;
    }
    quint64 number = 0;
    if (!Reader(bytes).readUnsigned(number) || number > std::numeric_limits<quint32>::max())
        return false;
    msgid = quint32(number);
    return true;
}

bool isInteger(QByteArrayView bytes)
{
    qint64 number = 0;
    quint64 large = 0;
    return Reader(bytes).readSigned(number) || Reader(bytes).readUnsigned(large);
}

// A type that is not in its shortest form.
bool readLongType(QByteArrayView bytes, Message::Type &type)
{
    qint64 number = 0;
    if (!Reader(bytes).readSigned(number) || number < 0 || number > Message::Option)
        return false;
    type = Message::Type(number);
    return true;
}

// A method that is not short text.
bool readLongMethod(QByteArrayView bytes, MethodId &method)
{
    Reader reader(bytes);
    if (reader.readBytesView(method.name))
        return true;
    method.isNumber = reader.kind() == Reader::Integer && Reader(bytes).readSigned(method.number);
    return method.isNumber;
}

// A missing, nil or unreadable entry asks for nothing (doc/protocol, "Stream options").
quint64 readFlags(const char *data, const Scanner &scanner, int index)
{
    quint64 flags = 0;
    if (quint32(index) >= scanner.count()
        || !Reader(element(data, scanner, index)).readUnsigned(flags))
        return 0;
    return flags;
}

struct Shape
{
    quint32 elements;
    const char *text;
};

constexpr Shape shapes[] = {
        {4, "a request is [0, msgid, method, params]"},
        {4, "a response is [1, msgid, error, result]"},
        {3, "a notification is [2, method, params]"},
        {2, "a SESSION message is [3, address]"},
        {0, "an OPTION message is [4, tx, rx]"},
};

} // namespace

QByteArray optionMessage(ExchangeOption option)
{
    Writer writer;
    writer.writeArray(3);
    writer.writeUnsigned(Message::Option);
    writer.writeUnsigned(option.tx.flags);
    writer.writeUnsigned(option.rx.flags);
    return writer.bytes();
}

void Message::setFault(Fault what, const QString &text)
{
    fault = what;
    faultText = text;
}

void Message::parse(const char *data, const Scanner &scanner)
{
    if (Q_UNLIKELY(fault != None))
        setFault(None, QString());
    const uchar first = uchar(data[scanner.offset(0)]);
    if (Q_LIKELY(first <= Option))
        type = Type(first);
    else if (!readLongType(element(data, scanner, 0), type))
        return setFault(Fatal, QStringLiteral("a message of unknown type: expected 0 to 4, got %1")
                                       .arg(Reader(element(data, scanner, 0)).describe()));
    const Shape &shape = shapes[type];
    if (type != Option && scanner.count() != shape.elements)
        return setFault(Fatal, QStringLiteral("%1, got an array of %2")
                                       .arg(QLatin1String(shape.text))
                                       .arg(scanner.count()));

    switch (type) {
    case Request:
    case Response:
        if (Q_UNLIKELY(!readMsgid(element(data, scanner, 1), msgid))) {
            // Some peers answer notifications, with the id -1 (doc/protocol, "Message ids").
            const bool isStray = type == Response && isInteger(element(data, scanner, 1));
            return setFault(isStray ? Stray : Fatal,
                            QStringLiteral("%1, got as msgid %2")
                                    .arg(QLatin1String(shape.text),
                                         Reader(element(data, scanner, 1)).describe()));
        }
        if (type == Request)
            return parseCall(data, scanner, 2);
        error = element(data, scanner, 2);
        result = element(data, scanner, 3);
        return;
    case Notify:
        return parseCall(data, scanner, 1);
    case Session:
        return parseSession(data, scanner);
    case Option:
        return parseOption(data, scanner);
    }
}

void Message::parseCall(const char *data, const Scanner &scanner, int methodIndex)
{
    params = element(data, scanner, methodIndex + 1);
    const QByteArrayView name = element(data, scanner, methodIndex);
    method.isNumber = false;
    if (Q_LIKELY((uchar(name.front()) & 0xe0) == 0xa0)) // the scanner has seen its end
        method.name = name.sliced(1);
    else if (!readLongMethod(name, method))
        return setFault(BadCall, QStringLiteral("a method is text or an integer, got %1")
                                         .arg(Reader(name).describe()));
    // An empty map is Lua's empty array.
    const uchar first = uchar(params.front());
    if (Q_UNLIKELY((first & 0xf0) != 0x90 && first != 0xdc && first != 0xdd && first != 0x80))
        setFault(BadCall,
                 QStringLiteral("params are an array, got %1").arg(Reader(params).describe()));
}

void Message::parseSession(const char *data, const Scanner &scanner)
{
    const QLatin1String expected(shapes[Session].text);
    if (!Reader(element(data, scanner, 1)).readBytesView(address))
        setFault(Fatal, QStringLiteral("%1, got as address %2")
                                .arg(expected, Reader(element(data, scanner, 1)).describe()));
    else if (address.size() != 6 && address.size() != 18)
        setFault(Fatal, QStringLiteral("%1 of 6 or 18 bytes, got %2 bytes")
                                .arg(expected)
                                .arg(address.size()));
}

void Message::parseOption(const char *data, const Scanner &scanner)
{
    const quint64 tx = readFlags(data, scanner, 1);
    // We would have to understand how the sender changes its stream; what it asks of ours we may leave undone.
    if ((tx & ~quint64(StreamOption::DeflateFlag)) != 0)
        setFault(Fatal,
                 QStringLiteral("an OPTION message announces a stream with unknown options 0x%1")
                         .arg(tx, 0, 16));
    option.tx.flags = quint32(tx & StreamOption::DeflateFlag);
    option.rx.flags = quint32(readFlags(data, scanner, 2) & StreamOption::DeflateFlag);
}

// Its id is that of no other request: none is sent before the answer has come.
QByteArray tokenRequest(const QByteArray &token, WireFormat format)
{
    Writer writer(format);
    writer.writeArray(4);
    writer.writeUnsigned(Message::Request);
    writer.writeUnsigned(1);
    writer.writeString(QByteArrayView(TokenMethod));
    writer.writeArray(1);
    writer.writeBinary(token);
    return writer.bytes();
}

QByteArray packSession(const QByteArray &address, WireFormat format)
{
    Writer writer(format);
    writer.writeArray(2);
    writer.writeUnsigned(Message::Session);
    writer.writeBinary(address);
    return writer.bytes();
}

} // namespace MsgpackRpc
