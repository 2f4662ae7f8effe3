// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.h"

QT_BEGIN_NAMESPACE
class QCoreApplication;
QT_END_NAMESPACE

namespace Benchmark {

struct CommandLine
{
    QString command;
    Options options;
};

/// Reads the arguments of the program; ends it if they are wrong.
CommandLine readCommandLine(const QCoreApplication &app);

} // namespace Benchmark
