// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <QtCore/QAbstractListModel>
#include <QtCore/QThread>
#include <QtTest/QtTest>

using namespace DispatchTest;

class Base : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    QString ofBase() { return "base"; }
    virtual QString overridden() { return "base"; }
    void _baseHidden() {}

protected Q_SLOTS:
    void protectedOfBase() {}
};

class Middle : public Base
{
    Q_OBJECT

public:
    Q_INVOKABLE QString ofMiddle() { return "middle"; }

Q_SIGNALS:
    void signalOfMiddle();
};

class Served : public Middle
{
    Q_OBJECT
    Q_PROPERTY(int number MEMBER number NOTIFY numberChanged)

public:
    Q_INVOKABLE Served() = default;
    Q_INVOKABLE QString invokable() { return "invokable"; }
    void plain() {}

    int number = 0;

public Q_SLOTS:
    QString slot() { return "slot"; }
    QString overridden() override { return "own"; }
    void _hidden() {}
    void __hidden() {}

protected Q_SLOTS:
    void protectedSlot() {}

protected:
    Q_INVOKABLE void protectedInvokable() {}

private Q_SLOTS:
    void privateSlot() {}

Q_SIGNALS:
    void numberChanged();
    void signal(int value);

private:
    Q_INVOKABLE void privateInvokable() {}
};

class Worker : public QThread
{
    Q_OBJECT

public Q_SLOTS:
    int work() { return 1; }
};

class Model : public QAbstractListModel
{
    Q_OBJECT

public:
    int rowCount(const QModelIndex &) const override { return 2; }
    QVariant data(const QModelIndex &, int) const override { return {}; }
    Q_INVOKABLE int count() const { return 2; }
};

class Deleter : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    QString deleteLater() { return "redeclared"; }
};

class Declaring : public Served
{
    Q_OBJECT

public:
    Q_INVOKABLE QVariant declared(const QVariant &value) { return value; }
};

/// Stands for an object that is declared in QML: its meta-object has no static_metacall.
class Dynamic : public Declaring
{
public:
    Dynamic() { m_metaObject.d.static_metacall = nullptr; }
    const QMetaObject *metaObject() const override { return &m_metaObject; }

private:
    QMetaObject m_metaObject = Declaring::staticMetaObject;
};

class Opaque
{};

class Unservable : public QObject
{
    Q_OBJECT

public:
    Q_INVOKABLE void good() {}
    Q_INVOKABLE void takesObject(int, QObject *) {}
    Q_INVOKABLE void takesReference(int &) {}
    Q_INVOKABLE QObject *returnsObject() { return this; }
    Q_INVOKABLE void takesOpaque(Opaque) {}
    Q_INVOKABLE Opaque returnsOpaque() { return {}; }
    Q_INVOKABLE void defaultPointer(int, QObject * = nullptr) {}
    Q_INVOKABLE QFuture<Opaque> returnsFuture() { return {}; }
};

class TestExposure : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void denied_data();
    void denied();
    void allowed();
    void redeclared();
    void dynamicMetaObject();
    void acceptList();
    void acceptedNamesThatDoNotExist();
    void acceptedIntegers();
    void acceptedIntegersAtFault();
    void acceptListAsWritten();
    void baseClasses();
    void baseThatIsNone();
    void qobjectIsNoBase();
    void reservedNames();
    void undecodableTypes();
    void undecodableTypesThatAreNotAccepted();
    void takenNames();
    void nullObject();
    void unserve();
    void logged();
};

void TestExposure::denied_data()
{
    QTest::addColumn<QString>("method");
    for (const char *method :
         {"deleteLater", "setObjectName", "objectName", "destroyed", "objectNameChanged",
          "_q_reregisterTimers",
          // Served and its base classes
          "ofBase", "ofMiddle", "signalOfMiddle", "_baseHidden", "protectedOfBase", "plain",
          "_hidden", "__hidden", "protectedSlot", "protectedInvokable", "privateSlot",
          "privateInvokable", "numberChanged", "signal", "Served", "number", "setNumber",
          // QThread
          "quit", "terminate", "start", "exit", "started", "finished", "run",
          "setTerminationEnabled",
          // QAbstractItemModel
          "submit", "revert", "resetInternalData", "removeRows", "index", "hasIndex", "data",
          "setData", "rowCount", "fetchMore", "sort", "modelReset", "dataChanged",
          // others
          "rpc.", "rpc.slot", "rpc.methods", "slot()", "slot ", "SLOT", "1slot", "slo", "slott", "",
          "::slot", "Served::slot"})
        QTest::newRow(method) << method;
}

void TestExposure::denied()
{
    QFETCH(QString, method);
    Harness harness;
    Served served;
    Worker worker;
    Model model;
    QVERIFY(harness->serve(&served));
    QVERIFY(harness->serve(&worker));
    QVERIFY(harness->serve(&model));
    const Outcome expected = error("method `" + method + "' is not accepted");
    QCOMPARE(harness.call(method), expected);
    QCOMPARE(harness.call(method, 1), expected);
    QCOMPARE(harness.call(method, "x", 2), expected);
    QVERIFY(!harness->methods().contains(method));
}

void TestExposure::allowed()
{
    Harness harness;
    Served served;
    Worker worker;
    Model model;
    QVERIFY(harness->serve(&served));
    QVERIFY(harness->serve(&worker));
    QVERIFY(harness->serve(&model));
    QCOMPARE(harness->methods(), QStringList({"count", "invokable", "overridden", "slot", "work"}));
    QCOMPARE(harness.call("slot"), result("slot"));
    QCOMPARE(harness.call("invokable"), result("invokable"));
    QCOMPARE(harness.call("overridden"), result("own"));
    QCOMPARE(harness.call("work"), result(1));
    QCOMPARE(harness.call("count"), result(2));
}

void TestExposure::redeclared()
{
    Harness harness;
    Deleter deleter;
    QVERIFY(harness->serve(&deleter));
    QCOMPARE(harness.call("deleteLater"), result("redeclared"));
}

void TestExposure::dynamicMetaObject()
{
    Harness harness;
    Dynamic object;
    QVERIFY(harness->serve(&object));
    QCOMPARE(harness->methods(), QStringList({"declared"}));
    QCOMPARE(harness.call("declared", 5), result(5));
    QCOMPARE(harness.call("slot"), notAccepted("slot"));
    harness->unserve(&object);
    QVERIFY(harness->serve(&object, {}, &Served::staticMetaObject));
    QCOMPARE(harness.call("declared", "x"), result("x"));
    QCOMPARE(harness.call("slot"), result("slot"));
}

void TestExposure::acceptList()
{
    Harness harness;
    Served served;
    QVERIFY(harness->serve(&served, {"slot"}));
    QCOMPARE(harness->methods(), QStringList({"slot"}));
    QCOMPARE(harness.call("invokable"), notAccepted("invokable"));
    QVERIFY(harness->serve("x", &served, {"invokable", "overridden"}));
    QCOMPARE(harness->methods(), QStringList({"slot", "x.invokable", "x.overridden"}));
}

void TestExposure::acceptedNamesThatDoNotExist()
{
    Harness harness;
    Served served;
    for (const char *name :
         {"nothing", "deleteLater", "ofBase", "signal", "privateSlot", "_hidden", ""}) {
        QVERIFY(!harness->serve(&served, {name}));
        QCOMPARE(harness->error().code(), Error::InvalidArguments);
        QCOMPARE(harness->error().message(),
                 QString("Served has no public slot or invokable method `%1'").arg(name));
    }
    QVERIFY(harness->methods().isEmpty());
    QVERIFY(!harness->serve(&served, {"slot", "nothing"}));
    QCOMPARE(harness->methods(), QStringList({"slot"}));
    QVERIFY(harness->serve(&served, {"invokable"}));
    QVERIFY(!harness->error());
}

enum class Number { Five = 5 };

void TestExposure::acceptedIntegers()
{
    Harness harness;
    Served served;
    QVERIFY(harness->serve(
            &served,
            {"slot", {7, "invokable"}, {Number::Five, "slot"}, {-1, QString("overridden")}}));
    QCOMPARE(harness->methods(), QStringList({"-1", "5", "7", "slot"}));
    QCOMPARE(harness.call("slot"), result("slot"));
    QCOMPARE(harness.call(5), result("slot"));
    QCOMPARE(harness.call(7), result("invokable"));
    QCOMPARE(harness.call(-1), result("own"));
    // An integer is not its digits, and what has an integer only is not served by its name.
    QCOMPARE(harness.call("7"), notAccepted("7"));
    QCOMPARE(harness.call("invokable"), notAccepted("invokable"));
    QCOMPARE(harness.call(6), notAccepted("6"));
    // An object name is for names.
    QVERIFY(harness->serve("x", &served, {"slot", {8, "slot"}}));
    QCOMPARE(harness->methods(), QStringList({"-1", "5", "7", "8", "slot", "x.slot"}));
    harness->unserve(&served);
    QVERIFY(harness->methods().isEmpty());
    QCOMPARE(harness.call(7), notAccepted("7"));
    {
        Served other;
        QVERIFY(harness->serve(&other, {{7, "slot"}}));
        QVERIFY(harness->unbind(7));
        QVERIFY(harness->serve(&other, {{7, "slot"}}));
    }
    QVERIFY(harness->methods().isEmpty());
    Declaring declaring;
    QVERIFY(harness->serve(&declaring, {{7, "declared"}}));
    QCOMPARE(harness.call(7, "x"), result("x"));
    QCOMPARE(harness.call(7), error("7(QVariant) takes 1 argument, got 0"));
}

void TestExposure::acceptedIntegersAtFault()
{
    Harness harness;
    Served served;
    QVERIFY(!harness->serve(&served, {{7, "nothing"}}));
    QCOMPARE(
            harness->error().message(),
            "Served has no public slot or invokable method `nothing', which was to be served as 7");
    QVERIFY(!harness->serve(
            &served, {{7, "deleteLater"}, {8, "_hidden"}, {9, "signal"}, {10, "privateSlot"}}));
    QVERIFY(harness->methods().isEmpty());
    QVERIFY(!harness->serve(&served, {{7, "slot"}, {7, "invokable"}}));
    QCOMPARE(harness->error().message(), "`7' is served already");
    QCOMPARE(harness.call(7), result("slot"));
    QVERIFY(harness->bind(8, [] { return 8; }));
    QVERIFY(!harness->serve(&served, {{8, "slot"}, "invokable"}));
    QCOMPARE(harness->error().message(), "`8' is served already");
    QCOMPARE(harness.call(8), result(8));
    QCOMPARE(harness.call("invokable"), result("invokable"));
    Unservable unservable;
    QVERIFY(!harness->serve(&unservable, {"takesReference", {9, "takesReference"}}));
    QCOMPARE(harness->error().message(), "Unservable::takesReference(int&) parameter 1 is of type "
                                         "int&, which cannot be decoded");
    QCOMPARE(harness.call(9), notAccepted("9"));
}

// Every way to write one down.
void TestExposure::acceptListAsWritten()
{
    Served served;
    const auto served2 = [&](const AcceptList &accept) {
        Harness harness;
        return harness->serve(&served, accept) ? harness->methods() : QStringList("refused");
    };
    const QStringList all{"invokable", "overridden", "slot"};
    const QStringList two{"invokable", "slot"};
    QCOMPARE(served2({}), all);
    QCOMPARE(served2(AcceptList()), all);
    QCOMPARE(served2(QStringList()), all);
    QCOMPARE(served2({"slot", "invokable"}), two);
    QCOMPARE(served2({"slot", "slot", "invokable"}), two);
    QCOMPARE(served2(two), two);
    QCOMPARE(served2(QStringList{"slot", "invokable"}), two);
    QCOMPARE(served2({QStringLiteral("slot"), QByteArray("invokable")}), two);
    QCOMPARE(served2({std::string("slot"), QLatin1String("invokable")}), two);
    QCOMPARE(served2({{1, "slot"}}), QStringList("1"));
    QCOMPARE(served2({{1, "slot"}, {2, "slot"}}), QStringList({"1", "2"}));
    QCOMPARE(served2({{quint8(1), "slot"}, "slot"}), QStringList({"1", "slot"}));
    Harness harness;
    QVERIFY(harness->serve(&served, {}, &Served::staticMetaObject));
    QVERIFY(harness->serve("x", &served, {}));
    QVERIFY(harness->serve("y", &served, two));
    QVERIFY(harness->serve("z", &served, {"slot", {1, "slot"}}, &Base::staticMetaObject));
    QVERIFY(AcceptList({"a", {1, "b"}}).contains({1, "b"}));
    QVERIFY(!AcceptList({"a", {1, "b"}}).contains("b"));
}

void TestExposure::baseClasses()
{
    Served served;
    Harness middle;
    QVERIFY(middle->serve(&served, {}, &Middle::staticMetaObject));
    QCOMPARE(middle->methods(), QStringList({"invokable", "ofMiddle", "overridden", "slot"}));
    QCOMPARE(middle.call("ofMiddle"), result("middle"));
    QCOMPARE(middle.call("ofBase"), notAccepted("ofBase"));

    Harness base;
    QVERIFY(base->serve("b", &served, {}, &Base::staticMetaObject));
    QCOMPARE(base->methods(),
             QStringList({"b.invokable", "b.ofBase", "b.ofMiddle", "b.overridden", "b.slot"}));
    QCOMPARE(base.call("b.ofBase"), result("base"));
    QCOMPARE(base.call("b.overridden"), result("own"));

    Harness accepted;
    QVERIFY(accepted->serve(&served, {"ofBase"}, &Base::staticMetaObject));
    QCOMPARE(accepted->methods(), QStringList({"ofBase"}));

    Harness own;
    QVERIFY(own->serve(&served, {}, &Served::staticMetaObject));
    QCOMPARE(own->methods(), QStringList({"invokable", "overridden", "slot"}));
}

void TestExposure::baseThatIsNone()
{
    Harness harness;
    Served served;
    QVERIFY(!harness->serve(&served, {}, &Worker::staticMetaObject));
    QCOMPARE(harness->error().message(), "Worker is no base class of Served");
    QCOMPARE(harness->methods(), QStringList({"invokable", "overridden", "slot"}));
}

void TestExposure::qobjectIsNoBase()
{
    Harness harness;
    Served served;
    QVERIFY(harness->serve(&served, {}, &QObject::staticMetaObject));
    QVERIFY(harness->methods().contains("ofBase"));
    QCOMPARE(harness.call("deleteLater"), notAccepted("deleteLater"));

    Harness bare;
    QObject object;
    QVERIFY(bare->serve(&object));
    QVERIFY(bare->serve(&object, {}, &QObject::staticMetaObject));
    QVERIFY(bare->methods().isEmpty());
}

void TestExposure::reservedNames()
{
    Harness harness;
    Served served;
    QVERIFY(!harness->serve("_x", &served));
    QCOMPARE(harness->error().message(),
             "`_x' is reserved: names that begin with _ or rpc. are never served");
    QVERIFY(!harness->serve("rpc", &served));
    QVERIFY(!harness->serve("rpc.x", &served));
    QVERIFY(harness->methods().isEmpty());
    QVERIFY(harness->serve("rpcs", &served));
    QCOMPARE(harness.call("rpcs.slot"), result("slot"));
}

void TestExposure::undecodableTypes()
{
    Harness harness;
    Unservable object;
    QVERIFY(!harness->serve(&object));
    const QString message = harness->error().message();
    for (const char *text : {
                 "Unservable::takesObject(int,QObject*) parameter 2 is of type QObject*, which "
                 "cannot be decoded",
                 "Unservable::takesReference(int&) parameter 1 is of type int&, which cannot be "
                 "decoded",
                 "Unservable::returnsObject() returns QObject*, which cannot be encoded",
                 "Unservable::takesOpaque(Opaque) parameter 1 is of type Opaque, which cannot be "
                 "decoded",
                 "Unservable::returnsOpaque() returns Opaque, which cannot be encoded",
                 "Unservable::defaultPointer(int,QObject*) parameter 2 is of type QObject*, which "
                 "cannot be decoded",
                 "Unservable::returnsFuture() returns QFuture<Opaque>, and Opaque is not known by "
                 "name; call "
                 "qRegisterMetaType<Opaque>() before",
         })
        QVERIFY2(message.contains(text), qPrintable(message));
    QCOMPARE(message.count("; "), 7);
    QCOMPARE(harness->methods(), QStringList({"defaultPointer", "good"}));
    QCOMPARE(harness.call("good"), result(QVariant()));
    QCOMPARE(harness.call("defaultPointer", 1), result(QVariant()));
    QCOMPARE(harness.call("takesObject", 1, 2), notAccepted("takesObject"));
}

void TestExposure::undecodableTypesThatAreNotAccepted()
{
    Harness harness;
    Unservable object;
    QVERIFY(harness->serve(&object, {"good"}));
}

void TestExposure::takenNames()
{
    Harness harness;
    Served first;
    Served second;
    QVERIFY(harness->serve(&first, {"slot"}));
    QVERIFY(!harness->serve(&second, {"slot", "invokable"}));
    QCOMPARE(harness->error().message(), "`slot' is served already");
    QCOMPARE(harness->methods(), QStringList({"invokable", "slot"}));
    harness->unserve(&first);
    QCOMPARE(harness->methods(), QStringList({"invokable"}));
    QVERIFY(harness->serve(&second, {"slot"}));
    {
        Worker worker;
        QVERIFY(harness->serve(&worker));
    }
    Worker worker;
    QVERIFY(harness->serve(&worker));
    QCOMPARE(harness.call("work"), result(1));
    harness->bind("bound", [] {});
    QVERIFY(harness->bind("work", [] { return 2; }));
    QCOMPARE(harness.call("work"), result(2));
}

void TestExposure::nullObject()
{
    Harness harness;
    QVERIFY(!harness->serve(nullptr));
    QVERIFY(harness->error());
    QVERIFY(!harness->serve("x", nullptr));
    harness->unserve(nullptr);
}

void TestExposure::unserve()
{
    Harness harness;
    Served served;
    harness->serve(&served);
    harness->serve("x", &served);
    harness->bind("bound", &served, [] {});
    harness->unserve(&served);
    QCOMPARE(harness->methods(), QStringList({"bound"}));
    QCOMPARE(harness.call("slot"), notAccepted("slot"));
    QVERIFY(harness->serve(&served));
    QCOMPARE(harness.call("slot"), result("slot"));
}

void TestExposure::logged()
{
    QLoggingCategory::setFilterRules("msgpackrpc.dispatch.debug=true");
    Harness harness;
    Served served;
    QTest::ignoreMessage(QtDebugMsg, "serving Served as x.slot, x.overridden, x.invokable");
    harness->serve("x", &served);
    QTest::ignoreMessage(QtDebugMsg, "bound add(int, int)");
    harness->bind("add", [](int, int) {});
    QLoggingCategory::setFilterRules({});
}

QTEST_GUILESS_MAIN(TestExposure)
#include "tst_exposure.moc"
