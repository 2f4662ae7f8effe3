// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/qglobal.h>

/// \file
/// Symbol visibility of the library. MSGPACKRPC_STATIC is set by the CMake target for static builds.
#if defined(MSGPACKRPC_STATIC)
#    define MSGPACKRPC_EXPORT
#elif defined(MSGPACKRPC_BUILDING_LIBRARY)
#    define MSGPACKRPC_EXPORT Q_DECL_EXPORT
#else
#    define MSGPACKRPC_EXPORT Q_DECL_IMPORT
#endif
