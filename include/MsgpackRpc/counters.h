// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/error.h>
#include <MsgpackRpc/global.h>

#include <QtCore/QMetaType>

#include <array>
#include <numeric>

namespace MsgpackRpc {

/// What a session, or a server with all of its sessions, has done so far. A plain value: subtract two to see what happened
/// in between. Nothing is ever set back.
struct MSGPACKRPC_EXPORT Counters
{
    /// Why a connection to a server came to nothing.
    enum Rejection {
        TooManyFromAddress, ///< Limits::connectionsPerAddress
        HandshakeFailed, ///< its TLS handshake did not succeed, or not in time
        NotAuthenticated, ///< it had no token or a wrong one, or the authenticator has refused it, or it took too long
        SystemRefused ///< how often accepting failed: the process had no descriptors left
    };
    /// How many of them there are.
    static constexpr int Rejections = SystemRefused + 1;

    /// Bytes that came from the connections, as they came: compressed where they are, without what TLS adds.
    quint64 bytesReceived = 0;
    /// Bytes that the connections have taken.
    quint64 bytesSent = 0;
    /// Messages that were received whole, of every kind.
    quint64 messagesReceived = 0;
    /// Messages that were sent, at least in part; SESSION, OPTION and requests with a token are not counted.
    quint64 messagesSent = 0;

    /// Calls that were made of the peer.
    quint64 callsMade = 0;
    /// Those of them that it has answered with a result, be that of the wanted type or not.
    quint64 callsAnswered = 0;
    /// Those that have ended with an error, by Error::Code; RemoteError is an error that the peer has answered. Calls that
    /// were refused at once are counted here, too, and not as made: LimitExceeded, InvalidArguments.
    std::array<quint64, Error::RemoteError + 1> callsFailedBy{};
    /// Notifications that were queued for the peer.
    quint64 notificationsMade = 0;

    /// Requests of the peer.
    quint64 requestsReceived = 0;
    /// Notifications of the peer.
    quint64 notificationsReceived = 0;
    /// Requests of the peer that were answered with an error.
    quint64 errorsAnswered = 0;

    /// Requests and notifications of the peer that were malformed and not dispatched.
    quint64 badCalls = 0;
    /// Connections that were closed because the peer has sent something that is no message.
    quint64 violations = 0;
    /// Connections that were closed because the peer has passed one of Limits.
    quint64 limitsPassed = 0;
    /// Datagrams that were dropped; see Session::datagramsDropped().
    quint64 datagramsDropped = 0;

    /// Connections that were made, or accepted and let in.
    quint64 connectionsOpened = 0;
    /// Connections to a server that came to nothing, by Rejection.
    std::array<quint64, Rejections> connectionsRejectedBy{};

    /// Calls that have ended with an error.
    quint64 callsFailed() const noexcept
    {
        return std::accumulate(callsFailedBy.begin(), callsFailedBy.end(), quint64(0));
    }
    /// Connections that came to nothing.
    quint64 connectionsRejected() const noexcept
    {
        return std::accumulate(connectionsRejectedBy.begin(), connectionsRejectedBy.end(),
                               quint64(0));
    }

    /// Adds each counter of \a other.
    Counters &operator+=(const Counters &other) noexcept;
    /// Subtracts each counter of \a other, an earlier value.
    Counters &operator-=(const Counters &other) noexcept;
    /// What happened from \a earlier to \a later.
    friend Counters operator-(Counters later, const Counters &earlier) noexcept
    {
        return later -= earlier;
    }
    friend MSGPACKRPC_EXPORT bool operator==(const Counters &a, const Counters &b) noexcept;
    friend bool operator!=(const Counters &a, const Counters &b) noexcept { return !(a == b); }
};

/// Prints those that are not 0 by name.
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Counters &counters);

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Counters)
