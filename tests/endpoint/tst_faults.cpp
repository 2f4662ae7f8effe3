// SPDX-License-Identifier: Apache-2.0

// What can happen to a peer and to the way to it: each call ends once, and memory and descriptors are back where they were.
#include "cuttingproxy.h"
#include "footprint.h"
#include "peerprocess.h"
#include "processes.h"
#include "rawsocket.h"
#include "roads.h"
#include "tally.h"
#include "unreadcalls.h"
#include "unreliableproxy.h"

#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QLoggingCategory>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <vector>

using namespace std::chrono_literals;
using Client = RoadClient;
using Server = RoadServer;
using MsgpackRpc::Error;

namespace {

/// The program testpeer on the row's road.
class RoadPeer : public PeerProcess
{
public:
    explicit RoadPeer(const QUrl &url = freshUrl())
        : PeerProcess(url.toString(),
                      currentRoad() == Road::Tls ? RoadWorks::instance().identityFile() : QString())
    {
    }
};

bool isServed(Client &client)
{
    auto reply = client.call<int>("add", 1, 2);
    return reply.waitForFinished(30s) && !reply.error() && reply.result() == 3;
}

} // namespace

class tst_Faults : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addRoads(); }
    void initTestCase();
    void killedPeer();
    void stoppedPeer();
    void halfClosedByTheClient();
    void halfClosedByTheServer();
    void resetByTheClientAtEachByte();
    void resetByTheServerAtEachByte();
    void cutWithinARecord();
    void oneByteASecond();
    void answerOfOneByteASecond();
    void serverThatReadsNothing();
    void callsThatEndUnread_data();
    void callsThatEndUnread();
    void clientThatReadsNothing();
    void floodOfConnections();
    void floodOfNotifications();
    void floodOfUnknownMethods();
    void clockJumps();
    void restartsUnderLoad();
    void slowNetwork();
    void brokenNetwork();

private:
    std::unique_ptr<Server> serve();
    void runThrough(UnreliableProxy::Faults faults, bool mayFail);
};

void tst_Faults::initTestCase()
{
    // The peers that are lost are the point; each would be told, some ten thousand times.
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*=false"));
    qputenv("QT_LOGGING_RULES", "msgpackrpc.*=false");
}

std::unique_ptr<Server> tst_Faults::serve()
{
    auto server = std::make_unique<Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    server->bind("size", [](const QByteArray &x) { return x.size(); });
    if (!server->listen())
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

// SIGKILL, with calls that are answered, that are not, and that are not written yet.
void tst_Faults::killedPeer()
{
    const Footprint before;
    for (int cycle = 0; cycle < 10; ++cycle) {
        RoadPeer peer;
        Client client(peer.url());
        client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
        QVERIFY(isServed(client));
        Tally tally;
        int calls = 0;
        for (; calls < 1000; ++calls)
            tally.watch(this, calls,
                        calls % 2 == 0 ? client.call("add", 1, 2) : client.call("hang"));
        QTRY_COMPARE(client.bytesToWrite(), 0);
        peer.kill();
        for (; calls < 1100; ++calls)
            tally.watch(this, calls, client.call("add", 1, 2));
        QTRY_COMPARE(tally.total(), calls);
        QVERIFY(tally.eachOnce(calls));
        QVERIFY(tally.failed.value(Error::ConnectionLost) >= 500);
        QCOMPARE(tally.succeeded + tally.failed.value(Error::ConnectionLost)
                         + tally.failed.value(Error::ConnectFailed),
                 calls);
        QCOMPARE(client.pendingCalls(), 0);
    }
    COMPARE_FOOTPRINT(before);
}

// SIGSTOP: the calls time out. SIGCONT: what it answers then is for nobody, and it serves on.
void tst_Faults::stoppedPeer()
{
    RoadPeer peer;
    Client client(peer.url());
    QVERIFY(isServed(client));
    const Footprint before;
    client.setTimeout(100ms);
    peer.signal(SIGSTOP);
    Tally tally;
    for (int i = 0; i < 1000; ++i)
        tally.watch(this, i, client.call("add", i, 1));
    QTRY_COMPARE(tally.total(), 1000);
    QCOMPARE(tally.failed.value(Error::Timeout), 1000);
    peer.signal(SIGCONT);
    client.setTimeout(30s);
    QVERIFY(isServed(client));
    QVERIFY(tally.eachOnce(1000));
    QCOMPARE(client.pendingCalls(), 0);
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::halfClosedByTheClient()
{
    const auto server = serve();
    QList<MsgpackRpc::Responder> working;
    server->bind("work", [&](MsgpackRpc::Responder responder) { working.append(responder); });
    Client healthy(server->url());
    QVERIFY(isServed(healthy));
    const Footprint before;
    {
        RawSocket peer(server->url());
        QVERIFY(peer.isConnected());
        peer.write(QByteArray::fromHex("940001a4776f726b90"));
        QTRY_COMPARE(working.size(), 1);
        peer.halfClose();
        QTRY_VERIFY(working.constFirst().isCanceled());
        working.takeFirst().result(1); // for nobody
        QTRY_VERIFY(peer.isClosed());
    }
    QTRY_COMPARE(server->sessions().size(), 1);
    QVERIFY(isServed(healthy));
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::halfClosedByTheServer()
{
    const Footprint before;
    {
        RawServer raw;
        Client client(raw.url());
        Tally tally;
        for (int i = 0; i < 100; ++i)
            tally.watch(this, i, client.call("add", i, 1));
        const auto peer = raw.next();
        QVERIFY(peer);
        QTRY_COMPARE(client.bytesToWrite(), 0);
        peer->halfClose();
        QTRY_COMPARE(tally.failed.value(Error::ConnectionLost), 100);
        QVERIFY(tally.eachOnce(100));
        QTRY_VERIFY(peer->isClosed());
    }
    COMPARE_FOOTPRINT(before);
}

// Both within the header and within a body of several pieces.
void tst_Faults::resetByTheClientAtEachByte()
{
    const auto server = serve();
    Client healthy(server->url());
    QVERIFY(isServed(healthy));
    QSignalSpy opened(server.get(), &MsgpackRpc::Server::sessionOpened);
    QSignalSpy closed(server.get(), &MsgpackRpc::Server::sessionClosed);
    const Footprint before;
    const QByteArray message =
            QByteArray::fromHex("9400cd0100d90473697a65dc0001c50020") + QByteArray(32, 'x');
    for (qsizetype size = 0; size <= message.size(); ++size) {
        RawSocket peer(server->url());
        QVERIFY(peer.isConnected());
        if (currentRoad() == Road::Tls) // or it might be the handshake that is cut
            QTRY_COMPARE(opened.size(), size + 1);
        peer.write(message.first(size));
        peer.reset();
        QTRY_COMPARE(closed.size(), size + 1);
    }
    QVERIFY(isServed(healthy));
    QCOMPARE(server->sessions().size(), 1);
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::resetByTheServerAtEachByte()
{
    const Footprint before;
    const QByteArray answer = QByteArray::fromHex("9401cd0100c0c50020") + QByteArray(32, 'x');
    auto raw = std::make_unique<RawServer>();
    for (qsizetype size = 0; size <= answer.size(); ++size) {
        Client client(raw->url());
        client.setNextMsgid(256);
        Tally tally;
        tally.watch(this, 0, client.call("bytes"));
        tally.watch(this, 1, client.call("bytes"));
        const auto peer = raw->next();
        QVERIFY(peer);
        QTRY_VERIFY(peer->bytesAvailable() >= 24);
        peer->readAll();
        peer->write(answer.first(size));
        peer->reset();
        QTRY_COMPARE(tally.total(), 2);
        QVERIFY(tally.succeeded <= (size == answer.size() ? 1 : 0));
        QCOMPARE(tally.failed.value(Error::ConnectionLost), 2 - tally.succeeded);
        QVERIFY(tally.eachOnce(2));
        QCOMPARE(client.pendingCalls(), 0);
    }
    raw.reset();
    COMPARE_FOOTPRINT(before);
}

// Within the records of TLS, in each direction.
void tst_Faults::cutWithinARecord()
{
    if (currentRoad() != Road::Tls)
        QSKIP("only TLS has records");
    const auto server = serve();
    Client healthy(server->url());
    QVERIFY(isServed(healthy));
    const Footprint before;
    {
        CuttingProxy proxy(server->url());
        for (const auto direction : {CuttingProxy::ToServer, CuttingProxy::ToClient}) {
            bool wasCut = true;
            for (int bytes = 0; wasCut; ++bytes) {
                Client client(proxy.url());
                client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
                QVERIFY(isServed(client)); // after the handshake, and the tickets of the server
                proxy.cutAfter(bytes, direction);
                Tally tally;
                tally.watch(this, 0, client.call("add", bytes, 1));
                QTRY_COMPARE(tally.total(), 1);
                wasCut = proxy.hasCut();
                QCOMPARE(tally.succeeded, wasCut ? 0 : 1);
                QCOMPARE(tally.failed.value(Error::ConnectionLost), wasCut ? 1 : 0);
                QVERIFY(tally.eachOnce(1));
                QVERIFY(bytes < 200);
            }
        }
    }
    QTRY_COMPARE(server->sessions().size(), 1);
    QVERIFY(isServed(healthy));
    COMPARE_FOOTPRINT(before);
}

// The same of a server: its client does not wait for the rest.
void tst_Faults::answerOfOneByteASecond()
{
    MsgpackRpc::Testing::Clock clock;
    const Footprint before;
    {
        RawServer raw;
        Client client(raw.url());
        client.setNextMsgid(1);
        client.setTimeout(-1ms);
        Tally tally;
        tally.watch(this, 0, client.call("bytes"));
        tally.watch(this, 1, client.call("bytes"));
        const auto peer = raw.next();
        QVERIFY(peer);
        QTRY_VERIFY(peer->bytesAvailable() >= 20);
        peer->write(QByteArray::fromHex("940101c0c503e8"));
        const auto began = clock.elapsed();
        for (int seconds = 0; tally.total() < 2 && seconds < 200; ++seconds) {
            peer->write("x");
            QCoreApplication::processEvents();
            QTRY_VERIFY(peer->isWritten() || peer->isClosed());
            clock.advance(1s);
        }
        QTRY_COMPARE(tally.total(), 2);
        QCOMPARE(tally.succeeded, 0);
        QVERIFY(tally.eachOnce(2));
        QVERIFY(clock.elapsed() - began >= 30s);
        QVERIFY(clock.elapsed() - began <= 62s);
    }
    COMPARE_FOOTPRINT(before);
}

// A message that is half received for longer than the limit ends its connection, however alive its sender is.
void tst_Faults::oneByteASecond()
{
    MsgpackRpc::Testing::Clock clock;
    const Footprint before;
    auto server = serve();
    RawSocket peer(server->url());
    QTRY_COMPARE(server->sessions().size(), 1);
    // A request of 20 bytes comes through.
    const QByteArray request = QByteArray::fromHex("940001a473697a6591c408") + QByteArray(8, 'x');
    for (const char byte : request) {
        peer.write(QByteArray(1, byte));
        QCoreApplication::processEvents();
        QTRY_VERIFY(peer.isWritten());
        clock.advance(1s);
    }
    QTRY_VERIFY(peer.bytesAvailable() > 0);
    QCOMPARE(peer.readAll(), QByteArray::fromHex("940101c008"));
    // One of 1 000 does not.
    peer.write(QByteArray::fromHex("940001a473697a6591c503e8"));
    int seconds = 0;
    const auto began = clock.elapsed();
    while (!server->sessions().isEmpty() && seconds < 200) {
        peer.write("x");
        QCoreApplication::processEvents();
        QTRY_VERIFY(peer.isWritten() || peer.isClosed());
        clock.advance(1s);
        ++seconds;
    }
    QVERIFY(server->sessions().isEmpty());
    QVERIFY(clock.elapsed() - began >= 30s);
    QVERIFY(clock.elapsed() - began <= 62s);
    peer.reset();
    server.reset();
    COMPARE_FOOTPRINT(before);
}

// What waits for it is bounded, who goes on gets an error at once, and all of it is given back.
void tst_Faults::serverThatReadsNothing()
{
    const Footprint before;
    {
        RawServer raw;
        raw.readNothing();
        Client client(raw.url());
        callUnread(client, "size");
    }
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::callsThatEndUnread_data()
{
    QTest::addColumn<bool>("isCancelled");
    QTest::addColumn<qsizetype>("size");
    for (const qsizetype size : {30'000, 1024 * 1024}) {
        QTest::addRow("cancelled, %lld bytes", qlonglong(size)) << true << size;
        QTest::addRow("late, %lld bytes", qlonglong(size)) << false << size;
    }
}

// Calls that end before they are sent do not stay in memory until a server that reads nothing reads on.
void tst_Faults::callsThatEndUnread()
{
    QFETCH(const bool, isCancelled);
    QFETCH(const qsizetype, size);
    RawServer raw;
    raw.readNothing();
    MsgpackRpc::Testing::Clock clock;
    Client client(raw.url());
    client.open();
    QTRY_COMPARE(client.state(), Client::Connected);
    MsgpackRpc::Limits limits;
    limits.queuedBytes = 16 * 1024 * 1024;
    client.setLimits(limits);
    client.setTimeout(100ms);
    Tally tally;
    int calls = 0;
    const auto stays = client.withTimeout(-1ms).call("size", QByteArray(10 * 1024 * 1024, 'x'));
    const Footprint before;
    qint64 most = 0;
    for (qsizetype bytes = 0; bytes < 256 * 1024 * 1024;) {
        std::vector<MsgpackRpc::PendingReply<QVariant>> batch;
        for (qsizetype end = bytes + limits.queuedBytes / 4; bytes < end; bytes += size) {
            batch.push_back(client.call("size", QByteArray(size, 'y')));
            tally.watch(this, calls++, batch.back());
        }
        QCoreApplication::processEvents();
        most = qMax(most, before.grown());
        if (isCancelled) {
            for (auto &call : batch)
                call.cancel();
        } else {
            clock.advance(150ms);
        }
        QTRY_COMPARE(tally.total(), calls);
    }
    QCOMPARE(tally.failed.value(isCancelled ? Error::Canceled : Error::Timeout), calls);
    QVERIFY(!stays.isFinished());
    QVERIFY2(most < 4 * limits.queuedBytes * Processes::SanitizerFactor,
             qPrintable(QString::number(most)));
}

// Its requests are not read from some point on, and all that waits for it is given back.
void tst_Faults::clientThatReadsNothing()
{
    const auto server = serve();
    MsgpackRpc::Limits limits;
    limits.queuedBytes = 8 * 1024 * 1024;
    server->setLimits(limits);
    int made = 0;
    server->bind("large", [&] {
        ++made;
        return QByteArray(512 * 1024, 'x');
    });
    Client healthy(server->url());
    QVERIFY(isServed(healthy));
    const Footprint before;
    constexpr int Requests = 500;
    {
        RawSocket peer(server->url());
        peer.readNothing();
        for (int i = 0; i < Requests; ++i)
            peer.write(QByteArray::fromHex("940001a56c6172676590"));
        QTRY_VERIFY(made >= 2);
        int last = -1; // until no more are
        QTRY_VERIFY(std::exchange(last, made) == made);
        QVERIFY2(made < Requests / 2, qPrintable(QString::number(made)));
        QVERIFY(isServed(healthy));
        peer.reset();
    }
    QTRY_COMPARE(server->sessions().size(), 1);
    QVERIFY(isServed(healthy));
    COMPARE_FOOTPRINT(before);
}

// More at a time than the server takes, and more in all than there are descriptors.
void tst_Faults::floodOfConnections()
{
    RoadPeer peer;
    Client healthy(peer.url());
    QVERIFY(isServed(healthy));
    const Footprint before(peer.processId());
    constexpr int AtATime = 550; // some more than are taken, and no more than the system lets wait
    constexpr int Rounds = 19;
    int connected = 0;
    for (int round = 0; round < Rounds; ++round) {
        std::vector<RawSocket> flood;
        for (int i = 0; i < AtATime; ++i) {
            flood.emplace_back(peer.url(), i >= 20); // most without a handshake
            connected += flood.back().isConnected() ? 1 : 0;
            if (i % 3 == 0)
                flood.back().write("\x94"); // the beginning of a message
            if (i % 25 == 0) // so that those who wait are taken meanwhile
                QVERIFY(isServed(healthy));
        }
        QVERIFY(isServed(healthy));
        QVERIFY(Processes::descriptors(peer.processId()) < 600);
    }
    QCOMPARE(connected, AtATime * Rounds);
    QVERIFY(isServed(healthy));
    Client another(peer.url());
    QVERIFY(isServed(another));
    another.close();
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::floodOfNotifications()
{
    RoadPeer peer;
    Client client(peer.url());
    Client healthy(peer.url());
    QVERIFY(isServed(client) && isServed(healthy));
    const Footprint before;
    const Footprint peerBefore(peer.processId());
    constexpr int Notifications = 100'000;
    for (int i = 0; i < Notifications; ++i)
        QVERIFY(client.notify("poke"));
    QVERIFY(isServed(healthy));
    QVERIFY(isServed(client)); // behind all of them
    COMPARE_FOOTPRINT(before);
    COMPARE_FOOTPRINT(peerBefore);
}

void tst_Faults::floodOfUnknownMethods()
{
    RoadPeer peer;
    Client client(peer.url());
    Client healthy(peer.url());
    QVERIFY(isServed(client) && isServed(healthy));
    const Footprint before;
    const Footprint peerBefore(peer.processId());
    constexpr int Calls = 50'000;
    {
        Tally tally;
        for (int i = 0; i < Calls; ++i) {
            tally.watch(this, i, client.call("unknown", i));
            client.notify("unknown too", i);
        }
        QVERIFY(isServed(healthy));
        QTRY_COMPARE_WITH_TIMEOUT(tally.total(), Calls, 60'000);
        QCOMPARE(tally.failed.value(Error::RemoteError), Calls);
        QVERIFY(tally.eachOnce(Calls));
    }
    COMPARE_FOOTPRINT(before);
    COMPARE_FOOTPRINT(peerBefore);
}

// The clock goes far forward, as after a suspended machine wakes: what has its time ends, nothing else does.
void tst_Faults::clockJumps()
{
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve();
    MsgpackRpc::Limits limits;
    limits.idleTime = -1ms; // the one thing that has its time otherwise
    server->setLimits(limits);
    QList<MsgpackRpc::Responder> working;
    server->bind("work", [&](MsgpackRpc::Responder responder) { working.append(responder); });
    Client client(server->url());
    QVERIFY(isServed(client));
    const Footprint before;
    int calls = 0;
    Tally tally;
    for (const auto jump : {std::chrono::milliseconds(24h), std::chrono::milliseconds(24h * 50),
                            std::chrono::milliseconds(24h * 3650)}) {
        tally.watch(this, calls++, client.call("work"));
        tally.watch(this, calls++, client.withTimeout(-1ms).call("work"));
        QTRY_COMPARE(working.size(), calls);
        clock.advance(jump);
        QTRY_COMPARE(tally.failed.value(Error::Timeout), calls / 2);
        QCOMPARE(tally.total(), calls / 2);
        QCOMPARE(client.state(), Client::Connected);
        QVERIFY(isServed(client));
    }
    for (const MsgpackRpc::Responder &responder : std::as_const(working))
        responder.result(1);
    QTRY_COMPARE(tally.succeeded, calls / 2);
    QVERIFY(tally.eachOnce(calls));
    // To the end of all time: what is called then has none left, or is answered first.
    clock.advance(std::chrono::milliseconds::max());
    QCOMPARE(client.state(), Client::Connected);
    tally.watch(this, calls++, client.call("add", 1, 2));
    QTRY_COMPARE(tally.total(), calls);
    QVERIFY(tally.eachOnce(calls));
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::restartsUnderLoad()
{
    constexpr int Cycles = 50;
    constexpr int Calls = 100;
    auto peer = std::make_unique<RoadPeer>();
    const QUrl url = peer->url();
    Client client(url);
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 1000;
    reconnect.initialDelay = 1ms;
    reconnect.maximumDelay = 10ms;
    client.setReconnect(reconnect);
    QVERIFY(isServed(client));
    const Footprint before;
    {
        Tally tally;
        int calls = 0;
        for (int cycle = 0; cycle < Cycles; ++cycle) {
            calls = tally.watchMany(this, client, calls, Calls);
            QTRY_COMPARE(client.bytesToWrite(), 0);
            peer->kill();
            for (int i = 0; i < Calls; ++i, ++calls) // the loss may be known by now, or not
                tally.watch(this, calls, client.call("add", i, cycle));
            peer = std::make_unique<RoadPeer>(url);
            QCOMPARE(peer->url(), url);
            QTRY_VERIFY(isServed(client)); // over another connection, once the loss is known
            QTRY_COMPARE(tally.total(), calls);
        }
        QVERIFY(tally.eachOnce(calls));
        QCOMPARE(tally.succeeded + tally.failed.value(Error::ConnectionLost), calls);
        QVERIFY(tally.failed.value(Error::ConnectionLost) >= Cycles * Calls / 2);
        QCOMPARE(client.pendingCalls(), 0);
    }
    COMPARE_FOOTPRINT(before);
}

// Calls through a proxy, for MSGPACKRPC_FAULT_SECONDS (2 unless it is set; MSGPACKRPC_FAULT_SEED repeats a run).
void tst_Faults::runThrough(UnreliableProxy::Faults faults, bool mayFail)
{
    bool isSet = false;
    quint32 seed = qEnvironmentVariable("MSGPACKRPC_FAULT_SEED").toUInt(&isSet);
    if (!isSet)
        seed = QRandomGenerator::system()->generate();
    const int seconds = qMax(2, qEnvironmentVariableIntValue("MSGPACKRPC_FAULT_SECONDS"));
    qInfo("seed %u, %d s", seed, seconds);

    const auto server = serve();
    server->bind("echo", [](const QByteArray &x) { return x; });
    Client healthy(server->url());
    QVERIFY(isServed(healthy));
    const Footprint before;
    {
        UnreliableProxy proxy(server->url(), seed, faults, RoadWorks::instance().newPath());
        Client client(proxy.url());
        client.setTimeout(mayFail ? 500ms : 120s);
        QRandomGenerator random(seed);
        int calls = 0;
        int ended = 0;
        int right = 0;
        std::vector<quint8> times;
        QElapsedTimer timer;
        timer.start();
        // A slow machine gets the time that it needs for a result, and for one fault of each kind.
        const auto goesOn = [&] {
            const UnreliableProxy::Faults done = proxy.faultsDone();
            const bool hasAll = done.dropped > 0 && done.changed > 0 && done.reset > 0 && right > 0;
            return timer.elapsed() < seconds * 1000
                   || (mayFail && !hasAll && timer.elapsed() < seconds * 1000 + 60'000);
        };
        while (goesOn() || ended < calls) {
            while (calls - ended < 20 && goesOn()) {
                const QByteArray sent(int(random.bounded(random.bounded(10) == 0 ? 50'000 : 100)),
                                      char('a' + calls % 26));
                const auto option =
                        calls % 3 == 0
                                ? MsgpackRpc::TransportOption(MsgpackRpc::TransportOption::Deflate)
                                : MsgpackRpc::TransportOption();
                const auto number = size_t(calls++);
                times.push_back(0);
                client.over(option)
                        .call<QByteArray>("echo", sent)
                        .then(this,
                              [&, number, sent](const QByteArray &received) {
                                  ++ended;
                                  ++times[number];
                                  right += sent == received ? 1 : 0;
                              })
                        .onError(this, [&, number](const Error &error) {
                            ++ended;
                            ++times[number];
                            QVERIFY2(mayFail, qPrintable(error.message()));
                        });
            }
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 100);
            QVERIFY2(timer.elapsed() < seconds * 1000 + 150'000, "a call does not end");
        }
        QVERIFY(std::all_of(times.cbegin(), times.cend(), [](quint8 count) { return count == 1; }));
        QVERIFY2(right > 0 && (mayFail || right == calls), qPrintable(QString::number(right)));
        const UnreliableProxy::Faults done = proxy.faultsDone();
        QCOMPARE(done.total() > 0, mayFail);
        QCOMPARE(client.pendingCalls(), 0);
        qInfo("%d calls, %d of them with their result; %d bytes dropped, %d changed, %d resets",
              calls, right, done.dropped, done.changed, done.reset);
        // Where the network is better again, it is served.
        proxy.doNoMore();
        QTRY_VERIFY(isServed(client));
    }
    QTRY_COMPARE(server->sessions().size(), 1);
    QVERIFY(isServed(healthy));
    COMPARE_FOOTPRINT(before);
}

void tst_Faults::slowNetwork()
{
    runThrough({}, false);
}

void tst_Faults::brokenNetwork()
{
    runThrough({3, 3, 2}, true);
}

QTEST_GUILESS_MAIN(tst_Faults)
#include "tst_faults.moc"
