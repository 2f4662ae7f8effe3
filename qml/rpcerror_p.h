// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/error.h>

#include <QtCore/QObject>
#include <QtQml/qqml.h>

namespace MsgpackRpc {

/// The codes of the errors that calls end with: `error.code === RpcError.Timeout`. Such an error is a JavaScript Error
/// whose name is "RpcError", with message, code, data (the error value of the other side), method and url.
class RpcError : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("it has the codes of errors")

public:
    /// Those of Error::Code.
    enum Code {
        Timeout = Error::Timeout, ///< no answer within the call's timeout
        ConnectFailed = Error::ConnectFailed, ///< every attempt to connect has failed
        NotConnectable =
                Error::NotConnectable, ///< there is no way to connect: no URL, or a wrong one
        ConnectionLost = Error::ConnectionLost, ///< the connection ended before the answer had come
        Canceled = Error::Canceled, ///< cancel(), close(), or the client was destroyed
        LimitExceeded = Error::LimitExceeded, ///< one of the limits was reached
        ProtocolViolation = Error::
                ProtocolViolation, ///< the other side sent something that is no MessagePack-RPC
        InvalidArguments = Error::InvalidArguments, ///< an argument has no form on the wire
        InvalidResult = Error::InvalidResult, ///< the result could not be taken
        WrongThread = Error::WrongThread, ///< source lives in another thread
        RemoteError = Error::RemoteError ///< the other side answered with an error
    };
    Q_ENUM(Code)
};

} // namespace MsgpackRpc
