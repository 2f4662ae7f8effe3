// SPDX-License-Identifier: Apache-2.0
#include "endpoint/datagramsessions_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr qint64 Soonest = 100; // ms; those that are busy are not looked at more often

} // namespace

DatagramSessions::DatagramSessions(const Limits &limits,
                                   std::function<void(AcceptedSession *)> close)
    : m_limits(limits), m_close(std::move(close)), m_timer([this] { expire(); })
{
}

bool DatagramSessions::makeRoom()
{
    if (m_sessions.size() < m_limits.datagramSessions)
        return true;
    AcceptedSession *longest = nullptr;
    for (AcceptedSession *session : std::as_const(m_sessions)) {
        if (!session->isBusy()
            && (longest == nullptr || session->lastHeard() < longest->lastHeard()))
            longest = session;
    }
    if (longest == nullptr)
        return false;
    m_close(longest); // may delete this
    return true;
}

void DatagramSessions::add(AcceptedSession *session)
{
    m_sessions.append(session);
    if (!m_timer.isActive())
        m_timer.start(m_limits.datagramIdleTime);
}

void DatagramSessions::remove(Session *session)
{
    m_sessions.removeIf([session](const AcceptedSession *other) { return other == session; });
    if (m_sessions.isEmpty())
        m_timer.stop();
}

// Closing tells the user, who may do anything: one at a time, and what is left at the next look, which is at once.
void DatagramSessions::expire()
{
    const qint64 now = Clock::now();
    const qint64 time = std::max<qint64>(m_limits.datagramIdleTime.count(), 0);
    qint64 next = time;
    AcceptedSession *idle = nullptr;
    for (AcceptedSession *session : std::as_const(m_sessions)) {
        const qint64 left = time - (now - session->lastHeard());
        if (session->isBusy())
            continue;
        if (left <= 0)
            idle = session;
        next = std::min(next, std::max<qint64>(left, 0));
    }
    if (idle == nullptr)
        next = std::max(next, Soonest);
    if (!m_sessions.isEmpty())
        m_timer.start(std::chrono::milliseconds(next));
    if (idle != nullptr)
        m_close(idle);
}

} // namespace MsgpackRpc
