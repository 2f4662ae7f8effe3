// SPDX-License-Identifier: Apache-2.0
#include "transport/datagramdevice_p.h"

#include "base/logging_p.h"

namespace MsgpackRpc {

void DatagramDrops::add(Reason reason, const QString &peer, const QString &what)
{
    ++m_count;
    const auto bit = quint8(1 << reason);
    if ((m_told & bit) == 0)
        qCWarning(lcTransport).noquote()
                << "dropped a datagram," << peer + QLatin1String(": ") << loggable(what)
                << "(others like it are logged at debug level)";
    else
        qCDebug(lcTransport).noquote()
                << "dropped a datagram," << peer + QLatin1String(": ") << loggable(what);
    m_told |= bit;
}

DatagramDevice::DatagramDevice()
{
    QIODevice::open(ReadWrite | Unbuffered);
}

qsizetype DatagramDevice::mostTo(const Address &peer)
{
    return peer.host().protocol() == QAbstractSocket::IPv6Protocol ? MostIPv6 : MostIPv4;
}

void DatagramDevice::drop(DatagramDrops::Reason reason, const QString &what)
{
    m_drops.add(reason, peer().toString(), what);
}

} // namespace MsgpackRpc
