// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QDir>
#include <QtCore/QFile>

/// What a process takes of the system, as Linux tells it; where it does not, nothing is known and nothing grows.
namespace Processes {

/// Bytes of memory that are resident.
inline qint64 residentBytes(qint64 process)
{
    QFile file(QStringLiteral("/proc/%1/statm").arg(process));
    return file.open(QIODevice::ReadOnly) ? file.readAll().split(' ').value(1).toLongLong() * 4096
                                          : 0;
}

/// Open descriptors.
inline qsizetype descriptors(qint64 process)
{
    return QDir(QStringLiteral("/proc/%1/fd").arg(process))
            .entryList(QDir::AllEntries | QDir::System | QDir::NoDotAndDotDot)
            .size();
}

/// How many times more memory a program takes that was made with a sanitizer: freed memory is kept for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr qint64 SanitizerFactor = 6;
#else
constexpr qint64 SanitizerFactor = 1;
#endif

} // namespace Processes
