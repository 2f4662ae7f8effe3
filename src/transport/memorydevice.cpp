// SPDX-License-Identifier: Apache-2.0
#include "transport/memorydevice_p.h"

#include <QtCore/QHash>

#include <algorithm>
#include <cstring>

namespace MsgpackRpc {

namespace {

// The names of a thread, as a host's ports are those of a host: both ends of a connection live in one thread.
thread_local QHash<QString, MemoryListener *> listeners;

} // namespace

std::pair<std::unique_ptr<MemoryDevice>, std::unique_ptr<MemoryDevice>>
MemoryDevice::makePair(const QString &name)
{
    std::unique_ptr<MemoryDevice> a(new MemoryDevice);
    std::unique_ptr<MemoryDevice> b(new MemoryDevice);
    a->m_peer = b.get();
    b->m_peer = a.get();
    for (MemoryDevice *device : {a.get(), b.get()}) {
        device->setObjectName(QLatin1String("memory:") + name);
        device->open(QIODevice::ReadWrite | QIODevice::Unbuffered);
    }
    return {std::move(a), std::move(b)};
}

MemoryDevice::~MemoryDevice()
{
    MemoryDevice::close();
}

void MemoryDevice::close()
{
    if (!isOpen())
        return;
    QIODevice::close();
    m_output.clear();
    if (m_peer)
        QMetaObject::invokeMethod(m_peer, &MemoryDevice::peerClosed, Qt::QueuedConnection);
}

void MemoryDevice::peerClosed()
{
    m_isPeerClosed = true;
    setErrorString(QStringLiteral("The remote host closed the connection"));
    Q_EMIT readChannelFinished();
}

qint64 MemoryDevice::readData(char *data, qint64 maxSize)
{
    const qint64 size = std::min<qint64>(maxSize, m_input.size());
    if (size == 0)
        return m_isPeerClosed ? -1 : 0;
    std::memcpy(data, m_input.constData(), size_t(size));
    m_input.remove(0, size);
    if (m_peer)
        m_peer->pass();
    return size;
}

qint64 MemoryDevice::writeData(const char *data, qint64 size)
{
    if (!m_peer || !m_peer->isOpen()) {
        setErrorString(QStringLiteral("The remote host closed the connection"));
        return -1;
    }
    const qint64 room = 2 * Capacity - m_output.size();
    const qint64 taken = std::min(room, size);
    m_output.append(data, taken);
    pass();
    return taken;
}

// Hands over what the other end has room for.
void MemoryDevice::pass()
{
    if (m_output.isEmpty() || !m_peer || m_peer->m_input.size() >= Capacity)
        return;
    const qsizetype size = std::min(m_output.size(), Capacity - m_peer->m_input.size());
    m_peer->m_input.append(m_output.constData(), size);
    m_output.remove(0, size);
    m_peer->notify();
    QMetaObject::invokeMethod(
            this, [this, size] { Q_EMIT bytesWritten(size); }, Qt::QueuedConnection);
}

void MemoryDevice::notify()
{
    if (m_notified)
        return;
    m_notified = true;
    QMetaObject::invokeMethod(
            this,
            [this] {
                m_notified = false;
                Q_EMIT readyRead();
            },
            Qt::QueuedConnection);
}

bool MemoryDevice::waitForBytesWritten(int)
{
    const qsizetype before = m_output.size();
    pass();
    return m_output.size() < before;
}

MemoryListener::~MemoryListener()
{
    MemoryListener::close();
}

bool MemoryListener::listen(const QUrl &url)
{
    const QString name = url.path();
    if (listeners.contains(name)) {
        setError(QStringLiteral("somebody listens at %1 already").arg(url.toString()));
        return false;
    }
    m_url = url;
    listeners.insert(name, this);
    return true;
}

void MemoryListener::close()
{
    if (!m_url.isEmpty() && listeners.value(m_url.path()) == this)
        listeners.remove(m_url.path());
    m_url.clear();
    m_waiting.clear();
}

void MemoryListener::setPaused(bool paused)
{
    m_isPaused = paused;
    const QPointer<MemoryListener> guard(this);
    while (guard && !m_isPaused && !m_waiting.empty()) {
        std::unique_ptr<QIODevice> device = std::move(m_waiting.front());
        m_waiting.erase(m_waiting.begin());
        offer(std::move(device));
    }
}

std::unique_ptr<QIODevice> MemoryListener::connectTo(const QString &name)
{
    MemoryListener *const listener = listeners.value(name);
    if (listener == nullptr)
        return nullptr;
    auto ends = MemoryDevice::makePair(name);
    if (listener->m_isPaused)
        listener->m_waiting.push_back(std::move(ends.second));
    else
        listener->offer(std::move(ends.second));
    return std::move(ends.first);
}

} // namespace MsgpackRpc
