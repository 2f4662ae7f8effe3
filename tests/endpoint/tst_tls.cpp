// SPDX-License-Identifier: Apache-2.0

// Clients and servers over TLS: who is accepted, what is said of those who are not, and that everything else is as it is
// over TCP.
#include "endedwhilewritten.h"
#include "proxy.h"
#include "testcertificates.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/SessionPool>
#include <MsgpackRpc/Testing>

#include <QtCore/QEventLoop>
#include <QtCore/QRegularExpression>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QSslServer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <atomic>
#include <optional>

using namespace std::chrono_literals;
using MsgpackRpc::CallContext;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Server;

namespace {

const char LocalNames[] = "IP:127.0.0.1,DNS:localhost";

void expectWarning(const QByteArray &pattern)
{
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QString::fromLatin1(pattern)));
}

QUrl withHost(QUrl url, const QString &host)
{
    url.setHost(host);
    return url;
}

} // namespace

class tst_Tls : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void accepted_data();
    void accepted();
    void refused_data();
    void refused();
    void verificationGivenUp();
    void certificateOfTheClient_data();
    void certificateOfTheClient();
    void certificateInAnotherThread();
    void serverOfTheUsers();
    void slotsOfTheUsers_data();
    void slotsOfTheUsers();
    void endedWhileItIsWritten();
    void closedBeforeItIsRead();
    void nestedLoopWhileItIsWritten_data();
    void nestedLoopWhileItIsWritten();
    void serverWithoutCertificate_data();
    void serverWithoutCertificate();
    void plainClient();
    void plainServer();
    void handshakeThatNeverComes_data();
    void handshakeThatNeverComes();
    void handshakesArePlaces();
    void handshakesPerAddress();
    void serverThatSaysNothing();
    void largeMessages_data();
    void largeMessages();
    void deflate();
    void manyCalls();
    void bothDirections();
    void nestedEventLoops();
    void peerThatDoesNotRead();
    void lastNotification();
    void withoutTickets();
    void onlyNotification_data();
    void onlyNotification();
    void serverRestart();
    void recordThatIsNone_data();
    void recordThatIsNone();
    void deletedInTheMiddle_data();
    void deletedInTheMiddle();
    void pool();

private:
    std::unique_ptr<Server> serve(const QSslConfiguration &configuration,
                                  const Limits &limits = {});
    std::unique_ptr<Server> serve() { return serve(m_server.trusting(m_authority->certificate())); }
    std::unique_ptr<Client> connectTo(const Server &server);
    QSslConfiguration trusting() const
    {
        return TestIdentity().trusting(m_authority->certificate());
    }

    std::optional<TestAuthority> m_authority;
    TestIdentity m_server;
    int m_notified = 0;
};

void tst_Tls::initTestCase()
{
    if (!QSslSocket::supportsSsl())
        QSKIP("Qt has no TLS backend here");
    m_authority.emplace();
    m_server = m_authority->sign("server", LocalNames);
    QVERIFY(!m_server.certificate.isNull());
    QVERIFY(!m_server.key.isNull());
}

std::unique_ptr<Server> tst_Tls::serve(const QSslConfiguration &configuration, const Limits &limits)
{
    auto server = std::make_unique<Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    server->bind("echo", [](const QVariant &x) { return x; });
    server->bind("note", [this] { ++m_notified; });
    server->bind("who", [] {
        return CallContext::current().peerCertificate().subjectInfo(QSslCertificate::CommonName);
    });
    server->setTlsConfiguration(configuration);
    server->setLimits(limits);
    if (!server->listen(QUrl("tls://127.0.0.1:0")))
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

std::unique_ptr<Client> tst_Tls::connectTo(const Server &server)
{
    auto client = std::make_unique<Client>(server.urls().constFirst());
    client->setTlsConfiguration(trusting());
    return client;
}

void tst_Tls::accepted_data()
{
    QTest::addColumn<QString>("host");
    QTest::newRow("address") << "127.0.0.1";
    QTest::newRow("name") << "localhost";
}

void tst_Tls::accepted()
{
    QFETCH(QString, host);
    const auto server = serve();
    QCOMPARE(server->urls().constFirst().scheme(), QString("tls"));
    Client client(withHost(server->urls().constFirst(), host));
    client.setTlsConfiguration(trusting());
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(client.peerCertificate(), m_server.certificate);
    // A client that was asked for no certificate is known by none.
    QCOMPARE(server->sessions().size(), 1);
    QVERIFY(server->sessions().constFirst()->peerCertificate().isNull());
    QVERIFY(server->sessions().constFirst()->peerAddress());
}

void tst_Tls::refused_data()
{
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("text");
    QTest::newRow("self-signed") << "self-signed"
                                 << "self-signed";
    QTest::newRow("unknown authority")
            << "unknown"
            << "issuer certificate|unable to verify|no certificates could be verified";
    QTest::newRow("wrong host") << "host"
                                << "host name";
    QTest::newRow("expired") << "expired"
                             << "expired";
}

// What is wrong is named, and not tried again: it would be as wrong.
void tst_Tls::refused()
{
    QFETCH(QString, what);
    QFETCH(QString, text);
    TestIdentity identity = m_server;
    if (what == "self-signed")
        identity = TestAuthority::selfSigned("server", LocalNames);
    else if (what == "unknown")
        identity = TestAuthority("Another").sign("server", LocalNames);
    else if (what == "host")
        identity = m_authority->sign("server", "DNS:example.org");
    else if (what == "expired")
        identity = m_authority->sign("server", LocalNames, -1);
    const auto server = serve(identity.trusting(m_authority->certificate()));
    const auto client = connectTo(*server);
    auto first = client->call<int>("add", 1, 2);
    auto second = client->call<int>("add", 1, 2);
    QVERIFY(first.waitForFinished(30s));
    QVERIFY(second.waitForFinished(30s));
    for (const auto &reply : {first, second}) {
        QCOMPARE(reply.error().code(), Error::NotConnectable);
        QVERIFY2(reply.error().message().contains(
                         QRegularExpression(text, QRegularExpression::CaseInsensitiveOption)),
                 qPrintable(reply.error().message()));
    }
    QCOMPARE(client->state(), Client::Unconnected);
    QTRY_COMPARE(server->sessions().size(), 0);
}

void tst_Tls::verificationGivenUp()
{
    const auto server =
            serve(TestAuthority::selfSigned("server", LocalNames).trusting(QSslCertificate()));
    Client client(server->urls().constFirst());
    QSslConfiguration careless;
    careless.setPeerVerifyMode(QSslSocket::VerifyNone);
    client.setTlsConfiguration(careless);
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QVERIFY(client.peerCertificate().isNull()); // whom nobody has verified is nobody
}

void tst_Tls::certificateOfTheClient_data()
{
    QTest::addColumn<QString>("shown");
    QTest::addColumn<QByteArray>("logged"); // by the server, of one who is refused
    QTest::addColumn<QString>("told"); // to the client
    QTest::newRow("none") << "none" << QByteArray("did not return a certificate")
                          << "certificate required";
    QTest::newRow("of another authority")
            << "other" << QByteArray("the certificate of the peer is not accepted.*issuer")
            << "unknown ca";
    QTest::newRow("expired") << "expired"
                             << QByteArray("the certificate of the peer is not accepted.*expired")
                             << "certificate expired";
    QTest::newRow("the right one") << "ann" << QByteArray() << QString();
}

void tst_Tls::certificateOfTheClient()
{
    QFETCH(QString, shown);
    QFETCH(const QByteArray, logged);
    QFETCH(const QString, told);
    QSslConfiguration demanding = m_server.trusting(m_authority->certificate());
    demanding.setPeerVerifyMode(QSslSocket::VerifyPeer);
    const auto server = serve(demanding);
    TestIdentity identity;
    if (shown == "other")
        identity = TestAuthority("Another").sign("eve", "DNS:eve");
    else if (shown == "expired")
        identity = m_authority->sign("ann", "DNS:ann", -1);
    else if (shown == "ann")
        identity = m_authority->sign("ann", "DNS:ann");
    Client client(server->urls().constFirst());
    client.setTlsConfiguration(identity.trusting(m_authority->certificate()));
    if (!logged.isEmpty())
        expectWarning("refusing a connection.*" + logged);
    auto reply = client.call<QStringList>("who");
    QVERIFY(reply.waitForFinished(30s));
    if (logged.isEmpty()) {
        QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
        QCOMPARE(reply.result(), QStringList("ann"));
        QCOMPARE(server->sessions().constFirst()->peerCertificate(), identity.certificate);
    } else {
        // By TLS 1.3 the client's side of the handshake is done before the server has looked at its certificate.
        QVERIFY(reply.error().code() == Error::ConnectionLost
                || reply.error().code() == Error::ConnectFailed);
        QVERIFY2(reply.error().message().contains(told), qPrintable(reply.error().message()));
        QVERIFY(server->sessions().isEmpty());
        QCOMPARE(server->counters().requestsReceived, quint64(0));
    }
}

// A served object in another thread learns as well who calls.
void tst_Tls::certificateInAnotherThread()
{
    QSslConfiguration demanding = m_server.trusting(m_authority->certificate());
    demanding.setPeerVerifyMode(QSslSocket::VerifyPeer);
    const auto server = serve(demanding);
    QThread thread;
    auto *const context = new QObject;
    context->moveToThread(&thread);
    connect(&thread, &QThread::finished, context, &QObject::deleteLater);
    thread.start();
    server->bind("who", context, [] {
        return CallContext::current().peerCertificate().subjectInfo(QSslCertificate::CommonName);
    });
    Client client(server->urls().constFirst());
    client.setTlsConfiguration(
            m_authority->sign("ann", "DNS:ann").trusting(m_authority->certificate()));
    auto reply = client.call<QStringList>("who");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), QStringList("ann"));
    server->objectDispatcher().unbind("who");
    thread.quit();
    QVERIFY(thread.wait());
}

// A QSslServer of the program's own: who does not get through its handshake is not offered.
void tst_Tls::slotsOfTheUsers_data()
{
    QTest::addColumn<bool>("whenClosed");
    QTest::newRow("written") << false;
    QTest::newRow("closed") << true;
}

// Who has made the server may have connected slots to its sockets, which may delete everything.
void tst_Tls::slotsOfTheUsers()
{
    QFETCH(const bool, whenClosed);
    QSslServer encrypted;
    encrypted.setSslConfiguration(m_server.trusting(m_authority->certificate()));
    QVERIFY(encrypted.listen(QHostAddress::LocalHost));
    auto server = std::make_unique<Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    QVERIFY(server->listen(&encrypted));
    bool isServed = false;
    connect(&encrypted, &QSslServer::startedEncryptionHandshake, this, [&](QSslSocket *socket) {
        const auto end = [&] {
            if (isServed)
                server.reset();
        };
        if (whenClosed)
            connect(socket, &QAbstractSocket::disconnected, this, end);
        else
            connect(socket, &QSslSocket::encryptedBytesWritten, this, end);
    });
    Client client(server->urls().constFirst());
    client.setTlsConfiguration(trusting());
    auto first = client.call<int>("add", 1, 2);
    QVERIFY(first.waitForFinished(30s));
    QCOMPARE(first.result(), 3);
    isServed = true;
    auto second = client.call<int>("add", 1, 2);
    if (whenClosed) {
        QVERIFY(second.waitForFinished(30s));
        client.close();
    }
    QTRY_VERIFY(!server);
    QVERIFY(second.waitForFinished(30s));
}

void tst_Tls::serverOfTheUsers()
{
    QSslConfiguration demanding = m_server.trusting(m_authority->certificate());
    demanding.setPeerVerifyMode(QSslSocket::VerifyPeer);
    QSslServer encrypted;
    encrypted.setSslConfiguration(demanding);
    QVERIFY(encrypted.listen(QHostAddress::LocalHost));
    Server server;
    server.bind("add", [](int a, int b) { return a + b; });
    server.bind("who", [] {
        return CallContext::current().peerCertificate().subjectInfo(QSslCertificate::CommonName);
    });
    QVERIFY(server.listen(&encrypted));
    QCOMPARE(server.urls().constFirst().scheme(), QStringLiteral("tls"));

    Client stranger(server.urls().constFirst());
    stranger.setTlsConfiguration(trusting());
    auto refused = stranger.call<int>("add", 1, 2);
    QVERIFY(refused.waitForFinished(30s));
    QVERIFY(refused.error());
    QTcpSocket plain;
    plain.connectToHost(QHostAddress::LocalHost, encrypted.serverPort());
    QVERIFY(plain.waitForConnected(30'000));
    plain.write("\x94\x00\x01\xa3\x61\x64\x64\x92\x01\x02", 10);

    const TestIdentity ann = m_authority->sign("ann", "DNS:ann");
    Client client(server.urls().constFirst());
    client.setTlsConfiguration(ann.trusting(m_authority->certificate()));
    auto who = client.call<QStringList>("who");
    QVERIFY(who.waitForFinished(30s));
    QVERIFY2(!who.error(), qPrintable(who.error().message()));
    QCOMPARE(who.result(), QStringList("ann"));
    QCOMPARE(server.sessions().size(), 1);
    QCOMPARE(server.sessions().constFirst()->peerCertificate(), ann.certificate);
    QCOMPARE(server.counters().requestsReceived, quint64(1));
}

namespace {

/// A server of the user's, with a slot of the user's at its sockets.
class SlottedServer : public QSslServer
{
public:
    explicit SlottedServer(const QSslConfiguration &configuration)
    {
        setSslConfiguration(configuration);
        connect(this, &QSslServer::startedEncryptionHandshake, this, [this](QSslSocket *socket) {
            socket->setSocketOption(QAbstractSocket::SendBufferSizeSocketOption, 64 * 1024);
            // QSslServer disconnects itself from a socket that has shaken hands.
            connect(socket, &QSslSocket::encryptedBytesWritten, socket, [this] { written(); });
        });
        if (!listen(QHostAddress::LocalHost))
            qFatal("%s", qPrintable(errorString()));
    }
    /// Called once, within write().
    std::function<void()> whenWritten;
    /// So many writes are left out before.
    int skipped = 0;

private:
    void written()
    {
        if (whenWritten && skipped-- <= 0)
            std::exchange(whenWritten, nullptr)();
    }
};

} // namespace

void tst_Tls::nestedLoopWhileItIsWritten_data()
{
    QTest::addColumn<int>("skipped"); // writes before the one in whose slot the loop runs
    QTest::newRow("the first write") << 0;
    QTest::newRow("the fifth write") << 4;
}

// In a slot of a socket that is being written to, an event loop runs: what is called there is answered.
void tst_Tls::nestedLoopWhileItIsWritten()
{
    QFETCH(const int, skipped);
    SlottedServer encrypted(m_server.trusting(m_authority->certificate()));
    Server server;
    QVERIFY(server.listen(&encrypted));
    Client client(server.urls().constFirst());
    client.setTlsConfiguration(trusting());
    client.bind("take", [](const QByteArray &bytes) { return bytes.size(); });
    client.bind("add", [](int a, int b) { return a + b; });
    client.open();
    QTRY_COMPARE(server.sessions().size(), 1);
    MsgpackRpc::Session *const session = server.sessions().constFirst();
    QTRY_COMPARE(client.state(), Client::Connected);
    session->setTimeout(60s);
    bool isAnswered = false;
    encrypted.skipped = skipped;
    encrypted.whenWritten = [&] {
        auto nested = session->call<int>("add", 3, 4);
        QEventLoop loop;
        nested.then(&loop, [&](int sum) {
            isAnswered = sum == 7;
            loop.quit();
        });
        nested.onError(&loop, [&] { loop.quit(); });
        loop.exec();
    };
    const auto large = session->call<qsizetype>("take", QByteArray(3'000'000, 'x'));
    QTRY_VERIFY_WITH_TIMEOUT(large.isFinished(), 90'000);
    QVERIFY(!encrypted.whenWritten);
    QVERIFY(isAnswered);
    QCOMPARE(large.result(), 3'000'000);
}

// A peer that has sent much, which nobody reads any more, and takes nothing: closing ends with its time.
void tst_Tls::closedBeforeItIsRead()
{
    QSslServer theirs;
    theirs.setSslConfiguration(m_server.trusting(m_authority->certificate()));
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tls://127.0.0.1:%1").arg(theirs.serverPort())));
    client.setTlsConfiguration(trusting());
    MsgpackRpc::Limits limits;
    limits.closeTime = 200ms;
    client.setLimits(limits);
    client.open();
    QTRY_COMPARE(client.state(), Client::Connected);
    QTRY_VERIFY(theirs.hasPendingConnections());
    auto *const peer = qobject_cast<QSslSocket *>(theirs.nextPendingConnection());
    peer->setReadBufferSize(1);
    QVERIFY(client.notify("take", QByteArray(20'000'000, 'x')));
    peer->write(QByteArray::fromHex("9302a1789100").repeated(1'000'000));
    while (peer->flush()) {}
    client.close();
    QVERIFY(client.state() != Client::Connected);
}

// In a slot of a socket that is being written to, calls end of which the bytes are being written, and others begin.
void tst_Tls::endedWhileItIsWritten()
{
    SlottedServer encrypted(m_server.trusting(m_authority->certificate()));
    Server server;
    QVERIFY(server.listen(&encrypted));
    Client client(server.urls().constFirst());
    client.setTlsConfiguration(trusting());
    client.bind("take", [](const QByteArray &bytes) { return bytes.size(); });
    client.open();
    QTRY_COMPARE(server.sessions().size(), 1);
    endCallsWhileWritten(server.sessions().constFirst(), encrypted.whenWritten);
    QCOMPARE(server.sessions().size(), 1);
}

void tst_Tls::serverWithoutCertificate_data()
{
    QTest::addColumn<bool>("hasCertificate");
    QTest::addColumn<QString>("text");
    QTest::newRow("no certificate") << false << "needs a certificate";
    QTest::newRow("no key") << true << "needs the private key";
}

void tst_Tls::serverWithoutCertificate()
{
    QFETCH(bool, hasCertificate);
    QFETCH(QString, text);
    Server server;
    if (hasCertificate) {
        QSslConfiguration configuration;
        configuration.setLocalCertificate(m_server.certificate);
        server.setTlsConfiguration(configuration);
    }
    QVERIFY(!server.listen(QUrl("tls://127.0.0.1:0")));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY2(server.error().message().contains(text), qPrintable(server.error().message()));
    server.setTlsConfiguration(m_server.trusting(m_authority->certificate()));
    QVERIFY(server.listen(QUrl("tls://127.0.0.1:0")));
}

// Both sides say what was probably wrong.
void tst_Tls::plainClient()
{
    const auto server = serve();
    QUrl url = server->urls().constFirst();
    url.setScheme("tcp");
    Client client(url);
    expectWarning("refusing a connection.*does not speak TLS: it begins with byte 0x94, as a "
                  "client of tcp");
    expectWarning("closing the connection.*a TLS alert begins: the peer speaks tls:// only");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ProtocolViolation);
    QVERIFY2(reply.error().message().contains("tls://"), qPrintable(reply.error().message()));
}

void tst_Tls::plainServer()
{
    Server server;
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QUrl url = server.urls().constFirst();
    url.setScheme("tls");
    Client client(url);
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    expectWarning("closing the connection.*a TLS handshake begins: the peer wants tls://");
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY2(reply.error().message().contains("does 127.0.0.1:" + QString::number(url.port())
                                              + " speak TLS?"),
             qPrintable(reply.error().message()));
}

void tst_Tls::handshakeThatNeverComes_data()
{
    QTest::addColumn<QByteArray>("begins");
    QTest::newRow("nothing at all") << QByteArray();
    QTest::newRow("a part of a ClientHello") << QByteArray("\x16\x03\x01\x02\x00\x01\x00", 7);
}

void tst_Tls::handshakeThatNeverComes()
{
    QFETCH(QByteArray, begins);
    MsgpackRpc::Testing::Clock clock;
    const auto server = serve();
    QTcpSocket silent;
    silent.connectToHost("127.0.0.1", quint16(server->urls().constFirst().port()));
    QVERIFY(silent.waitForConnected());
    silent.write(begins);
    // Others are not held up by it.
    const auto client = connectTo(*server);
    auto reply = client->call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    clock.advance(9'900ms);
    QCOMPARE(silent.state(), QAbstractSocket::ConnectedState);
    expectWarning("refusing a connection.*not done in time");
    clock.advance(200ms);
    QTRY_COMPARE(silent.state(), QAbstractSocket::UnconnectedState);
    auto again = client->call<int>("add", 2, 2);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 4);
}

// A handshake that is not done counts as a connection: accepting pauses for it.
void tst_Tls::handshakesArePlaces()
{
    Limits limits;
    limits.connections = 2;
    expectWarning("accepting pauses at 2 connections");
    const auto server = serve(m_server.trusting(m_authority->certificate()), limits);
    std::array<QTcpSocket, 2> silent;
    for (QTcpSocket &socket : silent) {
        socket.connectToHost("127.0.0.1", quint16(server->urls().constFirst().port()));
        QVERIFY(socket.waitForConnected());
    }
    const auto client = connectTo(*server);
    client->setConnectTimeout(20s);
    auto reply = client->call<int>("add", 1, 2);
    QSignalSpy opened(server.get(), &Server::sessionOpened);
    QVERIFY(!opened.wait(200));
    expectWarning("refusing a connection");
    expectWarning("accepting goes on below 2 connections");
    expectWarning("accepting pauses at 2 connections");
    silent[0].abort();
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

void tst_Tls::handshakesPerAddress()
{
    Limits limits;
    limits.connectionsPerAddress = 1;
    const auto server = serve(m_server.trusting(m_authority->certificate()), limits);
    QTcpSocket first;
    first.connectToHost("127.0.0.1", quint16(server->urls().constFirst().port()));
    QVERIFY(first.waitForConnected());
    expectWarning("refusing a connection from 127.0.0.1:\\d+: more than 1 from this address");
    QTcpSocket second;
    second.connectToHost("127.0.0.1", quint16(server->urls().constFirst().port()));
    QVERIFY(second.waitForConnected());
    QTRY_COMPARE(second.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(first.state(), QAbstractSocket::ConnectedState);
}

// The client's side of the time limit is that of connecting.
void tst_Tls::serverThatSaysNothing()
{
    MsgpackRpc::Testing::Clock clock;
    QTcpServer silent;
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tls://127.0.0.1:%1").arg(silent.serverPort())));
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    auto reply = client.withTimeout(-1ms).call<int>("add", 1, 2);
    QTRY_VERIFY(silent.hasPendingConnections());
    clock.advance(4'900ms);
    QVERIFY(!reply.isFinished());
    clock.advance(200ms);
    QVERIFY(reply.isFinished());
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
}

void tst_Tls::largeMessages_data()
{
    QTest::addColumn<int>("size");
    for (const int size : {1, 16 * 1024, 64 * 1024, 1024 * 1024, 20 * 1024 * 1024})
        QTest::addRow("%d", size) << size;
}

void tst_Tls::largeMessages()
{
    QFETCH(int, size);
    const auto server = serve();
    const auto client = connectTo(*server);
    QByteArray sent(size, 'x');
    for (int i = 0; i < size; i += 997)
        sent[i] = char(i);
    auto reply = client->call<QByteArray>("echo", sent);
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), sent);
}

void tst_Tls::deflate()
{
    const auto server = serve();
    const auto client = connectTo(*server);
    auto over = client->over(MsgpackRpc::TransportOption::Deflate);
    const QByteArray sent(1024 * 1024, 'x');
    auto first = over.call<QByteArray>("echo", sent);
    auto second = over.call<int>("add", 1, 2);
    QVERIFY(first.waitForFinished(30s));
    QVERIFY(second.waitForFinished(30s));
    QCOMPARE(first.result(), sent);
    QCOMPARE(second.result(), 3);
    QCOMPARE(server->sessions().size(), 1);
}

void tst_Tls::manyCalls()
{
    const auto server = serve();
    const auto client = connectTo(*server);
    int answered = 0;
    for (int i = 0; i < 10'000; ++i)
        client->call<int>("add", i, 1).then(this, [&answered, i](int sum) {
            answered += sum == i + 1 ? 1 : 0;
        });
    QTRY_COMPARE_WITH_TIMEOUT(answered, 10'000, 20'000);
    QCOMPARE(client->pendingCalls(), 0);
}

void tst_Tls::bothDirections()
{
    const auto server = serve();
    const auto client = connectTo(*server);
    client->bind("twice", [](int x) { return 2 * x; });
    QSignalSpy opened(server.get(), &Server::sessionOpened);
    client->open();
    QVERIFY(opened.wait(30'000));
    auto reply = server->sessions().constFirst()->call<int>("twice", 21);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 42);
}

// On both sides user code runs an event loop within what the socket tells; the connection goes on meanwhile.
void tst_Tls::nestedEventLoops()
{
    const auto server = serve();
    server->bind("inside", [](int x) { return x; });
    const auto client = connectTo(*server);
    int servedInside = 0;
    // One after the other: each comes when there was nothing left to read.
    server->bind("block", [&] {
        for (int i = 1; i <= 3; ++i) {
            QEventLoop loop;
            client->call<int>("inside", i).then(&loop, [&](int x) {
                servedInside += x;
                loop.quit();
            });
            QTimer::singleShot(5s, &loop, &QEventLoop::quit);
            loop.exec();
        }
        return servedInside;
    });
    bool isBlockedCallDone = false;
    client->call<int>("block").then(this, [&](int sum) { isBlockedCallDone = sum == 6; });
    QTRY_VERIFY_WITH_TIMEOUT(isBlockedCallDone, 20'000);

    int answeredInside = 0;
    bool isDone = false;
    client->call<int>("add", 1, 1).then(this, [&](int) {
        for (int i = 0; i < 3; ++i) {
            QEventLoop loop;
            client->call<int>("add", 1, 2).then(&loop, [&](int sum) {
                answeredInside += sum;
                loop.quit();
            });
            QTimer::singleShot(5s, &loop, &QEventLoop::quit);
            loop.exec();
        }
        isDone = true;
    });
    QTRY_VERIFY_WITH_TIMEOUT(isDone, 20'000);
    QCOMPARE(answeredInside, 9);
}

// What is encrypted and not sent counts as waiting: neither side keeps more than its limits say.
void tst_Tls::peerThatDoesNotRead()
{
    Limits limits;
    limits.queuedBytes = 8 * 1024 * 1024;
    const auto server = serve(m_server.trusting(m_authority->certificate()), limits);
    int made = 0;
    const QByteArray answer(256 * 1024, 'x');
    server->bind("large", [&] {
        ++made;
        return answer;
    });
    QSslSocket peer;
    peer.setSslConfiguration(trusting());
    peer.setReadBufferSize(1024);
    peer.connectToHostEncrypted("127.0.0.1", quint16(server->urls().constFirst().port()));
    QTRY_VERIFY(peer.isEncrypted());
    const int requests = 400; // for 100 MiB
    for (int i = 0; i < requests; ++i)
        peer.write(QByteArray("\x94\x00\x01\xa5large\x90", 10));
    QTRY_VERIFY(made > 0);
    // All that the system takes on both sides, and the part of the limit from which on it is not read from.
    int before = -1;
    QTRY_VERIFY(std::exchange(before, made) == made && made > 3);
    QVERIFY2(made < 100, qPrintable(QString::number(made)));
    QVERIFY(server->sessions().constFirst()->bytesToWrite() > 0);
    // It reads at last, and gets everything.
    qint64 received = 0;
    peer.setReadBufferSize(0);
    const qint64 expected = requests * (answer.size() + 4 + 5);
    connect(&peer, &QIODevice::readyRead, &peer, [&] { received += peer.readAll().size(); });
    received += peer.readAll().size();
    QTRY_COMPARE_WITH_TIMEOUT(received, expected, 30'000);
    QCOMPARE(made, requests);
}

void tst_Tls::lastNotification()
{
    const auto server = serve();
    m_notified = 0;
    {
        const auto client = connectTo(*server);
        QVERIFY(client->call<int>("add", 1, 2).waitForFinished(30s));
        for (int i = 0; i < 100; ++i)
            client->notify("note");
        client->close();
    }
    QTRY_COMPARE(m_notified, 100);
}

// A server that says nothing after the handshake: what was to be sent while its end was not sent yet goes by itself.
void tst_Tls::withoutTickets()
{
    QSslConfiguration silent = m_server.trusting(m_authority->certificate());
    silent.setSslOption(QSsl::SslOptionDisableSessionTickets, true);
    silent.setSslOption(QSsl::SslOptionDisableSessionPersistence, true);
    const auto server = serve(silent);
    for (int i = 0; i < 20; ++i) {
        const auto client = connectTo(*server);
        auto reply = client->call<int>("add", i, 1);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), i + 1);
    }
}

void tst_Tls::onlyNotification_data()
{
    QTest::addColumn<QString>("address");
    QTest::addColumn<QByteArray>("token");
    QTest::newRow("tls") << "tls://127.0.0.1:0" << QByteArray();
    QTest::newRow("tls, with a token") << "tls://127.0.0.1:0" << QByteArray("secret");
    QTest::newRow("tcp, with a token") << "tcp://127.0.0.1:0" << QByteArray("secret");
}

// A client that goes before an event loop has run: it connects, and is let in, while its end waits.
void tst_Tls::onlyNotification()
{
    QFETCH(const QString, address);
    QFETCH(const QByteArray, token);
    QThread thread;
    QObject there;
    there.moveToThread(&thread);
    thread.start();
    std::atomic<int> heard{0};
    std::unique_ptr<Server> server;
    QUrl url;
    QMetaObject::invokeMethod(
            &there,
            [&] {
                server = std::make_unique<Server>();
                server->bind("note", [&] { ++heard; });
                server->setTlsConfiguration(m_server.trusting(m_authority->certificate()));
                server->setToken(token);
                if (server->listen(QUrl(address)))
                    url = server->urls().constFirst();
            },
            Qt::BlockingQueuedConnection);
    QVERIFY(!url.isEmpty());
    {
        Client client(url);
        client.setTlsConfiguration(trusting());
        client.setToken(token);
        QVERIFY(client.notify("note"));
    }
    QTRY_COMPARE(heard.load(), 1);
    QMetaObject::invokeMethod(
            &there, [&] { server.reset(); }, Qt::BlockingQueuedConnection);
    thread.quit();
    QVERIFY(thread.wait(10'000));
}

void tst_Tls::serverRestart()
{
    auto server = serve();
    const QUrl url = server->urls().constFirst();
    const auto client = connectTo(*server);
    QVERIFY(client->call<int>("add", 1, 2).waitForFinished(30s));
    int ended = 0;
    server->bind("never", [](MsgpackRpc::Responder responder) {
        static QList<MsgpackRpc::Responder> kept;
        kept.append(responder);
    });
    for (int i = 0; i < 10; ++i) {
        client->call("never").onError(this, [&](const Error &error) {
            ended += error.code() == Error::ConnectionLost ? 1 : 100;
        });
    }
    QTRY_COMPARE(server->sessions().constFirst()->requestsInWork(), 10);
    server.reset();
    QTRY_COMPARE(ended, 10);
    server = std::make_unique<Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    server->setTlsConfiguration(m_server.trusting(m_authority->certificate()));
    QVERIFY(server->listen(url));
    auto reply = client->call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    QCOMPARE(ended, 10);
}

void tst_Tls::recordThatIsNone_data()
{
    QTest::addColumn<int>("direction");
    QTest::addColumn<bool>("isServerOfTheUsers");
    QTest::newRow("client to server") << int(Proxy::FromClient) << false;
    QTest::newRow("server to client") << int(Proxy::FromServer) << false;
    QTest::newRow("client to the user's server") << int(Proxy::FromClient) << true;
    QTest::newRow("the user's server to client") << int(Proxy::FromServer) << true;
}

// Somebody on the way changes a bit: the one who cannot decrypt ends the connection, and both know why.
void tst_Tls::recordThatIsNone()
{
    QFETCH(const int, direction);
    QFETCH(const bool, isServerOfTheUsers);
    QSslServer encrypted;
    encrypted.setSslConfiguration(m_server.trusting(m_authority->certificate()));
    Server server;
    server.bind("add", [](int a, int b) { return a + b; });
    server.setTlsConfiguration(m_server.trusting(m_authority->certificate()));
    if (isServerOfTheUsers)
        QVERIFY(encrypted.listen(QHostAddress::LocalHost) && server.listen(&encrypted));
    else
        QVERIFY(server.listen(QUrl("tls://127.0.0.1:0")));
    Proxy proxy(server.urls().constFirst());
    QUrl url = proxy.url();
    url.setScheme("tls");
    Client client(url);
    client.setTlsConfiguration(trusting());
    client.setTimeout(-1ms);
    QList<MsgpackRpc::Responder> kept;
    client.bind("never", [&](MsgpackRpc::Responder responder) { kept.append(responder); });
    auto before = client.call<int>("add", 1, 2);
    QVERIFY(before.waitForFinished(30s));
    QVERIFY2(!before.error(), qPrintable(before.error().message()));
    const auto callBack = server.sessions().constFirst()->call("never");
    QTRY_COMPARE_WITH_TIMEOUT(kept.size(), 1, 30'000);

    QSignalSpy closed(&server, &Server::sessionClosed);
    proxy.spoilNext(Proxy::Direction(direction));
    const auto lost = client.call<int>("add", 3, 4);
    QTRY_VERIFY_WITH_TIMEOUT(lost.isFinished() && callBack.isFinished(), 30'000);
    for (const Error &error : {lost.error(), callBack.error()}) {
        QCOMPARE(error.code(), Error::ConnectionLost);
        QVERIFY2(error.message().contains(QRegularExpression("was lost: .*[Tt]he|SSL|TLS")),
                 qPrintable(error.message()));
    }
    const Error noticed = direction == Proxy::FromClient ? callBack.error() : lost.error();
    QVERIFY2(noticed.message().contains("bad record mac"), qPrintable(noticed.message()));
    QTRY_COMPARE_WITH_TIMEOUT(closed.size(), 1, 30'000);

    auto after = client.call<int>("add", 5, 6);
    QVERIFY(after.waitForFinished(30s));
    QVERIFY2(!after.error(), qPrintable(after.error().message()));
    QCOMPARE(after.result(), 11);
    QCOMPARE(proxy.connections().size(), size_t(2));
}

void tst_Tls::deletedInTheMiddle_data()
{
    QTest::addColumn<QString>("what");
    QTest::newRow("client in a callback") << "client";
    QTest::newRow("client in the handshake") << "handshake";
    QTest::newRow("client on the change of state") << "state";
    QTest::newRow("server in the handshake") << "server";
    QTest::newRow("server in a method") << "method";
    QTest::newRow("server when a session opens") << "opened";
    QTest::newRow("session in a method") << "session";
}

void tst_Tls::deletedInTheMiddle()
{
    QFETCH(QString, what);
    auto server = serve();
    auto client = connectTo(*server);
    int ended = 0;
    server->bind("end", [&] {
        if (what == "session")
            delete CallContext::current().session().session();
        else
            server.reset();
        return 1;
    });
    if (what == "opened")
        connect(server.get(), &Server::sessionOpened, this, [&] { server.reset(); });
    if (what == "state")
        connect(client.get(), &Client::stateChanged, this, [&](Client::State state) {
            if (state == Client::Connected)
                client.reset();
        });
    for (int i = 0; i < 3; ++i) {
        client->call<int>(what == "method" || what == "session" ? "end" : "add", 1, 2)
                .then(this,
                      [&](int) {
                          ++ended;
                          if (what == "client")
                              client.reset();
                      })
                .onError(this, [&](const Error &) { ++ended; });
    }
    if (what == "handshake") {
        QTRY_COMPARE(client->state(), Client::Connecting);
        client.reset();
    } else if (what == "server") {
        QTRY_COMPARE(client->state(), Client::Connecting);
        server.reset();
    }
    QTRY_COMPARE_WITH_TIMEOUT(ended, 3, 15'000);
}

void tst_Tls::pool()
{
    const auto server = serve();
    MsgpackRpc::SessionPool pool;
    pool.setTlsConfiguration(trusting());
    auto reply = pool.session(server->urls().constFirst())->call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

QTEST_GUILESS_MAIN(tst_Tls)

#include "tst_tls.moc"
