// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/datagramdevice_p.h"
#include "transport/listener_p.h"
#include "wire/datagram_p.h"

#include <QtCore/QHash>
#include <QtCore/QPointer>
#include <QtNetwork/QUdpSocket>

#include <memory>

namespace MsgpackRpc {

class UdpListener;

/// Who sends, and what it asks for: a session each, so that each answer is compressed as its request wanted.
struct UdpSource
{
    QHostAddress host;
    quint16 port = 0;
    ExchangeOption option;

    friend bool operator==(const UdpSource &a, const UdpSource &b)
    {
        return a.port == b.port && a.option == b.option && a.host == b.host;
    }
    friend size_t qHash(const UdpSource &source, size_t seed = 0)
    {
        return qHashMulti(seed, source.host, source.port, source.option.tx.flags,
                          source.option.rx.flags);
    }
};

/// What one source sends to a listener's socket, and the way back.
class UdpPeer final : public DatagramDevice
{
    Q_OBJECT

public:
    UdpPeer(UdpListener *listener, std::shared_ptr<QUdpSocket> socket, const UdpSource &source);
    ~UdpPeer() override;

    Address peer() const override { return Address(m_source.host, m_source.port); }
    ExchangeOption option() const override { return m_source.option; }
    bool send(const QByteArray &datagram) override;
    void close() override;
    void drop(DatagramDrops::Reason reason, const QString &what) override;
    /// Something has come from the source.
    void take(Message &message, qsizetype bytes) { receive(message, bytes); }

private:
    QPointer<UdpListener> m_listener;
    std::shared_ptr<QUdpSocket> m_socket; // outlives the listener, to send what waits
    UdpSource m_source;
};

/// One UDP socket, and a device for each source that sends something sensible to it.
class UdpListener final : public Listener
{
    Q_OBJECT

public:
    UdpListener();
    ~UdpListener() override;

    bool listen(const QUrl &url) override;
    QUrl url() const override { return m_url; }
    void close() override;
    /// Does nothing: sources are not connections, and their number is bounded by who accepts them.
    void setPaused(bool) override {}
    quint64 datagramsDropped() const override { return m_drops.count(); }

    /// Counts a datagram from \a source, or for it.
    void drop(DatagramDrops::Reason reason, const UdpSource &source, const QString &what);
    /// The device of \a source is gone.
    void forget(const UdpSource &source) { m_peers.remove(source); }

private:
    void onReadyRead();
    qsizetype read(QByteArrayView datagram, UdpSource source);
    void route(Message &message, qsizetype bytes, const UdpSource &source);

    std::shared_ptr<QUdpSocket> m_socket;
    std::unique_ptr<DatagramReader> m_reader;
    QHash<UdpSource, UdpPeer *> m_peers;
    DatagramDrops m_drops;
    QUrl m_url;
};

} // namespace MsgpackRpc
