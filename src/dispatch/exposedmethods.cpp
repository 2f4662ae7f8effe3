// SPDX-License-Identifier: Apache-2.0
#include "dispatch/exposedmethods_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// A meta-object that was made at run time: an object declared in QML has one for each level of QML
// files.
bool isDynamic(const QMetaObject *metaObject)
{
    return metaObject->d.static_metacall == nullptr;
}

std::vector<const QMetaObject *> exposedClasses(const QMetaObject *own, const QMetaObject *base)
{
    std::vector<const QMetaObject *> classes;
    const QMetaObject *level = own;
    do {
        classes.push_back(level);
        level = level->superClass();
    } while (level != nullptr && isDynamic(classes.back()) && isDynamic(level));
    for (; base != nullptr && level != nullptr && classes.back() != base;
         level = level->superClass())
        classes.push_back(level);
    return classes;
}

bool isExposed(const QMetaMethod &method)
{
    return (method.methodType() == QMetaMethod::Slot || method.methodType() == QMetaMethod::Method)
           && method.access() == QMetaMethod::Public && !isReservedName(method.name());
}

} // namespace

bool isReservedName(const QByteArray &name)
{
    return name.startsWith('_') || name.startsWith("rpc.");
}

std::vector<QMetaMethod> exposedMethods(const QObject *object, const QMetaObject *base,
                                        QString *problem)
{
    const QMetaObject *own = object->metaObject();
    if (base != nullptr && !own->inherits(base)) {
        *problem = QStringLiteral("%1 is no base class of %2")
                           .arg(QLatin1String(base->className()), QLatin1String(own->className()));
    }
    std::vector<QMetaMethod> methods;
    for (const QMetaObject *metaObject : exposedClasses(own, problem->isEmpty() ? base : nullptr)) {
        if (metaObject == &QObject::staticMetaObject)
            continue;
        const size_t derived = methods.size();
        for (int i = metaObject->methodOffset(); i < metaObject->methodCount(); ++i) {
            const QMetaMethod method = metaObject->method(i);
            const auto end = methods.cbegin() + std::ptrdiff_t(derived);
            const bool isOverridden =
                    std::any_of(methods.cbegin(), end, [&method](const QMetaMethod &other) {
                        return other.methodSignature() == method.methodSignature();
                    });
            if (isExposed(method) && !isOverridden)
                methods.push_back(method);
        }
    }
    return methods;
}

} // namespace MsgpackRpc
