// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "base/logging_p.h"
#include "session/answer_p.h"
#include "session/notificationlog_p.h"
#include "session/sessionresponder_p.h"

#include <utility>

namespace MsgpackRpc {

namespace {

// The answers to one call that is being dispatched. The connection outlives it, whatever user code deletes.
class ConnectionPort final : public Detail::AnswerPort
{
public:
    ConnectionPort(SessionPrivate *session, Transport &transport)
        : m_session(session), m_transport(&transport), m_connection(transport.connection())
    {
    }

    Writer *beginAnswer(quint32 msgid) override
    {
        if (!isOpen())
            return nullptr;
        Writer &writer = m_transport->queue().begin();
        m_hasBegun = true;
        Detail::writeAnswerHeader(writer, msgid, true);
        return &writer;
    }
    void commitAnswer(quint32 msgid) override
    {
        m_hasBegun = false;
        OutputQueue &queue = m_transport->queue();
        if (Q_UNLIKELY(!isOpen())) // any more: the next connection's peer has not asked
            return queue.rollback();
        const Limits &limits = m_session->settings.limits;
        if (Q_UNLIKELY(!Detail::isSendable(*m_transport, limits))) {
            const QString problem = Detail::answerProblem(*m_transport, limits);
            queue.rollback();
            return answerError(msgid, problem);
        }
        queue.commit(true);
        m_session->answerAdded(*m_transport);
    }
    void rollbackAnswer() override
    {
        if (std::exchange(m_hasBegun, false))
            m_transport->queue().rollback();
    }
    void answerError(quint32 msgid, const QVariant &error) override
    {
        if (!isOpen())
            return;
        // Apart: a conversion of the value may end the session.
        const Writer value = Detail::packError(error, m_session->settings.format);
        if (!isOpen())
            return;
        ++m_session->counters.errorsAnswered;
        Detail::writeErrorAnswer(*m_transport, msgid, value);
        m_session->answerAdded(*m_transport);
    }
    Responder makeResponder(quint32 msgid) override
    {
        return isOpen() ? SessionResponder::make(m_session, *m_transport, msgid) : Responder();
    }
    Session *session() const override { return m_session->caller(); }
    SessionHandle handle() override
    {
        return SessionHandle(SessionPrivate::get(m_session->caller())->anchor());
    }
    std::shared_ptr<void> beginWork() override
    {
        return isOpen() ? m_session->workBegunElsewhere(*m_transport) : nullptr;
    }
    bool isOpen() const override { return m_connection->isOpen(); }
    // What was begun is taken back.
    void dispatchThrew(IncomingCall &call, quint32 msgid, const QString &what)
    {
        const bool hasBegun = m_hasBegun;
        rollbackAnswer();
        if (hasBegun)
            answerError(msgid, what);
        else
            call.fail(what);
    }
    // The session may be gone, and the connection lives until it is not used any more.
    Detail::NotificationLog notificationLog() const override
    {
        return {isOpen() && m_session->settings.log ? m_session->settings.log->rate() : nullptr,
                m_connection->peerName()};
    }
    QSslCertificate peerCertificate() const override { return m_connection->peerCertificate(); }

private:
    SessionPrivate *m_session;
    Transport *m_transport;
    Connection *m_connection;
    bool m_hasBegun = false; // an answer, which is in the queue
};

} // namespace

void SessionPrivate::messageReceived(Transport &transport, Message &message)
{
    if (Q_UNLIKELY(gate != nullptr))
        return gate->messageReceived(q, message);
    if (Q_UNLIKELY(binder != nullptr) && !bind(transport, message))
        return;
    switch (message.type) {
    case Message::Response:
        return responseReceived(transport, message);
    case Message::Request:
    case Message::Notify:
        return callReceived(transport, message);
    case Message::Session:
        // Of interest to a cluster only, as the first message, which bind() has seen.
        qCDebug(lcSession).noquote() << "a SESSION message from" << loggable(lastPeerName);
        return;
    case Message::Option:
        break; // the connection's own
    }
}

// Who decides may delete the session: false if nothing more is to be done with the message.
bool SessionPrivate::bind(Transport &transport, const Message &message)
{
    SessionBinder *const decides = std::exchange(binder, nullptr);
    std::optional<Address> claimed;
    if (message.type == Message::Session)
        claimed = Address::fromBytes(message.address);
    const QPointer<Session> guard(q);
    QString refusal;
    Session *const wanted = decides->bind(q, claimed, &refusal);
    if (guard == nullptr || transport.connection() == nullptr)
        return false;
    if (wanted == nullptr) {
        transport.connection()->closeFor(Error::ProtocolViolation, refusal);
        return false;
    }
    if (wanted != q)
        m_boundTo = wanted;
    return true;
}

void SessionPrivate::responseReceived(Transport &transport, Message &message)
{
    if (Q_UNLIKELY(message.fault == Message::Stray)) {
        qCDebug(lcSession).noquote()
                << "ignoring a response from" << loggable(lastPeerName) + QLatin1Char(':')
                << loggable(message.faultText);
        return;
    }
    Detail::CallState *const waiting = calls.find(message.msgid);
    if (waiting == nullptr || waiting->transport != indexOf(transport)
        || !isWritten(*waiting, transport.queue().firstUnsent())) {
        qCDebug(lcSession).noquote() << "ignoring a response to nobody, msgid" << message.msgid
                                     << "from" << loggable(lastPeerName);
        return;
    }
    const CallTable::Call call = calls.take(message.msgid);
    // nil is success; so is false with a result, to the original implementation.
    const uchar error = uchar(message.error.front());
    if (Q_LIKELY(error == 0xc0 || error == 0xc2)) {
        ++counters.callsAnswered;
        Reader reader(message.result, message.frame.isNull() ? nullptr : &message.frame);
        call->finishWithResult(reader);
        return;
    }
    QVariant data;
    QVariant result;
    Reader errorReader(message.error);
    Reader resultReader(message.result);
    Codec<QVariant>::read(errorReader, data);
    Codec<QVariant>::read(resultReader, result);
    ++counters.callsFailedBy[Error::RemoteError];
    call->finishWithError(Error::fromRemote(data, result), Detail::CallState::Now);
}

void SessionPrivate::callReceived(Transport &transport, Message &message)
{
    const bool isNotification = message.type == Message::Notify;
    ++(isNotification ? counters.notificationsReceived : counters.requestsReceived);
    ConnectionPort port(this, transport);
    IncomingCall call(&port, message.method.name, message.method.number, message.method.isNumber,
                      message.params, message.frame.isNull() ? nullptr : &message.frame,
                      message.msgid, isNotification);
    if (Q_UNLIKELY(message.fault == Message::BadCall)) {
        ++counters.badCalls;
        peerWarning(settings.log.get(), lcSession)
                << "a bad" << (isNotification ? "notification" : "request") << "from"
                << loggable(lastPeerName) + QLatin1Char(':') << loggable(message.faultText);
        if (!isNotification)
            call.fail(message.faultText);
        return;
    }
    // In a pause only what a peer has left that is gone is read: nobody waits for the answer.
    if (!isNotification && Q_UNLIKELY(transport.connection()->isReadingPaused()) && hasEnoughWork())
        return;
    // The session may be gone when the dispatcher returns, and so may the connection be; the port knows.
    const Running running(this);
    try {
        dispatcher->dispatch(call);
    } catch (...) { // a dispatcher of the user's
        return port.dispatchThrew(call, message.msgid, Detail::thrownText());
    }
    if (!isNotification && !call.isAnswered() && port.isOpen())
        call.fail(QStringLiteral("the method `%1' ended without an answer").arg(call.methodText()));
}

bool SessionPrivate::canAnswer(const Transport *transport, quint32 generation) const
{
    return transport != nullptr && transport->connection() != nullptr
           && transport->generation() == generation;
}

void SessionPrivate::answerAdded(Transport &transport)
{
    if (Q_UNLIKELY(transport.queue().size() > settings.limits.queuedBytes)
        && transport.queue().answerBytes() > settings.limits.queuedBytes) {
        transport.connection()->closeFor(
                Error::LimitExceeded,
                QStringLiteral("no answers: more than %1 bytes of them wait to be read")
                        .arg(settings.limits.queuedBytes));
        return;
    }
    if (Q_LIKELY(transport.queue().size() < Connection::FlushFrom))
        return transport.outputAdded();
    const Running running(this);
    transport.outputAdded();
    if (transport.queue().size() <= backlog())
        return;
    outputGrown(transport);
    if (transport.connection() != nullptr && leavesAnswers(transport))
        updateReading(transport);
}

void SessionPrivate::outputDrained(Transport &transport)
{
    outputShrunk();
    if (Q_UNLIKELY(transport.connection()->isReadingPaused()))
        updateReading(transport);
}

// Those who work for callers that have come over \a transport, or over any if it is null. They are to be told.
std::vector<std::shared_ptr<SessionResponder>> SessionPrivate::takeWork(const Transport *transport)
{
    std::vector<std::shared_ptr<SessionResponder>> canceled;
    for (auto it = m_work.begin(); it != m_work.end();) {
        const auto responder = it->second.lock();
        if (responder && transport != nullptr
            && responder->transportIndex() != indexOf(*transport)) {
            ++it;
            continue;
        }
        if (responder)
            canceled.push_back(responder);
        it = m_work.erase(it);
    }
    return canceled;
}

} // namespace MsgpackRpc
