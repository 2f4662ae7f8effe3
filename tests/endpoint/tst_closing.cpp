// SPDX-License-Identifier: Apache-2.0

// What both sides have of the last messages when one of them closes.
#include "footprint.h"
#include "notifiermodes.h"
#include "tally.h"
#include "testcertificates.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QDir>
#include <QtCore/QScopeGuard>
#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;

namespace {

/// A thread with an event loop.
struct OtherThread
{
    OtherThread()
    {
        there.moveToThread(&thread);
        thread.start();
    }
    ~OtherThread() { end(); }
    void end()
    {
        thread.quit();
        thread.wait();
    }
    QThread thread;
    QObject there; ///< lives in it
};

std::unique_ptr<Server> serve()
{
    auto server = std::make_unique<Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    if (!server->listen(QUrl("tcp://127.0.0.1:0")))
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

bool isServed(Client &client)
{
    auto reply = client.call<int>("add", 1, 2);
    return reply.waitForFinished(20s) && !reply.error() && reply.result() == 3;
}

} // namespace

class tst_Closing : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void pausesGiveTheirDescriptorBack();
    void answersToAHalfClosedPeer_data();
    void answersToAHalfClosedPeer();
    void closedAfterAQuit();
    void closedBeforeItIsRead();
    void closedWithAnswersOnTheirWay_data();
    void closedWithAnswersOnTheirWay();
};

// While reading pauses, a descriptor more watches for the end.
void tst_Closing::pausesGiveTheirDescriptorBack()
{
    const auto server = serve();
    MsgpackRpc::Limits limits;
    limits.requestsInWork = 1;
    server->setLimits(limits);
    QList<MsgpackRpc::Responder> working;
    server->bind("work", [&](MsgpackRpc::Responder responder) { working.append(responder); });
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<Client>(server->urls().constFirst()));
        QVERIFY(isServed(*clients.back()));
    }
    const Footprint before;
    Tally tally;
    int calls = 0;
    for (const auto &client : clients) {
        for (int i = 0; i < 3; ++i)
            tally.watch(this, calls++, client->call("work"));
    }
    QTRY_COMPARE(working.size(), 5);
    while (tally.total() < calls) {
        QTRY_VERIFY(!working.isEmpty() || tally.total() == calls);
        while (!working.isEmpty())
            working.takeFirst().result(1);
        QCoreApplication::processEvents();
    }
    QCOMPARE(tally.succeeded, calls);
    COMPARE_FOOTPRINT(before);
}

void tst_Closing::answersToAHalfClosedPeer_data()
{
    QTest::addColumn<int>("requests");
    QTest::addColumn<int>("padding"); // a notification of so many bytes comes first
    QTest::newRow("few") << 20 << 0;
    QTest::newRow("what is read at once") << 10 << 65536 - 10 * 10;
    QTest::newRow("more than in a turn") << 6000 << 0;
    QTest::newRow("what is read at once, and more than in a turn") << 6000 << 65536 - 60'000;
}

// It has ended its direction together with its requests, and reads on.
void tst_Closing::answersToAHalfClosedPeer()
{
    QFETCH(const int, requests);
    QFETCH(const int, padding);
    const auto server = serve();
    server->bind("pad", [](const QByteArray &) {});
    const Footprint before;
    {
        QTcpSocket peer;
        peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
        QVERIFY(peer.waitForConnected(30'000));
        QTRY_COMPARE(server->sessions().size(), 1);
        QByteArray bytes;
        if (padding > 0) {
            const auto size = quint16(padding - 10);
            bytes = QByteArray::fromHex("9302a370616491c5") + char(size >> 8) + char(size & 0xff)
                    + QByteArray(size, 'x');
        }
        peer.write(bytes + QByteArray::fromHex("940001a3616464920102").repeated(requests));
        while (peer.bytesToWrite() > 0)
            QVERIFY(peer.flush());
        ::shutdown(int(peer.socketDescriptor()), SHUT_WR);
        QTRY_COMPARE(peer.state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(peer.readAll(), QByteArray::fromHex("940101c003").repeated(requests));
    }
    QTRY_COMPARE(server->sessions().size(), 0);
    COMPARE_FOOTPRINT(before);
}

// A program may go on after its event loop was quit.
void tst_Closing::closedAfterAQuit()
{
    constexpr int Size = 20'000'000;
    const auto server = serve();
    const QUrl url = server->urls().constFirst();
    std::atomic<int> received{0};
    OtherThread other;
    std::unique_ptr<Client> client;
    const auto end = qScopeGuard([&] {
        QMetaObject::invokeMethod(
                &other.there, [&] { client.reset(); }, Qt::BlockingQueuedConnection);
    });
    QMetaObject::invokeMethod(
            &other.there,
            [&] {
                client = std::make_unique<Client>(url);
                client->bind("take",
                             [&](const QByteArray &bytes) { received = int(bytes.size()); });
                client->open();
            },
            Qt::BlockingQueuedConnection);
    QTRY_COMPARE(server->sessions().size(), 1);
    MsgpackRpc::Limits limits;
    limits.closeTime = 30s;
    server->setLimits(limits);
    server->sessions().constFirst()->setLimits(limits);
    QTimer::singleShot(0, qApp, &QCoreApplication::quit);
    QCoreApplication::exec();
    QVERIFY(server->sessions().constFirst()->notify("take", QByteArray(Size, 'x')));
    server->sessions().constFirst()->close();
    QTRY_COMPARE(received.load(), Size);
}

// A peer that has sent something, which nobody reads any more, and takes nothing: closing ends with its time.
void tst_Closing::closedBeforeItIsRead()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(theirs.serverPort())));
    MsgpackRpc::Limits limits;
    limits.closeTime = 200ms;
    client.setLimits(limits);
    client.open();
    QVERIFY(theirs.waitForNewConnection(30'000));
    QTcpSocket *const peer = theirs.nextPendingConnection();
    peer->setReadBufferSize(1);
    QTRY_COMPARE(client.state(), Client::Connected);
    QVERIFY(client.notify("take", QByteArray(20'000'000, 'x')));
    peer->write(QByteArray::fromHex("9302a1789100").repeated(1000));
    while (peer->bytesToWrite() > 0)
        QVERIFY(peer->flush());
    client.close();
    QVERIFY(client.state() != Client::Connected);
}

void tst_Closing::closedWithAnswersOnTheirWay_data()
{
    QTest::addColumn<QString>("address");
    QTest::addColumn<bool>("byTheServer");
    for (const bool byTheServer : {false, true}) {
        const char *const who = byTheServer ? "server" : "client";
        QTest::addRow("tcp, %s", who) << "tcp://127.0.0.1:0" << byTheServer;
        QTest::addRow("local, %s", who)
                << "local:" + QDir::tempPath() + "/tst_closing" << byTheServer;
        QTest::addRow("tls, %s", who) << "tls://127.0.0.1:0" << byTheServer;
    }
}

// Who closes has not read everything, and the other goes on reading: it gets everything all the same.
void tst_Closing::closedWithAnswersOnTheirWay()
{
    QFETCH(const QString, address);
    QFETCH(const bool, byTheServer);
    constexpr int Messages = 20;
    constexpr int Large = 4'000'000; // so that much of it is with the system yet
    const QByteArray unread(100'000, 'x'); // written at once
    std::optional<TestAuthority> authority;
    TestIdentity identity;
    if (address.startsWith("tls:")) {
        if (!QSslSocket::supportsSsl())
            QSKIP("Qt has no TLS backend here");
        authority.emplace();
        identity = authority->sign("server", "IP:127.0.0.1");
    }
    MsgpackRpc::Limits patient;
    patient.closeTime = 30s;
    const Footprint before;
    OtherThread thread;
    const auto inThread = [&](auto function) {
        QMetaObject::invokeMethod(&thread.there, function, Qt::BlockingQueuedConnection);
    };
    const auto mode = currentNotifierMode();
    for (int round = 0; round < 3; ++round) {
        std::unique_ptr<MsgpackRpc::Server> server;
        const auto guard = qScopeGuard([&] { inThread([&] { server.reset(); }); });
        std::atomic<int> noted = 0;
        std::atomic<qsizetype> sessions = 0;
        QList<MsgpackRpc::Responder> working;
        std::atomic<int> workingCount = 0;
        Client client;
        if (authority)
            client.setTlsConfiguration(TestIdentity().trusting(authority->certificate()));
        QUrl url;
        inThread([&] {
            server = std::make_unique<MsgpackRpc::Server>();
            server->setNotifierMode(mode);
            server->setLimits(patient);
            if (authority)
                server->setTlsConfiguration(identity.trusting(authority->certificate()));
            server->bind("add", [](int a, int b) { return a + b; });
            server->bind("size", [](const QByteArray &x) { return x.size(); });
            server->bind("note", [&](const QByteArray &) { ++noted; });
            server->bind("work", [&](MsgpackRpc::Responder responder) {
                working.append(responder);
                workingCount = int(working.size());
            });
            QObject::connect(server.get(), &Server::sessionOpened, [&] { ++sessions; });
            QObject::connect(server.get(), &Server::sessionClosed, [&] { --sessions; });
            if (server->listen(QUrl(address)))
                url = server->urls().constFirst();
        });
        QVERIFY(!url.isEmpty());
        client.setLimits(patient);
        client.setUrl(url);
        client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
        QVERIFY(isServed(client));
        if (byTheServer) {
            Tally tally;
            for (int i = 0; i < Messages; ++i)
                tally.watch(this, i, client.call("work"));
            QTRY_COMPARE(workingCount.load(), Messages);
            QSemaphore hasWritten;
            QMetaObject::invokeMethod(
                    &thread.there,
                    [&] {
                        hasWritten.acquire();
                        for (int i = 0; i < Messages; ++i)
                            working.at(i).result(QByteArray(i == Messages - 1 ? Large : 10, 'x'));
                        working.clear();
                        server.reset();
                    },
                    Qt::QueuedConnection);
            const bool isWritten = client.notify("size", unread);
            hasWritten.release();
            QVERIFY(isWritten);
            QTRY_COMPARE_WITH_TIMEOUT(tally.total(), Messages, 30'000);
            QCOMPARE(tally.succeeded, Messages);
        } else {
            inThread([&] { server->notifyAll("changed", unread); });
            for (int i = 0; i < Messages; ++i)
                QVERIFY(client.notify("note", QByteArray(i == Messages - 1 ? Large : 10, 'x')));
            client.close();
            QTRY_COMPARE_WITH_TIMEOUT(sessions.load(), 0, 30'000);
            QCOMPARE(noted.load(), Messages);
        }
    }
    thread.end();
    COMPARE_FOOTPRINT(before);
}

QTEST_GUILESS_MAIN(tst_Closing)
#include "tst_closing.moc"
