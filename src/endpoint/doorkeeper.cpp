// SPDX-License-Identifier: Apache-2.0
#include "endpoint/doorkeeper_p.h"

#include "base/logging_p.h"
#include "session/answer_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QCryptographicHash>
#include <QtCore/QMessageAuthenticationCode>
#include <QtCore/QRandomGenerator>

#include <algorithm>

namespace MsgpackRpc {

namespace {

// A stranger's message may have so many bytes, and a token has to fit into it.
constexpr qsizetype StrangersBytes = 16 * 1024;
constexpr int KeyWords = 8;
// Many that come at once may have sent their tokens, which are to be read before anybody has to go.
constexpr std::chrono::milliseconds TimeToIntroduce(20);

QByteArray randomKey()
{
    std::array<quint32, KeyWords> words{};
    QRandomGenerator::system()->fillRange(words.data(), qsizetype(words.size()));
    return QByteArray(reinterpret_cast<const char *>(words.data()), sizeof words);
}

Connection *connectionOf(Session *session)
{
    return SessionPrivate::get(session)->transportAt(0)->connection();
}

} // namespace

Doorkeeper::Doorkeeper(const SessionSettings &settings) : m_settings(settings), m_key(randomKey())
{
}

Doorkeeper::~Doorkeeper()
{
    m_context.reset(); // what others decide from now on goes nowhere
}

void Doorkeeper::setToken(const QByteArray &token)
{
    if (token.size() > LongestToken)
        qCWarning(lcEndpoint) << "a token of more than" << LongestToken
                              << "bytes: nobody can send it, so that nobody can come in";
    m_digest = token.isEmpty()
                       ? QByteArray()
                       : QMessageAuthenticationCode::hash(token, m_key, QCryptographicHash::Sha256);
}

void Doorkeeper::setAuthenticator(Authenticator authenticator, bool wantsToken)
{
    m_authenticator = std::move(authenticator);
    m_wantsToken = wantsToken;
}

QList<AcceptedSession *> Doorkeeper::sessions() const
{
    QList<AcceptedSession *> all;
    for (const Visitor &visitor : m_visitors)
        all.append(visitor.session);
    return all;
}

Doorkeeper::Visitor *Doorkeeper::find(quint64 id)
{
    const auto it = std::find_if(m_visitors.begin(), m_visitors.end(),
                                 [id](const Visitor &visitor) { return visitor.id == id; });
    return it != m_visitors.end() ? &*it : nullptr;
}

Doorkeeper::Visitor *Doorkeeper::find(const Session *session)
{
    const auto it =
            std::find_if(m_visitors.begin(), m_visitors.end(),
                         [session](const Visitor &visitor) { return visitor.session == session; });
    return it != m_visitors.end() ? &*it : nullptr;
}

bool Doorkeeper::remove(Session *session)
{
    const auto it =
            std::find_if(m_visitors.begin(), m_visitors.end(),
                         [session](const Visitor &visitor) { return visitor.session == session; });
    if (it == m_visitors.end())
        return false;
    if (const auto admission = it->admission.lock())
        admission->decide = nullptr;
    m_visitors.erase(it);
    return true;
}

void Doorkeeper::examine(AcceptedSession *session)
{
    if (!m_context)
        m_context = std::make_shared<QObject>();
    const Limits &limits = m_settings.transport.limits;
    const quint64 id = ++m_lastId;
    Visitor added;
    added.id = id;
    added.session = session;
    added.timer = std::make_unique<Timer>([this, id] {
        decide(id, false, QStringLiteral("it was not decided in time whether it may come in"));
    });
    added.timer->start(limits.authenticationTime);
    m_visitors.push_back(std::move(added));
    SessionPrivate::get(session)->gate = this;
    connectionOf(session)->setMessageBytes(std::min(StrangersBytes, limits.messageBytes));
    connectionOf(session)->setStranger(true);
    if (hasTooMany())
        makeRoomSoon();
    if (!hasToken() && !m_wantsToken)
        ask(m_visitors.back(), {});
}

bool Doorkeeper::hasTooMany() const
{
    const auto strangers = std::count_if(m_visitors.cbegin(), m_visitors.cend(),
                                         [](const Visitor &visitor) { return !visitor.isLetIn; });
    return strangers > std::max(m_settings.transport.limits.unauthenticatedConnections, 1);
}

void Doorkeeper::makeRoomSoon()
{
    if (!m_roomTimer)
        m_roomTimer = std::make_unique<Timer>([this] { makeRoom(); });
    if (!m_roomTimer->isActive())
        m_roomTimer->start(TimeToIntroduce);
}

// Many strangers that say nothing cannot keep others out: who has waited longest makes room. Without an answer, which
// would be final: it may try again.
void Doorkeeper::makeRoom()
{
    const std::weak_ptr<QObject> context = m_context;
    while (!context.expired() && hasTooMany()) {
        const auto longest = std::find_if(m_visitors.begin(), m_visitors.end(),
                                          [](const Visitor &visitor) { return !visitor.isLetIn; });
        longest->msgid.reset();
        refuse(*longest, QStringLiteral("others wait to be let in, and it has waited longest"));
    }
}

void Doorkeeper::messageReceived(Session *session, const Message &message)
{
    Visitor *const visitor = find(session);
    if (visitor == nullptr || visitor->isDeciding)
        return;
    if (message.type == Message::Request && message.fault != Message::Fatal)
        visitor->msgid = message.msgid;
    if (message.type == Message::Request && message.fault == Message::None
        && message.method.name == TokenMethod)
        return takeToken(*visitor, message);
    refuse(*visitor,
           QStringLiteral(
                   "authentication is required: the first message has to be the request `%1'")
                   .arg(QLatin1String(TokenMethod)));
}

void Doorkeeper::takeToken(Visitor &visitor, const Message &message)
{
    Reader reader(message.params);
    quint32 count = 0;
    QByteArrayView given;
    if (!reader.readArray(count) || count != 1 || !reader.readBytesView(given))
        return refuse(
                visitor,
                QStringLiteral("`%1' takes one argument, a token").arg(QLatin1String(TokenMethod)));
    const QByteArray token = given.toByteArray();
    if (hasToken() && !isRight(token))
        return refuse(visitor, QStringLiteral("the token is wrong"));
    if (m_authenticator)
        return ask(visitor, token);
    visitor.isDeciding = visitor.isLetIn = true;
    connectionOf(visitor.session)->setHeld(true);
    decideLater(visitor.id, true, {});
}

// Digests with a key that nobody knows are compared, so that neither content nor length can be learnt from the time it takes.
bool Doorkeeper::isRight(const QByteArray &token) const
{
    const QByteArray given =
            QMessageAuthenticationCode::hash(token, m_key, QCryptographicHash::Sha256);
    uchar difference = 0;
    for (qsizetype i = 0; i < m_digest.size(); ++i)
        difference |= uchar(given[i] ^ m_digest[i]);
    return difference == 0;
}

// Last in a function: the authenticator may do anything.
void Doorkeeper::ask(Visitor &visitor, const QByteArray &token)
{
    const auto state = std::make_shared<AdmissionState>();
    AcceptedSession *const session = visitor.session;
    state->peerAddress = session->peerAddress();
    state->peerName = session->peerName();
    state->peerCertificate = session->peerCertificate();
    state->token = token;
    state->decide = [this, id = visitor.id, context = std::weak_ptr<QObject>(m_context)](
                            bool accepted, const QString &reason) {
        if (!context.expired())
            decideLater(id, accepted, reason);
    };
    visitor.isDeciding = true;
    visitor.admission = state;
    connectionOf(session)->setHeld(true);
    const Authenticator authenticator = m_authenticator;
    const Admission admission(state);
    try {
        authenticator(admission);
    } catch (const std::exception &e) {
        admission.refuse(QStringLiteral("the authenticator threw: %1")
                                 .arg(QString::fromLocal8Bit(e.what())));
    } catch (...) {
        admission.refuse(QStringLiteral("the authenticator threw something unknown"));
    }
}

void Doorkeeper::decideLater(quint64 id, bool accepted, const QString &reason)
{
    QMetaObject::invokeMethod(
            m_context.get(), [=] { decide(id, accepted, reason); }, Qt::QueuedConnection);
}

void Doorkeeper::decide(quint64 id, bool accepted, const QString &reason)
{
    Visitor *const visitor = find(id);
    if (visitor == nullptr)
        return;
    if (accepted)
        accept(*visitor);
    else
        refuse(*visitor, reason);
}

void Doorkeeper::accept(Visitor &visitor)
{
    AcceptedSession *const session = visitor.session;
    SessionPrivate *const admitted = SessionPrivate::get(session);
    const std::optional<quint32> msgid = visitor.msgid;
    remove(session);
    admitted->gate = nullptr;
    Transport &transport = *admitted->transportAt(0);
    if (transport.connection() == nullptr)
        return onRefused(session); // it has gone meanwhile
    if (msgid) {
        Writer &writer = transport.queue().begin();
        Detail::writeAnswerHeader(writer, *msgid, true);
        writer.writeNil();
        transport.queue().commit(true);
        transport.outputAdded();
    }
    transport.connection()->setMessageBytes(admitted->settings.limits.messageBytes);
    transport.connection()->setStranger(false);
    transport.connection()->setHeld(false);
    onAccepted(session);
}

void Doorkeeper::refuse(Visitor &visitor, const QString &reason)
{
    AcceptedSession *const session = visitor.session;
    const std::optional<quint32> msgid = visitor.msgid;
    peerWarning(m_settings.transport.log.get(), lcEndpoint)
            << "refusing" << loggable(session->peerName()) + QLatin1Char(':') << loggable(reason);
    remove(session);
    const QPointer<AcceptedSession> guard(
            session); // a socket of the user's has slots of the user's
    Transport &transport = *SessionPrivate::get(session)->transportAt(0);
    if (msgid && transport.connection() != nullptr) {
        Detail::writeErrorAnswer(transport, *msgid,
                                 Detail::packError(reason, m_settings.transport.format));
        transport.outputAdded();
    }
    if (!guard)
        return;
    session->setFlushed();
    session->flushWithin(std::chrono::milliseconds(0)); // nobody waits for a stranger
    if (guard)
        onRefused(session);
}

std::optional<Address> Admission::peerAddress() const
{
    return m_state ? m_state->peerAddress : std::nullopt;
}

QString Admission::peerName() const
{
    return m_state ? m_state->peerName : QString();
}

QSslCertificate Admission::peerCertificate() const
{
    return m_state ? m_state->peerCertificate : QSslCertificate();
}

QByteArray Admission::token() const
{
    return m_state ? m_state->token : QByteArray();
}

void Admission::accept() const
{
    if (!isDecided())
        std::exchange(m_state->decide, nullptr)(true, {});
}

void Admission::refuse(const QString &reason) const
{
    if (!isDecided())
        std::exchange(m_state->decide,
                      nullptr)(false, reason.isEmpty() ? QStringLiteral("not admitted") : reason);
}

bool Admission::isDecided() const
{
    return !m_state || !m_state->decide;
}

} // namespace MsgpackRpc
