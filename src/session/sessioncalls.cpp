// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// The table of calls is not searched for the late more often than this.
constexpr std::chrono::milliseconds Tick(20);
// Deadlines are kept in 32 bits.
constexpr qint64 LongestTimeout = 0x7fffffff - 1;

} // namespace

void SessionPrivate::enter(Detail::CallState *call, quint32 msgid, qint64 callTimeout,
                           Transport &transport, quint64 sequence)
{
    call->setOwner(this);
    call->msgid = msgid;
    call->sequence = quint32(sequence);
    call->transport = indexOf(transport);
    calls.insert(msgid, call);
    ++counters.callsMade;
    if (callTimeout < 0)
        return;
    // Rounded up: now() has whole milliseconds, and no call ends early.
    const qint64 deadline = Clock::after(
            Clock::now(), std::chrono::milliseconds(std::min(callTimeout, LongestTimeout) + 1));
    call->deadline = quint32(deadline);
    call->hasDeadline = true;
    if (m_nextDeadline < 0 || deadline < m_nextDeadline)
        watchDeadline(deadline);
}

// What was not written yet is not sent at all. Numbers are kept by their low bits: they are near to those of now.
void SessionPrivate::unqueue(const Detail::CallState &call)
{
    OutputQueue &queue = transportAt(call.transport)->queue();
    const quint64 unsent = queue.firstUnsent();
    queue.remove(unsent + quint64(qint64(qint32(call.sequence - quint32(unsent)))));
}

bool SessionPrivate::isWritten(const Detail::CallState &call, quint64 firstUnsent)
{
    return qint32(call.sequence - quint32(firstUnsent)) < 0;
}

// One timer for all calls: for the one that ends first when it was set. It is not stopped when that call has its
// answer, but finds out when it fires for which to wait next.
void SessionPrivate::watchDeadline(qint64 deadline)
{
    if (!m_deadlineTimer)
        m_deadlineTimer = std::make_unique<Timer>([this] { onDeadline(); });
    m_nextDeadline = deadline;
    m_deadlineTimer->start(std::chrono::milliseconds(std::max<qint64>(deadline - Clock::now(), 0)));
}

void SessionPrivate::onDeadline()
{
    const qint64 now = Clock::now();
    m_nextDeadline = -1;
    qint64 next = -1;
    const auto late = calls.takeIf([now, &next](const Detail::CallState &call) {
        if (!call.hasDeadline)
            return false;
        const qint64 left = qint32(call.deadline - quint32(now));
        if (left <= 0)
            return true;
        if (next < 0 || now + left < next)
            next = now + left;
        return false;
    });
    if (next >= 0)
        watchDeadline(std::max(next, Clock::after(now, Tick)));
    for (const CallTable::Call &call : late)
        unqueue(*call);
    outputShrunk();
    const Error error(Error::Timeout, QStringLiteral("no answer in time"));
    countFailed(error, late.size());
    // Last, since the callbacks may delete the session.
    endCalls(late, error);
}

void SessionPrivate::cancelCall(Detail::CallState &call)
{
    const CallTable::Call keep = calls.take(call.msgid);
    unqueue(call);
    outputShrunk();
    const Error error(Error::Canceled, QStringLiteral("the call was cancelled"));
    countFailed(error, 1);
    call.finishWithError(error, Detail::CallState::Later);
}

void SessionPrivate::flushCalls()
{
    const Running running(this);
    for (const auto &transport : m_transports) {
        if (transport)
            transport->flush();
    }
}

// Takes all out, to end them with \a why. What is not sent yet of them is not sent at all.
std::vector<CallTable::Call> SessionPrivate::takeCalls(const Error &why)
{
    auto open = calls.takeIf([](const Detail::CallState &) { return true; });
    for (const CallTable::Call &call : open)
        unqueue(*call);
    countFailed(why, open.size());
    return open;
}

void SessionPrivate::messageEnded()
{
    --openMessages;
    deleteIfOrphan();
}

// All of them have ended before the first is told: its callback may cancel another, wait for it or run an event loop.
void SessionPrivate::endCalls(const std::vector<CallTable::Call> &calls, const Error &error)
{
    const auto delivery = calls.size() == 1 ? Detail::CallState::Now : Detail::CallState::Later;
    for (const CallTable::Call &call : calls)
        call->finishWithError(error, delivery);
}

} // namespace MsgpackRpc
