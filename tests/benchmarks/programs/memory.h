// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/qglobal.h>

#if defined(Q_OS_LINUX)
#    include <malloc.h>
#endif

namespace Benchmark {

/// Bytes that the program has from malloc() at present; -1 where that can't be told.
inline qint64 allocatedBytes()
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const struct mallinfo2 info = mallinfo2();
    return qint64(info.uordblks) + qint64(info.hblkhd);
#else
    return -1;
#endif
}

} // namespace Benchmark
