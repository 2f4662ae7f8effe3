// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"

#include <QtNetwork/QTcpServer>

namespace MsgpackRpc {

/// Listens over TCP.
class TcpListener final : public Listener
{
    Q_OBJECT

public:
    TcpListener();

    bool listen(const QUrl &url) override;
    QUrl url() const override { return m_url; }
    void close() override;
    void setPaused(bool paused) override;

private:
    // A QTcpServer whose sockets are ours.
    class Acceptor final : public QTcpServer
    {
    public:
        explicit Acceptor(TcpListener *listener) : m_listener(listener) {}

    protected:
        void incomingConnection(qintptr descriptor) override { m_listener->accept(descriptor); }

    private:
        TcpListener *m_listener;
    };

    void accept(qintptr descriptor);

    Acceptor m_server;
    QUrl m_url;
};

} // namespace MsgpackRpc
