// SPDX-License-Identifier: Apache-2.0
#include "transport/tlsconnector_p.h"

#include "base/clock_p.h"
#include "transport/tls_p.h"
#include "transport/tlsdevice_p.h"
#include "transport/transport_p.h"

namespace MsgpackRpc {

TlsConnector::TlsConnector(const TransportSettings &settings)
    : m_socket(std::make_unique<QSslSocket>()),
      m_url(settings.url),
      m_keepAlive(settings.keepAlive),
      m_isUsable(Tls::problem().isEmpty())
{
    if (settings.tls)
        m_socket->setSslConfiguration(*settings.tls);
    // Queued: who hears of it may delete the socket, and an error that is found at once is told after start() has
    // returned.
    connect(m_socket.get(), &QSslSocket::encrypted, this, &TlsConnector::onEncrypted,
            Qt::QueuedConnection);
    connect(m_socket.get(), &QAbstractSocket::errorOccurred, this, &TlsConnector::onError,
            Qt::QueuedConnection);
    connect(m_socket.get(), &QSslSocket::sslErrors, this, &TlsConnector::onSslErrors);
}

void TlsConnector::start()
{
    if (m_isUsable)
        m_socket->connectToHostEncrypted(m_url.host(), quint16(m_url.port()));
    else
        QMetaObject::invokeMethod(this, &TlsConnector::onError, Qt::QueuedConnection);
}

bool TlsConnector::waitForConnected(std::chrono::milliseconds time)
{
    // As for TCP: a name is looked up without blocking, or not at all.
    if (!m_isUsable || !m_socket
        || (m_socket->state() == QAbstractSocket::HostLookupState
            && m_url.host() != QLatin1String("localhost"))
        || !m_socket->waitForEncrypted(waitingTime(time)))
        return false;
    onEncrypted();
    return true;
}

void TlsConnector::onEncrypted()
{
    if (!m_socket || !m_socket->isEncrypted())
        return;
    m_socket->disconnect(this);
    const Address peer(m_socket->peerAddress(), m_socket->peerPort());
    auto device = std::make_unique<TlsDevice>(std::move(m_socket), peer);
    device->tune(m_keepAlive);
    m_device = std::move(device);
    Q_EMIT connected();
}

// Nobody says that they are to be ignored, so the handshake ends with an error.
void TlsConnector::onSslErrors(const QList<QSslError> &errors)
{
    m_problems = Tls::texts(errors);
    m_isUsable = false;
}

void TlsConnector::onError()
{
    if (m_socket)
        Q_EMIT failed(failure());
}

QString TlsConnector::failure() const
{
    const QString problem = Tls::problem();
    if (!problem.isEmpty())
        return problem;
    if (!m_problems.isEmpty())
        return QStringLiteral("the certificate of %1 is not accepted: %2")
                .arg(m_url.authority(), m_problems.join(QStringLiteral("; ")));
    const QAbstractSocket::SocketError error = m_socket->error();
    if (error == QAbstractSocket::RemoteHostClosedError
        || error == QAbstractSocket::SslHandshakeFailedError
        || error == QAbstractSocket::SslInvalidUserDataError
        || error == QAbstractSocket::SslInternalError)
        return QStringLiteral("the TLS handshake has failed: %1; does %2 speak TLS?")
                .arg(m_socket->errorString(), m_url.authority());
    return m_socket->errorString();
}

} // namespace MsgpackRpc
