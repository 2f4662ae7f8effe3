// SPDX-License-Identifier: Apache-2.0

// User code may run an event loop wherever it is called: the connection goes on meanwhile.
#include "notifiermodes.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QElapsedTimer>
#include <QtCore/QEventLoop>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;

namespace {

void runEventLoop(std::chrono::milliseconds time)
{
    QEventLoop loop;
    QTimer::singleShot(time, &loop, &QEventLoop::quit);
    loop.exec();
}

} // namespace

class tst_Nesting : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void callback_data();
    void callback();
    void servedMethod_data();
    void servedMethod();
    void restOfTheBatch();
    void callsMadeInside();
    void mutualRecursion();
    void deleteClientInside();
    void deleteServerInside();

private:
    void addUrls();

    QTemporaryDir m_folder;
};

void tst_Nesting::addUrls()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("tcp") << QUrl("tcp://127.0.0.1:0");
    QTest::newRow("memory") << QUrl("memory:nesting");
    QTest::newRow("local") << QUrl(QStringLiteral("local:")
                                   + m_folder.filePath(QStringLiteral("socket")));
}

void tst_Nesting::callback_data()
{
    addUrls();
}

// A callback blocks in an event loop for a second; calls made before and in it are answered at once.
void tst_Nesting::callback()
{
    QFETCH(QUrl, url);
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 0).waitForFinished(5s));

    QElapsedTimer timer;
    bool returned = false;
    qint64 slowest = 0;
    int answered = 0;
    const auto note = [&](int) {
        QVERIFY(!returned);
        ++answered;
        slowest = qMax(slowest, timer.elapsed());
    };
    client.call<int>("echo", 1).then(this, [&](int) {
        timer.start();
        client.call<int>("echo", 3).then(this, note);
        QTimer::singleShot(100ms, this, [&] {
            timer.start();
            client.call<int>("echo", 4).then(this, note);
        });
        runEventLoop(1s);
        returned = true;
    });
    client.call<int>("echo", 2).then(this, note); // comes in the same segment as the first
    QTRY_VERIFY(returned);
    QCOMPARE(answered, 3);
    QVERIFY2(slowest < 900, qPrintable(QString::number(slowest)));
}

void tst_Nesting::servedMethod_data()
{
    addUrls();
}

void tst_Nesting::servedMethod()
{
    QFETCH(QUrl, url);
    Server server;
    bool isBlocked = false;
    std::function<void()> whileBlocked;
    server.bind("block", [&] {
        isBlocked = true;
        QTimer::singleShot(100ms, this, whileBlocked);
        runEventLoop(1s);
        isBlocked = false;
        return 1;
    });
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 0).waitForFinished(5s));

    int during = 0;
    whileBlocked = [&] {
        client.call<int>("echo", 3).then(this, [&] { during += isBlocked ? 1 : 0; });
    };
    auto before = client.call<int>("echo", 1);
    auto blocked = client.call<int>("block");
    auto same = client.call<int>("echo", 2);
    for (const auto &reply : {before, same})
        reply.then(this, [&] { during += isBlocked ? 1 : 0; });
    QVERIFY(blocked.waitForFinished(5s));
    QVERIFY(before.isFinished());
    QCOMPARE(during, 3); // what came before it in the same segment is not held back either
}

// Everything that had arrived with the message whose handler blocks is handled while it blocks.
void tst_Nesting::restOfTheBatch()
{
    Server server;
    QList<int> order;
    server.bind("block", [&](int x) {
        order.append(x);
        runEventLoop(200ms);
        order.append(-x);
    });
    server.bind("see", [&](int x) { order.append(x); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.call("block", 1);
    for (int i = 2; i < 50; ++i)
        client.call("see", i);
    QVERIFY(client.call("see", 50).waitForFinished(5s));
    QTRY_COMPARE(order.size(), 51);
    QCOMPARE(order.constFirst(), 1);
    QCOMPARE(order.constLast(), -1);
    for (int i = 1; i <= 50; ++i)
        QCOMPARE(order.at(i - 1), i);
}

void tst_Nesting::callsMadeInside()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    int depth = 0;
    int deepest = 0;
    std::function<void(int)> dive = [&](int x) {
        deepest = qMax(deepest, ++depth);
        if (x > 0) {
            auto reply = client.call<int>("echo", x - 1);
            reply.then(this, [&](int value) { dive(value); });
            QVERIFY(reply.waitForFinished(5s));
        }
        --depth;
    };
    auto first = client.call<int>("echo", 20);
    bool done = false;
    first.then(this, [&](int x) {
        dive(x);
        done = true;
    });
    QTRY_VERIFY(done);
    QCOMPARE(deepest, 21);
}

// Both sides wait for each other within their methods: the innermost answer comes first.
void tst_Nesting::mutualRecursion()
{
    Server server;
    server.bind("down", [](int x) {
        if (x == 0)
            return 0;
        auto reply = MsgpackRpc::CallContext::current().session().session()->call<int>("up", x - 1);
        reply.waitForFinished(5s);
        return reply.result() + 1;
    });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.bind("up", [&](int x) {
        auto reply = client.call<int>("down", x);
        reply.waitForFinished(5s);
        return reply.result() + 1;
    });
    auto reply = client.call<int>("down", 10);
    QVERIFY(reply.waitForFinished(10s));
    QCOMPARE(reply.result(), 20);
}

void tst_Nesting::deleteClientInside()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto *client = new Client(server.urls().constFirst());
    bool done = false;
    int told = 0;
    client->call<int>("echo", 1).then(this, [&] {
        QEventLoop loop;
        QTimer::singleShot(0, this, [&] {
            delete client;
            QTimer::singleShot(50, &loop, &QEventLoop::quit);
        });
        loop.exec();
        done = true;
    });
    for (int i = 0; i < 10; ++i)
        client->call<int>("echo", 2).then(this, [&] { ++told; }).onError(this, [&] { ++told; });
    QTRY_VERIFY(done);
    QTRY_COMPARE(told, 10);
}

void tst_Nesting::deleteServerInside()
{
    auto *server = new Server;
    bool done = false;
    server->bind("block", [&] {
        QEventLoop loop;
        QTimer::singleShot(0, this, [&] {
            delete server;
            QTimer::singleShot(50, &loop, &QEventLoop::quit);
        });
        loop.exec();
        done = true;
    });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server->urls().constFirst());
    auto reply = client.call("block");
    QVERIFY(reply.waitForFinished(5s));
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QTRY_VERIFY(done);
}

QTEST_GUILESS_MAIN(tst_Nesting)
#include "tst_nesting.moc"
