// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session/session_p.h"

namespace MsgpackRpc {

/// The session of an accepted connection: made by a server, and over with its connection.
class AcceptedSession final : public Session
{
public:
    AcceptedSession(std::unique_ptr<QIODevice> device, const TransportSettings &settings,
                    QObject *parent)
        : Session(SessionPrivate::accepted(std::move(device), settings), parent)
    {
    }
    /// Calls what onGone() says, and ends the connection. Slots of the user's may run meanwhile, and delete the server.
    ~AcceptedSession() override
    {
        setParent(nullptr);
        if (const auto gone = std::exchange(m_onGone, nullptr))
            gone();
        shutdown();
    }
    /// Calls \a callback first of all when it is deleted; null: nobody.
    void onGone(std::function<void()> callback) { m_onGone = std::move(callback); }
    /// Calls \a callback once, from the event loop, when the connection has ended by itself.
    void onClosed(std::function<void()> callback)
    {
        SessionPrivate::get(this)->onClosed = [callback = std::move(callback)](const Error &) {
            callback();
        };
    }
    /// When its last datagram came; -1 for a session over a stream, and one that is over.
    qint64 lastHeard() const
    {
        const Connection *const connection =
                SessionPrivate::get(this)->transportAt(0)->connection();
        return connection != nullptr ? connection->lastHeard() : -1;
    }
    /// Bytes that have come and gone.
    quint64 bytesTransferred() const
    {
        const Traffic traffic = SessionPrivate::get(this)->transportAt(0)->traffic();
        return traffic.bytesReceived + traffic.bytesSent;
    }
    /// It takes nobody's place, and may be idle for as long as it likes.
    void setKeptIdle(bool isKept) { m_isKeptIdle = isKept; }
    bool isKeptIdle() const { return m_isKeptIdle; }
    /// True while something is in work that its peer or this side waits for.
    bool isBusy() const
    {
        const Connection *const connection =
                SessionPrivate::get(this)->transportAt(0)->connection();
        return requestsInWork() > 0 || pendingCalls() > 0
               || SessionPrivate::get(this)->hasWorkElsewhere()
               || (connection != nullptr && connection->isBusy());
    }
    /// Waits for at most \a time until everything is sent. Runs no event loop.
    void flushWithin(std::chrono::milliseconds time)
    {
        SessionPrivate::get(this)->flushAndWait(time);
    }
    /// It is flushed before it is closed: that does not wait.
    void setFlushed() { SessionPrivate::get(this)->wasFlushed = true; }

private:
    std::function<void()> m_onGone;
    bool m_isKeptIdle = false;
};

} // namespace MsgpackRpc
