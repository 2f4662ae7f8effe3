// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session/sessionsettings_p.h"

#include <MsgpackRpc/objectdispatcher.h>
#include <MsgpackRpc/sessionpool.h>

#include <QtCore/QHash>

#include <functional>

namespace MsgpackRpc {

/// What a pool is made of: the sessions by their URLs in one form.
class SessionPoolPrivate
{
public:
    explicit SessionPoolPrivate(SessionPool *pool)
        : q(pool), dispatcher(pool), nobodys(new Session(pool))
    {
    }

    static SessionPoolPrivate *get(SessionPool *pool) { return pool->d.get(); }
    /// The one form of URLs that reach the same peer: the literal address without other spellings of it, the host name
    /// in lower case, and nothing else that a URL may hold.
    static QUrl keyOf(const QUrl &url);
    /// The session of \a key; null if there is none.
    Session *find(const QUrl &key) const { return sessions.value(key); }
    /// A new session for \a key.
    Session *make(const QUrl &key);
    /// What every connection is to tell of this side first.
    void setOwnAddress(const std::optional<Address> &address);
    /// Deletes all sessions.
    void clear();

    SessionPool *q;
    ObjectDispatcher dispatcher;
    /// What other threads get instead of a session: it refuses whatever they do.
    Session *nobodys;
    SessionSettings settings;
    QHash<QUrl, Session *> sessions;
    /// Called when the user has asked for a session.
    std::function<void(Session *)> onAsked;
    /// Called when a session is gone.
    std::function<void(Session *)> onGone;
};

} // namespace MsgpackRpc
