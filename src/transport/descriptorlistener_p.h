// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"
#include "transport/tcpserver_p.h"

namespace MsgpackRpc {

/// What listens on a descriptor and makes our own devices of those that it accepts.
class DescriptorListener : public Listener
{
    Q_OBJECT

public:
    QUrl url() const override { return m_url; }
    void setPaused(bool paused) override { m_server.setPaused(paused); }

protected:
    enum Kind { Tcp, Local };
    explicit DescriptorListener(Kind kind);

    /// What accepts.
    TcpServer &server() noexcept { return m_server; }
    /// Where it listens; empty if it does not.
    void setUrl(const QUrl &url) { m_url = url; }

private:
    void accept(qintptr descriptor);

    TcpServer m_server;
    QUrl m_url;
    Kind m_kind;
};

} // namespace MsgpackRpc
