// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/pendingcallwatcher.h>

namespace MsgpackRpc {

namespace {

class WatcherListener final : public Detail::CallListener
{
public:
    explicit WatcherListener(PendingCallWatcher *watcher) : m_link(watcher), m_watcher(watcher) {}
    void finished(Detail::CallState &state) override
    {
        if (!m_link.isElsewhere()) {
            if (!m_link.isGone())
                tell(m_watcher, state);
            return;
        }
        m_link.post([watcher = m_watcher,
                     keep = Detail::CallStatePtr<Detail::CallState>(&state)](bool alive) {
            if (alive)
                tell(watcher, *keep);
        });
    }
    void release() override { delete this; }

private:
    static void tell(PendingCallWatcher *watcher, Detail::CallState &state)
    {
        if (state.hasSucceeded())
            Q_EMIT watcher->finished(state.toVariant());
        else
            Q_EMIT watcher->failed(state.error());
    }

    Detail::ContextLink m_link;
    PendingCallWatcher *m_watcher;
};

} // namespace

PendingCallWatcher::PendingCallWatcher(const PendingCall &call, QObject *parent)
    : QObject(parent), m_call(call)
{
    if (Detail::CallState *const state = call.state()) {
        state->setHandled();
        state->addListener(new WatcherListener(this));
        return;
    }
    const Error error = call.error();
    QMetaObject::invokeMethod(
            this, [this, error] { Q_EMIT failed(error); }, Qt::QueuedConnection);
}

PendingCallWatcher::~PendingCallWatcher() = default;

} // namespace MsgpackRpc
