// SPDX-License-Identifier: Apache-2.0
#include "base/logging_p.h"

namespace MsgpackRpc {

Q_LOGGING_CATEGORY(lcBase, "msgpackrpc.base", QtInfoMsg)
Q_LOGGING_CATEGORY(lcWire, "msgpackrpc.wire", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTransport, "msgpackrpc.transport", QtInfoMsg)
Q_LOGGING_CATEGORY(lcSession, "msgpackrpc.session", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCall, "msgpackrpc.call", QtInfoMsg)
Q_LOGGING_CATEGORY(lcDispatch, "msgpackrpc.dispatch", QtInfoMsg)
Q_LOGGING_CATEGORY(lcEndpoint, "msgpackrpc.endpoint", QtInfoMsg)

} // namespace MsgpackRpc
