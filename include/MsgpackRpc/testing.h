// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <chrono>
#include <memory>

/// \file
/// For tests of programs that use this library: time that a test advances, together with `memory:name` URLs, which
/// connect clients and servers within the process. Tests then never sleep and never wait for real.

namespace MsgpackRpc::Testing {

class ClockPrivate;

/// The time of the library in this thread, for as long as this object lives: timeouts, connection attempts, delays and
/// limits of time follow it and nothing else. It stands still until advance().
///
/// Create it before the clients and servers, and destroy it after them. One per thread at a time.
class MSGPACKRPC_EXPORT Clock
{
public:
    /// Replaces the system's clock in this thread.
    Clock();
    /// Brings the system's clock back. Timers that still wait on this clock never fire.
    ~Clock();

    /// Lets \a time pass: everything that falls due happens, in order, before this returns, and events that are
    /// posted by it are delivered.
    void advance(std::chrono::milliseconds time);
    /// Milliseconds that have passed since the clock was made.
    std::chrono::milliseconds elapsed() const;

private:
    std::unique_ptr<ClockPrivate> d;
    Q_DISABLE_COPY_MOVE(Clock)
};

} // namespace MsgpackRpc::Testing
