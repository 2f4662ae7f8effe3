// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/writer.h>

#include <QtCore/QVarLengthArray>
#include <QtQml/QJSValue>

namespace MsgpackRpc {

class ScriptSupport;

/// The arguments of a call: the elements of an Array, or anything else as the only one; none if that is undefined.
class ScriptArguments
{
public:
    explicit ScriptArguments(const QJSValue &arguments);
    /// The \a count elements of \a array.
    ScriptArguments(const QJSValue &array, quint32 count);
    /// True if they are numbers, text, booleans and nothing: writing them runs no JavaScript. Others are written apart
    /// from the message, since accessors of objects may do anything.
    bool isPlain() const { return m_isPlain; }
    /// Writes them. failure() of \a writer names what can't be written, and where it is (doc/qml, "Values"). Holds
    /// to the size and depth of \a limits.
    void write(const ScriptSupport &support, Writer &writer, const Limits &limits) const;

private:
    void append(const QJSValue &value);

    static constexpr quint32 Most = 1'000'000;
    QVarLengthArray<QJSValue, 8> m_values;
    QString m_problem;
    bool m_isPlain = true;
};

/// Writes \a value likewise. Runs JavaScript where objects have accessors.
void writeScriptValue(const ScriptSupport &support, Writer &writer, const QJSValue &value,
                      const Limits &limits);

} // namespace MsgpackRpc
