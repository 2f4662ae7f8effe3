// SPDX-License-Identifier: Apache-2.0
#include "transport/tlslistener_p.h"

#include "base/logging_p.h"
#include "transport/tls_p.h"
#include "transport/tlsdevice_p.h"
#include "transport/transport_p.h"

#include <QtNetwork/QSslConfiguration>

#include <algorithm>
#include <utility>

namespace MsgpackRpc {

namespace {

QSslConfiguration forServer(QSslConfiguration configuration)
{
    // Otherwise a certificate would be asked for and not verified, and so be no identity.
    if (configuration.peerVerifyMode() == QSslSocket::AutoVerifyPeer)
        configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
    // So that a client whose certificate is not accepted is told by an alert, rather than just cut off.
    const bool isDemanded = configuration.peerVerifyMode() == QSslSocket::VerifyPeer;
    configuration.setHandshakeMustInterruptOnError(isDemanded);
    configuration.setMissingCertificateIsFatal(isDemanded);
    return configuration;
}

} // namespace

TlsHandshake::TlsHandshake(std::unique_ptr<QSslSocket> socket,
                           const QSslConfiguration &configuration)
    : m_socket(std::move(socket)),
      m_peer(m_socket->peerAddress(), m_socket->peerPort()),
      m_timer([this] { end(QStringLiteral("it was not done in time")); })
{
    m_socket->setSslConfiguration(forServer(configuration));
    connect(m_socket.get(), &QIODevice::readyRead, this, &TlsHandshake::onReadyRead);
    connect(m_socket.get(), &QAbstractSocket::errorOccurred, this, &TlsHandshake::onError);
    connect(m_socket.get(), &QSslSocket::encrypted, this, [this] { end({}); });
    connect(m_socket.get(), &QSslSocket::sslErrors, this,
            [this](const QList<QSslError> &errors) { m_problems = Tls::texts(errors); });
    connect(m_socket.get(), &QSslSocket::handshakeInterruptedOnError, this,
            [this](const QSslError &error) { m_problems = Tls::texts({error}); });
}

TlsHandshake::~TlsHandshake()
{
    if (m_socket)
        m_socket->disconnect(this);
}

void TlsHandshake::start(std::chrono::milliseconds time)
{
    m_timer.start(time);
}

std::unique_ptr<QSslSocket> TlsHandshake::takeSocket()
{
    m_socket->disconnect(this);
    return std::move(m_socket);
}

// The first byte tells whether the peer speaks TLS at all; one that does not is told in a way that it may know.
void TlsHandshake::onReadyRead()
{
    if (m_hasEnded || m_socket->mode() != QSslSocket::UnencryptedMode)
        return;
    const QByteArray first = m_socket->peek(1);
    if (first.isEmpty())
        return;
    if (first.front() == Tls::HandshakeRecord)
        return m_socket->startServerEncryption();
    m_socket->write(Tls::alert());
    m_socket->flush();
    end(QStringLiteral("the peer does not speak TLS: it begins with byte 0x%1%2")
                .arg(uchar(first.front()), 2, 16, QLatin1Char('0'))
                .arg(QLatin1String((first.front() & 0xf0) == 0x90 ? ", as a client of tcp:// does"
                                                                  : "")));
}

void TlsHandshake::onError()
{
    end(m_problems.isEmpty() ? m_socket->errorString()
                             : QStringLiteral("the certificate of the peer is not accepted: %1")
                                       .arg(m_problems.join(QStringLiteral("; "))));
}

// From the event loop: who hears of it deletes the socket, which is in the middle of telling.
void TlsHandshake::end(const QString &failure)
{
    if (std::exchange(m_hasEnded, true))
        return;
    m_timer.stop();
    QMetaObject::invokeMethod(
            this,
            [this, failure] {
                if (failure.isEmpty())
                    Q_EMIT succeeded();
                else
                    Q_EMIT failed(failure);
            },
            Qt::QueuedConnection);
}

TlsListener::TlsListener() : m_server([this](qintptr descriptor) { accept(descriptor); })
{
    connect(&m_server, &TcpServer::rested, this, &Listener::acceptFailed);
}

TlsListener::~TlsListener()
{
    TlsListener::close();
}

bool TlsListener::listen(const QUrl &url)
{
    QString why = Tls::problem();
    if (why.isEmpty())
        why = Tls::serverProblem(settings().tls ? *settings().tls : QSslConfiguration());
    if (!why.isEmpty())
        why = url.toString() + QLatin1String(": ") + why;
    if (!why.isEmpty() || !m_server.listenAt(url, &why)) {
        setError(why);
        return false;
    }
    m_url = url;
    m_url.setPort(m_server.serverPort());
    return true;
}

void TlsListener::close()
{
    m_server.close();
    m_url.clear();
    while (!m_handshakes.empty()) {
        TlsHandshake *const handshake = m_handshakes.back();
        remove(handshake);
        givePlace(handshake->peer().host());
    }
}

void TlsListener::accept(qintptr descriptor)
{
    auto socket = std::make_unique<QSslSocket>();
    if (!socket->setSocketDescriptor(descriptor))
        return;
    const Address peer(socket->peerAddress(), socket->peerPort());
    if (!takePlace(peer.host(), peer.toString()))
        return;
    const QSslConfiguration configuration = settings().tls ? *settings().tls : QSslConfiguration();
    auto *const handshake = new TlsHandshake(std::move(socket), configuration);
    m_handshakes.push_back(handshake);
    connect(handshake, &TlsHandshake::succeeded, this, [=] { onSucceeded(handshake); });
    connect(handshake, &TlsHandshake::failed, this,
            [=](const QString &reason) { onFailed(handshake, reason); });
    handshake->start(settings().limits.tlsHandshakeTime);
}

void TlsListener::remove(TlsHandshake *handshake)
{
    m_handshakes.erase(std::remove(m_handshakes.begin(), m_handshakes.end(), handshake),
                       m_handshakes.end());
    handshake->disconnect(this);
    handshake->deleteLater();
}

void TlsListener::onSucceeded(TlsHandshake *handshake)
{
    auto device = std::make_unique<TlsDevice>(handshake->takeSocket(), handshake->peer());
    device->tune(settings().keepAlive);
    remove(handshake);
    passPlace(handshake->peer().host());
    offer(std::move(device));
}

void TlsListener::onFailed(TlsHandshake *handshake, const QString &reason)
{
    peerWarning(settings().log.get(), lcTransport)
            << "refusing a connection from" << handshake->peer().toString() << "to"
            << m_url.toString() + QLatin1String(": the TLS handshake:") << loggable(reason);
    remove(handshake);
    givePlace(handshake->peer().host());
    Q_EMIT handshakeFailed();
}

} // namespace MsgpackRpc
