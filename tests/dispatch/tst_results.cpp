// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"
#include "slowregistration.h"

#include <QtCore/QPromise>
#include <QtTest/QtTest>

using namespace DispatchTest;

class Person
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(int age MEMBER age)

public:
    QString name;
    int age = 0;
};

template<>
struct QMetaTypeId<QFuture<short>> : SlowRegistration<QFuture<short>>
{
};

class Seldom : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE QFuture<short> number() { return QtFuture::makeReadyFuture(short(3)); }
};

class Slow : public QObject
{
    Q_OBJECT

public:
    enum Mood { Calm = 2, Wild };
    Q_ENUM(Mood)

    Q_INVOKABLE QFuture<int> number() { return m_number.future(); }
    Q_INVOKABLE QFuture<QString> text() { return m_text.future(); }
    Q_INVOKABLE QFuture<void> nothing() { return m_nothing.future(); }
    Q_INVOKABLE QFuture<QVariant> variant() { return m_variant.future(); }
    Q_INVOKABLE QFuture<Person> person() { return m_person.future(); }
    Q_INVOKABLE QFuture<Slow::Mood> mood() { return QtFuture::makeReadyFuture(Calm); }
    Q_INVOKABLE QFuture<QList<int>> list() { return QtFuture::makeReadyFuture(QList<int>{1, 2}); }
    Q_INVOKABLE QFuture<int> ready(int value) { return QtFuture::makeReadyFuture(value); }
    Q_INVOKABLE QFuture<int> empty() { return {}; }
    Q_INVOKABLE QFuture<int> batch()
    {
        QFutureInterface<int> state;
        state.reportStarted();
        state.reportResults({7, 8, 9});
        state.reportFinished();
        return state.future();
    }
    Q_INVOKABLE QFuture<int> failed()
    {
        return QtFuture::makeExceptionalFuture<int>(ErrorException("failed future"));
    }
    Q_INVOKABLE Person gadget(const Person &person)
    {
        Person older = person;
        ++older.age;
        return older;
    }
    Q_INVOKABLE Slow::Mood swing(Slow::Mood mood) { return mood == Calm ? Wild : Calm; }
    Q_INVOKABLE int throwsError() { throw ErrorException("no such user"); }
    Q_INVOKABLE int throwsData()
    {
        throw ErrorException(Error(Error::RemoteError, "text", QVariantList{1, "text"}));
    }
    Q_INVOKABLE int throwsNoError() { throw ErrorException(Error()); }
    Q_INVOKABLE int throwsStd() { throw std::runtime_error("standard"); }
    Q_INVOKABLE int throwsInt() { throw 3; }

    void start()
    {
        m_number.start();
        m_text.start();
        m_nothing.start();
        m_variant.start();
        m_person.start();
    }

    QPromise<int> m_number;
    QPromise<QString> m_text;
    QPromise<void> m_nothing;
    QPromise<QVariant> m_variant;
    QPromise<Person> m_person;
};

class TestResults : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void exceptions_data();
    void exceptions();
    void gadgetsAndEnums();
    void readyFutures();
    void halfRegisteredFuture();
    void laterFutures();
    void oneFutureForManyCalls();
    void failedFutures();
    void canceledFutures();
    void resultOutlivesThePromise();
    void boundFutures();
    void futuresOfNotifications();
    void dispatcherIsDeletedBefore();
    void futureFromAnotherThread();
};

void TestResults::initTestCase()
{
    qRegisterMetaType<Person>();
    qRegisterMetaType<Slow::Mood>();
}

void TestResults::exceptions_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariant>("expected");
    QTest::newRow("ErrorException") << "throwsError" << QVariant("no such user");
    QTest::newRow("with data") << "throwsData" << QVariant(QVariantList{1, "text"});
    QTest::newRow("std::exception") << "throwsStd" << QVariant("standard");
    QTest::newRow("anything") << "throwsInt" << QVariant("an unknown exception");
}

void TestResults::exceptions()
{
    QFETCH(QString, method);
    QFETCH(QVariant, expected);
    Harness harness;
    Slow slow;
    QVERIFY2(harness->serve(&slow), qPrintable(harness->error().message()));
    const Outcome outcome{1, true, expected};
    QCOMPARE(harness.call(method), outcome);
    QVERIFY(harness.call("throwsNoError").isError);
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression("a notification of throws\\w+ failed: .*"));
    harness.notify(method);
    QCOMPARE(harness.call("ready", 1), result(1));
}

void TestResults::gadgetsAndEnums()
{
    Harness harness;
    Slow slow;
    QVERIFY(harness->serve(&slow));
    const QVariantMap young{{"name", "Ann"}, {"age", 7}};
    const QVariantMap older{{"name", "Ann"}, {"age", 8}};
    QCOMPARE(harness.call("gadget", young), result(older));
    QCOMPARE(harness.call("gadget", QVariantMap{}), result(QVariantMap{{"name", ""}, {"age", 1}}));
    QVERIFY(harness.call("gadget", QVariantMap{{"age", "x"}})
                    .value.toString()
                    .startsWith("gadget(Person): argument 1"));
    QCOMPARE(harness.call("swing", 2), result(3));
    QCOMPARE(harness.call("swing", "Wild"), result(2));
    QVERIFY(harness.call("swing", "Tame").isError);
    QCOMPARE(harness.call("mood"), result(2));
    harness->bind("bound",
                  [](const Person &person, Slow::Mood mood) { return person.age + int(mood); });
    QCOMPARE(harness.call("bound", young, "Wild"), result(10));
}

void TestResults::readyFutures()
{
    Harness harness;
    Slow slow;
    QVERIFY(harness->serve(&slow));
    QCOMPARE(harness.call("ready", 5), result(5));
    QCOMPARE(harness.call("list"), result(QVariantList{1, 2}));
    QCOMPARE(harness.call("batch"), result(7));
}

void TestResults::halfRegisteredFuture()
{
    Harness harness;
    Seldom seldom;
    bool isServed = false;
    SlowRegistration<QFuture<short>>::runMeanwhile([&] { isServed = harness->serve(&seldom); });
    QVERIFY2(isServed, qPrintable(harness->error().message()));
    QCOMPARE(harness.call("number"), result(3));
}

void TestResults::laterFutures()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    const quint32 number = harness.send("number");
    const quint32 text = harness.send("text");
    const quint32 nothing = harness.send("nothing");
    const quint32 variant = harness.send("variant");
    const quint32 person = harness.send("person");
    QCoreApplication::processEvents();
    QVERIFY(harness.order().isEmpty());
    slow.m_text.addResult("done");
    slow.m_text.finish();
    slow.m_number.addResult(3);
    slow.m_number.finish();
    slow.m_nothing.finish();
    slow.m_variant.addResult(QVariant(QVariantList{1}));
    slow.m_variant.finish();
    slow.m_person.addResult(Person{"Bob", 3});
    slow.m_person.finish();
    QTRY_COMPARE(harness.order().size(), 5);
    QCOMPARE(harness.outcome(number), result(3));
    QCOMPARE(harness.outcome(text), result("done"));
    QCOMPARE(harness.outcome(nothing), result(QVariant()));
    QCOMPARE(harness.outcome(variant), result(QVariantList{1}));
    QCOMPARE(harness.outcome(person), result(QVariantMap{{"name", "Bob"}, {"age", 3}}));
}

void TestResults::oneFutureForManyCalls()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    int seen = 0;
    slow.m_number.future().then(this, [&seen](int value) { seen = value; });
    const quint32 first = harness.send("number");
    const quint32 second = harness.send("number");
    slow.m_number.addResult(3);
    slow.m_number.finish();
    const quint32 third = harness.send("number");
    QTRY_COMPARE(harness.order().size(), 3);
    for (quint32 msgid : {first, second, third})
        QCOMPARE(harness.outcome(msgid), result(3));
    QTRY_COMPARE(seen, 3);
}

void TestResults::failedFutures()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    QCOMPARE(harness.call("failed"), error("failed future"));
    const quint32 number = harness.send("number");
    const quint32 nothing = harness.send("nothing");
    const quint32 text = harness.send("text");
    slow.m_number.setException(ErrorException("later"));
    slow.m_number.finish();
    slow.m_nothing.setException(std::make_exception_ptr(std::runtime_error("standard")));
    slow.m_nothing.finish();
    slow.m_text.setException(std::make_exception_ptr(3));
    slow.m_text.finish();
    QTRY_COMPARE(harness.order().size(), 4);
    QCOMPARE(harness.outcome(number), error("later"));
    QCOMPARE(harness.outcome(nothing), error("standard"));
    QCOMPARE(harness.outcome(text), error("an unknown exception"));
}

void TestResults::canceledFutures()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    QCOMPARE(harness.call("empty"), error("canceled"));
    const quint32 number = harness.send("number");
    const quint32 nothing = harness.send("nothing");
    const quint32 text = harness.send("text");
    slow.m_number.future().cancel();
    slow.m_number.finish();
    slow.m_nothing.future().cancel();
    slow.m_nothing.finish();
    {
        const QPromise<QString> abandoned = std::move(slow.m_text);
    }
    QTRY_COMPARE(harness.order().size(), 4);
    for (quint32 msgid : {number, nothing, text})
        QCOMPARE(harness.outcome(msgid), error("canceled"));
}

void TestResults::resultOutlivesThePromise()
{
    Harness harness;
    auto slow = std::make_unique<Slow>();
    slow->start();
    QVERIFY(harness->serve(slow.get()));
    const quint32 text = harness.send("text");
    slow->m_text.addResult(QString(1000, 'x'));
    slow->m_text.finish();
    slow.reset();
    QTRY_COMPARE(harness.outcome(text), result(QString(1000, 'x')));
}

void TestResults::boundFutures()
{
    Harness harness;
    QPromise<QString> promise;
    promise.start();
    harness->bind("text", [&] { return promise.future(); });
    harness->bind("ready", [] { return QtFuture::makeReadyFuture(std::optional<int>(4)); });
    harness->bind("nothing", [] { return QtFuture::makeReadyFuture(); });
    harness->bind("pair", [] { return QtFuture::makeReadyFuture(std::pair<int, bool>(1, true)); });
    QCOMPARE(harness.call("ready"), result(4));
    QCOMPARE(harness.call("nothing"), result(QVariant()));
    QCOMPARE(harness.call("pair"), result(QVariantList{1, true}));
    const quint32 text = harness.send("text");
    promise.addResult("x");
    promise.finish();
    QTRY_COMPARE(harness.outcome(text), result("x"));
}

void TestResults::futuresOfNotifications()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    harness.notify("ready", 1);
    harness.notify("text");
    QTest::ignoreMessage(QtWarningMsg, "a notification of failed failed: failed future");
    harness.notify("failed");
    QTest::ignoreMessage(QtWarningMsg, "a notification of text failed: too late");
    slow.m_text.setException(ErrorException("too late"));
    slow.m_text.finish();
    QCoreApplication::processEvents();
    QVERIFY(harness.order().isEmpty());
}

void TestResults::dispatcherIsDeletedBefore()
{
    Harness harness;
    Slow slow;
    slow.start();
    QVERIFY(harness->serve(&slow));
    const quint32 text = harness.send("text");
    harness.dispatcher.reset();
    QCOMPARE(harness.outcome(text), error("the method ended without an answer"));
    slow.m_text.addResult("x");
    slow.m_text.finish();
    QCoreApplication::processEvents();
    QCOMPARE(harness.outcome(text).answers, 1);
}

void TestResults::futureFromAnotherThread()
{
    Harness harness;
    QPromise<int> promise;
    promise.start();
    harness->bind("number", [&] { return promise.future(); });
    const quint32 number = harness.send("number");
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        promise.addResult(5);
        promise.finish();
    }));
    thread->start();
    QTRY_COMPARE(harness.outcome(number), result(5));
    thread->wait();
}

QTEST_GUILESS_MAIN(TestResults)
#include "tst_results.moc"
