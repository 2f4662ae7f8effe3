// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/descriptorlistener_p.h"
#include "transport/localsocket_p.h"

#ifdef Q_OS_UNIX

namespace MsgpackRpc {

/// Listens at a local socket.
class LocalListener final : public DescriptorListener
{
    Q_OBJECT

public:
    LocalListener() : DescriptorListener(Local) {}
    ~LocalListener() override;

    bool listen(const QUrl &url) override;
    void close() override;

private:
    LocalListeningSocket m_socket;
};

} // namespace MsgpackRpc

#endif
