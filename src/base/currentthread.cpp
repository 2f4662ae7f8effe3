// SPDX-License-Identifier: Apache-2.0
#include "base/currentthread_p.h"

#include <QtCore/QThread>

namespace MsgpackRpc {

QThread *currentThread() noexcept
{
    // Constant-initialised and without a destructor, so that an access needs no guard.
    thread_local QThread *thread = nullptr;
    if (Q_UNLIKELY(thread == nullptr))
        thread = QThread::currentThread();
    return thread;
}

} // namespace MsgpackRpc
