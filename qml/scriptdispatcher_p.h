// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scriptsupport_p.h"

#include <MsgpackRpc/dispatcher.h>
#include <MsgpackRpc/objectdispatcher.h>

#include <QtCore/QHash>
#include <QtCore/QMetaMethod>
#include <QtCore/QPointer>
#include <QtQml/QJSValue>

#include <functional>
#include <memory>

namespace MsgpackRpc {

class ScriptFunction;

/// Serves the functions of objects that are declared in QML: with JavaScript values, exceptions as error answers, and
/// answers that follow a promise. Objects of C++ classes are served as an ObjectDispatcher does it, and that decides
/// for both kinds what may be served.
class ScriptDispatcher final : public Dispatcher
{
public:
    ScriptDispatcher();
    ~ScriptDispatcher() override;

    /// Serves the functions of \a object, as \a prefix `.` function if that is not empty. False, and error() says why, if
    /// something can't be.
    bool serve(const QString &prefix, QObject *object, const AcceptList &accept = {});
    /// Stops serving \a object.
    void unserve(QObject *object);
    /// Why serve() returned false.
    Error error() const { return m_objects.error(); }
    /// Hears of every notification first. May do anything but delete this.
    void setObserver(std::function<void(const IncomingCall &)> observer)
    {
        m_observer = std::move(observer);
    }
    /// Gets what is not served; true if it has handled it.
    void setFallback(std::function<bool(IncomingCall &)> fallback)
    {
        m_objects.setFallback(std::move(fallback));
    }
    /// The session whose call runs; null if none does.
    Session *currentSession() const { return m_current; }

    void dispatch(IncomingCall &call) override;

private:
    ObjectDispatcher m_objects;
    QHash<QByteArray, std::shared_ptr<const ScriptFunction>> m_functions;
    std::function<void(const IncomingCall &)> m_observer;
    QPointer<Session> m_current;
    std::shared_ptr<bool> m_isAlive = std::make_shared<bool>(true);
};

} // namespace MsgpackRpc
