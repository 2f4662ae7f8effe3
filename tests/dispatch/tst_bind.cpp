// SPDX-License-Identifier: Apache-2.0
#include "fakeport.h"

#include <MsgpackRpc/serving.h>

#include <QtTest/QtTest>

#include <optional>

using namespace DispatchTest;

namespace {

int plainFunction(int value)
{
    return value + 1;
}

int plainNoexcept(int value) noexcept
{
    return value + 2;
}

struct Functor
{
    QString operator()(const QString &text) const { return text + '!'; }
};

struct Unknown
{};

enum class Id { Status = 3, Other };

/// Owns a dispatcher, as Client and Server do.
class Endpoint : public Serving<Endpoint>
{
public:
    ObjectDispatcher &objectDispatcher() { return *harness.dispatcher; }
    Harness harness;
};

} // namespace

class Calculator : public QObject
{
    Q_OBJECT

public:
    int add(int a, int b) { return offset + a + b; }
    int addConst(int a, int b) const noexcept { return offset + a + b; }
    virtual QString name() const { return "calculator"; }
    Q_INVOKABLE int served() { return 1; }

    int offset = 0;
};

class Scientific : public Calculator
{
    Q_OBJECT

public:
    QString name() const override { return "scientific"; }
};

class TestBind : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void callables();
    void methodNames();
    void memberFunctions();
    void statedSignatures();
    void argumentPassing();
    void resultTypes();
    void largeAndAligned();
    void contextGone();
    void invalid();
    void rebinding();
    void rebindingWithinACall();
    void unbindingWithinACall();
    void callableIsDestroyed();
    void callableThatUnbindsWhenDestroyed();
    void responder();
    void typeErrors();
    void serving();
};

void TestBind::callables()
{
    Harness harness;
    int seen = 0;
    QVERIFY(harness->bind("function", plainFunction));
    QVERIFY(harness->bind("pointer", &plainFunction));
    QVERIFY(harness->bind("noexcept", plainNoexcept));
    QVERIFY(harness->bind("functor", Functor()));
    QVERIFY(harness->bind("lambda", [&seen](int value) { seen = value; }));
    QVERIFY(harness->bind("mutable", [count = 0]() mutable { return ++count; }));
    QVERIFY(harness->bind("std",
                          std::function<double(double)>([](double value) { return value / 2; })));
    QVERIFY(harness->bind("moveOnly", [owned = std::make_unique<int>(4)] { return *owned; }));
    QCOMPARE(harness.call("function", 1), result(2));
    QCOMPARE(harness.call("pointer", 1), result(2));
    QCOMPARE(harness.call("noexcept", 1), result(3));
    QCOMPARE(harness.call("functor", "x"), result("x!"));
    QCOMPARE(harness.call("lambda", 9), result(QVariant()));
    QCOMPARE(seen, 9);
    QCOMPARE(harness.call("mutable"), result(1));
    QCOMPARE(harness.call("mutable"), result(2));
    QCOMPARE(harness.call("std", 3), result(1.5));
    QCOMPARE(harness.call("moveOnly"), result(4));
}

void TestBind::methodNames()
{
    Harness harness;
    harness->bind("literal", [] { return 1; });
    harness->bind(QByteArray("bytes"), [] { return 2; });
    harness->bind(QStringLiteral("zwölf"), [] { return 3; });
    harness->bind(QLatin1String("latin"), [] { return 4; });
    harness->bind(std::string("std"), [] { return 5; });
    harness->bind(0, [] { return 6; });
    harness->bind(qint64(1) << 40, [] { return 7; });
    harness->bind(Id::Status, [] { return 8; });
    harness->bind(-1, [] { return 9; });
    harness->bind("_explicit", [] { return 10; });
    QCOMPARE(harness.call("literal"), result(1));
    QCOMPARE(harness.call("bytes"), result(2));
    QCOMPARE(harness.call(QByteArray("zw\xc3\xb6lf")), result(3));
    QCOMPARE(harness.call("latin"), result(4));
    QCOMPARE(harness.call("std"), result(5));
    QCOMPARE(harness.call(0), result(6));
    QCOMPARE(harness.call(qint64(1) << 40), result(7));
    QCOMPARE(harness.call(3), result(8));
    QCOMPARE(harness.call(Id::Other), notAccepted("4"));
    QCOMPARE(harness.call(-1), result(9));
    QCOMPARE(harness.call("_explicit"), result(10));
    QVERIFY(harness->unbind(Id::Status));
    QVERIFY(!harness->unbind(Id::Status));
    QCOMPARE(harness.call(3), notAccepted("3"));
}

void TestBind::memberFunctions()
{
    Harness harness;
    Scientific calculator;
    calculator.offset = 100;
    QVERIFY(harness->bind("add", &calculator, &Calculator::add));
    QVERIFY(harness->bind("addConst", &calculator, &Calculator::addConst));
    QVERIFY(harness->bind("name", &calculator, &Calculator::name));
    QCOMPARE(harness.call("add", 1, 2), result(103));
    QCOMPARE(harness.call("addConst", 1, 2), result(103));
    QCOMPARE(harness.call("name"), result("scientific"));
    QCOMPARE(harness.call("add", 1), error("add(int, int) takes 2 arguments, got 1"));
}

void TestBind::statedSignatures()
{
    Harness harness;
    QObject context;
    Calculator calculator;
    const auto generic = [](auto a, auto b) { return a + b; };
    QVERIFY(harness->bind<int(int, int)>("ints", generic));
    QVERIFY((harness->bind<QString(QString, const QString &)>("texts", &context, generic)));
    QVERIFY(harness->bind<double(int, int)>("converted", generic));
    QVERIFY(harness->bind<void(int, int)>("dropped", generic));
    QVERIFY((harness->bind<qint64(int, int)>("member", &calculator, &Calculator::add)));
    QCOMPARE(harness.call("ints", 1, 2), result(3));
    QCOMPARE(harness.call("texts", "a", "b"), result("ab"));
    QCOMPARE(harness.call("converted", 1, 2), result(3.0));
    QCOMPARE(harness.call("dropped", 1, 2), result(QVariant()));
    QCOMPARE(harness.call("member", 1, 2), result(3));
}

void TestBind::argumentPassing()
{
    Harness harness;
    harness->bind("values", [](QByteArray a, const QByteArray &b, QByteArray &&c) {
        return a + b + std::move(c);
    });
    harness->bind("list", [](std::vector<int> list) { return int(list.size()); });
    harness->bind("optional", [](std::optional<int> value) { return value.value_or(-1); });
    harness->bind("tuple",
                  [](const std::tuple<int, QString> &value) { return std::get<1>(value); });
    harness->bind("pair", [](std::pair<int, int> value) { return value.first - value.second; });
    harness->bind("enumeration", [](Id id) { return id == Id::Other; });
    QCOMPARE(harness.call("values", QByteArray("a"), QByteArray("b"), QByteArray("c")),
             result(QByteArray("abc")));
    QCOMPARE(harness.call("list", QVariantList{1, 2}), result(2));
    QCOMPARE(harness.call("optional", 4), result(4));
    QCOMPARE(harness.call("optional", QVariant()), result(-1));
    QCOMPARE(harness.call("tuple", QVariantList{1, "x"}), result("x"));
    QCOMPARE(harness.call("pair", QVariantList{5, 3}), result(2));
    QCOMPARE(harness.call("enumeration", 4), result(true));
}

void TestBind::resultTypes()
{
    Harness harness;
    harness->bind("literal", []() -> const char * { return "literal"; });
    harness->bind("latin", [] { return QLatin1String("latin"); });
    harness->bind("view", [] { return std::string_view("view"); });
    harness->bind("optional", [] { return std::optional<int>(); });
    harness->bind("tuple", [] { return std::make_tuple(1, true, QString("x")); });
    harness->bind("vector", [] { return std::vector<bool>{true, false}; });
    QString kept = "kept";
    harness->bind("reference", [&kept]() -> const QString & { return kept; });
    harness->bind("variant", [] { return QVariant(QVariantList{1}); });
    harness->bind("unsendable", [this] { return QVariant::fromValue<QObject *>(this); });
    QCOMPARE(harness.call("literal"), result("literal"));
    QCOMPARE(harness.call("latin"), result("latin"));
    QCOMPARE(harness.call("view"), result("view"));
    QCOMPARE(harness.call("optional"), result(QVariant()));
    QCOMPARE(harness.call("tuple"), result(QVariantList{1, true, "x"}));
    QCOMPARE(harness.call("vector"), result(QVariantList{true, false}));
    QCOMPARE(harness.call("reference"), result("kept"));
    QCOMPARE(harness.call("variant"), result(QVariantList{1}));
    QVERIFY(harness.call("unsendable").isError);
}

// Storage that does not fit within a call's own.
void TestBind::largeAndAligned()
{
    struct alignas(64) Wide
    {
        qint64 values[16] = {};
    };
    Harness harness;
    registerType<Wide>([](const Wide &wide) { return wide.values[0]; },
                       [](qint64 value) {
                           Wide wide;
                           wide.values[0] = value;
                           return wide;
                       });
    bool isAligned = true;
    harness->bind("wide", [&](const Wide &a, const Wide &b) {
        isAligned = quintptr(&a) % 64 == 0 && quintptr(&b) % 64 == 0;
        Wide sum;
        sum.values[0] = a.values[0] + b.values[0];
        return sum;
    });
    harness->bind("many", [](QString a, QString b, QString c, QString d, QString e, QString f,
                             QString g, QString h, QString i, QString j,
                             QString k) { return a + b + c + d + e + f + g + h + i + j + k; });
    QCOMPARE(harness.call("wide", 3, 4), result(7));
    QVERIFY(isAligned);
    QCOMPARE(harness.call("many", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"),
             result("abcdefghijk"));
    QVERIFY(harness.call("many", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", 11).isError);
}

void TestBind::contextGone()
{
    Harness harness;
    auto context = std::make_unique<QObject>();
    auto witness = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = witness;
    QVERIFY(harness->bind("x", context.get(), [witness] { return *witness; }));
    QVERIFY(harness->bind(7, context.get(), [] { return 1; }));
    QVERIFY(harness->bind("y", [] { return 1; }));
    witness.reset();
    QCOMPARE(harness.call("x"), result(0));
    context.reset();
    QVERIFY(watch.expired());
    QCOMPARE(harness.call("x"), notAccepted("x"));
    QCOMPARE(harness.call(7), notAccepted("7"));
    QCOMPARE(harness.call("y"), result(1));
    QCOMPARE(harness->methods(), QStringList({"y"}));
    QVERIFY(!harness->unbind("x"));
}

void TestBind::invalid()
{
    Harness harness;
    QObject *none = nullptr;
    QVERIFY(!harness->bind("", [] {}));
    QVERIFY(harness->error());
    QVERIFY(!harness->bind("x", none, [] {}));
    QCOMPARE(harness->error().message(), "the context is null");
    QVERIFY(harness->bind("x", [] {}));
    QVERIFY(!harness->error());
    QVERIFY(!harness->bind("x", [](int, Unknown) {}));
    QVERIFY(harness->error().message().startsWith("`x' parameter 2 is of type "));
    QVERIFY(harness->error().message().endsWith("Unknown, which cannot be decoded"));
    QVERIFY(!harness->bind(7, [] { return Unknown(); }));
    QVERIFY(harness->error().message().startsWith("`7' returns "));
    QVERIFY(!harness->bind(7, [] { return QFuture<Unknown>(); }));
    QCOMPARE(harness->methods(), QStringList({"x"}));
    QCOMPARE(harness.call("x"), result(QVariant()));
}

void TestBind::rebinding()
{
    Harness harness;
    Calculator calculator;
    QObject context;
    harness->bind("served", [] { return 0; });
    harness->bind("served", [](const QString &text) { return text; });
    QCOMPARE(harness.call("served", "x"), result("x"));
    QVERIFY(!harness->serve(&calculator));
    QVERIFY(harness->unbind("served"));
    QVERIFY(harness->serve(&calculator));
    QCOMPARE(harness.call("served"), result(1));
    harness->bind("served", &context, [] { return 2; });
    QCOMPARE(harness.call("served"), result(2));
    QVERIFY(harness->unbind("served"));
    QCOMPARE(harness.call("served"), notAccepted("served"));
}

void TestBind::rebindingWithinACall()
{
    Harness harness;
    const QString text(1000, 'x');
    harness->bind("x", [&harness, text] {
        for (int i = 0; i < 100; ++i)
            harness->bind("x", [i] { return QString::number(i); });
        for (int i = 0; i < 100; ++i)
            harness->bind(i, [] {});
        const Outcome inner = harness.call("x");
        return text + inner.value.toString();
    });
    QCOMPARE(harness.call("x"), result(text + "99"));
    QCOMPARE(harness.call("x"), result("99"));
}

void TestBind::unbindingWithinACall()
{
    Harness harness;
    const auto witness = std::make_shared<QString>("alive");
    harness->bind("x", [&harness, witness]() {
        harness->unbind("x");
        return *witness;
    });
    QCOMPARE(witness.use_count(), 2);
    QCOMPARE(harness.call("x"), result("alive"));
    QCOMPARE(witness.use_count(), 1);
    QCOMPARE(harness.call("x"), notAccepted("x"));

    auto context = std::make_unique<QObject>();
    harness->bind("y", context.get(), [&context, witness]() {
        context.reset();
        return *witness;
    });
    QCOMPARE(harness.call("y"), result("alive"));
    QCOMPARE(witness.use_count(), 1);
    QCOMPARE(harness.call("y"), notAccepted("y"));
}

void TestBind::callableIsDestroyed()
{
    const auto witness = std::make_shared<int>(1);
    Harness harness;
    harness->bind("a", [witness] {});
    harness->bind("a", [] {});
    QCOMPARE(witness.use_count(), 1);
    harness->bind("a", [witness] {});
    harness->unbind("a");
    QCOMPARE(witness.use_count(), 1);
    harness->bind("a", [witness] {});
    harness.dispatcher.reset();
    QCOMPARE(witness.use_count(), 1);
}

void TestBind::callableThatUnbindsWhenDestroyed()
{
    Harness harness;
    const auto onDestruction = [&harness] {
        return std::shared_ptr<void>(nullptr, [&harness](void *) { harness->unbind("b"); });
    };
    harness->bind("b", [] {});
    harness->bind("a", [guard = onDestruction()] {});
    harness->bind("a", [guard = onDestruction()] {});
    QCOMPARE(harness->methods(), QStringList({"a"}));
    harness->bind("b", [] {});
    harness->unbind("a");
    QVERIFY(harness->methods().isEmpty());
}

void TestBind::responder()
{
    Harness harness;
    Responder kept;
    harness->bind("later", [&kept](int, Responder responder) { kept = responder; });
    harness->bind("first", [](const Responder &responder, int value) { responder.result(value); });
    harness->bind("both", [](Responder responder, int value) {
        responder.result(value);
        return -1;
    });
    harness->bind("dropped", [](const Responder &) {});
    harness->bind("thrown", [](Responder) { throw ErrorException("thrown"); });
    const quint32 later = harness.send("later", 1);
    QCOMPARE(harness.outcome(later).answers, 0);
    QVERIFY(kept.result("done"));
    QVERIFY(!kept.result("twice"));
    QCOMPARE(harness.outcome(later), result("done"));
    QCOMPARE(harness.call("first", 4), result(4));
    QCOMPARE(harness.call("both", 5), result(5));
    QCOMPARE(harness.call("dropped"), error("the method ended without an answer"));
    QCOMPARE(harness.call("thrown"), error("thrown"));
    QCOMPARE(harness.call("later"), error("later(int) takes 1 argument, got 0"));
    QVERIFY(harness.call("first", "x")
                    .value.toString()
                    .startsWith("first(int): argument 1: expected an integer"));
    harness.notify("later", 1);
    QVERIFY(!kept.isValid());
    QVERIFY(!kept.result());
}

void TestBind::typeErrors()
{
    Harness harness;
    harness->bind(7, [](int, const QString &) {});
    QCOMPARE(harness.call(7), error("7(int, QString) takes 2 arguments, got 0"));
    QCOMPARE(harness.call(7, 1, 2),
             error("7(int, QString): argument 2: expected text, got the integer 2"));
}

void TestBind::serving()
{
    Endpoint endpoint;
    Calculator calculator;
    QVERIFY(endpoint.serve(&calculator));
    QVERIFY(endpoint.serve("calc", &calculator, {"served"}));
    QVERIFY(endpoint.bind("plain", plainFunction));
    QVERIFY(endpoint.bind("member", &calculator, &Calculator::add));
    QVERIFY(endpoint.bind<int(int)>("stated", [](auto value) { return value; }));
    QVERIFY((endpoint.bind<int(int)>(9, &calculator, [](auto value) { return value; })));
    QCOMPARE(endpoint.harness.call("calc.served"), result(1));
    QCOMPARE(endpoint.harness.call("member", 1, 2), result(3));
    QCOMPARE(endpoint.harness.call("stated", 5), result(5));
    QVERIFY(endpoint.unbind("plain"));
    endpoint.unserve(&calculator);
    QCOMPARE(endpoint.objectDispatcher().methods(), QStringList({"9", "member", "stated"}));
}

QTEST_GUILESS_MAIN(TestBind)
#include "tst_bind.moc"
