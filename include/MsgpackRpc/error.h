// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QException>
#include <QtCore/QMetaType>
#include <QtCore/QSharedData>
#include <QtCore/QString>
#include <QtCore/QVariant>

namespace MsgpackRpc {

class ErrorData;

/// Why a call, a listen() or a serve() did not succeed. A value: cheap to copy, usable from any
/// thread.
///
/// A default-constructed Error means "no error" and converts to false, so `if (auto error =
/// reply.error()) …` reads naturally.
class MSGPACKRPC_EXPORT Error
{
    Q_GADGET
    Q_PROPERTY(MsgpackRpc::Error::Code code READ code CONSTANT)
    Q_PROPERTY(QString message READ message CONSTANT)
    Q_PROPERTY(QVariant data READ data CONSTANT)
    Q_PROPERTY(QVariant result READ result CONSTANT)

public:
    /// The kinds of failure. Every call that fails has exactly one of them.
    enum Code {
        NoError, ///< nothing failed
        Timeout, ///< no answer within the call's timeout
        ConnectFailed, ///< every connection attempt failed or ran into the connect timeout
        NotConnectable, ///< there is no way to connect: no URL, an unknown scheme, port 0, no such program, a device or an accepted session that has ended
        ConnectionLost, ///< the connection ended after the request had been (partly) written
        Canceled, ///< cancelled by the caller, by close(), or by deletion of session, client or context
        LimitExceeded, ///< one of Limits was reached
        ProtocolViolation, ///< the peer sent something that is no MessagePack-RPC, so its connection was closed
        InvalidArguments, ///< an argument cannot be represented on the wire, or is not what a method takes
        InvalidResult, ///< the result is not of the expected type, or a callback of a chain threw
        WrongThread, ///< the session was used from a thread that it does not live in
        RemoteError ///< the method ran (or was refused) on the other side and answered with an error
    };
    Q_ENUM(Code)

    /// No error.
    Error() noexcept;
    /// An error of kind \a code. \a data is the peer's error value as it came, \a result what came
    /// with it.
    Error(Code code, const QString &message, const QVariant &data = {},
          const QVariant &result = {});
    Error(const Error &other) noexcept;
    Error(Error &&other) noexcept;
    Error &operator=(const Error &other) noexcept;
    Error &operator=(Error &&other) noexcept;
    ~Error();

    /// The RemoteError for an error value that came over the wire (doc/protocol, "Errors"): text,
    /// `[code, text]` and maps with `message` give a readable message(); any other value is
    /// described. data() keeps the value.
    static Error fromRemote(const QVariant &data, const QVariant &result = {});

    /// The kind of failure; NoError if there is none.
    Code code() const noexcept;
    /// What went wrong, where, and what was expected: a sentence for people. Not translated.
    QString message() const;
    /// The error value exactly as the peer sent it; invalid for errors that did not come from the
    /// peer.
    QVariant data() const;
    /// The result value that came along with a remote error; usually invalid.
    QVariant result() const;
    /// True for Timeout and ConnectFailed, which the 2010 system did not tell apart.
    bool isTimeout() const noexcept;
    /// True if this is an error.
    explicit operator bool() const noexcept { return d != nullptr; }

    /// Equal code, message, data and result.
    friend MSGPACKRPC_EXPORT bool operator==(const Error &a, const Error &b);
    friend bool operator!=(const Error &a, const Error &b) { return !(a == b); }

private:
    QExplicitlySharedDataPointer<ErrorData> d;
};

/// Prints code and message.
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Error &error);

/// An Error as an exception: what co_await and QFuture throw, and what a served method may throw to
/// answer with an error. No other part of the library throws.
class MSGPACKRPC_EXPORT ErrorException : public QException
{
public:
    /// An exception for \a error.
    explicit ErrorException(const Error &error);
    /// A RemoteError with this text: `throw ErrorException("no such user")` in a served method.
    explicit ErrorException(const QString &message);
    /// \overload
    explicit ErrorException(const char *message);
    ~ErrorException() override;

    /// The error.
    Error error() const { return m_error; }
    /// The message as UTF-8; lives as long as this exception.
    const char *what() const noexcept override;
    /// Throws a copy of this (QException).
    void raise() const override;
    /// A copy of this on the heap (QException).
    ErrorException *clone() const override;

private:
    Error m_error;
    QByteArray m_what;
};

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Error)
