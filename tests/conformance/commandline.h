// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/TransportOption>

#include <QtCore/QCommandLineParser>
#include <QtCore/QTextStream>

#include <optional>

namespace Conformance {

/// The exit status for a command line that is not understood.
constexpr int UsageError = 2;

/// What `--deflate` can be.
inline std::optional<MsgpackRpc::TransportOption> deflateOption(const QString &name)
{
    using MsgpackRpc::TransportOption;
    if (name == QLatin1String("none"))
        return TransportOption::Default;
    if (name == QLatin1String("both"))
        return TransportOption::Deflate;
    if (name == QLatin1String("tx"))
        return TransportOption::TxDeflate;
    if (name == QLatin1String("rx"))
        return TransportOption::RxDeflate;
    return std::nullopt;
}

/// Says on standard error what is wrong with the command line, and how it should be.
inline int usageError(const QCommandLineParser &parser, const QString &why)
{
    QTextStream(stderr) << why << "\n\n" << parser.helpText();
    return UsageError;
}

} // namespace Conformance
