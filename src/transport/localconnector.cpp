// SPDX-License-Identifier: Apache-2.0
#include "transport/localconnector_p.h"

#ifdef Q_OS_UNIX

#    include "transport/localpath_p.h"
#    include "transport/socketdevice_p.h"
#    include "transport/tcpsocket_p.h"
#    include "transport/transport_p.h"

#    include <QtCore/QElapsedTimer>
#    include <QtCore/QThread>

namespace MsgpackRpc {

namespace {

// One who has no room for another connection at present is asked again.
constexpr std::chrono::milliseconds RetryTime{10};

} // namespace

LocalConnector::LocalConnector(const TransportSettings &settings)
    : m_retry([this] { attempt(); }),
      m_path(LocalPath::of(settings.url).path),
      m_notifierMode(settings.notifierMode)
{
}

void LocalConnector::start()
{
    QMetaObject::invokeMethod(this, &LocalConnector::attempt, Qt::QueuedConnection);
}

bool LocalConnector::waitForConnected(std::chrono::milliseconds time)
{
    QElapsedTimer timer;
    timer.start();
    for (;;) {
        attempt();
        if (m_isDone || timer.hasExpired(time.count()))
            return m_isConnected;
        QThread::msleep(RetryTime.count());
    }
}

void LocalConnector::attempt()
{
    if (m_isDone)
        return;
    switch (m_socket.connectTo(m_path)) {
    case LocalSocket::Busy:
        return m_retry.start(RetryTime);
    case LocalSocket::Failed:
        return fail(m_socket.error());
    case LocalSocket::Connected:
        break;
    }
    if (!open(m_socket.descriptor()))
        return fail(m_device->errorString());
    m_socket.take();
    m_isDone = true;
    m_isConnected = true;
    m_device->setObjectName(LocalPath::toUrl(m_path).toString());
    Q_EMIT connected();
}

bool LocalConnector::open(qintptr descriptor)
{
    if (m_notifierMode == NotifierMode::PerThread)
        m_device = SocketDevice::create(descriptor);
    if (m_device)
        return true;
    auto socket = std::make_unique<TcpSocket>();
    const bool isOpen = socket->acceptLocal(descriptor);
    m_device = std::move(socket);
    return isOpen;
}

void LocalConnector::fail(const QString &reason)
{
    m_isDone = true;
    Q_EMIT failed(reason);
}

} // namespace MsgpackRpc

#endif
