// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QString>

namespace MsgpackRpc::Detail {

/// \a text, which somebody else has written, as a part of one line of a log: what would end the line, change what a terminal
/// shows, or hide other text is escaped (`\n`, `\x1b`, `\u202e`), and of more than \a most characters only the beginning is
/// there. Every line that has names, errors or reasons of peers in it is made with it, so that nobody forges lines.
MSGPACKRPC_EXPORT QString loggable(const QString &text, qsizetype most = 500);

} // namespace MsgpackRpc::Detail
