// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"
#include "transport/datagramdevice_p.h"

#include <QtNetwork/QUdpSocket>

namespace MsgpackRpc {

/// A UDP socket that is connected to its one peer: the system drops what others send.
class UdpDevice final : public DatagramDevice
{
    Q_OBJECT

public:
    UdpDevice();

    QUdpSocket &socket() noexcept { return m_socket; }
    Address peer() const override;
    bool send(const QByteArray &datagram) override;
    void close() override;

private:
    void onReadyRead();

    QUdpSocket m_socket;
};

/// Looks a host up and makes a socket that is connected to it. That somebody listens there is not known by that.
class UdpConnector final : public Connector
{
    Q_OBJECT

public:
    explicit UdpConnector(const TransportSettings &settings);

    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void onConnected();
    void onError();

    QUdpSocket *m_socket;
    QString m_host;
    quint16 m_port;
};

} // namespace MsgpackRpc
