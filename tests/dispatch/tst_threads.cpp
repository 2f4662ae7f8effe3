// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include "base/posted_p.h"

#include <MsgpackRpc/callcontext.h>

#include <QtCore/QScopeGuard>
#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtTest/QtTest>

#include <atomic>
#include <condition_variable>
#include <mutex>

using namespace DispatchTest;

class Remote : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE bool isHere() { return thread() == QThread::currentThread(); }
    Q_INVOKABLE int add(int a, int b) { return a + b; }
    Q_INVOKABLE QString text(const QString &text) { return text + '!'; }
    Q_INVOKABLE QString text(int number) { return QString::number(number); }
    Q_INVOKABLE void append(int value) { values += value; }
    Q_INVOKABLE void fails() { throw ErrorException("failed there"); }
    Q_INVOKABLE void setsError() { CallContext::current().setError("set there"); }
    Q_INVOKABLE QString context()
    {
        const CallContext context = CallContext::current();
        return context.method() + (context.isNotification() ? " notified" : " called");
    }
    Q_INVOKABLE void later(Responder responder) { responder.result("later"); }
    Q_INVOKABLE AsyncResult async()
    {
        AsyncResult result;
        result.result("async");
        return result;
    }
    Q_INVOKABLE QFuture<int> ready() { return QtFuture::makeReadyFuture(1); }
    Q_INVOKABLE QFuture<QString> pending() { return promise.future(); }
    Q_INVOKABLE void resolve()
    {
        promise.addResult("resolved");
        promise.finish();
    }
    Q_INVOKABLE void die() { delete this; }
    Q_INVOKABLE void block()
    {
        entered.release();
        proceed.acquire();
    }

    QList<int> values;
    QPromise<QString> promise;
    QSemaphore entered;
    QSemaphore proceed;
};

/// Calls \a function in the thread of \a object and waits for it.
template<typename F>
static void runThere(QObject *object, F function)
{
    std::mutex mutex;
    std::condition_variable condition;
    bool isDone = false;
    QMetaObject::invokeMethod(object, Posted([&] {
                                  function();
                                  const std::lock_guard<std::mutex> lock(mutex);
                                  isDone = true;
                                  condition.notify_one();
                              }),
                              Qt::QueuedConnection);
    std::unique_lock<std::mutex> lock(mutex);
    condition.wait(lock, [&isDone] { return isDone; });
}

/// A thread with an event loop and a Remote that lives there.
class RemoteThread
{
public:
    RemoteThread()
    {
        object = new Remote;
        object->promise.start();
        object->moveToThread(&thread);
        thread.start();
    }
    ~RemoteThread()
    {
        destroyObject();
        thread.quit();
        thread.wait();
    }
    void destroyObject()
    {
        if (object != nullptr)
            runThere(object, [this] { delete object.data(); });
    }
    /// Everything that was posted before has been run.
    void flush()
    {
        runThere(object, [] {});
    }

    QThread thread;
    QPointer<Remote> object;
};

class TestThreads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void runsThere();
    void answers();
    void errorsAreToldAtOnce();
    void order();
    void notifications();
    void contextOfABoundCallable();
    void objectDiesBeforeItsTurn();
    void objectDestroysItself();
    void objectIsDestroyedThere();
    void dispatcherIsDeletedMeanwhile();
    void threadThatHasEnded();
    void threadThatEndsMeanwhile();
    void objectWithoutThread();
    void noDeeper();
    void movedWhileServed();
    void movedWithParent();
    void destructionRace();
};

void TestThreads::runsThere()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    const quint32 msgid = harness.send("isHere");
    QTRY_COMPARE(harness.outcome(msgid), result(true));
}

void TestThreads::answers()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    const QList<std::pair<quint32, Outcome>> expected{
            {harness.send("add", 1, 2), result(3)},
            {harness.send("text", QString(1000, 'x')), result(QString(1000, 'x') + '!')},
            {harness.send("text", 7), result("7")},
            {harness.send("append", 7), result(QVariant())},
            {harness.send("fails"), error("failed there")},
            {harness.send("setsError"), error("set there")},
            {harness.send("context"), result("context called")},
            {harness.send("later"), result("later")},
            {harness.send("async"), result("async")},
            {harness.send("ready"), result(1)},
            {harness.send("pending"), result("resolved")},
            {harness.send("resolve"), result(QVariant())},
    };
    QTRY_COMPARE(harness.order().size(), expected.size());
    for (const auto &[msgid, outcome] : expected)
        QCOMPARE(harness.outcome(msgid), outcome);
}

void TestThreads::errorsAreToldAtOnce()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    QCOMPARE(harness.call("add", 1), error("add(int, int) takes 2 arguments, got 1"));
    QCOMPARE(harness.call("add", 1, "x"),
             error("add(int, int): argument 2: expected an integer from -2147483648 to 2147483647, "
                   "got the text \"x\""));
    QCOMPARE(harness.call("deleteLater"), notAccepted("deleteLater"));
}

void TestThreads::order()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    QList<int> expected;
    QList<quint32> msgids;
    for (int i = 0; i < 500; ++i) {
        expected += i;
        msgids += harness.send("append", i);
    }
    QTRY_COMPARE(harness.order().size(), 500);
    QCOMPARE(harness.order(), msgids);
    remote.flush();
    QCOMPARE(remote.object->values, expected);
}

void TestThreads::notifications()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    harness.notify("append", 1);
    harness.notify("pending");
    QTest::ignoreMessage(QtWarningMsg, "a notification of fails failed: failed there");
    harness.notify("fails");
    QTest::ignoreMessage(QtWarningMsg,
                         "a notification of append failed: append(int) takes 1 argument, got 0");
    harness.notify("append");
    const quint32 last = harness.send("add", 1, 1);
    QTRY_COMPARE(harness.outcome(last), result(2));
    QCOMPARE(harness.order().size(), 1);
}

void TestThreads::contextOfABoundCallable()
{
    Harness harness;
    RemoteThread remote;
    QThread *const expected = &remote.thread;
    QVERIFY(harness->bind("where", remote.object.data(), [expected](const QString &text) {
        return text + (QThread::currentThread() == expected ? "there" : "here");
    }));
    QVERIFY(harness->bind("add", remote.object.data(), &Remote::add));
    const quint32 where = harness.send("where", "it is ");
    const quint32 sum = harness.send("add", 1, 2);
    QTRY_COMPARE(harness.outcome(where), result("it is there"));
    QTRY_COMPARE(harness.outcome(sum), result(3));
    remote.destroyObject();
    QCOMPARE(harness.call("where", "x"), notAccepted("where"));
    QTRY_VERIFY(harness->methods().isEmpty());
}

void TestThreads::objectDiesBeforeItsTurn()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    Remote *object = remote.object;
    harness.send("block");
    object->entered.acquire();
    QMetaObject::invokeMethod(object, Posted([object] { delete object; }), Qt::QueuedConnection);
    const quint32 msgid = harness.send("add", 1, 2);
    harness.notify("append", 1);
    QTest::ignoreMessage(QtWarningMsg,
                         "a notification of append failed: the object of `append' was destroyed");
    object->proceed.release();
    QTRY_COMPARE(harness.outcome(msgid), error("the object of `add' was destroyed"));
}

void TestThreads::objectDestroysItself()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    const quint32 die = harness.send("die");
    const quint32 add = harness.send("add", 1, 2);
    QTRY_COMPARE(harness.outcome(die), result(QVariant()));
    QTRY_VERIFY(harness.outcome(add).isError);
}

void TestThreads::objectIsDestroyedThere()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    remote.destroyObject();
    QCOMPARE(harness.call("add", 1, 2), notAccepted("add"));
    QVERIFY(harness->methods().isEmpty());
}

void TestThreads::dispatcherIsDeletedMeanwhile()
{
    Harness harness;
    RemoteThread remote;
    QVERIFY(harness->serve(remote.object));
    Remote *object = remote.object;
    harness.send("block");
    object->entered.acquire();
    const quint32 add = harness.send("add", 1, 2);
    const quint32 pending = harness.send("pending");
    harness.dispatcher.reset();
    object->proceed.release();
    QTRY_COMPARE(harness.outcome(add), result(3));
    QTRY_VERIFY(harness.outcome(pending).isError);
}

void TestThreads::threadThatHasEnded()
{
    Harness harness;
    QThread thread;
    Remote remote;
    QVERIFY(harness->serve(&remote));
    remote.moveToThread(&thread);
    thread.start();
    thread.quit();
    QVERIFY(thread.wait());
    QCOMPARE(harness.call("add", 1, 2), error("the thread of the object of `add' has ended"));
    harness.notify("append", 1);
    // Started again, it runs what comes then, and not what was given up.
    harness.notify("append", 2);
    thread.start();
    const quint32 msgid = harness.send("add", 1, 2);
    QTRY_COMPARE(harness.outcome(msgid), result(3));
    thread.quit();
    QVERIFY(thread.wait());
    QCOMPARE(remote.values, QList<int>());
}

namespace {

/// A thread that runs its event loop the second time only.
class LateLoop : public QThread
{
public:
    QSemaphore proceed;

protected:
    void run() override
    {
        if (m_hasRun.exchange(true))
            exec();
        proceed.acquire();
    }

private:
    std::atomic<bool> m_hasRun = false;
};

} // namespace

// Those that wait are told, and not run should it start again.
void TestThreads::threadThatEndsMeanwhile()
{
    Harness harness;
    LateLoop thread;
    Remote remote;
    QVERIFY(harness->serve(&remote));
    remote.moveToThread(&thread);
    thread.start();
    QList<quint32> waiting;
    for (int i = 0; i < 100; ++i)
        waiting.append(harness.send("add", 1, i));
    harness.notify("append", 1);
    for (const quint32 msgid : waiting)
        QCOMPARE(harness.outcome(msgid), Outcome());
    thread.proceed.release();
    QVERIFY(thread.wait());
    for (const quint32 msgid : waiting)
        QCOMPARE(harness.outcome(msgid), error("the thread of the object of `add' has ended"));
    thread.start();
    const quint32 msgid = harness.send("add", 1, 2);
    QTRY_COMPARE(harness.outcome(msgid), result(3));
    thread.proceed.release();
    thread.quit();
    QVERIFY(thread.wait());
    QCOMPARE(remote.values, QList<int>());
}

void TestThreads::objectWithoutThread()
{
    Harness harness;
    Remote remote;
    QVERIFY(harness->serve(&remote));
    remote.moveToThread(nullptr);
    QCOMPARE(harness.call("add", 1, 2), error("the thread of the object of `add' has ended"));
    remote.moveToThread(QThread::currentThread());
    QCOMPARE(harness.call("add", 1, 2), result(3));
}

// A method runs an event loop, in which it is called again and again.
void TestThreads::noDeeper()
{
    constexpr int Calls = 1000;
    Harness harness;
    RemoteThread remote;
    std::atomic<bool> isReleased = false;
    std::atomic<int> depth = 0;
    std::atomic<int> deepest = 0;
    QList<int> order; // of that thread
    harness->bind("loop", remote.object.data(), [&](int number) {
        order.append(number);
        deepest = std::max<int>(deepest, ++depth);
        while (!isReleased)
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        --depth;
        return number;
    });
    QList<quint32> all;
    const auto release = qScopeGuard([&] {
        isReleased = true;
        remote.flush();
    });
    for (int i = 0; i < Calls; ++i) {
        all.append(harness.send("loop", i));
        if (i < 100) // each wakes the innermost loop
            QTRY_COMPARE_WITH_TIMEOUT(int(depth), i + 1, 30'000);
    }
    remote.flush();
    remote.flush();
    QMetaObject::invokeMethod(remote.object, Posted([&] { isReleased = true; }),
                              Qt::QueuedConnection);
    for (int i = 0; i < Calls; ++i)
        QTRY_COMPARE_WITH_TIMEOUT(harness.outcome(all.at(i)), result(i), 30'000);
    QCOMPARE(int(deepest), 100);
    remote.flush();
    for (int i = 0; i < Calls; ++i)
        QCOMPARE(order.at(i), i);
}

void TestThreads::movedWhileServed()
{
    Harness harness;
    RemoteThread remote;
    Remote object;
    QVERIFY(harness->serve(&object));
    QCOMPARE(harness.call("add", 1, 2), result(3));
    object.moveToThread(&remote.thread);
    const quint32 add = harness.send("add", 3, 4);
    QTRY_COMPARE(harness.outcome(add), result(7));
    QThread *const here = QThread::currentThread();
    runThere(&object, [&object, here] { object.moveToThread(here); });
    QCOMPARE(harness.call("add", 5, 6), result(11));
}

// As a Client does that is moved to a worker before it is used.
void TestThreads::movedWithParent()
{
    RemoteThread remote;
    auto *parent = new QObject;
    Harness harness;
    harness.dispatcher = std::make_unique<ObjectDispatcher>(parent);
    auto *object = new Remote;
    object->promise.start();
    object->setParent(parent);
    QVERIFY(harness->serve(object));
    parent->moveToThread(&remote.thread);
    quint32 pending = 0;
    runThere(remote.object, [&] {
        QCOMPARE(harness.call("isHere"), result(true));
        pending = harness.send("pending");
        object->resolve();
    });
    QTRY_COMPARE(harness.outcome(pending), result("resolved"));
    runThere(remote.object, [&] {
        harness.dispatcher.reset();
        delete parent;
    });
}

// Calls while another thread destroys the object: each one is answered, once.
void TestThreads::destructionRace()
{
    for (int round = 0; round < 50; ++round) {
        Harness harness;
        RemoteThread remote;
        QVERIFY(harness->serve(remote.object));
        Remote *object = remote.object;
        std::atomic_bool isGone = false;
        QMetaObject::invokeMethod(object, Posted([object, &isGone] {
                                      delete object;
                                      isGone = true;
                                  }),
                                  Qt::QueuedConnection);
        QList<quint32> msgids;
        do {
            msgids += harness.send("add", 1, 2);
            harness->unbind("unknown");
        } while (!isGone);
        QTRY_COMPARE(harness.order().size(), msgids.size());
        for (quint32 msgid : msgids)
            QCOMPARE(harness.outcome(msgid).answers, 1);
    }
}

QTEST_GUILESS_MAIN(TestThreads)
#include "tst_threads.moc"
