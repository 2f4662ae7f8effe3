// SPDX-License-Identifier: Apache-2.0

// Which response ends which call: sessions over paired devices, with the bytes in the hands of the test.
#include "session/session_p.h"
#include "transport/memorydevice_p.h"

#include <MsgpackRpc/Session>
#include <MsgpackRpc/Testing>

#include <QtTest/QTest>

using namespace std::chrono_literals;
using MsgpackRpc::Error;
using MsgpackRpc::MemoryListener;
using MsgpackRpc::Session;
using MsgpackRpc::TransportOption;

class tst_Responses : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();
    void outOfOrder();
    void idsOfNobody();
    void overAnotherConnection();
    void beforeTheRequestWasWritten();
    void lossOfOneTransport();
    void reconnectSendsOptionAgain();
    void lateDuplicateAndUnknown();
    void idsWrap();
    void idsInUseArePassedOver();
    void timeoutSetAndCleared();
    void closeAndUseAgain();

private:
    QByteArray read(int connection);
    void write(int connection, const char *hex);

    std::unique_ptr<MemoryListener> listener;
    std::vector<std::unique_ptr<QIODevice>> peers;
    std::vector<QByteArray> received;
    std::unique_ptr<Session> session;
};

void tst_Responses::init()
{
    listener = std::make_unique<MemoryListener>();
    QVERIFY(listener->listen(QUrl("memory:responses")));
    listener->setAcceptor([this](std::unique_ptr<QIODevice> device) {
        peers.push_back(std::move(device));
        received.emplace_back();
    });
    session = std::make_unique<Session>(QUrl("memory:responses"));
}

void tst_Responses::cleanup()
{
    session.reset();
    peers.clear();
    received.clear();
    listener.reset();
}

QByteArray tst_Responses::read(int connection)
{
    if (int(peers.size()) <= connection)
        return {};
    received[size_t(connection)] += peers[size_t(connection)]->readAll();
    return received[size_t(connection)].toHex();
}

void tst_Responses::write(int connection, const char *hex)
{
    peers[size_t(connection)]->write(QByteArray::fromHex(hex));
}

void tst_Responses::outOfOrder()
{
    QList<int> results;
    for (int i = 0; i < 3; ++i)
        session->call<int>("x").then(this, [&](int value) { results.append(value); });
    QTRY_COMPARE(read(0), QByteArray("940001a1789094"
                                     "0002a1789094"
                                     "0003a17890"));
    write(0, "940103c003940101c001940102c002");
    QTRY_COMPARE(results, (QList<int>{3, 1, 2}));
}

// A response counts only on the connection that carried its request.
// Some peers answer notifications, or what they do not understand, with ids like these.
void tst_Responses::idsOfNobody()
{
    session->notify("unknown");
    const auto reply = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("9302a7756e6b6e6f776e90940001a17890"));
    write(0, "9401ffa4426f6f6dc0" // -1
             "940100a4426f6f6dc0"
             "940102a4426f6f6dc0"
             "9401cf0000000100000001c007" // 1, and 2^32
             "9401cbbff0000000000000c007" // -1.0
             "940101c003");
    QVERIFY(reply.waitForFinished());
    QCOMPARE(reply.result(), 3);
    QCOMPARE(session->state(), Session::Connected);
}

void tst_Responses::overAnotherConnection()
{
    auto plain = session->call<int>("x");
    auto other = session->over(TransportOption::RxDeflate).call<int>("y");
    QTRY_COMPARE(read(0), QByteArray("940001a17890"));
    QTRY_COMPARE(read(1), QByteArray("93040001"
                                     "940002a17990"));
    write(1, "940101c007"); // for the other's call
    write(1, "940102c002");
    QTRY_VERIFY(other.isFinished());
    QCOMPARE(other.result(), 2);
    QVERIFY(!plain.isFinished());
    write(0, "940101c001");
    QTRY_VERIFY(plain.isFinished());
    QCOMPARE(plain.result(), 1);
}

// A peer that guesses the next id does not answer what it was never asked.
void tst_Responses::beforeTheRequestWasWritten()
{
    auto first = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("940001a17890"));
    write(0, "940102c007"); // a guess
    write(0, "940101c001");
    MsgpackRpc::PendingReply<int> second;
    first.then(this, [&](int) { second = session->call<int>("y"); });
    QTRY_VERIFY(second.isValid());
    QTRY_COMPARE(read(0), QByteArray("940001a17890"
                                     "940002a17990"));
    QVERIFY(!second.isFinished());
    write(0, "940102c002");
    QTRY_VERIFY(second.isFinished());
    QCOMPARE(second.result(), 2);
}

void tst_Responses::lossOfOneTransport()
{
    auto plain = session->call<int>("x");
    auto other = session->over(TransportOption::RxDeflate).call<int>("y");
    QTRY_COMPARE(read(0), QByteArray("940001a17890"));
    QTRY_VERIFY(!read(1).isEmpty());
    peers[1].reset();
    QTRY_VERIFY(other.isFinished());
    QCOMPARE(other.error().code(), Error::ConnectionLost);
    QVERIFY(!plain.isFinished());
    write(0, "940101c001");
    QTRY_VERIFY(plain.isFinished());
    QCOMPARE(plain.result(), 1);
}

// A new connection begins with OPTION again, and the ids go on counting.
void tst_Responses::reconnectSendsOptionAgain()
{
    session->setTransportOption(TransportOption::RxDeflate);
    session->setNextMsgid(0);
    auto first = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("93040001"
                                     "940000a17890"));
    peers[0].reset();
    QTRY_VERIFY(first.isFinished());
    QCOMPARE(first.error().code(), Error::ConnectionLost);
    auto second = session->call<int>("x");
    QTRY_COMPARE(read(1), QByteArray("93040001"
                                     "940001a17890"));
    write(1, "940101c005"); // plain answers are read until the compressed stream begins
    QTRY_VERIFY(second.isFinished());
    QCOMPARE(second.result(), 5);
}

// What answers nobody is ignored, and the connection goes on.
void tst_Responses::lateDuplicateAndUnknown()
{
    MsgpackRpc::Testing::Clock clock;
    auto late = session->withTimeout(1s).call<int>("x");
    clock.advance(0ms);
    QCOMPARE(read(0), QByteArray("940001a17890"));
    clock.advance(2s);
    QVERIFY(late.isFinished());
    QCOMPARE(late.error().code(), Error::Timeout);
    int results = 0;
    session->call<int>("y").then(this, [&](int value) { results += value; });
    clock.advance(0ms);
    write(0, "940101c007" // late
             "940163c007" // to nobody
             "940100c007" // what some peers answer to a message that they do not know
             "940102c001"
             "940102c010"); // twice
    clock.advance(0ms);
    QCOMPARE(results, 1);
    QCOMPARE(late.error().code(), Error::Timeout);
    session->call<int>("w").then(this, [&](int value) { results += value; });
    clock.advance(0ms);
    write(0, "940102c010"
             "940103c001");
    clock.advance(0ms);
    QCOMPARE(results, 2);
    QCOMPARE(peers.size(), size_t(1));
}

// From 2^31-1 to 1: 0 is not used.
void tst_Responses::idsWrap()
{
    session->setNextMsgid(2'147'483'647);
    auto last = session->call<int>("x");
    auto first = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("9400ce7fffffffa17890"
                                     "940001a17890"));
    write(0, "940101c001"
             "9401ce7fffffffc002");
    QTRY_VERIFY(last.isFinished());
    QCOMPARE(first.result(), 1);
    QCOMPARE(last.result(), 2);
}

void tst_Responses::idsInUseArePassedOver()
{
    auto open = session->call<int>("x"); // 1, and stays open
    session->setNextMsgid(2'147'483'647);
    auto last = session->call<int>("x");
    auto next = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("940001a17890"
                                     "9400ce7fffffffa17890"
                                     "940002a17890"));
    write(0, "940101c001"
             "940102c002"
             "9401ce7fffffffc003");
    QTRY_VERIFY(last.isFinished());
    QCOMPARE(open.result(), 1);
    QCOMPARE(next.result(), 2);
    QCOMPARE(last.result(), 3);
}

// It counts for the calls made while it is set.
void tst_Responses::timeoutSetAndCleared()
{
    MsgpackRpc::Testing::Clock clock;
    session->setTimeout(1s);
    auto brief = session->call<int>("x");
    session->setTimeout(-1ms);
    auto endless = session->call<int>("y");
    session->setTimeout(100s);
    auto long100 = session->call<int>("z");
    clock.advance(2s);
    QVERIFY(brief.isFinished());
    QCOMPARE(brief.error().code(), Error::Timeout);
    QVERIFY(!long100.isFinished());
    clock.advance(120s);
    QVERIFY(long100.isFinished());
    clock.advance(std::chrono::hours(1000));
    QVERIFY(!endless.isFinished());
    write(0, "940102c005");
    clock.advance(0ms);
    QVERIFY(endless.isFinished());
    QCOMPARE(endless.result(), 5);
}

void tst_Responses::closeAndUseAgain()
{
    session->setTransportOption(TransportOption::RxDeflate);
    auto open = session->call<int>("x");
    QTRY_COMPARE(read(0), QByteArray("93040001"
                                     "940001a17890"));
    session->close();
    QTRY_VERIFY(open.isFinished());
    QCOMPARE(open.error().code(), Error::Canceled);
    session->notify("n");
    auto again = session->call<int>("x");
    QTRY_COMPARE(read(1), QByteArray("93040001"
                                     "9302a16e90"
                                     "940002a17890"));
    write(1, "940101c007" // for the call that was closed
             "940102c001");
    QTRY_VERIFY(again.isFinished());
    QCOMPARE(again.result(), 1);
    QCOMPARE(open.error().code(), Error::Canceled);
}

QTEST_GUILESS_MAIN(tst_Responses)
#include "tst_responses.moc"
