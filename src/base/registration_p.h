// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QMetaType>

namespace MsgpackRpc {

/// Registers \a type, and returns when all that Qt registers with it is there: the views of a container, the
/// converter of a QFuture. QMetaType::id() alone may return before: Qt gives a type its id first and adds these
/// afterwards, without a lock, so another thread that has just begun is not waited for. What that thread is at
/// is then done here too; Qt keeps what came first.
inline void registerWhole(QMetaType type)
{
    if (type.id() != QMetaType::UnknownType && type.iface()->legacyRegisterOp != nullptr)
        type.iface()->legacyRegisterOp();
}

} // namespace MsgpackRpc
