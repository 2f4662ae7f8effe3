// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "base/logging_p.h"
#include "session/answer_p.h"
#include "session/notificationlog_p.h"
#include "session/sessionresponder_p.h"

#include <algorithm>

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
        if (Q_UNLIKELY(m_transport->queue().isOpen())) {
            m_aside = std::make_unique<OutputQueue>(m_session->settings.format);
            return &m_aside->begin();
        }
        Writer &writer = m_transport->queue().begin();
        Detail::writeAnswerHeader(writer, msgid, true);
        return &writer;
    }
    void commitAnswer(quint32 msgid) override
    {
        if (Q_UNLIKELY(m_aside != nullptr))
            return commitAside(msgid);
        OutputQueue &queue = m_transport->queue();
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
        if (!std::exchange(m_aside, nullptr))
            m_transport->queue().rollback();
    }
    void answerError(quint32 msgid, const QVariant &error) override
    {
        if (!isOpen())
            return;
        if (Q_UNLIKELY(m_transport->queue().isOpen())) {
            makeResponder(msgid).error(error); // which waits until the other message is packed
            return;
        }
        ++m_session->counters.errorsAnswered;
        Detail::writeErrorAnswer(*m_transport, msgid, error);
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
    bool isOpen() const override { return m_connection->isOpen(); }
    // The session may be gone, and the connection lives until it is not used any more.
    Detail::NotificationLog notificationLog() const override
    {
        return {isOpen() && m_session->settings.log ? m_session->settings.log->rate() : nullptr,
                m_connection->peerName()};
    }
    QSslCertificate peerCertificate() const override { return m_connection->peerCertificate(); }

private:
    // In the middle of another message, whose conversion runs an event loop. A responder waits until that is packed.
    void commitAside(quint32 msgid)
    {
        const std::unique_ptr<OutputQueue> aside = std::move(m_aside);
        if (aside->hasFailed())
            return answerError(
                    msgid, QStringLiteral("the result cannot be sent: %1").arg(aside->failure()));
        aside->commit();
        const QByteArray result = aside->take();
        makeResponder(msgid).answer([&result](Writer &writer) { writer.writeRaw(result); });
    }

    SessionPrivate *m_session;
    Transport *m_transport;
    Connection *m_connection;
    std::unique_ptr<OutputQueue> m_aside; // an answer that is made while another message is
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
        qCDebug(lcSession).noquote() << "a SESSION message from" << lastPeerName;
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
        qCDebug(lcSession).noquote() << "ignoring a response from"
                                     << lastPeerName + QLatin1Char(':') << message.faultText;
        return;
    }
    Detail::CallState *const waiting = calls.find(message.msgid);
    if (waiting == nullptr || waiting->transport != indexOf(transport)
        || !isWritten(*waiting, transport.queue().firstUnsent())) {
        qCDebug(lcSession).noquote() << "ignoring a response to nobody, msgid" << message.msgid
                                     << "from" << lastPeerName;
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
                << lastPeerName + QLatin1Char(':') << message.faultText;
        if (!isNotification)
            call.fail(message.faultText);
        return;
    }
    // In a pause only what a peer has left that is gone is read: nobody waits for the answer.
    if (!isNotification && Q_UNLIKELY(hasEnoughWork()) && transport.connection()->isReadingPaused())
        return;
    dispatcher->dispatch(call);
    // From here on this may be gone; the port knows.
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
    if (Q_UNLIKELY(transport.queue().size() > settings.limits.queuedBytes)) {
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
    updateReading(transport);
}

void SessionPrivate::outputDrained(Transport &transport)
{
    outputShrunk();
    if (Q_UNLIKELY(transport.connection()->isReadingPaused()))
        updateReading(transport);
}

// A peer that has many requests in work, or does not read its answers, waits.
void SessionPrivate::updateReading(Transport &transport)
{
    Connection *const connection = transport.connection();
    if (connection == nullptr)
        return;
    // It is read again below half: or each answer would change it.
    const qsizetype allowed = connection->isReadingPaused() ? backlog() / 2 : backlog();
    const bool pause = hasEnoughWork() || transport.queue().size() > allowed;
    connection->setReadingPaused(pause);
}

void SessionPrivate::limitsChanged()
{
    updateCongestion();
    for (const auto &transport : m_transports) {
        if (transport)
            updateReading(*transport);
    }
}

// At least one: what is not read can't be ended.
bool SessionPrivate::hasEnoughWork() const
{
    return m_work.size() >= size_t(std::max(settings.limits.requestsInWork, 1));
}

void SessionPrivate::workBegun(quint64 id, const std::shared_ptr<SessionResponder> &responder)
{
    m_work.emplace(id, responder);
    if (hasEnoughWork())
        updateReading(*transportAt(responder->transportIndex()));
}

void SessionPrivate::workEnded(quint64 id, quint8 transportIndex)
{
    if (m_work.erase(id) == 0)
        return;
    Transport *const transport = transportAt(transportIndex);
    if (transport != nullptr && transport->connection() != nullptr
        && transport->connection()->isReadingPaused())
        updateReading(*transport);
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
