// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/pendingcall.h>

#include "base/clock_p.h"
#include "base/logging_p.h"

#include <QtCore/QEventLoop>
#include <QtCore/QThread>
#include <QtCore/QTimer>

namespace MsgpackRpc {

namespace {

/// Ends an event loop when the call has ended. The waiting function takes it out of use when it stops waiting first.
class QuitListener final : public Detail::CallListener
{
public:
    explicit QuitListener(std::shared_ptr<QEventLoop *> loop) : m_loop(std::move(loop)) {}
    bool isImmediate() const override { return true; }
    void finished(Detail::CallState &) override
    {
        if (*m_loop != nullptr)
            (*m_loop)->quit();
    }
    void release() override { delete this; }

private:
    std::shared_ptr<QEventLoop *> m_loop;
};

} // namespace

Error PendingCall::error() const
{
    return m_state ? m_state->error()
                   : Error(Error::NotConnectable, QStringLiteral("there is no call"));
}

QVariant PendingCall::toVariant() const
{
    return m_state ? m_state->toVariant() : QVariant();
}

void PendingCall::cancel() const
{
    if (m_state)
        m_state->cancel();
}

bool PendingCall::waitForFinished(std::chrono::milliseconds timeout) const
{
    if (isFinished())
        return true;
    if (m_state->thread() != QThread::currentThread()) {
        qCWarning(lcCall) << "waitForFinished() was called in another thread than the session's";
        return false;
    }
    const Detail::CallStatePtr<Detail::CallState> keep = m_state;
    keep->flush(); // slots of a device that is the user's may do away with this
    QEventLoop loop;
    const auto current = std::make_shared<QEventLoop *>(&loop);
    keep->addListener(new QuitListener(current));
    // Real time, also under a test's clock: whoever blocks cannot advance it.
    QTimer timer;
    timer.setSingleShot(true);
    timer.callOnTimeout(&loop, &QEventLoop::quit);
    if (timeout.count() >= 0)
        timer.start(waitingTime(timeout));
    if (!keep->isFinished())
        loop.exec();
    *current = nullptr;
    return keep->isFinished();
}

} // namespace MsgpackRpc
