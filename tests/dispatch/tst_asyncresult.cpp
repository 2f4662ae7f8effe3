// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <QtTest/QtTest>

using namespace DispatchTest;

class Async : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE AsyncResult later()
    {
        kept = AsyncResult();
        return kept;
    }
    Q_INVOKABLE MsgpackRpc::AsyncResult before(int value)
    {
        AsyncResult result;
        result.result(value);
        return result;
    }
    Q_INVOKABLE AsyncResult failsBefore()
    {
        AsyncResult result;
        result.error("failed");
        result.result(1);
        return result;
    }
    Q_INVOKABLE AsyncResult dropped() { return {}; }
    Q_INVOKABLE AsyncResult same() { return kept; }

    AsyncResult kept;
};

class TestAsyncResult : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answeredLater();
    void answeredBefore();
    void dropped();
    void values();
    void errors();
    void firstAnswerWins();
    void bound();
    void returnedTwice();
    void notification();
    void fromAnotherThread();
    void neverReturned();
};

void TestAsyncResult::answeredLater()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    const quint32 msgid = harness.send("later");
    QCOMPARE(harness.outcome(msgid).answers, 0);
    QVERIFY(!async.kept.isAnswered());
    QVERIFY(!async.kept.isCanceled());
    QVERIFY(async.kept.responder().isValid());
    QVERIFY(async.kept.result("done"));
    QVERIFY(async.kept.isAnswered());
    QCOMPARE(harness.outcome(msgid), result("done"));
}

void TestAsyncResult::answeredBefore()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    QCOMPARE(harness.call("before", 4), result(4));
    QCOMPARE(harness.call("failsBefore"), error("failed"));
}

void TestAsyncResult::dropped()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    QCOMPARE(harness.call("dropped"), error("the method ended without an answer"));
    const quint32 msgid = harness.send("later");
    AsyncResult copy = async.kept;
    async.kept = AsyncResult();
    QCOMPARE(harness.outcome(msgid).answers, 0);
    copy = AsyncResult();
    QCOMPARE(harness.outcome(msgid), error("the method ended without an answer"));
}

void TestAsyncResult::values()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    quint32 msgid = harness.send("later");
    async.kept.result();
    QCOMPARE(harness.outcome(msgid), result(QVariant()));
    msgid = harness.send("later");
    async.kept.result(QList<int>{1, 2});
    QCOMPARE(harness.outcome(msgid), result(QVariantList{1, 2}));
    msgid = harness.send("later");
    async.kept.result(QVariant::fromValue<QObject *>(this));
    QVERIFY(harness.outcome(msgid).isError);
    QCOMPARE(harness.outcome(msgid).answers, 1);
}

void TestAsyncResult::errors()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    quint32 msgid = harness.send("later");
    QVERIFY(async.kept.error("text"));
    QCOMPARE(harness.outcome(msgid), error("text"));
    msgid = harness.send("later");
    QVERIFY(async.kept.error(QVariant(QVariantList{1, "x"})));
    QCOMPARE(harness.outcome(msgid), (Outcome{1, true, QVariantList{1, "x"}}));
    msgid = harness.send("later");
    QVERIFY(async.kept.error(Error(Error::RemoteError, "message")));
    QCOMPARE(harness.outcome(msgid), error("message"));
}

void TestAsyncResult::firstAnswerWins()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    const quint32 msgid = harness.send("later");
    QVERIFY(async.kept.result(1));
    QVERIFY(!async.kept.result(2));
    QVERIFY(!async.kept.error("late"));
    QCOMPARE(harness.outcome(msgid), result(1));
}

void TestAsyncResult::bound()
{
    Harness harness;
    AsyncResult kept;
    harness->bind("later", [&kept] { return kept; });
    const quint32 msgid = harness.send("later");
    kept.result(5);
    QCOMPARE(harness.outcome(msgid), result(5));
}

void TestAsyncResult::returnedTwice()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    const quint32 first = harness.send("same");
    QCOMPARE(harness.call("same"),
             error("the method returned an AsyncResult that belongs to another call"));
    async.kept.result(1);
    QCOMPARE(harness.outcome(first), result(1));
}

void TestAsyncResult::notification()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    harness.notify("later");
    QVERIFY(!async.kept.responder().isValid());
    async.kept.result(1);
    QVERIFY(async.kept.isAnswered());
    QVERIFY(harness.order().isEmpty());
}

void TestAsyncResult::fromAnotherThread()
{
    Harness harness;
    Async async;
    QVERIFY(harness->serve(&async));
    const quint32 msgid = harness.send("later");
    const std::unique_ptr<QThread> thread(QThread::create([kept = async.kept] { kept.result(7); }));
    thread->start();
    thread->wait();
    QCOMPARE(harness.outcome(msgid), result(7));
}

void TestAsyncResult::neverReturned()
{
    AsyncResult result;
    QVERIFY(!result.isAnswered());
    QVERIFY(!result.isCanceled());
    QVERIFY(!result.responder().isValid());
    QVERIFY(result.result(1));
    QVERIFY(!result.error("x"));
}

QTEST_GUILESS_MAIN(TestAsyncResult)
#include "tst_asyncresult.moc"
