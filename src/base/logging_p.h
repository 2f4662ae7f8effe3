// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QLoggingCategory>

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

} // namespace MsgpackRpc
