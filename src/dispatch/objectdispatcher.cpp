// SPDX-License-Identifier: Apache-2.0
#include "dispatch/objectdispatcher_p.h"

#include "base/logging_p.h"
#include "dispatch/calltext_p.h"
#include "dispatch/exposedmethods_p.h"

namespace MsgpackRpc {

Detail::BoundFunction::~BoundFunction() = default;

namespace {

MethodKey keyOf(const MethodEntry &entry)
{
    return {entry.name, entry.number, entry.isNumber};
}

MethodKey keyOf(const Detail::MethodName &method)
{
    return {method.name(), method.number(), method.isNumber()};
}

QString problemText(const QMetaMethod &method, const QString &problem)
{
    return QStringLiteral("%1::%2 %3")
            .arg(QLatin1String(method.enclosingMetaObject()->className()),
                 QLatin1String(method.methodSignature()), problem);
}

QString unknownText(const QObject *object, const AcceptList::Entry &entry)
{
    const QString text = QStringLiteral("%1 has no public slot or invokable method `%2'")
                                 .arg(QLatin1String(object->metaObject()->className()),
                                      QString::fromUtf8(entry.method()));
    return entry.id() ? text + QStringLiteral(", which was to be served as %1").arg(*entry.id())
                      : text;
}

} // namespace

ObjectDispatcherPrivate::ObjectDispatcherPrivate(QObject *parent)
    : m_agent(new QObject(parent)), m_agentTarget(std::make_shared<Target>(m_agent))
{
}

ObjectDispatcherPrivate::~ObjectDispatcherPrivate()
{
    delete m_agent.data();
}

void ObjectDispatcherPrivate::release(std::unique_ptr<ObjectDispatcherPrivate> d)
{
    if (d->m_activity == 0)
        return;
    delete d->m_agent.data();
    d->m_isReleased = true;
    static_cast<void>(d.release()); // the last call deletes it
}

std::shared_ptr<const Target> ObjectDispatcherPrivate::targetOf(QObject *object)
{
    std::shared_ptr<const Target> target = m_targets.value(object).lock();
    if (target != nullptr && target->is(object)) // otherwise another object at the same address
        return target;
    target = std::make_shared<Target>(object);
    m_targets.insert(object, target);
    if (m_agent != nullptr) {
        QObject::disconnect(object, &QObject::destroyed, m_agent, nullptr);
        QObject::connect(object, &QObject::destroyed, m_agent, [this] { purge(); });
    }
    return target;
}

// Takes out what belongs to objects that are gone.
void ObjectDispatcherPrivate::purge()
{
    const Activity activity(this);
    for (const MethodEntry *entry : table.entries()) {
        if (entry->isGone())
            retire(table.take(keyOf(*entry)));
    }
    m_targets.removeIf([](const auto &target) { return target.value().expired(); });
}

void ObjectDispatcherPrivate::retire(std::unique_ptr<MethodEntry> entry)
{
    if (entry != nullptr)
        m_retired.push_back(std::move(entry));
}

// The last activity has ended. Callables are destroyed here, which may run user code, which may
// delete this.
void ObjectDispatcherPrivate::settle()
{
    if (m_isReleased) {
        delete this;
        return;
    }
    const auto retired = std::exchange(m_retired, {});
}

bool ObjectDispatcherPrivate::remove(const MethodKey &key)
{
    const Activity activity(this);
    std::unique_ptr<MethodEntry> entry = table.take(key);
    const bool wasServed = entry != nullptr && !entry->isGone();
    retire(std::move(entry));
    return wasServed;
}

bool ObjectDispatcherPrivate::isTaken(const MethodKey &key) const
{
    const MethodEntry *entry = table.find(key);
    return entry != nullptr && !entry->isGone();
}

bool ObjectDispatcherPrivate::bind(const Detail::MethodName &method,
                                   const std::shared_ptr<const Target> &context,
                                   std::unique_ptr<Detail::BoundFunction> function)
{
    const Activity activity(this);
    problems.clear();
    if (!method.isNumber() && method.name().isEmpty()) {
        problems += QStringLiteral("the name of the method is empty");
        return false;
    }
    QString problem;
    std::vector<Overload> overloads{
            std::make_shared<const Method>(context, std::move(function), &problem)};
    if (!problem.isEmpty()) {
        problems += QStringLiteral("`%1' %2").arg(MethodEntry(keyOf(method)).text(), problem);
        return false;
    }
    retire(table.take(keyOf(method)));
    MethodEntry *entry = table.insert(keyOf(method));
    entry->setOverloads(std::move(overloads));
    qCDebug(lcDispatch).noquote() << "bound" << signatureText(*entry, *entry->only);
    return true;
}

void ObjectDispatcherPrivate::serve(const QByteArray &prefix, QObject *object,
                                    const AcceptList &accept, const QMetaObject *base)
{
    const Activity activity(this);
    QString problem;
    const std::vector<QMetaMethod> exposed = exposedMethods(object, base, &problem);
    if (!problem.isEmpty())
        problems += problem;
    std::vector<QByteArray> names; // in the order of their declaration
    QHash<QByteArray, std::vector<QMetaMethod>> overloads;
    for (const QMetaMethod &method : exposed) {
        std::vector<QMetaMethod> &same = overloads[method.name()];
        if (same.empty())
            names.push_back(method.name());
        same.push_back(method);
    }
    for (const AcceptList::Entry &entry : accept.entries()) {
        if (!overloads.contains(entry.method()))
            problems += unknownText(object, entry);
    }
    const std::shared_ptr<const Target> target = targetOf(object);
    QStringList served;
    for (const QByteArray &name : names) {
        const bool isWanted = accept.isEmpty() || accept.contains(name);
        if (isWanted && serveMethods({prefix + name, 0, false}, overloads[name], target))
            served += QString::fromUtf8(prefix + name);
    }
    for (const AcceptList::Entry &entry : accept.entries()) {
        const auto methods = overloads.constFind(entry.method());
        if (!entry.id() || methods == overloads.constEnd())
            continue;
        if (serveMethods({{}, *entry.id(), true}, *methods, target))
            served += QStringLiteral("%1 (%2)")
                              .arg(*entry.id())
                              .arg(QString::fromUtf8(entry.method()));
    }
    qCDebug(lcDispatch).noquote() << "serving" << object->metaObject()->className() << "as"
                                  << served.join(QLatin1String(", "));
}

bool ObjectDispatcherPrivate::serveMethods(const MethodKey &key,
                                           const std::vector<QMetaMethod> &methods,
                                           const std::shared_ptr<const Target> &target)
{
    if (isTaken(key)) {
        problems += QStringLiteral("`%1' is served already").arg(MethodEntry(key).text());
        return false;
    }
    std::vector<Overload> overloads;
    for (const QMetaMethod &method : methods) {
        QString problem;
        auto made = std::make_shared<const Method>(target, method, &problem);
        if (problem.isEmpty())
            overloads.push_back(std::move(made));
        else if (!problems.contains(problemText(method, problem)))
            problems += problemText(method, problem);
    }
    if (overloads.empty())
        return false;
    retire(table.take(key)); // of an object that is gone
    table.insert(key)->setOverloads(std::move(overloads));
    return true;
}

void ObjectDispatcherPrivate::unserve(const QObject *object)
{
    const Activity activity(this);
    for (const MethodEntry *entry : table.entries()) {
        const Method &method = *entry->overloads.front();
        if (!method.isCallable() && entry->target->is(object))
            retire(table.take(keyOf(*entry)));
    }
}

QStringList ObjectDispatcherPrivate::methods() const
{
    QStringList names;
    for (const MethodEntry *entry : table.entries()) {
        if (!entry->isGone())
            names += entry->text();
    }
    names.sort();
    return names;
}

ObjectDispatcher::ObjectDispatcher(QObject *parent)
    : d(std::make_unique<ObjectDispatcherPrivate>(parent))
{
}

ObjectDispatcher::~ObjectDispatcher()
{
    ObjectDispatcherPrivate::release(std::move(d));
}

bool ObjectDispatcher::serve(QObject *object, const AcceptList &accept, const QMetaObject *base)
{
    return serve(QString(), object, accept, base);
}

bool ObjectDispatcher::serve(const QString &name, QObject *object, const AcceptList &accept,
                             const QMetaObject *base)
{
    if (!d->isHere("ObjectDispatcher::serve()"))
        return false;
    const QByteArray prefix = name.isEmpty() ? QByteArray() : name.toUtf8() + '.';
    d->problems.clear();
    if (object == nullptr)
        d->problems += QStringLiteral("the object to serve is null");
    else if (isReservedName(prefix))
        d->problems +=
                QStringLiteral("`%1' is reserved: names that begin with _ or rpc. are never served")
                        .arg(name);
    else
        d->serve(prefix, object, accept, base);
    return d->problems.isEmpty();
}

void ObjectDispatcher::unserve(QObject *object)
{
    if (!d->isHere("ObjectDispatcher::unserve()"))
        return;
    d->unserve(object);
}

bool ObjectDispatcher::bindFunction(const Detail::MethodName &method,
                                    std::unique_ptr<Detail::BoundFunction> function)
{
    if (!d->isHere("ObjectDispatcher::bind()"))
        return false;
    return d->bind(method, nullptr, std::move(function));
}

bool ObjectDispatcher::bindFunction(const Detail::MethodName &method, QObject *context,
                                    std::unique_ptr<Detail::BoundFunction> function)
{
    if (!d->isHere("ObjectDispatcher::bind()"))
        return false;
    if (context == nullptr) {
        d->problems = QStringList(QStringLiteral("the context is null"));
        return false;
    }
    return d->bind(method, d->targetOf(context), std::move(function));
}

bool ObjectDispatcher::unbindMethod(const Detail::MethodName &method)
{
    if (!d->isHere("ObjectDispatcher::unbind()"))
        return false;
    return d->remove(keyOf(method));
}

QStringList ObjectDispatcher::methods() const
{
    if (!d->isHere("ObjectDispatcher::methods()"))
        return {};
    return d->methods();
}

Error ObjectDispatcher::error() const
{
    if (d->problems.isEmpty())
        return Error();
    return Error(Error::InvalidArguments, d->problems.join(QLatin1String("; ")));
}

void ObjectDispatcher::setFallback(std::function<bool(IncomingCall &)> fallback)
{
    if (!d->isHere("ObjectDispatcher::setFallback()"))
        return;
    d->fallback = fallback ? std::make_shared<const std::function<bool(IncomingCall &)>>(
                          std::move(fallback))
                           : nullptr;
}

void ObjectDispatcher::dispatch(IncomingCall &call)
{
    d->dispatch(call);
}

} // namespace MsgpackRpc
