// SPDX-License-Identifier: Apache-2.0

// What can happen to a peer and to the way to it: each call ends once, and memory and descriptors are back where they were.
#include "notifiermodes.h"
#include "peerprocess.h"
#include "processes.h"
#include "tally.h"
#include "unreliableproxy.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QLoggingCategory>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <sys/socket.h>

#include <vector>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;

namespace {

// What may be kept for later, by the library and by the system's allocator.
constexpr qint64 MostKept = 48 * 1024 * 1024 * Processes::SanitizerFactor;

/// A process as it was, to be compared with what it becomes.
class Footprint
{
public:
    explicit Footprint(qint64 process = QCoreApplication::applicationPid())
        : m_process(process),
          m_descriptors(Processes::descriptors(process)),
          m_memory(Processes::residentBytes(process))
    {
    }
    bool hasItsDescriptors() const { return Processes::descriptors(m_process) <= m_descriptors; }
    qint64 grown() const { return Processes::residentBytes(m_process) - m_memory; }

private:
    qint64 m_process;
    qsizetype m_descriptors;
    qint64 m_memory;
};

#define COMPARE_FOOTPRINT(footprint) \
    do { \
        QTRY_VERIFY((footprint).hasItsDescriptors()); \
        QVERIFY2((footprint).grown() < MostKept, \
                 qPrintable(QString::number((footprint).grown()))); \
    } while (false)

/// Ends the connection as a crash of the machine does.
void reset(QTcpSocket &socket)
{
    const linger atOnce = {1, 0};
    setsockopt(int(socket.socketDescriptor()), SOL_SOCKET, SO_LINGER, &atOnce, sizeof atOnce);
    socket.abort();
}

void connectTo(QTcpSocket &socket, const QUrl &url)
{
    socket.connectToHost(QHostAddress::LocalHost, quint16(url.port()));
    QVERIFY(socket.waitForConnected(10'000));
}

QUrl urlOf(const QTcpServer &server)
{
    return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(server.serverPort()));
}

/// Takes what a client sends and answers what it is told to.
struct RawServer
{
    RawServer() { listener.listen(QHostAddress::LocalHost); }
    QTcpSocket *next()
    {
        if (!listener.hasPendingConnections())
            listener.waitForNewConnection(10'000);
        return listener.nextPendingConnection();
    }
    QTcpServer listener;
};

bool isServed(Client &client)
{
    auto reply = client.call<int>("add", 1, 2);
    return reply.waitForFinished(20s) && !reply.error() && reply.result() == 3;
}

} // namespace

class tst_Faults : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void initTestCase();
    void killedPeer();
    void stoppedPeer();
    void halfClosedByTheClient();
    void halfClosedByTheServer();
    void resetByTheClientAtEachByte();
    void resetByTheServerAtEachByte();
    void oneByteASecond();
    void serverThatReadsNothing();
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
    if (!server->listen(QUrl("tcp://127.0.0.1:0")))
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

// SIGKILL, with calls that are answered, that are not, and that are not written yet.
void tst_Faults::killedPeer()
{
    const Footprint before;
    for (int cycle = 0; cycle < 10; ++cycle) {
        PeerProcess peer;
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
    PeerProcess peer;
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
    client.setTimeout(20s);
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
    Client healthy(server->urls().constFirst());
    QVERIFY(isServed(healthy));
    const Footprint before;
    {
        QTcpSocket peer;
        connectTo(peer, server->urls().constFirst());
        peer.write(QByteArray::fromHex("940001a4776f726b90"));
        QTRY_COMPARE(working.size(), 1);
        ::shutdown(int(peer.socketDescriptor()), SHUT_WR);
        QTRY_VERIFY(working.constFirst().isCanceled());
        working.takeFirst().result(1); // for nobody
        QTRY_COMPARE(peer.state(), QAbstractSocket::UnconnectedState);
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
        Client client(urlOf(raw.listener));
        Tally tally;
        for (int i = 0; i < 100; ++i)
            tally.watch(this, i, client.call("add", i, 1));
        QTRY_COMPARE(client.bytesToWrite(), 0);
        const std::unique_ptr<QTcpSocket> peer(raw.next());
        ::shutdown(int(peer->socketDescriptor()), SHUT_WR);
        QTRY_COMPARE(tally.failed.value(Error::ConnectionLost), 100);
        QVERIFY(tally.eachOnce(100));
        QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    }
    COMPARE_FOOTPRINT(before);
}

// Both within the header and within a body of several pieces.
void tst_Faults::resetByTheClientAtEachByte()
{
    const auto server = serve();
    Client healthy(server->urls().constFirst());
    QVERIFY(isServed(healthy));
    QSignalSpy closed(server.get(), &MsgpackRpc::Server::sessionClosed);
    const Footprint before;
    const QByteArray message =
            QByteArray::fromHex("9400cd0100d90473697a65dc0001c50020") + QByteArray(32, 'x');
    for (qsizetype size = 0; size <= message.size(); ++size) {
        QTcpSocket peer;
        connectTo(peer, server->urls().constFirst());
        peer.write(message.first(size));
        peer.flush();
        reset(peer);
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
    RawServer raw;
    for (qsizetype size = 0; size <= answer.size(); ++size) {
        Client client(urlOf(raw.listener));
        client.setNextMsgid(256);
        Tally tally;
        tally.watch(this, 0, client.call("bytes"));
        tally.watch(this, 1, client.call("bytes"));
        QTRY_VERIFY(raw.listener.hasPendingConnections() && client.bytesToWrite() == 0);
        const std::unique_ptr<QTcpSocket> peer(raw.next());
        QTRY_VERIFY(peer->bytesAvailable() >= 24);
        peer->readAll();
        peer->write(answer.first(size));
        peer->flush();
        reset(*peer);
        QTRY_COMPARE(tally.total(), 2);
        QVERIFY(tally.succeeded <= (size == answer.size() ? 1 : 0));
        QCOMPARE(tally.failed.value(Error::ConnectionLost), 2 - tally.succeeded);
        QVERIFY(tally.eachOnce(2));
        QCOMPARE(client.pendingCalls(), 0);
    }
    raw.listener.close();
    COMPARE_FOOTPRINT(before);
}

// A message that is half received for longer than the limit ends its connection, however alive its sender is.
void tst_Faults::oneByteASecond()
{
    MsgpackRpc::Testing::Clock clock;
    const Footprint before;
    auto server = serve();
    QTcpSocket peer;
    connectTo(peer, server->urls().constFirst());
    QTRY_COMPARE(server->sessions().size(), 1);
    // A request of 20 bytes comes through.
    const QByteArray request = QByteArray::fromHex("940001a473697a6591c408") + QByteArray(8, 'x');
    for (const char byte : request) {
        peer.write(&byte, 1);
        QTRY_COMPARE(peer.bytesToWrite(), 0);
        clock.advance(1s);
    }
    QTRY_VERIFY(peer.bytesAvailable() > 0);
    QCOMPARE(peer.readAll(), QByteArray::fromHex("940101c008"));
    // One of 1 000 does not.
    peer.write(QByteArray::fromHex("940001a473697a6591c503e8"));
    int seconds = 0;
    const auto began = clock.elapsed();
    while (!server->sessions().isEmpty() && seconds < 200) {
        peer.write("x", 1);
        QTRY_COMPARE(peer.bytesToWrite(), 0);
        clock.advance(1s);
        ++seconds;
    }
    QVERIFY(server->sessions().isEmpty());
    QVERIFY(clock.elapsed() - began >= 30s);
    QVERIFY(clock.elapsed() - began <= 62s);
    peer.abort();
    server.reset();
    COMPARE_FOOTPRINT(before);
}

// What waits for it is bounded, who goes on gets an error at once, and all of it is given back.
void tst_Faults::serverThatReadsNothing()
{
    const Footprint before;
    {
        RawServer raw;
        raw.listener.pauseAccepting(); // or QTcpServer's sockets would read
        Client client(urlOf(raw.listener));
        MsgpackRpc::Limits limits;
        limits.queuedBytes = 8 * 1024 * 1024;
        client.setLimits(limits);
        Tally tally;
        constexpr int Calls = 100;
        for (int i = 0; i < Calls; ++i) {
            tally.watch(this, i, client.call("size", QByteArray(512 * 1024, 'x')));
            QCoreApplication::processEvents();
        }
        QTRY_VERIFY(tally.failed.value(Error::LimitExceeded) > 0);
        QVERIFY(client.bytesToWrite() <= limits.queuedBytes + 1024 * 1024);
        QVERIFY(tally.total() < Calls);
        client.close();
        QTRY_COMPARE(tally.total(), Calls);
        QCOMPARE(tally.failed.value(Error::LimitExceeded) + tally.failed.value(Error::Canceled),
                 Calls);
        QVERIFY(tally.eachOnce(Calls));
    }
    COMPARE_FOOTPRINT(before);
}

// More at a time than the server takes, and more in all than there are descriptors.
void tst_Faults::floodOfConnections()
{
    PeerProcess peer;
    Client healthy(peer.url());
    QVERIFY(isServed(healthy));
    const Footprint before(peer.processId());
    constexpr int AtATime = 550; // some more than are taken, and no more than the system lets wait
    constexpr int Rounds = 19;
    int connected = 0;
    for (int round = 0; round < Rounds; ++round) {
        std::vector<std::unique_ptr<QTcpSocket>> flood;
        for (int i = 0; i < AtATime; ++i) {
            flood.push_back(std::make_unique<QTcpSocket>());
            flood.back()->connectToHost(QHostAddress::LocalHost, quint16(peer.url().port()));
            connected += flood.back()->waitForConnected(20'000) ? 1 : 0;
            if (i % 3 == 0)
                flood.back()->write("\x94", 1); // the beginning of a message
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
    PeerProcess peer;
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
    PeerProcess peer;
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
    Client client(server->urls().constFirst());
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
    auto peer = std::make_unique<PeerProcess>();
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
            for (int i = 0; i < Calls; ++i, ++calls)
                tally.watch(this, calls,
                            i % 2 == 0 ? client.call("add", i, cycle) : client.call("hang"));
            QTRY_COMPARE(client.bytesToWrite(), 0);
            peer->kill();
            for (int i = 0; i < Calls; ++i, ++calls) // the loss may be known by now, or not
                tally.watch(this, calls, client.call("add", i, cycle));
            peer = std::make_unique<PeerProcess>(url.toString());
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
    Client healthy(server->urls().constFirst());
    QVERIFY(isServed(healthy));
    const Footprint before;
    {
        UnreliableProxy proxy(server->urls().constFirst(), seed, faults);
        Client client(proxy.url());
        client.setTimeout(mayFail ? 500ms : 60s);
        QRandomGenerator random(seed);
        int calls = 0;
        int ended = 0;
        int right = 0;
        std::vector<quint8> times;
        QElapsedTimer timer;
        timer.start();
        while (timer.elapsed() < seconds * 1000 || ended < calls) {
            while (calls - ended < 20 && timer.elapsed() < seconds * 1000) {
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
            QVERIFY2(timer.elapsed() < seconds * 1000 + 60'000, "a call does not end");
        }
        QVERIFY(std::all_of(times.cbegin(), times.cend(), [](quint8 count) { return count == 1; }));
        QVERIFY2(right > 0 && (mayFail || right == calls), qPrintable(QString::number(right)));
        QCOMPARE(proxy.faultsDone() > 0, mayFail);
        QCOMPARE(client.pendingCalls(), 0);
        qInfo("%d calls, %d of them with their result, %d faults", calls, right,
              proxy.faultsDone());
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
