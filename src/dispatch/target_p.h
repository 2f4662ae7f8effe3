// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMutex>
#include <QtCore/QObject>

#include <functional>
#include <memory>

namespace MsgpackRpc {

/// An object that may live, and be destroyed, in another thread than the dispatcher's. All
/// functions are thread-safe.
class Target
{
public:
    /// Watches \a object, which must not be destroyed while this runs.
    explicit Target(QObject *object);
    ~Target();

    /// Where an object is.
    enum Place {
        Gone, ///< it is destroyed
        Here, ///< in the current thread: it stays alive until this thread does something else
        Elsewhere ///< in another thread: it may be destroyed at any moment
    };
    /// Where it is, seen from \a thread, the current one. \a object is set, and to be used, only if
    /// that is here.
    Place place(const QThread *thread, QObject **object) const
    {
        const QMutexLocker lock(&m_state->mutex);
        if (Q_UNLIKELY(m_state->object == nullptr))
            return Gone;
        if (Q_UNLIKELY(m_state->object->thread() != thread))
            return Elsewhere;
        *object = m_state->object;
        return Here;
    }
    /// The object, if it is in the current thread; otherwise null.
    QObject *local() const;
    /// True if it is destroyed.
    bool isGone() const;
    /// True if it is \a object, and not destroyed.
    bool is(const QObject *object) const;
    /// Calls \a function from the event loop of the object's thread, after all that was posted
    /// before, unless the object is destroyed first. False if it is destroyed already.
    bool post(std::function<void()> function) const;

private:
    // Shared with the connection to destroyed(), which another thread may be running.
    struct State
    {
        QMutex mutex;
        QObject *object = nullptr;
    };
    std::shared_ptr<State> m_state;
    QMetaObject::Connection m_connection;

    Q_DISABLE_COPY_MOVE(Target)
};

} // namespace MsgpackRpc
