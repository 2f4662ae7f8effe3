// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"

#include <QtNetwork/QTcpServer>

namespace MsgpackRpc {

/// What listens on a descriptor and makes our own devices of those that it accepts.
class DescriptorListener : public Listener
{
    Q_OBJECT

public:
    QUrl url() const override { return m_url; }
    void setPaused(bool paused) override;

protected:
    enum Kind { Tcp, Local };
    explicit DescriptorListener(Kind kind);

    /// A QTcpServer whose sockets are ours.
    QTcpServer &server() noexcept { return m_server; }
    /// Where it listens; empty if it does not.
    void setUrl(const QUrl &url) { m_url = url; }

private:
    class Server final : public QTcpServer
    {
    public:
        explicit Server(DescriptorListener *listener) : m_listener(listener) {}

    protected:
        void incomingConnection(qintptr descriptor) override { m_listener->accept(descriptor); }

    private:
        DescriptorListener *m_listener;
    };

    void accept(qintptr descriptor);

    Server m_server;
    QUrl m_url;
    Kind m_kind;
};

} // namespace MsgpackRpc
