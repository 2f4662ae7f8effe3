// SPDX-License-Identifier: Apache-2.0
#include "session/workelsewhere_p.h"

#include "session/session_p.h"

namespace MsgpackRpc {

WorkElsewhere::WorkElsewhere(std::shared_ptr<Detail::SessionAnchor> anchor)
    : m_anchor(std::move(anchor))
{
}

std::shared_ptr<void> WorkElsewhere::begin()
{
    ++m_count;
    return {this, [self = shared_from_this()](void *) { self->end(); }};
}

// An event for each would cost more than the notification: only when the session waits for it, and once.
void WorkElsewhere::end()
{
    --m_count;
    if (!m_isAwaited.exchange(false))
        return;
    m_anchor->post([anchor = m_anchor] {
        if (Session *const session = anchor->local())
            SessionPrivate::get(session)->resumeReading();
    });
}

} // namespace MsgpackRpc
