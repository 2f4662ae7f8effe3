// SPDX-License-Identifier: Apache-2.0
#include "transport/standardlistener_p.h"

#include "transport/pipedevice_p.h"

namespace MsgpackRpc {

bool StandardListener::listen(const QUrl &)
{
    QString why;
#ifdef Q_OS_UNIX
    m_device = PipeDevice::takeStandardStreams(&why);
#else
    why = QStringLiteral("the standard streams cannot be used on this system");
#endif
    if (!m_device) {
        setError(why);
        return false;
    }
    m_device->setObjectName(QStringLiteral("the standard streams"));
    connect(m_device.get(), &QObject::destroyed, this, &StandardListener::ended,
            Qt::QueuedConnection);
    QMetaObject::invokeMethod(this, &StandardListener::accept, Qt::QueuedConnection);
    return true;
}

void StandardListener::setPaused(bool paused)
{
    m_isPaused = paused;
    QMetaObject::invokeMethod(this, &StandardListener::accept, Qt::QueuedConnection);
}

void StandardListener::accept()
{
    if (m_device && !m_isPaused)
        offer(std::move(m_device));
}

} // namespace MsgpackRpc
