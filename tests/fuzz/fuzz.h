// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QLoggingCategory>
#include <QtCore/QString>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

/// What the fuzzers have in common. Each input begins with some bytes that say how the rest is used.
namespace Fuzz {

/// Ends the program, which libFuzzer takes for a finding, unless \a holds.
inline void require(bool holds, const char *what, const QByteArray &detail = {})
{
    if (holds)
        return;
    std::fprintf(stderr, "not so: %s %s\n", what, detail.constData());
    std::abort();
}

/// Takes an input apart.
class Input
{
public:
    Input(const uint8_t *data, size_t size)
        : m_bytes(reinterpret_cast<const char *>(data), qsizetype(size))
    {
    }
    /// The next byte; 0 behind the end.
    quint8 byte()
    {
        if (m_bytes.isEmpty())
            return 0;
        const auto first = quint8(m_bytes.front());
        m_bytes = m_bytes.sliced(1);
        return first;
    }
    bool isEmpty() const { return m_bytes.isEmpty(); }
    /// At most \a size bytes.
    QByteArrayView take(qsizetype size)
    {
        const QByteArrayView part = m_bytes.first(std::min(size, m_bytes.size()));
        m_bytes = m_bytes.sliced(part.size());
        return part;
    }
    /// All that is left.
    QByteArrayView rest() const { return m_bytes; }

private:
    QByteArrayView m_bytes;
};

/// A number for each \a seed and step: where an input is cut, the same in each run.
class Cuts
{
public:
    explicit Cuts(quint8 seed) : m_state(seed * 2654435761U + 1) {}
    /// From 1 to \a most.
    qsizetype next(qsizetype most)
    {
        m_state = m_state * 1664525U + 1013904223U;
        return 1 + qsizetype((m_state >> 16) % quint32(most));
    }

private:
    quint32 m_state;
};

/// Logs nothing: bad input is what this is about.
inline void beQuiet()
{
    QLoggingCategory::setFilterRules(QStringLiteral("*=false"));
}

} // namespace Fuzz
