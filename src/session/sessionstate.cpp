// SPDX-License-Identifier: Apache-2.0
#include "session/session_p.h"

#include "base/logging_p.h"
#include "session/sessionresponder_p.h"

#include <algorithm>

namespace MsgpackRpc {

void SessionPrivate::setState(Session::State next)
{
    if (state == next)
        return;
    state = next;
    if (q != nullptr && !isShutDown)
        emitLater([this, next] { Q_EMIT q->stateChanged(next); });
}

void SessionPrivate::stateChanged(Transport &transport)
{
    if (Connection *const connection = transport.connection()) {
        ++counters.connectionsOpened;
        lastPeer = connection->peerAddress();
        lastPeerName = connection->peerName();
    }
    setState(stateOfTransports());
}

Session::State SessionPrivate::stateOfTransports() const
{
    Transport::State farthest = Transport::Unconnected;
    for (const auto &transport : m_transports) {
        if (transport)
            farthest = std::max(farthest, transport->state());
    }
    return farthest == Transport::Connected    ? Session::Connected
           : farthest == Transport::Connecting ? Session::Connecting
                                               : Session::Unconnected;
}

// An accepted session is over with its connection.
void SessionPrivate::tellClosed(const Error &why)
{
    if (!isPassive || isShutDown || !onClosed)
        return;
    emitLater([this, why] {
        if (onClosed)
            std::exchange(onClosed, nullptr)(why);
    });
}

void SessionPrivate::tellEndError()
{
    if (const std::optional<Error> error = std::exchange(endError, std::nullopt))
        Q_EMIT q->errorOccurred(*error);
}

void SessionPrivate::connectionLost(Transport &transport, quint64 firstUnsent, const Error &error)
{
    const Running running(this);
    if (isPassive)
        setState(Session::Closed);
    transport.endConnection();
    if (isShutDown) // meanwhile, by a slot of the device's
        return;
    const quint8 index = indexOf(transport);
    const auto lost = calls.takeIf([&](const Detail::CallState &call) {
        return call.transport == index && (isPassive || isWritten(call, firstUnsent));
    });
    qCDebug(lcSession).noquote() << loggable(error.message()) << "-" << lost.size() << "calls open";
    countFailed(error, lost.size());
    counters.violations += error.code() == Error::ProtocolViolation ? 1 : 0;
    counters.limitsPassed += error.code() == Error::LimitExceeded ? 1 : 0;
    const auto canceled = takeWork(&transport);
    if (m_standstill)
        m_standstill->looks[index] = 0;
    m_isHeldForWork[index] = false;
    resumeReading();
    for (const auto &responder : canceled)
        responder->cancel();
    if (isPassive) {
        for (const CallTable::Call &call : lost)
            unqueue(*call);
        dropped(int(transport.dropUnsent()), error);
        endError = error;
        emitLater([this] { tellEndError(); });
        tellClosed(error);
    } else {
        stateChanged(transport);
        emitLater([this, error] { Q_EMIT q->errorOccurred(error); });
        transport.reopen(error);
    }
    outputShrunk();
    // Last, since the callbacks may delete the session.
    endCalls(lost, error);
}

void SessionPrivate::connectFailed(Transport &transport, const Error &error)
{
    const quint8 index = indexOf(transport);
    const auto failed =
            calls.takeIf([&](const Detail::CallState &call) { return call.transport == index; });
    stateChanged(transport);
    outputShrunk();
    dropped(int(transport.takeDropped() - qsizetype(failed.size())), error);
    emitLater([this, error] { Q_EMIT q->errorOccurred(error); });
    countFailed(error, failed.size());
    endCalls(failed, error);
}

void SessionPrivate::dropped(int count, const Error &error)
{
    if (count <= 0 || isShutDown)
        return;
    peerWarning(settings.log.get(), lcSession)
            << count << "notification(s) dropped:" << loggable(error.message());
    emitLater([this, count, error] { Q_EMIT q->notificationDropped(count, error); });
}

} // namespace MsgpackRpc
