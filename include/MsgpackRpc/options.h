// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QMetaType>

#include <chrono>

namespace MsgpackRpc {

/// What one direction of a connection does to the bytes (doc/protocol, "Stream options"). A value;
/// bit flags.
struct StreamOption
{
    /// The bits of a stream option as they stand in an OPTION message.
    enum Flag : quint32 {
        None = 0, ///< plain
        DeflateFlag = 1 ///< one zlib stream per direction
    };
    /// The bits.
    quint32 flags = None;

    /// True if this direction is compressed.
    constexpr bool deflate() const noexcept { return (flags & DeflateFlag) != 0; }
    friend constexpr bool operator==(StreamOption a, StreamOption b) noexcept
    {
        return a.flags == b.flags;
    }
    friend constexpr bool operator!=(StreamOption a, StreamOption b) noexcept { return !(a == b); }
};

/// The options of both directions, from the point of view of the one who sends the OPTION message.
/// A value.
struct ExchangeOption
{
    /// What the sender sends.
    StreamOption tx;
    /// What the sender asks the other side to send.
    StreamOption rx;

    /// True if nothing is asked for: then no OPTION message is sent.
    constexpr bool isDefault() const noexcept { return tx.flags == 0 && rx.flags == 0; }
    /// The same as the other side sees it.
    constexpr ExchangeOption reversed() const noexcept { return {rx, tx}; }
    friend constexpr bool operator==(ExchangeOption a, ExchangeOption b) noexcept
    {
        return a.tx == b.tx && a.rx == b.rx;
    }
    friend constexpr bool operator!=(ExchangeOption a, ExchangeOption b) noexcept
    {
        return !(a == b);
    }
};

/// How a session talks over a connection. Connections with different options are different
/// connections (Session::over()). A value; bit flags combine with `|`.
class TransportOption
{
public:
    /// The bits.
    enum Flag : quint8 {
        Default = 0, ///< plain in both directions
        TxDeflate = 1, ///< compress what we send
        RxDeflate = 2, ///< ask the peer to compress what it sends
        Deflate = TxDeflate | RxDeflate ///< compress both directions
    };
    /// The default: plain.
    constexpr TransportOption() noexcept = default;
    /// From flags.
    constexpr TransportOption(Flag flag) noexcept : m_flags(flag) {}

    /// The stream options of both directions.
    constexpr ExchangeOption exchange() const noexcept
    {
        return {{quint32((m_flags & TxDeflate) ? 1 : 0)}, {quint32((m_flags & RxDeflate) ? 1 : 0)}};
    }
    /// The bits.
    constexpr quint8 flags() const noexcept { return m_flags; }
    /// True if all of \a flag is set.
    constexpr bool testFlag(Flag flag) const noexcept { return (m_flags & flag) == flag; }

    friend constexpr TransportOption operator|(TransportOption a, TransportOption b) noexcept
    {
        return TransportOption(Flag(a.m_flags | b.m_flags));
    }
    friend constexpr bool operator==(TransportOption a, TransportOption b) noexcept
    {
        return a.m_flags == b.m_flags;
    }
    friend constexpr bool operator!=(TransportOption a, TransportOption b) noexcept
    {
        return !(a == b);
    }

private:
    quint8 m_flags = Default;
};

/// `TransportOption::TxDeflate | TransportOption::RxDeflate`.
constexpr TransportOption operator|(TransportOption::Flag a, TransportOption::Flag b) noexcept
{
    return TransportOption(a) | TransportOption(b);
}

/// Which MessagePack the library writes; it always reads both (doc/protocol, "Old and new
/// MessagePack").
enum class WireFormat : quint8 {
    Modern, ///< str8, bin and ext are used
    Compatibility ///< raw only, for peers of 2010: no str8, no bin, no ext
};

/// How the event loop watches TCP connections for what arrives.
///
/// With one notifier for each connection, every turn of the event loop asks the system about all of them, busy or idle. A
/// thread with many hundred connections that are mostly idle spends most of its time on that; there, one notifier for
/// all is better. It has an effect on Linux only (it is epoll); elsewhere it is accepted, and a debug message says so.
enum class NotifierMode : quint8 {
    PerConnection, ///< a QSocketNotifier for each, as QTcpSocket has
    PerThread ///< one for all connections of a thread that ask for it
};

/// Who may connect to a server's local socket. It decides on the mode of the socket's file; the folders above it decide
/// too: nobody else can reach what lies in the user's runtime folder.
enum class LocalAccess : quint8 {
    User, ///< the user of the server, and root: mode 0600
    Group, ///< the members of the file's group as well: mode 0660
    Everyone ///< every user of the machine: mode 0666
};

/// When and how often a session connects again. A value.
struct Reconnect
{
    /// When to connect after a connection was lost.
    enum Mode : quint8 {
        OnDemand, ///< when something is to be sent
        Always ///< after initialDelay, and for ever: when a round of attempts has failed, the next starts after maximumDelay
    };
    /// When to connect again.
    Mode mode = OnDemand;
    /// Attempts before everything that waits for the connection fails with ConnectFailed. At least
    /// 1: less counts as 1. A connection that ends before a message went either way counts as one that has failed, but
    /// for the first of several in a row: that one may have been idle.
    int attempts = 5;
    /// The delay after the first failed attempt; it doubles with each further one. Each delay is
    /// varied by up to a quarter either way, so that many clients of a restarted server do not all
    /// come at once. Negative: none, as 0.
    std::chrono::milliseconds initialDelay{50};
    /// The longest delay; less than initialDelay: that is cut to it. Negative: none, as 0.
    std::chrono::milliseconds maximumDelay{5'000};

    friend bool operator==(const Reconnect &a, const Reconnect &b)
    {
        return a.mode == b.mode && a.attempts == b.attempts && a.initialDelay == b.initialDelay
               && a.maximumDelay == b.maximumDelay;
    }
    friend bool operator!=(const Reconnect &a, const Reconnect &b) { return !(a == b); }
};

/// Prints the flags by name.
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, StreamOption option);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, ExchangeOption option);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, TransportOption option);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, WireFormat format);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, NotifierMode mode);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, LocalAccess access);
/// \overload
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Reconnect &reconnect);

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::TransportOption)
Q_DECLARE_METATYPE(MsgpackRpc::WireFormat)
Q_DECLARE_METATYPE(MsgpackRpc::NotifierMode)
Q_DECLARE_METATYPE(MsgpackRpc::LocalAccess)
Q_DECLARE_METATYPE(MsgpackRpc::Reconnect)
