// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/qglobal.h>

QT_BEGIN_NAMESPACE
class QIODevice;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// True if \a device is a socket that was not made here: slots of the user's may be connected to it.
bool isForeign(const QIODevice *device);

/// Has \a device, if it is a socket, send what it would otherwise send in the next turn of the event loop.
void flushSocket(QIODevice *device);

/// Has \a device, if it is a socket, read no more than a connection can use: one without a bound reads without end while
/// nobody reads from it. A bound that was set stays.
void boundSocket(QIODevice *device);

} // namespace MsgpackRpc
