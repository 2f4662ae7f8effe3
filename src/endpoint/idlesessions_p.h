// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "session/acceptedsession_p.h"

#include <QtCore/QList>

#include <functional>

namespace MsgpackRpc {

/// Sessions that go when nothing has come or gone for some time, and nothing is in work.
class IdleSessions
{
public:
    /// A session stays for \a time, which outlives this, without traffic; for ever if that is negative. \a close ends a session,
    /// and takes it out by remove().
    IdleSessions(const std::chrono::milliseconds &time,
                 std::function<void(AcceptedSession *)> close);

    /// Makes room for one more where there are \a most, if need be at the cost of the one that was silent longest; false if
    /// all are busy.
    bool makeRoom(qsizetype most);
    void add(AcceptedSession *session);
    void remove(Session *session);
    /// The time is another.
    void timeChanged();
    qsizetype count() const { return m_entries.size(); }

private:
    struct Entry
    {
        AcceptedSession *session;
        quint64 traffic; // bytes at the last look
        qint64 since; // when that was first seen
    };
    static bool isIdle(Entry &entry);
    void expire();

    const std::chrono::milliseconds &m_time;
    std::function<void(AcceptedSession *)> m_close;
    QList<Entry> m_entries;
    Timer m_timer;
};

} // namespace MsgpackRpc
