// SPDX-License-Identifier: Apache-2.0
#include "dispatch/target_p.h"

#include "base/posted_p.h"

#include <QtCore/QThread>

namespace MsgpackRpc {

Target::Target(QObject *object) : m_state(std::make_shared<State>())
{
    m_state->object = object;
    // No receiver: it is called at once, in the thread that destroys the object. While the mutex is
    // held anywhere, and the pointer is not null, the destructor of the object cannot go on past
    // this.
    m_connection = QObject::connect(object, &QObject::destroyed, [state = m_state] {
        const QMutexLocker lock(&state->mutex);
        state->object = nullptr;
    });
}

Target::~Target()
{
    const QMutexLocker lock(&m_state->mutex);
    if (m_state->object != nullptr)
        QObject::disconnect(m_connection);
}

QObject *Target::local() const
{
    QObject *object = nullptr;
    return place(QThread::currentThread(), &object) == Here ? object : nullptr;
}

bool Target::isGone() const
{
    const QMutexLocker lock(&m_state->mutex);
    return m_state->object == nullptr;
}

bool Target::is(const QObject *object) const
{
    const QMutexLocker lock(&m_state->mutex);
    return object != nullptr && m_state->object == object;
}

bool Target::post(std::function<void()> function) const
{
    const QMutexLocker lock(&m_state->mutex);
    return m_state->object != nullptr
           && QMetaObject::invokeMethod(m_state->object, Posted(std::move(function)),
                                        Qt::QueuedConnection);
}

} // namespace MsgpackRpc
