// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "transport/connector_p.h"
#include "transport/localsocket_p.h"

#include <MsgpackRpc/options.h>

#ifdef Q_OS_UNIX

namespace MsgpackRpc {

/// Connects to a local socket.
class LocalConnector final : public Connector
{
    Q_OBJECT

public:
    explicit LocalConnector(const TransportSettings &settings);

    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void attempt();
    bool open(qintptr descriptor);
    void fail(const QString &reason);

    LocalSocket m_socket;
    Timer m_retry;
    QString m_path;
    NotifierMode m_notifierMode;
    bool m_isDone = false;
    bool m_isConnected = false;
};

} // namespace MsgpackRpc

#endif
