// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/loggable.h>

#include <QtCore/QLoggingCategory>
#include <QtCore/QUrl>

/// \file
/// The logging categories: `msgpackrpc.<room>`. Debug messages are off by default; everything else
/// is on. Turn them on with QT_LOGGING_RULES="msgpackrpc.*.debug=true".
namespace MsgpackRpc {

Q_DECLARE_LOGGING_CATEGORY(lcBase)
Q_DECLARE_LOGGING_CATEGORY(lcWire)
Q_DECLARE_LOGGING_CATEGORY(lcTransport)
Q_DECLARE_LOGGING_CATEGORY(lcSession)
Q_DECLARE_LOGGING_CATEGORY(lcCall)
Q_DECLARE_LOGGING_CATEGORY(lcDispatch)
Q_DECLARE_LOGGING_CATEGORY(lcEndpoint)

using Detail::loggable;

/// A URL for people. Nothing here uses a user name or a password, so that whoever writes one is not to find it in a log.
inline QString shown(const QUrl &url)
{
    return url.toString(QUrl::RemoveUserInfo);
}

} // namespace MsgpackRpc
