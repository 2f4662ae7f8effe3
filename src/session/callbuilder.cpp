// SPDX-License-Identifier: Apache-2.0
#include "session/answer_p.h"
#include "session/session_p.h"

#include "base/logging_p.h"

#include <algorithm>

namespace MsgpackRpc::Detail {

namespace {

// A conversion that calls with what it converts would go on until the stack is used up.
constexpr int MostOpen = 100;

} // namespace

CallBuilder::CallBuilder(const CallTarget &target, const MethodName &method, Kind kind)
    : m_kind(kind)
{
    if (Q_UNLIKELY(!check(target, method)))
        return;
    // A call in a conversion of another, which has the next msgid but will be entered later.
    if (Q_UNLIKELY(m_session->openMessages++ > 0))
        m_session->calls.skipId();
    m_writer = &m_transport->queue().begin();
    writeHeader(method, target.prefix);
}

// Everything that can be said against the call before its arguments are packed.
bool CallBuilder::check(const CallTarget &target, const MethodName &method)
{
    if (target.session == nullptr) {
        refuse(Error(Error::NotConnectable, QStringLiteral("the session is gone")));
        return false;
    }
    SessionPrivate *const session = target.session->d.get();
    if (!session->checkThread()) {
        refuse(Error(Error::WrongThread,
                     QStringLiteral("the session lives in another thread; use Session::handle()")));
        return false;
    }
    m_session = session;
    if (session->isOver()) {
        refuseClosed();
        return false;
    }
    if (Q_UNLIKELY(session->openMessages >= MostOpen)) {
        refuse(Error(Error::InvalidArguments,
                     QStringLiteral("more than %1 calls, each in a conversion of another")
                             .arg(MostOpen)));
        return false;
    }
    const Limits &limits = session->settings.limits;
    if (m_kind == Request && session->calls.size() >= limits.pendingCalls) {
        refuse(Error(Error::LimitExceeded,
                     QStringLiteral("more than %1 calls would wait for an answer")
                             .arg(limits.pendingCalls)));
        return false;
    }
    if (method.name().size() + (target.prefix != nullptr ? target.prefix->size() : 0) > 0xffff) {
        refuse(Error(Error::InvalidArguments,
                     QStringLiteral("a method's name is longer than 65535 bytes")));
        return false;
    }
    m_timeout = (target.timeout ? *target.timeout : session->timeout).count();
    m_transport = session->transport(target.option ? *target.option : session->option);
    return true;
}

// `[0, msgid, method` or `[2, method`: the arguments follow.
void CallBuilder::writeHeader(const MethodName &method, const QByteArray *prefix)
{
    constexpr qsizetype ShortName = 32;
    char header[16 + ShortName];
    char *end = header;
    if (m_kind == Request) {
        m_msgid = m_session->calls.nextId();
        *end++ = char(0x94);
        *end++ = 0x00;
        end = packMsgid(end, m_msgid);
    } else {
        *end++ = char(0x93);
        *end++ = 0x02;
    }
    const QByteArrayView object = prefix != nullptr ? QByteArrayView(*prefix) : QByteArrayView();
    const qsizetype size = object.size() + method.name().size();
    if (Q_LIKELY(!method.isNumber() && size < ShortName)) {
        *end++ = char(0xa0 | size);
        if (prefix != nullptr)
            end = std::copy_n(object.data(), object.size(), end);
        end = std::copy_n(method.name().data(), method.name().size(), end);
        m_writer->append(header, size_t(end - header));
        return;
    }
    m_writer->append(header, size_t(end - header));
    if (prefix == nullptr && method.isNumber()) {
        m_writer->writeSigned(method.number());
        return;
    }
    const QByteArray digits =
            method.isNumber() ? QByteArray::number(method.number()) : QByteArray();
    const QByteArrayView name = digits.isNull() ? method.name() : QByteArrayView(digits);
    const QByteArray whole = object.toByteArray() + name.toByteArray();
    m_writer->writeString(QByteArrayView(whole));
}

CallBuilder::~CallBuilder()
{
    if (m_writer == nullptr)
        return;
    m_transport->queue().rollback();
    m_session->messageEnded();
}

void CallBuilder::refuse(Error error)
{
    m_error = std::move(error);
}

void CallBuilder::refuseClosed()
{
    refuse(Error(Error::NotConnectable,
                 QStringLiteral("the session is closed and cannot connect again")));
}

// Whether what was packed can be queued. A conversion may have closed or deleted the session.
bool CallBuilder::isComplete()
{
    if (Q_UNLIKELY(m_writer == nullptr))
        return false;
    const OutputQueue &queue = m_transport->queue();
    const Limits &limits = m_session->settings.limits;
    const qsizetype size = queue.openSize();
    if (Q_UNLIKELY(m_session->isOver()))
        refuseClosed();
    else if (Q_UNLIKELY(m_writer->hasFailed()))
        refuse(Error(Error::InvalidArguments,
                     QStringLiteral("the arguments: %1").arg(m_writer->failure())));
    else if (Q_UNLIKELY(size > limits.messageBytes))
        refuse(Error(Error::LimitExceeded,
                     QStringLiteral("a message of %1 bytes, and at most %2 are allowed")
                             .arg(size)
                             .arg(limits.messageBytes)));
    else if (Q_UNLIKELY(queue.size() + size > limits.queuedBytes))
        refuse(Error(Error::LimitExceeded,
                     QStringLiteral("more than %1 bytes would wait to be sent")
                             .arg(limits.queuedBytes)));
    else if (Q_UNLIKELY(!m_transport->fits()))
        refuse(Error(Error::LimitExceeded, m_transport->sizeProblem()));
    else
        return true;
    return false;
}

void CallBuilder::finish(CallState *state)
{
    if (Q_UNLIKELY(!isComplete())) {
        if (m_session != nullptr)
            m_session->countFailed(m_error, 1);
        state->finishWithError(m_error, CallState::Later);
        return;
    }
    const quint64 sequence = m_transport->queue().commit();
    m_writer = nullptr;
    --m_session->openMessages;
    m_session->enter(state, m_msgid, m_timeout, *m_transport, sequence);
    m_session->outputGrown(*m_transport);
    m_transport->outputAdded();
}

bool CallBuilder::finishNotification()
{
    if (Q_UNLIKELY(!isComplete())) {
        if (m_session != nullptr)
            m_session->dropped(1, m_error);
        else
            qCWarning(lcSession).noquote()
                    << "a notification was dropped:" << loggable(m_error.message());
        return false;
    }
    m_transport->queue().commit();
    m_writer = nullptr;
    --m_session->openMessages;
    ++m_session->counters.notificationsMade;
    m_session->outputGrown(*m_transport);
    m_transport->outputAdded();
    return true;
}

} // namespace MsgpackRpc::Detail
