// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How values cross the wire: those that stand for themselves, containers, and types of the user's own.

#include <MsgpackRpc/containercodec.h>
#include <MsgpackRpc/registertype.h>
#include <MsgpackRpc/scalarcodec.h>

namespace MsgpackRpc::Detail {

/// What was thrown, for people. Only in a catch block.
MSGPACKRPC_EXPORT QString thrownText();

/// Writes \a values one after the other. If a codec throws, \a writer fails.
template<typename... Args>
Q_ALWAYS_INLINE void writeValues(Writer &writer, const Args &...values)
{
    QT_TRY
    {
        (Codec<std::decay_t<const Args &>>::write(writer, values), ...);
    }
    QT_CATCH(...)
    {
        writer.fail(thrownText());
    }
}

} // namespace MsgpackRpc::Detail
