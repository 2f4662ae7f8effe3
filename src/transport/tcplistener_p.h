// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/descriptorlistener_p.h"

namespace MsgpackRpc {

/// Listens over TCP.
class TcpListener final : public DescriptorListener
{
    Q_OBJECT

public:
    TcpListener() : DescriptorListener(Tcp) {}

    bool listen(const QUrl &url) override;
    void close() override;
};

} // namespace MsgpackRpc
