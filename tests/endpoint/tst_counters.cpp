// SPDX-License-Identifier: Apache-2.0

// What sessions and servers count, and that what a flood provokes is counted, not all of it logged.
#include "notifiermodes.h"

#include <MsgpackRpc/Counters>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Testing>

#include <QtCore/QRegularExpression>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Counters;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;

namespace {

QStringList lines;

void keepLine(QtMsgType type, const QMessageLogContext &, const QString &line)
{
    if (type == QtWarningMsg)
        lines.append(line);
}

} // namespace

class tst_Counters : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void value();
    void callsAndNotifications();
    void failures();
    void answersThatComeLater();
    void bytes_data();
    void bytes();
    void endedSessions();
    void unsentIsNotSent();
    void rejectedConnections();
    void badMessages();
    void datagrams();
    void floodIsCountedNotLogged_data();
    void floodIsCountedNotLogged();

private:
    static void prepare(Server &server, const QUrl &url = QUrl("tcp://127.0.0.1:0"));
};

void tst_Counters::prepare(Server &server, const QUrl &url)
{
    server.bind("add", [](int a, int b) { return a + b; });
    server.bind("size", [](const QByteArray &bytes) { return bytes.size(); });
    server.bind("never", [](const MsgpackRpc::Responder &responder) {
        static QList<MsgpackRpc::Responder> kept;
        kept.append(responder);
    });
    QVERIFY2(server.listen(url), qPrintable(server.error().message()));
}

void tst_Counters::value()
{
    Counters a;
    QCOMPARE(a, Counters());
    a.bytesSent = 10;
    a.callsFailedBy[Error::Timeout] = 2;
    a.connectionsRejectedBy[Counters::HandshakeFailed] = 3;
    Counters b = a;
    b += a;
    QVERIFY(a != b);
    QCOMPARE(b.bytesSent, 20u);
    QCOMPARE(b.callsFailed(), 4u);
    QCOMPARE(b.connectionsRejected(), 6u);
    QCOMPARE(b - a, a);
    QString text;
    QDebug(&text) << a;
    QCOMPARE(text.trimmed(), QString("MsgpackRpc::Counters(bytesSent 10, callsFailed Timeout 2, "
                                     "connectionsRejected HandshakeFailed 3)"));
}

void tst_Counters::callsAndNotifications()
{
    Server server;
    prepare(server);
    Client client(server.urls().constFirst());
    for (int i = 0; i < 5; ++i)
        QVERIFY(client.call<int>("add", i, 1).waitForFinished(30s));
    client.notify("add", 1, 2);
    auto unknown = client.call("unknown");
    QVERIFY(unknown.waitForFinished(30s));
    QCOMPARE(unknown.error().code(), Error::RemoteError);

    const Counters made = client.counters();
    QCOMPARE(made.callsMade, 6u);
    QCOMPARE(made.callsAnswered, 5u);
    QCOMPARE(made.callsFailed(), 1u);
    QCOMPARE(made.callsFailedBy[Error::RemoteError], 1u);
    QCOMPARE(made.notificationsMade, 1u);
    QCOMPARE(made.messagesSent, 7u);
    QCOMPARE(made.messagesReceived, 6u);
    QCOMPARE(made.connectionsOpened, 1u);

    const Counters served = server.counters();
    QCOMPARE(served.requestsReceived, 6u);
    QCOMPARE(served.notificationsReceived, 1u);
    QCOMPARE(served.errorsAnswered, 1u);
    QCOMPARE(served.messagesReceived, 7u);
    QCOMPARE(served.messagesSent, 6u);
    QCOMPARE(served.connectionsOpened, 1u);
    QCOMPARE(served.bytesReceived, made.bytesSent);
    QCOMPARE(served.bytesSent, made.bytesReceived);
    QCOMPARE(server.sessions().constFirst()->counters(), served);
}

void tst_Counters::failures()
{
    MsgpackRpc::Testing::Clock clock;
    Server server;
    prepare(server);
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    auto late = client.withTimeout(1s).call("never");
    auto cancelled = client.call("never");
    auto lost = client.call("never");
    auto refused = client.call("size", QByteArray(100, 'x'));
    Limits limits;
    limits.messageBytes = 50;
    client.setLimits(limits);
    auto tooLarge = client.call("size", QByteArray(100, 'x'));
    QTRY_COMPARE(server.sessions().constFirst()->requestsInWork(), 3);
    clock.advance(1'200ms);
    cancelled.cancel();
    server.sessions().constFirst()->close();
    QVERIFY(lost.waitForFinished(30s));
    auto closed = client.call("never");
    client.close();
    for (const auto &reply : {late, cancelled, lost, tooLarge, closed})
        QVERIFY(reply.error());
    const Counters counters = client.counters();
    QCOMPARE(counters.callsFailedBy[Error::Timeout], 1u);
    QCOMPARE(counters.callsFailedBy[Error::Canceled], 2u);
    QCOMPARE(counters.callsFailedBy[Error::ConnectionLost], 1u);
    QCOMPARE(counters.callsFailedBy[Error::LimitExceeded], 1u);
    QCOMPARE(counters.callsFailed(), 5u);
    QCOMPARE(counters.callsMade, counters.callsAnswered + counters.callsFailed() - 1);

    Client nowhere(QUrl("bad://url"));
    QVERIFY(nowhere.call("add").waitForFinished(30s));
    QCOMPARE(nowhere.counters().callsFailedBy[Error::NotConnectable], 1u);
}

void tst_Counters::answersThatComeLater()
{
    Server server;
    prepare(server);
    server.bind("later", [](bool good, const MsgpackRpc::Responder &responder) {
        good ? responder.result(1) : responder.error("no");
    });
    Client client(server.urls().constFirst());
    for (const bool good : {true, false, false})
        QVERIFY(client.call("later", good).waitForFinished(30s));
    QCOMPARE(server.counters().errorsAnswered, 2u);
    QCOMPARE(client.counters().callsAnswered, 1u);
    QCOMPARE(client.counters().callsFailedBy[Error::RemoteError], 2u);
}

void tst_Counters::bytes_data()
{
    QTest::addColumn<MsgpackRpc::TransportOption>("option");
    QTest::addColumn<qint64>("least");
    QTest::addColumn<qint64>("most");
    QTest::newRow("plain") << MsgpackRpc::TransportOption() << qint64(1'000'000)
                           << qint64(1'000'100);
    QTest::newRow("deflate") << MsgpackRpc::TransportOption(MsgpackRpc::TransportOption::Deflate)
                             << qint64(500) << qint64(20'000);
}

// As they are on the wire.
void tst_Counters::bytes()
{
    QFETCH(MsgpackRpc::TransportOption, option);
    QFETCH(qint64, least);
    QFETCH(qint64, most);
    Server server;
    prepare(server);
    Client client(server.urls().constFirst());
    client.setTransportOption(option);
    auto reply = client.call<int>("size", QByteArray(1'000'000, 'x'));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 1'000'000);
    const Counters sent = client.counters();
    const Counters received = server.counters();
    QVERIFY(qint64(sent.bytesSent) >= least && qint64(sent.bytesSent) <= most);
    QCOMPARE(received.bytesReceived, sent.bytesSent);
    QCOMPARE(received.bytesSent, sent.bytesReceived);
}

void tst_Counters::endedSessions()
{
    Server server;
    prepare(server);
    for (int i = 0; i < 3; ++i) {
        Client client(server.urls().constFirst());
        QVERIFY(client.call<int>("add", i, 1).waitForFinished(30s));
    }
    QTRY_VERIFY(server.sessions().isEmpty());
    QCOMPARE(server.counters().requestsReceived, 3u);
    QCOMPARE(server.counters().connectionsOpened, 3u);
    QVERIFY(server.counters().bytesSent > 0);
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("add", 1, 1).waitForFinished(30s));
    QCOMPARE(server.counters().requestsReceived, 4u);
    // By the user, in a row, and at once.
    delete server.sessions().constFirst();
    QCOMPARE(server.counters().requestsReceived, 4u);
    server.close();
    QCOMPARE(server.counters().requestsReceived, 4u);
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    QCOMPARE(server.counters().requestsReceived, 4u);
    QCOMPARE(server.counters().connectionsOpened, 4u);
}

void tst_Counters::unsentIsNotSent()
{
    Server server;
    prepare(server);
    Client client(server.urls().constFirst());
    auto first = client.call<int>("add", 1, 2);
    auto second = client.call<int>("add", 1, 2);
    second.cancel();
    client.notify("add", 1, 2);
    QVERIFY(first.waitForFinished(30s));
    QCOMPARE(client.counters().messagesSent, 2u);
    QCOMPARE(client.counters().callsMade, 2u);
    client.setUrl(QUrl("memory:nobody"));
    client.close();
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    QCOMPARE(client.counters().messagesSent, 2u);
    QCOMPARE(client.counters().callsFailedBy[Error::ConnectFailed], 1u);
}

void tst_Counters::rejectedConnections()
{
    Server server;
    Limits limits;
    limits.connectionsPerAddress = 1;
    server.setLimits(limits);
    server.setToken("secret");
    prepare(server);
    const auto connectTo = [&server] {
        auto socket = std::make_unique<QTcpSocket>();
        socket->connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
        if (!socket->waitForConnected())
            qFatal("cannot connect");
        return socket;
    };
    const auto first = connectTo();
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("more than 1 from this address"));
    const auto second = connectTo();
    QTRY_COMPARE(server.counters().connectionsRejectedBy[Counters::TooManyFromAddress], 1u);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("authentication is required"));
    first->write(QByteArray::fromHex("9302a4706f6b6590"));
    QTRY_COMPARE(server.counters().connectionsRejectedBy[Counters::NotAuthenticated], 1u);
    QCOMPARE(server.counters().connectionsOpened, 0u);
    QCOMPARE(server.counters().connectionsRejected(), 2u);
    QCOMPARE(server.counters().bytesReceived, 8u);
}

void tst_Counters::badMessages()
{
    Server server;
    Limits limits;
    limits.depth = 4;
    server.setLimits(limits);
    prepare(server);
    const auto send = [&server](const char *bytes) {
        QTcpSocket socket;
        socket.connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
        if (!socket.waitForConnected())
            qFatal("cannot connect");
        socket.write(QByteArray::fromHex(bytes));
        socket.waitForBytesWritten();
        QCoreApplication::processEvents();
        socket.disconnectFromHost();
        QTRY_VERIFY(server.sessions().isEmpty());
    };
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("closing the connection"));
    send("c1");
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("closing the connection"));
    send("93029191919191c0c0");
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("a bad notification from 127"));
    send("9302c090");
    QTRY_COMPARE(server.counters().badCalls, 1u);
    QCOMPARE(server.counters().violations, 1u);
    QCOMPARE(server.counters().limitsPassed, 1u);
}

void tst_Counters::datagrams()
{
    Server server;
    prepare(server, QUrl("udp://127.0.0.1:0"));
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    QCOMPARE(server.counters().requestsReceived, 1u);
    QCOMPARE(server.counters().bytesReceived, client.counters().bytesSent);
    QCOMPARE(client.counters().bytesReceived, server.counters().bytesSent);
    QCOMPARE(client.counters().messagesReceived, 1u);
}

void tst_Counters::floodIsCountedNotLogged_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::newRow("unknown notifications") << QByteArray::fromHex("9302a4706f6b6590");
    QTest::newRow("bad notifications") << QByteArray::fromHex("9302c090");
}

void tst_Counters::floodIsCountedNotLogged()
{
    QFETCH(QByteArray, message);
    MsgpackRpc::Testing::Clock clock;
    Server server;
    prepare(server);
    QTcpSocket socket;
    socket.connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
    QVERIFY(socket.waitForConnected());
    lines.clear();
    const QtMessageHandler handler = qInstallMessageHandler(keepLine);
    socket.write(message.repeated(2'000));
    const bool isReceived = QTest::qWaitFor(
            [&] { return server.counters().notificationsReceived == 2'000; }, 30'000);
    clock.advance(1'100ms);
    qInstallMessageHandler(handler);
    QVERIFY(isReceived);
    QCOMPARE(lines.size(), 11);
    QVERIFY2(lines.constFirst().contains("from 127.0.0.1:"), qPrintable(lines.constFirst()));
    QCOMPARE(lines.constLast(), QString("… and 1990 more"));
    QCOMPARE(server.sessions().size(), 1);
}

QTEST_GUILESS_MAIN(tst_Counters)

#include "tst_counters.moc"
