// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "session/acceptedsession_p.h"
#include "session/sessionsettings_p.h"

#include <MsgpackRpc/admission.h>

#include <QtCore/QObject>

#include <functional>
#include <list>
#include <memory>

namespace MsgpackRpc {

/// What the copies of an Admission share.
class AdmissionState
{
public:
    ~AdmissionState()
    {
        if (decide)
            decide(false, QStringLiteral("nobody has decided"));
    }

    std::optional<Address> peerAddress;
    QString peerName;
    QSslCertificate peerCertificate;
    QByteArray token;
    /// Null once decided.
    std::function<void(bool, const QString &)> decide;
};

/// Keeps the sessions of those who have connected until it is decided whether they may come in: by a token, by somebody's
/// function, or by both (doc/protocol, "Authentication").
class Doorkeeper final : private SessionGate
{
public:
    explicit Doorkeeper(const SessionSettings &settings);
    ~Doorkeeper();

    /// Who connects has to know \a token; null for none.
    void setToken(const QByteArray &token);
    bool hasToken() const { return !m_digest.isNull(); }
    /// \a authenticator decides on who connects, once its token has come if \a wantsToken.
    void setAuthenticator(Authenticator authenticator, bool wantsToken);
    /// True if somebody is to be examined.
    bool isNeeded() const { return hasToken() || m_authenticator; }

    /// Decides on \a session, from the event loop.
    void examine(AcceptedSession *session);
    /// Forgets \a session, which is gone or going. False if it was not being examined.
    bool remove(Session *session);
    /// Those who are being examined.
    QList<AcceptedSession *> sessions() const;

    /// Called with a session that may come in.
    std::function<void(AcceptedSession *)> onAccepted;
    /// Called with a session that is to be closed; remove() follows.
    std::function<void(AcceptedSession *)> onRefused;

private:
    struct Visitor
    {
        quint64 id = 0;
        AcceptedSession *session = nullptr;
        std::unique_ptr<Timer> timer;
        std::optional<quint32> msgid; // of the request with the token
        bool isDeciding = false;
        bool isLetIn = false; // its token was right, which it is about to be told
        std::weak_ptr<AdmissionState> admission;
    };

    void messageReceived(Session *session, const Message &message) override;
    void takeToken(Visitor &visitor, const Message &message);
    bool isRight(const QByteArray &token) const;
    void ask(Visitor &visitor, const QByteArray &token);
    bool hasTooMany() const;
    void makeRoomSoon();
    void makeRoom();
    void decideLater(quint64 id, bool accept, const QString &reason);
    void decide(quint64 id, bool accept, const QString &reason);
    void accept(Visitor &visitor);
    void refuse(Visitor &visitor, const QString &reason);
    Visitor *find(quint64 id);
    Visitor *find(const Session *session);

    const SessionSettings &m_settings;
    QByteArray m_key; // of the digests
    QByteArray m_digest; // of the token; null if there is none
    Authenticator m_authenticator;
    bool m_wantsToken = false;
    std::list<Visitor> m_visitors; // in the order in which they came
    quint64 m_lastId = 0;
    std::unique_ptr<Timer> m_roomTimer; // made in the thread of the sessions
    std::shared_ptr<QObject>
            m_context; // for what is done later; made in the thread of the sessions
};

} // namespace MsgpackRpc
