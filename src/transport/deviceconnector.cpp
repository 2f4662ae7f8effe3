// SPDX-License-Identifier: Apache-2.0
#include "transport/deviceconnector_p.h"

#include "transport/forwardingdevice_p.h"

#include <QtCore/QThread>

#include <utility>

namespace MsgpackRpc {

DeviceConnector::DeviceConnector(QIODevice *device) : m_user(device) {}

QString DeviceConnector::problemOf(const QIODevice *device)
{
    if (device == nullptr)
        return QStringLiteral("there is no device any more");
    if (!device->isReadable() || !device->isWritable())
        return QStringLiteral("the device is not open for reading and writing");
    if (!device->isSequential())
        return QStringLiteral(
                "the device is not sequential: expected a socket, a pipe or the like");
    if (device->thread() != QThread::currentThread())
        return QStringLiteral("the device lives in another thread");
    return {};
}

bool DeviceConnector::isUsable() const
{
    return problemOf(m_user).isEmpty();
}

void DeviceConnector::start()
{
    QMetaObject::invokeMethod(this, &DeviceConnector::connectNow, Qt::QueuedConnection);
}

bool DeviceConnector::waitForConnected(std::chrono::milliseconds)
{
    connectNow();
    return m_isDone && isUsable();
}

void DeviceConnector::connectNow()
{
    if (std::exchange(m_isDone, true))
        return;
    const QString problem = problemOf(m_user);
    if (!problem.isEmpty()) {
        Q_EMIT failed(problem);
        return;
    }
    m_device = std::make_unique<ForwardingDevice>(m_user);
    Q_EMIT connected();
}

} // namespace MsgpackRpc
