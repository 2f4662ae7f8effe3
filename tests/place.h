// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Where something lies, for QCOMPARE(): that would compare two const char * by the strings that they point at, and bytes of a
/// message end with no zero.
inline const void *place(const char *bytes)
{
    return bytes;
}
