// SPDX-License-Identifier: Apache-2.0
#include "scriptmethod_p.h"

#include <cmath>

namespace MsgpackRpc {

constexpr double Exact = 9007199254740992.0; // 2^53

ScriptMethod::ScriptMethod(const QJSValue &method) : m_text(method.toString())
{
    if (method.isString())
        m_name.emplace(m_text);
    else if (method.isNumber() && std::abs(method.toNumber()) <= Exact
             && method.toNumber() == std::trunc(method.toNumber()))
        m_name.emplace(qint64(method.toNumber()));
}

Error ScriptMethod::error() const
{
    if (m_name)
        return {};
    return Error(Error::InvalidArguments,
                 QStringLiteral("a method is a name or an integer, not %1").arg(m_text));
}

// A whole number of milliseconds, or for ever.
static bool isTime(const QJSValue &value)
{
    const double number = value.isNumber() ? value.toNumber() : std::nan("");
    return (number >= -1 && number <= Exact && number == std::trunc(number))
           || (std::isinf(number) && number > 0);
}

CallOptions CallOptions::from(const QJSValue &options)
{
    CallOptions result;
    if (options.isUndefined() || options.isNull())
        return result;
    const QJSValue timeout = options.property(QStringLiteral("timeout"));
    const QJSValue deflate = options.property(QStringLiteral("deflate"));
    if (!options.isObject())
        result.problem =
                QStringLiteral("the options are an object, not %1").arg(options.toString());
    else if (!timeout.isUndefined() && !isTime(timeout))
        result.problem = QStringLiteral("the option timeout is a number of milliseconds, not %1")
                                 .arg(timeout.toString());
    else if (!deflate.isUndefined() && !deflate.isBool())
        result.problem = QStringLiteral("the option deflate is true or false, not %1")
                                 .arg(deflate.toString());
    if (isTime(timeout))
        result.timeout = std::chrono::milliseconds(
                std::isinf(timeout.toNumber()) ? -1 : qint64(timeout.toNumber()));
    if (deflate.isBool())
        result.option = optionFor(deflate.toBool());
    return result;
}

Error argumentsError(const Writer &writer)
{
    if (!writer.hasFailed())
        return {};
    return Error(Error::InvalidArguments,
                 QStringLiteral("the arguments: %1").arg(writer.failure()));
}

bool notifyWith(const Detail::CallTarget &target, const ScriptMethod &method,
                const Writer &arguments)
{
    Detail::CallBuilder builder(target, *method.name(), Detail::CallBuilder::Notification);
    if (Writer *const writer = builder.writer())
        writer->writeAll(arguments);
    return builder.finishNotification();
}

} // namespace MsgpackRpc
