// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QByteArrayView>
#include <QtCore/QDateTime>

namespace MsgpackRpc {

/// Makes \a value of the timestamp that an extension of \a type is; false if it is none, or has
/// more than a QDateTime holds.
bool toDateTime(qint8 type, QByteArrayView data, QDateTime &value);

} // namespace MsgpackRpc
