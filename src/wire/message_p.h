// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/options.h>

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

namespace MsgpackRpc {

class Scanner;

/// The OPTION message that asks for \a option.
QByteArray optionMessage(ExchangeOption option);

/// The method of a request or notification: a name, as its bytes, or an integer.
struct MethodId
{
    QByteArrayView name;
    qint64 number = 0;
    bool isNumber = false;
};

/// A received message: what kind it is, and where its parts lie. The views point into the reader's buffer, or into
/// frame for large messages, and hold until the reader is used again.
struct Message
{
    /// The first element of each message (doc/protocol, "Messages").
    enum Type : quint8 { Request = 0, Response = 1, Notify = 2, Session = 3, Option = 4 };
    /// What is to be done with a message that is not right.
    enum Fault : quint8 {
        None, ///< nothing: it is right
        BadCall, ///< a request or notification that can't be dispatched: answer with an error, or log
        Stray, ///< a response whose msgid no request can have had: ignore
        Fatal ///< close the connection
    };

    Type type = Request;
    Fault fault = None;
    quint32 msgid = 0;
    MethodId method;
    QByteArrayView params; ///< of a request or notification: the array
    QByteArrayView error; ///< of a response
    QByteArrayView result; ///< of a response
    QByteArrayView address; ///< of a SESSION message: 6 or 18 bytes
    ExchangeOption option; ///< of an OPTION message
    QByteArray frame; ///< owns the bytes of a large message
    QString faultText; ///< what is wrong, if fault says so

    /// Fills this from the message that \a scanner has found complete at \a data. Parts that its type does not have
    /// are left as they are.
    void parse(const char *data, const Scanner &scanner);

private:
    void parseCall(const char *data, const Scanner &scanner, int methodIndex);
    void parseSession(const char *data, const Scanner &scanner);
    void parseOption(const char *data, const Scanner &scanner);
    void setFault(Fault what, const QString &text);
};

/// The method by which a token is told; nobody can serve it (doc/protocol, "Authentication").
inline constexpr char TokenMethod[] = "rpc.authenticate";
/// Bytes of a token, at most: who is not let in yet cannot send much.
inline constexpr qsizetype LongestToken = 16'000;
/// The request of it that begins a connection.
QByteArray tokenRequest(const QByteArray &token, WireFormat format);

/// A SESSION message with \a address in its form of 6 or 18 bytes: as bin, or as raw for old peers.
QByteArray packSession(const QByteArray &address, WireFormat format);

} // namespace MsgpackRpc
