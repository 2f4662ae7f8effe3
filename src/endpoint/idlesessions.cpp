// SPDX-License-Identifier: Apache-2.0
#include "endpoint/idlesessions_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr qint64 Soonest = 100; // ms; those that are busy are not looked at more often

} // namespace

IdleSessions::IdleSessions(const std::chrono::milliseconds &time,
                           std::function<void(AcceptedSession *)> close)
    : m_time(time), m_close(std::move(close)), m_timer([this] { expire(); })
{
}

// Brings \a entry up to date; false if its session is busy. It is known when the last datagram came. Streams do not look
// at the clock each time: that something has come or gone is seen at the next look, so that an idle one may stay for
// twice its time.
bool IdleSessions::isIdle(Entry &entry)
{
    if (const qint64 heard = entry.session->lastHeard(); heard >= 0) {
        entry.since = heard;
        return !entry.session->isBusy();
    }
    const quint64 traffic = entry.session->bytesTransferred();
    const bool isBusy = entry.session->isBusy();
    if (isBusy || traffic != entry.traffic)
        entry.since = Clock::now();
    entry.traffic = traffic;
    return !isBusy;
}

bool IdleSessions::makeRoom(qsizetype most)
{
    if (m_entries.size() < most)
        return true;
    const Entry *longest = nullptr;
    for (Entry &entry : m_entries) {
        if (isIdle(entry) && (longest == nullptr || entry.since < longest->since))
            longest = &entry;
    }
    if (longest == nullptr)
        return false;
    m_close(longest->session); // may delete this
    return true;
}

void IdleSessions::add(AcceptedSession *session)
{
    m_entries.append({session, session->bytesTransferred(), Clock::now()});
    if (!m_timer.isActive() && m_time.count() >= 0)
        m_timer.start(m_time);
}

void IdleSessions::remove(Session *session)
{
    m_entries.removeIf([session](const Entry &entry) { return entry.session == session; });
    if (m_entries.isEmpty())
        m_timer.stop();
}

void IdleSessions::timeChanged()
{
    if (m_time.count() < 0)
        m_timer.stop();
    else if (!m_entries.isEmpty())
        m_timer.start(m_time);
}

// Closing tells the user, who may do anything: one at a time, and what is left at the next look, which is at once.
void IdleSessions::expire()
{
    const qint64 now = Clock::now();
    const qint64 time = m_time.count();
    qint64 next = time;
    AcceptedSession *idle = nullptr;
    for (Entry &entry : m_entries) {
        if (!isIdle(entry))
            continue;
        const qint64 left = time - (now - entry.since);
        if (left <= 0)
            idle = entry.session;
        next = std::min(next, std::max<qint64>(left, 0));
    }
    if (idle == nullptr)
        next = std::max(next, Soonest);
    if (!m_entries.isEmpty())
        m_timer.start(std::chrono::milliseconds(next));
    if (idle != nullptr)
        m_close(idle);
}

} // namespace MsgpackRpc
