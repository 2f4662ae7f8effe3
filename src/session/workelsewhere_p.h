// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

namespace MsgpackRpc {

namespace Detail {
class SessionAnchor;
}

/// Notifications of a session's peer that wait in other threads: as requests, they are work. Who sends many, to an
/// object that is busy, would fill the memory.
class WorkElsewhere : public std::enable_shared_from_this<WorkElsewhere>
{
public:
    explicit WorkElsewhere(std::shared_ptr<Detail::SessionAnchor> anchor);

    /// One more, until what this returns is destroyed, in any thread.
    std::shared_ptr<void> begin();
    int count() const noexcept { return m_count.load(); }
    /// Has the session look again when one has ended from now on. count() is to be asked after this.
    void await() noexcept { m_isAwaited.store(true); }

private:
    void end();

    const std::shared_ptr<Detail::SessionAnchor> m_anchor;
    std::atomic<int> m_count{0};
    std::atomic<bool> m_isAwaited{false};
};

} // namespace MsgpackRpc
