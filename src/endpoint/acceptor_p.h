// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "endpoint/doorkeeper_p.h"
#include "endpoint/idlesessions_p.h"
#include "session/acceptedsession_p.h"
#include "session/sessionsettings_p.h"
#include "transport/listener_p.h"

#include <MsgpackRpc/error.h>

#include <QtCore/QHash>
#include <QtCore/QList>
#include <QtCore/QUrl>
#include <QtNetwork/QHostAddress>

#include <functional>
#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Listens at any number of URLs and owns the sessions of those who connect, within the limits on their number: what
/// everything that accepts connections has in common.
class Acceptor final : private ConnectionPlaces
{
public:
    /// Sessions are children of \a owner and answered by \a dispatcher; both and \a settings must outlive this.
    Acceptor(QObject *owner, Dispatcher &dispatcher, const SessionSettings &settings);
    /// Ends all sessions.
    ~Acceptor();

    /// Listens at \a url too; false, and error() says why, if that is not possible.
    bool listen(const QUrl &url);
    /// Takes what \a listener accepts too; false, and error() says why, if that does not listen.
    bool listen(std::unique_ptr<Listener> listener, const QUrl &url = {});
    /// Where it listens.
    QList<QUrl> urls() const;
    /// Stops listening and ends all sessions.
    void close();
    /// What the last listen() that failed has failed with.
    Error error() const { return m_error; }
    /// The open sessions, in the order in which they came.
    const QList<Session *> &sessions() const { return m_sessions; }
    /// What all sessions have done, and what became of the connections.
    Counters counters() const;
    /// Datagrams that were dropped.
    quint64 datagramsDropped() const;
    /// The limits are others.
    void limitsChanged();

    /// Who decides whether those who connect may come in.
    Doorkeeper &doorkeeper() { return m_doorkeeper; }

    /// Called for each new session.
    std::function<void(AcceptedSession *)> onOpened;
    /// Called when a session has ended, before it is deleted; may delete it.
    std::function<void(Session *)> onClosed;

private:
    /// Sends what waits in all sessions, for at most \a time together, each after \a prepare.
    void flushAll(std::chrono::milliseconds time, void (*prepare)(AcceptedSession *));
    /// Does that for sessions that are closed then, which does not wait again.
    void flushForGood();
    bool takePlace(const QHostAddress &host, const QString &peerName) override;
    void givePlace(const QHostAddress &host) override;
    void passPlace(const QHostAddress &host) override { m_passed = host; }
    void count(Counters::Rejection why) { ++m_counters->connectionsRejectedBy[why]; }
    void accept(std::unique_ptr<QIODevice> device, bool keepIdle);
    bool fail(const QString &why);
    void onAcceptFailed(const Listener &listener);
    void open(AcceptedSession *session);
    QList<Session *> allSessions() const;
    void end(Session *session);
    void endIdle(AcceptedSession *session);
    void retireListeners();
    void closed(Session *session);
    void forget(Session *session);
    void updateAccepting();

    QObject *m_owner;
    Dispatcher &m_dispatcher;
    const SessionSettings &m_settings;
    std::vector<std::unique_ptr<Listener>> m_listeners;
    QList<Session *> m_sessions;
    Doorkeeper m_doorkeeper; // has those that are not of m_sessions yet
    IdleSessions m_datagrams; // those of m_sessions that come of datagrams
    IdleSessions m_streams; // the others that may go
    QHash<Session *, QHostAddress> m_hosts; // null where there is no address
    QHash<QHostAddress, int> m_perHost;
    std::optional<QHostAddress> m_passed; // of a connection that comes next and has a place
    qsizetype m_places = 0; // connections, open or to be; all but those of datagrams
    Error m_error;
    std::shared_ptr<Counters> m_counters; // sessions that have ended, and connections
    quint64 m_datagramsDropped = 0; // by listeners that are closed
    bool m_isPaused = false;
    Q_DISABLE_COPY_MOVE(Acceptor)
};

} // namespace MsgpackRpc
