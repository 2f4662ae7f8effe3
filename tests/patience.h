// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Included first in each test: how long a condition is waited for. Qt Test's 5 s are little where a sanitizer runs on a
/// machine that is busy with something else, and who waits longer loses time only where a test fails.

#include <QtTest/QTest>

#ifdef QTRY_COMPARE
#    undef QTRY_VERIFY
#    define QTRY_VERIFY(expression) QTRY_VERIFY_WITH_TIMEOUT((expression), 30'000)
#    undef QTRY_VERIFY2
#    define QTRY_VERIFY2(expression, text) QTRY_VERIFY2_WITH_TIMEOUT((expression), text, 30'000)
#    undef QTRY_COMPARE
#    define QTRY_COMPARE(expression, expected) \
        QTRY_COMPARE_WITH_TIMEOUT((expression), expected, 30'000)
#endif
