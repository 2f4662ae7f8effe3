// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <QtTest/QtTest>

using namespace DispatchTest;

struct Picky
{
    int value = 0;
};

template<>
struct MsgpackRpc::Codec<Picky>
{
    static bool read(Reader &reader, Picky &picky)
    {
        if (!Codec<int>::read(reader, picky.value))
            return false;
        if (picky.value < 0)
            throw std::runtime_error("too picky");
        return true;
    }
    static void write(Writer &, const Picky &picky)
    {
        throw ErrorException(QString("cannot send %1").arg(picky.value));
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Integer; }
};

class Overloaded : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE QString by(int) { return "int"; }
    Q_INVOKABLE QString by(double) { return "double"; }
    Q_INVOKABLE QString by(const QString &) { return "QString"; }
    Q_INVOKABLE QString by(const QByteArray &) { return "QByteArray"; }
    Q_INVOKABLE QString by(bool) { return "bool"; }
    Q_INVOKABLE QString by(const QVariantList &) { return "QVariantList"; }
    Q_INVOKABLE QString by(const QVariantMap &) { return "QVariantMap"; }
    Q_INVOKABLE QString by(const QDateTime &) { return "QDateTime"; }
    Q_INVOKABLE QString by(int, int) { return "int int"; }
    Q_INVOKABLE QString by(int, const QString &) { return "int QString"; }
    Q_INVOKABLE QString by(const QString &, int) { return "QString int"; }

    Q_INVOKABLE QString narrow(qint8) { return "qint8"; }
    Q_INVOKABLE QString narrow(qint16) { return "qint16"; }
    Q_INVOKABLE QString narrow(qint64) { return "qint64"; }

    Q_INVOKABLE QString order(const QVariant &) { return "QVariant"; }
    Q_INVOKABLE QString order(int) { return "int"; }

    Q_INVOKABLE QString defaults(int a, int b = 20, const QString &c = "c")
    {
        return QString("%1 %2 %3").arg(a).arg(b).arg(c);
    }
    Q_INVOKABLE QString one(int a = 1) { return QString::number(a); }
    Q_INVOKABLE QString mixed(int a, int b = 2) { return QString("ints %1 %2").arg(a).arg(b); }
    Q_INVOKABLE QString mixed(const QString &a, int b)
    {
        return QString("text %1 %2").arg(a).arg(b);
    }
    Q_INVOKABLE void later(int a, Responder responder = {}) { responder.result(a); }
};

class TestOverloads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void chosen_data();
    void chosen();
    void defaultArguments();
    void errors_data();
    void errors();
    void conversionsThatThrow();
};

Q_DECLARE_METATYPE(QVariantList)

void TestOverloads::chosen_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<QString>("expected");

    QTest::newRow("int") << "by" << QVariantList{1} << "int";
    QTest::newRow("double") << "by" << QVariantList{1.5} << "double";
    QTest::newRow("whole double") << "by" << QVariantList{1.0} << "double";
    QTest::newRow("int that is too large") << "by" << QVariantList{qint64(1) << 40} << "double";
    QTest::newRow("text") << "by" << QVariantList{"x"} << "QString";
    QTest::newRow("bytes") << "by" << QVariantList{QByteArray("x")} << "QByteArray";
    QTest::newRow("bool") << "by" << QVariantList{true} << "bool";
    QTest::newRow("list") << "by" << QVariantList{QVariant(QVariantList{1})} << "QVariantList";
    QTest::newRow("map") << "by" << QVariantList{QVariantMap{{"a", 1}}} << "QVariantMap";
    QTest::newRow("empty map") << "by" << QVariantList{QVariantMap{}} << "QVariantMap";
    QTest::newRow("time") << "by" << QVariantList{QDateTime::fromMSecsSinceEpoch(1, Qt::UTC)}
                          << "QDateTime";
    QTest::newRow("int int") << "by" << QVariantList{1, 2} << "int int";
    QTest::newRow("int text") << "by" << QVariantList{1, "x"} << "int QString";
    QTest::newRow("text int") << "by" << QVariantList{"x", 1} << "QString int";
    QTest::newRow("double int") << "by" << QVariantList{1.0, 1} << "int int";
    QTest::newRow("int bytes") << "by" << QVariantList{1, QByteArray("x")} << "int QString";
    QTest::newRow("first that fits: 8") << "narrow" << QVariantList{1} << "qint8";
    QTest::newRow("first that fits: 16") << "narrow" << QVariantList{1000} << "qint16";
    QTest::newRow("first that fits: 64") << "narrow" << QVariantList{100000} << "qint64";
    QTest::newRow("declared first") << "order" << QVariantList{1} << "QVariant";
    QTest::newRow("mixed 1") << "mixed" << QVariantList{1} << "ints 1 2";
    QTest::newRow("mixed 2") << "mixed" << QVariantList{1, 3} << "ints 1 3";
    QTest::newRow("mixed text") << "mixed" << QVariantList{"x", 3} << "text x 3";
}

static Outcome call(Harness &harness, const QString &method, const QVariantList &arguments)
{
    switch (arguments.size()) {
    case 0:
        return harness.call(method);
    case 1:
        return harness.call(method, arguments[0]);
    case 2:
        return harness.call(method, arguments[0], arguments[1]);
    case 3:
        return harness.call(method, arguments[0], arguments[1], arguments[2]);
    default:
        return harness.call(method, arguments[0], arguments[1], arguments[2], arguments[3]);
    }
}

void TestOverloads::chosen()
{
    QFETCH(QString, method);
    QFETCH(QVariantList, arguments);
    QFETCH(QString, expected);
    Harness harness;
    Overloaded object;
    QVERIFY(harness->serve(&object));
    QCOMPARE(call(harness, method, arguments), result(expected));
}

void TestOverloads::defaultArguments()
{
    Harness harness;
    Overloaded object;
    QVERIFY(harness->serve(&object));
    QCOMPARE(harness.call("defaults", 1), result("1 20 c"));
    QCOMPARE(harness.call("defaults", 1, 2), result("1 2 c"));
    QCOMPARE(harness.call("defaults", 1, 2, "x"), result("1 2 x"));
    QCOMPARE(harness.call("one"), result("1"));
    QCOMPARE(harness.call("one", 5), result("5"));
    QCOMPARE(harness.call("later", 5), result(5));
}

void TestOverloads::errors_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<QString>("text");

    QTest::newRow("too few for defaults")
            << "defaults" << QVariantList{}
            << "defaults(int, int, QString) takes 1 to 3 arguments, got 0";
    QTest::newRow("too many for defaults")
            << "defaults" << QVariantList{1, 2, "c", 4}
            << "defaults(int, int, QString) takes 1 to 3 arguments, got 4";
    QTest::newRow("optional argument")
            << "one" << QVariantList{1, 2} << "one(int) takes 0 or 1 argument, got 2";
    QTest::newRow("overloads, arity")
            << "mixed" << QVariantList{}
            << "mixed(int, int) takes 1 or 2 arguments; mixed(QString, int) takes 2 "
               "arguments; got 0";
    QTest::newRow("only one of that arity") << "mixed" << QVariantList{"x"}
                                            << "mixed(int): argument 1: expected an integer from "
                                               "-2147483648 to 2147483647, got the text \"x\"";
    QTest::newRow("none fits")
            << "mixed" << QVariantList{"x", "y"}
            << "no overload of mixed takes these arguments: "
               "mixed(int, int): argument 1: expected an integer from -2147483648 to 2147483647, "
               "got the text \"x\"; "
               "mixed(QString, int): argument 2: expected an integer from -2147483648 to "
               "2147483647, got the text \"y\"";
}

void TestOverloads::errors()
{
    QFETCH(QString, method);
    QFETCH(QVariantList, arguments);
    QFETCH(QString, text);
    Harness harness;
    Overloaded object;
    QVERIFY(harness->serve(&object));
    QCOMPARE(call(harness, method, arguments), error(text));
}

void TestOverloads::conversionsThatThrow()
{
    Harness harness;
    harness->bind("take", [](const Picky &picky) { return picky.value; });
    harness->bind("give", [](int value) { return Picky{value}; });
    QCOMPARE(harness.call("take", 1), result(1));
    QCOMPARE(harness.call("take", -1), error("take(Picky): too picky"));
    QCOMPARE(harness.call("give", 3), error("the result cannot be sent: cannot send 3"));
}

QTEST_GUILESS_MAIN(TestOverloads)
#include "tst_overloads.moc"
