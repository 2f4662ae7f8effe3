// SPDX-License-Identifier: Apache-2.0

// Each limit, reached: an error on the call, backpressure, or the end of that one connection.
#include "notifiermodes.h"
#include "wire/wiremessages.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/SessionPool>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QLoggingCategory>
#include <QtCore/QScopeGuard>
#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::TransportOption;

class tst_Limits : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void sentMessageBytes();
    void receivedMessageBytes();
    void depth();
    void items();
    void inflatedBytes();
    void queuedBytes();
    void pendingCalls();
    void requestsInWork();
    void notificationsForAnotherThread();
    void moreWorkAtRuntime();
    void callerGoneWhilePaused_data();
    void callerGoneWhilePaused();
    void peerThatReadsNoAnswers();
    void congestion();
    void congestionEndsWithTheConnection();
    void congestionAndOption();
    void congestionAndDeleted_data();
    void congestionAndDeleted();
    void connections();
    void noConnections();
    void connectionsPerAddress();
    void halfMessage();
    void halfMessageThatGrows();
    void idle();
    void idleIsTold();
    void idleTimeOfNow();
    void idleForEver();
    void idleAndDeleted_data();
    void idleAndDeleted();
    void timeoutWindow_data();
    void timeoutWindow();
    void connectTimeout();
    void closeTime();
    void closeTimeOfTheApplication_data();
    void closeTimeOfTheApplication();
    void resultTooLarge();
    void extremes_data();
    void extremes();
    void noRequestsInWork();
    void negative_data();
    void negative();
    void negativeIsNone();

private:
    std::unique_ptr<Server> serve(const Limits &limits, const QUrl &url = QUrl("memory:limits"));
};

std::unique_ptr<Server> tst_Limits::serve(const Limits &limits, const QUrl &url)
{
    auto server = std::make_unique<Server>();
    server->bind("echo", [](const QVariant &x) { return x; });
    server->bind("size", [](const QByteArray &x) { return x.size(); });
    server->setLimits(limits);
    if (!server->listen(url))
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

void tst_Limits::sentMessageBytes()
{
    const auto server = serve({});
    Client client(QUrl("memory:limits"));
    Limits limits;
    limits.messageBytes = 1000;
    client.setLimits(limits);
    auto tooLarge = client.call<int>("size", QByteArray(1000, 'x'));
    auto fits = client.call<int>("size", QByteArray(900, 'x'));
    QVERIFY(tooLarge.waitForFinished(30s));
    QCOMPARE(tooLarge.error().code(), Error::LimitExceeded);
    QVERIFY(fits.waitForFinished(30s));
    QCOMPARE(fits.result(), 900);
}

void tst_Limits::receivedMessageBytes()
{
    Limits limits;
    limits.messageBytes = 100'000;
    const auto server = serve(limits);
    Client client(QUrl("memory:limits"));
    QVERIFY(client.call<int>("size", QByteArray(99'000, 'x')).waitForFinished(30s));
    auto tooLarge = client.call<int>("size", QByteArray(100'000, 'x'));
    QVERIFY(tooLarge.waitForFinished(30s));
    QCOMPARE(tooLarge.error().code(), Error::ConnectionLost);
    auto again = client.call<int>("size", QByteArray(5, 'x'));
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 5);
}

void tst_Limits::depth()
{
    Limits limits;
    limits.depth = 10;
    const auto server = serve(limits);
    Client client(QUrl("memory:limits"));
    const auto nested = [](int depth) {
        QVariant value = 1;
        for (int i = 0; i < depth; ++i)
            value = QVariantList{value};
        return value;
    };
    auto good = client.call("echo", nested(8)); // within the message and its params
    QVERIFY(good.waitForFinished(30s));
    QVERIFY(!good.error());
    auto bad = client.call("echo", nested(9));
    QVERIFY(bad.waitForFinished(30s));
    QCOMPARE(bad.error().code(), Error::ConnectionLost);
}

void tst_Limits::items()
{
    Limits limits;
    limits.items = 100;
    const auto server = serve(limits);
    Client client(QUrl("memory:limits"));
    auto good = client.call("echo", QList<int>(95)); // and four, and one
    QVERIFY(good.waitForFinished(30s));
    QVERIFY(!good.error());
    auto bad = client.call("echo", QList<int>(96));
    QVERIFY(bad.waitForFinished(30s));
    QCOMPARE(bad.error().code(), Error::ConnectionLost);
}

void tst_Limits::inflatedBytes()
{
    Limits limits;
    limits.inflatedBytes = 1'000'000;
    const auto server = serve(limits);
    Client client(QUrl("memory:limits"));
    client.setTransportOption(MsgpackRpc::TransportOption::Deflate);
    auto good = client.call<int>("size", QByteArray(900'000, '\0'));
    QVERIFY(good.waitForFinished(30s));
    QCOMPARE(good.result(), 900'000);
    auto bomb = client.call<int>("size", QByteArray(10'000'000, '\0'));
    QVERIFY(bomb.waitForFinished(30s));
    QCOMPARE(bomb.error().code(), Error::ConnectionLost);
}

void tst_Limits::queuedBytes()
{
    QTcpServer silent; // accepts and reads nothing
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort())));
    Limits limits;
    limits.queuedBytes = 1'000'000;
    client.setLimits(limits);
    QList<MsgpackRpc::PendingReply<QVariant>> replies;
    for (int i = 0; i < 11; ++i)
        replies.append(client.call("size", QByteArray(100'000, 'x')));
    QSignalSpy dropped(&client, &Client::notificationDropped);
    QVERIFY(!client.notify("size", QByteArray(100'000, 'x')));
    QTRY_COMPARE(dropped.size(), 1);
    QVERIFY(replies.constLast().isFinished());
    QCOMPARE(replies.constLast().error().code(), Error::LimitExceeded);
    QVERIFY(!replies.constFirst().isFinished());
    QVERIFY(client.bytesToWrite() <= limits.queuedBytes + 100'000);
}

void tst_Limits::pendingCalls()
{
    const auto server = serve({});
    Client client(QUrl("memory:limits"));
    Limits limits;
    limits.pendingCalls = 10;
    client.setLimits(limits);
    int good = 0;
    int refused = 0;
    for (int i = 0; i < 12; ++i) {
        client.call("echo", i).then(this, [&] { ++good; }).onError(this, [&](const Error &error) {
            QCOMPARE(error.code(), Error::LimitExceeded);
            ++refused;
        });
    }
    QTRY_COMPARE(good, 10);
    QTRY_COMPARE(refused, 2);
}

void tst_Limits::requestsInWork()
{
    Limits limits;
    limits.requestsInWork = 4;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    QList<MsgpackRpc::Responder> work;
    server->bind("work", this, [&](MsgpackRpc::Responder responder) { work.append(responder); });
    Client client(server->urls().constFirst());
    int answered = 0;
    for (int i = 0; i < 20; ++i)
        client.call("work").then(this, [&] { ++answered; });
    QTRY_COMPARE(work.size(), 4);
    QCOMPARE(server->sessions().constFirst()->requestsInWork(), 4);
    // Nothing more is read until one is answered.
    Client other(server->urls().constFirst());
    QVERIFY(other.call("echo", 1).waitForFinished(30s));
    QCOMPARE(work.size(), 4);
    work[0].result(1);
    QTRY_COMPARE(work.size(), 5);
    for (int i = 1; i < 20; ++i) {
        QTRY_VERIFY(work.size() > i);
        work[i].result(1);
    }
    QTRY_COMPARE(answered, 20);
}

namespace {

/// An object whose thread may be busy.
class Busy : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    void block()
    {
        entered.release();
        proceed.acquire();
    }
    void note(int number) { notes.append(number); }

public:
    QSemaphore entered;
    QSemaphore proceed;
    QList<int> notes; // of its thread
};

} // namespace

// Notifications that wait in another thread are work as requests are, or who sends many fills the memory.
void tst_Limits::notificationsForAnotherThread()
{
    constexpr int Notes = 5000;
    constexpr int Most = 16;
    Limits limits;
    limits.requestsInWork = Most;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    QThread thread;
    Busy busy;
    server->serve(&busy);
    busy.moveToThread(&thread);
    thread.start();
    const auto end = qScopeGuard([&] {
        busy.proceed.release(1000);
        thread.quit();
        thread.wait();
    });
    const auto received = [&] { return server->counters().notificationsReceived; };

    Client client(server->urls().constFirst());
    QVERIFY(client.notify("block"));
    QTRY_VERIFY_WITH_TIMEOUT(busy.entered.available() == 1, 30'000);
    for (int i = 0; i < Notes; ++i)
        QVERIFY(client.notify("note", i));
    QTRY_COMPARE_WITH_TIMEOUT(received(), quint64(Most), 30'000);
    // Others are served meanwhile, and nothing more is read.
    Client other(server->urls().constFirst());
    for (int i = 0; i < 20; ++i)
        QVERIFY(other.call("echo", 1).waitForFinished(30s));
    QCOMPARE(received(), quint64(Most));

    busy.proceed.release(1);
    QTRY_COMPARE_WITH_TIMEOUT(received(), quint64(Notes + 1), 60'000);
    QVERIFY(client.call("echo", 1).waitForFinished(30s));
    thread.quit();
    QVERIFY(thread.wait());
    QCoreApplication::sendPostedEvents();
    QVERIFY(busy.notes.size() >= Notes - Most); // the rest may have waited when the thread ended
    for (int i = 0; i < busy.notes.size(); ++i)
        QCOMPARE(busy.notes.at(i), i);
}

// A limit that is raised counts at once: what is in work may wait for what is not read yet.
void tst_Limits::moreWorkAtRuntime()
{
    Limits limits;
    limits.requestsInWork = 1;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    QList<MsgpackRpc::Responder> work;
    server->bind("work", this, [&](MsgpackRpc::Responder responder) { work.append(responder); });
    Client client(server->urls().constFirst());
    for (int i = 0; i < 3; ++i)
        client.call("work");
    auto last = client.call("echo", 1);
    QTRY_COMPARE(work.size(), 1);
    Client other(server->urls().constFirst());
    QVERIFY(other.call("echo", 1).waitForFinished(30s));
    QCOMPARE(work.size(), 1);
    limits.requestsInWork = 4;
    server->sessions().constFirst()->setLimits(limits);
    QVERIFY(last.waitForFinished(30s));
    QVERIFY(!last.error());
    QCOMPARE(work.size(), 3);
}

void tst_Limits::callerGoneWhilePaused_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<bool>("isReset");
    QTest::newRow("tcp") << QUrl("tcp://127.0.0.1:0") << false;
    QTest::newRow("tcp, reset") << QUrl("tcp://127.0.0.1:0") << true;
    QTest::newRow("local") << QUrl("local:tst-limits") << false;
    QTest::newRow("memory") << QUrl("memory:limits") << false;
}

// A session that has enough in work does not read, and hears all the same that its peer is gone: work is cancelled and the
// place is free. The requests that it has not read are nobody's any more; notifications are not lost.
void tst_Limits::callerGoneWhilePaused()
{
    QFETCH(const QUrl, url);
    QFETCH(const bool, isReset);
    Limits limits;
    limits.requestsInWork = 4;
    const auto server = serve(limits, url);
    QList<MsgpackRpc::Responder> work;
    int notified = 0;
    server->bind("work", this, [&](MsgpackRpc::Responder responder) { work.append(responder); });
    const auto canceled = [&work] {
        return std::count_if(work.cbegin(), work.cend(),
                             [](const auto &responder) { return responder.isCanceled(); });
    };
    server->bind("note", this, [&] { ++notified; });
    QSignalSpy closed(server.get(), &Server::sessionClosed);
    Client client(server->urls().constFirst());
    for (int i = 0; i < 20; ++i)
        client.call("work");
    QTRY_COMPARE(work.size(), 4);
    Client other(server->urls().constFirst());
    QVERIFY(other.call("echo", 1).waitForFinished(30s));
    if (!isReset)
        client.notify("note");
    Limits atOnce;
    atOnce.closeTime = 0ms;
    client.setLimits(atOnce);
    if (isReset) // which the system does for what is unread at the client when it closes
        server->sessions().constFirst()->notify("unread", QByteArray(100'000, 'x'));
    client.close();
    QTRY_COMPARE(closed.size(), 1);
    QTRY_COMPARE(canceled(), 4);
    QCOMPARE(work.size(), 4);
    QCOMPARE(notified, isReset ? 0 : 1);
    QCOMPARE(server->sessions().size(), 1);
}

// It is not read from once much waits for it; it gets everything when it reads again.
void tst_Limits::peerThatReadsNoAnswers()
{
    Limits limits;
    limits.queuedBytes = 8'000'000;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    int asked = 0;
    server->bind("blob", this, [&] {
        ++asked;
        return QByteArray(100'000, 'x');
    });
    QTcpSocket peer;
    peer.setReadBufferSize(1000);
    peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(30'000));
    constexpr int Requests = 1000;
    for (int i = 0; i < Requests; ++i)
        peer.write(QByteArray::fromHex("940001a4626c6f6290"));
    Client other(server->urls().constFirst());
    int before = -1;
    const auto isStill = [&] { // nothing more is asked while others are served
        const bool still = asked == before;
        before = asked;
        return other.call("echo", 1).waitForFinished(30s) && still && asked > 0;
    };
    QTRY_VERIFY(isStill());
    QVERIFY2(asked < Requests, qPrintable(QString::number(asked)));
    QCOMPARE(server->sessions().size(), 2);
    peer.setReadBufferSize(0);
    qint64 received = 0;
    const auto all = [&] {
        received += peer.readAll().size();
        return received >= Requests * 100'000LL;
    };
    QTRY_VERIFY_WITH_TIMEOUT(all(), 30'000);
    QCOMPARE(asked, Requests);
}

// Whoever sends while it may, and goes on when told to, never meets the limit. Each change is told once, in turn.
void tst_Limits::congestion()
{
    const auto server = serve({}, QUrl("tcp://127.0.0.1:0"));
    Client client(server->urls().constFirst());
    Limits limits;
    limits.queuedBytes = 1'600'000;
    client.setLimits(limits);
    constexpr int Notifications = 500;
    int sent = 0;
    const auto sendMore = [&] {
        while (sent < Notifications && !client.isCongested()) {
            QVERIFY(client.notify("size", QByteArray(20'000, 'x')));
            QVERIFY(client.bytesToWrite() < 600'000 || client.isCongested());
            ++sent;
        }
    };
    QSignalSpy changes(&client, &Client::congestedChanged);
    connect(&client, &Client::congestedChanged, this,
            [&](bool isCongested) { isCongested ? void() : sendMore(); });
    sendMore(); // before there is a connection
    QVERIFY(client.isCongested());
    QVERIFY(changes.isEmpty());
    QVERIFY(sent < Notifications);
    QTRY_COMPARE(sent, Notifications);
    QTRY_VERIFY(!client.isCongested());
    QTRY_COMPARE(server->counters().notificationsReceived, quint64(Notifications));
    QCoreApplication::sendPostedEvents();
    QVERIFY(changes.size() % 2 == 0);
    for (qsizetype i = 0; i < changes.size(); ++i)
        QCOMPARE(changes[i].constFirst().toBool(), i % 2 == 0);
    QCOMPARE(client.counters().callsFailed(), quint64(0));
}

// What made it so is gone, by whatever way: the limit, a timeout, the attempt to connect, close().
void tst_Limits::congestionEndsWithTheConnection()
{
    MsgpackRpc::Testing::Clock clock;
    QTcpServer silent; // accepts, and reads nothing
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    silent.pauseAccepting();
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort())));
    Limits limits;
    limits.queuedBytes = 80'000'000;
    limits.messageBytes = 80'000'000;
    limits.closeTime = 0ms;
    client.setLimits(limits);
    const QByteArray large(20'000'000, 'x');
    QSignalSpy changes(&client, &Client::congestedChanged);

    QVERIFY(client.notify("size", large));
    QVERIFY(client.isCongested());
    QTRY_COMPARE(client.state(), Client::Connected);
    limits.queuedBytes = 400'000'000;
    client.setLimits(limits);
    QVERIFY(!client.isCongested());
    limits.queuedBytes = 80'000'000;
    client.setLimits(limits);
    QVERIFY(client.isCongested());
    client.close();
    QVERIFY(!client.isCongested());

    client.setUrl(QUrl("memory:nobody"));
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 3, 1s, 1s});
    auto late = client.withTimeout(10s).call("size", large);
    QVERIFY(client.isCongested());
    late.cancel();
    QVERIFY(!client.isCongested());
    late = client.withTimeout(100ms).call("size", large);
    QVERIFY(client.isCongested());
    clock.advance(300ms);
    QVERIFY(!client.isCongested());
    QVERIFY(client.notify("size", large));
    QVERIFY(client.isCongested());
    QTRY_VERIFY_WITH_TIMEOUT((clock.advance(1s), !client.isCongested()), 5'000);

    QTRY_COMPARE(changes.size(), 10);
    for (qsizetype i = 0; i < changes.size(); ++i)
        QCOMPARE(changes[i].constFirst().toBool(), i % 2 == 0);
}

// The rest of a message that was sent in part leaves the queue when a peer asks for compression.
void tst_Limits::congestionAndOption()
{
    const auto server = serve({}, QUrl("tcp://127.0.0.1:0"));
    QList<bool> changes;
    connect(server.get(), &Server::sessionOpened, this, [&](MsgpackRpc::Session *session) {
        connect(session, &MsgpackRpc::Session::congestedChanged, this,
                [&](bool isCongested) { changes.append(isCongested); });
        session->notify("large", QByteArray(40'000'000, 'x'));
    });
    QTcpSocket peer;
    peer.setReadBufferSize(1000);
    peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(30'000));
    QTRY_COMPARE(changes, QList<bool>{true});
    peer.write(QByteArray::fromHex("93040001"));
    peer.flush();
    QTRY_COMPARE(server->counters().messagesReceived, quint64(1));
    peer.setReadBufferSize(0);
    qint64 received = 0;
    QTRY_VERIFY_WITH_TIMEOUT((received += peer.readAll().size()) >= 40'000'000, 30'000);
    QTRY_COMPARE(changes, QList<bool>({true, false}));
    QVERIFY(!server->sessions().constFirst()->isCongested());
}

void tst_Limits::congestionAndDeleted_data()
{
    QTest::addColumn<QByteArray>("what");
    QTest::addColumn<bool>("when");
    for (const char *what : {"client", "server", "close", "limits", "url"}) {
        QTest::addRow("%s, when congested", what) << QByteArray(what) << true;
        QTest::addRow("%s, when not any more", what) << QByteArray(what) << false;
    }
}

// Whoever is told may do anything; each call ends once.
void tst_Limits::congestionAndDeleted()
{
    QFETCH(const QByteArray, what);
    QFETCH(const bool, when);
    auto server = serve({}, QUrl("tcp://127.0.0.1:0"));
    auto client = std::make_unique<Client>(server->urls().constFirst());
    client->setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    int changes = 0;
    connect(client.get(), &Client::congestedChanged, this, [&](bool isCongested) {
        ++changes;
        if (isCongested != when)
            return;
        if (what == "client")
            client.reset();
        else if (what == "server")
            server.reset();
        else if (what == "close")
            client->close();
        else if (what == "limits")
            client->setLimits({});
        else
            client->setUrl(QUrl("tcp://127.0.0.1:1"));
    });
    Limits limits;
    limits.queuedBytes = 800'000;
    client->setLimits(limits);
    constexpr int Calls = 20;
    int ended = 0;
    for (int i = 0; i < Calls; ++i) {
        client->call("size", QByteArray(30'000, 'x'))
                .then(this, [&] { ++ended; })
                .onError(this, [&] { ++ended; });
    }
    QTRY_COMPARE(ended, Calls);
    QTRY_VERIFY(changes > 0 && (!client || !client->isCongested()));
}

void tst_Limits::connections()
{
    Limits limits;
    limits.connections = 3;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(std::make_unique<Client>(server->urls().constFirst()));
        QVERIFY(clients.back()->call("echo", 1).waitForFinished(30s));
    }
    Client late(server->urls().constFirst());
    auto waiting = late.call("echo", 1);
    QTRY_COMPARE_WITH_TIMEOUT(late.state(), Client::Connected, 20'000); // by the system
    QTRY_COMPARE_WITH_TIMEOUT(late.bytesToWrite(), 0, 20'000);
    QVERIFY(clients[0]->call("echo", 2).waitForFinished(30s));
    QVERIFY(!waiting.isFinished());
    QCOMPARE(server->sessions().size(), 3);
    clients.erase(clients.begin());
    QVERIFY(waiting.waitForFinished(30s));
    QVERIFY(!waiting.error());
    QCOMPARE(server->sessions().size(), 3);
}

// None means none: the first is not different from the second.
void tst_Limits::noConnections()
{
    Limits limits;
    limits.connections = 0;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    Client client(server->urls().constFirst());
    auto waiting = client.call("echo", 1);
    QTRY_COMPARE(client.state(), Client::Connected); // by the system
    QCOMPARE(waiting.waitForFinished(50ms), false);
    QVERIFY(server->sessions().isEmpty());
    limits.connections = 1;
    server->setLimits(limits);
    QVERIFY(waiting.waitForFinished(30s));
    QVERIFY(!waiting.error());
}

void tst_Limits::connectionsPerAddress()
{
    Limits limits;
    limits.connectionsPerAddress = 2;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    Client first(server->urls().constFirst());
    Client second(server->urls().constFirst());
    QVERIFY(first.call("echo", 1).waitForFinished(30s));
    QVERIFY(second.call("echo", 1).waitForFinished(30s));
    Client third(server->urls().constFirst());
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 1;
    third.setReconnect(reconnect);
    auto refused = third.call("echo", 1);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::ConnectionLost);
    QCOMPARE(server->sessions().size(), 2);
    QVERIFY(second.call("echo", 1).waitForFinished(30s));
}

void tst_Limits::halfMessage()
{
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve({}, QUrl("tcp://127.0.0.1:0"));
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(30'000));
    peer.write(QByteArray::fromHex("9400"));
    QTRY_COMPARE(server->sessions().size(), 1);
    const auto advance = [&](std::chrono::milliseconds time) {
        clock.advance(time);
        return server->sessions().isEmpty();
    };
    QTRY_COMPARE_WITH_TIMEOUT(server->counters().bytesReceived, quint64(2), 20'000);
    QVERIFY(!advance(29s));
    QTRY_VERIFY(advance(1s));
    QVERIFY(clock.elapsed() >= 30s);
}

void tst_Limits::halfMessageThatGrows()
{
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve({}, QUrl("tcp://127.0.0.1:0"));
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(30'000));
    peer.write(QByteArray::fromHex("940001a473697a6591c600100000"));
    for (int i = 0; i < 10; ++i) {
        peer.write(QByteArray(100'000, 'x'));
        QTRY_COMPARE_WITH_TIMEOUT(server->counters().bytesReceived, quint64(14 + 100'000 * (i + 1)),
                                  20'000);
        clock.advance(25s);
        QCOMPARE(server->sessions().size(), 1);
    }
    peer.write(QByteArray(0x100000 - 1'000'000, 'x'));
    QTRY_VERIFY(peer.bytesAvailable() > 0);
    QCOMPARE(peer.readAll(), QByteArray::fromHex("940101c0ce00100000"));
}

// Without traffic and work it goes, and the client connects again when it calls.
void tst_Limits::idle()
{
    MsgpackRpc::Testing::Clock clock;
    Limits limits;
    limits.idleTime = 10min;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    QList<MsgpackRpc::Responder> working;
    server->bind("work", [&](MsgpackRpc::Responder responder) { working.append(responder); });
    Client idle(server->urls().constFirst());
    Client client(server->urls().constFirst());
    Client listener(server->urls().constFirst());
    int heard = 0;
    listener.bind("note", [&] { ++heard; });
    auto reply = client.withTimeout(-1ms).call<int>("work");
    QVERIFY(idle.call("echo", 1).waitForFinished(30s));
    QTRY_VERIFY(server->sessions().size() == 2 && working.size() == 1);
    listener.open();
    QTRY_COMPARE(server->sessions().size(), 3);
    MsgpackRpc::Session *const listening = server->sessions().constLast();
    QSignalSpy closed(server.get(), &MsgpackRpc::Server::sessionClosed);

    // What is in work keeps one, what it is notified of the other.
    for (int minute = 1; minute <= 30; ++minute) {
        QVERIFY(listening->notify("note"));
        QTRY_COMPARE(heard, minute);
        if (minute <= 9 || minute > 20) // in between it may go: at the latest after twice its time
            QCOMPARE(closed.size(), minute > 20 ? 1 : 0);
        clock.advance(1min);
    }
    QTRY_COMPARE(idle.state(), Client::Unconnected);
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(listener.state(), Client::Connected);
    QVERIFY(idle.call("echo", 1).waitForFinished(30s));
    QCOMPARE(idle.counters().connectionsOpened, quint64(2));

    working.constFirst().result(7);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 7);
    const auto advance = [&] {
        clock.advance(1min);
        return server->sessions().isEmpty();
    };
    QTRY_VERIFY(advance());
    QCOMPARE(closed.size(), 4);
}

// Why it was closed, is told by the session, and logged once.
void tst_Limits::idleIsTold()
{
    MsgpackRpc::Testing::Clock clock;
    Limits limits;
    limits.idleTime = 1min;
    const auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    Client client(server->urls().constFirst());
    QVERIFY(client.call("echo", 1).waitForFinished(20s));
    QStringList order;
    QList<Error> errors;
    connect(server->sessions().constFirst(), &MsgpackRpc::Session::errorOccurred, this,
            [&](const Error &error) {
                errors.append(error);
                order.append(QStringLiteral("error"));
            });
    connect(server.get(), &Server::sessionClosed, this,
            [&] { order.append(QStringLiteral("closed")); });
    static QStringList logged;
    logged.clear();
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.endpoint.debug=true"));
    const QtMessageHandler previous =
            qInstallMessageHandler([](QtMsgType, const QMessageLogContext &, const QString &text) {
                if (text.contains(QStringLiteral("idle")))
                    logged.append(text);
            });
    const auto isOver = [&] {
        clock.advance(1min);
        return server->sessions().isEmpty();
    };
    for (int minute = 0; minute < 10 && !isOver(); ++minute)
        QCoreApplication::processEvents();
    qInstallMessageHandler(previous);
    QLoggingCategory::setFilterRules(QString());
    QVERIFY(server->sessions().isEmpty());
    QTRY_COMPARE_WITH_TIMEOUT(client.state(), Client::Unconnected, 20'000);
    QCOMPARE(order, (QStringList{QStringLiteral("error"), QStringLiteral("closed")}));
    QCOMPARE(errors.constFirst().code(), Error::LimitExceeded);
    QVERIFY2(errors.constFirst().message().contains(QStringLiteral("idle for 60000 ms")),
             qPrintable(errors.constFirst().message()));
    QCOMPARE(logged.size(), 1);
    QVERIFY2(logged.constFirst().contains(QStringLiteral("idle for 60000 ms")),
             qPrintable(logged.constFirst()));
    QVERIFY2(logged.constFirst().startsWith(u"127.0.0.1:"), qPrintable(logged.constFirst()));
}

void tst_Limits::idleTimeOfNow()
{
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve({}, QUrl("memory:limits"));
    Client client(QUrl("memory:limits"));
    QVERIFY(client.call("echo", 1).waitForFinished(30s));
    clock.advance(23h);
    QVERIFY(client.call("echo", 1).waitForFinished(30s)); // it hears of an end, too
    QCOMPARE(client.counters().connectionsOpened, quint64(1));
    Limits limits;
    limits.idleTime = 1s;
    server->setLimits(limits);
    clock.advance(2s);
    QTRY_COMPARE(client.state(), Client::Unconnected);
    QVERIFY(server->sessions().isEmpty());
}

void tst_Limits::idleForEver()
{
    MsgpackRpc::Testing::Clock clock;
    Limits limits;
    limits.idleTime = -1ms;
    const auto server = serve(limits, QUrl("memory:limits"));
    Client client(QUrl("memory:limits"));
    QVERIFY(client.call("echo", 1).waitForFinished(30s));
    clock.advance(24h * 3650);
    QVERIFY(client.call("echo", 1).waitForFinished(30s));
    QCOMPARE(client.counters().connectionsOpened, quint64(1));
    // From now on it is over.
    server->setLimits({});
    clock.advance(48h);
    QTRY_VERIFY(server->sessions().isEmpty());
}

void tst_Limits::idleAndDeleted_data()
{
    QTest::addColumn<QByteArray>("what");
    for (const char *what : {"server", "close", "session", "others", "limits", "nothing"})
        QTest::newRow(what) << QByteArray(what);
}

// Who hears of one that was idle may do anything. All of them go, each is told of once.
void tst_Limits::idleAndDeleted()
{
    QFETCH(const QByteArray, what);
    MsgpackRpc::Testing::Clock clock;
    Limits limits;
    limits.idleTime = 1s;
    auto server = serve(limits, QUrl("tcp://127.0.0.1:0"));
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<Client>(server->urls().constFirst()));
        QVERIFY(clients.back()->call("echo", 1).waitForFinished(30s));
    }
    QSet<MsgpackRpc::Session *> told;
    int count = 0;
    connect(server.get(), &Server::sessionClosed, this, [&](MsgpackRpc::Session *session) {
        ++count;
        told.insert(session);
        if (what == "server")
            server.reset();
        else if (what == "close")
            server->close();
        else if (what == "session")
            delete session;
        else if (what == "others" && count == 1)
            qDeleteAll(server->sessions());
        else if (what == "limits")
            server->setLimits(count % 2 == 0 ? limits : Limits());
    });
    const auto areAllGone = [&] {
        clock.advance(1s);
        return std::all_of(clients.cbegin(), clients.cend(), [](const auto &client) {
            return client->state() == Client::Unconnected;
        });
    };
    if (what == "limits") { // raised for a time, and so on
        QTRY_VERIFY_WITH_TIMEOUT((clock.advance(24h), areAllGone()), 10'000);
    } else {
        QTRY_VERIFY(areAllGone());
    }
    QCOMPARE(told.size(), count);
    QVERIFY(what == "server" || server->sessions().isEmpty());
    QCOMPARE(count, what == "server" || what == "others" ? 1 : 5);
}

void tst_Limits::timeoutWindow_data()
{
    QTest::addColumn<int>("timeout");
    for (const int timeout : {1, 50, 100, 1000, 10'000, 3'600'000})
        QTest::addRow("%d ms", timeout) << timeout;
}

// Not before its timeout, and at most 100 ms or a tenth after it.
void tst_Limits::timeoutWindow()
{
    QFETCH(int, timeout);
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve({});
    QList<MsgpackRpc::Responder> never;
    server->bind("hang", this, [&](MsgpackRpc::Responder responder) { never.append(responder); });
    Client client(QUrl("memory:limits"));
    client.setTimeout(-1ms);
    auto endless = client.call("hang");
    auto sooner = client.withTimeout(std::chrono::milliseconds(timeout / 2)).call("hang");
    auto reply = client.withTimeout(std::chrono::milliseconds(timeout)).call("hang");
    clock.advance(std::chrono::milliseconds(timeout - 1));
    QVERIFY(!reply.isFinished());
    clock.advance(std::chrono::milliseconds(1 + std::max(100, timeout / 10)));
    QVERIFY(reply.isFinished());
    QCOMPARE(reply.error().code(), Error::Timeout);
    QVERIFY(sooner.isFinished());
    QVERIFY(!endless.isFinished());
    endless.cancel();
}

void tst_Limits::connectTimeout()
{
    MsgpackRpc::Testing::Clock clock;
    QTcpServer full; // accepts nothing, and its backlog is full
    full.setListenBacklogSize(1);
    QVERIFY(full.listen(QHostAddress::LocalHost));
    full.pauseAccepting();
    std::vector<std::unique_ptr<QTcpSocket>> fill;
    for (int i = 0; i < 4; ++i) {
        fill.push_back(std::make_unique<QTcpSocket>());
        fill.back()->connectToHost(QHostAddress::LocalHost, full.serverPort());
    }
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(full.serverPort())));
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 2;
    client.setReconnect(reconnect);
    client.setConnectTimeout(500ms);
    client.setTimeout(-1ms);
    auto reply = client.call("echo", 1);
    clock.advance(499ms);
    QVERIFY(!reply.isFinished());
    QCOMPARE(client.state(), Client::Connecting);
    clock.advance(2s);
    QVERIFY(reply.isFinished());
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
}

void tst_Limits::closeTime()
{
    QTcpServer silent; // reads nothing
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    QElapsedTimer timer;
    {
        Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort())));
        Limits limits;
        limits.closeTime = 200ms;
        client.setLimits(limits);
        for (int i = 0; i < 100; ++i) // more than any system takes
            QVERIFY(client.notify("size", QByteArray(1'000'000, 'x')));
        timer.start();
    }
    QVERIFY2(timer.elapsed() >= 150, qPrintable(QString::number(timer.elapsed())));
    QVERIFY2(timer.elapsed() < 20'000, qPrintable(QString::number(timer.elapsed())));
}

// Many that are stuck wait together.
void tst_Limits::closeTimeOfTheApplication_data()
{
    QTest::addColumn<int>("clients");
    QTest::addColumn<int>("servers");
    QTest::addColumn<int>("connections"); // of each client, with different options
    QTest::newRow("clients") << 5 << 0 << 1;
    QTest::newRow("servers") << 0 << 5 << 1;
    QTest::newRow("both") << 3 << 2 << 1;
    QTest::newRow("connections of a client") << 1 << 0 << 4;
}

// All that cannot send what waits are waited for together.
void tst_Limits::closeTimeOfTheApplication()
{
    QFETCH(const int, clients);
    QFETCH(const int, servers);
    QFETCH(const int, connections);
    QTcpServer silent; // reads nothing
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    Limits limits;
    limits.closeTime = 2s;
    const QByteArray noise = WireMessages::noise(20'000'000); // which does not get smaller
    std::vector<std::unique_ptr<Client>> allClients;
    for (int i = 0; i < clients; ++i) {
        allClients.push_back(std::make_unique<Client>(
                QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort()))));
        Client &client = *allClients.back();
        client.setLimits(limits);
        for (int option = 0; option < connections; ++option) {
            QVERIFY(client.over(TransportOption(TransportOption::Flag(option)))
                            .notify("size", noise));
            QTRY_COMPARE(client.counters().connectionsOpened, quint64(option + 1));
        }
    }
    std::vector<std::unique_ptr<Server>> allServers;
    std::vector<std::unique_ptr<QTcpSocket>> peers;
    for (int i = 0; i < servers; ++i) {
        allServers.push_back(std::make_unique<Server>());
        Server &server = *allServers.back();
        server.setLimits(limits);
        QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
        peers.push_back(std::make_unique<QTcpSocket>());
        peers.back()->setReadBufferSize(1);
        peers.back()->connectToHost(QHostAddress::LocalHost,
                                    quint16(server.urls().constFirst().port()));
        QTRY_COMPARE(server.sessions().size(), 1);
        QVERIFY(server.sessions().constFirst()->notify("size", noise));
    }
    QElapsedTimer timer;
    timer.start();
    QTimer::singleShot(0, qApp, &QCoreApplication::quit);
    QCoreApplication::exec();
    QVERIFY2(timer.elapsed() < 7'000, qPrintable(QString::number(timer.elapsed())));
    limits.closeTime = 0ms;
    for (const auto &client : allClients)
        client->setLimits(limits);
    for (const auto &server : allServers)
        server->setLimits(limits);
}

void tst_Limits::resultTooLarge()
{
    Limits limits;
    limits.messageBytes = 100'000;
    const auto server = serve(limits);
    server->bind("blob", [](int size) { return QByteArray(size, 'x'); });
    Client client(QUrl("memory:limits"));
    auto reply = client.call<QByteArray>("blob", 100'000);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::RemoteError);
    QVERIFY2(reply.error().message().startsWith(u"the result cannot be sent"),
             qPrintable(reply.error().message()));
    auto small = client.call<QByteArray>("blob", 10);
    QVERIFY(small.waitForFinished(30s));
    QCOMPARE(small.result().size(), 10);
}

void tst_Limits::extremes_data()
{
    QTest::addColumn<qint64>("time");
    QTest::addColumn<qint64>("number");
    QTest::addColumn<QByteArray>("url");
    for (const char *url : {"memory:limits", "tcp://127.0.0.1:0", "udp://127.0.0.1:0"}) {
        const auto row = [url](const char *name, qint64 time, qint64 number) {
            QTest::addRow("%s, %s", name, url) << time << number << QByteArray(url);
        };
        row("most", std::numeric_limits<qint64>::max(), std::numeric_limits<qint64>::max());
        row("int", std::numeric_limits<int>::max(), std::numeric_limits<int>::max());
        row("more than int", qint64(1) << 32, qint64(1) << 32);
        row("no time", 0, std::numeric_limits<qint64>::max());
        row("less than no time", -1, std::numeric_limits<qint64>::max());
        row("least time", std::numeric_limits<qint64>::min(), std::numeric_limits<qint64>::max());
    }
}

// Whatever a limit or a time is set to, nothing overflows; where there is room and time, everything works.
void tst_Limits::extremes()
{
    QFETCH(qint64, time);
    QFETCH(qint64, number);
    QFETCH(QByteArray, url);
    const std::chrono::milliseconds ms(time);
    const int count = int(std::min<qint64>(number, std::numeric_limits<int>::max()));
    Limits limits;
    limits.messageBytes = limits.inflatedBytes = limits.queuedBytes = qsizetype(number);
    limits.items = number;
    limits.depth = limits.pendingCalls = limits.requestsInWork = count;
    limits.datagramSessions = limits.datagramReplyBytes = limits.clusterSessions = count;
    limits.datagramIdleTime = limits.clusterIdleTime = limits.closeTime = ms;
    if (time != 0) // with none at all, nobody could stay
        limits.idleTime = ms;
    if (time > 0) // with none, what comes in two parts ends its connection
        limits.halfMessageTime = limits.tlsHandshakeTime = ms;
    QStringList notes;
    {
        Server server;
        server.setLimits(limits);
        server.setTimeout(ms);
        server.setKeepAlive(std::chrono::seconds(time));
        server.bind("echo", [](const QVariant &x) { return x; });
        server.bind("note", [&](const QString &text) { notes.append(text); });
        QVERIFY(server.listen(QUrl(QString::fromLatin1(url))));
        Client client(server.urls().constFirst());
        client.setLimits(limits);
        client.setTimeout(time >= 0 && time < 1000 ? 5s : ms);
        client.setConnectTimeout(time == 0 ? 5s : ms);
        client.setKeepAlive(std::chrono::seconds(time));
        client.setKeepAlive(std::chrono::seconds(time));
        client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 2, ms, ms});
        for (const auto option : {TransportOption(), TransportOption(TransportOption::Deflate)}) {
            auto reply = client.over(option).call<QByteArray>("echo", QByteArray(40'000, 'x'));
            QVERIFY(reply.waitForFinished(time > 1000 ? ms : 30s));
            QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
        }
        client.notify("note", QStringLiteral("last"));
        client.close(); // waits for as long as is said
        if (!url.startsWith("memory"))
            QTRY_COMPARE(notes.size(), 1);
    }
    Client refused(QUrl("tcp://127.0.0.1:1"));
    refused.setReconnect({MsgpackRpc::Reconnect::OnDemand, time > 0 ? 1 : 3, ms, ms});
    auto reply = refused.call("echo", 1);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
}

// None at all would never be answered.
void tst_Limits::noRequestsInWork()
{
    for (const int most : {0, -1}) {
        Limits limits;
        limits.requestsInWork = most;
        const auto server = serve(limits);
        QList<MsgpackRpc::Responder> waiting;
        server->bind("later", [&](MsgpackRpc::Responder responder) { waiting.append(responder); });
        Client client(QUrl("memory:limits"));
        auto first = client.call<int>("later");
        auto second = client.call<int>("later");
        QTRY_COMPARE(waiting.size(), 1);
        QVERIFY(!second.waitForFinished(0ms));
        QCOMPARE(waiting.size(), 1);
        waiting.takeFirst().result(1);
        QTRY_COMPARE(waiting.size(), 1);
        waiting.takeFirst().result(2);
        QVERIFY(second.waitForFinished(30s));
        QCOMPARE(second.result(), 2);
    }
}

using NumberOf = std::function<qint64(Limits &, qint64)>; // sets it, unless to 0, and returns it
Q_DECLARE_METATYPE(NumberOf)

void tst_Limits::negative_data()
{
    QTest::addColumn<NumberOf>("numberOf");
    QTest::addColumn<bool>("isEndless");
    const auto row = [](const char *name, auto member, bool isEndless = false) {
        const NumberOf numberOf = [member](Limits &limits, qint64 number) {
            using Value = std::decay_t<decltype(limits.*member)>;
            if (number != 0)
                limits.*member = Value(number);
            if constexpr (std::is_arithmetic_v<Value>)
                return qint64(limits.*member);
            else
                return qint64((limits.*member).count());
        };
        QTest::newRow(name) << numberOf << isEndless;
    };
    row("messageBytes", &Limits::messageBytes);
    row("depth", &Limits::depth);
    row("items", &Limits::items);
    row("inflatedBytes", &Limits::inflatedBytes);
    row("queuedBytes", &Limits::queuedBytes);
    row("pendingCalls", &Limits::pendingCalls);
    row("requestsInWork", &Limits::requestsInWork);
    row("connections", &Limits::connections);
    row("connectionsPerAddress", &Limits::connectionsPerAddress);
    row("datagramSessions", &Limits::datagramSessions);
    row("datagramIdleTime", &Limits::datagramIdleTime, true);
    row("datagramReplyBytes", &Limits::datagramReplyBytes);
    row("clusterSessions", &Limits::clusterSessions);
    row("clusterIdleTime", &Limits::clusterIdleTime);
    row("halfMessageTime", &Limits::halfMessageTime);
    row("tlsHandshakeTime", &Limits::tlsHandshakeTime);
    row("unauthenticatedConnections", &Limits::unauthenticatedConnections);
    row("authenticationTime", &Limits::authenticationTime);
    row("idleTime", &Limits::idleTime, true);
    row("closeTime", &Limits::closeTime);
}

// Whatever is less than none is none, and is told so; of two times it is without end.
void tst_Limits::negative()
{
    QFETCH(const NumberOf, numberOf);
    QFETCH(const bool, isEndless);
    for (const qint64 number : {qint64(-1), qint64(std::numeric_limits<int>::min())}) {
        Limits limits;
        QCOMPARE(numberOf(limits, number), number);
        const qint64 expected = isEndless ? number : 0;
        Server server;
        QSignalSpy changes(&server, &Server::limitsChanged);
        Client client;
        MsgpackRpc::SessionPool pool;
        for (int i = 0; i < 2; ++i) { // the second time it is the same
            server.setLimits(limits);
            client.setLimits(limits);
            pool.setLimits(limits);
        }
        QCOMPARE(changes.size(), 1);
        for (Limits held : {server.limits(), client.limits(), pool.limits()})
            QCOMPARE(numberOf(held, 0), expected);
    }
}

// At the gates of those that refuse calls and connections.
void tst_Limits::negativeIsNone()
{
    const auto server = serve({});
    Limits limits;
    limits.pendingCalls = -1;
    Client client(QUrl("memory:limits"));
    client.setLimits(limits);
    const auto tooMany = client.call("echo", 1);
    QTRY_COMPARE(tooMany.error().code(), Error::LimitExceeded);
    limits = {};
    limits.messageBytes = -1;
    client.setLimits(limits);
    const auto tooLarge = client.call("echo", 1);
    QTRY_COMPARE(tooLarge.error().code(), Error::LimitExceeded);
    limits = {};
    limits.queuedBytes = -1;
    client.setLimits(limits);
    const auto tooMuch = client.call("echo", 1);
    QTRY_COMPARE(tooMuch.error().code(), Error::LimitExceeded);
    client.setLimits({});
    QVERIFY(client.call("echo", 1).waitForFinished(20s));

    limits = {};
    limits.connectionsPerAddress = -1;
    const auto closed = serve(limits, QUrl("tcp://127.0.0.1:0"));
    Client nobody(closed->urls().constFirst());
    nobody.setReconnect({MsgpackRpc::Reconnect::OnDemand, -1, -1ms, -1ms});
    auto refused = nobody.call("echo", 1);
    QVERIFY(refused.waitForFinished(20s));
    QCOMPARE(refused.error().code(), Error::ConnectionLost);
    QVERIFY(closed->sessions().isEmpty());
}

QTEST_GUILESS_MAIN(tst_Limits)
#include "tst_limits.moc"
