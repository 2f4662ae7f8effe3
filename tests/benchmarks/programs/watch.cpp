// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <algorithm>

namespace Benchmark {

Watch::Watch()
{
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, &Watch::add);
}

void Watch::start()
{
    m_late.clear();
    m_elapsed.start();
    m_timer.start(Frame);
}

void Watch::add()
{
    m_late.push_back(double(m_elapsed.nsecsElapsed()) / 1e6 - Frame);
    m_elapsed.restart();
}

QJsonObject Watch::result()
{
    // What goes on at the end of the run would be the longest otherwise, and not be seen.
    if (m_elapsed.elapsed() > Frame || m_late.empty())
        add();
    std::sort(m_late.begin(), m_late.end());
    return {{QStringLiteral("ticks"), qint64(m_late.size())},
            {QStringLiteral("medianLateMs"), m_late[m_late.size() / 2]},
            {QStringLiteral("worstLateMs"), m_late.back()}};
}

} // namespace Benchmark
