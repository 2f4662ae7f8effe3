// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Client>
#include <MsgpackRpc/ErrorException>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QScopeGuard>
#include <QtQml/QQmlComponent>
#include <QtQml/QQmlEngine>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>
#include <memory>

// Engines that go before or after what was made by them, and engines side by side.
class tst_Engine : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void engineGoesFirst();
    void objectsGoFirst();
    void engineGoesWhileServing();
    void twoEngines();
    void clientOfCppOutlivesQml();
    void timesOfCpp();
    void foreignTextInTheLog();

private:
    std::unique_ptr<MsgpackRpc::Server> m_server;
    QList<MsgpackRpc::Responder> m_held;
};

namespace {

const char Source[] = R"(
import QtQml
import MsgpackRpc

QtObject {
    id: root
    property int told: 0
    property bool connected: client.connected
    readonly property RpcClient client: RpcClient {
        id: client
        url: "memory:engine"
        handlers: QtObject { function greet(name) { return "hello " + name } }
    }
    readonly property RpcCall call: RpcCall {
        client: root.client
        method: "hold"
        onFinished: ++root.told
        onFailed: ++root.told
    }
    readonly property RpcServer server: RpcServer {
        url: "memory:qml-engine"
        target: QtObject { function add(a: int, b: int): int { return a + b } }
    }
    function hear() { ++told }
    function callAll() {
        client.remote.hold().then(hear, hear)
        client.call("hold").then(hear, hear)
        client.request("hold").finished.connect(hear)
        call.call()
    }
    property var sum
    function add() { client.remote.add(1, 2).then(value => sum = value) }
}
)";

std::unique_ptr<QObject> create(QQmlEngine &engine)
{
    engine.addImportPath(QStringLiteral(QML_IMPORT));
    QQmlComponent component(&engine);
    component.setData(Source, QUrl(QStringLiteral("qrc:/tst_engine.qml")));
    std::unique_ptr<QObject> root(component.create());
    if (!root)
        qFatal("%s", qPrintable(component.errorString()));
    return root;
}

} // namespace

void tst_Engine::init()
{
    m_held.clear();
    m_server = std::make_unique<MsgpackRpc::Server>();
    m_server->bind("hold", [this](MsgpackRpc::Responder responder) { m_held.append(responder); });
    m_server->bind("add", [](int a, int b) { return a + b; });
    QVERIFY(m_server->listen(QUrl(QStringLiteral("memory:engine"))));
}

void tst_Engine::engineGoesFirst()
{
    auto engine = std::make_unique<QQmlEngine>();
    const std::unique_ptr<QObject> root = create(*engine);
    QTRY_VERIFY(root->property("connected").toBool());
    QMetaObject::invokeMethod(root.get(), "callAll");
    QTRY_COMPARE(m_held.size(), 4);
    engine.reset();
    for (const MsgpackRpc::Responder &responder : std::as_const(m_held))
        responder.result(1);
    bool isAnswered = false; // and with it everything that came before
    m_server->sessions().constFirst()->call<QString>("greet", "you").onError(this, [&] {
        isAnswered = true;
    });
    QTRY_VERIFY(isAnswered);
    QCOMPARE(root->property("told").toInt(), 0);
}

void tst_Engine::objectsGoFirst()
{
    QQmlEngine engine;
    std::unique_ptr<QObject> root = create(engine);
    QTRY_VERIFY(root->property("connected").toBool());
    QMetaObject::invokeMethod(root.get(), "callAll");
    QTRY_COMPARE(m_held.size(), 4);
    root.reset();
    QTRY_VERIFY(m_server->sessions().isEmpty());
    for (const MsgpackRpc::Responder &responder : std::as_const(m_held))
        QVERIFY(responder.isCanceled());
    engine.collectGarbage();
}

// What is served from QML lives on without its engine, and answers that it cannot answer.
void tst_Engine::engineGoesWhileServing()
{
    auto engine = std::make_unique<QQmlEngine>();
    const std::unique_ptr<QObject> root = create(*engine);
    MsgpackRpc::Client client(QUrl(QStringLiteral("memory:qml-engine")));
    const auto first = client.call<int>("add", 1, 2);
    QTRY_VERIFY(first.isFinished());
    QCOMPARE(first.result(), 3);
    engine.reset();
    const auto second = client.call<int>("add", 1, 2);
    QTRY_VERIFY(second.isFinished());
    QCOMPARE(second.error().code(), MsgpackRpc::Error::RemoteError);
}

void tst_Engine::twoEngines()
{
    QQmlEngine one;
    auto two = std::make_unique<QQmlEngine>();
    const std::unique_ptr<QObject> first = create(one);
    {
        const std::unique_ptr<QObject> second =
                create(*two); // its server finds the name taken, and says so
        QMetaObject::invokeMethod(first.get(), "add");
        QMetaObject::invokeMethod(second.get(), "add");
        QTRY_COMPARE(second->property("sum").toInt(), 3);
        QTRY_COMPARE(first->property("sum").toInt(), 3);
    }
    two.reset();
    first->setProperty("sum", 0);
    QMetaObject::invokeMethod(first.get(), "add");
    QTRY_COMPARE(first->property("sum").toInt(), 3);
}

void tst_Engine::clientOfCppOutlivesQml()
{
    MsgpackRpc::Client client(QUrl(QStringLiteral("memory:engine")));
    client.bind("version", [] { return QStringLiteral("1.2"); });
    {
        QQmlEngine engine;
        const std::unique_ptr<QObject> root = create(engine);
        auto *const qmlClient = root->property("client").value<QObject *>();
        qmlClient->setProperty("source", QVariant::fromValue<QObject *>(&client));
        QMetaObject::invokeMethod(root.get(), "callAll");
        QTRY_COMPARE(m_held.size(), 4);
    }
    QCOMPARE(client.pendingCalls(), 0); // cancelled: nobody waits for them
    const auto sum = client.call<int>("add", 1, 2);
    QTRY_VERIFY(sum.isFinished());
    QCOMPARE(sum.result(), 3);
    QString version;
    m_server->sessions().constLast()->call<QString>("version").then(
            this, [&](const QString &text) { version = text; });
    QTRY_COMPARE(version, QStringLiteral("1.2"));
}

// Those that are no int are the nearest one.
void tst_Engine::timesOfCpp()
{
    MsgpackRpc::Client client(QUrl(QStringLiteral("memory:engine")));
    client.setTimeout(std::chrono::milliseconds(qint64(1) << 32));
    client.setConnectTimeout(std::chrono::milliseconds::min());
    QQmlEngine engine;
    const std::unique_ptr<QObject> root = create(engine);
    auto *const qmlClient = root->property("client").value<QObject *>();
    qmlClient->setProperty("source", QVariant::fromValue<QObject *>(&client));
    QCOMPARE(qmlClient->property("timeout").toInt(), std::numeric_limits<int>::max());
    QCOMPARE(qmlClient->property("connectTimeout").toInt(), -1);
}

// What others have written is part of a line of the log, and makes none.
void tst_Engine::foreignTextInTheLog()
{
    static const QString forged = QStringLiteral("\n2026-01-01 root logged in\x1b[2J");
    m_server->bind("fail", [] { throw MsgpackRpc::ErrorException(forged); });
    QQmlEngine engine;
    engine.addImportPath(QStringLiteral(QML_IMPORT));
    QQmlComponent component(&engine);
    component.setData(R"(
import QtQml
import MsgpackRpc
QtObject {
    readonly property RpcClient client: RpcClient { id: client; url: "memory:engine" }
    readonly property RpcServer server: RpcServer {
        url: "memory:qml-forged"
        target: QtObject {
            function refuse(text: string) { throw new Error(text) }
            function refuseLater() { return client.remote.fail() }
        }
    }
    function fail() { client.remote.fail() }
    function serve(name) { server.objects = { [name]: 1 } }
    function failInAHandler() { client.remote.fail().then(() => {}, error => { throw error.message }) }
}
)",
                      QUrl());
    const std::unique_ptr<QObject> root(component.create());
    QVERIFY2(root != nullptr, qPrintable(component.errorString()));
    static QStringList logged;
    logged.clear();
    const QtMessageHandler previous =
            qInstallMessageHandler([](QtMsgType, const QMessageLogContext &, const QString &line) {
                logged.append(line);
            });
    const auto restore = qScopeGuard([previous] { qInstallMessageHandler(previous); });
    QVERIFY(QMetaObject::invokeMethod(root.get(), "fail"));
    QVERIFY(QMetaObject::invokeMethod(root.get(), "failInAHandler"));
    QVERIFY(QMetaObject::invokeMethod(root.get(), "serve", Q_ARG(QVariant, forged)));
    MsgpackRpc::Client client(QUrl(QStringLiteral("memory:qml-forged")));
    QVERIFY(client.notify("refuse", forged));
    QVERIFY(client.notify("refuseLater"));
    const auto count = [](const char *text) {
        return std::count_if(logged.cbegin(), logged.cend(), [text](const QString &line) {
            return line.contains(QLatin1String(text));
        });
    };
    QTRY_COMPARE_WITH_TIMEOUT(count("failed and nobody handles it: \\n2026"), 1, 20'000);
    QTRY_COMPARE_WITH_TIMEOUT(count("a handler of a call threw"), 1, 20'000);
    QCOMPARE(count("served as `\\n2026"), 1);
    QTRY_VERIFY_WITH_TIMEOUT(count("refuse") > 0 && count("refuseLater") > 0, 20'000);
    for (const QString &line : std::as_const(logged)) {
        QVERIFY2(!line.contains(QLatin1Char('\n')) && !line.contains(QChar(0x1b)),
                 qPrintable(line));
    }
}

QTEST_GUILESS_MAIN(tst_Engine)

#include "tst_engine.moc"
