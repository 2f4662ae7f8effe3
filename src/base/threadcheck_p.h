// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/currentthread_p.h"

#include <QtCore/QObject>

namespace MsgpackRpc {

/// Warns that \a function of \a object was called in another thread than the one in which it lives, and names both.
void warnOfThread(const QObject *object, const char *function);

/// True if \a object lives in the current thread. Otherwise there is a warning, and \a function of it is to do nothing: not
/// even to read, since what it would read may be changing.
inline bool isInThread(const QObject *object, const char *function)
{
    if (Q_LIKELY(object->thread() == currentThread()))
        return true;
    warnOfThread(object, function);
    return false;
}

} // namespace MsgpackRpc
