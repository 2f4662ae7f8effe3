// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/address.h>

#include <QtCore/QDebug>
#include <QtCore/QtEndian>

namespace MsgpackRpc {

namespace {

constexpr qsizetype PortBytes = 2;
constexpr qsizetype IPv4Bytes = 4;
constexpr qsizetype IPv6Bytes = 16;

} // namespace

Address::Address(const QHostAddress &host, quint16 port)
{
    if (host.isNull())
        return;
    bool isIPv4 = false;
    const quint32 ipv4 = host.toIPv4Address(&isIPv4); // IPv4 mapped into IPv6 is IPv4 here
    m_bytes.resize(PortBytes + (isIPv4 ? IPv4Bytes : IPv6Bytes));
    char *data = m_bytes.data();
    qToBigEndian(port, data);
    if (isIPv4) {
        qToBigEndian(ipv4, data + PortBytes);
    } else {
        const Q_IPV6ADDR ipv6 = host.toIPv6Address();
        std::memcpy(data + PortBytes, ipv6.c, size_t(IPv6Bytes));
    }
}

std::optional<Address> Address::fromBytes(QByteArrayView bytes)
{
    if (bytes.size() != PortBytes + IPv4Bytes && bytes.size() != PortBytes + IPv6Bytes)
        return std::nullopt;
    Address address;
    address.m_bytes = bytes.toByteArray();
    return address;
}

std::optional<Address> Address::fromUrl(const QUrl &url)
{
    QHostAddress host;
    if (url.port() < 0 || !host.setAddress(url.host()))
        return std::nullopt;
    return Address(host, quint16(url.port()));
}

QUrl Address::toUrl(const QString &scheme) const
{
    QUrl url;
    url.setScheme(scheme);
    url.setHost(host().toString());
    url.setPort(port());
    return url;
}

QString Address::toString() const
{
    const bool isIPv6 = m_bytes.size() == PortBytes + IPv6Bytes;
    const QString form = isIPv6 ? QStringLiteral("[%1]:%2") : QStringLiteral("%1:%2");
    return form.arg(host().toString()).arg(port());
}

QHostAddress Address::host() const
{
    const char *data = m_bytes.constData() + PortBytes;
    if (m_bytes.size() == PortBytes + IPv4Bytes)
        return QHostAddress(qFromBigEndian<quint32>(data));
    return QHostAddress(reinterpret_cast<const quint8 *>(data));
}

quint16 Address::port() const noexcept
{
    return qFromBigEndian<quint16>(m_bytes.constData());
}

QDebug operator<<(QDebug debug, const Address &address)
{
    const QDebugStateSaver saver(debug);
    return debug.nospace().noquote() << "MsgpackRpc::Address(" << address.toString() << ')';
}

} // namespace MsgpackRpc
