// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "endpoint/acceptor_p.h"
#include "endpoint/sessionpool_p.h"
#include "session/session_p.h"

#include <MsgpackRpc/cluster.h>

#include <QtCore/QHash>
#include <QtCore/QSet>

namespace MsgpackRpc {

/// What a node is made of: a pool, what accepts connections, and which of these belong to which of the pool's sessions.
class ClusterPrivate final : public SessionBinder
{
public:
    explicit ClusterPrivate(Cluster *cluster);
    ~ClusterPrivate();

    bool listen(const QUrl &url, const std::optional<Address> &advertised);
    void close();
    Session *bind(Session *accepted, const std::optional<Address> &claimed,
                  QString *refusal) override;

    Cluster *q;
    SessionPoolPrivate *pool;
    Acceptor acceptor;
    Cluster::AddressCheck check;
    QList<Session *> clients;
    Error error;

private:
    /// A session that was made because a peer has claimed its address. Others are the user's and stay.
    struct Claimed
    {
        int connections = 0; // that are bound to it
        qint64 idleSince = 0;
        quint64 messages = 0; // that it had queued by then
    };

    QString problemOf(const QUrl &url, const std::optional<Address> &advertised) const;
    bool isPossible(const Address &claimed, const Address &peer) const;
    Session *claim(const Address &address, QString *refusal);
    bool makeRoom();
    static bool isBusy(Session *session, Claimed &claimed);
    void drop(Session *session);
    void announce(Session *session);
    void forget(Session *accepted);
    void sessionGone(Session *session);
    void startSweep();
    void sweep();

    QHash<Session *, Session *>
            m_bound; // accepted sessions, and those of the pool that they belong to
    QHash<Session *, Claimed> m_claimed;
    QSet<Session *> m_unannounced; // sessionOpened() is still to be emitted
    QSet<Session *> m_announced;
    Timer m_sweepTimer;
};

} // namespace MsgpackRpc
