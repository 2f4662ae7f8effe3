// SPDX-License-Identifier: Apache-2.0
#include "scriptdispatcher_p.h"

#include "scriptfunction_p.h"

#include <MsgpackRpc/session.h>

namespace MsgpackRpc {

namespace {

// Objects declared in QML have meta-objects that were made at run time.
bool isDeclaredInQml(const QObject *object)
{
    return object->metaObject()->d.static_metacall == nullptr;
}

QMetaMethod functionOf(const QObject *object, const QByteArray &name)
{
    const QMetaObject *const metaObject = object->metaObject();
    for (int i = metaObject->methodCount() - 1; i >= 0; --i) {
        if (metaObject->method(i).name() == name
            && metaObject->method(i).methodType() != QMetaMethod::Signal)
            return metaObject->method(i);
    }
    return {};
}

} // namespace

ScriptDispatcher::ScriptDispatcher() = default;

ScriptDispatcher::~ScriptDispatcher()
{
    *m_isAlive = false;
}

bool ScriptDispatcher::serve(const QString &prefix, QObject *object, const AcceptList &accept)
{
    const QStringList before = m_objects.methods();
    const bool isServed = m_objects.serve(prefix, object, accept);
    if (object == nullptr || !isDeclaredInQml(object))
        return isServed;
    const qsizetype prefixSize = prefix.isEmpty() ? 0 : prefix.size() + 1;
    for (const QString &method : m_objects.methods()) {
        if (before.contains(method))
            continue;
        const QMetaMethod function = functionOf(object, method.mid(prefixSize).toUtf8());
        m_functions.insert(method.toUtf8(),
                           std::make_shared<const ScriptFunction>(object, function));
    }
    return isServed;
}

void ScriptDispatcher::unserve(QObject *object)
{
    m_functions.removeIf([object](const auto &entry) {
        return entry.value()->isOf(object) || !entry.value()->hasObject();
    });
    m_objects.unserve(object);
}

void ScriptDispatcher::dispatch(IncomingCall &call)
{
    const std::shared_ptr<bool> isAlive = m_isAlive;
    if (m_observer && call.isNotification()) {
        const auto observer = m_observer;
        observer(call);
        if (!*isAlive)
            return;
    }
    const QPointer<Session> outer = m_current;
    m_current = call.session();
    // Held: the function may unserve itself.
    const QByteArrayView name = call.method();
    const auto function = m_functions.value(QByteArray::fromRawData(name.data(), name.size()));
    if (function != nullptr && function->hasObject())
        function->invoke(call);
    else
        m_objects.dispatch(call);
    if (*isAlive)
        m_current = outer;
}

} // namespace MsgpackRpc
