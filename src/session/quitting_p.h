// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/qglobal.h>

#include <chrono>
#include <functional>

QT_BEGIN_NAMESPACE
class QCoreApplication;
class QObject;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// Calls \a flush, each time that \a application is about to quit and \a context lives, with the time of those before it in the
/// same thread: each may have to wait then, but not one after the other. It is to wait for at most its own time less that.
void whenQuitting(QCoreApplication *application, QObject *context,
                  std::function<void(std::chrono::milliseconds waited)> flush);

} // namespace MsgpackRpc
