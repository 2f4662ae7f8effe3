// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QMetaType>

#include <chrono>

namespace MsgpackRpc {

/// Upper bounds that hold at the gates of the library, finite by default (doc/limits). A plain
/// value.
///
/// Set them on a Client or Server before connecting or listening: what a connection receives is
/// held to the limits of when it was made, what is sent and called to those of now. Negative numbers and times count as 0,
/// which is none at all, unless it says otherwise below.
struct MSGPACKRPC_EXPORT Limits
{
    /// Bytes of one received message, headers included. More closes the connection. Also the most
    /// that one sent message may have: a larger one fails with LimitExceeded before anything is
    /// sent. Default 64 MiB: far above usual calls, far below what would exhaust a desktop machine.
    qsizetype messageBytes = 64 * 1024 * 1024;
    /// Nesting of arrays and maps in a received message, the message's own array included. 1 to
    /// 1024; more closes the connection. Default 128: a decoder's recursion stays far from the end
    /// of a thread's stack.
    int depth = 128;
    /// Values in one received message, containers and map keys included. More closes the
    /// connection. Default 4 million: bounds what a small message can expand to in memory.
    qint64 items = 4'000'000;
    /// Bytes that one message may inflate to. Checked before the inflater appends; more closes the
    /// connection.
    qsizetype inflatedBytes = 64 * 1024 * 1024;
    /// Bytes that wait to be sent on one connection. A call that would pass it fails with
    /// LimitExceeded. A peer that leaves an eighth of it unread in answers is not read from until
    /// it reads. Default 128 MiB.
    qsizetype queuedBytes = 128 * 1024 * 1024;
    /// Calls of one session that wait for an answer. One more fails with LimitExceeded. Default 1
    /// million.
    int pendingCalls = 1'000'000;
    /// Requests of one session that are being worked on (asynchronous answers), and notifications that
    /// wait for another thread. When reached, the session stops reading until some are answered: the
    /// sender is held back by TCP. Default 1024. 0 counts as 1.
    int requestsInWork = 1024;
    /// Connections of one server, open or in their TLS handshake. At the limit accepting pauses. Default 512: below the usual
    /// limit of 1024 descriptors of a process.
    int connections = 512;
    /// Open connections of one server from one address; one more is closed at once. Default 512.
    int connectionsPerAddress = 512;
    /// Sessions of one server that come of UDP datagrams: one for each source and what it asks for. They do not count
    /// as connections. At the limit the one that was silent longest, with nothing in work, makes room; if there is
    /// none, the datagram is dropped. Default 1024: a source can be forged, so that their number is nobody's promise.
    int datagramSessions = 1024;
    /// After so long without a datagram such a session is closed, unless something of it is in work. Negative: never. Default
    /// 60 s.
    std::chrono::milliseconds datagramIdleTime{60'000};
    /// Bytes that a server sends for each datagram that it receives from another machine: its answers, and what it
    /// sends unasked. A larger answer is replaced by an error. Sources on the loopback interface are not held to it,
    /// and nobody is from 65 527 on. Default 1 KiB: a forged source can't make a server flood a victim.
    int datagramReplyBytes = 1024;
    /// Sessions of a Cluster that were made because a peer has said that it is the node at their
    /// address. One more takes the place of the one that has been idle for longest; if none is idle
    /// the connection is closed. Default 512, as many as there can be connections.
    int clusterSessions = 512;
    /// After so long without a connection from its node, without calls and without anything sent,
    /// such a session is removed; at the latest after twice this time. Default 60 s: longer than a
    /// node takes to start again.
    std::chrono::milliseconds clusterIdleTime{60'000};
    /// How long a message may be half received without its end or another 64 KiB of it arriving;
    /// then the connection is closed; at the latest after twice this time. Default 30 s.
    std::chrono::milliseconds halfMessageTime{30'000};
    /// How long a TLS handshake may take on the side that was connected to; then the connection is closed. Until it is
    /// done it counts as a connection. The connecting side has its connect timeout. Default 10 s.
    std::chrono::milliseconds tlsHandshakeTime{10'000};
    /// Connections of one server that wait to be let in, by a token or an authenticator. One more takes the place of the one
    /// that has waited longest. Default 64: more than come at once, and each may be a stranger's. 0 counts as 1.
    int unauthenticatedConnections = 64;
    /// How long one may wait until its token has come and it was decided; then it is closed. Default 10 s.
    std::chrono::milliseconds authenticationTime{10'000};
    /// How long a connection of a server may be without any traffic, and without a call in work in either direction; then it
    /// is closed, at the latest after twice this time. Not over standard streams. Negative: for ever. Default 24 h: it gives
    /// back the places of clients that were forgotten. Whoever only listens, and may hear nothing for so long, connects
    /// again by itself with Reconnect::Always.
    std::chrono::milliseconds idleTime{24 * 60 * 60 * 1000};
    /// How long close(), destruction and the end of the application wait for notifications and
    /// answers that are not sent yet. Default 1 s: a last notification arrives, an unreachable peer
    /// does not hold up the exit. Also how long a child process has to end (Client::startProcess()).
    std::chrono::milliseconds closeTime{1'000};

    friend bool operator==(const Limits &a, const Limits &b)
    {
        return a.messageBytes == b.messageBytes && a.depth == b.depth && a.items == b.items
               && a.inflatedBytes == b.inflatedBytes && a.queuedBytes == b.queuedBytes
               && a.pendingCalls == b.pendingCalls && a.requestsInWork == b.requestsInWork
               && a.connections == b.connections
               && a.connectionsPerAddress == b.connectionsPerAddress
               && a.datagramSessions == b.datagramSessions
               && a.datagramIdleTime == b.datagramIdleTime
               && a.datagramReplyBytes == b.datagramReplyBytes
               && a.clusterSessions == b.clusterSessions && a.clusterIdleTime == b.clusterIdleTime
               && a.halfMessageTime == b.halfMessageTime && a.idleTime == b.idleTime
               && a.tlsHandshakeTime == b.tlsHandshakeTime
               && a.unauthenticatedConnections == b.unauthenticatedConnections
               && a.authenticationTime == b.authenticationTime && a.closeTime == b.closeTime;
    }
    friend bool operator!=(const Limits &a, const Limits &b) { return !(a == b); }
};

/// Prints every limit by name.
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Limits &limits);

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Limits)
