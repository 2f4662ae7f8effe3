// SPDX-License-Identifier: Apache-2.0
#include "session/sessionresponder_p.h"

#include "base/logging_p.h"
#include "session/answer_p.h"
#include "session/session_p.h"

namespace MsgpackRpc {

Responder SessionResponder::make(SessionPrivate *session, Transport &transport, quint32 msgid)
{
    const std::shared_ptr<SessionResponder> state(new SessionResponder);
    state->m_anchor = session->anchor();
    state->m_route = {session->nextWorkId(), msgid, transport.generation(),
                      SessionPrivate::indexOf(transport)};
    session->workBegun(state->m_route.id, state);
    return Responder(state);
}

SessionResponder::~SessionResponder()
{
    if (!m_answered && !m_canceled)
        fail(QStringLiteral("the method ended without an answer"));
}

// True for the first answer.
bool SessionResponder::begin()
{
    const QMutexLocker lock(&m_mutex);
    return !std::exchange(m_answered, true);
}

bool SessionResponder::answer(const std::function<void(Writer &)> &write)
{
    if (!begin())
        return false;
    OutputQueue queue(m_anchor->format());
    Writer &writer = queue.begin();
    Detail::writeAnswerHeader(writer, m_route.msgid, true);
    try {
        write(writer);
    } catch (...) {
        writer.fail(Detail::thrownText());
    }
    const QString failure = writer.failure();
    m_route.isError = !failure.isNull();
    if (m_route.isError) {
        queue.rollback();
        Detail::writeErrorAnswer(
                queue, m_route.msgid,
                Detail::packError(QStringLiteral("the result cannot be sent: %1").arg(failure),
                                  m_anchor->format()));
    } else {
        queue.commit();
    }
    send(queue.take());
    return true;
}

bool SessionResponder::fail(const QVariant &error)
{
    if (!begin())
        return false;
    m_route.isError = true;
    OutputQueue queue(m_anchor->format());
    Detail::writeErrorAnswer(queue, m_route.msgid,
                             Detail::packError(Detail::sentError(error), m_anchor->format()));
    send(queue.take());
    return true;
}

// In the session's own thread the answer is queued at once: later answers must not overtake it.
void SessionResponder::send(const QByteArray &message)
{
    if (Session *const session = m_anchor->local()) {
        deliver(*SessionPrivate::get(session), m_route, message);
        return;
    }
    m_anchor->post([anchor = m_anchor, route = m_route, message] {
        if (Session *const session = anchor->local())
            deliver(*SessionPrivate::get(session), route, message);
    });
}

void SessionResponder::deliver(SessionPrivate &session, const Route &route,
                               const QByteArray &message)
{
    Transport *const transport = session.transportAt(route.transport);
    const bool isOpen = session.canAnswer(transport, route.generation);
    if (isOpen) {
        OutputQueue &queue = transport->queue();
        queue.begin().writeRaw(message);
        const Limits &limits = session.settings.limits;
        if (Detail::isSendable(*transport, limits)) {
            queue.commit(true);
            session.counters.errorsAnswered += route.isError ? 1 : 0;
        } else {
            const QString problem = Detail::answerProblem(*transport, limits);
            queue.rollback();
            ++session.counters.errorsAnswered;
            Detail::writeErrorAnswer(*transport, route.msgid,
                                     Detail::packError(problem, session.settings.format));
        }
    }
    session.workEnded(route.id);
    if (isOpen)
        session.answerAdded(*transport); // may close the connection, and so end the session
}

bool SessionResponder::isAnswered() const
{
    const QMutexLocker lock(&m_mutex);
    return m_answered;
}

bool SessionResponder::isCanceled() const
{
    const QMutexLocker lock(&m_mutex);
    return m_canceled;
}

void SessionResponder::onCanceled(std::function<void()> callback)
{
    {
        const QMutexLocker lock(&m_mutex);
        if (!m_canceled) {
            m_callbacks.push_back(std::move(callback));
            return;
        }
    }
    callback();
}

void SessionResponder::cancel()
{
    std::vector<std::function<void()>> callbacks;
    {
        const QMutexLocker lock(&m_mutex);
        m_canceled = true;
        callbacks.swap(m_callbacks);
    }
    for (const auto &callback : callbacks)
        callback();
}

} // namespace MsgpackRpc
