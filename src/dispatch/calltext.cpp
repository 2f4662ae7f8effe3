// SPDX-License-Identifier: Apache-2.0
#include "dispatch/calltext_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// A method with all its parameters, and the fewest arguments that its default arguments allow.
struct Declared
{
    const Method *method;
    quint32 minimum;
};

std::vector<Declared> declared(const MethodEntry &entry)
{
    std::vector<Declared> methods;
    for (const auto &overload : entry.overloads) {
        if (overload->isCloned() && !methods.empty())
            methods.back().minimum = std::min(methods.back().minimum, overload->arity());
        else
            methods.push_back({overload.get(), overload->arity()});
    }
    return methods;
}

QString takesText(const Declared &declared)
{
    const quint32 maximum = declared.method->arity();
    QString count = maximum == 0 ? QStringLiteral("no") : QString::number(maximum);
    if (declared.minimum + 1 == maximum)
        count.prepend(QStringLiteral("%1 or ").arg(declared.minimum));
    else if (declared.minimum < maximum)
        count.prepend(QStringLiteral("%1 to ").arg(declared.minimum));
    return QStringLiteral("takes %1 %2")
            .arg(count, maximum == 1 ? QStringLiteral("argument") : QStringLiteral("arguments"));
}

} // namespace

QString signatureText(const MethodEntry &entry, const Method &method)
{
    return entry.text() + QLatin1Char('(') + QString::fromLatin1(method.parameterText())
           + QLatin1Char(')');
}

QString arityText(const MethodEntry &entry, quint32 count)
{
    const std::vector<Declared> methods = declared(entry);
    if (methods.size() == 1) {
        const Declared &only = methods.front();
        return signatureText(entry, *only.method) + QLatin1Char(' ') + takesText(only)
               + QStringLiteral(", got %1").arg(count);
    }
    QStringList signatures;
    for (const Declared &method : methods)
        signatures += signatureText(entry, *method.method) + QLatin1Char(' ') + takesText(method);
    return signatures.join(QLatin1String("; ")) + QStringLiteral("; got %1").arg(count);
}

QString argumentText(const MethodEntry &entry, const Method &method, const CallStorage &storage,
                     const Reader &reader)
{
    const auto begin = method.parameters().cbegin();
    const auto failed = begin + std::ptrdiff_t(storage.failed());
    // Responders do not count for the caller.
    const auto number = 1 + std::count_if(begin, failed, [](const Parameter &parameter) {
                            return parameter.codec;
                        });
    return signatureText(entry, method) + QStringLiteral(": argument %1: ").arg(number)
           + reader.failure();
}

QString overloadsText(const MethodEntry &entry, const QStringList &texts)
{
    if (texts.size() == 1)
        return texts.front();
    return QStringLiteral("no overload of ") + entry.text()
           + QStringLiteral(" takes these arguments: ") + texts.join(QLatin1String("; "));
}

} // namespace MsgpackRpc
