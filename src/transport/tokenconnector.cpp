// SPDX-License-Identifier: Apache-2.0
#include "transport/tokenconnector_p.h"

#include "base/clock_p.h"
#include "transport/datagramdevice_p.h"
#include "transport/transport_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QElapsedTimer>
#include <QtNetwork/QAbstractSocket>

#include <utility>

namespace MsgpackRpc {

namespace {

// What a peer may send until it has answered: whoever sends without end is not listened to without end.
constexpr qsizetype MostBeforeAnswer = 64 * 1024;

Limits answerLimits()
{
    Limits limits;
    limits.messageBytes = MostBeforeAnswer;
    limits.depth = 16;
    return limits;
}

} // namespace

TokenConnector::TokenConnector(std::unique_ptr<Connector> connector,
                               const TransportSettings &settings)
    : m_connector(std::move(connector)),
      m_peerName(settings.target()),
      m_request(tokenRequest(settings.token, settings.format)),
      m_scanner(answerLimits()),
      m_isUsable(settings.token.size() <= LongestToken)
{
    connect(m_connector.get(), &Connector::connected, this, &TokenConnector::onConnected);
    connect(m_connector.get(), &Connector::failed, this, &TokenConnector::fail);
}

TokenConnector::~TokenConnector()
{
    if (m_device)
        m_device->disconnect(this);
}

void TokenConnector::start()
{
    if (m_isUsable)
        m_connector->start();
    else
        fail(QStringLiteral("the token has more than %1 bytes").arg(LongestToken));
}

bool TokenConnector::waitForConnected(std::chrono::milliseconds time)
{
    QElapsedTimer timer;
    timer.start();
    if (m_hasEnded || (!m_device && !m_connector->waitForConnected(time)))
        return m_isAccepted;
    while (!m_hasEnded && m_device) {
        const auto left = time.count() - timer.elapsed();
        if (left <= 0)
            return false;
        const int most = waitingTime(std::chrono::milliseconds(left));
        if (m_request.isEmpty() ? !m_device->waitForReadyRead(most)
                                : !m_device->waitForBytesWritten(most))
            return false;
        sendToken();
        readAnswer();
    }
    return m_isAccepted;
}

void TokenConnector::onConnected()
{
    m_device = m_connector->takeDevice();
    QIODevice *const device = m_device.get();
    if (qobject_cast<DatagramDevice *>(device) != nullptr) {
        m_isUsable = false;
        return fail(QStringLiteral("a token needs a connection, and %1 has none").arg(m_peerName));
    }
    connect(device, &QIODevice::readyRead, this, &TokenConnector::readAnswer);
    connect(device, &QIODevice::readChannelFinished, this, &TokenConnector::onClosed);
    connect(device, &QIODevice::aboutToClose, this, &TokenConnector::onClosed);
    auto *const socket = qobject_cast<QAbstractSocket *>(device);
    if (socket != nullptr)
        connect(socket, &QAbstractSocket::disconnected, this, &TokenConnector::onClosed);
    connect(device, &QIODevice::bytesWritten, this, &TokenConnector::sendToken);
    sendToken();
    // What has come already, nobody says again.
    QMetaObject::invokeMethod(this, &TokenConnector::readAnswer, Qt::QueuedConnection);
}

// A device that has something of its own to send first, as one that encrypts has, takes it later.
void TokenConnector::sendToken()
{
    if (m_hasEnded || !m_device || m_request.isEmpty())
        return;
    const qint64 written = m_device->write(m_request);
    if (written < 0)
        return fail(QStringLiteral("the token could not be sent: %1").arg(m_device->errorString()));
    m_request.remove(0, qsizetype(written));
    if (auto *const socket = qobject_cast<QAbstractSocket *>(m_device.get()))
        socket->flush();
}

// Byte by byte: what follows the answer is the connection's.
void TokenConnector::readAnswer()
{
    while (!m_hasEnded && m_device) {
        char byte = 0;
        const qint64 size = m_device->read(&byte, 1);
        if (size < 0)
            return failClosed();
        if (size == 0 || !takeByte(byte))
            return;
    }
}

bool TokenConnector::takeByte(char byte)
{
    if (++m_received > MostBeforeAnswer) {
        fail(QStringLiteral("%1 sends %2 bytes and no answer to the token")
                     .arg(m_peerName)
                     .arg(MostBeforeAnswer));
        return false;
    }
    m_answer.append(byte);
    const char *pos = m_answer.constData() + m_answer.size() - 1;
    const Scanner::Result result = m_scanner.scan(pos, pos + 1);
    if (result == Scanner::NeedMore)
        return true;
    if (result == Scanner::Failed) {
        fail(QStringLiteral("%1 has answered the token with %2")
                     .arg(m_peerName, m_scanner.error()));
        return false;
    }
    Message message;
    message.parse(m_answer.constData(), m_scanner);
    m_scanner.reset();
    if (message.type == Message::Response && message.fault == Message::None) {
        answered(message);
        return false;
    }
    m_answer.clear(); // one that asks for no token may send what it likes
    return true;
}

void TokenConnector::answered(const Message &message)
{
    if (uchar(message.error.front()) == 0xc0) {
        m_hasEnded = m_isAccepted = true;
        m_device->disconnect(this);
        Q_EMIT connected();
        return;
    }
    QVariant error;
    Reader reader(message.error);
    Codec<QVariant>::read(reader, error);
    m_isUsable = false;
    fail(QStringLiteral("%1 does not accept the token: %2")
                 .arg(m_peerName, Error::fromRemote(error).message()));
}

// The answer may have come before the end.
void TokenConnector::onClosed()
{
    readAnswer();
    failClosed();
}

void TokenConnector::failClosed()
{
    fail(QStringLiteral("%1 has closed the connection instead of accepting the token")
                 .arg(m_peerName));
}

// From the event loop: the device is in the middle of telling, and start() may not have returned.
void TokenConnector::fail(const QString &reason)
{
    if (std::exchange(m_hasEnded, true))
        return;
    if (m_device)
        m_device->disconnect(this);
    QMetaObject::invokeMethod(
            this, [this, reason] { Q_EMIT failed(reason); }, Qt::QueuedConnection);
}

} // namespace MsgpackRpc
