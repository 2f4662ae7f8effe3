// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <MsgpackRpc/callcontext.h>

#include <QtTest/QtTest>

using namespace DispatchTest;

class TestCallContext : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void outside();
    void inside();
    void setErrorWins();
    void setErrorWithResponder();
    void nested();
    void afterwards();
    void otherThread();
};

void TestCallContext::outside()
{
    const CallContext context = CallContext::current();
    QVERIFY(!context.isValid());
    QVERIFY(context.method().isEmpty());
    QCOMPARE(context.session(), SessionHandle());
    QVERIFY(!context.isNotification());
    context.setError("nothing happens");
    QVERIFY(!CallContext().isValid());
}

void TestCallContext::inside()
{
    Harness harness;
    QStringList seen;
    const auto note = [&seen] {
        const CallContext context = CallContext::current();
        seen += context.method() + (context.isNotification() ? " notified" : " called");
        QVERIFY(context.isValid());
    };
    harness->bind("name", note);
    harness->bind(7, note);
    harness.call("name");
    harness.call(7);
    harness.notify("name");
    QCOMPARE(seen, QStringList({"name called", "7 called", "name notified"}));
    QVERIFY(!CallContext::current().isValid());
}

void TestCallContext::setErrorWins()
{
    Harness harness;
    harness->bind("value", [] {
        CallContext::current().setError("set");
        return 1;
    });
    harness->bind("list", [] { CallContext::current().setError(QVariantList{1, "x"}); });
    harness->bind("thrown", [] {
        CallContext::current().setError(QString("set"));
        throw ErrorException("thrown");
    });
    harness->bind("twice", [] {
        CallContext::current().setError("first");
        CallContext::current().setError("second");
    });
    harness->bind("future", [] {
        CallContext::current().setError("set");
        return QtFuture::makeReadyFuture(1);
    });
    harness->bind("async", [] {
        CallContext::current().setError("set");
        return AsyncResult();
    });
    QCOMPARE(harness.call("value"), error("set"));
    QCOMPARE(harness.call("list"), (Outcome{1, true, QVariantList{1, "x"}}));
    QCOMPARE(harness.call("thrown"), error("set"));
    QCOMPARE(harness.call("twice"), error("second"));
    QCOMPARE(harness.call("future"), error("set"));
    QCOMPARE(harness.call("async"), error("set"));
    QTest::ignoreMessage(QtWarningMsg, "a notification of value failed: set");
    harness.notify("value");
}

void TestCallContext::setErrorWithResponder()
{
    Harness harness;
    Responder kept;
    harness->bind("x", [&kept](Responder responder) {
        kept = responder;
        CallContext::current().setError("set");
    });
    QCOMPARE(harness.call("x"), error("set"));
    QVERIFY(!kept.result(1));
}

void TestCallContext::nested()
{
    Harness harness;
    QStringList seen;
    harness->bind("inner", [&] {
        seen += CallContext::current().method();
        CallContext::current().setError("inner");
    });
    harness->bind("outer", [&] {
        const CallContext context = CallContext::current();
        seen += CallContext::current().method();
        harness.call("inner");
        seen += CallContext::current().method();
        seen += context.method();
        return 1;
    });
    harness->bind("failsOuter", [&] {
        const CallContext outer = CallContext::current();
        harness->bind("setsOuter", [outer] { outer.setError("from within"); });
        return harness.call("setsOuter").value;
    });
    QCOMPARE(harness.call("outer"), result(1));
    QCOMPARE(seen, QStringList({"outer", "inner", "outer", "outer"}));
    QCOMPARE(harness.outcome(2), error("inner"));
    QCOMPARE(harness.call("failsOuter"), error("from within"));
}

void TestCallContext::afterwards()
{
    Harness harness;
    CallContext kept;
    harness->bind("keep", [&kept] { kept = CallContext::current(); });
    harness->bind("other", [&kept] {
        kept.setError("of another call");
        return kept.isValid();
    });
    harness.call("keep");
    QVERIFY(!kept.isValid());
    QVERIFY(kept.method().isEmpty());
    // A frame at the same address is not the same call.
    QCOMPARE(harness.call("other"), result(false));
}

void TestCallContext::otherThread()
{
    Harness harness;
    bool isValidThere = true;
    harness->bind("x", [&] {
        const CallContext context = CallContext::current();
        const std::unique_ptr<QThread> thread(QThread::create([&] {
            isValidThere = context.isValid() || CallContext::current().isValid();
            context.setError("from elsewhere");
        }));
        thread->start();
        thread->wait();
        return 1;
    });
    QCOMPARE(harness.call("x"), result(1));
    QVERIFY(!isValidThere);
}

QTEST_GUILESS_MAIN(TestCallContext)
#include "tst_callcontext.moc"
