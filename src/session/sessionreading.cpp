// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "session/sessionresponder_p.h"

#include <algorithm>
#include <utility>

namespace MsgpackRpc {

namespace {

// After so long two peers that leave each other's answers are taken to wait for each other.
constexpr std::chrono::milliseconds StandstillTime(1000);
// And after so many times that, one that has taken nothing is not spared any more.
constexpr int LongStandstill = 60;

} // namespace

// A peer that has many requests in work, or does not read its answers, waits.
void SessionPrivate::updateReading(Transport &transport)
{
    Connection *const connection = transport.connection();
    if (connection == nullptr)
        return;
    const bool areLeft = leavesAnswers(transport);
    connection->setReadingPaused(areLeft || isHeldForWork(indexOf(transport)));
    if (areLeft)
        watchStandstill();
}

// Enough is in work when a request comes: no more are taken from there. What came over other connections is no reason: they
// may carry what the work needs to end.
void SessionPrivate::holdForWork(Transport &transport)
{
    m_isHeldForWork[indexOf(transport)] = true;
    updateReading(transport);
}

bool SessionPrivate::isHeldForWork(quint8 index)
{
    bool &isHeld = m_isHeldForWork[index];
    isHeld = isHeld && hasEnoughWork();
    if (isHeld && m_workElsewhere) {
        m_workElsewhere->await(); // some of it may have ended just now
        isHeld = hasEnoughWork();
    }
    return isHeld;
}

// What waits of our own calls is not the peer's fault: it may wait for answers itself before it reads them.
bool SessionPrivate::leavesAnswers(const Transport &transport) const
{
    const int looks = m_standstill ? m_standstill->looks[indexOf(transport)] : 0;
    if (looks >= LongStandstill)
        return false;
    const qsizetype most = looks > 0 ? 6 * backlog() : backlog();
    // It is read again below half: or each answer would change it.
    const bool isPaused = transport.connection()->isReadingPaused();
    return transport.queue().answerBytes() > (isPaused ? most / 2 : most);
}

void SessionPrivate::watchStandstill()
{
    if (!m_standstill)
        m_standstill.reset(new Standstill{Timer([this] { onStandstill(); }), {}, {}});
    if (!m_standstill->timer.isActive())
        m_standstill->timer.start(StandstillTime);
}

// Two that leave each other's answers would wait for ever. Whoever has something else to say than answers, or waits for some,
// reads on when the peer has taken nothing for a while. It may only be slow, and gets no more than it may leave, unless it
// takes nothing for long.
void SessionPrivate::onStandstill()
{
    bool areLeft = false;
    for (size_t i = 0; i < m_transports.size(); ++i) {
        int &looks = m_standstill->looks[i];
        const Connection *const connection =
                m_transports[i] ? m_transports[i]->connection() : nullptr;
        const qsizetype answers = m_transports[i] ? m_transports[i]->queue().answerBytes() : 0;
        if (connection == nullptr || answers <= backlog() / 2) {
            looks = 0;
            continue;
        }
        areLeft = true;
        const quint64 sent = connection->traffic().bytesSent;
        const bool stands = std::exchange(m_standstill->sent[i], sent) == sent;
        if (calls.size() == 0 && m_transports[i]->queue().size() == answers)
            looks = 0;
        else
            looks = stands ? std::min(looks + 1, LongStandstill) : std::min(looks, 1);
    }
    if (areLeft)
        m_standstill->timer.start(StandstillTime);
    resumeReading();
}

void SessionPrivate::limitsChanged()
{
    updateCongestion();
    for (const auto &transport : m_transports) {
        if (transport)
            updateReading(*transport);
    }
}

void SessionPrivate::resumeReading()
{
    for (const auto &transport : m_transports) {
        if (transport && transport->connection() != nullptr
            && transport->connection()->isReadingPaused())
            updateReading(*transport);
    }
}

// At least one: what is not read can't be ended.
bool SessionPrivate::hasEnoughWork() const
{
    const size_t elsewhere = m_workElsewhere ? size_t(m_workElsewhere->count()) : 0;
    return m_work.size() + elsewhere >= size_t(std::max(settings.limits.requestsInWork, 1));
}

std::shared_ptr<void> SessionPrivate::workBegunElsewhere(Transport &transport)
{
    if (!m_workElsewhere)
        m_workElsewhere = std::make_shared<WorkElsewhere>(anchor());
    auto work = m_workElsewhere->begin();
    if (hasEnoughWork())
        holdForWork(transport);
    return work;
}

void SessionPrivate::workBegun(quint64 id, const std::shared_ptr<SessionResponder> &responder)
{
    m_work.emplace(id, responder);
    if (hasEnoughWork())
        holdForWork(*transportAt(responder->transportIndex()));
}

void SessionPrivate::workEnded(quint64 id)
{
    if (m_work.erase(id) > 0)
        resumeReading();
}

} // namespace MsgpackRpc
