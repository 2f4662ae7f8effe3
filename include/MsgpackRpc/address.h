// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QByteArray>
#include <QtCore/QMetaType>
#include <QtCore/QUrl>
#include <QtNetwork/QHostAddress>

#include <optional>

namespace MsgpackRpc {

/// A literal IPv4 or IPv6 address with a port: what a SESSION message carries (doc/protocol,
/// "Addresses"). A value.
///
/// On the wire it is a big-endian 2-byte port and then 4 or 16 bytes of address. Equal bytes are
/// equal addresses.
class MSGPACKRPC_EXPORT Address
{
public:
    /// 0.0.0.0 with port 0: not connectable.
    Address() = default;
    /// \a host with \a port. A scope id of \a host is dropped: the wire has no room for it. A null
    /// \a host gives the default-constructed Address.
    Address(const QHostAddress &host, quint16 port);

    /// The address in a 6- or 18-byte form; nullopt for any other length.
    static std::optional<Address> fromBytes(QByteArrayView bytes);
    /// The address of a URL with a literal host and a port (`tcp://127.0.0.1:18800`,
    /// `udp://[::1]:1`); nullopt if the host is a name, or if there is no port.
    static std::optional<Address> fromUrl(const QUrl &url);

    /// The 6- or 18-byte form.
    QByteArray toBytes() const { return m_bytes; }
    /// `scheme://host:port`.
    QUrl toUrl(const QString &scheme = QStringLiteral("tcp")) const;
    /// `127.0.0.1:18800` or `[::1]:18800`.
    QString toString() const;

    /// The host.
    QHostAddress host() const;
    /// The port; 0 means that nobody listens there.
    quint16 port() const noexcept;
    /// True if the port is not 0.
    bool isConnectable() const noexcept { return port() != 0; }

    friend bool operator==(const Address &a, const Address &b) noexcept
    {
        return a.m_bytes == b.m_bytes;
    }
    friend bool operator!=(const Address &a, const Address &b) noexcept { return !(a == b); }
    friend size_t qHash(const Address &address, size_t seed = 0) noexcept
    {
        return qHash(address.m_bytes, seed);
    }

private:
    QByteArray m_bytes = QByteArray(6, '\0');
};

/// Prints toString().
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Address &address);

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Address)
