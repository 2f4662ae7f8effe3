// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMutex>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QThread>

#include <functional>
#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Something that waits for the event loop of another thread.
class Waiting
{
public:
    virtual ~Waiting() = default;
    /// It is its turn.
    virtual void run() = 0;
    /// It will not be: the thread has ended. Called in any thread, perhaps after run().
    virtual void giveUp() = 0;

protected:
    Waiting() = default;
    Q_DISABLE_COPY_MOVE(Waiting)
};

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
    /// The same for \a waiting, which is given up if the thread has ended, or ends first.
    bool post(const std::shared_ptr<Waiting> &waiting) const;
    /// True unless it was destroyed since place() said that it is here.
    bool isStillHere() const noexcept { return m_state->object != nullptr; }

private:
    // Shared with the connection to destroyed(), which another thread may be running.
    struct State
    {
        QMutex mutex;
        QObject *object = nullptr;
        QPointer<QThread> thread; // whose end is watched
        QMetaObject::Connection threadEnd;
        std::vector<std::weak_ptr<Waiting>>
                waiting; // in that thread, and some that are not any more
        size_t pruneAt = 16; // so many of them
    };
    static void giveUp(const std::shared_ptr<State> &state, const QThread *thread);
    void watch(QThread *thread) const;
    std::shared_ptr<State> m_state;
    QMetaObject::Connection m_connection;

    Q_DISABLE_COPY_MOVE(Target)
};

} // namespace MsgpackRpc
