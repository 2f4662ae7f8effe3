// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QElapsedTimer>

namespace MsgpackRpc {

/// What is left of what one turn of the event loop may do on one connection, so that a 16 ms frame of a GUI is not
/// missed.
class TurnBudget
{
public:
    /// Counts a message; false if it was the last one of this turn.
    bool takeMessage()
    {
        if (--m_messages <= 0)
            return false;
        return m_messages % MessagesPerLook != 0 || hasTime();
    }
    /// Counts bytes; false if they were the last ones of this turn.
    bool takeBytes(qsizetype size)
    {
        return (m_bytes -= size) > 0 && (size < BytesPerLook || hasTime());
    }

private:
    bool hasTime()
    {
        if (m_timer.isValid())
            return m_timer.elapsed() < TimePerTurn;
        m_timer.start();
        return true;
    }

    static constexpr int MessagesPerTurn = 4096;
    static constexpr int MessagesPerLook = 32;
    static constexpr qint64 TimePerTurn = 4; // ms
    static constexpr qsizetype BytesPerTurn = 8 * 1024 * 1024;
    static constexpr qsizetype BytesPerLook =
            32 * 1024; // fewer are too quickly done to ask for the time

    int m_messages = MessagesPerTurn;
    qsizetype m_bytes = BytesPerTurn;
    QElapsedTimer m_timer;
};

} // namespace MsgpackRpc
