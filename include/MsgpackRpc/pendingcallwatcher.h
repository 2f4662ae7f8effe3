// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/pendingcall.h>

#include <QtCore/QObject>
#include <QtCore/QVariant>

namespace MsgpackRpc {

/// Tells the end of a PendingCall by signals. Exactly one of finished() and failed() is emitted, once, from the event
/// loop; none if this is deleted before. Deleting it does not cancel the call.
class MSGPACKRPC_EXPORT PendingCallWatcher : public QObject
{
    Q_OBJECT

public:
    /// Watches \a call. Make it in the session's thread.
    explicit PendingCallWatcher(const PendingCall &call, QObject *parent = nullptr);
    ~PendingCallWatcher() override;

    /// The call.
    PendingCall call() const { return m_call; }
    /// True once the call has ended; the signal may be about to come.
    bool isFinished() const { return m_call.isFinished(); }
    /// The error; none if the call has succeeded or has not ended.
    Error error() const { return m_call.error(); }
    /// Blocks like PendingCall::waitForFinished().
    bool waitForFinished(std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) const
    {
        return m_call.waitForFinished(timeout);
    }

Q_SIGNALS:
    /// The call has succeeded.
    void finished(const QVariant &result);
    /// The call has failed.
    void failed(const MsgpackRpc::Error &error);

private:
    PendingCall m_call;
};

} // namespace MsgpackRpc
