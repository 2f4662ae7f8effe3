// SPDX-License-Identifier: Apache-2.0
#include "dispatch/target_p.h"

#include "base/posted_p.h"

#include <QtCore/QThread>

#include <algorithm>

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
    QObject::disconnect(m_state->threadEnd);
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

// Its thread has ended, unless it was moved to another one in time.
void Target::giveUp(const std::shared_ptr<State> &state, const QThread *thread)
{
    std::vector<std::weak_ptr<Waiting>> all;
    {
        const QMutexLocker lock(&state->mutex);
        if (state->object == nullptr || state->object->thread() != thread)
            return;
        all.swap(state->waiting);
    }
    for (const auto &entry : all) {
        if (const auto waiting = entry.lock())
            waiting->giveUp();
    }
}

void Target::watch(QThread *thread) const
{
    if (m_state->thread == thread)
        return;
    QObject::disconnect(m_state->threadEnd);
    m_state->thread = thread;
    // In the thread that ends: it runs nothing of what waits meanwhile.
    const std::weak_ptr<State> state = m_state;
    m_state->threadEnd = QObject::connect(thread, &QThread::finished, Posted([state, thread] {
                                              if (const auto locked = state.lock())
                                                  giveUp(locked, thread);
                                          }));
}

bool Target::post(const std::shared_ptr<Waiting> &waiting) const
{
    QMutexLocker lock(&m_state->mutex);
    if (m_state->object == nullptr)
        return false;
    QThread *const thread = m_state->object->thread();
    if (thread != nullptr)
        watch(thread);
    std::vector<std::weak_ptr<Waiting>> &all = m_state->waiting;
    if (all.size() >= m_state->pruneAt) {
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [](const auto &entry) { return entry.expired(); }),
                  all.end());
        m_state->pruneAt = std::max<size_t>(16, 2 * all.size());
    }
    all.push_back(waiting);
    QMetaObject::invokeMethod(m_state->object, Posted([waiting] { waiting->run(); }),
                              Qt::QueuedConnection);
    // It may have ended before it was watched.
    if (thread != nullptr && !thread->isFinished())
        return true;
    lock.unlock();
    giveUp(m_state, thread);
    return true;
}

bool Target::post(std::function<void()> function) const
{
    const QMutexLocker lock(&m_state->mutex);
    return m_state->object != nullptr
           && QMetaObject::invokeMethod(m_state->object, Posted(std::move(function)),
                                        Qt::QueuedConnection);
}

} // namespace MsgpackRpc
