// SPDX-License-Identifier: Apache-2.0
#include "testdevice.h"
#include "transport/listener_p.h"
#include "transport/memorydevice_p.h"
#include "transport/streamconnection_p.h"
#include "transport/transport_p.h"

#include <MsgpackRpc/testing.h>

#include <QtCore/QLoggingCategory>
#include <QtNetwork/QTcpServer>
#include <QtTest/QTest>

using namespace MsgpackRpc;
using namespace WireMessages;
using namespace std::chrono_literals;

class tst_Transport : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void connectsOnFirstUse();
    void openConnects();
    void attemptsAndDelays_data();
    void attemptsAndDelays();
    void delaysVary();
    void connectTimeout();
    void connectTimeoutOff();
    void notConnectable_data();
    void notConnectable();
    void connectable_data();
    void connectable();
    void failsSynchronously();
    void connectsSynchronously();
    void lateSignalsOfAnAttempt();
    void failureDropsTheQueue();
    void connectsAgainAfterFailure();
    void lossKeepsWhatIsUnsent();
    void lossWithNothingToSend();
    void optionOnEachConnection();
    void reopenAlways();
    void reopenAlwaysGoesOn();
    void acceptsAndCloses_data();
    void acceptsAndCloses();
    void quietConnections();
    void reopenWhileConnecting();
    void acceptedIsNeverMadeAgain();
    void acceptedIsReadAtOnce();
    void closeSendsWhatWaits();
    void closeWhileConnecting();
    void closeWhileWaiting();
    void flushAndWaitConnects();
    void flushAndWaitForNobody();
    void deletedWithinMessageReceived();
    void deletedWithinConnectionLost();
    void deletedWithinConnectFailed_data();
    void deletedWithinConnectFailed();
    void deletedWhileConnecting();
    void callsWithinConnectFailed();
    void memory();
    void memoryOfNobody();
    void tcp();
    void tcpRefused();
    void tcpPeerGoes();
    void tcpLargeBothWays();
    void listener_data();
    void listener();
};

namespace {

// An attempt that does what the test says.
class TestConnector : public Connector
{
public:
    enum Outcome { Fails, FailsAtOnce, Connects, ConnectsAtOnce, Hangs };
    explicit TestConnector(Outcome outcome) : m_outcome(outcome) {}

    void start() override
    {
        if (m_outcome == FailsAtOnce || m_outcome == ConnectsAtOnce)
            tell();
        else if (m_outcome != Hangs)
            QMetaObject::invokeMethod(this, &TestConnector::tell, Qt::QueuedConnection);
    }
    bool waitForConnected(std::chrono::milliseconds) override
    {
        if (m_outcome != Connects)
            return false;
        tell();
        return true;
    }
    void tell()
    {
        if (m_outcome == Fails || m_outcome == FailsAtOnce || m_outcome == Hangs) {
            Q_EMIT failed(QStringLiteral("refused by the test"));
            return;
        }
        if (std::exchange(m_isTold, true))
            return;
        m_device = std::make_unique<TestDevice>();
        device = static_cast<TestDevice *>(m_device.get());
        Q_EMIT connected();
    }

    QPointer<TestDevice> device;

private:
    Outcome m_outcome;
    bool m_isTold = false;
};

class TestOwner : public TransportOwner
{
public:
    TestOwner()
    {
        settings.url = QUrl(QStringLiteral("tcp://test:1"));
        settings.connector = [this] {
            attempts.append(clock != nullptr ? clock->elapsed() : 0ms);
            const auto index = qMin(attempts.size(), outcomes.size()) - 1;
            auto made = std::make_unique<TestConnector>(outcomes.at(index));
            connector = made.get();
            return made;
        };
    }
    virtual ~TestOwner() = default;

    void make(TransportOption option = {})
    {
        transport = std::make_unique<Transport>(*this, settings, option);
    }
    quint64 send(const QByteArray &message)
    {
        transport->queue().begin().writeRaw(message);
        const quint64 number = transport->queue().commit();
        transport->outputAdded();
        return number;
    }
    qsizetype close()
    {
        transport->flushAndWait(settings.limits.closeTime);
        const qsizetype unsent = transport->dropUnsent();
        transport->endConnection();
        return unsent;
    }
    TestDevice *device() const
    {
        auto *const connection = static_cast<StreamConnection *>(transport->connection());
        return connection != nullptr ? static_cast<TestDevice *>(connection->device()) : nullptr;
    }

    void messageReceived(Transport &, Message &message) override
    {
        received.append(message.method.name.toByteArray());
        sizes.append(message.params.size());
        run(onMessage);
    }
    void connectionLost(Transport &lost, quint64 firstUnsent, const Error &error) override
    {
        lost.endConnection();
        losses.append(firstUnsent);
        errors.append(error);
        if (reopens)
            lost.reopen(error);
        run(onLost);
    }
    void connectFailed(Transport &failed, const Error &error) override
    {
        failures.append(error);
        dropped.append(int(failed.takeDropped()));
        run(onFailed);
    }
    void stateChanged(Transport &changed) override
    {
        states.append(changed.state());
        if (closesAtOnce && changed.state() == Transport::Connected) {
            device()->room = 0;
            device()->finish();
        }
    }
    void outputDrained(Transport &) override {}

    TransportSettings settings;
    Testing::Clock *clock = nullptr;
    QList<TestConnector::Outcome> outcomes{TestConnector::Connects};
    QPointer<TestConnector> connector;
    std::unique_ptr<Transport> transport;
    QList<std::chrono::milliseconds> attempts;
    QList<QByteArray> received;
    QList<qsizetype> sizes;
    QList<quint64> losses;
    QList<Error> errors;
    QList<Error> failures;
    QList<int> dropped;
    QList<int> states;
    bool reopens = true;
    bool closesAtOnce = false; // the peer, before anything is sent
    std::function<void()> onMessage;
    std::function<void()> onLost;
    std::function<void()> onFailed;

private:
    // A copy: it may delete the transport, or set another.
    static void run(std::function<void()> function)
    {
        if (function)
            function();
    }
};

void processEvents()
{
    for (int i = 0; i < 5; ++i)
        QCoreApplication::processEvents();
}

// A port of this host that nobody listens at.
quint16 freePort()
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return server.serverPort();
}

QUrl localUrl(quint16 port)
{
    return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(port));
}

} // namespace

void tst_Transport::initTestCase()
{
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*.warning=false"));
}

void tst_Transport::connectsOnFirstUse()
{
    TestOwner owner;
    owner.make();
    processEvents();
    QVERIFY(owner.attempts.isEmpty());
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    owner.send(poke("a"));
    owner.send(poke("b"));
    QCOMPARE(owner.attempts.size(), 1);
    QCOMPARE(owner.transport->state(), Transport::Connecting);
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
    QTRY_COMPARE(owner.device()->writes, QList<QByteArray>{poke("a") + poke("b")});
    QCOMPARE(owner.attempts.size(), 1);
    QCOMPARE(owner.states, (QList<int>{Transport::Connecting, Transport::Connected}));
}

void tst_Transport::openConnects()
{
    TestOwner owner;
    owner.make();
    owner.transport->open();
    owner.transport->open();
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
    owner.transport->open();
    QCOMPARE(owner.attempts.size(), 1);
    QCOMPARE(owner.transport->generation(), 1U);
    QVERIFY(!owner.transport->isPassive());
}

void tst_Transport::attemptsAndDelays_data()
{
    QTest::addColumn<int>("attempts");
    QTest::addColumn<int>("initial");
    QTest::addColumn<int>("maximum");

    QTest::newRow("default") << 5 << 50 << 5000;
    QTest::newRow("one") << 1 << 50 << 5000;
    QTest::newRow("none is one") << 0 << 50 << 5000;
    QTest::newRow("many, up to the maximum") << 12 << 50 << 1000;
    QTest::newRow("very many") << 60 << 1 << 20;
    QTest::newRow("no delay") << 5 << 0 << 0;
}

void tst_Transport::attemptsAndDelays()
{
    QFETCH(int, attempts);
    QFETCH(int, initial);
    QFETCH(int, maximum);
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.outcomes = {TestConnector::Fails};
    owner.settings.reconnect.attempts = attempts;
    owner.settings.reconnect.initialDelay = std::chrono::milliseconds(initial);
    owner.settings.reconnect.maximumDelay = std::chrono::milliseconds(maximum);
    owner.make();
    owner.send(poke("a"));
    clock.advance(10min);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.failures.first().code(), Error::ConnectFailed);
    QVERIFY(owner.failures.first().isTimeout());
    QVERIFY(owner.failures.first().message().contains(QLatin1String("refused by the test")));
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    QCOMPARE(owner.attempts.size(), qMax(attempts, 1));
    qint64 delay = initial;
    for (qsizetype i = 1; i < owner.attempts.size(); ++i) {
        const auto gap = (owner.attempts[i] - owner.attempts[i - 1]).count();
        QVERIFY(gap >= delay * 3 / 4 && gap <= delay * 5 / 4);
        delay = qMin<qint64>(delay * 2, maximum);
    }
}

void tst_Transport::delaysVary()
{
    QSet<qint64> gaps;
    for (int i = 0; i < 20; ++i) {
        Testing::Clock clock;
        TestOwner owner;
        owner.clock = &clock;
        owner.outcomes = {TestConnector::Fails};
        owner.settings.reconnect.attempts = 2;
        owner.settings.reconnect.initialDelay = 1000ms;
        owner.make();
        owner.send(poke("a"));
        clock.advance(10s);
        gaps.insert((owner.attempts.at(1) - owner.attempts.at(0)).count());
    }
    QVERIFY(gaps.size() > 5);
}

void tst_Transport::connectTimeout()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.outcomes = {TestConnector::Hangs};
    owner.settings.connectTimeout = 3s;
    owner.settings.reconnect.attempts = 2;
    owner.settings.reconnect.initialDelay = 100ms;
    owner.make();
    owner.send(poke("a"));
    clock.advance(2999ms);
    QCOMPARE(owner.transport->state(), Transport::Connecting);
    QCOMPARE(owner.attempts.size(), 1);
    clock.advance(1ms + 125ms);
    QCOMPARE(owner.attempts.size(), 2);
    QVERIFY(owner.failures.isEmpty());
    clock.advance(3s);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.failures.first().code(), Error::ConnectFailed);
    QVERIFY(owner.failures.first().message().contains(QLatin1String("3000 ms")));
}

void tst_Transport::connectTimeoutOff()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Hangs};
    owner.settings.connectTimeout = -1ms;
    owner.make();
    owner.send(poke("a"));
    clock.advance(24h);
    QCOMPARE(owner.attempts.size(), 1);
    QVERIFY(owner.failures.isEmpty());
    QCOMPARE(owner.transport->state(), Transport::Connecting);
}

void tst_Transport::notConnectable_data()
{
    QTest::addColumn<QUrl>("url");

    for (const char *url :
         {"", "tcp:", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://:18800",
          "tcp://host:70000", "127.0.0.1:18800", "http://127.0.0.1:80", "memory:", "foo:bar",
          "file:///tmp/x", "exec:ls", "tcp://me:secret@127.0.0.1:1", "tcp://127.0.0.1:1/x",
          "tcp://127.0.0.1:1?x", "tcp://127.0.0.1:1#x", "memory:name?x", "memory://host/name"})
        QTest::addRow("'%s'", url) << QUrl(QLatin1String(url));
}

void tst_Transport::notConnectable()
{
    QFETCH(QUrl, url);
    QVERIFY(!Connector::check(url).isEmpty());
    TestOwner owner;
    owner.settings.connector = nullptr;
    owner.settings.url = url;
    owner.make();
    owner.send(poke("a"));
    QVERIFY(owner.failures.isEmpty());
    QTRY_COMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.failures.first().code(), Error::NotConnectable);
    QVERIFY(!owner.failures.first().message().isEmpty());
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    QVERIFY(owner.transport->queue().isEmpty());
}

void tst_Transport::connectable_data()
{
    QTest::addColumn<QUrl>("url");

    for (const char *url : {"tcp://127.0.0.1:18800", "tcp://[::1]:1", "tcp://host:65535",
                            "tcp://localhost:1", "memory:name"})
        QTest::addRow("'%s'", url) << QUrl(QLatin1String(url));
}

void tst_Transport::connectable()
{
    QFETCH(QUrl, url);
    QCOMPARE(Connector::check(url), QString());
    TransportSettings settings;
    settings.url = url;
    QVERIFY(Connector::create(settings)->isUsable());
}

void tst_Transport::failsSynchronously()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.outcomes = {TestConnector::FailsAtOnce};
    owner.settings.reconnect.attempts = 3;
    owner.make();
    owner.send(poke("a"));
    QCOMPARE(owner.attempts.size(), 1);
    QVERIFY(owner.failures.isEmpty());
    owner.send(poke("b"));
    QCOMPARE(owner.attempts.size(), 1);
    clock.advance(1s);
    QCOMPARE(owner.attempts.size(), 3);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.dropped, QList<int>{2});
}

void tst_Transport::connectsSynchronously()
{
    TestOwner owner;
    owner.outcomes = {TestConnector::ConnectsAtOnce};
    owner.make();
    owner.send(poke("a"));
    QCOMPARE(owner.transport->state(), Transport::Connected);
    QTRY_COMPARE(owner.device()->written(), poke("a"));
}

// An attempt that was given up has nothing to say any more.
void tst_Transport::lateSignalsOfAnAttempt()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Hangs, TestConnector::Connects};
    owner.make();
    owner.send(poke("a"));
    const QPointer<TestConnector> first = owner.connector;
    owner.clock = &clock;
    clock.advance(5s);
    QVERIFY(first.isNull() || first != owner.connector || owner.attempts.size() == 1);
    if (first)
        first->tell();
    clock.advance(1s);
    QCOMPARE(owner.attempts.size(), 2);
    QVERIFY(owner.failures.isEmpty());
    QCOMPARE(owner.transport->state(), Transport::Connected);
}

void tst_Transport::failureDropsTheQueue()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Fails};
    owner.make();
    for (int i = 0; i < 4; ++i)
        owner.send(poke("a"));
    QVERIFY(owner.transport->queue().remove(1));
    clock.advance(1min);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.dropped, QList<int>{3});
    QCOMPARE(owner.transport->takeDropped(), 0);
    QVERIFY(owner.transport->queue().isEmpty());
    clock.advance(1h);
    QCOMPARE(owner.failures.size(), 1);
}

void tst_Transport::connectsAgainAfterFailure()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Fails, TestConnector::Connects};
    owner.settings.reconnect.attempts = 1;
    owner.make();
    owner.send(poke("a"));
    clock.advance(1min);
    QCOMPARE(owner.failures.size(), 1);
    owner.send(poke("b"));
    clock.advance(1min);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    QCOMPARE(owner.device()->written(), poke("b"));
}

void tst_Transport::lossKeepsWhatIsUnsent()
{
    for (const int room : {0, 1, 6, 7, 8, 20}) {
        TestOwner owner;
        owner.make();
        owner.transport->open();
        QTRY_COMPARE(owner.transport->state(), Transport::Connected);
        owner.device()->room = room;
        const QList<QByteArray> messages{poke("one"), poke("two"), poke("three"), poke("four")};
        for (const QByteArray &message : messages)
            owner.send(message);
        owner.transport->flush();
        QCOMPARE(owner.device()->written().size(), room);
        QVERIFY(owner.transport->queue().remove(3));
        // Written is what has at least a byte written.
        QByteArray unsent;
        quint64 firstUnsent = 0;
        for (qsizetype at = 0, i = 0; i < 3; at += messages[i++].size()) {
            if (at < room)
                ++firstUnsent;
            else
                unsent += messages[i];
        }
        owner.device()->finish();
        QTRY_COMPARE(owner.losses.size(), 1);
        QCOMPARE(owner.losses.first(), firstUnsent);
        QCOMPARE(owner.errors.first().code(), Error::ConnectionLost);
        if (unsent.isEmpty())
            continue;
        QTRY_COMPARE(owner.transport->state(), Transport::Connected);
        QCOMPARE(owner.transport->generation(), 2U);
        QTRY_COMPARE(owner.device()->written(), unsent);
        QVERIFY(owner.failures.isEmpty());
    }
}

void tst_Transport::lossWithNothingToSend()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.make();
    owner.send(poke("a"));
    clock.advance(1s);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    owner.device()->finish();
    clock.advance(1min);
    QCOMPARE(owner.losses, QList<quint64>{1});
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    QCOMPARE(owner.attempts.size(), 1);
    owner.send(poke("b"));
    clock.advance(1s);
    QCOMPARE(owner.device()->written(), poke("b"));
}

void tst_Transport::optionOnEachConnection()
{
    TestOwner owner;
    owner.make(TransportOption::TxDeflate);
    owner.send(poke("a"));
    QTRY_VERIFY(owner.device() && !owner.device()->writes.isEmpty());
    for (const char *name : {"a", "b", "c"}) {
        QTRY_VERIFY(owner.device() && owner.transport->queue().isEmpty());
        QTRY_VERIFY(owner.transport->connection()->bytesToWrite() == 0);
        const QByteArray written = owner.device()->written();
        QCOMPARE(written.left(6), hex("93040100") + hex("789c"));
        QCOMPARE(decompressed(written.mid(4)), poke(name));
        owner.device()->finish();
        QTRY_VERIFY(owner.transport->connection() == nullptr);
        owner.send(poke(name[0] == 'a' ? "b" : "c"));
    }
}

void tst_Transport::reopenAlways()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.settings.reconnect.mode = Reconnect::Always;
    owner.settings.reconnect.initialDelay = 100ms;
    owner.make();
    owner.transport->open();
    clock.advance(1s);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    const auto lost = clock.elapsed();
    owner.device()->finish();
    processEvents();
    // Not at once: a peer that accepts and closes would be connected to without end.
    QCOMPARE(owner.attempts.size(), 1);
    QCOMPARE(owner.transport->state(), Transport::Connecting);
    clock.advance(1s);
    QCOMPARE(owner.attempts.size(), 2);
    QVERIFY(owner.attempts.at(1) - lost >= 75ms && owner.attempts.at(1) - lost <= 125ms);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    QCOMPARE(owner.transport->generation(), 2U);

    // At once if something waits.
    owner.send(poke("b"));
    processEvents();
    QCOMPARE(owner.device()->written(), poke("b"));
    owner.device()->room = 0;
    owner.send(poke("a"));
    processEvents();
    owner.device()->finish();
    processEvents();
    QCOMPARE(owner.attempts.size(), 3);
    clock.advance(1ms);
    QCOMPARE(owner.device()->written(), poke("a"));
}

void tst_Transport::acceptsAndCloses_data()
{
    QTest::addColumn<bool>("always");
    QTest::newRow("on demand") << false;
    QTest::newRow("always") << true;
}

// A peer that closes each connection before anything has gone through it: once that may be chance, then each is an attempt
// that has failed.
void tst_Transport::acceptsAndCloses()
{
    QFETCH(const bool, always);
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.settings.reconnect = {always ? Reconnect::Always : Reconnect::OnDemand, 3, 100ms, 1s};
    owner.closesAtOnce = true;
    owner.make();
    owner.send(poke("a"));
    for (int i = 0; i < 20; ++i)
        processEvents();
    QCOMPARE(owner.attempts.size(), 2);
    const auto wait = [&clock](std::chrono::milliseconds time) {
        for (; time > 0ms; time -= 20ms) {
            clock.advance(20ms);
            processEvents();
        }
    };
    wait(600ms);
    QCOMPARE(owner.attempts.size(), 4); // after some 100 and 200 ms
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.failures.constFirst().code(), Error::ConnectFailed);
    QCOMPARE(owner.dropped, QList<int>{1});
    QCOMPARE(owner.losses.size(), 4);
    wait(10s);
    QVERIFY(always ? owner.attempts.size() > 4 && owner.attempts.size() < 40
                   : owner.attempts.size() == 4);
    // The next finds a peer that has come to its senses.
    owner.closesAtOnce = false;
    owner.send(poke("b"));
    wait(2s);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    QCOMPARE(owner.device()->written(), poke("b"));
}

// Connections that carry nothing, but live: each loss is the first, and a message that waits then has all attempts.
void tst_Transport::quietConnections()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.settings.reconnect = {Reconnect::Always, 2, 100ms, 10s};
    owner.make();
    owner.transport->open();
    for (int i = 1; i < 10; ++i) {
        clock.advance(2s);
        QCOMPARE(owner.transport->state(), Transport::Connected);
        owner.device()->finish();
        processEvents();
        clock.advance(125ms);
        QCOMPARE(owner.attempts.size(), i + 1);
    }
    clock.advance(2s);
    owner.device()->room = 0;
    owner.send(poke("a"));
    processEvents();
    owner.device()->finish();
    processEvents();
    clock.advance(1ms);
    QCOMPARE(owner.attempts.size(), 11);
    QCOMPARE(owner.device()->written(), poke("a"));
    QVERIFY(owner.failures.isEmpty());
}

void tst_Transport::reopenAlwaysGoesOn()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.outcomes = {TestConnector::Fails};
    owner.settings.reconnect.mode = Reconnect::Always;
    owner.settings.reconnect.attempts = 3;
    owner.settings.reconnect.initialDelay = 10ms;
    owner.settings.reconnect.maximumDelay = 1s;
    owner.make();
    owner.send(poke("a"));
    clock.advance(500ms);
    QCOMPARE(owner.failures.size(), 1);
    QCOMPARE(owner.attempts.size(), 3);
    QCOMPARE(owner.transport->state(), Transport::Connecting);
    clock.advance(1s);
    QCOMPARE(owner.attempts.size(), 6);
    QCOMPARE(owner.failures.size(), 2);
    owner.outcomes = {TestConnector::Connects};
    owner.send(poke("b"));
    clock.advance(2s);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    QCOMPARE(owner.device()->written(), poke("b"));
    QCOMPARE(owner.attempts.size(), 7);
}

// A callback has opened it before the owner comes to reopen it.
void tst_Transport::reopenWhileConnecting()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.settings.reconnect.mode = Reconnect::Always;
    owner.reopens = false;
    owner.outcomes = {TestConnector::Connects, TestConnector::Hangs, TestConnector::Connects};
    owner.make();
    owner.transport->open();
    clock.advance(1s);
    owner.onLost = [&] {
        owner.transport->open();
        owner.transport->reopen(Error(Error::ConnectionLost, QStringLiteral("gone")));
    };
    owner.device()->finish();
    processEvents();
    QCOMPARE(owner.attempts.size(), 2);
    // The attempt has its whole time.
    clock.advance(4900ms);
    QCOMPARE(owner.attempts.size(), 2);
    clock.advance(1s);
    QCOMPARE(owner.attempts.size(), 3);
    QCOMPARE(owner.transport->state(), Transport::Connected);
    owner.transport->reopen(Error(Error::ConnectionLost, QStringLiteral("gone")));
    QCOMPARE(owner.transport->state(), Transport::Connected);
    clock.advance(1min);
    QCOMPARE(owner.attempts.size(), 3);
}

void tst_Transport::acceptedIsNeverMadeAgain()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.settings.reconnect.mode = Reconnect::Always;
    auto device = std::make_unique<TestDevice>();
    TestDevice *const end = device.get();
    owner.transport = std::make_unique<Transport>(owner, owner.settings, std::move(device));
    QVERIFY(owner.transport->isPassive());
    QCOMPARE(owner.transport->state(), Transport::Connected);
    end->deliver(poke("a"));
    QCOMPARE(owner.received, QList<QByteArray>{"a"});
    end->room = 0;
    owner.send(poke("b"));
    processEvents();
    end->finish();
    processEvents();
    QCOMPARE(owner.losses, QList<quint64>{0});
    owner.transport->queue().clear();
    owner.transport->reopen(Error(Error::ConnectionLost, QStringLiteral("gone")));
    owner.transport->open();
    clock.advance(1min);
    QVERIFY(owner.attempts.isEmpty());
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
}

void tst_Transport::acceptedIsReadAtOnce()
{
    TestOwner owner;
    auto device = std::make_unique<TestDevice>();
    device->deliver(poke("early"));
    owner.transport = std::make_unique<Transport>(owner, owner.settings, std::move(device));
    QTRY_COMPARE(owner.received, QList<QByteArray>{"early"});
}

void tst_Transport::closeSendsWhatWaits()
{
    TestOwner owner;
    owner.make();
    owner.transport->open();
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
    QByteArray written;
    const QPointer<TestDevice> device = owner.device();
    connect(device, &QIODevice::aboutToClose, this, [&] { written = device->written(); });
    owner.send(poke("last"));
    QCOMPARE(owner.close(), 0);
    QCOMPARE(written, poke("last"));
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    QVERIFY(owner.transport->connection() == nullptr);
    QVERIFY(device.isNull());
    QVERIFY(owner.losses.isEmpty());
    owner.close();
    // It can be opened again.
    owner.transport->open();
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
}

void tst_Transport::closeWhileConnecting()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Hangs};
    owner.make();
    owner.send(poke("a"));
    QCOMPARE(owner.close(), 1);
    QCOMPARE(owner.transport->state(), Transport::Unconnected);
    QVERIFY(owner.transport->queue().isEmpty());
    clock.advance(1h);
    QVERIFY(owner.failures.isEmpty());
    QCOMPARE(owner.attempts.size(), 1);
}

void tst_Transport::closeWhileWaiting()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::FailsAtOnce};
    owner.make();
    owner.send(poke("a"));
    owner.close();
    clock.advance(1h);
    QCOMPARE(owner.attempts.size(), 1);
    QVERIFY(owner.failures.isEmpty());
}

void tst_Transport::flushAndWaitConnects()
{
    TestOwner owner;
    owner.make();
    QVERIFY(owner.transport->flushAndWait(1h));
    QVERIFY(owner.attempts.isEmpty());
    owner.send(poke("a"));
    QVERIFY(owner.transport->flushAndWait(1h));
    QCOMPARE(owner.device()->written(), poke("a"));
    processEvents();
    QCOMPARE(owner.device()->writes.size(), 1);
    QCOMPARE(owner.transport->generation(), 1U);
}

void tst_Transport::flushAndWaitForNobody()
{
    TestOwner owner;
    owner.outcomes = {TestConnector::Hangs};
    owner.make();
    owner.send(poke("a"));
    QVERIFY(!owner.transport->flushAndWait(1h));
    QCOMPARE(owner.transport->queue().count(), 1);
}

void tst_Transport::deletedWithinMessageReceived()
{
    TestOwner owner;
    owner.make();
    owner.transport->open();
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
    owner.onMessage = [&] { owner.transport.reset(); };
    const QPointer<TestDevice> device = owner.device();
    device->deliver(poke("a") + poke("b"));
    QCOMPARE(owner.received, QList<QByteArray>{"a"});
    QTRY_VERIFY(device.isNull());
    QVERIFY(owner.losses.isEmpty());
}

void tst_Transport::deletedWithinConnectionLost()
{
    TestOwner owner;
    owner.make();
    owner.transport->open();
    QTRY_COMPARE(owner.transport->state(), Transport::Connected);
    owner.onLost = [&] { owner.transport.reset(); };
    const QPointer<TestDevice> device = owner.device();
    device->deliver(hex("c1"));
    QCOMPARE(owner.losses.size(), 1);
    QVERIFY(owner.transport == nullptr);
    QTRY_VERIFY(device.isNull());
}

void tst_Transport::deletedWithinConnectFailed_data()
{
    QTest::addColumn<int>("outcome");

    QTest::newRow("fails") << int(TestConnector::Fails);
    QTest::newRow("fails at once") << int(TestConnector::FailsAtOnce);
    QTest::newRow("hangs") << int(TestConnector::Hangs);
}

void tst_Transport::deletedWithinConnectFailed()
{
    QFETCH(int, outcome);
    Testing::Clock clock;
    TestOwner owner;
    owner.outcomes = {TestConnector::Outcome(outcome)};
    owner.settings.reconnect.attempts = 2;
    owner.make();
    owner.onFailed = [&] { owner.transport.reset(); };
    owner.send(poke("a"));
    clock.advance(1min);
    QCOMPARE(owner.failures.size(), 1);
    QVERIFY(owner.transport == nullptr);
}

void tst_Transport::deletedWhileConnecting()
{
    for (const auto outcome :
         {TestConnector::Connects, TestConnector::Fails, TestConnector::Hangs}) {
        Testing::Clock clock;
        TestOwner owner;
        owner.outcomes = {outcome};
        owner.make();
        owner.send(poke("a"));
        const QPointer<TestConnector> connector = owner.connector;
        owner.transport.reset();
        clock.advance(1min);
        QVERIFY(owner.failures.isEmpty());
        QTRY_VERIFY(connector.isNull());
    }
}

// Who is told tries again at once.
void tst_Transport::callsWithinConnectFailed()
{
    Testing::Clock clock;
    TestOwner owner;
    owner.clock = &clock;
    owner.outcomes = {TestConnector::Fails};
    owner.settings.reconnect.attempts = 2;
    owner.make();
    owner.onFailed = [&] {
        if (owner.failures.size() < 3)
            owner.send(poke("again"));
    };
    owner.send(poke("a"));
    clock.advance(1min);
    QCOMPARE(owner.failures.size(), 3);
    QCOMPARE(owner.attempts.size(), 6);
}

void tst_Transport::memory()
{
    TestOwner server;
    MemoryListener listener;
    listener.setAcceptor([&](std::unique_ptr<QIODevice> device) {
        server.transport = std::make_unique<Transport>(server, server.settings, std::move(device));
    });
    QVERIFY(listener.listen(QUrl(QStringLiteral("memory:test"))));
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.url = QUrl(QStringLiteral("memory:test"));
    client.make(TransportOption::Deflate);
    client.send(poke("a"));
    QTRY_COMPARE(server.received, QList<QByteArray>{"a"});
    server.send(poke("b"));
    QTRY_COMPARE(client.received, QList<QByteArray>{"b"});
    // The last notification arrives although the connection is closed at once.
    client.send(poke("c"));
    client.close();
    QTRY_COMPARE(server.losses.size(), 1);
    QCOMPARE(server.received, (QList<QByteArray>{"a", "c"}));
}

void tst_Transport::memoryOfNobody()
{
    Testing::Clock clock;
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.url = QUrl(QStringLiteral("memory:nobody"));
    client.make();
    client.send(poke("a"));
    clock.advance(1min);
    QCOMPARE(client.failures.size(), 1);
    QCOMPARE(client.failures.first().code(), Error::ConnectFailed);
}

void tst_Transport::tcp()
{
    TestOwner server;
    QString why;
    const std::unique_ptr<Listener> listener = Listener::create(localUrl(0), server.settings, &why);
    QVERIFY2(listener != nullptr, qPrintable(why));
    listener->setAcceptor([&](std::unique_ptr<QIODevice> device) {
        server.transport = std::make_unique<Transport>(server, server.settings, std::move(device));
    });
    QVERIFY2(listener->listen(localUrl(0)), qPrintable(listener->error()));
    QVERIFY(listener->url().port() > 0);
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.keepAlive = 30;
    client.settings.url = listener->url();
    client.make(TransportOption::Deflate);
    client.send(poke("a"));
    QTRY_COMPARE(server.received, QList<QByteArray>{"a"});
    server.send(poke("b"));
    QTRY_COMPARE(client.received, QList<QByteArray>{"b"});
    QCOMPARE(client.transport->connection()->peerAddress(), Address::fromUrl(listener->url()));
    QCOMPARE(client.transport->connection()->peerName(),
             Address::fromUrl(listener->url())->toString());
    client.send(poke("c"));
    client.close();
    QTRY_COMPARE(server.losses.size(), 1);
    QCOMPARE(server.received, (QList<QByteArray>{"a", "c"}));
}

void tst_Transport::tcpRefused()
{
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.url = localUrl(freePort());
    client.settings.reconnect.attempts = 3;
    client.settings.reconnect.initialDelay = 1ms;
    client.make();
    client.send(poke("a"));
    QVERIFY(client.failures.isEmpty());
    QTRY_COMPARE(client.failures.size(), 1);
    QCOMPARE(client.failures.first().code(), Error::ConnectFailed);
    QVERIFY(client.failures.first().message().contains(client.settings.url.toString()));
}

void tst_Transport::tcpPeerGoes()
{
    QTcpServer listener;
    QVERIFY(listener.listen(QHostAddress::LocalHost));
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.url = localUrl(listener.serverPort());
    client.make();
    client.send(poke("a"));
    QTRY_VERIFY(listener.hasPendingConnections());
    QTcpSocket *const peer = listener.nextPendingConnection();
    QTRY_COMPARE(peer->bytesAvailable(), poke("a").size());
    peer->write(poke("b") + poke("c").left(2));
    peer->disconnectFromHost();
    QTRY_COMPARE(client.losses, QList<quint64>{1});
    QCOMPARE(client.errors.first().code(), Error::ConnectionLost);
    QCOMPARE(client.received, QList<QByteArray>{"b"});
}

// More than any buffer of the system holds, in both directions at once.
void tst_Transport::tcpLargeBothWays()
{
    TestOwner server;
    QString why;
    const std::unique_ptr<Listener> listener = Listener::create(localUrl(0), server.settings, &why);
    listener->setAcceptor([&](std::unique_ptr<QIODevice> device) {
        server.transport = std::make_unique<Transport>(server, server.settings, std::move(device));
    });
    QVERIFY(listener->listen(localUrl(0)));
    TestOwner client;
    client.settings.connector = nullptr;
    client.settings.url = listener->url();
    client.make();
    client.transport->open();
    QTRY_VERIFY(server.transport != nullptr);
    const QByteArray large = notify("large", noise(5'000'000));
    for (int i = 0; i < 4; ++i) {
        client.send(large);
        client.send(poke("small"));
        server.send(large);
        server.send(poke("small"));
    }
    QTRY_COMPARE(client.received.size(), 8);
    QTRY_COMPARE(server.received.size(), 8);
    const qsizetype size = 1 + 5 + 5'000'000;
    QCOMPARE(client.sizes, (QList<qsizetype>{size, 1, size, 1, size, 1, size, 1}));
    QCOMPARE(server.sizes, client.sizes);
}

void tst_Transport::listener_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<bool>("isKnown");
    QTest::addColumn<bool>("listens");

    const auto row = [](const char *url, bool isKnown, bool listens) {
        QTest::addRow("'%s'", url) << QUrl(QLatin1String(url)) << isKnown << listens;
    };
    row("tcp://127.0.0.1:0", true, true);
    row("tcp://localhost:0", true, true);
    row("tcp://127.0.0.1:0/", true, true);
    row("tcp://127.0.0.1", false, false); // nor is any port one that was meant
    row("tcp://127.0.0.1:65536", false, false);
    row("tcp://me@127.0.0.1:0", false, false);
    row("tcp://127.0.0.1:0/x", false, false);
    row("memory:listener", true, true);
    row("memory:", false, false);
    row("tcp://some.name:0", true, false);
    row("tcp://:0", false, false); // all interfaces must be written out
    row("tcp:", false, false);
    row("http://127.0.0.1:0", false, false);
    row("", false, false);
}

void tst_Transport::listener()
{
    QFETCH(QUrl, url);
    QFETCH(bool, isKnown);
    QFETCH(bool, listens);
    QString why;
    const TransportSettings settings;
    const std::unique_ptr<Listener> made = Listener::create(url, settings, &why);
    QCOMPARE(made != nullptr, isKnown);
    QCOMPARE(why.isEmpty(), isKnown);
    if (!made)
        return;
    QCOMPARE(made->listen(url), listens);
    QCOMPARE(made->error().isEmpty(), listens);
    QCOMPARE(made->url().isEmpty(), !listens);
    if (!listens)
        return;
    // Nobody else can.
    const std::unique_ptr<Listener> second = Listener::create(url, settings, &why);
    QVERIFY(!second->listen(made->url()));
    made->close();
    QVERIFY(made->url().isEmpty());
}

QTEST_GUILESS_MAIN(tst_Transport)

#include "tst_transport.moc"
