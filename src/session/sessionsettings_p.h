// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/transport_p.h"

#include <chrono>

namespace MsgpackRpc {

/// What the sessions of a server, a pool or a cluster are made with. Read for each of them.
struct SessionSettings
{
    TransportSettings transport;
    std::chrono::milliseconds timeout{10'000};
    TransportOption option; // of sessions that connect

    SessionSettings()
    {
        transport.keepAlive = 60;
        transport.log = std::make_shared<PeerLog>();
    }
};

} // namespace MsgpackRpc
