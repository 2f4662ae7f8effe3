// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processes.h"

#include <QtCore/QCoreApplication>
#include <QtTest/QTest>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
#    include <malloc.h>
#endif

/// A process as it was, to be compared with what it becomes.
class Footprint
{
public:
    /// What may be kept for later, by the library and by the system's allocator.
    static constexpr qint64 MostKept = 48 * 1024 * 1024 * Processes::SanitizerFactor;
    /// The same of what this process itself has allocated and not freed, where that is known.
    static constexpr qint64 MostAllocated = 8 * 1024 * 1024;

    explicit Footprint(qint64 process = QCoreApplication::applicationPid())
        : m_process(process),
          m_descriptors(Processes::descriptors(process)),
          m_memory(Processes::residentBytes(process)),
          m_allocated(allocated())
    {
    }

    bool hasItsDescriptors() const { return Processes::descriptors(m_process) <= m_descriptors; }
    bool hasItsMemory() const
    {
        return grown() < MostKept && (isOther() || allocated() - m_allocated < MostAllocated);
    }
    qint64 grown() const { return Processes::residentBytes(m_process) - m_memory; }
    /// For people.
    QByteArray toText() const
    {
        return QStringLiteral("%1 more descriptors, %2 more bytes resident, %3 allocated")
                .arg(Processes::descriptors(m_process) - m_descriptors)
                .arg(grown())
                .arg(isOther() ? 0 : allocated() - m_allocated)
                .toUtf8();
    }

private:
    bool isOther() const { return m_process != QCoreApplication::applicationPid(); }
    // 0 where it is not known, as with a sanitizer's allocator.
    static qint64 allocated()
    {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
        const auto all = mallinfo2();
        return qint64(all.uordblks) + qint64(all.hblkhd);
#else
        return 0;
#endif
    }

    qint64 m_process;
    qsizetype m_descriptors;
    qint64 m_memory;
    qint64 m_allocated;
};

// What goes later goes within the event loop.
#define COMPARE_FOOTPRINT(footprint) \
    do { \
        static_cast<void>(QTest::qWaitFor( \
                [&] { return (footprint).hasItsDescriptors() && (footprint).hasItsMemory(); }, \
                30'000)); \
        QVERIFY2((footprint).hasItsDescriptors() && (footprint).hasItsMemory(), \
                 (footprint).toText().constData()); \
    } while (false)
