// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/limits.h>

namespace MsgpackRpc {

/// \a limits with 0 for each negative number and time, but for the times of which a negative one is without end.
Limits inRange(const Limits &limits);

} // namespace MsgpackRpc
