// SPDX-License-Identifier: Apache-2.0
#include "transport/forwardingdevice_p.h"

#include "transport/foreignsocket_p.h"

#include <algorithm>
#include <utility>

namespace MsgpackRpc {

ForwardingDevice::ForwardingDevice(QIODevice *inner) : m_inner(inner)
{
    setObjectName(inner->objectName().isEmpty() ? QLatin1String(inner->metaObject()->className())
                                                : inner->objectName());
    boundSocket(inner);
    connectInner();
    open(ReadWrite | Unbuffered);
}

ForwardingDevice::~ForwardingDevice()
{
    ForwardingDevice::close();
}

// channelReadyRead and channelBytesWritten are emitted within a slot of themselves by those who have them, readyRead and
// bytesWritten by those who do not guard them.
void ForwardingDevice::connectInner()
{
    QIODevice *const inner = m_inner;
    connect(inner, &QIODevice::readyRead, this, &QIODevice::readyRead);
    connect(inner, &QIODevice::channelReadyRead, this, [this](int channel) {
        if (channel == 0)
            Q_EMIT readyRead();
    });
    connect(inner, &QIODevice::bytesWritten, this, &QIODevice::bytesWritten);
    connect(inner, &QIODevice::channelBytesWritten, this, [this](int channel, qint64 bytes) {
        if (channel == 0)
            Q_EMIT bytesWritten(bytes);
    });
    connect(inner, &QIODevice::readChannelFinished, this,
            [this, inner] { innerEnded(inner->errorString()); });
    // By its owner, in whose function no callback is to run.
    connect(inner, &QIODevice::aboutToClose, this,
            [this] { endLater(QStringLiteral("the device was closed")); });
    connect(inner, &QObject::destroyed, this,
            [this] { endLater(QStringLiteral("the device was deleted")); });
}

void ForwardingDevice::endLater(const QString &reason)
{
    if (m_inner)
        m_inner->disconnect(this);
    QMetaObject::invokeMethod(
            this, [this, reason] { innerEnded(reason); }, Qt::QueuedConnection);
}

void ForwardingDevice::end(const QString &reason)
{
    if (std::exchange(m_hasEnded, true))
        return;
    setErrorString(reason);
    Q_EMIT readChannelFinished();
}

void ForwardingDevice::close()
{
    if (!isOpen())
        return;
    QIODevice::close();
    if (!m_inner)
        return;
    m_inner->disconnect(this);
    if (m_inner->isOpen())
        m_inner->close();
}

qint64 ForwardingDevice::bytesAvailable() const
{
    return (m_inner ? m_inner->bytesAvailable() : 0) + QIODevice::bytesAvailable();
}

qint64 ForwardingDevice::bytesToWrite() const
{
    return m_inner ? m_inner->bytesToWrite() : 0;
}

bool ForwardingDevice::waitForBytesWritten(int milliseconds)
{
    return m_inner && m_inner->isOpen() && m_inner->waitForBytesWritten(milliseconds);
}

void ForwardingDevice::flush()
{
    flushSocket(m_inner);
}

// The end is told by a signal, once: there are devices that tell it by what they return only.
void ForwardingDevice::failed()
{
    if (std::exchange(m_hasFailed, true) || !m_inner)
        return;
    QMetaObject::invokeMethod(
            this, [this, reason = m_inner->errorString()] { innerEnded(reason); },
            Qt::QueuedConnection);
}

qint64 ForwardingDevice::readData(char *data, qint64 maxSize)
{
    if (!m_inner || !m_inner->isReadable())
        return 0;
    const qint64 size = m_inner->read(data, maxSize);
    if (size < 0)
        failed();
    return std::max<qint64>(size, 0);
}

qint64 ForwardingDevice::writeData(const char *data, qint64 size)
{
    if (!m_inner || !m_inner->isWritable() || m_hasEnded || m_hasFailed)
        return 0;
    const qint64 written = m_inner->write(data, size);
    if (written < 0)
        failed();
    return std::max<qint64>(written, 0);
}

} // namespace MsgpackRpc
