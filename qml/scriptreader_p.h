// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/reader.h>

#include <QtQml/QJSValue>

namespace MsgpackRpc {

class ScriptSupport;

/// Takes any value as JavaScript has it (doc/qml, "Values"): nothing is rounded, and no key means anything.
bool readScriptValue(const ScriptSupport &support, Reader &reader, QJSValue &value);

} // namespace MsgpackRpc
