// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMetaMethod>
#include <QtCore/QMetaObject>
#include <QtCore/QStringList>

#include <vector>

namespace MsgpackRpc {

/// The methods of \a object that may be served, in the order of their declaration, classes before
/// their base classes: public slots and invokable methods of the object's own class, or of all its
/// levels that are declared in QML, and of its base classes up to \a base. Of one signature only
/// the first. Sets \a problem if \a base is no base class.
std::vector<QMetaMethod> exposedMethods(const QObject *object, const QMetaObject *base,
                                        QString *problem);

/// True for names that are never served: those that begin with `_` or `rpc.`.
bool isReservedName(const QByteArray &name);

} // namespace MsgpackRpc
