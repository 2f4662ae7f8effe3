// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <QtTest/QtTest>

using namespace DispatchTest;

class Shapes : public QObject
{
    Q_OBJECT

public:
    enum Colour { Red, Green = 5 };
    Q_ENUM(Colour)
    enum Option { Bold = 1, Italic = 2 };
    Q_DECLARE_FLAGS(Options, Option)
    Q_FLAG(Options)

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    void nothing() { ++calls; }
    QString upper(const QString &text) { return text.toUpper(); }
    QByteArray reversed(QByteArray bytes)
    {
        std::reverse(bytes.begin(), bytes.end());
        return bytes;
    }
    bool invert(bool value) { return !value; }
    double half(double value) { return value / 2; }
    quint64 big(quint64 value) { return value; }
    int colour(Shapes::Colour colour) { return int(colour); }
    Shapes::Colour green() { return Green; }
    int options(Shapes::Options options) { return int(options); }
    QVariant any(const QVariant &value) { return value; }
    QVariantMap map(const QVariantMap &map) { return map; }
    QStringList sorted(QStringList list)
    {
        list.sort();
        return list;
    }
    int sum(const QList<int> &values) { return std::accumulate(values.begin(), values.end(), 0); }
    QMap<QString, int> counts(const QMap<QString, int> &counts) { return counts; }

public:
    Q_INVOKABLE QString many(int a, const QString &b, bool c, double d, const QByteArray &e,
                             qint8 f, quint16 g, const QString &h, const QVariant &i,
                             const QStringList &j)
    {
        return QString("%1 %2 %3 %4 %5 %6 %7 %8 %9 %10")
                .arg(a)
                .arg(b)
                .arg(c)
                .arg(d)
                .arg(QString::fromUtf8(e))
                .arg(f)
                .arg(g)
                .arg(h, i.toString(), j.join('+'));
    }
    Q_INVOKABLE QString moved(const QUrl &url, const QUuid &id, const QDate &date)
    {
        return url.host() + id.toString(QUuid::WithoutBraces).left(8) + date.toString(Qt::ISODate);
    }

    int calls = 0;
};

class TestObjectDispatcher : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void calls();
    void names();
    void numbersAreOtherMethods();
    void typeErrors_data();
    void typeErrors();
    void arityErrors_data();
    void arityErrors();
    void notifications();
    void argumentsThatAreNoArray();
    void closedPort();
    void fallback();
    void largeBinaryIsMoved();
};

void TestObjectDispatcher::calls()
{
    Harness harness;
    Shapes shapes;
    QVERIFY2(harness->serve(&shapes), qPrintable(harness->error().message()));
    QVERIFY(!harness->error());
    QCOMPARE(harness.call("add", 3, 4), result(7));
    QCOMPARE(harness.call("add", 3.0, -4), result(-1));
    QCOMPARE(harness.call("nothing"), result(QVariant()));
    QCOMPARE(shapes.calls, 1);
    QCOMPARE(harness.call("upper", QString("abc")), result("ABC"));
    QCOMPARE(harness.call("reversed", QByteArray("abc")), result(QByteArray("cba")));
    QCOMPARE(harness.call("invert", true), result(false));
    QCOMPARE(harness.call("half", 3), result(1.5));
    QCOMPARE(harness.call("big", std::numeric_limits<quint64>::max()),
             result(std::numeric_limits<quint64>::max()));
    QCOMPARE(harness.call("colour", 5), result(5));
    QCOMPARE(harness.call("colour", QString("Green")), result(5));
    QCOMPARE(harness.call("green"), result(5));
    QCOMPARE(harness.call("options", 3), result(3));
    QCOMPARE(harness.call("any", QVariantList{1, "a"}), result(QVariantList{1, "a"}));
    QCOMPARE(harness.call("any", QVariant()), result(QVariant()));
    QCOMPARE(harness.call("map", QVariantMap{{"a", 1}}), result(QVariantMap{{"a", 1}}));
    QCOMPARE(harness.call("sorted", QStringList{"b", "a"}), result(QVariantList{"a", "b"}));
    QCOMPARE(harness.call("sum", QVariantList{1, 2, 3}), result(6));
    QCOMPARE(harness.call("counts", QVariantMap{{"a", 1}}), result(QVariantMap{{"a", 1}}));
    const QUuid id("{12345678-1234-1234-1234-123456789abc}");
    QCOMPARE(harness.call("moved", QUrl("tcp://there:1"), id, QDate(2024, 2, 29)),
             result("there123456782024-02-29"));
    QCOMPARE(harness.call("many", 1, "two", true, 4.5, QByteArray("five"), -6, 7, "eight", 9,
                          QStringList{"x", "y"}),
             result("1 two 1 4.5 five -6 7 eight 9 x+y"));
}

void TestObjectDispatcher::names()
{
    Harness harness;
    Shapes shapes;
    QVERIFY(harness->serve("calc", &shapes, {"add", "upper"}));
    QVERIFY(harness->serve("other.calc", &shapes, {"add"}));
    harness->bind(7, [] {});
    harness->bind("version", [] {});
    QCOMPARE(harness->methods(),
             QStringList({"7", "calc.add", "calc.upper", "other.calc.add", "version"}));
    QCOMPARE(harness.call("calc.add", 1, 2), result(3));
    QCOMPARE(harness.call("other.calc.add", 1, 2), result(3));
    QCOMPARE(harness.call("add", 1, 2), notAccepted("add"));
    QCOMPARE(harness.call("calc.add", 1), error("calc.add(int, int) takes 2 arguments, got 1"));
}

void TestObjectDispatcher::numbersAreOtherMethods()
{
    Harness harness;
    harness->bind("7", [] { return QString("name"); });
    QCOMPARE(harness.call(7), notAccepted("7"));
    harness->bind(7, [] { return QString("number"); });
    QCOMPARE(harness.call(7), result("number"));
    QCOMPARE(harness.call("7"), result("name"));
    QCOMPARE(harness.call(-7), notAccepted("-7"));
    QCOMPARE(harness.call(0), notAccepted("0"));
    QCOMPARE(harness.call(""), notAccepted(""));
}

void TestObjectDispatcher::typeErrors_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<QString>("text");

    QTest::newRow("text for int")
            << "add" << QVariantList{1, "x"}
            << "add(int, int): argument 2: expected an integer from -2147483648 to 2147483647, "
               "got the text \"x\"";
    QTest::newRow("first of two")
            << "add" << QVariantList{QVariant(), "x"}
            << "add(int, int): argument 1: expected an integer from -2147483648 to 2147483647, "
               "got nil";
    QTest::newRow("too large")
            << "add" << QVariantList{1, qint64(1) << 40}
            << "add(int, int): argument 2: expected an integer from -2147483648 to 2147483647, "
               "got the integer 1099511627776";
    QTest::newRow("not whole")
            << "add" << QVariantList{3.7, 1}
            << "add(int, int): argument 1: expected an integer from -2147483648 to 2147483647, "
               "got the number 3.7";
    QTest::newRow("bool for int")
            << "add" << QVariantList{true, 1}
            << "add(int, int): argument 1: expected an integer from -2147483648 to 2147483647, "
               "got true";
    QTest::newRow("int for text") << "upper" << QVariantList{1}
                                  << "upper(QString): argument 1: expected text, got the integer 1";
    QTest::newRow("within a list")
            << "sum" << QVariantList{QVariantList{1, "x"}}
            << "sum(QList<int>): argument 1: element 1: expected an integer from -2147483648 to "
               "2147483647, got the text \"x\"";
}

void TestObjectDispatcher::typeErrors()
{
    QFETCH(QString, method);
    QFETCH(QVariantList, arguments);
    QFETCH(QString, text);
    Harness harness;
    Shapes shapes;
    harness->serve(&shapes);
    const Outcome outcome = arguments.size() == 1
                                    ? harness.call(method, arguments[0])
                                    : harness.call(method, arguments[0], arguments[1]);
    QCOMPARE(outcome, error(text));
}

void TestObjectDispatcher::arityErrors_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<int>("count");
    QTest::addColumn<QString>("text");

    QTest::newRow("too few") << "add" << 0 << "add(int, int) takes 2 arguments, got 0";
    QTest::newRow("too many") << "add" << 3 << "add(int, int) takes 2 arguments, got 3";
    QTest::newRow("one") << "upper" << 2 << "upper(QString) takes 1 argument, got 2";
    QTest::newRow("none") << "nothing" << 1 << "nothing() takes no arguments, got 1";
}

void TestObjectDispatcher::arityErrors()
{
    QFETCH(QString, method);
    QFETCH(int, count);
    QFETCH(QString, text);
    Harness harness;
    Shapes shapes;
    harness->serve(&shapes);
    const Outcome outcome = count == 0   ? harness.call(method)
                            : count == 1 ? harness.call(method, 1)
                            : count == 2 ? harness.call(method, 1, 2)
                                         : harness.call(method, 1, 2, 3);
    QCOMPARE(outcome, error(text));
    QCOMPARE(shapes.calls, 0);
}

void TestObjectDispatcher::notifications()
{
    Harness harness;
    Shapes shapes;
    harness->serve(&shapes);
    harness.notify("nothing");
    QCOMPARE(shapes.calls, 1);
    harness.notify("add", 1, 2);
    QTest::ignoreMessage(QtWarningMsg,
                         "a notification of nothing failed: nothing() takes no arguments, got 1");
    harness.notify("nothing", 1);
    QTest::ignoreMessage(QtWarningMsg,
                         "a notification of unknown failed: method `unknown' is not accepted");
    harness.notify("unknown");
    QVERIFY(harness.order().isEmpty());
}

void TestObjectDispatcher::argumentsThatAreNoArray()
{
    Harness harness;
    Shapes shapes;
    harness->serve(&shapes);
    for (const char *bytes : {"", "\xc0", "\x01", "\x93\x01", "\xc1"}) {
        QByteArray frame(bytes);
        IncomingCall call(&harness.port, "add", 0, false, frame, &frame, 100, false);
        harness->dispatch(call);
        QVERIFY(harness.outcome(100).isError);
    }
}

void TestObjectDispatcher::closedPort()
{
    Harness harness;
    Shapes shapes;
    harness->serve(&shapes);
    harness.port.isClosed = true;
    QCOMPARE(harness.call("nothing").answers, 0);
    QCOMPARE(shapes.calls, 1);
}

void TestObjectDispatcher::fallback()
{
    Harness harness;
    harness->bind("known", [] {});
    QByteArrayList seen;
    harness->setFallback([&](IncomingCall &call) {
        seen += call.method().toByteArray();
        if (call.method() != QByteArrayView("mine"))
            return false;
        harness->setFallback({}); // while it runs
        call.reply(seen.size());
        return true;
    });
    QCOMPARE(harness.call("known"), result(QVariant()));
    QCOMPARE(harness.call("other"), notAccepted("other"));
    QCOMPARE(harness.call("mine"), result(2));
    QCOMPARE(harness.call("mine"), notAccepted("mine"));
    QCOMPARE(seen, QByteArrayList({"other", "mine"}));
    harness->setFallback([](IncomingCall &) -> bool { throw ErrorException("no"); });
    QCOMPARE(harness.call("other"), error("no"));
}

void TestObjectDispatcher::largeBinaryIsMoved()
{
    Harness harness;
    const char *data = nullptr;
    harness->bind("size", [&](const QByteArray &bytes) {
        data = bytes.constData();
        return bytes.size();
    });
    Writer writer;
    writer.writeArray(1);
    writer.writeBinary(QByteArrayView(QByteArray(Reader::LargeBody, 'x')));
    QByteArray frame = writer.bytes();
    const char *before = frame.constData();
    IncomingCall call(&harness.port, "size", 0, false, frame, &frame, 1, false);
    harness->dispatch(call);
    QCOMPARE(harness.outcome(1), result(int(Reader::LargeBody)));
    QVERIFY(data >= before && data < before + 100);
}

QTEST_GUILESS_MAIN(TestObjectDispatcher)
#include "tst_objectdispatcher.moc"
