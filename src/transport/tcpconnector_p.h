// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/peerlog_p.h"
#include "transport/connector_p.h"

#include <MsgpackRpc/options.h>

namespace MsgpackRpc {

class TcpSocket;

/// Connects over TCP.
class TcpConnector final : public Connector
{
    Q_OBJECT

public:
    explicit TcpConnector(const TransportSettings &settings);

    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void onConnected();
    void onError();

    TcpSocket *m_socket;
    QString m_host;
    quint16 m_port;
    int m_keepAlive;
    NotifierMode m_notifierMode;
    std::shared_ptr<PeerLog> m_log;
};

} // namespace MsgpackRpc
