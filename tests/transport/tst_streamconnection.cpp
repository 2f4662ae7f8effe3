// SPDX-License-Identifier: Apache-2.0
#include "testdevice.h"
#include "transport/memorydevice_p.h"

#include <MsgpackRpc/testing.h>

#include <QtCore/QEventLoop>
#include <QtCore/QLoggingCategory>
#include <QtTest/QTest>

using namespace MsgpackRpc;
using namespace WireMessages;
using namespace std::chrono_literals;

class tst_StreamConnection : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void receives();
    void receivesByteByByte();
    void receivesWhatCameBefore();
    void closedBefore();
    void manyMessagesTakeTurns();
    void eachMessageIsItsOwn();
    void oneWritePerTurn();
    void writesAtOnceWhenMuchWaits();
    void flushWritesNow();
    void partialWrites_data();
    void partialWrites();
    void deviceWithoutRoom();
    void deviceThatHolds();
    void largeMessagesLeaveInSlices();
    void muchOutputTakesTurns_data();
    void muchOutputTakesTurns();
    void flushAndWaitSendsMuch();
    void flushAndWaitKeepsItsTime();
    void removedMessagesAreNotWritten();
    void outputDrained();
    void bytesToWrite();
    void writeError();
    void writeErrorWhilePaused();
    void peerCloses();
    void peerClosesWithinAMessage();
    void peerClosesWhilePaused();
    void deviceCloses();
    void faults_data();
    void faults();
    void badCallsAreHandedOn();
    void nestedLoop_data();
    void nestedLoop();
    void laterDataInANestedLoop();
    void outputInANestedLoop();
    void releaseWithinAMessage_data();
    void releaseWithinAMessage();
    void releaseWithinAMessageOfANestedLoop();
    void releaseWhenClosed();
    void releaseForgetsWhatWaits();
    void pause();
    void pauseWithinAMessage();
    void signalsWithinRead();
    void closedSignalWithinRead();
    void halfMessage();
    void halfMessageThatEnds();
    void halfMessageThatProgresses();
    void halfMessageWhilePaused();
    void halfMessageAfterAPause();
    void flushAndWait_data();
    void flushAndWait();
    void flushAndWaitForNobody();
    void flushAndWaitHandlesNothing();
    void flushAndWaitLeavesThePauseToItsOwner();
    void preamble();
    void sendOption_data();
    void sendOption();
    void optionInTheSameChunk();
    void optionWithinABatch();
    void optionTwice();
    void optionAddsBits();
    void optionTxOnly();
    void optionRxOnly();
    void optionWhileAnAnswerIsPartlyWritten();
    void optionNotAccepted_data();
    void optionNotAccepted();
    void optionFromTheAcceptingSide();
    void plainBeforeCompressed();
    void plainOnly();
    void badCompressedData_data();
    void badCompressedData();
    void compressedStreamThatEnds();
    void inflateLimit();
    void inflateLimitOfABomb();
    void compressedOutputIsBounded();
    void removedMessagesAreNotCompressed();
    void bothEnds_data();
    void bothEnds();
};

namespace {

QList<QByteArray> names(int count)
{
    QList<QByteArray> all;
    for (int i = 0; i < count; ++i)
        all.append(QByteArray::number(i));
    return all;
}

QByteArray pokes(const QList<QByteArray> &methods)
{
    QByteArray all;
    for (const QByteArray &method : methods)
        all += poke(method);
    return all;
}

// What the thread has posted, and nothing that has to be waited for.
void processEvents()
{
    for (int i = 0; i < 5; ++i)
        QCoreApplication::processEvents();
}

} // namespace

void tst_StreamConnection::initTestCase()
{
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*.warning=false"));
}

void tst_StreamConnection::receives()
{
    TestConnection peer;
    peer.device->deliver(poke("a") + request(7, "b", "x") + hex("940107c003"));
    QCOMPARE(peer.received, (QList<QByteArray>{"a", "b", "answer 7"}));
    peer.device->deliver(poke("c"));
    QCOMPARE(peer.received.size(), 4);
    QVERIFY(peer.closed.isEmpty());
    QVERIFY(peer.connection->isOpen());
}

void tst_StreamConnection::receivesByteByByte()
{
    TestConnection peer;
    for (const char c : poke("a") + request(7, "b", "x") + poke("c"))
        peer.device->deliver(QByteArray(1, c));
    QCOMPARE(peer.received, (QList<QByteArray>{"a", "b", "c"}));

    TestConnection slow;
    slow.device->mostPerRead = 1;
    const QByteArray bytes = pokes(names(20));
    for (qsizetype i = 0; i < bytes.size(); ++i)
        slow.device->deliver(bytes.mid(i, 1));
    QCOMPARE(slow.received, names(20));
}

// A device may come with data: it was accepted a while ago, or it is the user's own.
void tst_StreamConnection::receivesWhatCameBefore()
{
    auto device = std::make_unique<TestDevice>();
    device->deliver(poke("early"));
    TestConnection peer(StreamConnection::Passive, {}, std::move(device));
    QVERIFY(peer.received.isEmpty());
    QTRY_COMPARE(peer.received, QList<QByteArray>{"early"});
}

void tst_StreamConnection::closedBefore()
{
    auto device = std::make_unique<TestDevice>();
    device->deliver(poke("early"));
    device->finish();
    TestConnection peer(StreamConnection::Passive, {}, std::move(device));
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.received, QList<QByteArray>{"early"});
}

// The application goes on in between.
void tst_StreamConnection::manyMessagesTakeTurns()
{
    TestConnection peer;
    peer.device->deliver(pokes(names(20'000)));
    QVERIFY(peer.received.size() > 0 && peer.received.size() < 20'000);
    QTRY_COMPARE(peer.received.size(), 20'000);
    QCOMPARE(peer.received, names(20'000));
}

void tst_StreamConnection::eachMessageIsItsOwn()
{
    // Faulty, large and small ones after each other.
    class Handler : public TestConnection
    {
    public:
        void messageReceived(Message &message) override
        {
            faults.append(message.fault);
            frames.append(!message.frame.isNull());
        }
        QList<int> faults;
        QList<bool> frames;
    } peer;
    peer.device->deliver(hex("9302c090") + poke("good") + notify("large", QByteArray(100'000, 'x'))
                         + poke("small"));
    QCOMPARE(peer.faults, (QList<int>{Message::BadCall, 0, 0, 0}));
    QCOMPARE(peer.frames, (QList<bool>{false, false, true, false}));
}

void tst_StreamConnection::oneWritePerTurn()
{
    TestConnection peer;
    for (const QByteArray &name : names(10))
        peer.send(poke(name));
    QVERIFY(peer.device->writes.isEmpty());
    QTRY_COMPARE(peer.device->writes.size(), 1);
    QCOMPARE(peer.device->written(), pokes(names(10)));
    peer.send(poke("next"));
    QTRY_COMPARE(peer.device->writes.size(), 2);
    QVERIFY(peer.queue.isEmpty());

    // Also what is answered while messages are read.
    TestConnection server;
    server.onMessage = [&](const QByteArray &name) { server.send(poke(name)); };
    server.device->deliver(pokes(names(10)));
    QTRY_VERIFY(!server.device->writes.isEmpty());
    QCOMPARE(server.device->writes.size(), 1);
    QCOMPARE(server.device->written(), pokes(names(10)));
}

void tst_StreamConnection::writesAtOnceWhenMuchWaits()
{
    TestConnection peer;
    const QByteArray message = notify("x", QByteArray(1000, 'x'));
    QByteArray sent;
    while (sent.size() + message.size() < StreamConnection::FlushFrom) {
        peer.send(message);
        sent += message;
        QVERIFY(peer.device->writes.isEmpty());
    }
    peer.send(message);
    QCOMPARE(peer.device->writes, QList<QByteArray>{sent + message});
}

void tst_StreamConnection::flushWritesNow()
{
    TestConnection peer;
    peer.connection->flush();
    QVERIFY(peer.device->writes.isEmpty());
    peer.send(poke("a"));
    peer.connection->flush();
    QCOMPARE(peer.device->writes, QList<QByteArray>{poke("a")});
    processEvents();
    QCOMPARE(peer.device->writes.size(), 1);
}

void tst_StreamConnection::partialWrites_data()
{
    QTest::addColumn<int>("most");
    QTest::addColumn<bool>("isDeflated");

    for (const int most : {1, 7, 1000}) {
        QTest::addRow("%d", most) << most << false;
        QTest::addRow("%d, deflated", most) << most << true;
    }
}

void tst_StreamConnection::partialWrites()
{
    QFETCH(int, most);
    QFETCH(bool, isDeflated);
    TestConnection peer(StreamConnection::Active);
    peer.device->mostPerWrite = most;
    if (isDeflated)
        peer.connection->sendOption(TransportOption(TransportOption::TxDeflate).exchange());
    const QByteArray bytes = pokes(names(50)) + notify("large", noise(70'000)) + pokes(names(50));
    for (const QByteArray &name : names(50))
        peer.send(poke(name));
    peer.send(notify("large", noise(70'000)));
    for (const QByteArray &name : names(50))
        peer.send(poke(name));
    QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
    const QByteArray written = peer.device->written();
    if (isDeflated) {
        QCOMPARE(written.left(4), hex("93040100"));
        QVERIFY(decompressed(written.mid(4)) == bytes);
    } else {
        QVERIFY(written == bytes);
    }
}

void tst_StreamConnection::deviceWithoutRoom()
{
    TestConnection peer;
    peer.device->room = 3;
    peer.send(poke("abc"));
    peer.connection->flush();
    QCOMPARE(peer.device->written(), poke("abc").left(3));
    peer.send(poke("def"));
    processEvents();
    QCOMPARE(peer.device->written().size(), 3);
    QCOMPARE(peer.queue.firstUnsent(), 1U);
    peer.device->makeRoom(2);
    QCOMPARE(peer.device->written().size(), 5);
    peer.device->makeRoom(100);
    QCOMPARE(peer.device->written(), poke("abc") + poke("def"));
}

// What the device holds is not on its way: the rest stays in the queue, where it can be taken out.
void tst_StreamConnection::deviceThatHolds()
{
    TestConnection peer;
    peer.device->holds = true;
    peer.send(poke("a"));
    peer.connection->flush();
    QCOMPARE(peer.device->writes.size(), 1);
    peer.send(poke("b"));
    peer.send(poke("c"));
    processEvents();
    peer.connection->flush();
    QCOMPARE(peer.device->writes.size(), 1);
    QVERIFY(peer.queue.remove(1));
    peer.device->makeRoom(1000);
    QCOMPARE(peer.device->written(), poke("a") + poke("c"));
}

void tst_StreamConnection::largeMessagesLeaveInSlices()
{
    TestConnection peer;
    peer.device->holds = true;
    const QByteArray large = notify("large", noise(1'000'000));
    peer.send(large);
    qsizetype before = 0;
    while (peer.device->written().size() < large.size()) {
        const qsizetype size = peer.device->written().size() - before;
        QVERIFY(size > 0 && size <= 256 * 1024 + 100);
        before = peer.device->written().size();
        peer.device->makeRoom(1'000'000);
    }
    QVERIFY(peer.device->written() == large);
}

// A device that takes everything at once does not keep the event loop from going on.
void tst_StreamConnection::muchOutputTakesTurns_data()
{
    QTest::addColumn<bool>("isCompressed");
    QTest::newRow("plain") << false;
    QTest::newRow("compressed") << true;
}

void tst_StreamConnection::muchOutputTakesTurns()
{
    QFETCH(bool, isCompressed);
    TestConnection peer(StreamConnection::Active);
    if (isCompressed)
        peer.connection->sendOption(TransportOption(TransportOption::TxDeflate).exchange());
    const QByteArray large = notify("large", QByteArray(32 * 1024 * 1024, 'x'));
    peer.queue.begin().writeBinary(large); // shared
    peer.queue.commit();
    peer.connection->flush();
    QVERIFY(!peer.device->writes.isEmpty());
    const qsizetype left = peer.queue.size();
    QVERIFY(left >= large.size() - 9 * 1024 * 1024);
    processEvents();
    QVERIFY(peer.queue.size() < left);
    QTRY_VERIFY(peer.queue.isEmpty());
}

// Whoever waits has no other turn.
void tst_StreamConnection::flushAndWaitSendsMuch()
{
    TestConnection peer;
    const QByteArray large(32 * 1024 * 1024, 'x');
    peer.queue.begin().writeBinary(large);
    peer.queue.commit();
    QVERIFY(peer.connection->flushAndWait(1h));
    QVERIFY(peer.queue.isEmpty());
    QVERIFY(peer.device->written().endsWith(large));
}

// Nor does a device that takes all keep it for longer than that.
void tst_StreamConnection::flushAndWaitKeepsItsTime()
{
    TestConnection peer;
    const QByteArray large(32 * 1024 * 1024, 'x');
    peer.queue.begin().writeBinary(large);
    peer.queue.commit();
    QVERIFY(!peer.connection->flushAndWait(0ms));
    QVERIFY(!peer.device->written().isEmpty());
    QVERIFY(peer.queue.size() > large.size() / 2);
}

void tst_StreamConnection::removedMessagesAreNotWritten()
{
    TestConnection peer;
    for (const QByteArray &name : names(5))
        peer.send(poke(name));
    QVERIFY(peer.queue.remove(0));
    QVERIFY(peer.queue.remove(2));
    QVERIFY(peer.queue.remove(4));
    peer.connection->flush();
    QCOMPARE(peer.device->written(), poke("1") + poke("3"));
}

void tst_StreamConnection::outputDrained()
{
    TestConnection peer;
    peer.device->room = 3;
    peer.send(poke("abc"));
    QCOMPARE(peer.drained, 0);
    peer.connection->flush();
    QCOMPARE(peer.drained, 1);
    peer.connection->flush();
    QCOMPARE(peer.drained, 1);
    peer.device->makeRoom(100);
    QCOMPARE(peer.drained, 2);
    peer.device->makeRoom(100);
    QCOMPARE(peer.drained, 2);
}

void tst_StreamConnection::bytesToWrite()
{
    TestConnection peer;
    QCOMPARE(peer.connection->bytesToWrite(), 0);
    peer.device->room = 3;
    peer.device->holds = true;
    peer.send(poke("abc"));
    QCOMPARE(peer.connection->bytesToWrite(), poke("abc").size());
    peer.connection->flush();
    QCOMPARE(peer.connection->bytesToWrite(), poke("abc").size());
    peer.device->makeRoom(100);
    QCOMPARE(peer.connection->bytesToWrite(), poke("abc").size() - 3);
}

// Told from the event loop: user code is not called back from within a call.
void tst_StreamConnection::writeError()
{
    TestConnection peer;
    peer.device->failsOnWrite = true;
    peer.send(poke("a"));
    peer.connection->flush();
    QVERIFY(peer.closed.isEmpty());
    peer.send(poke("b"));
    peer.connection->flush();
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::ConnectionLost);
    QVERIFY(peer.closed.first().message().contains(QLatin1String("refused by the test")));
    QCOMPARE(peer.queue.firstUnsent(), 0U);
    processEvents();
    QCOMPARE(peer.closed.size(), 1);
}

// Its owner has paused it until the peer reads, which it never will.
void tst_StreamConnection::writeErrorWhilePaused()
{
    TestConnection peer;
    peer.connection->setReadingPaused(true);
    peer.device->failsOnWrite = true;
    peer.send(poke("a"));
    peer.connection->flush();
    QTRY_COMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::peerCloses()
{
    TestConnection peer;
    peer.device->input = pokes(names(3));
    peer.device->finish();
    QCOMPARE(peer.received, names(3));
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::ConnectionLost);
    QVERIFY(peer.closed.first().message().contains(QLatin1String("finished by the test")));

    // More than one turn takes.
    TestConnection many;
    many.device->input = pokes(names(20'000));
    many.device->finish();
    QVERIFY(many.closed.isEmpty());
    QTRY_COMPARE(many.closed.size(), 1);
    QCOMPARE(many.received, names(20'000));
}

void tst_StreamConnection::peerClosesWithinAMessage()
{
    TestConnection peer;
    peer.device->deliver(poke("a") + poke("b").left(3));
    peer.device->finish();
    QCOMPARE(peer.received, QList<QByteArray>{"a"});
    QTRY_COMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::peerClosesWhilePaused()
{
    TestConnection peer;
    peer.device->room = 0;
    peer.send(poke("unread"));
    peer.connection->setReadingPaused(true);
    peer.device->deliver(poke("last"));
    processEvents();
    QVERIFY(peer.received.isEmpty());
    peer.device->finish();
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.received, QList<QByteArray>{"last"});
}

void tst_StreamConnection::deviceCloses()
{
    TestConnection peer;
    processEvents();
    peer.device->close();
    QTRY_COMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::faults_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<Error::Code>("code");

    QTest::newRow("0xc1") << hex("c1") << Error::ProtocolViolation;
    QTest::newRow("nil") << hex("c0") << Error::ProtocolViolation;
    QTest::newRow("integer") << hex("07") << Error::ProtocolViolation;
    QTest::newRow("empty array") << hex("90") << Error::ProtocolViolation;
    QTest::newRow("[9, 1]") << hex("920901") << Error::ProtocolViolation;
    QTest::newRow("short response") << hex("930101c0") << Error::ProtocolViolation;
    QTest::newRow("bad msgid") << hex("9400ffa16190") << Error::ProtocolViolation;
    QTest::newRow("0xc1 within") << hex("9302a16191c1") << Error::ProtocolViolation;
    QTest::newRow("unknown tx option") << hex("93040200") << Error::ProtocolViolation;
    QTest::newRow("zlib unasked") << hex("789c") << Error::ProtocolViolation;
    QTest::newRow("HTTP") << QByteArray("GET / HTTP/1.1\r\n\r\n") << Error::ProtocolViolation;
    QTest::newRow("array32 of 4 G") << hex("9302a16191ddffffffff") << Error::LimitExceeded;
    QTest::newRow("str32 of 4 G") << hex("9302a16191dbffffffff") << Error::LimitExceeded;
    QTest::newRow("deep") << hex("9302a161") + QByteArray(200, char(0x91)) << Error::LimitExceeded;
}

void tst_StreamConnection::faults()
{
    QFETCH(QByteArray, bytes);
    QFETCH(Error::Code, code);
    TestConnection peer;
    peer.device->deliver(poke("before") + bytes + poke("after"));
    QCOMPARE(peer.received, QList<QByteArray>{"before"});
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), code);
    processEvents();
    QCOMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::badCallsAreHandedOn()
{
    TestConnection peer;
    peer.device->deliver(hex("940007c090") + hex("9302a161c0") + poke("after"));
    QCOMPARE(peer.received.size(), 3);
    QVERIFY(peer.closed.isEmpty());
}

void tst_StreamConnection::nestedLoop_data()
{
    QTest::addColumn<int>("depth");
    QTest::addColumn<int>("mostPerRead");

    for (const int depth : {1, 2, 5}) {
        QTest::addRow("%d", depth) << depth << 1'000'000;
        QTest::addRow("%d, in pieces", depth) << depth << 3;
    }
}

// A message box within a slot: what follows in the same chunk is handled inside of its loop.
void tst_StreamConnection::nestedLoop()
{
    QFETCH(int, depth);
    QFETCH(int, mostPerRead);
    TestConnection peer;
    peer.device->mostPerRead = mostPerRead;
    const QList<QByteArray> all = names(depth + 20);
    int loops = 0;
    int left = 0;
    peer.onMessage = [&](const QByteArray &) {
        if (loops == depth)
            return;
        ++loops;
        QTRY_COMPARE(peer.received.size(), all.size());
        ++left;
    };
    peer.device->input = pokes(all);
    Q_EMIT peer.device->readyRead();
    QCOMPARE(left, depth);
    QCOMPARE(peer.received, all);
}

void tst_StreamConnection::laterDataInANestedLoop()
{
    auto [near, far] = MemoryDevice::makePair(QStringLiteral("nested"));
    TestConnection peer(StreamConnection::Passive, {}, std::move(near));
    bool isNested = false;
    peer.onMessage = [&](const QByteArray &name) {
        if (name != "first")
            return;
        isNested = true;
        far->write(poke("second"));
        QTRY_COMPARE(peer.received.size(), 2);
        far->write(poke("third"));
        QTRY_COMPARE(peer.received.size(), 3);
        isNested = false;
    };
    far->write(poke("first"));
    QTRY_COMPARE(peer.received.size(), 3);
    QVERIFY(!isNested);
    far->write(poke("fourth"));
    QTRY_COMPARE(peer.received.size(), 4);
}

void tst_StreamConnection::outputInANestedLoop()
{
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &) {
        peer.send(poke("answer"));
        QTRY_COMPARE(peer.device->written(), poke("answer"));
        peer.send(poke("more"));
        QTRY_COMPARE(peer.device->written(), poke("answer") + poke("more"));
    };
    peer.device->deliver(poke("a"));
    QCOMPARE(peer.device->written(), poke("answer") + poke("more"));
}

void tst_StreamConnection::releaseWithinAMessage_data()
{
    QTest::addColumn<int>("at");

    QTest::newRow("first") << 0;
    QTest::newRow("in the middle") << 5;
    QTest::newRow("last") << 9;
}

void tst_StreamConnection::releaseWithinAMessage()
{
    QFETCH(int, at);
    TestConnection peer;
    const QPointer<StreamConnection> connection = peer.connection;
    const QPointer<TestDevice> device = peer.device;
    peer.onMessage = [&](const QByteArray &name) {
        peer.send(poke("unsent"));
        if (name.toInt() == at)
            peer.release();
    };
    device->deliver(pokes(names(10)));
    QCOMPARE(peer.received, names(at + 1));
    QTRY_VERIFY(connection.isNull());
    QVERIFY(device.isNull());
    QVERIFY(peer.closed.isEmpty());
}

void tst_StreamConnection::releaseWithinAMessageOfANestedLoop()
{
    for (int depth = 1; depth < 5; ++depth) {
        TestConnection peer;
        const QPointer<StreamConnection> connection = peer.connection;
        int loops = 0;
        peer.onMessage = [&](const QByteArray &) {
            if (loops == depth) {
                peer.release();
                return;
            }
            ++loops;
            QTRY_VERIFY(peer.connection == nullptr);
            processEvents();
            QVERIFY(!connection.isNull());
        };
        peer.device->deliver(pokes(names(10)));
        QCOMPARE(peer.received, names(depth + 1));
        QTRY_VERIFY(connection.isNull());
    }
}

void tst_StreamConnection::releaseWhenClosed()
{
    TestConnection peer;
    const QPointer<StreamConnection> connection = peer.connection;
    int calls = 0;
    peer.onClosed = [&] { ++calls; };
    peer.device->deliver(hex("c1"));
    QCOMPARE(calls, 1);
    QTRY_VERIFY(connection.isNull());
}

void tst_StreamConnection::releaseForgetsWhatWaits()
{
    TestConnection peer;
    const QPointer<StreamConnection> connection = peer.connection;
    peer.send(poke("a"));
    peer.device->input = poke("b");
    peer.connection->setReadingPaused(true);
    peer.connection->setReadingPaused(false);
    peer.release();
    QVERIFY(connection.isNull());
    processEvents();
    QVERIFY(peer.received.isEmpty());
    QCOMPARE(peer.queue.size(), poke("a").size());
}

void tst_StreamConnection::pause()
{
    TestConnection peer;
    peer.connection->setReadingPaused(true);
    QVERIFY(peer.connection->isReadingPaused());
    peer.device->deliver(pokes(names(3)));
    processEvents();
    QVERIFY(peer.received.isEmpty());
    QCOMPARE(peer.device->input.size(), pokes(names(3)).size());
    peer.send(poke("output"));
    QTRY_COMPARE(peer.device->written(), poke("output"));
    peer.connection->setReadingPaused(false);
    QVERIFY(peer.received.isEmpty());
    QTRY_COMPARE(peer.received, names(3));
}

void tst_StreamConnection::pauseWithinAMessage()
{
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &) { peer.connection->setReadingPaused(true); };
    peer.device->deliver(pokes(names(3)));
    for (int i = 1; i <= 3; ++i) {
        processEvents();
        QCOMPARE(peer.received, names(i));
        peer.connection->setReadingPaused(false);
    }
    QVERIFY(peer.closed.isEmpty());
}

// Some devices emit while they are read from.
void tst_StreamConnection::signalsWithinRead()
{
    TestConnection peer;
    const QByteArray bytes = pokes(names(1000));
    peer.device->mostPerRead = 7;
    int emissions = 0;
    peer.device->onRead = [&] {
        if (++emissions < 100)
            Q_EMIT peer.device->readyRead();
    };
    peer.device->input = bytes;
    Q_EMIT peer.device->readyRead();
    QTRY_COMPARE(peer.received.size(), 1000);
    QVERIFY(emissions >= 100);
    QCOMPARE(peer.received, names(1000));
    QVERIFY(peer.closed.isEmpty());
}

void tst_StreamConnection::closedSignalWithinRead()
{
    TestConnection peer;
    peer.device->onRead = [&] {
        if (!peer.device->isFinished)
            peer.device->finish();
    };
    peer.device->deliver(pokes(names(10)));
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.received, names(10));
}

void tst_StreamConnection::halfMessage()
{
    Testing::Clock clock;
    TestConnection peer;
    peer.device->deliver(poke("a"));
    clock.advance(10min);
    QVERIFY(peer.closed.isEmpty());
    peer.device->deliver(poke("b").left(3));
    clock.advance(29'999ms);
    QVERIFY(peer.closed.isEmpty());
    clock.advance(1ms);
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::LimitExceeded);
}

void tst_StreamConnection::halfMessageThatEnds()
{
    Testing::Clock clock;
    TestConnection peer;
    // Always one half received, but never the same for long.
    const QByteArray bytes = poke("abc");
    peer.device->deliver(bytes.left(3));
    for (int i = 0; i < 20; ++i) {
        clock.advance(20s);
        peer.device->deliver(bytes.mid(3) + bytes.left(3));
    }
    QVERIFY(peer.closed.isEmpty());
    QCOMPARE(peer.received.size(), 20);
    clock.advance(60s);
    QCOMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::halfMessageThatProgresses()
{
    Testing::Clock clock;
    TestConnection peer;
    const QByteArray bytes = notify("large", noise(1'000'000));
    peer.device->deliver(bytes.left(100));
    qsizetype at = 100;
    for (; at < 800'000; at += 65'536) {
        peer.device->deliver(bytes.mid(at, 65'536));
        clock.advance(30s);
        QVERIFY(peer.closed.isEmpty());
    }
    // A trickle is not enough.
    for (int i = 0; i < 60; ++i) {
        if (peer.device != nullptr)
            peer.device->deliver(bytes.mid(at++, 1));
        clock.advance(1s);
    }
    QCOMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::halfMessageWhilePaused()
{
    Testing::Clock clock;
    TestConnection peer;
    peer.device->deliver(poke("abc").left(3));
    peer.connection->setReadingPaused(true);
    peer.device->deliver(poke("abc").mid(3));
    clock.advance(10min);
    QVERIFY(peer.closed.isEmpty());
    peer.connection->setReadingPaused(false);
    clock.advance(1ms);
    QCOMPARE(peer.received, QList<QByteArray>{"abc"});
}

// Time that was spent in a pause is not the peer's.
void tst_StreamConnection::halfMessageAfterAPause()
{
    Testing::Clock clock;
    TestConnection peer;
    peer.device->deliver(poke("abc").left(3));
    peer.connection->setReadingPaused(true);
    clock.advance(29s);
    peer.connection->setReadingPaused(false);
    clock.advance(29s);
    QVERIFY(peer.closed.isEmpty());
    clock.advance(2s);
    QCOMPARE(peer.closed.size(), 1);
}

void tst_StreamConnection::flushAndWait_data()
{
    QTest::addColumn<std::chrono::milliseconds>("time");
    QTest::newRow("an hour") << std::chrono::milliseconds(1h);
    QTest::newRow("the most there is") << std::chrono::milliseconds::max();
}

void tst_StreamConnection::flushAndWait()
{
    QFETCH(const std::chrono::milliseconds, time);
    TestConnection peer;
    peer.device->holds = true;
    peer.device->room = 10;
    int waits = 0;
    peer.device->onWait = [&] {
        ++waits;
        peer.device->makeRoom(10);
        return true;
    };
    const QByteArray bytes = notify("x", QByteArray(95, 'x'));
    peer.send(bytes);
    QVERIFY(peer.connection->flushAndWait(time));
    QCOMPARE(peer.device->written(), bytes);
    QVERIFY(waits >= 10);
    QVERIFY(!peer.connection->isReadingPaused());
    QVERIFY(peer.connection->flushAndWait(0ms));
}

void tst_StreamConnection::flushAndWaitForNobody()
{
    TestConnection peer;
    peer.device->room = 0;
    peer.device->onWait = [] { return false; };
    peer.send(poke("a"));
    QVERIFY(!peer.connection->flushAndWait(1h));
    QVERIFY(!peer.connection->isReadingPaused());
    QCOMPARE(peer.queue.size(), poke("a").size());
    peer.device->room = 1000;
    QVERIFY(!peer.device->bytesToWrite());
    QVERIFY(peer.connection->flushAndWait(0ms));

    TestConnection broken;
    broken.device->failsOnWrite = true;
    broken.device->onWait = [] { return true; };
    broken.send(poke("a"));
    QVERIFY(!broken.connection->flushAndWait(1h));
    QVERIFY(broken.closed.isEmpty());
    QTRY_COMPARE(broken.closed.size(), 1);
}

void tst_StreamConnection::flushAndWaitHandlesNothing()
{
    TestConnection peer;
    peer.device->holds = true;
    peer.device->room = 1;
    // Like a session that had paused for what waits, and goes on now.
    peer.onDrained = [&] { peer.connection->setReadingPaused(false); };
    peer.device->onWait = [&] {
        peer.device->deliver(poke("while waiting"));
        peer.device->makeRoom(100);
        return true;
    };
    peer.send(poke("a"));
    QVERIFY(peer.connection->flushAndWait(1h));
    QVERIFY(peer.received.isEmpty());
    QTRY_VERIFY(!peer.received.isEmpty());
}

void tst_StreamConnection::flushAndWaitLeavesThePauseToItsOwner()
{
    TestConnection peer;
    peer.device->deliver(poke("a").left(2));
    peer.connection->setReadingPaused(true);
    peer.onDrained = [&] { peer.connection->setReadingPaused(false); };
    peer.send(poke("a"));
    QVERIFY(peer.connection->flushAndWait(1h));
    QVERIFY(!peer.connection->isReadingPaused());
    peer.device->deliver(poke("a").mid(2));
    QTRY_COMPARE(peer.received, QList<QByteArray>{"a"});

    TestConnection paused;
    paused.connection->setReadingPaused(true);
    paused.send(poke("a"));
    QVERIFY(paused.connection->flushAndWait(1h));
    QVERIFY(paused.connection->isReadingPaused());
}

void tst_StreamConnection::preamble()
{
    TestConnection peer(StreamConnection::Active);
    peer.queue.begin().writeRaw(poke("a"));
    peer.queue.commit();
    peer.connection->sendPreamble(hex("9203a649707f000001"));
    peer.connection->sendOption(TransportOption(TransportOption::Deflate).exchange());
    QCOMPARE(peer.connection->bytesToWrite(), 9 + 4 + poke("a").size());
    peer.connection->outputAdded();
    QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
    QCOMPARE(peer.device->written().left(13), hex("9203a649707f000001") + hex("93040101"));
    QCOMPARE(decompressed(peer.device->written().mid(13)), poke("a"));

    TestConnection plain(StreamConnection::Active);
    plain.send(poke("a"));
    plain.connection->sendPreamble(poke("preamble"));
    QTRY_COMPARE(plain.device->written(), poke("preamble") + poke("a"));
}

void tst_StreamConnection::sendOption_data()
{
    QTest::addColumn<TransportOption>("option");
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("plain") << TransportOption() << QByteArray();
    QTest::newRow("tx") << TransportOption(TransportOption::TxDeflate) << hex("93040100");
    QTest::newRow("rx") << TransportOption(TransportOption::RxDeflate) << hex("93040001");
    QTest::newRow("both") << TransportOption(TransportOption::Deflate) << hex("93040101");
}

void tst_StreamConnection::sendOption()
{
    QFETCH(TransportOption, option);
    QFETCH(QByteArray, bytes);
    TestConnection peer(StreamConnection::Active);
    peer.connection->sendOption(option.exchange());
    const QByteArray messages = pokes(names(10));
    for (const QByteArray &name : names(10))
        peer.send(poke(name));
    QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
    const QByteArray written = peer.device->written();
    QCOMPARE(written.left(bytes.size()), bytes);
    const QByteArray rest = written.mid(bytes.size());
    if (option.exchange().tx.deflate()) {
        QCOMPARE(rest.left(2), hex("789c"));
        QCOMPARE(rest.right(4), hex("0000ffff"));
        QCOMPARE(decompressed(rest), messages);
    } else {
        QCOMPARE(rest, messages);
    }
}

void tst_StreamConnection::optionInTheSameChunk()
{
    Deflater deflater;
    const QByteArray bytes =
            hex("93040100") + compressed(deflater, {poke("a"), poke("b"), poke("c")});
    const QList<QByteArray> expected{"a", "b", "c"};
    for (qsizetype i = 0; i <= bytes.size(); ++i) {
        TestConnection peer;
        peer.device->deliver(bytes.left(i));
        peer.device->deliver(bytes.mid(i));
        QCOMPARE(peer.received, expected);
        QVERIFY(peer.closed.isEmpty());
    }
    TestConnection peer;
    for (const char c : bytes)
        peer.device->deliver(QByteArray(1, c));
    QCOMPARE(peer.received, expected);
}

void tst_StreamConnection::optionWithinABatch()
{
    Deflater deflater;
    const QByteArray plain = pokes(names(100));
    const QByteArray bytes = plain + hex("93040101") + compressed(deflater, {poke("x"), poke("y")});
    QList<QByteArray> expected = names(100);
    expected += {"x", "y"};
    for (qsizetype i = plain.size() - 5; i <= bytes.size(); ++i) {
        TestConnection peer;
        peer.onMessage = [&](const QByteArray &name) { peer.send(poke(name)); };
        peer.device->deliver(bytes.left(i));
        peer.device->deliver(bytes.mid(i));
        QCOMPARE(peer.received, expected);
        QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
        // Plain answers first, perhaps, and from some boundary on compressed ones.
        const QByteArray written = peer.device->written();
        const qsizetype start = written.indexOf(hex("789c"));
        QVERIFY(start >= 0);
        QCOMPARE(written.left(start) + decompressed(written.mid(start)), pokes(expected));
    }
}

void tst_StreamConnection::optionTwice()
{
    Deflater deflater;
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &name) { peer.send(poke(name)); };
    peer.device->deliver(hex("93040101") + compressed(deflater, poke("a")));
    QTRY_VERIFY(!peer.device->writes.isEmpty());
    // Inside the stream, which goes on, in both directions.
    peer.device->deliver(
            compressed(deflater, {hex("93040101"), poke("b") + hex("93040100") + poke("c")}));
    QCOMPARE(peer.received, (QList<QByteArray>{"a", "b", "c"}));
    QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
    QCOMPARE(decompressed(peer.device->written()), pokes({"a", "b", "c"}));
}

void tst_StreamConnection::optionAddsBits()
{
    Deflater deflater;
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &name) { peer.send(poke(name)); };
    peer.device->deliver(hex("93040001") + poke("a") + hex("93040000") + poke("b"));
    peer.device->deliver(hex("93040100") + compressed(deflater, poke("c")));
    peer.device->deliver(compressed(deflater, poke("d")));
    QCOMPARE(peer.received, (QList<QByteArray>{"a", "b", "c", "d"}));
    QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
    QCOMPARE(decompressed(peer.device->written()), pokes({"a", "b", "c", "d"}));
}

void tst_StreamConnection::optionTxOnly()
{
    Deflater deflater;
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &name) { peer.send(poke(name)); };
    peer.device->deliver(hex("93040100") + compressed(deflater, poke("a")));
    QTRY_COMPARE(peer.device->written(), poke("a"));
}

void tst_StreamConnection::optionRxOnly()
{
    TestConnection peer;
    peer.onMessage = [&](const QByteArray &name) { peer.send(poke(name)); };
    peer.device->deliver(hex("93040001") + poke("a"));
    QTRY_VERIFY(!peer.device->writes.isEmpty());
    QCOMPARE(decompressed(peer.device->written()), poke("a"));
    QCOMPARE(peer.device->writes.size(), 1);
}

// The stream begins at a boundary: the rest of a message that was begun plain stays plain.
void tst_StreamConnection::optionWhileAnAnswerIsPartlyWritten()
{
    const QByteArray large = notify("large", noise(1000));
    for (const int room : {1, 500, 999}) {
        TestConnection peer;
        peer.device->room = room;
        peer.send(large);
        peer.send(poke("b"));
        peer.connection->flush();
        QCOMPARE(peer.device->written().size(), room);
        peer.device->deliver(hex("93040001"));
        peer.device->makeRoom(200);
        peer.send(poke("c"));
        peer.device->makeRoom(100'000);
        QTRY_VERIFY(peer.connection->bytesToWrite() == 0);
        const QByteArray written = peer.device->written();
        QCOMPARE(written.left(large.size()), large);
        QCOMPARE(decompressed(written.mid(large.size())), poke("b") + poke("c"));
    }
}

void tst_StreamConnection::optionNotAccepted_data()
{
    QTest::addColumn<TransportOption>("accepted");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("isAccepted");

    const TransportOption none;
    const TransportOption rx = TransportOption::RxDeflate; // what we receive
    const TransportOption tx = TransportOption::TxDeflate;
    const TransportOption both = TransportOption::Deflate;
    QTest::newRow("none: nothing") << none << hex("93040000") << true;
    QTest::newRow("none: tx") << none << hex("93040100") << false;
    QTest::newRow("none: rx") << none << hex("93040001") << false;
    QTest::newRow("rx: tx") << rx << hex("93040100") << true;
    QTest::newRow("rx: rx") << rx << hex("93040001") << false;
    QTest::newRow("rx: both") << rx << hex("93040101") << false;
    QTest::newRow("tx: tx") << tx << hex("93040100") << false;
    QTest::newRow("tx: rx") << tx << hex("93040001") << true;
    QTest::newRow("both: both") << both << hex("93040101") << true;
}

void tst_StreamConnection::optionNotAccepted()
{
    QFETCH(TransportOption, accepted);
    QFETCH(QByteArray, bytes);
    QFETCH(bool, isAccepted);
    TestConnection peer;
    peer.connection->setAcceptedOptions(accepted);
    peer.device->deliver(bytes);
    QCOMPARE(peer.closed.size(), isAccepted ? 0 : 1);
    if (!isAccepted)
        QCOMPARE(peer.closed.first().code(), Error::ProtocolViolation);
}

void tst_StreamConnection::optionFromTheAcceptingSide()
{
    TestConnection peer(StreamConnection::Active);
    peer.device->deliver(hex("93040101"));
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::ProtocolViolation);
}

void tst_StreamConnection::plainBeforeCompressed()
{
    Deflater deflater;
    const QByteArray bytes = pokes({"a", "b"}) + compressed(deflater, {poke("c"), poke("d")});
    const QList<QByteArray> expected{"a", "b", "c", "d"};
    for (qsizetype i = 0; i <= bytes.size(); ++i) {
        TestConnection peer(StreamConnection::Active);
        peer.connection->sendOption(TransportOption(TransportOption::RxDeflate).exchange());
        peer.device->deliver(bytes.left(i));
        peer.device->deliver(bytes.mid(i));
        QCOMPARE(peer.received, expected);
        QVERIFY(peer.closed.isEmpty());
    }
    TestConnection peer(StreamConnection::Active);
    peer.connection->sendOption(TransportOption(TransportOption::Deflate).exchange());
    for (const char c : bytes)
        peer.device->deliver(QByteArray(1, c));
    QCOMPARE(peer.received, expected);
}

void tst_StreamConnection::plainOnly()
{
    TestConnection peer(StreamConnection::Active);
    peer.connection->sendOption(TransportOption(TransportOption::RxDeflate).exchange());
    // 0x78 within a message begins nothing.
    peer.device->deliver(poke("x") + hex("9302a17891 78") + poke("z"));
    QCOMPARE(peer.received, (QList<QByteArray>{"x", "x", "z"}));

    // And one who has not asked does not look for it.
    TestConnection other(StreamConnection::Active);
    other.device->deliver(hex("789c"));
    QCOMPARE(other.closed.size(), 1);
}

void tst_StreamConnection::badCompressedData_data()
{
    QTest::addColumn<QByteArray>("bytes");

    Deflater deflater;
    const QByteArray good = compressed(deflater, poke("a"));
    QTest::newRow("plain message") << poke("a");
    QTest::newRow("0xff") << QByteArray(20, char(0xff));
    QTest::newRow("bad header") << hex("789d") + good.mid(2);
    QTest::newRow("raw deflate") << good.mid(2);
    QTest::newRow("gzip") << hex("1f8b0800000000000003");
    QTest::newRow("preset dictionary") << hex("78bb00000001") + good.mid(2);
    QTest::newRow("garbage after a message") << good + QByteArray(20, char(0xff));
    QTest::newRow("second header") << good + good;
}

void tst_StreamConnection::badCompressedData()
{
    QFETCH(QByteArray, bytes);
    TestConnection peer;
    peer.device->deliver(hex("93040100") + bytes);
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::ProtocolViolation);
}

void tst_StreamConnection::compressedStreamThatEnds()
{
    // qCompress() puts four bytes of length before a whole stream.
    TestConnection peer;
    peer.device->deliver(hex("93040100") + qCompress(poke("a")).mid(4));
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::ProtocolViolation);
}

void tst_StreamConnection::inflateLimit()
{
    const QByteArray message = notify("x", QByteArray(10'000, 'x'));
    Limits limits;
    limits.inflatedBytes = message.size();
    Deflater deflater;
    TestConnection peer(StreamConnection::Passive, limits);
    peer.device->deliver(hex("93040100"));
    // The limit is for each message, not for the stream.
    for (int i = 0; i < 3; ++i)
        peer.device->deliver(compressed(deflater, message));
    peer.device->deliver(compressed(deflater, message + message));
    QCOMPARE(peer.received.size(), 5);
    QVERIFY(peer.closed.isEmpty());
    peer.device->deliver(compressed(deflater, notify("x", QByteArray(10'001, 'x'))));
    QCOMPARE(peer.received.size(), 5);
    QCOMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::LimitExceeded);
}

void tst_StreamConnection::inflateLimitOfABomb()
{
    Limits limits;
    limits.messageBytes = 1024 * 1024 * 1024;
    limits.inflatedBytes = 1024 * 1024;
    Deflater deflater;
    TestConnection peer(StreamConnection::Passive, limits);
    const QByteArray zeros(1024 * 1024, '\0');
    QByteArray bomb = compressed(deflater, hex("9302a16191c6 30000000"));
    for (int i = 0; i < 64; ++i)
        bomb += compressed(deflater, zeros);
    QVERIFY(bomb.size() < 100'000);
    peer.device->deliver(hex("93040100") + bomb);
    QTRY_COMPARE(peer.closed.size(), 1);
    QCOMPARE(peer.closed.first().code(), Error::LimitExceeded);
}

// What is compressed can't be taken out any more, so no more is than the device has room for.
void tst_StreamConnection::compressedOutputIsBounded()
{
    TestConnection peer(StreamConnection::Active);
    peer.connection->sendOption(TransportOption(TransportOption::TxDeflate).exchange());
    peer.device->room = 0;
    for (quint32 i = 0; i < 40; ++i)
        peer.send(notify("x", noise(50'000, i)));
    processEvents();
    QVERIFY(peer.queue.size() > 30 * 50'000);
    QByteArray expected;
    for (quint32 i = 0; i < 40; ++i)
        expected += notify("x", noise(50'000, i));
    for (int i = 0; i < 10'000 && peer.connection->bytesToWrite() > 0; ++i)
        peer.device->makeRoom(10'000);
    QVERIFY(decompressed(peer.device->written().mid(4)) == expected);
}

void tst_StreamConnection::removedMessagesAreNotCompressed()
{
    TestConnection peer(StreamConnection::Active);
    peer.connection->sendOption(TransportOption(TransportOption::TxDeflate).exchange());
    for (const QByteArray &name : names(5))
        peer.send(poke(name));
    QVERIFY(peer.queue.remove(0));
    QVERIFY(peer.queue.remove(2));
    QVERIFY(peer.queue.remove(4));
    peer.connection->flush();
    QCOMPARE(decompressed(peer.device->written().mid(4)), poke("1") + poke("3"));
}

void tst_StreamConnection::bothEnds_data()
{
    QTest::addColumn<TransportOption>("option");

    QTest::newRow("plain") << TransportOption();
    QTest::newRow("tx") << TransportOption(TransportOption::TxDeflate);
    QTest::newRow("rx") << TransportOption(TransportOption::RxDeflate);
    QTest::newRow("both") << TransportOption(TransportOption::Deflate);
}

void tst_StreamConnection::bothEnds()
{
    QFETCH(TransportOption, option);
    auto [near, far] = MemoryDevice::makePair(QStringLiteral("both"));
    TestConnection client(StreamConnection::Active, {}, std::move(near));
    TestConnection server(StreamConnection::Passive, {}, std::move(far));
    QCOMPARE(client.connection->peerName(), QStringLiteral("memory:both"));
    QVERIFY(!client.connection->peerAddress());
    client.connection->sendOption(option.exchange());
    // The server has something to say before it has read what the client asks for.
    server.send(poke("hello"));
    server.onMessage = [&](const QByteArray &name) {
        server.send(notify(name, noise(quint32(name.toInt()) * 997U % 100'000U, 1)));
    };
    for (const QByteArray &name : names(300))
        client.send(notify(name, noise(quint32(name.toInt()) * 1009U % 100'000U, 2)));
    QTRY_COMPARE(client.received.size(), 301);
    QCOMPARE(server.received, names(300));
    QCOMPARE(client.received, QList<QByteArray>{"hello"} + names(300));
    client.release();
    QTRY_COMPARE(server.closed.size(), 1);
    QCOMPARE(server.closed.first().code(), Error::ConnectionLost);
}

QTEST_GUILESS_MAIN(tst_StreamConnection)

#include "tst_streamconnection.moc"
