// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"

namespace MsgpackRpc {

/// Connects to a MemoryListener of the same thread.
class MemoryConnector final : public Connector
{
    Q_OBJECT

public:
    explicit MemoryConnector(const TransportSettings &settings);

    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void connectNow();

    QString m_name;
    bool m_done = false;
    bool m_failed = false;
};

} // namespace MsgpackRpc
