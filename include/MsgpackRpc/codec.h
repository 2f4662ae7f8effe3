// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How values cross the wire: those that stand for themselves, containers, and types of the user's own.

#include <MsgpackRpc/containercodec.h>
#include <MsgpackRpc/registertype.h>
#include <MsgpackRpc/scalarcodec.h>
