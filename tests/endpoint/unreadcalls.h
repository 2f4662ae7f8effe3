// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tally.h"

#include <MsgpackRpc/Client>

#include <QtCore/QCoreApplication>
#include <QtTest/QTest>

/// Calls \a method with much again and again, over the connection of \a client to a peer that reads nothing: what waits for it
/// is bounded, who goes on gets an error at once, and all of them end once, at the latest when the client closes.
inline void callUnread(MsgpackRpc::Client &client, const char *method)
{
    using MsgpackRpc::Error;
    constexpr int Calls = 100;
    MsgpackRpc::Limits limits = client.limits();
    limits.queuedBytes = 8 * 1024 * 1024;
    client.setLimits(limits);
    QObject context;
    Tally tally;
    for (int i = 0; i < Calls; ++i) {
        tally.watch(&context, i,
                    client.call(QString::fromLatin1(method), QByteArray(512 * 1024, 'x')));
        QCoreApplication::processEvents();
    }
    QTRY_VERIFY(tally.failed.value(Error::LimitExceeded) > 0);
    QVERIFY(client.bytesToWrite() <= limits.queuedBytes + 1024 * 1024);
    QVERIFY(tally.total() < Calls);
    client.close();
    QTRY_COMPARE(tally.total(), Calls);
    QCOMPARE(tally.failed.value(Error::LimitExceeded) + tally.failed.value(Error::Canceled), Calls);
    QVERIFY(tally.eachOnce(Calls));
}
