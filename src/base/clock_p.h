// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QtGlobal>

#include <chrono>
#include <functional>
#include <memory>

QT_BEGIN_NAMESPACE
class QTimer;
QT_END_NAMESPACE

namespace MsgpackRpc {

class Timer;

/// Where the library's time comes from. The steady clock of the system, unless a clock of <MsgpackRpc/Testing> is
/// installed in the thread.
class Clock
{
public:
    /// Milliseconds since some fixed point; never goes back.
    static qint64 now() noexcept;
    /// \a delay after \a time; the latest time there is if that is later.
    static qint64 after(qint64 time, std::chrono::milliseconds delay) noexcept;
    /// The clock that is installed in this thread; null for the system's.
    static Clock *installed() noexcept;

    /// Milliseconds of this clock.
    virtual qint64 time() const noexcept = 0;
    /// Calls fire() of \a timer once at \a deadline.
    virtual void add(Timer *timer, qint64 deadline) = 0;
    /// Forgets \a timer.
    virtual void remove(Timer *timer) = 0;

protected:
    Clock() = default;
    ~Clock() = default;
    /// Installs \a clock, or none, in this thread.
    static void install(Clock *clock) noexcept;
};

/// What functions take that wait for a number of milliseconds and mean "for ever" by a negative one: none if \a time is
/// negative, and the most there is, 24 days, if it is longer.
int waitingTime(std::chrono::milliseconds time) noexcept;

/// A single-shot timer that follows the clock. Belongs to one thread.
class Timer
{
public:
    explicit Timer(std::function<void()> callback);
    ~Timer();

    /// Fires once in \a delay, at once if that is negative, and no longer when it was to before.
    void start(std::chrono::milliseconds delay);
    /// Does not fire.
    void stop();
    /// True between start() and firing.
    bool isActive() const noexcept { return m_active; }
    /// Called by the clock.
    void fire();
    /// Called by an installed clock that ends before this timer: it does not fire.
    void abandon() noexcept { m_active = false; }

private:
    void step();

    std::function<void()> m_callback;
    std::unique_ptr<QTimer> m_timer; // of the system's clock, made at first use
    std::chrono::milliseconds m_left{0}; // of the delay, when m_timer has fired
    Clock *m_clock = nullptr; // the installed clock that it waits for
    bool m_active = false;

    Q_DISABLE_COPY_MOVE(Timer)
};

} // namespace MsgpackRpc
