// SPDX-License-Identifier: Apache-2.0
#include "transport/memoryconnector_p.h"

#include "transport/memorydevice_p.h"
#include "transport/transport_p.h"

namespace MsgpackRpc {

MemoryConnector::MemoryConnector(const TransportSettings &settings) : m_name(settings.url.path()) {}

void MemoryConnector::start()
{
    QMetaObject::invokeMethod(this, &MemoryConnector::connectNow, Qt::QueuedConnection);
}

bool MemoryConnector::waitForConnected(std::chrono::milliseconds)
{
    connectNow();
    return m_done && !m_failed;
}

void MemoryConnector::connectNow()
{
    if (m_done)
        return;
    m_done = true;
    m_device = MemoryListener::connectTo(m_name);
    m_failed = m_device == nullptr;
    if (m_failed)
        Q_EMIT failed(QStringLiteral("nobody listens at memory:%1").arg(m_name));
    else
        Q_EMIT connected();
}

} // namespace MsgpackRpc
