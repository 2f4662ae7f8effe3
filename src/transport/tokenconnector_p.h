// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"
#include "wire/scanner_p.h"

#include <MsgpackRpc/options.h>

#include <memory>

namespace MsgpackRpc {

struct Message;

/// Connects as another connector does, and is connected when the peer has accepted a token: nothing else is sent to one
/// that has not (doc/protocol, "Authentication").
class TokenConnector final : public Connector
{
    Q_OBJECT

public:
    TokenConnector(std::unique_ptr<Connector> connector, const TransportSettings &settings);
    ~TokenConnector() override;

    bool isUsable() const override { return m_isUsable && m_connector->isUsable(); }
    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void onConnected();
    void sendToken();
    void readAnswer();
    void onClosed();
    void failClosed();
    bool takeByte(char byte);
    void answered(const Message &message);
    void fail(const QString &reason);

    std::unique_ptr<Connector> m_connector;
    QString m_peerName;
    QByteArray m_request; // what is left of it
    QByteArray m_answer; // as much as has come
    qsizetype m_received = 0; // bytes
    Scanner m_scanner;
    bool m_isUsable = true;
    bool m_hasEnded = false;
    bool m_isAccepted = false;
};

} // namespace MsgpackRpc
