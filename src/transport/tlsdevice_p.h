// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/socketdevice_p.h"

#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslSocket>

#include <memory>

namespace MsgpackRpc {

/// A stream over TLS, once its handshake is done. Takes what the system takes, encrypted, and no more, so that what a peer
/// does not read stays where it is counted (doc/decisions/tls).
class TlsDevice final : public SocketDevice
{
    Q_OBJECT

public:
    /// Who has made a socket, and so may have connected slots to it.
    enum Maker : bool { Here, User };

    /// Owns \a socket, which is encrypted and comes from \a peer.
    TlsDevice(std::unique_ptr<QSslSocket> socket, const Address &peer, Maker maker = Here);
    ~TlsDevice() override;

    std::optional<Address> peerAddress() const override { return m_peer; }
    qintptr socketDescriptor() const override { return m_socket->socketDescriptor(); }
    bool isUsers() const override { return m_maker == User; }
    void push() override;
    void tune(int keepAliveSeconds) override;
    QSslCertificate peerCertificate() const override;

    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override;
    /// Encrypted or not.
    qint64 bytesToWrite() const override;
    bool waitForReadyRead(int milliseconds) override;
    bool waitForBytesWritten(int milliseconds) override;
    void close() override;

protected:
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

private:
    void onEncryptedData();
    void onWritten();
    void onError(QAbstractSocket::SocketError error);
    void onFailed();
    void onDisconnected();

    std::unique_ptr<QSslSocket> m_socket;
    Address m_peer;
    Maker m_maker;
    QAbstractSocket *m_plain; // of m_socket: what brings its encrypted bytes
    qint64 m_untold = 0; // bytes written that bytesWritten() has not told of
    bool m_isAwaited = false; // somebody may wait for what was there before, as of the handshake
    bool m_hasEnded = false; // which has been told
    QString m_reason; // of the end
};

} // namespace MsgpackRpc
