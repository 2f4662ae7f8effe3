// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "session/acceptedsession_p.h"

#include <MsgpackRpc/limits.h>

#include <QtCore/QList>

#include <functional>

namespace MsgpackRpc {

/// The sessions of sources of datagrams: nothing tells when one has ended, so that those which are silent make room.
class DatagramSessions
{
public:
    /// \a close ends a session, and takes it out by remove().
    DatagramSessions(const Limits &limits, std::function<void(AcceptedSession *)> close);

    /// Makes room for one more, if need be at the cost of the one that was silent longest; false if all are busy.
    bool makeRoom();
    void add(AcceptedSession *session);
    void remove(Session *session);
    qsizetype count() const { return m_sessions.size(); }

private:
    void expire();

    const Limits &m_limits;
    std::function<void(AcceptedSession *)> m_close;
    QList<AcceptedSession *> m_sessions;
    Timer m_timer;
};

} // namespace MsgpackRpc
