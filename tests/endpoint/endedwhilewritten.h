// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/PendingCall>
#include <MsgpackRpc/Session>

#include <QtTest/QTest>

#include <functional>
#include <vector>

/// Calls "take" over \a session. While that is written, in \a whenWritten, which the test's socket calls once, calls end of which
/// the bytes are being written, and others begin.
inline void endCallsWhileWritten(MsgpackRpc::Session *session, std::function<void()> &whenWritten)
{
    using namespace std::chrono_literals;
    std::vector<MsgpackRpc::PendingReply<qsizetype>> calls;
    for (int round = 0; round < 10; ++round) {
        const auto cancelled = session->call<qsizetype>("take", QByteArray(100, 'x'));
        const auto other = session->call<qsizetype>("take", QByteArray(30'000, 'x'));
        const auto next = session->call<qsizetype>("take", QByteArray(1'000, 'x'));
        whenWritten = [&] {
            for (auto reply : {cancelled, other})
                reply.cancel();
            for (int i = 0; i < 100; ++i)
                calls.push_back(session->call<qsizetype>("take", QByteArray(1'000, 'y')));
        };
        QVERIFY(next.waitForFinished(20s));
        QVERIFY2(!next.error(), qPrintable(next.error().message()));
        QCOMPARE(next.result(), 1'000);
        QVERIFY(!whenWritten);
    }
    for (const auto &call : calls) {
        QVERIFY(call.waitForFinished(20s));
        QCOMPARE(call.result(), 1'000);
    }
}
