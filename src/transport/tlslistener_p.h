// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "transport/listener_p.h"
#include "transport/tcpserver_p.h"

#include <MsgpackRpc/address.h>

#include <QtNetwork/QSslSocket>

#include <memory>
#include <vector>

namespace MsgpackRpc {

/// The handshake of one connection that was accepted. Ends by one of its signals, from the event loop.
class TlsHandshake final : public QObject
{
    Q_OBJECT

public:
    /// Takes over \a socket, which is connected, and its encryption as \a configuration says.
    TlsHandshake(std::unique_ptr<QSslSocket> socket, const QSslConfiguration &configuration);
    ~TlsHandshake() override;

    /// It may take so long.
    void start(std::chrono::milliseconds time);
    /// The socket, once it has succeeded.
    std::unique_ptr<QSslSocket> takeSocket();
    /// Where the connection comes from.
    Address peer() const { return m_peer; }

Q_SIGNALS:
    /// takeSocket() has it.
    void succeeded();
    /// It has not, because of \a reason.
    void failed(const QString &reason);

private:
    void onReadyRead();
    void onError();
    void end(const QString &failure);

    std::unique_ptr<QSslSocket> m_socket;
    Address m_peer;
    QStringList m_problems; // of the peer's certificate
    Timer m_timer;
    bool m_hasEnded = false;
};

/// Listens over TLS. A connection is offered when its handshake is done; until then it takes one of the places.
class TlsListener final : public Listener
{
    Q_OBJECT

public:
    TlsListener();
    ~TlsListener() override;

    bool listen(const QUrl &url) override;
    QUrl url() const override { return m_url; }
    void close() override;
    void setPaused(bool paused) override { m_server.setPaused(paused); }

private:
    void accept(qintptr descriptor);
    void onSucceeded(TlsHandshake *handshake);
    void onFailed(TlsHandshake *handshake, const QString &reason);
    void remove(TlsHandshake *handshake);

    TcpServer m_server;
    QUrl m_url;
    std::vector<TlsHandshake *> m_handshakes;
};

} // namespace MsgpackRpc
