// SPDX-License-Identifier: Apache-2.0
#include "base/peerlog_p.h"

#include <utility>

namespace MsgpackRpc {

namespace {

void tell(const QLoggingCategory &category, quint64 leftOut)
{
    if (leftOut > 0)
        qCWarning(category).noquote() << "… and" << leftOut << "more";
}

} // namespace

LogRate::~LogRate()
{
    tellLeftOut();
}

LogRate::Decision LogRate::decide(const QLoggingCategory &category)
{
    const qint64 now = Clock::now();
    quint64 leftOut = 0;
    {
        const QMutexLocker lock(&m_mutex);
        auto it = m_categories.begin();
        while (it != m_categories.end() && it->category != &category)
            ++it;
        if (it == m_categories.end())
            it = m_categories.insert(it, {&category, now, 0, 0});
        // Before its beginning: another clock was installed meanwhile.
        if (now < it->begin || now - it->begin >= Window.count()) {
            leftOut = it->leftOut;
            *it = {&category, now, 0, 0};
        }
        if (it->lines == LinesPerSecond)
            return it->leftOut++ == 0 ? LeaveOutFirst : LeaveOut;
        ++it->lines;
    }
    // Unlocked: whoever handles messages may do anything.
    tell(category, leftOut);
    return Write;
}

void LogRate::tellLeftOut()
{
    std::vector<Category> all;
    {
        const QMutexLocker lock(&m_mutex);
        for (Category &each : m_categories)
            all.push_back({each.category, 0, 0, std::exchange(each.leftOut, 0)});
    }
    for (const Category &each : all)
        tell(*each.category, each.leftOut);
}

PeerLog::PeerLog() : m_rate(std::make_shared<LogRate>()) {}

PeerLog::~PeerLog()
{
    m_rate->tellLeftOut();
}

const std::shared_ptr<LogRate> &PeerLog::rate()
{
    watch();
    return m_rate;
}

void PeerLog::watch()
{
    if (!m_timer)
        m_timer = std::make_unique<Timer>([rate = m_rate] { rate->tellLeftOut(); });
    if (!m_timer->isActive())
        m_timer->start(LogRate::Window);
}

bool PeerLog::admitsLine(const QLoggingCategory &category)
{
    const LogRate::Decision decision = m_rate->decide(category);
    if (decision == LogRate::LeaveOutFirst)
        watch();
    return decision == LogRate::Write;
}

} // namespace MsgpackRpc
