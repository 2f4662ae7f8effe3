// SPDX-License-Identifier: Apache-2.0

// Who may call: tokens and authenticators, and what those see who may not.
#include "notifiermodes.h"
#include "testcertificates.h"

#include <MsgpackRpc/Admission>
#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Testing>

#include <QtCore/QRegularExpression>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Admission;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Reconnect;

namespace {

void expectWarning(const char *pattern)
{
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QLatin1String(pattern)));
}

QByteArray hex(const char *digits)
{
    return QByteArray::fromHex(digits);
}

// rpc.authenticate("secret"), msgid 5
const QByteArray RightToken = hex("940005b07270632e61757468656e74696361746591c406736563726574");
const QByteArray Accepted = hex("940105c0c0");
const QByteArray Add = hex("940006a3616464920102"); // add(1, 2), msgid 6
const QByteArray Three = hex("940106c003");
const QByteArray Note = hex("9302a46e6f746590"); // note()

} // namespace

class tst_Authentication : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void floodInsteadOfAnAnswer();
    void initTestCase_data() { addNotifierModes(); }
    void init() { m_notes = 0; }
    void rightToken_data();
    void rightToken();
    void wrongToken_data();
    void wrongToken();
    void tokenOnEveryConnection();
    void nothingBeforeTheAnswer();
    void clientWithoutToken();
    void serverWithoutToken();
    void serverThatPushes();
    void serverThatClosesOrTalks_data();
    void serverThatClosesOrTalks();
    void refusedAtOnce_data();
    void refusedAtOnce();
    void cutAtEveryByte();
    void sameSegment();
    void sameSegmentAndClosed();
    void tokenThatNeverComes();
    void clientGivesUp();
    void strangersAreBounded();
    void strangersInOneTurn();
    void manyAtOnce();
    void strangersHaveOneOption();
    void tokenTooLong();
    void strangersCannotSendMuch();
    void strangersAreNotNotified();
    void authenticatorByAddress();
    void authenticatorLater();
    void authenticatorRefuses_data();
    void authenticatorRefuses();
    void authenticatorByToken();
    void authenticatorByCertificate();
    void decisionTooLate();
    void deletedWhileDeciding_data();
    void deletedWhileDeciding();
    void overUdp();
    void cluster();
    void sendsTheGolden();
    void lastNotification();

private:
    void prepare(Server &server, const QUrl &url = QUrl("tcp://127.0.0.1:0"));
    static std::unique_ptr<QTcpSocket> connectTo(const Server &server);

    int m_notes = 0;
};

void tst_Authentication::prepare(Server &server, const QUrl &url)
{
    server.bind("add", [](int a, int b) { return a + b; });
    server.bind("note", [this] { ++m_notes; });
    QVERIFY2(server.listen(url), qPrintable(server.error().message()));
}

std::unique_ptr<QTcpSocket> tst_Authentication::connectTo(const Server &server)
{
    auto socket = std::make_unique<QTcpSocket>();
    socket->connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
    if (!socket->waitForConnected())
        qFatal("cannot connect");
    return socket;
}

void tst_Authentication::rightToken_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("tcp") << QUrl("tcp://127.0.0.1:0");
    QTest::newRow("memory") << QUrl("memory:authentication");
}

void tst_Authentication::rightToken()
{
    QFETCH(QUrl, url);
    Server server;
    server.setToken("secret");
    QVERIFY(server.hasToken());
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server, url);
    Client client(server.urls().constFirst());
    client.setToken("secret");
    QVERIFY(client.hasToken());
    QVERIFY(client.notify("note"));
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(m_notes, 1);
    QCOMPARE(opened.size(), 1);
    QCOMPARE(server.sessions().size(), 1);
}

void tst_Authentication::wrongToken_data()
{
    QTest::addColumn<QByteArray>("token");
    QTest::newRow("another") << QByteArray("sekret");
    QTest::newRow("shorter") << QByteArray("secre");
    QTest::newRow("longer") << QByteArray("secrets");
    QTest::newRow("with a null") << QByteArray("secret\0", 7);
    QTest::newRow("long") << QByteArray(15'000, 's');
}

// It says what is wrong, at once and once: it is not tried five times, and calls were not sent.
void tst_Authentication::wrongToken()
{
    QFETCH(QByteArray, token);
    Server server;
    server.setToken("secret");
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    Client client(server.urls().constFirst());
    client.setReconnect({Reconnect::Always, 5, 10s, 10s});
    client.setToken(token);
    QSignalSpy dropped(&client, &Client::notificationDropped);
    expectWarning("refusing 127.0.0.1:\\d+: the token is wrong");
    expectWarning("1 notification\\(s\\) dropped: .*does not accept the token");
    client.notify("note");
    auto first = client.call<int>("add", 1, 2);
    auto second = client.call<int>("add", 1, 2);
    QVERIFY(first.waitForFinished(30s));
    QVERIFY(second.waitForFinished(30s));
    for (const auto &reply : {first, second}) {
        QCOMPARE(reply.error().code(), Error::NotConnectable);
        QVERIFY2(reply.error().message().contains("does not accept the token: the token is wrong"),
                 qPrintable(reply.error().message()));
    }
    QTRY_COMPARE(dropped.size(), 1);
    QCOMPARE(client.state(), Client::Unconnected);
    QCOMPARE(opened.size(), 0);
    QCOMPARE(m_notes, 0);
    // With the right one it goes on.
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

// Those of over() too, and after a loss.
void tst_Authentication::tokenOnEveryConnection()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto plain = client.call<int>("add", 1, 2);
    auto deflated = client.over(MsgpackRpc::TransportOption::Deflate).call<int>("add", 3, 4);
    QVERIFY(plain.waitForFinished(30s));
    QVERIFY(deflated.waitForFinished(30s));
    QCOMPARE(plain.result(), 3);
    QCOMPARE(deflated.result(), 7);
    QCOMPARE(server.sessions().size(), 2);
    const auto sessions = server.sessions();
    for (MsgpackRpc::Session *session : sessions)
        session->close();
    QTRY_COMPARE(client.state(), Client::Unconnected);
    auto again = client.call<int>("add", 5, 6);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 11);
}

void tst_Authentication::nothingBeforeTheAnswer()
{
    QTcpServer listener;
    QVERIFY(listener.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(listener.serverPort())));
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(listener.waitForNewConnection(30'000));
    QTcpSocket *const peer = listener.nextPendingConnection();
    const QByteArray request = hex("940001b07270632e61757468656e74696361746591c406736563726574");
    QTRY_COMPARE(peer->bytesAvailable(), request.size());
    QCOMPARE(peer->readAll(), request);
    QVERIFY(!peer->waitForReadyRead(100));
    QCOMPARE(client.state(), Client::Connecting);
    peer->write(hex("940101c0c3")); // any result
    QTRY_COMPARE(peer->bytesAvailable(), 10);
    QCOMPARE(client.state(), Client::Connected);
    const QByteArray call = peer->readAll();
    peer->write(hex("940101c003"));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(call.mid(3), Add.mid(3));
}

void tst_Authentication::clientWithoutToken()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    Client client(server.urls().constFirst());
    expectWarning("refusing 127.0.0.1:\\d+: authentication is required");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::RemoteError);
    QVERIFY2(reply.error().message().contains("authentication is required"),
             qPrintable(reply.error().message()));
    QTRY_COMPARE(client.state(), Client::Unconnected);
}

void tst_Authentication::serverWithoutToken()
{
    Server server;
    prepare(server);
    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains(
                     "does not accept the token: method `rpc.authenticate' is not accepted"),
             qPrintable(reply.error().message()));
}

// What it sends before is of no interest.
void tst_Authentication::serverThatPushes()
{
    Server server;
    connect(&server, &Server::sessionOpened, this, [](MsgpackRpc::Session *session) {
        session->notify("hello");
        session->notify("hello", QByteArray(1000, 'x'));
    });
    prepare(server);
    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto refused = client.call<int>("add", 1, 2);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::NotConnectable);

    // What it sends after it has accepted the token is not lost.
    server.setToken("secret");
    QSignalSpy greetings(&client, &Client::notificationReceived);
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(greetings.size(), 2);
}

void tst_Authentication::serverThatClosesOrTalks_data()
{
    QTest::addColumn<QByteArray>("answer");
    QTest::addColumn<QString>("text");
    QTest::newRow("closes") << QByteArray() << "has closed the connection instead";
    QTest::newRow("talks something else") << QByteArray("HTTP/1.1 400") << "no message";
    QTest::newRow("another answer, then closes") << hex("940102c0c0").left(4) << "has closed";
}

void tst_Authentication::serverThatClosesOrTalks()
{
    QFETCH(QByteArray, answer);
    QFETCH(QString, text);
    QTcpServer listener;
    QVERIFY(listener.listen(QHostAddress::LocalHost));
    int connections = 0;
    connect(&listener, &QTcpServer::newConnection, this, [&] {
        ++connections;
        QTcpSocket *const peer = listener.nextPendingConnection();
        connect(peer, &QTcpSocket::readyRead, peer, [peer, answer] {
            peer->readAll();
            peer->write(answer);
            peer->disconnectFromHost();
        });
    });
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(listener.serverPort())));
    client.setReconnect({Reconnect::OnDemand, 3, 1ms, 1ms});
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY2(reply.error().message().contains(text), qPrintable(reply.error().message()));
    QCOMPARE(connections, 3);
}

void tst_Authentication::refusedAtOnce_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("answer");
    QTest::newRow("a request") << Add << "940106.*";
    QTest::newRow("a notification") << Note << "";
    QTest::newRow("a response") << hex("940106c003") << "";
    QTest::newRow("SESSION") << hex("9203a649707f000001") << "";
    QTest::newRow("no argument") << hex("940005b07270632e61757468656e74696361746590") << "940105.*";
    QTest::newRow("two arguments")
            << hex("940005b07270632e61757468656e746963617465920102") << "940105.*";
    QTest::newRow("an integer") << hex("940005b07270632e61757468656e7469636174659107")
                                << "940105.*";
    QTest::newRow("params are no array")
            << hex("940005b07270632e61757468656e746963617465a0") << "940105.*";
    QTest::newRow("told, not asked")
            << hex("9302b07270632e61757468656e74696361746591c406736563726574") << "";
    QTest::newRow("by number") << hex("9400050791c406736563726574") << "940105.*";
    QTest::newRow("nil") << hex("c0") << "";
    QTest::newRow("0xc1") << hex("c1") << "";
    QTest::newRow("an unknown message") << hex("920901") << "";
    QTest::newRow("a token in the wrong case")
            << hex("940005b07270632e41757468656e74696361746591c406736563726574") << "940105.*";
}

// And what follows in the same segment is not looked at.
void tst_Authentication::refusedAtOnce()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, answer);
    Server server;
    server.setToken("secret");
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    const auto peer = connectTo(server);
    expectWarning("refusing 127|closing the connection");
    peer->write(bytes + RightToken + Note + Add);
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    const QString answered = peer->readAll().toHex();
    QVERIFY2(QRegularExpression(QRegularExpression::anchoredPattern(answer))
                     .match(answered)
                     .hasMatch(),
             qPrintable(answered));
    QCOMPARE(opened.size(), 0);
    QCOMPARE(m_notes, 0);
}

void tst_Authentication::cutAtEveryByte()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    const auto peer = connectTo(server);
    const QByteArray all = RightToken + Add;
    for (const char byte : all) {
        peer->write(&byte, 1);
        QVERIFY(peer->waitForBytesWritten());
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(peer->bytesAvailable(), Accepted.size() + Three.size());
    QCOMPARE(peer->readAll(), Accepted + Three);
}

// Queued behind the token: held until it was accepted, then handled in order.
void tst_Authentication::sameSegment()
{
    Server server;
    server.setToken("secret");
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    const auto peer = connectTo(server);
    peer->write(RightToken + Note + Add + Note);
    QTRY_COMPARE(peer->bytesAvailable(), Accepted.size() + Three.size());
    QCOMPARE(peer->readAll(), Accepted + Three);
    QTRY_COMPARE(m_notes, 2);
    QCOMPARE(opened.size(), 1);
    // Later tokens are calls of a method that nobody serves.
    peer->write(RightToken);
    QTRY_VERIFY(peer->bytesAvailable() > 5);
    QVERIFY(peer->readAll().contains("is not accepted"));
}

// A last notification of a peer that does not wait for the answer.
void tst_Authentication::sameSegmentAndClosed()
{
    Server server;
    server.setToken("secret");
    QSignalSpy closed(&server, &Server::sessionClosed);
    prepare(server);
    const auto peer = connectTo(server);
    peer->write(RightToken + Note);
    peer->disconnectFromHost();
    QTRY_COMPARE(closed.size(), 1);
    QCOMPARE(m_notes, 1);
}

void tst_Authentication::tokenThatNeverComes()
{
    MsgpackRpc::Testing::Clock clock;
    Server server;
    server.setToken("secret");
    prepare(server);
    const auto silent = connectTo(server);
    const auto half = connectTo(server);
    half->write(RightToken.left(10));
    QCoreApplication::processEvents();
    clock.advance(9'900ms);
    QCOMPARE(silent->state(), QAbstractSocket::ConnectedState);
    expectWarning("refusing .*not decided in time");
    expectWarning("refusing .*not decided in time");
    clock.advance(200ms);
    QTRY_COMPARE(silent->state(), QAbstractSocket::UnconnectedState);
    QTRY_COMPARE(half->state(), QAbstractSocket::UnconnectedState);
}

// The client's side of it is the time for connecting.
void tst_Authentication::clientGivesUp()
{
    MsgpackRpc::Testing::Clock clock;
    QTcpServer silent;
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort())));
    client.setReconnect({Reconnect::OnDemand, 1, 1ms, 1ms});
    client.setToken("secret");
    auto reply = client.withTimeout(-1ms).call<int>("add", 1, 2);
    QTRY_VERIFY(silent.hasPendingConnections());
    clock.advance(4'900ms);
    QVERIFY(!reply.isFinished());
    clock.advance(200ms);
    QVERIFY(reply.isFinished());
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
}

// Who has waited longest makes room: those who know the token are not kept out.
void tst_Authentication::strangersAreBounded()
{
    Server server;
    Limits limits;
    limits.unauthenticatedConnections = 3;
    server.setLimits(limits);
    server.setToken("secret");
    prepare(server);
    std::vector<std::unique_ptr<QTcpSocket>> strangers;
    for (int i = 0; i < 3; ++i)
        strangers.push_back(connectTo(server));
    QCoreApplication::processEvents();
    QCOMPARE(strangers[0]->state(), QAbstractSocket::ConnectedState);
    // Who introduces itself is none of them.
    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    expectWarning("refusing .*waited longest");
    strangers.push_back(connectTo(server));
    QTRY_COMPARE(strangers[0]->state(), QAbstractSocket::UnconnectedState);
    for (int i = 1; i < 4; ++i)
        QCOMPARE(strangers[size_t(i)]->state(), QAbstractSocket::ConnectedState);
}

// All of them come before one of them could be told to go.
void tst_Authentication::strangersInOneTurn()
{
    Server server;
    Limits limits;
    limits.unauthenticatedConnections = 3;
    server.setLimits(limits);
    server.setToken("secret");
    prepare(server);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("waited longest")));
    std::vector<std::unique_ptr<QTcpSocket>> strangers(30);
    for (auto &stranger : strangers) {
        stranger = std::make_unique<QTcpSocket>();
        stranger->connectToHost(QHostAddress::LocalHost,
                                quint16(server.urls().constFirst().port()));
        QVERIFY(stranger->waitForConnected(30'000)); // by the system
    }
    const auto open = [&] {
        return std::count_if(strangers.cbegin(), strangers.cend(), [](const auto &stranger) {
            return stranger->state() == QAbstractSocket::ConnectedState;
        });
    };
    QTRY_COMPARE(open(), 3);
    QCOMPARE(server.counters().connectionsRejectedBy[MsgpackRpc::Counters::NotAuthenticated],
             quint64(27));
}

// Those who know the token come in, even if they are more at a time than there may be strangers.
void tst_Authentication::manyAtOnce()
{
    Server server;
    Limits limits;
    limits.unauthenticatedConnections = 8;
    server.setLimits(limits);
    server.setToken("secret");
    prepare(server);
    std::vector<std::unique_ptr<Client>> clients(100);
    std::vector<MsgpackRpc::PendingReply<int>> replies;
    for (auto &client : clients) {
        client = std::make_unique<Client>(server.urls().constFirst());
        client->setToken("secret");
        replies.push_back(client->call<int>("add", 1, 2));
    }
    for (const MsgpackRpc::PendingReply<int> &reply : replies) {
        QVERIFY(reply.waitForFinished(30s));
        QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    }
}

// Which can be few bytes for many messages.
void tst_Authentication::strangersHaveOneOption()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    const auto peer = connectTo(server);
    expectWarning("closing the connection.*more OPTION messages before it was decided");
    peer->write(hex("9304000093040000"));
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    QVERIFY(peer->bytesAvailable() == 0);
    // Afterwards they may ask.
    Client client(server.urls().constFirst());
    client.setToken("secret");
    client.setTransportOption(MsgpackRpc::TransportOption::Deflate);
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    // Who does not know that there is a token hears of it, compressed as asked for.
    Client unaware(server.urls().constFirst());
    unaware.setTransportOption(MsgpackRpc::TransportOption::Deflate);
    expectWarning("refusing .*authentication is required");
    auto refused = unaware.call<int>("add", 1, 2);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::RemoteError);
    QVERIFY2(refused.error().message().contains(u"authentication is required"),
             qPrintable(refused.error().message()));
}

void tst_Authentication::tokenTooLong()
{
    Server server;
    prepare(server);
    server.setToken(QByteArray(16'000, 't'));
    Client client(server.urls().constFirst());
    client.setToken(QByteArray(16'000, 't'));
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    Client wordy(server.urls().constFirst());
    wordy.setToken(QByteArray(16'001, 't'));
    auto refused = wordy.call<int>("add", 1, 2);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::NotConnectable);
    QVERIFY2(refused.error().message().contains(u"more than 16000 bytes"),
             qPrintable(refused.error().message()));
    expectWarning("token of more than 16000 bytes");
    server.setToken(QByteArray(16'001, 't'));
    QVERIFY(server.hasToken()); // nobody comes in, rather than everybody
}

void tst_Authentication::strangersCannotSendMuch()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    const auto peer = connectTo(server);
    expectWarning("closing the connection.*more than 16384 bytes");
    peer->write(hex("940005b07270632e61757468656e74696361746591c600100000")); // of 1 MiB
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);

    // Those who were let in may.
    server.bind("size", [](const QByteArray &bytes) { return bytes.size(); });
    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto reply = client.call<int>("size", QByteArray(1'000'000, 'x'));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 1'000'000);
}

void tst_Authentication::strangersAreNotNotified()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    const auto stranger = connectTo(server);
    QCoreApplication::processEvents();
    Client client(server.urls().constFirst());
    client.setToken("secret");
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    QSignalSpy received(&client, &Client::notificationReceived);
    QCOMPARE(server.notifyAll("changed"), 1);
    QVERIFY(received.wait(30'000));
    QCOMPARE(stranger->bytesAvailable(), 0);
    // They end with the server.
    server.close();
    QTRY_COMPARE(stranger->state(), QAbstractSocket::UnconnectedState);
}

void tst_Authentication::authenticatorByAddress()
{
    Server server;
    QStringList asked;
    server.setAuthenticator([&](const Admission &admission) {
        asked.append(admission.peerAddress()->host().toString());
        QVERIFY(admission.token().isNull());
        QVERIFY(!admission.isDecided());
        admission.accept();
        QVERIFY(admission.isDecided());
        admission.refuse(); // too late
    });
    prepare(server);
    Client client(server.urls().constFirst());
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(asked, QStringList("127.0.0.1"));
}

// Until it has decided, nothing is dispatched.
void tst_Authentication::authenticatorLater()
{
    Server server;
    Admission waiting;
    server.setAuthenticator([&](const Admission &admission) { waiting = admission; });
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    Client client(server.urls().constFirst());
    client.notify("note");
    auto reply = client.call<int>("add", 1, 2);
    QTRY_VERIFY(!waiting.isDecided());
    QVERIFY(!reply.waitForFinished(100ms));
    QCOMPARE(m_notes, 0);
    QCOMPARE(opened.size(), 0);
    waiting.accept();
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(m_notes, 1);
    QCOMPARE(opened.size(), 1);
}

void tst_Authentication::authenticatorRefuses_data()
{
    QTest::addColumn<QString>("how");
    QTest::addColumn<bool>("withToken");
    QTest::addColumn<QString>("text");
    for (const bool withToken : {false, true}) {
        const char *const with = withToken ? " with a token" : "";
        QTest::addRow("refuses%s", with) << "refuse" << withToken << "not on my watch";
        QTest::addRow("throws%s", with) << "throw" << withToken << "the authenticator threw: oops";
        QTest::addRow("forgets%s", with) << "forget" << withToken << "nobody has decided";
    }
}

void tst_Authentication::authenticatorRefuses()
{
    QFETCH(QString, how);
    QFETCH(bool, withToken);
    QFETCH(QString, text);
    Server server;
    server.setAuthenticator(
            [&](const Admission &admission) {
                if (how == "refuse")
                    admission.refuse("not on my watch");
                if (how == "throw")
                    throw std::runtime_error("oops");
            },
            withToken ? Server::TokenCredentials : Server::NoCredentials);
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    Client client(server.urls().constFirst());
    if (withToken)
        client.setToken("whatever");
    expectWarning(qPrintable("refusing 127.0.0.1:\\d+: " + text));
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    if (withToken) {
        QCOMPARE(reply.error().code(), Error::NotConnectable);
        QVERIFY2(reply.error().message().contains(text), qPrintable(reply.error().message()));
    } else {
        QCOMPARE(reply.error().code(), Error::ConnectionLost);
    }
    QCOMPARE(opened.size(), 0);
}

// Each with a token of his own; setToken() is asked for first where there is one.
void tst_Authentication::authenticatorByToken()
{
    Server server;
    server.setAuthenticator(
            [](const Admission &admission) {
                if (admission.token() == "ann's")
                    admission.accept();
                else
                    admission.refuse("who are you?");
            },
            Server::TokenCredentials);
    prepare(server);
    Client ann(server.urls().constFirst());
    ann.setToken("ann's");
    auto reply = ann.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    Client eve(server.urls().constFirst());
    eve.setToken("eve's");
    expectWarning("refusing .*who are you");
    auto refused = eve.call<int>("add", 1, 2);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::NotConnectable);
    QVERIFY(refused.error().message().contains("who are you?"));
}

void tst_Authentication::authenticatorByCertificate()
{
    if (!QSslSocket::supportsSsl())
        QSKIP("Qt has no TLS backend here");
    const TestAuthority authority;
    QSslConfiguration demanding =
            authority.sign("server", "IP:127.0.0.1").trusting(authority.certificate());
    demanding.setPeerVerifyMode(QSslSocket::VerifyPeer);
    Server server;
    server.setTlsConfiguration(demanding);
    server.setAuthenticator([](const Admission &admission) {
        const QStringList names =
                admission.peerCertificate().subjectInfo(QSslCertificate::CommonName);
        names == QStringList("ann") ? admission.accept() : admission.refuse("only ann");
    });
    prepare(server, QUrl("tls://127.0.0.1:0"));
    for (const char *const name : {"ann", "eve"}) {
        Client client(server.urls().constFirst());
        client.setTlsConfiguration(
                authority.sign(name, "DNS:name").trusting(authority.certificate()));
        if (qstrcmp(name, "eve") == 0)
            expectWarning("refusing 127.0.0.1:\\d+: only ann");
        auto reply = client.call<int>("add", 1, 2);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.error().code(),
                 qstrcmp(name, "ann") == 0 ? Error::NoError : Error::ConnectionLost);
    }
}

void tst_Authentication::decisionTooLate()
{
    MsgpackRpc::Testing::Clock clock;
    Server server;
    Admission waiting;
    server.setAuthenticator([&](const Admission &admission) { waiting = admission; });
    QSignalSpy opened(&server, &Server::sessionOpened);
    prepare(server);
    const auto peer = connectTo(server);
    peer->write(Note);
    QTRY_VERIFY(!waiting.isDecided());
    expectWarning("refusing .*not decided in time");
    clock.advance(10'100ms);
    QVERIFY(waiting.isDecided());
    waiting.accept();
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(opened.size(), 0);
    QCOMPARE(m_notes, 0);
}

void tst_Authentication::deletedWhileDeciding_data()
{
    QTest::addColumn<QString>("when");
    QTest::newRow("in the authenticator") << "inside";
    QTest::newRow("before it has decided") << "before";
    QTest::newRow("after it has decided") << "after";
    QTest::newRow("when the session opens") << "opened";
    QTest::newRow("closed in the authenticator") << "close";
}

void tst_Authentication::deletedWhileDeciding()
{
    QFETCH(QString, when);
    auto server = std::make_unique<Server>();
    Admission waiting;
    server->setAuthenticator(
            [&](const Admission &admission) {
                waiting = admission;
                if (when == "inside")
                    server.reset();
                if (when == "close")
                    server->close();
                if (when == "opened")
                    admission.accept();
            },
            Server::TokenCredentials);
    connect(server.get(), &Server::sessionOpened, this, [&] { server.reset(); });
    prepare(*server);
    const auto peer = connectTo(*server);
    peer->write(RightToken + Note + Add);
    QTRY_VERIFY(waiting.isDecided() || when == "before" || when == "after");
    if (when == "before" || when == "after") {
        QTRY_VERIFY(!waiting.isDecided());
        if (when == "after")
            waiting.accept();
        server.reset();
    }
    waiting.accept();
    waiting = Admission();
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(m_notes, 0);
}

void tst_Authentication::overUdp()
{
    Server server;
    server.setToken("secret");
    QVERIFY(!server.listen(QUrl("udp://127.0.0.1:0")));
    QVERIFY2(server.error().message().contains("a datagram proves nothing"),
             qPrintable(server.error().message()));
    server.setToken({});
    prepare(server, QUrl("udp://127.0.0.1:0"));
    // Set later, it shuts strangers out all the same.
    server.setToken("secret");
    Client stranger(server.urls().constFirst());
    auto shutOut = stranger.withTimeout(200ms).call<int>("add", 1, 2);
    expectWarning("dropped a datagram");
    QVERIFY(shutOut.waitForFinished(30s));
    QCOMPARE(shutOut.error().code(), Error::Timeout);

    Client client(server.urls().constFirst());
    client.setToken("secret");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains("a token needs a connection"),
             qPrintable(reply.error().message()));
}

void tst_Authentication::cluster()
{
    MsgpackRpc::Cluster a;
    MsgpackRpc::Cluster b;
    for (MsgpackRpc::Cluster *node : {&a, &b}) {
        node->setToken("shared");
        node->bind("who", [node] { return node->address()->toString(); });
        QVERIFY(node->listen(QUrl("tcp://127.0.0.1:0")));
    }
    auto reply = a.session(*b.address())->call<QString>("who");
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), b.address()->toString());
    QVERIFY(b.clients().isEmpty()); // a has said that it is a node

    Client stranger(b.urls().constFirst());
    expectWarning("refusing .*authentication is required");
    auto refused = stranger.call<QString>("who");
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::RemoteError);
}

// In the compatibility form the token is raw.
void tst_Authentication::sendsTheGolden()
{
    QTcpServer listener;
    QVERIFY(listener.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(listener.serverPort())));
    client.setWireFormat(MsgpackRpc::WireFormat::Compatibility);
    client.setToken("secret");
    client.open();
    QVERIFY(listener.waitForNewConnection(30'000));
    QTcpSocket *const peer = listener.nextPendingConnection();
    const QByteArray request = hex("940001b07270632e61757468656e74696361746591a6736563726574");
    QTRY_COMPARE(peer->bytesAvailable(), request.size());
    QCOMPARE(peer->readAll(), request);
}

void tst_Authentication::lastNotification()
{
    Server server;
    server.setToken("secret");
    prepare(server);
    {
        Client client(server.urls().constFirst());
        client.setToken("secret");
        QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
        for (int i = 0; i < 100; ++i)
            client.notify("note");
    }
    QTRY_COMPARE(m_notes, 100);
}

// A server that sends without end, and does not answer the token, is not listened to without end.
void tst_Authentication::floodInsteadOfAnAnswer()
{
    QTcpServer flood;
    QVERIFY(flood.listen(QHostAddress::LocalHost));
    connect(&flood, &QTcpServer::newConnection, this, [&] {
        flood.nextPendingConnection()->write(QByteArray::fromHex("9302a17890").repeated(1'000'000));
    });
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(flood.serverPort())));
    client.setToken("secret");
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    auto reply = client.call("add", 1, 2);
    QTRY_VERIFY(reply.isFinished());
    QVERIFY2(reply.error().message().contains("no answer to the token"),
             qPrintable(reply.error().message()));
}

QTEST_GUILESS_MAIN(tst_Authentication)

#include "tst_authentication.moc"
