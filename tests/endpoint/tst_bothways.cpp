// SPDX-License-Identifier: Apache-2.0

// Both sides of a session call each other, much and over several connections: neither waits for ever for the other to read.
#include "tally.h"
#include "wire/wiremessages.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Testing>

#include <QtCore/QTimer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Responder;
using MsgpackRpc::Server;
using MsgpackRpc::Session;
using MsgpackRpc::TransportOption;

class tst_BothWays : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void bulk_data();
    void bulk();
    void bothServeMuch_data();
    void bothServeMuch();
    void deafForAWhile();
    void slowReader();
    void severalConnections_data();
    void severalConnections();
    void aConnectionIsReadWhileOthersWork();

private:
    // The session at the server of a new connection of the client, with \a option.
    Session *connectOver(TransportOption option);
    void callMuch(Session *session, int calls, Tally *tally, QObject *context);

    static constexpr int Calls = 40; // of 1 MiB: more than the system holds, and may be left unread
    std::unique_ptr<Server> m_server;
    std::unique_ptr<Client> m_client;
    QList<Session *> m_opened;
};

void tst_BothWays::init()
{
    Limits limits;
    limits.queuedBytes = 64 * 1024 * 1024;
    const auto echo = [](const QByteArray &bytes) { return bytes; };
    m_client.reset();
    m_opened.clear();
    m_server = std::make_unique<Server>();
    m_server->setLimits(limits);
    m_server->bind("hello", [] { return 1; });
    m_server->bind("echo", echo);
    connect(m_server.get(), &Server::sessionOpened, this,
            [this](Session *session) { m_opened.append(session); });
    QVERIFY(m_server->listen(QUrl("tcp://127.0.0.1:0")));
    m_client = std::make_unique<Client>(m_server->urls().constFirst());
    m_client->setLimits(limits);
    m_client->setTimeout(30s);
    m_client->bind("hello", [] { return 1; });
    m_client->bind("echo", echo);
    m_client->bind("later", this, [](Responder responder) {
        QTimer::singleShot(0, qApp, [responder]() mutable { responder.result(1); });
    });
}

Session *tst_BothWays::connectOver(TransportOption option)
{
    const qsizetype before = m_opened.size();
    if (!m_client->over(option).call<int>("hello").waitForFinished(30s)
        || !QTest::qWaitFor([&] { return m_opened.size() > before; }, 30'000))
        qFatal("no connection");
    return m_opened.constLast();
}

void tst_BothWays::callMuch(Session *session, int calls, Tally *tally, QObject *context)
{
    const QByteArray body(1024 * 1024, 'x');
    for (int i = 0; i < calls; ++i)
        tally->watch(context, i, session->call("echo", body));
}

void tst_BothWays::bulk_data()
{
    QTest::addColumn<bool>("isOverAnother");
    QTest::addColumn<QString>("method");
    QTest::newRow("calls answered at once") << false << "hello";
    QTest::newRow("calls answered later") << false << "later";
    QTest::newRow("work ends over another connection") << true << "later";
    QTest::newRow("another connection is lost") << true << QString();
}

// While a client sends much, its server calls it, and what else may happen: calls that wait are no reason not to read.
void tst_BothWays::bulk()
{
    QFETCH(const bool, isOverAnother);
    QFETCH(const QString, method);
    Session *const plain = connectOver({});
    const QPointer<Session> other = isOverAnother ? connectOver(TransportOption::Deflate) : plain;
    Tally bulk;
    Tally back;
    QObject context; // ends before they do
    callMuch(m_client.get(), Calls, &bulk, &context);
    int asked = 0;
    plain->setTimeout(30s);
    other->setTimeout(30s);
    QTimer ask;
    connect(&ask, &QTimer::timeout, this, [&] {
        if (method.isEmpty())
            other->close();
        else
            back.watch(&context, asked++, other->call(method));
        if (method.isEmpty() || asked == 20)
            ask.stop();
    });
    ask.start(1);
    QTRY_COMPARE_WITH_TIMEOUT(bulk.total(), int(Calls), 60'000);
    QCOMPARE(bulk.succeeded, int(Calls));
    QTRY_VERIFY_WITH_TIMEOUT(!ask.isActive() && back.total() == asked, 60'000);
    QCOMPARE(back.succeeded, asked);
}

void tst_BothWays::bothServeMuch_data()
{
    QTest::addColumn<int>("calls");
    QTest::addColumn<int>("step"); // of the clock, each time that it is looked
    QTest::newRow("less than may be left") << int(Calls) << 100;
    QTest::newRow("nearly queuedBytes") << 60 << 2'000;
}

// What each has to answer waits behind what each has called, until one of them reads on.
void tst_BothWays::bothServeMuch()
{
    QFETCH(const int, calls);
    QFETCH(const int, step);
    MsgpackRpc::Testing::Clock clock;
    Session *const session = connectOver({});
    session->setTimeout(-1ms);
    m_client->setTimeout(-1ms);
    Tally there;
    Tally back;
    QObject context;
    callMuch(m_client.get(), calls, &there, &context);
    callMuch(session, calls, &back, &context);
    const auto ended = [&] {
        clock.advance(std::chrono::milliseconds(step));
        return there.total() + back.total();
    };
    QTRY_COMPARE_WITH_TIMEOUT(ended(), 2 * calls, 60'000);
    QCOMPARE(there.succeeded, calls);
    QCOMPARE(back.succeeded, calls);
    QCOMPARE(m_server->sessions().size(), 1);
    m_client.reset(); // what waits for the clock
    m_server.reset();
}

// All calls have timed out before either was taken to stand still; what comes then arrives.
void tst_BothWays::deafForAWhile()
{
    Session *const session = connectOver({});
    session->setTimeout(500ms);
    m_client->setTimeout(500ms);
    int notes = 0;
    Tally there;
    Tally back;
    QObject context;
    const auto note = [&] { ++notes; };
    m_server->bind("note", &context, note);
    m_client->bind("note", &context, note);
    callMuch(m_client.get(), Calls, &there, &context);
    callMuch(session, Calls, &back, &context);
    QTRY_COMPARE_WITH_TIMEOUT(there.total() + back.total(), 2 * Calls, 60'000);
    QVERIFY(m_client->notify("note"));
    QVERIFY(session->notify("note"));
    QTRY_COMPARE_WITH_TIMEOUT(notes, 2, 60'000);
    QCOMPARE(m_server->sessions().size(), 1);
}

// A call is open to a peer that has asked for much and reads nothing for a while: it is left what it may leave, and reads on.
void tst_BothWays::slowReader()
{
    constexpr int Answers = 64;
    constexpr qsizetype Size = 1024 * 1024;
    MsgpackRpc::Testing::Clock clock;
    m_server->bind("bytes", [] { return QByteArray(Size, 'x'); });
    QTcpSocket peer;
    peer.setReadBufferSize(1);
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QTRY_COMPARE(m_opened.size(), 1);
    m_opened.constFirst()->setTimeout(-1ms);
    Limits limits = m_server->limits();
    limits.queuedBytes = 16 * 1024 * 1024;
    m_opened.constFirst()->setLimits(limits);
    const auto held = m_opened.constFirst()->call("held");
    peer.write(QByteArray::fromHex("940001a5627974657390").repeated(Answers));
    QTRY_VERIFY(m_opened.constFirst()->bytesToWrite() > limits.queuedBytes / 8);
    for (int i = 0; i < 30; ++i) {
        clock.advance(1s);
        QCoreApplication::processEvents();
        QVERIFY(m_opened.constFirst()->bytesToWrite() <= limits.queuedBytes);
    }
    peer.setReadBufferSize(0);
    qsizetype received = 0;
    QTRY_VERIFY_WITH_TIMEOUT((received += peer.readAll().size()) > Answers * Size, 60'000);
    QVERIFY(!held.isFinished());
    m_client.reset();
    m_server.reset(); // what waits for the clock
}

void tst_BothWays::severalConnections_data()
{
    QTest::addColumn<QString>("event");
    QTest::newRow("much to send, and small calls") << "small";
    QTest::newRow("other limits") << "limits";
}

// Enough is in work that came over one connection; the answer that it needs comes over another.
void tst_BothWays::severalConnections()
{
    QFETCH(const QString, event);
    Limits limits = m_client->limits();
    limits.requestsInWork = 1;
    m_client->setLimits(limits);
    Session *const first = connectOver({});
    Session *const second = connectOver(TransportOption::Deflate);
    first->setTimeout(30s);
    second->setTimeout(30s);
    Responder work;
    Tally bulk;
    Tally small;
    QObject context;
    m_client->bind("work", &context, [&](Responder responder) { work = responder; });
    const auto working = first->call<int>("work");
    QTRY_VERIFY(work.isValid());
    int asked = 0;
    if (event == u"limits") {
        limits.idleTime /= 2;
        m_client->setLimits(limits);
    } else {
        const QByteArray body = WireMessages::noise(1024 * 1024);
        for (int i = 0; i < Calls; ++i)
            bulk.watch(&context, i, m_client->over(TransportOption::Deflate).call("echo", body));
        for (; asked < 20; ++asked)
            small.watch(&context, asked, second->call("hello"));
    }
    m_client->over(TransportOption::Deflate).call<int>("hello").then(&context, [&](int result) {
        work.result(result);
    });
    QVERIFY(working.waitForFinished(60s));
    QCOMPARE(working.error().message(), QString());
    QTRY_COMPARE_WITH_TIMEOUT(small.succeeded, asked, 60'000);
    QTRY_COMPARE_WITH_TIMEOUT(bulk.succeeded, event == u"limits" ? 0 : int(Calls), 60'000);
}

// Work that has come over two connections is enough; one of them, and a third, carry what that needs to end.
void tst_BothWays::aConnectionIsReadWhileOthersWork()
{
    Limits limits = m_client->limits();
    limits.requestsInWork = 1;
    m_client->setLimits(limits);
    Session *const first = connectOver({});
    Session *const second = connectOver(TransportOption::Deflate);
    connectOver(TransportOption::TxDeflate);
    Responder firstAnswer;
    Responder secondAnswer;
    int begun = 0;
    QObject context;
    m_client->bind("first", &context, [&](Responder responder) {
        firstAnswer = responder;
        ++begun;
    });
    m_client->bind("second", &context, [&](Responder responder) {
        secondAnswer = responder;
        ++begun;
    });
    Responder slow;
    m_server->bind("slow", &context, [&](Responder responder) { slow = responder; });
    const auto firstCall = first->call<int>("first");
    const auto secondCall = second->call<int>("second");
    QTRY_COMPARE(begun, 2);
    m_client->over(TransportOption::TxDeflate).call<int>("slow").then(&context, [&](int result) {
        secondAnswer.result(result);
    });
    QTRY_VERIFY(slow.isValid());
    firstAnswer.result(1);
    QVERIFY(firstCall.waitForFinished(30s));
    slow.result(7);
    QVERIFY(secondCall.waitForFinished(30s));
    QCOMPARE(secondCall.error().message(), QString());
    QCOMPARE(secondCall.result(), 7);
}

QTEST_GUILESS_MAIN(tst_BothWays)

#include "tst_bothways.moc"
