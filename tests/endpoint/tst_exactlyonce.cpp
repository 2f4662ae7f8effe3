// SPDX-License-Identifier: Apache-2.0

// Every call finishes exactly once, whatever happens to the peer, the session, the context or the watcher.
#include "notifiermodes.h"
#include "peerprocess.h"
#include "processes.h"
#include "tally.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/PendingCallWatcher>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QThread>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;

class tst_ExactlyOnce : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void killedPeer();
    void unsentCallsSurviveTheLoss();
    void silentPeer();
    void refusedPort();
    void unknownName();
    void unusableUrls_data();
    void unusableUrls();
    void closeWithCallsOpen();
    void closeWhileConnecting();
    void callFromAContinuation_data();
    void callFromAContinuation();
    void deleteInTheMiddle_data();
    void deleteInTheMiddle();
    void deleteFromCallback_data();
    void deleteFromCallback();
    void contextDeleted();
    void watcherDeleted();
    void serverDeletedFromItsOwnMethod();
    void manyOutstanding();
    void callFromFailedCallback();
    void othersOfABatch_data();
    void othersOfABatch();
    void closeFromCallback();
    void throwingCallback();
    void unhandledErrorIsLoggedOnce();
    void cancelBeforeItIsSent();
    void wrongThread();
    void contextInOtherThread();
    void contextInOtherThreadGone();
    void notifyThenQuit();
};

// Each of 1 000 open calls ends once, within 100 ms. A machine that is busy with something else may need another try for
// that; how each call ends has to be right every time.
void tst_ExactlyOnce::killedPeer()
{
    qint64 fastest = std::numeric_limits<qint64>::max();
    constexpr qint64 Most = 100 * Processes::SanitizerFactor;
    for (int attempt = 0; attempt < 20 && fastest >= Most; ++attempt) {
        PeerProcess peer;
        QVERIFY(!peer.url().isEmpty());
        Client client(peer.url());
        Tally tally;
        for (int i = 0; i < 1000; ++i)
            tally.watch(this, i, client.call("hang"));
        auto probe = client.call<int>("add", 1, 2); // the others are there when this is answered
        QVERIFY(probe.waitForFinished(30s));
        QCOMPARE(client.pendingCalls(), 1000);

        QElapsedTimer timer;
        peer.kill();
        timer.start();
        while (tally.total() < 1000 && timer.elapsed() < 30'000)
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        fastest = qMin(fastest, timer.elapsed());
        QCOMPARE(tally.failed.value(Error::ConnectionLost), 1000);
        QVERIFY(tally.eachOnce(1000));
        QCOMPARE(client.pendingCalls(), 0);
    }
    QVERIFY2(fastest < Most, qPrintable(QString::number(fastest)));
}

// What has not been written when the connection is lost waits for the next one; what has been is never sent again.
void tst_ExactlyOnce::unsentCallsSurviveTheLoss()
{
    auto first = std::make_unique<PeerProcess>();
    const QUrl url = first->url();
    Client client(url);
    auto connected = client.call<int>("add", 1, 2);
    QVERIFY(connected.waitForFinished(30s));
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 200;
    reconnect.maximumDelay = 100ms;
    client.setReconnect(reconnect);

    auto written = client.call("hang");
    QVERIFY(!written.waitForFinished(0ms));
    QTRY_COMPARE(client.bytesToWrite(), 0);
    MsgpackRpc::PendingReply<int> unsent;
    connect(&client, &Client::stateChanged, this, [&](Client::State state) {
        if (state == Client::Unconnected && !unsent.isValid())
            unsent = client.call<int>("add", 20, 22);
    });
    first.reset();
    QVERIFY(written.waitForFinished(30s));
    QCOMPARE(written.error().code(), Error::ConnectionLost);
    PeerProcess second(url.toString());
    QCOMPARE(second.url(), url);
    QTRY_VERIFY(unsent.isValid());
    QVERIFY(unsent.waitForFinished(30s));
    QCOMPARE(unsent.result(), 42);
}

void tst_ExactlyOnce::silentPeer()
{
    QTcpServer silent;
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort())));
    client.setTimeout(200ms);
    QElapsedTimer timer;
    timer.start();
    Tally tally;
    for (int i = 0; i < 100; ++i)
        tally.watch(this, i, client.call("add", 1, 2));
    QTRY_COMPARE(tally.total(), 100);
    QVERIFY(timer.elapsed() >= 200);
    QCOMPARE(tally.failed.value(Error::Timeout), 100);
    QVERIFY(tally.eachOnce(100));
}

void tst_ExactlyOnce::refusedPort()
{
    quint16 port = 0;
    {
        QTcpServer unused;
        QVERIFY(unused.listen(QHostAddress::LocalHost));
        port = unused.serverPort();
    }
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(port)));
    MsgpackRpc::Reconnect reconnect;
    reconnect.initialDelay = 1ms;
    client.setReconnect(reconnect);
    Tally tally;
    for (int i = 0; i < 100; ++i)
        tally.watch(this, i, client.call("add", 1, 2));
    QSignalSpy dropped(&client, &Client::notificationDropped);
    client.notify("note", "x");
    QTRY_COMPARE(tally.total(), 100);
    QCOMPARE(tally.failed.value(Error::ConnectFailed), 100);
    QVERIFY(tally.eachOnce(100));
    QTRY_COMPARE(dropped.size(), 1);
    QCOMPARE(dropped.constFirst().at(0).toInt(), 1);
}

void tst_ExactlyOnce::unknownName()
{
    Client client(QUrl("tcp://no-such-host.invalid:18800"));
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 1;
    client.setReconnect(reconnect);
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY(reply.error().isTimeout());
}

void tst_ExactlyOnce::unusableUrls_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("none") << QUrl();
    QTest::newRow("scheme") << QUrl("http://127.0.0.1:80");
    QTest::newRow("no port") << QUrl("tcp://127.0.0.1");
    QTest::newRow("port 0") << QUrl("tcp://127.0.0.1:0");
    QTest::newRow("no host") << QUrl("tcp://:18800");
    QTest::newRow("no name") << QUrl("memory:");
    QTest::newRow("user") << QUrl("tcp://me@127.0.0.1:18800");
    QTest::newRow("path") << QUrl("tcp://127.0.0.1:18800/x");
    QTest::newRow("query") << QUrl("udp://127.0.0.1:18800?x");
    QTest::newRow("fragment") << QUrl("tls://127.0.0.1:18800#x");
}

void tst_ExactlyOnce::unusableUrls()
{
    QFETCH(QUrl, url);
    Client client(url);
    Tally tally;
    tally.watch(this, 0, client.call("add", 1, 2));
    QCOMPARE(tally.total(), 0);
    QTRY_COMPARE(tally.failed.value(Error::NotConnectable), 1);
    tally.watch(this, 1, client.call("add", 1, 2));
    QTRY_COMPARE(tally.failed.value(Error::NotConnectable), 2);
    QVERIFY(tally.eachOnce(2));
}

void tst_ExactlyOnce::closeWithCallsOpen()
{
    PeerProcess peer;
    Client client(peer.url());
    Tally tally;
    for (int i = 0; i < 1000; ++i)
        tally.watch(this, i, client.call("hang"));
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    client.close();
    QCOMPARE(tally.total(), 0);
    QTRY_COMPARE(tally.failed.value(Error::Canceled), 1000);
    QVERIFY(tally.eachOnce(1000));
    // A closed session can be used again.
    auto again = client.call<int>("add", 1, 2);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 3);
}

void tst_ExactlyOnce::closeWhileConnecting()
{
    Client client(QUrl("tcp://127.0.0.1:1"));
    Tally tally;
    tally.watch(this, 0, client.call("add", 1, 2));
    client.close();
    QTRY_COMPARE(tally.failed.value(Error::Canceled), 1);
    QVERIFY(tally.eachOnce(1));
}

void tst_ExactlyOnce::callFromAContinuation_data()
{
    QTest::addColumn<QString>("how");
    QTest::newRow("closed") << "close";
    QTest::newRow("given a device") << "device";
    QTest::newRow("lost") << "lost";
}

// What continues a QFuture runs while the calls are being ended: its own call is not one of them.
void tst_ExactlyOnce::callFromAContinuation()
{
    QFETCH(const QString, how);
    Server server;
    QList<MsgpackRpc::Responder> hanging;
    server.bind("add", [](int a, int b) { return a + b; });
    server.bind("hang", this, [&](MsgpackRpc::Responder responder) { hanging.append(responder); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.setTimeout(-1ms);
    QSignalSpy dropped(&client, &Client::notificationDropped);
    MsgpackRpc::PendingReply<int> again;
    const auto continued =
            client.call<int>("hang").toFuture().onFailed([&](const MsgpackRpc::ErrorException &) {
                again = client.call<int>("add", 1, 2);
                return 0;
            });
    QTRY_COMPARE(hanging.size(), 1);
    QTcpSocket device;
    if (how == u"close") {
        client.close();
    } else if (how == u"lost") {
        server.sessions().constFirst()->close();
    } else {
        device.connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
        QVERIFY(device.waitForConnected(30'000));
        QVERIFY(client.setDevice(&device));
    }
    QTRY_VERIFY(continued.isFinished());
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 3);
    QVERIFY(dropped.isEmpty());
}

void tst_ExactlyOnce::deleteInTheMiddle_data()
{
    QTest::addColumn<bool>("connected");
    QTest::newRow("before it is connected") << false;
    QTest::newRow("connected") << true;
}

void tst_ExactlyOnce::deleteInTheMiddle()
{
    QFETCH(bool, connected);
    PeerProcess peer;
    auto client = std::make_unique<Client>(peer.url());
    if (connected)
        QVERIFY(client->call<int>("add", 1, 2).waitForFinished(30s));
    Tally tally;
    QList<QFuture<QVariant>> futures;
    for (int i = 0; i < 100; ++i) {
        auto reply = client->call("hang");
        futures.append(reply.toFuture());
        tally.watch(this, i, reply);
    }
    client.reset();
    QCOMPARE(tally.total(), 0); // from the event loop, not from the destructor
    for (const auto &future : futures)
        QVERIFY(future.isFinished()); // but who blocks on a future is not left waiting for an event loop
    QTRY_COMPARE(tally.failed.value(Error::Canceled), 100);
    QVERIFY(tally.eachOnce(100));
}

void tst_ExactlyOnce::deleteFromCallback_data()
{
    QTest::addColumn<int>("at");
    QTest::newRow("first") << 0;
    QTest::newRow("middle") << 50;
    QTest::newRow("last") << 99;
}

void tst_ExactlyOnce::deleteFromCallback()
{
    QFETCH(int, at);
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto *client = new Client(server.urls().constFirst());
    int ended = 0;
    int good = 0;
    for (int i = 0; i < 100; ++i) {
        client->call<int>("echo", i)
                .then(this,
                      [&, i](int value) {
                          QCOMPARE(value, i);
                          ++ended;
                          ++good;
                          if (i == at)
                              delete client;
                      })
                .onError(this, [&](const Error &error) {
                    QCOMPARE(error.code(), Error::Canceled);
                    ++ended;
                });
    }
    QTRY_COMPARE(ended, 100);
    QCOMPARE(good, at + 1);
}

void tst_ExactlyOnce::contextDeleted()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    auto *context = new QObject;
    bool told = false;
    auto end = client.call<int>("echo", 1).then(context, [&](int) { told = true; });
    delete context;
    QVERIFY(end.waitForFinished(30s));
    QVERIFY(!told);
    QCOMPARE(end.error().code(), Error::Canceled);

    // From within a callback of the same call.
    auto *second = new QObject;
    int calls = 0;
    auto reply = client.call<int>("echo", 2);
    reply.then(this, [&](int) {
        ++calls;
        delete second;
    });
    reply.then(second, [&](int) { calls += 100; });
    QTRY_COMPARE(calls, 1);
    QVERIFY(client.call<int>("echo", 3).waitForFinished(30s));
    QCOMPARE(calls, 1);
}

void tst_ExactlyOnce::watcherDeleted()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    int signalled = 0;
    auto *gone = new MsgpackRpc::PendingCallWatcher(client.call("echo", 1));
    connect(gone, &MsgpackRpc::PendingCallWatcher::finished, this, [&] { signalled += 100; });
    delete gone;
    auto *self = new MsgpackRpc::PendingCallWatcher(client.call("echo", 2));
    connect(self, &MsgpackRpc::PendingCallWatcher::finished, this, [&] {
        ++signalled;
        delete self;
    });
    QVERIFY(client.call<int>("echo", 3).waitForFinished(30s));
    QCOMPARE(signalled, 1);
}

void tst_ExactlyOnce::serverDeletedFromItsOwnMethod()
{
    auto *server = new Server;
    server->bind("echo", [](int x) { return x; });
    server->bind("die", [server] { delete server; });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server->urls().constFirst());
    Tally tally;
    tally.watch(this, 0, client.call("echo", 1));
    tally.watch(this, 1, client.call("die"));
    tally.watch(this, 2, client.call("echo", 2));
    QTRY_COMPARE(tally.total(), 3);
    QCOMPARE(tally.succeeded, 1);
    QCOMPARE(tally.failed.value(Error::ConnectionLost), 2);
    QVERIFY(tally.eachOnce(3));
}

void tst_ExactlyOnce::manyOutstanding()
{
    constexpr int Calls = 100'000;
    Server server;
    QList<MsgpackRpc::Responder> waiting;
    server.bind("hold", this, [&](MsgpackRpc::Responder responder) { waiting.append(responder); });
    MsgpackRpc::Limits limits;
    limits.requestsInWork = Calls;
    server.setLimits(limits);
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.setTimeout(-1ms);
    int ended = 0;
    int right = 0;
    for (int i = 0; i < Calls; ++i) {
        client.call<int>("hold").then(this, [&, i](int value) {
            ++ended;
            right += value == i ? 1 : 0;
        });
    }
    QTRY_COMPARE_WITH_TIMEOUT(waiting.size(), Calls, 60'000);
    QCOMPARE(client.pendingCalls(), Calls);
    for (int i = Calls - 1; i >= 0; --i) // in the opposite order
        waiting[i].result(i);
    QTRY_COMPARE_WITH_TIMEOUT(ended, Calls, 60'000);
    QCOMPARE(right, Calls);
    QCOMPARE(client.pendingCalls(), 0);
}

void tst_ExactlyOnce::othersOfABatch_data()
{
    QTest::addColumn<bool>("waits");
    QTest::newRow("cancelled") << false;
    QTest::newRow("waited for") << true;
}

// Calls that end together: the callback of the first cancels the second, or waits for it. Each is told once, and calls
// that are made afterwards get their answers.
void tst_ExactlyOnce::othersOfABatch()
{
    QFETCH(bool, waits);
    Server server;
    QList<MsgpackRpc::Responder> never;
    server.bind("never", [&never](MsgpackRpc::Responder responder) { never += responder; });
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    int told = 0;
    auto second = client.call("never");
    auto first = client.call("never");
    const auto count = [&told](const Error &error) {
        told += error.code() == Error::ConnectionLost ? 1 : 100;
    };
    QList<MsgpackRpc::PendingReply<QVariant>> both{first, second};
    for (int i = 0; i < 2; ++i) {
        both[i].onError(this, [&, i](const Error &error) {
            count(error);
            if (waits)
                QVERIFY(both[1 - i].waitForFinished(30s));
            else
                both[1 - i].cancel();
        });
    }
    QTRY_COMPARE(never.size(), 2);
    server.sessions().constFirst()->close();
    QTRY_COMPARE(told, 2);
    QCOMPARE(client.pendingCalls(), 0);
    for (int i = 0; i < 10; ++i) {
        auto reply = client.call<int>("echo", i);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), i);
    }
}

void tst_ExactlyOnce::callFromFailedCallback()
{
    Client client(QUrl("tcp://127.0.0.1:1"));
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 1;
    client.setReconnect(reconnect);
    int failures = 0;
    std::function<void()> again = [&] {
        client.call("add", 1, 2).onError(this, [&](const Error &error) {
            QCOMPARE(error.code(), Error::ConnectFailed);
            if (++failures < 20)
                again();
        });
    };
    again();
    QTRY_COMPARE(failures, 20);
}

void tst_ExactlyOnce::closeFromCallback()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    Tally tally;
    client.call<int>("echo", 0).then(this, [&] { client.close(); });
    for (int i = 0; i < 10; ++i)
        tally.watch(this, i, client.call("echo", i));
    QTRY_COMPARE(tally.total(), 10);
    QCOMPARE(tally.failed.value(Error::Canceled), 10);
    QVERIFY(tally.eachOnce(10));
}

void tst_ExactlyOnce::throwingCallback()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    QTest::ignoreMessage(QtWarningMsg, "a callback threw: oops");
    auto end = client.call<int>("echo", 1).then(this, [](int value) -> int {
        if (value == 1)
            throw std::runtime_error("oops");
        return value;
    });
    QVERIFY(end.waitForFinished(30s));
    QCOMPARE(end.error().code(), Error::InvalidResult);
    QVERIFY(client.call<int>("echo", 3).waitForFinished(30s));
}

void tst_ExactlyOnce::unhandledErrorIsLoggedOnce()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    static int logged;
    logged = 0;
    const auto previous = qInstallMessageHandler(
            [](QtMsgType, const QMessageLogContext &context, const QString &text) {
                if (qstrcmp(context.category, "msgpackrpc.call") == 0 && text.contains(u"nope"))
                    ++logged;
            });
    client.call("nope"); // nobody
    client.call("nope").then(this, [] {}); // nobody at the end of a chain
    client.call("nope").onError(this, [] {}); // somebody
    client.call("nope").then(this, [] {}).onError(this, [] {}); // somebody at the end of the chain
    const bool done = client.call<int>("echo", 3).waitForFinished(30s);
    qInstallMessageHandler(previous);
    QVERIFY(done);
    QCOMPARE(logged, 2);
}

void tst_ExactlyOnce::cancelBeforeItIsSent()
{
    Server server;
    QList<int> seen;
    server.bind("see", this, [&](int x) { seen.append(x); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.call("see", 1);
    auto canceled = client.call("see", 2);
    auto last = client.call("see", 3);
    canceled.cancel();
    QVERIFY(last.waitForFinished(30s));
    QCOMPARE(seen, (QList<int>{1, 3}));
}

void tst_ExactlyOnce::wrongThread()
{
    Client client(QUrl("tcp://127.0.0.1:1"));
    Error error;
    bool notified = true;
    if (currentNotifierMode() == MsgpackRpc::NotifierMode::PerConnection) { // once in a program
        QTest::ignoreMessage(QtWarningMsg,
                             "a session was used from a thread that it does not live in; use "
                             "Session::handle()");
    }
    std::unique_ptr<QThread> thread(QThread::create([&] {
        error = client.call("add", 1, 2).error();
        notified = client.notify("add", 1, 2);
    }));
    thread->start();
    QVERIFY(thread->wait());
    QCOMPARE(error.code(), Error::WrongThread);
    QVERIFY(!notified);
}

void tst_ExactlyOnce::contextInOtherThread()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    QThread thread;
    auto *context = new QObject;
    context->moveToThread(&thread);
    thread.start();
    QThread *ranIn = nullptr;
    QThread *endedIn = nullptr;
    int value = 0;
    client.call<int>("echo", 20)
            .then(context,
                  [&](int x) {
                      ranIn = QThread::currentThread();
                      return x + 1;
                  })
            .then(this, [&](int x) {
                endedIn = QThread::currentThread();
                value = x;
            });
    QTRY_COMPARE(value, 21);
    QCOMPARE(ranIn, &thread);
    QCOMPARE(endedIn, QThread::currentThread());
    QThread *errorIn = nullptr;
    std::atomic_bool told = false;
    client.call<int>("nope").onError(context, [&](const Error &) {
        errorIn = QThread::currentThread();
        told = true;
    });
    QTRY_VERIFY(told);
    QCOMPARE(errorIn, &thread);
    context->deleteLater();
    thread.quit();
    QVERIFY(thread.wait());
}

void tst_ExactlyOnce::contextInOtherThreadGone()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    QThread thread;
    auto *context = new QObject;
    context->moveToThread(&thread);
    std::atomic_bool ran = false;
    auto end = client.call<int>("echo", 20).then(context, [&](int x) {
        ran = true;
        return x;
    });
    delete context; // its thread has not begun to run
    thread.start();
    QVERIFY(end.waitForFinished(30s));
    QCOMPARE(end.error().code(), Error::Canceled);
    QVERIFY(!ran);
    thread.quit();
    QVERIFY(thread.wait());
}

void tst_ExactlyOnce::notifyThenQuit()
{
    PeerProcess peer;
    {
        Client client(peer.url());
        client.notify("note", "first and last"); // not even connected
    }
    {
        Client client(peer.url());
        QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
        for (int i = 0; i < 1000; ++i)
            client.notify("note", QString(1000, u'x'));
    }
    Client client(peer.url());
    QStringList notes;
    const auto arrived = [&] {
        auto reply = client.call<QStringList>("notes");
        reply.waitForFinished(30s);
        notes = reply.result();
        return notes.size() == 1001;
    };
    QTRY_VERIFY(arrived());
    QCOMPARE(notes.constFirst(), QStringLiteral("first and last"));
}

QTEST_GUILESS_MAIN(tst_ExactlyOnce)
#include "tst_exactlyonce.moc"
