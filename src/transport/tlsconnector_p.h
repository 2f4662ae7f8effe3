// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"

#include <QtCore/QStringList>
#include <QtNetwork/QSslSocket>

namespace MsgpackRpc {

/// Connects over TLS, to a peer whose certificate is for the URL's host.
class TlsConnector final : public Connector
{
    Q_OBJECT

public:
    explicit TlsConnector(const TransportSettings &settings);

    /// False once the peer's certificate was refused: it would be the next time.
    bool isUsable() const override { return m_isUsable; }
    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void onEncrypted();
    void onSslErrors(const QList<QSslError> &errors);
    void onError();
    QString failure() const;

    std::unique_ptr<QSslSocket> m_socket; // null once connected
    QUrl m_url;
    int m_keepAlive;
    QStringList m_problems; // of the peer's certificate
    bool m_isUsable;
};

} // namespace MsgpackRpc
