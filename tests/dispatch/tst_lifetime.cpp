// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <QtCore/QEventLoop>
#include <QtTest/QtTest>

using namespace DispatchTest;

class Suicidal : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE QString die(const QString &text)
    {
        delete this;
        return text;
    }
    Q_INVOKABLE int dieWithList(QList<int> list)
    {
        delete this;
        return list.size();
    }
    Q_INVOKABLE void dieAndThrow()
    {
        delete this;
        throw ErrorException("last words");
    }
    Q_INVOKABLE QString other() { return "other"; }
};

class Busy : public QObject
{
    Q_OBJECT

public:
    explicit Busy(Harness *harness) : m_harness(harness) {}

    Q_INVOKABLE int recurse(int depth) { return depth == 0 ? 0 : 1 + inner(depth - 1); }
    Q_INVOKABLE QString loop(const QString &text)
    {
        QEventLoop loop;
        quint32 msgid = 0;
        QMetaObject::invokeMethod(
                this,
                [&] {
                    msgid = m_harness->send("recurse", 3);
                    m_harness->notify("quick");
                    loop.quit();
                },
                Qt::QueuedConnection);
        loop.exec();
        return text + m_harness->outcome(msgid).value.toString();
    }
    Q_INVOKABLE void quick() { ++quickCalls; }
    Q_INVOKABLE QString unserveSelf(const QString &text)
    {
        (*m_harness)->unserve(this);
        return text + ((*m_harness)->methods().isEmpty() ? " and nothing" : " and more");
    }
    Q_INVOKABLE int serveMore()
    {
        for (int i = 0; i < 200; ++i)
            (*m_harness)->serve(QString("n%1").arg(i), this);
        return (*m_harness)->methods().size();
    }
    Q_INVOKABLE QString deleteDispatcher(const QString &text)
    {
        m_harness->dispatcher.reset();
        return text;
    }
    Q_INVOKABLE QString deleteDispatcherWithin(const QString &text)
    {
        m_harness->send("deleteDispatcher", "inner");
        return text;
    }
    Q_INVOKABLE void close() { m_harness->port.isClosed = true; }
    Q_INVOKABLE QFuture<int> deleteDispatcherThenFuture()
    {
        m_harness->dispatcher.reset();
        return promise.future();
    }

    QPromise<int> promise;
    int quickCalls = 0;

private:
    int inner(int depth) { return m_harness->call("recurse", depth).value.toInt(); }
    Harness *const m_harness;
};

class TestLifetime : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void objectIsDestroyed();
    void objectDestroysItself();
    void objectAtTheSameAddress();
    void dispatcherGoesFirst();
    void reentrancy();
    void nestedEventLoop();
    void unserveWithinACall();
    void serveWithinACall();
    void dispatcherIsDeletedWithinACall();
    void dispatcherIsDeletedByAFallback();
    void sessionIsClosedWithinACall();
    void parentIsDestroyedFirst();
    void servedAgainAndAgain();
    void unboundByAConversion();
};

void TestLifetime::objectIsDestroyed()
{
    Harness harness;
    auto object = std::make_unique<Suicidal>();
    QVERIFY(harness->serve(object.get()));
    QVERIFY(harness->serve("x", object.get()));
    QCOMPARE(harness.call("other"), result("other"));
    object.reset();
    QCOMPARE(harness.call("other"), notAccepted("other"));
    QCOMPARE(harness.call("x.other"), notAccepted("x.other"));
    QVERIFY(harness->methods().isEmpty());
}

void TestLifetime::objectDestroysItself()
{
    Harness harness;
    QVERIFY(harness->serve(new Suicidal));
    QCOMPARE(harness.call("die", QString(1000, 'x')), result(QString(1000, 'x')));
    QCOMPARE(harness.call("die", ""), notAccepted("die"));
    QVERIFY(harness->serve(new Suicidal));
    QCOMPARE(harness.call("dieWithList", QVariantList{1, 2, 3}), result(3));
    QVERIFY(harness->serve(new Suicidal));
    QCOMPARE(harness.call("dieAndThrow"), error("last words"));
    QVERIFY(harness->methods().isEmpty());
}

void TestLifetime::objectAtTheSameAddress()
{
    Harness harness;
    alignas(Suicidal) std::byte place[sizeof(Suicidal)];
    for (int i = 0; i < 3; ++i) {
        auto *object = new (place) Suicidal;
        QVERIFY(harness->serve(object));
        QCOMPARE(harness.call("other"), result("other"));
        object->~Suicidal();
        QCOMPARE(harness.call("other"), notAccepted("other"));
        QVERIFY(harness->methods().isEmpty());
    }
}

void TestLifetime::dispatcherGoesFirst()
{
    Suicidal object;
    {
        ObjectDispatcher dispatcher;
        QVERIFY(dispatcher.serve(&object));
        QVERIFY(dispatcher.bind("x", &object, [] {}));
    }
    ObjectDispatcher other;
    QVERIFY(other.serve(&object));
}

void TestLifetime::reentrancy()
{
    Harness harness;
    Busy busy(&harness);
    QVERIFY(harness->serve(&busy));
    QCOMPARE(harness.call("recurse", 50), result(50));
}

void TestLifetime::nestedEventLoop()
{
    Harness harness;
    Busy busy(&harness);
    QVERIFY(harness->serve(&busy));
    QCOMPARE(harness.call("loop", "got "), result("got 3"));
    QCOMPARE(busy.quickCalls, 1);
}

void TestLifetime::unserveWithinACall()
{
    Harness harness;
    Busy busy(&harness);
    QVERIFY(harness->serve(&busy));
    QCOMPARE(harness.call("unserveSelf", "done"), result("done and nothing"));
    QCOMPARE(harness.call("quick"), notAccepted("quick"));
}

void TestLifetime::serveWithinACall()
{
    Harness harness;
    Busy busy(&harness);
    QVERIFY(harness->serve(&busy));
    const int one = harness->methods().size();
    QCOMPARE(harness.call("serveMore"), result(201 * one));
    QCOMPARE(harness.call("n199.recurse", 0), result(0));
}

void TestLifetime::dispatcherIsDeletedWithinACall()
{
    for (const char *method : {"deleteDispatcher", "deleteDispatcherWithin"}) {
        Harness harness;
        Busy busy(&harness);
        QVERIFY(harness->serve(&busy));
        QCOMPARE(harness.call(method, QString(100, 'x')), result(QString(100, 'x')));
    }
    Harness harness;
    Busy busy(&harness);
    busy.promise.start();
    QVERIFY(harness->serve(&busy));
    QCOMPARE(harness.call("deleteDispatcherThenFuture"),
             error("the method ended without an answer"));

    Harness bound;
    bound->bind("x", [&bound, text = QString(100, 'x')] {
        bound.dispatcher.reset();
        return text;
    });
    QCOMPARE(bound.call("x"), result(QString(100, 'x')));
}

void TestLifetime::dispatcherIsDeletedByAFallback()
{
    Harness harness;
    harness->setFallback([&harness, text = QString(100, 'x')](IncomingCall &call) {
        harness.dispatcher.reset();
        call.reply(text);
        return true;
    });
    QCOMPARE(harness.call("x"), result(QString(100, 'x')));
}

void TestLifetime::sessionIsClosedWithinACall()
{
    Harness harness;
    Busy busy(&harness);
    QVERIFY(harness->serve(&busy));
    QCOMPARE(harness.call("close").answers, 0);
    QVERIFY(harness.order().isEmpty());
}

void TestLifetime::parentIsDestroyedFirst()
{
    auto parent = std::make_unique<QObject>();
    Harness harness;
    harness.dispatcher = std::make_unique<ObjectDispatcher>(parent.get());
    QPromise<int> promise;
    promise.start();
    harness->bind("future", [&] { return promise.future(); });
    parent.reset();
    auto object = std::make_unique<Suicidal>();
    QVERIFY(harness->serve(object.get()));
    QCOMPARE(harness.call("other"), result("other"));
    object.reset();
    QCOMPARE(harness.call("other"), notAccepted("other"));
    QCOMPARE(harness.call("future"), error("the method ended without an answer"));
}

void TestLifetime::servedAgainAndAgain()
{
    class Counting : public QObject
    {
    public:
        int connections() const { return receivers(SIGNAL(destroyed(QObject *))); }
    };
    Harness harness;
    Counting object;
    for (int i = 0; i < 100; ++i) {
        harness->bind("x", &object, [] {});
        harness->unbind("x");
    }
    QVERIFY(object.connections() <= 2);
}

namespace {

struct Meddler
{};

} // namespace

void TestLifetime::unboundByAConversion()
{
    Harness harness;
    registerType<Meddler>([](const Meddler &) { return 0; },
                          [&harness](int) {
                              harness->unbind("x");
                              return Meddler();
                          });
    harness->bind("x", [text = QString(100, 'x')](const Meddler &) { return text; });
    QCOMPARE(harness.call("x", 1), result(QString(100, 'x')));
    QCOMPARE(harness.call("x", 1), notAccepted("x"));
    registerType<Meddler>([](const Meddler &) { return 0; }, [](int) { return Meddler(); });
}

QTEST_GUILESS_MAIN(TestLifetime)
#include "tst_lifetime.moc"
