// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QtGlobal>

QT_BEGIN_NAMESPACE
class QThread;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// QThread::currentThread(), asked once for each thread: every call is checked for the thread that it is made in.
QThread *currentThread() noexcept;

} // namespace MsgpackRpc
