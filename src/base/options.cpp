// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/options.h>

#include <QtCore/QDebug>

namespace MsgpackRpc {

namespace {

QString nameOf(StreamOption option)
{
    const quint32 unknown = option.flags & ~quint32(StreamOption::DeflateFlag);
    QString name = option.deflate() ? QStringLiteral("Deflate") : QStringLiteral("None");
    if (unknown != 0)
        name += QStringLiteral("|0x") + QString::number(unknown, 16);
    return name;
}

} // namespace

QDebug operator<<(QDebug debug, StreamOption option)
{
    const QDebugStateSaver saver(debug);
    return debug.nospace().noquote() << "MsgpackRpc::StreamOption(" << nameOf(option) << ')';
}

QDebug operator<<(QDebug debug, ExchangeOption option)
{
    const QDebugStateSaver saver(debug);
    return debug.nospace().noquote() << "MsgpackRpc::ExchangeOption(tx " << nameOf(option.tx)
                                     << ", rx " << nameOf(option.rx) << ')';
}

QDebug operator<<(QDebug debug, TransportOption option)
{
    const QDebugStateSaver saver(debug);
    const char *name = option == TransportOption::Deflate     ? "Deflate"
                       : option == TransportOption::TxDeflate ? "TxDeflate"
                       : option == TransportOption::RxDeflate ? "RxDeflate"
                                                              : "Default";
    return debug.nospace() << "MsgpackRpc::TransportOption(" << name << ')';
}

QDebug operator<<(QDebug debug, WireFormat format)
{
    const QDebugStateSaver saver(debug);
    const char *name = format == WireFormat::Compatibility ? "Compatibility" : "Modern";
    return debug.nospace() << "MsgpackRpc::WireFormat::" << name;
}

QDebug operator<<(QDebug debug, NotifierMode mode)
{
    const QDebugStateSaver saver(debug);
    const char *name = mode == NotifierMode::PerThread ? "PerThread" : "PerConnection";
    return debug.nospace() << "MsgpackRpc::NotifierMode::" << name;
}

QDebug operator<<(QDebug debug, LocalAccess access)
{
    const QDebugStateSaver saver(debug);
    const char *name = access == LocalAccess::User    ? "User"
                       : access == LocalAccess::Group ? "Group"
                                                      : "Everyone";
    return debug.nospace() << "MsgpackRpc::LocalAccess::" << name;
}

QDebug operator<<(QDebug debug, const Reconnect &reconnect)
{
    const QDebugStateSaver saver(debug);
    return debug.nospace() << "MsgpackRpc::Reconnect("
                           << (reconnect.mode == Reconnect::Always ? "Always" : "OnDemand") << ", "
                           << reconnect.attempts << " attempts, " << reconnect.initialDelay.count()
                           << " to " << reconnect.maximumDelay.count() << " ms)";
}

} // namespace MsgpackRpc
