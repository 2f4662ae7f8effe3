// SPDX-License-Identifier: Apache-2.0
#include "base/clock_p.h"

#include <QtCore/QTimer>

#include <algorithm>
#include <limits>

namespace MsgpackRpc {

namespace {

// QTimer has an int of milliseconds.
constexpr std::chrono::milliseconds LongestStep = std::chrono::hours(24);

thread_local Clock *installedClock = nullptr;

} // namespace

qint64 Clock::now() noexcept
{
    if (Q_UNLIKELY(installedClock != nullptr))
        return installedClock->time();
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

qint64 Clock::after(qint64 time, std::chrono::milliseconds delay) noexcept
{
    constexpr qint64 latest = std::numeric_limits<qint64>::max();
    return delay.count() > latest - time ? latest : time + std::max<qint64>(delay.count(), 0);
}

Clock *Clock::installed() noexcept
{
    return installedClock;
}

void Clock::install(Clock *clock) noexcept
{
    installedClock = clock;
}

int waitingTime(std::chrono::milliseconds time) noexcept
{
    return int(std::clamp<qint64>(time.count(), 0, std::numeric_limits<int>::max()));
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
        m_clock->add(this, Clock::after(m_clock->time(), delay));
        return;
    }
    if (!m_timer) {
        m_timer = std::make_unique<QTimer>();
        m_timer->setSingleShot(true);
        m_timer->setTimerType(Qt::PreciseTimer);
        QObject::connect(m_timer.get(), &QTimer::timeout, m_timer.get(), [this] {
            if (m_left.count() > 0)
                step();
            else
                fire();
        });
    }
    m_left = std::max(delay, std::chrono::milliseconds(0));
    step();
}

void Timer::step()
{
    const std::chrono::milliseconds part = std::min(m_left, LongestStep);
    m_left -= part;
    m_timer->start(part);
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
