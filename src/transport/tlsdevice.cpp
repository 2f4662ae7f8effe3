// SPDX-License-Identifier: Apache-2.0
#include "transport/tlsdevice_p.h"

#include "transport/tcpsocket_p.h"

#include <QtNetwork/QTcpSocket>

#include <utility>

namespace MsgpackRpc {

namespace {

// Decrypted bytes that wait to be read; while so many wait, the peer does.
constexpr qint64 ReadBuffer = 256 * 1024;

} // namespace

// QSslSocket decrypts in a slot of its inner socket's readyRead, which is not emitted within a slot of itself: an event
// loop that user code runs while a message is handled would hear of nothing. channelReadyRead of the inner socket is; and
// so with bytesWritten.
TlsDevice::TlsDevice(std::unique_ptr<QSslSocket> socket, const Address &peer, Maker maker)
    : m_socket(std::move(socket)),
      m_peer(peer),
      m_maker(maker),
      m_plain(m_socket->findChild<QTcpSocket *>())
{
    m_socket->setReadBufferSize(ReadBuffer);
    connect(m_socket.get(), &QIODevice::channelReadyRead, this, &QIODevice::readyRead);
    connect(m_socket.get(), &QSslSocket::encryptedBytesWritten, this, &TlsDevice::onWritten);
    connect(m_socket.get(), &QAbstractSocket::errorOccurred, this, &TlsDevice::onError);
    connect(m_socket.get(), &QAbstractSocket::disconnected, this, &TlsDevice::onDisconnected);
    if (m_plain != nullptr) {
        connect(m_plain, &QIODevice::channelReadyRead, this, &TlsDevice::onEncryptedData);
        connect(m_plain, &QIODevice::channelBytesWritten, this, &TlsDevice::onWritten);
    }
    open(ReadWrite | Unbuffered);
    m_isAwaited = bytesToWrite() > 0;
    // What had ended before, nobody says again.
    if (m_socket->state() != QAbstractSocket::ConnectedState)
        QMetaObject::invokeMethod(this, &TlsDevice::onDisconnected, Qt::QueuedConnection);
}

// A slot of the user's that has deleted this may have been called by the socket, which then goes on.
TlsDevice::~TlsDevice()
{
    TlsDevice::close();
    if (m_maker == User)
        m_socket.release()->deleteLater();
}

void TlsDevice::tune(int keepAliveSeconds)
{
    m_socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    m_socket->setSocketOption(QAbstractSocket::KeepAliveOption, keepAliveSeconds > 0 ? 1 : 0);
    TcpSocket::setKeepAliveTimes(m_socket->socketDescriptor(), keepAliveSeconds);
}

// Whom nobody has verified is nobody.
QSslCertificate TlsDevice::peerCertificate() const
{
    const bool isVerified = m_socket->peerVerifyMode() != QSslSocket::VerifyNone
                            && m_socket->sslHandshakeErrors().isEmpty();
    return isVerified ? m_socket->peerCertificate() : QSslCertificate();
}

qint64 TlsDevice::bytesAvailable() const
{
    return m_socket->bytesAvailable() + QIODevice::bytesAvailable();
}

qint64 TlsDevice::bytesToWrite() const
{
    return m_socket->bytesToWrite() + m_socket->encryptedBytesToWrite();
}

qint64 TlsDevice::readData(char *data, qint64 maxSize)
{
    const qint64 size = m_socket->read(data, maxSize);
    return size == 0 && maxSize > 0 && m_socket->state() == QAbstractSocket::UnconnectedState
                   ? -1
                   : size;
}

qint64 TlsDevice::writeData(const char *data, qint64 size)
{
    if (bytesToWrite() > 0) {
        m_isAwaited = true;
        return 0;
    }
    const qint64 written = m_socket->write(data, size);
    if (m_maker != User)
        m_socket->flush();
    if (written > 0 && bytesToWrite() > 0)
        m_untold += written;
    return written;
}

// Where slots of the user's run in it: apart from write(), in which nothing else may be read or written.
void TlsDevice::push()
{
    if (m_maker == User)
        m_socket->flush();
}

// Makes the socket decrypt what has come.
void TlsDevice::onEncryptedData()
{
    if (m_plain->bytesAvailable() > 0)
        m_socket->flush();
}

void TlsDevice::onWritten()
{
    if (bytesToWrite() == 0 && (std::exchange(m_isAwaited, false) || m_untold > 0))
        Q_EMIT bytesWritten(std::exchange(m_untold, 0));
}

// The first says why: an alert of the peer's is followed by the end that it tells of. A record that cannot be decrypted
// is not: the socket tells of it and remains connected, but reads no more.
void TlsDevice::onError(QAbstractSocket::SocketError error)
{
    if (error == QAbstractSocket::SocketTimeoutError || error == QAbstractSocket::TemporaryError)
        return; // of those who wait
    if (m_reason.isEmpty())
        m_reason = m_socket->errorString();
    QMetaObject::invokeMethod(this, &TlsDevice::onFailed, Qt::QueuedConnection);
}

// From the event loop: an end that follows the error by itself has begun, and comes when what is left has been decrypted.
void TlsDevice::onFailed()
{
    if (m_plain == nullptr || m_plain->state() == QAbstractSocket::ConnectedState)
        onDisconnected();
}

void TlsDevice::onDisconnected()
{
    if (!isOpen() || std::exchange(m_hasEnded, true))
        return;
    setErrorString(m_reason.isEmpty() ? m_socket->errorString() : m_reason);
    Q_EMIT readChannelFinished();
}

bool TlsDevice::waitForReadyRead(int milliseconds)
{
    return m_socket->bytesAvailable() > 0 || m_socket->waitForReadyRead(milliseconds);
}

bool TlsDevice::waitForBytesWritten(int milliseconds)
{
    return bytesToWrite() == 0 || m_socket->waitForBytesWritten(milliseconds);
}

// The peer is told that this is the end, so that it can tell it from a cut.
void TlsDevice::close()
{
    if (!isOpen())
        return;
    QIODevice::close();
    m_socket->disconnect(this);
    if (m_plain != nullptr)
        m_plain->disconnect(this);
    m_socket->disconnectFromHost();
    m_socket->flush();
}

} // namespace MsgpackRpc
