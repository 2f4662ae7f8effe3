// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"

#include <QtCore/qglobal.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace MsgpackRpc {

/// The time that a message may take to arrive once it has begun to (Limits::halfMessageTime).
class HalfMessage
{
public:
    /// A half-received message lives on while so many bytes of it arrive within that time.
    static constexpr qsizetype Progress = 64 * 1024;

    /// \a onTime is called, from the event loop, \a time after watch(). It may stop() this, or end its owner.
    HalfMessage(std::chrono::milliseconds time, std::function<void()> onTime)
        : m_time(time), m_onTime(std::move(onTime))
    {
    }
    std::chrono::milliseconds time() const noexcept { return m_time; }

    /// Begins, unless it has begun: of the message after \a messages others, \a size bytes are there.
    void watch(quint64 messages, qsizetype size)
    {
        if (m_timer && m_timer->isActive())
            return;
        if (!m_timer)
            m_timer = std::make_unique<Timer>(m_onTime);
        m_messages = messages;
        m_size = size;
        m_timer->start(m_time);
    }
    /// True if it is another message by now, or enough more of it is there.
    bool goesOn(quint64 messages, qsizetype size) const noexcept
    {
        return m_messages != messages || size - m_size >= Progress;
    }
    /// The next watch() begins anew.
    void stop() { m_timer.reset(); }

private:
    const std::chrono::milliseconds m_time;
    const std::function<void()> m_onTime;
    std::unique_ptr<Timer> m_timer; // from the first half message on
    quint64 m_messages = 0;
    qsizetype m_size = 0;
};

} // namespace MsgpackRpc
