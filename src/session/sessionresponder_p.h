// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session/responder_p.h"

#include <QtCore/QMutex>

#include <functional>
#include <memory>
#include <vector>

namespace MsgpackRpc {

class SessionPrivate;
class Transport;

namespace Detail {
class SessionAnchor;
}

/// The answer to one request over one connection of a session, from any thread.
class SessionResponder final : public Detail::ResponderState,
                               public std::enable_shared_from_this<SessionResponder>
{
public:
    static Responder make(SessionPrivate *session, Transport &transport, quint32 msgid);
    ~SessionResponder() override;

    bool answer(const std::function<void(Writer &)> &write) override;
    bool fail(const QVariant &error) override;
    bool isAnswered() const override;
    bool isCanceled() const override;
    void onCanceled(std::function<void()> callback) override;

    /// The connection is gone. Called by the session.
    void cancel();
    quint8 transportIndex() const noexcept { return m_route.transport; }

private:
    SessionResponder() = default;
    bool begin();
    void send(const QByteArray &message);
    struct Route
    {
        quint64 id = 0; // in the session's list of work
        quint32 msgid = 0;
        quint32 generation = 0; // of the connection
        quint8 transport = 0;
        bool isError = false; // the answer; set with it
    };
    static void deliver(SessionPrivate &session, const Route &route, const QByteArray &message);

    mutable QMutex m_mutex;
    std::vector<std::function<void()>> m_callbacks;
    bool m_answered = false;
    bool m_canceled = false;

    std::shared_ptr<Detail::SessionAnchor> m_anchor;
    Route m_route;
};

} // namespace MsgpackRpc
