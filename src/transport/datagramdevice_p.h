// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/datagram_p.h"

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/options.h>

#include <QtCore/QIODevice>

#include <optional>

namespace MsgpackRpc {

/// Counts the datagrams that were dropped, and logs the first of each kind as a warning, others at debug level: who
/// sends them could fill a log.
class DatagramDrops
{
public:
    enum Reason : quint8 { Malformed, OverLimit, NotAccepted, NoRoom, NotSent };
    /// Why a datagram that was read with \a result is dropped.
    static Reason reasonFor(DatagramReader::Result result)
    {
        return result == DatagramReader::OverLimit     ? OverLimit
               : result == DatagramReader::NotAccepted ? NotAccepted
                                                       : Malformed;
    }

    /// One more, from or for \a peer.
    void add(Reason reason, const QString &peer, const QString &what);
    /// One more, which somebody else logs.
    void addSilently() noexcept { ++m_count; }
    quint64 count() const noexcept { return m_count; }

private:
    quint64 m_count = 0;
    quint8 m_told = 0; // bits
};

/// Who gets what arrives at a DatagramDevice; may close it meanwhile.
class DatagramReceiver
{
public:
    /// A datagram that is still to be read. Returns how many bytes were inflated for that.
    virtual qsizetype datagramReceived(QByteArrayView datagram) = 0;
    /// The message of a datagram that somebody had to read to know whose it is.
    virtual void datagramRead(Message &message) = 0;

protected:
    DatagramReceiver() = default;
    ~DatagramReceiver() = default;
    Q_DISABLE_COPY_MOVE(DatagramReceiver)
};

/// Datagrams to and from one peer. A QIODevice, so that connectors and listeners hand it over like any other, but one
/// that is used by send() and the receiver alone.
class DatagramDevice : public QIODevice
{
    Q_OBJECT

public:
    /// Bytes that one datagram can have over IPv4 and over IPv6: 65 535 without the headers.
    static constexpr qsizetype MostIPv4 = 65'507;
    static constexpr qsizetype MostIPv6 = 65'527;
    /// The one for \a peer.
    static qsizetype mostTo(const Address &peer);

    /// The other side.
    virtual Address peer() const = 0;
    /// What the peer has asked for, where it has been accepted.
    virtual ExchangeOption option() const { return {}; }
    /// Sends one datagram, now; false if the system does not take it.
    virtual bool send(const QByteArray &datagram) = 0;
    /// Bytes that a datagram may have.
    virtual qsizetype maximum() const { return mostTo(peer()); }
    /// True if the peer is on this machine.
    virtual bool isLocal() const { return peer().host().isLoopback(); }
    /// Counts a datagram that was dropped.
    virtual void drop(DatagramDrops::Reason reason, const QString &what);
    /// Datagrams that were dropped.
    quint64 datagramsDropped() const noexcept { return m_drops.count(); }
    /// Bytes of those that came.
    quint64 bytesReceived() const noexcept { return m_bytesReceived; }
    /// Who gets what arrives: \a receiver must live while it is told. Null for nobody.
    void setReceiver(DatagramReceiver *receiver) { m_receiver = receiver; }

    bool isSequential() const override { return true; }

protected:
    DatagramDevice();
    /// Hands \a datagram to the receiver. Returns how many bytes were inflated for it.
    qsizetype receive(QByteArrayView datagram)
    {
        m_bytesReceived += quint64(datagram.size());
        return m_receiver != nullptr ? m_receiver->datagramReceived(datagram) : 0;
    }
    /// The same with one of \a bytes that was read.
    void receive(Message &message, qsizetype bytes = 0)
    {
        m_bytesReceived += quint64(bytes);
        if (m_receiver != nullptr)
            m_receiver->datagramRead(message);
    }
    qint64 readData(char *, qint64) override { return -1; }
    qint64 writeData(const char *data, qint64 size) override
    {
        return send(QByteArray(data, qsizetype(size))) ? size : -1;
    }

    DatagramDrops m_drops;

private:
    DatagramReceiver *m_receiver = nullptr;
    quint64 m_bytesReceived = 0;
};

} // namespace MsgpackRpc
