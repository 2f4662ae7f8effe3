// SPDX-License-Identifier: Apache-2.0
#include "base/threadcheck_p.h"

#include "base/logging_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QThread>

namespace MsgpackRpc {

namespace {

// By its address only: the name of a thread that goes on, or ends, cannot be read from another.
QString nameOf(const QThread *thread)
{
    const QCoreApplication *const application = QCoreApplication::instance();
    if (thread == nullptr)
        return QStringLiteral("no thread");
    if (application != nullptr && application->thread() == thread)
        return QStringLiteral("the main thread");
    return QStringLiteral("thread 0x%1").arg(quintptr(thread), 0, 16);
}

} // namespace

void warnOfThread(const QObject *object, const char *function)
{
    qCWarning(lcBase).noquote() << function << "was called in" << nameOf(currentThread())
                                << "and does nothing: the object lives in"
                                << nameOf(object->thread());
}

} // namespace MsgpackRpc
