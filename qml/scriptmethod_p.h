// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/caller.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/writer.h>

#include <QtQml/QJSValue>

#include <optional>

namespace MsgpackRpc {

/// A method as JavaScript writes it: text, or an integer.
class ScriptMethod
{
public:
    explicit ScriptMethod(const QJSValue &method);
    /// For people.
    const QString &text() const { return m_text; }
    /// Null if it is neither.
    const Detail::MethodName *name() const { return m_name ? &*m_name : nullptr; }
    /// What is wrong with it.
    Error error() const;

private:
    std::optional<Detail::MethodName> m_name;
    QString m_text;
};

/// What can be said of a call beside its arguments.
struct CallOptions
{
    std::optional<std::chrono::milliseconds> timeout; ///< that of the client if empty
    std::optional<TransportOption> option; ///< that of the client if empty
    QString problem; ///< what is wrong with the options; empty if nothing is

    /// From `{ timeout, deflate }`, or undefined.
    static CallOptions from(const QJSValue &options);
};

/// Compressed in both directions, or plain.
inline TransportOption optionFor(bool deflate)
{
    return deflate ? TransportOption::Deflate : TransportOption::Default;
}

/// What is wrong with arguments that \a writer could not write; no error if it could.
Error argumentsError(const Writer &writer);
/// Notifies \a method with the \a arguments, which are written already; false if that can't be queued.
bool notifyWith(const Detail::CallTarget &target, const ScriptMethod &method,
                const Writer &arguments);

} // namespace MsgpackRpc
