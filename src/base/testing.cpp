// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/testing.h>

#include "base/clock_p.h"

#include <QtCore/QCoreApplication>

#include <map>

namespace MsgpackRpc::Testing {

class ClockPrivate final : public MsgpackRpc::Clock
{
public:
    ClockPrivate()
    {
        Q_ASSERT_X(installed() == nullptr, "Testing::Clock", "one clock per thread at a time");
        install(this);
    }
    ~ClockPrivate()
    {
        for (const auto &[deadline, timer] : m_timers)
            timer->abandon();
        install(nullptr);
    }

    qint64 time() const noexcept override { return m_now; }
    void add(Timer *timer, qint64 deadline) override { m_timers.emplace(deadline, timer); }
    void remove(Timer *timer) override
    {
        for (auto it = m_timers.begin(); it != m_timers.end(); ++it) {
            if (it->second == timer) {
                m_timers.erase(it);
                return;
            }
        }
    }

    void advanceTo(qint64 end)
    {
        // What is posted before time passes comes first: a connection that is being made is made.
        deliver();
        while (!m_timers.empty() && m_timers.begin()->first <= end) {
            const auto [deadline, timer] = *m_timers.begin();
            m_timers.erase(m_timers.begin());
            m_now = qMax(m_now, deadline);
            timer->fire();
            deliver();
        }
        m_now = end;
        deliver();
    }

private:
    static void deliver() { QCoreApplication::processEvents(QEventLoop::ExcludeUserInputEvents); }

    qint64 m_now = 0;
    std::multimap<qint64, Timer *> m_timers;
};

Clock::Clock() : d(std::make_unique<ClockPrivate>()) {}

Clock::~Clock() = default;

void Clock::advance(std::chrono::milliseconds time)
{
    d->advanceTo(MsgpackRpc::Clock::after(d->time(), time));
}

std::chrono::milliseconds Clock::elapsed() const
{
    return std::chrono::milliseconds(d->time());
}

} // namespace MsgpackRpc::Testing
