// SPDX-License-Identifier: Apache-2.0
#include "base/clock_p.h"

#include <QtCore/QTimer>

namespace MsgpackRpc {

namespace {

thread_local Clock *installedClock = nullptr;

} // namespace

qint64 Clock::now() noexcept
{
    if (Q_UNLIKELY(installedClock != nullptr))
        return installedClock->time();
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

Clock *Clock::installed() noexcept
{
    return installedClock;
}

void Clock::install(Clock *clock) noexcept
{
    installedClock = clock;
}

Timer::Timer(std::function<void()> callback) : m_callback(std::move(callback)) {}

Timer::~Timer()
{
    stop();
}

void Timer::start(std::chrono::milliseconds delay)
{
    stop();
    m_active = true;
    m_clock = Clock::installed();
    if (m_clock != nullptr) {
        m_clock->add(this, m_clock->time() + delay.count());
        return;
    }
    if (!m_timer) {
        m_timer = std::make_unique<QTimer>();
        m_timer->setSingleShot(true);
        m_timer->setTimerType(Qt::PreciseTimer);
        QObject::connect(m_timer.get(), &QTimer::timeout, m_timer.get(), [this] { fire(); });
    }
    m_timer->start(delay);
}

void Timer::stop()
{
    if (!m_active)
        return;
    m_active = false;
    if (m_clock != nullptr)
        m_clock->remove(this);
    else
        m_timer->stop();
}

// The callback may delete this timer.
void Timer::fire()
{
    if (!m_active)
        return;
    m_active = false;
    const auto callback = m_callback;
    callback();
}

} // namespace MsgpackRpc
