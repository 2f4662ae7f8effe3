// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/callstorage_p.h"
#include "dispatch/methodtable_p.h"

#include <QtCore/QStringList>

namespace MsgpackRpc {

/// `add(int, int)`: a method as callers see it.
QString signatureText(const MethodEntry &entry, const Method &method);
/// `add(int, int) takes 2 arguments, got 3`: why none of the overloads fits.
QString arityText(const MethodEntry &entry, quint32 count);
/// `add(int, int): argument 2: expected …, got …`: why the arguments could not be decoded.
QString argumentText(const MethodEntry &entry, const Method &method, const CallStorage &storage,
                     const Reader &reader);
/// What the overloads that were tried have said, in one text.
QString overloadsText(const MethodEntry &entry, const QStringList &texts);

} // namespace MsgpackRpc
