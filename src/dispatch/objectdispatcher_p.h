// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/threadcheck_p.h"
#include "dispatch/callstorage_p.h"
#include "dispatch/methodtable_p.h"

#include <MsgpackRpc/callcontext.h>
#include <MsgpackRpc/objectdispatcher.h>

#include <QtCore/QHash>
#include <QtCore/QPointer>

namespace MsgpackRpc {

/// The methods of an ObjectDispatcher, and how they are called. User code that is called may change
/// and delete anything, so what a call uses is kept until no call is left on the stack: entries
/// that are taken out, and this object itself once its dispatcher has been deleted.
class ObjectDispatcherPrivate
{
public:
    explicit ObjectDispatcherPrivate(QObject *parent);
    ~ObjectDispatcherPrivate();
    /// Deletes \a d, now or when the last call has returned.
    static void release(std::unique_ptr<ObjectDispatcherPrivate> d);

    /// True in the thread of the dispatcher; otherwise there is a warning that names \a function.
    bool isHere(const char *function) const
    {
        return m_agent == nullptr || isInThread(m_agent, function);
    }
    void serve(const QByteArray &prefix, QObject *object, const AcceptList &accept,
               const QMetaObject *base);
    void unserve(const QObject *object);
    QStringList methods() const;
    bool bind(const Detail::MethodName &method, const std::shared_ptr<const Target> &context,
              std::unique_ptr<Detail::BoundFunction> function);
    bool remove(const MethodKey &key);
    std::shared_ptr<const Target> targetOf(QObject *object);

    void dispatch(IncomingCall &call);

    MethodTable table;
    std::shared_ptr<const std::function<bool(IncomingCall &)>> fallback;
    QStringList problems; // of the last serve() or bind()

private:
    // As long as one lives, nothing is destroyed that user code may take out or delete.
    class Activity
    {
    public:
        explicit Activity(ObjectDispatcherPrivate *d) noexcept : m_d(d) { ++d->m_activity; }
        ~Activity()
        {
            if (--m_d->m_activity == 0 && Q_UNLIKELY(m_d->m_isReleased || !m_d->m_retired.empty()))
                m_d->settle();
        }

    private:
        ObjectDispatcherPrivate *const m_d;
        Q_DISABLE_COPY_MOVE(Activity)
    };
    struct PostedCall;
    using Overload = std::shared_ptr<const Method>;

    bool serveMethods(const MethodKey &key, const std::vector<QMetaMethod> &methods,
                      const std::shared_ptr<const Target> &target);
    bool isTaken(const MethodKey &key) const;
    void purge();
    void retire(std::unique_ptr<MethodEntry> entry);
    void settle();

    void dispatchUnknown(IncomingCall &call);
    void callHere(const MethodEntry &entry, QObject *object, IncomingCall &call,
                  Detail::ThreadFrames &here) const;
    void callOverloadHere(const MethodEntry &entry, QObject *object, IncomingCall &call,
                          Detail::ThreadFrames &here) const;
    void callElsewhere(const MethodEntry &entry, IncomingCall &call) const;
    void run(const Method &method, CallStorage &storage, QObject *object, IncomingCall &call,
             Detail::ThreadFrames &here) const;

    QPointer<QObject> m_agent; // lives in the thread of the dispatcher
    std::shared_ptr<const Target> m_agentTarget;
    QHash<const QObject *, std::weak_ptr<const Target>> m_targets;
    std::vector<std::unique_ptr<MethodEntry>> m_retired; // taken out, and perhaps in use
    int m_activity = 0; // calls on the stack, and changes under way
    bool m_isReleased = false;

    Q_DISABLE_COPY_MOVE(ObjectDispatcherPrivate)
};

} // namespace MsgpackRpc
