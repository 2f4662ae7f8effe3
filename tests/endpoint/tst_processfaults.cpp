// SPDX-License-Identifier: Apache-2.0

// What can happen to a child and to its standard streams: each call ends once, and memory, descriptors and processes are
// back where they were.
#include "footprint.h"
#include "tally.h"
#include "unreadcalls.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QLoggingCategory>
#include <QtCore/QRandomGenerator>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <csignal>
#include <optional>
#include <sys/wait.h>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;

class tst_ProcessFaults : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init() { m_before.emplace(); }
    void cleanup();
    void killedUnderLoad();
    void stopped();
    void closedWhileStopped();
    void closesOneStream_data();
    void closesOneStream();
    void exitsAtEachByte();
    void oneByteAtATime();
    void readsNothing();
    void floodOfNotifications();
    void floodOfUnknownMethods();
    void garbage_data();
    void garbage();
    void babble();
    void restartsUnderLoad();
    void parentKilled_data();
    void parentKilled();

private:
    std::optional<Footprint> m_before;
};

namespace {

const QString program = QStringLiteral(TESTCHILD);

bool hasChildren()
{
    siginfo_t info;
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// Also one that nobody has asked how it has ended: where init does not, as in some containers.
bool hasEnded(qint64 process)
{
    QFile status(QStringLiteral("/proc/%1/stat").arg(process));
    if (!status.open(QIODevice::ReadOnly))
        return ::kill(pid_t(process), 0) != 0 && errno == ESRCH;
    const QByteArray text = status.readAll();
    return text.isEmpty() || text.mid(text.lastIndexOf(')') + 2, 1) == "Z";
}

bool isServed(Client &client)
{
    auto reply = client.call<int>("add", 1, 2);
    return reply.waitForFinished(30s) && !reply.error() && reply.result() == 3;
}

qint64 processOf(Client &client)
{
    auto reply = client.call<qint64>("pid");
    return reply.waitForFinished(30s) && !reply.error() ? reply.result() : -1;
}

MsgpackRpc::Limits hurried()
{
    MsgpackRpc::Limits limits;
    limits.closeTime = 100ms;
    return limits;
}

} // namespace

void tst_ProcessFaults::initTestCase()
{
    // The children that are lost are the point; each would be told.
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*=false"));
    qputenv("QT_LOGGING_RULES", "msgpackrpc.*=false");
    Client client; // what Qt makes once, it has made before anything is compared
    client.startProcess(program);
    QVERIFY(isServed(client));
}

// No zombies either.
void tst_ProcessFaults::cleanup()
{
    QTRY_VERIFY(!hasChildren());
    COMPARE_FOOTPRINT(*m_before);
}

void tst_ProcessFaults::killedUnderLoad()
{
    constexpr int Cycles = 10;
    constexpr int Calls = 1000;
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program);
    Tally tally;
    int calls = 0;
    for (int cycle = 0; cycle < Cycles; ++cycle) {
        const qint64 process = processOf(client);
        QVERIFY(process > 0);
        calls = tally.watchMany(this, client, calls, Calls);
        QTRY_COMPARE(client.bytesToWrite(), 0);
        QCOMPARE(::kill(pid_t(process), SIGKILL), 0);
        for (int i = 0; i < Calls / 10; ++i, ++calls) // for it, or for the one after it
            tally.watch(this, calls, client.call("add", i, cycle));
        QTRY_COMPARE(tally.total(), calls);
        QTRY_COMPARE(finished.size(), cycle + 1);
        QTRY_VERIFY(hasEnded(process));
    }
    QVERIFY(tally.eachOnce(calls));
    QVERIFY(tally.failed.value(Error::ConnectionLost) >= Cycles * Calls / 2);
    QCOMPARE(tally.succeeded + tally.failed.value(Error::ConnectionLost), calls);
    QCOMPARE(client.pendingCalls(), 0);
}

// SIGSTOP: the calls time out. SIGCONT: what it answers then is for nobody, and it serves on.
void tst_ProcessFaults::stopped()
{
    Client client;
    client.startProcess(program);
    const qint64 process = processOf(client);
    QVERIFY(process > 0);
    ::kill(pid_t(process), SIGSTOP);
    client.setTimeout(100ms);
    Tally tally;
    for (int i = 0; i < 1000; ++i)
        tally.watch(this, i, client.call("add", i, 1));
    QTRY_COMPARE(tally.total(), 1000);
    QCOMPARE(tally.failed.value(Error::Timeout), 1000);
    ::kill(pid_t(process), SIGCONT);
    client.setTimeout(30s);
    QVERIFY(isServed(client));
    QCOMPARE(processOf(client), process);
    QVERIFY(tally.eachOnce(1000));
    QCOMPARE(client.pendingCalls(), 0);
}

// It hears neither the end of its input nor SIGTERM.
void tst_ProcessFaults::closedWhileStopped()
{
    Client client;
    client.setLimits(hurried());
    client.startProcess(program);
    const qint64 process = processOf(client);
    QVERIFY(process > 0);
    ::kill(pid_t(process), SIGSTOP);
    Tally tally;
    for (int i = 0; i < 100; ++i)
        tally.watch(this, i, client.call("add", i, 1));
    client.close();
    QTRY_COMPARE(tally.failed.value(Error::Canceled), 100);
    QVERIFY(tally.eachOnce(100));
    QTRY_VERIFY(hasEnded(process));
}

void tst_ProcessFaults::closesOneStream_data()
{
    QTest::addColumn<QString>("mode");
    QTest::newRow("its input") << "close-input";
    QTest::newRow("its output") << "close-output";
}

// Though it lives on, it is of no use.
void tst_ProcessFaults::closesOneStream()
{
    QFETCH(const QString, mode);
    Client client;
    client.setLimits(hurried());
    client.startProcess(program, {mode});
    Tally tally;
    tally.watch(this, 0, client.withTimeout(60s).call("add", 1, 2));
    int calls = 1;
    client.setTimeout(200ms);
    // Whether anybody reads is known when something is written.
    const auto goOn = [&] {
        const bool isLost = tally.failed.value(Error::ConnectionLost) > 0;
        if (!isLost && mode == QLatin1String("close-input"))
            tally.watch(this, calls++, client.call("add", 1, 2));
        return isLost;
    };
    QTRY_VERIFY(goOn());
    QTRY_COMPARE(tally.total(), calls);
    // What was not written goes to another child, which does the same when it has read it.
    QVERIFY(tally.failed.value(Error::ConnectionLost) > 0);
    QCOMPARE(tally.failed.value(Error::ConnectionLost) + tally.failed.value(Error::ConnectFailed)
                     + tally.failed.value(Error::Timeout),
             calls);
    QVERIFY(tally.eachOnce(calls));
}

// In mid message, which is an answer to the first of two calls.
void tst_ProcessFaults::exitsAtEachByte()
{
    const QByteArray answer = QByteArray::fromHex("9401cd0100c0c50020") + QByteArray(32, 'x');
    for (qsizetype size = 0; size <= answer.size(); ++size) {
        Client client;
        client.setNextMsgid(256);
        client.startProcess(program,
                            {"say", QString::fromLatin1(answer.first(size).toHex()), "exit"});
        Tally tally;
        tally.watch(this, 0, client.call("bytes"));
        tally.watch(this, 1, client.call("bytes"));
        QTRY_COMPARE(tally.total(), 2);
        QCOMPARE(tally.succeeded, size == answer.size() ? 1 : 0);
        QCOMPARE(tally.failed.value(Error::ConnectionLost), 2 - tally.succeeded);
        QVERIFY(tally.eachOnce(2));
        QCOMPARE(client.pendingCalls(), 0);
    }
}

// An answer that takes longer than a message may is not waited for.
void tst_ProcessFaults::oneByteAtATime()
{
    MsgpackRpc::Testing::Clock clock;
    Client client;
    client.setNextMsgid(1);
    client.setTimeout(-1ms);
    client.startProcess(program, {"drip", "940101c0c60000ffff"});
    Tally tally;
    tally.watch(this, 0, client.call("bytes"));
    tally.watch(this, 1, client.call("bytes"));
    QTRY_VERIFY(client.counters().bytesReceived >= 9); // the beginning of an answer
    QCOMPARE(tally.total(), 0);
    const auto began = clock.elapsed();
    for (int seconds = 0; tally.total() < 2 && seconds < 200; ++seconds) {
        const auto before = client.counters().bytesReceived;
        QVERIFY(client.notify("more"));
        QTRY_VERIFY(client.counters().bytesReceived > before || tally.total() == 2);
        clock.advance(1s);
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(tally.total(), 2);
    QCOMPARE(tally.succeeded, 0);
    QVERIFY(tally.eachOnce(2));
    QVERIFY(clock.elapsed() - began >= 29s);
    QVERIFY(clock.elapsed() - began <= 62s);
    client.close();
    clock.advance(10s); // the patience with the child
}

// What waits for it is bounded, who goes on gets an error at once, and all of it is given back.
void tst_ProcessFaults::readsNothing()
{
    Client client;
    client.setLimits(hurried());
    client.startProcess(program, {"deaf"});
    callUnread(client, "echo");
}

// From here to the child, and back.
void tst_ProcessFaults::floodOfNotifications()
{
    constexpr int Notifications = 100'000;
    Client client;
    int received = 0;
    client.bind("note", this, [&](int) { ++received; });
    client.startProcess(program);
    const qint64 process = processOf(client);
    QVERIFY(process > 0);
    const Footprint ofChild(process);
    for (int i = 0; i < Notifications; ++i)
        QVERIFY(client.notify("pid"));
    QVERIFY(isServed(client)); // behind all of them
    COMPARE_FOOTPRINT(ofChild);
    auto reply = client.withTimeout(120s).call<void>("flood", Notifications);
    QTRY_COMPARE_WITH_TIMEOUT(received, Notifications, 120'000);
    QTRY_VERIFY(reply.isFinished());
    QVERIFY(!reply.error());
    COMPARE_FOOTPRINT(ofChild);
}

void tst_ProcessFaults::floodOfUnknownMethods()
{
    constexpr int Calls = 20'000;
    Client client;
    client.startProcess(program);
    const qint64 process = processOf(client);
    QVERIFY(process > 0);
    const Footprint ofChild(process);
    Tally tally;
    for (int i = 0; i < Calls; ++i) {
        tally.watch(this, i, client.withTimeout(120s).call("unknown", i));
        client.notify("unknown too", i);
    }
    QTRY_COMPARE_WITH_TIMEOUT(tally.total(), Calls, 120'000);
    QCOMPARE(tally.failed.value(Error::RemoteError), Calls);
    QVERIFY(tally.eachOnce(Calls));
    // And the child asks for what is not there, and is told so each time.
    QVERIFY(client.withTimeout(120s).call<void>("floodUnknown", Calls).waitForFinished(120s));
    QTRY_COMPARE_WITH_TIMEOUT(client.counters().requestsReceived, quint64(Calls), 120'000);
    QVERIFY(isServed(client));
    COMPARE_FOOTPRINT(ofChild);
}

void tst_ProcessFaults::garbage_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("text") << QByteArray("hello, world\n");
    QTest::newRow("a byte of no meaning") << QByteArray("\xc1");
    QTest::newRow("after an answer") << QByteArray::fromHex("940101c007") + "oops\n";
    QTest::newRow("an answer to nobody, twice")
            << QByteArray::fromHex("940163c007940163c007940101c007") + "\xc1";
    QTest::newRow("within a message") << QByteArray::fromHex("940101c092c1");
    QTest::newRow("more than there is") << QByteArray::fromHex("940101c0ddffffffff");
    QTest::newRow("a terminal") << QByteArray("\x1b[2J\x1b[1;1H");
}

void tst_ProcessFaults::garbage()
{
    QFETCH(const QByteArray, bytes);
    Client client;
    client.setLimits(hurried());
    client.setNextMsgid(1);
    client.startProcess(program, {"say", QString::fromLatin1(bytes.toHex())});
    Tally tally;
    for (int i = 0; i < 10; ++i)
        tally.watch(this, i, client.call("bytes"));
    QTRY_COMPARE(tally.total(), 10);
    QVERIFY(tally.eachOnce(10));
    QCOMPARE(tally.succeeded, bytes.contains(QByteArray::fromHex("940101c007")) ? 1 : 0);
    QCOMPARE(client.pendingCalls(), 0);
}

// Bytes without an end, of any kind.
void tst_ProcessFaults::babble()
{
    const quint32 first = QRandomGenerator::system()->generate() % 1'000'000;
    qInfo("seeds from %u", first);
    for (quint32 seed = first; seed < first + 20; ++seed) {
        Client client;
        client.setLimits(hurried());
        client.startProcess(program, {"babble", QString::number(seed)});
        Tally tally;
        for (int i = 0; i < 10; ++i)
            tally.watch(this, i, client.call("bytes"));
        QTRY_COMPARE(tally.total(), 10);
        QCOMPARE(tally.succeeded, 0);
        QVERIFY(tally.eachOnce(10));
    }
}

void tst_ProcessFaults::restartsUnderLoad()
{
    constexpr int Cycles = 50;
    constexpr int Calls = 100;
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program);
    Tally tally;
    int calls = 0;
    for (int cycle = 0; cycle < Cycles; ++cycle) {
        calls = tally.watchMany(this, client, calls, Calls);
        if (cycle % 2 == 0)
            client.notify("crash");
        else
            client.notify("leave", cycle);
        QTRY_COMPARE(client.bytesToWrite(), 0);
        QTRY_COMPARE(tally.total(), calls); // those that hang with the child
        QTRY_COMPARE(finished.size(), cycle + 1);
        for (int i = 0; i < Calls; ++i, ++calls)
            tally.watch(this, calls, client.call("add", i, cycle));
        QVERIFY(isServed(client)); // by another
        QTRY_COMPARE(tally.total(), calls);
    }
    QVERIFY(tally.eachOnce(calls));
    QCOMPARE(tally.succeeded + tally.failed.value(Error::ConnectionLost), calls);
    QVERIFY(tally.failed.value(Error::ConnectionLost) >= Cycles * Calls / 2);
    QCOMPARE(client.pendingCalls(), 0);
}

void tst_ProcessFaults::parentKilled_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("idle") << QStringList{"parent"};
    QTest::newRow("busy") << QStringList{"parent", "busy"};
}

// The child hears that its input has ended, or that nobody reads what it writes.
void tst_ProcessFaults::parentKilled()
{
    QFETCH(const QStringList, arguments);
    QProcess parent;
    parent.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    parent.start(program, arguments);
    QTRY_VERIFY(parent.canReadLine());
    const qint64 child = parent.readLine().trimmed().mid(6).toLongLong();
    QVERIFY(child > 0);
    QVERIFY(!hasEnded(child));
    parent.kill();
    QTRY_COMPARE(parent.state(), QProcess::NotRunning);
    QTRY_VERIFY(hasEnded(child));
}

QTEST_GUILESS_MAIN(tst_ProcessFaults)

#include "tst_processfaults.moc"
