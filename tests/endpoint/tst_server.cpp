// SPDX-License-Identifier: Apache-2.0

// Listening, sessions and their signals, settings, state and reconnecting.
#include "notifiermodes.h"
#include "peerprocess.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/ResponderWatcher>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Testing>

#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#ifdef Q_OS_UNIX
#    include <sys/resource.h>
#endif

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;

/// Answers what waits when it is packed.
struct Answering
{
    int number = 0;
};

struct Nesting
{
    int number = 0;
};

class tst_Server : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void listenErrors_data();
    void listenErrors();
    void passwordsAreNotShown_data();
    void passwordsAreNotShown();
    void slashAtTheEnd();
    void severalListeners();
    void sessionSignals();
    void closeAndListenAgain();
    void callerGone();
    void manyClientsAndServers();
    void manyIdleConnections();
    void notifierMode();
    void state();
    void stateOfAnyConnection();
    void errorsOfAcceptedSessions_data();
    void errorsOfAcceptedSessions();
    void errorOfWhatIsClosedMeanwhile();
    void reconnectOnDemand();
    void reconnectAlways();
    void reconnectDelaysGrow();
    void options_data();
    void options();
    void refusedOptions();
    void bytesOnTheWire();
    void compatibility();
    void answerWithinAConversion();
    void dispatchWithinAConversion();
    void settings();
};

void tst_Server::listenErrors_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<QString>("message");
    QTest::newRow("no URL") << QUrl() << "no known scheme";
    QTest::newRow("scheme") << QUrl("http://127.0.0.1:80") << "no known scheme";
    QTest::newRow("no address") << QUrl("tcp://:80") << "names no address";
    QTest::newRow("a name") << QUrl("tcp://example.invalid:80") << "literal address";
    QTest::newRow("not ours") << QUrl("tcp://192.0.2.1:18800") << "192.0.2.1";
    QTest::newRow("no memory name") << QUrl("memory:") << "no name";
    QTest::newRow("a host for a memory name") << QUrl("memory://name") << "no name";
    QTest::newRow("query after a memory name") << QUrl("memory:name?x") << "has a query";
#ifdef Q_OS_UNIX
    QTest::newRow("no local name") << QUrl("local:") << "expected local:name";
    QTest::newRow("a port for a local name") << QUrl("local://:1/tmp/x") << "expected local:name";
#endif
    QTest::newRow("no TCP port") << QUrl("tcp://127.0.0.1") << "names no port to listen at";
    QTest::newRow("empty TCP port") << QUrl("tcp://127.0.0.1:") << "names no port to listen at";
    QTest::newRow("no TLS port") << QUrl("tls://127.0.0.1") << "expected tls://address:port";
    QTest::newRow("no UDP port") << QUrl("udp://127.0.0.1") << "expected udp://address:port";
    QTest::newRow("port too large") << QUrl("tcp://127.0.0.1:99999") << "127.0.0.1:99999";
    QTest::newRow("port too large by one") << QUrl("tcp://127.0.0.1:65536") << "Invalid port";
    QTest::newRow("negative port") << QUrl("tcp://127.0.0.1:-1") << "Invalid port";
    QTest::newRow("no number") << QUrl("tcp://:x") << "expected tcp://address:port";
    QTest::newRow("user") << QUrl("tcp://me@127.0.0.1:0") << "a user name or password";
    QTest::newRow("path") << QUrl("tcp://127.0.0.1:0/x") << "127.0.0.1:0/x has a path";
    QTest::newRow("query") << QUrl("tcp://127.0.0.1:0?x=1") << "has a query";
    QTest::newRow("fragment") << QUrl("tcp://127.0.0.1:0#x") << "has a fragment";
    QTest::newRow("UDP path") << QUrl("udp://127.0.0.1:0/x") << "has a path";
    QTest::newRow("TLS query") << QUrl("tls://127.0.0.1:0?x") << "has a query";
}

// What was a password is not to be found in a log.
void tst_Server::passwordsAreNotShown_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("password") << QUrl("tcp://me:secret@127.0.0.1:5");
    QTest::newRow("user") << QUrl("tls://secret@127.0.0.1:5");
    QTest::newRow("port too large") << QUrl("tcp://me:secret@127.0.0.1:99999");
    QTest::newRow("unknown scheme") << QUrl("ftp://me:secret@127.0.0.1:5");
    QTest::newRow("memory") << QUrl("memory://secret@host/name");
    QTest::newRow("local") << QUrl("local://secret@host/name");
}

void tst_Server::passwordsAreNotShown()
{
    QFETCH(QUrl, url);
    Server server;
    QVERIFY(!server.listen(url));
    QVERIFY(!server.error().message().isEmpty());
    QVERIFY2(!server.error().message().contains("secret"), qPrintable(server.error().message()));
    Client client(url);
    const auto reply = client.call("echo", 1);
    QTRY_COMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(!reply.error().message().contains("secret"), qPrintable(reply.error().message()));
    QVERIFY(!client.peerName().contains("secret"));
}

// A slash at the end is what tools add, and says nothing.
void tst_Server::slashAtTheEnd()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0/")));
    Client client(server.urls().constFirst());
    auto reply = client.call<int>("echo", 5);
    QVERIFY(reply.waitForFinished(5s));
    QCOMPARE(reply.result(), 5);
}

void tst_Server::listenErrors()
{
    QFETCH(QUrl, url);
    QFETCH(QString, message);
    Server server;
    QVERIFY(!server.listen(url));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY2(server.error().message().contains(message), qPrintable(server.error().message()));
    QVERIFY(!server.isListening());
}

void tst_Server::severalListeners()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QVERIFY(server.listen(QUrl("tcp://localhost:0")));
    QVERIFY(server.listen(QUrl("memory:several")));
    QCOMPARE(server.urls().size(), 3);
    Server second;
    QVERIFY(!second.listen(QUrl("memory:several")));
    QVERIFY(!second.listen(server.urls().constFirst()));
    for (const QUrl &url : server.urls()) {
        Client client(url);
        auto reply = client.call<int>("echo", 5);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), 5);
    }
    if (server.listen(QUrl("tcp://[::1]:0"))) {
        Client client(server.urls().constLast());
        auto reply = client.call<int>("echo", 6);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), 6);
    }
}

void tst_Server::sessionSignals()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QSignalSpy opened(&server, &Server::sessionOpened);
    QSignalSpy closed(&server, &Server::sessionClosed);
    QPointer<MsgpackRpc::Session> session;
    {
        Client client(server.urls().constFirst());
        QVERIFY(client.call<int>("echo", 5).waitForFinished(30s));
        QCOMPARE(opened.size(), 1);
        session = opened.constFirst().constFirst().value<MsgpackRpc::Session *>();
        QCOMPARE(session, server.sessions().constFirst());
        QCOMPARE(session->state(), MsgpackRpc::Session::Connected);
        QCOMPARE(session->peerAddress()->host(), QHostAddress(QHostAddress::LocalHost));
        QVERIFY(session->peerName().startsWith(u"127.0.0.1:"));
        QVERIFY(closed.isEmpty());
    }
    QTRY_COMPARE(closed.size(), 1);
    QVERIFY(server.sessions().isEmpty());
    QTRY_VERIFY(session.isNull());

    // A session that the server's side closes is over too.
    {
        closed.clear();
        Client other(server.urls().constFirst());
        QVERIFY(other.call<int>("echo", 5).waitForFinished(30s));
        server.sessions().constFirst()->close();
        QTRY_COMPARE(closed.size(), 1);
        QVERIFY(server.sessions().isEmpty());
    }

    // Deleting a session of a server is as good as its end.
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 5).waitForFinished(30s));
    delete server.sessions().constFirst();
    QVERIFY(server.sessions().isEmpty());
    QTRY_COMPARE(client.state(), Client::Unconnected);
}

void tst_Server::closeAndListenAgain()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    const QUrl url = server.urls().constFirst();
    Client client(url);
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 1;
    client.setReconnect(reconnect);
    QVERIFY(client.call<int>("echo", 5).waitForFinished(30s));
    QSignalSpy closed(&server, &Server::sessionClosed);
    server.close();
    QCOMPARE(closed.size(), 1);
    QVERIFY(!server.isListening());
    QTRY_COMPARE(client.state(), Client::Unconnected);
    auto refused = client.call<int>("echo", 5);
    QVERIFY(refused.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::ConnectFailed);
    QVERIFY(server.listen(url));
    auto again = client.call<int>("echo", 6);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 6);
}

// Who works for a caller that is gone can know; its answer is dropped, and its place among the requests in work is free.
void tst_Server::callerGone()
{
    Server server;
    MsgpackRpc::Responder kept;
    server.bind("hang", this, [&](MsgpackRpc::Responder responder) { kept = responder; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto client = std::make_unique<Client>(server.urls().constFirst());
    client->call("hang");
    QTRY_VERIFY(kept.isValid());
    QVERIFY(!kept.isCanceled());
    MsgpackRpc::ResponderWatcher watcher(kept);
    QSignalSpy canceled(&watcher, &MsgpackRpc::ResponderWatcher::canceled);
    client.reset();
    QVERIFY(canceled.wait(30'000));
    QVERIFY(kept.isCanceled());
    QVERIFY(kept.result(1)); // goes nowhere
    QVERIFY(!kept.result(2));
    MsgpackRpc::ResponderWatcher late(kept);
    QSignalSpy lateCanceled(&late, &MsgpackRpc::ResponderWatcher::canceled);
    QVERIFY(lateCanceled.wait(30'000));
}

void tst_Server::manyClientsAndServers()
{
    std::vector<std::unique_ptr<Server>> servers;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 3; ++i) {
        servers.push_back(std::make_unique<Server>());
        servers.back()->bind("which", [i] { return i; });
        QVERIFY(servers.back()->listen(QUrl("tcp://127.0.0.1:0")));
        for (int j = 0; j < 3; ++j)
            clients.push_back(std::make_unique<Client>(servers.back()->urls().constFirst()));
    }
    int right = 0;
    for (size_t i = 0; i < clients.size(); ++i) {
        clients[i]->call<int>("which").then(
                this, [&, i](int which) { right += which == int(i / 3) ? 1 : 0; });
    }
    QTRY_COMPARE(right, 9);
}

// A thousand connections that do nothing, and one that works.
void tst_Server::manyIdleConnections()
{
    constexpr int Count = 1000;
#ifdef Q_OS_UNIX
    rlimit files = {};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = qMin<rlim_t>(files.rlim_max, 4 * Count);
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 3 * Count)
        QSKIP("the system does not allow so many descriptors");
#endif
    Server server;
    MsgpackRpc::Limits limits;
    limits.connections = limits.connectionsPerAddress = Count + 10;
    server.setLimits(limits);
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    std::vector<std::unique_ptr<Client>> idle;
    for (int i = 0; i < Count; ++i) {
        idle.push_back(std::make_unique<Client>(server.urls().constFirst()));
        idle.back()->open();
        QTRY_COMPARE_WITH_TIMEOUT(server.sessions().size(), i + 1, 20'000);
    }
    Client busy(server.urls().constFirst());
    int right = 0;
    for (int i = 0; i < 100; ++i)
        busy.call<int>("echo", i).then(this, [&, i](int x) { right += x == i ? 1 : 0; });
    QTRY_COMPARE(right, 100);
    // And each of them works when it is wanted.
    for (const auto &client : idle)
        client->call<int>("echo", 1).then(this, [&](int x) { right += x; });
    QTRY_COMPARE(right, 100 + Count);
    idle.clear();
    QTRY_COMPARE(server.sessions().size(), 1);
}

// It is for listen() calls and connections that follow.
void tst_Server::notifierMode()
{
    MsgpackRpc::Server server;
    MsgpackRpc::Client client;
    QCOMPARE(server.notifierMode(), MsgpackRpc::NotifierMode::PerConnection);
    QCOMPARE(client.notifierMode(), MsgpackRpc::NotifierMode::PerConnection);
    QSignalSpy ofServer(&server, &Server::notifierModeChanged);
    QSignalSpy ofClient(&client, &Client::notifierModeChanged);
    for (int i = 0; i < 2; ++i) {
        server.setNotifierMode(MsgpackRpc::NotifierMode::PerThread);
        client.setNotifierMode(MsgpackRpc::NotifierMode::PerThread);
    }
    QCOMPARE(ofServer.size(), 1);
    QCOMPARE(ofClient.size(), 1);
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    client.setUrl(server.urls().constFirst());
    client.open();
    QTRY_COMPARE(server.sessions().size(), 1);
    MsgpackRpc::Session *const session = server.sessions().constFirst();
    QCOMPARE(session->notifierMode(), MsgpackRpc::NotifierMode::PerThread);
    QCOMPARE(session->peerAddress()->host(), QHostAddress(QHostAddress::LocalHost));
}

void tst_Server::state()
{
    auto server = std::make_unique<Server>();
    server->bind("echo", [](int x) { return x; });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server->urls().constFirst());
    QSignalSpy changes(&client, &Client::stateChanged);
    QSignalSpy errors(&client, &Client::errorOccurred);
    QCOMPARE(client.state(), Client::Unconnected);
    client.open();
    QCOMPARE(client.state(), Client::Connecting);
    QTRY_COMPARE(client.state(), Client::Connected);
    server.reset();
    QTRY_COMPARE(client.state(), Client::Unconnected);
    QTRY_COMPARE(changes.size(), 3);
    QCOMPARE(changes.at(0).constFirst().value<Client::State>(), Client::Connecting);
    QCOMPARE(changes.at(1).constFirst().value<Client::State>(), Client::Connected);
    QCOMPARE(changes.at(2).constFirst().value<Client::State>(), Client::Unconnected);
    QTRY_COMPARE(errors.size(), 1);
    QCOMPARE(errors.constFirst().constFirst().value<Error>().code(), Error::ConnectionLost);
}

// Whatever the option of a connection: it is one.
void tst_Server::stateOfAnyConnection()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    QList<Client::State> changes;
    connect(&client, &Client::stateChanged, this,
            [&changes](Client::State state) { changes.append(state); });
    auto reply = client.over(MsgpackRpc::TransportOption::Deflate).call<int>("echo", 5);
    QCOMPARE(client.state(), Client::Connecting);
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.result(), 5);
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(client.peerAddress()->port(), client.url().port());
    // A second one changes nothing; neither does the loss of one of two.
    QVERIFY(client.call<int>("echo", 6).waitForFinished(20s));
    QTRY_COMPARE_WITH_TIMEOUT(server.sessions().size(), 2, 20'000);
    QSignalSpy errors(&client, &Client::errorOccurred);
    server.sessions().constFirst()->close();
    QTRY_COMPARE_WITH_TIMEOUT(errors.size(), 1, 20'000);
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(changes, (QList<Client::State>{Client::Connecting, Client::Connected}));
    server.sessions().constFirst()->close();
    QTRY_COMPARE_WITH_TIMEOUT(errors.size(), 2, 20'000);
    QCOMPARE(client.state(), Client::Unconnected);
    QCOMPARE(changes.size(), 3);
    QCOMPARE(changes.constLast(), Client::Unconnected);
    QVERIFY(!client.peerAddress());
}

void tst_Server::errorsOfAcceptedSessions_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<Error::Code>("code");
    QTest::addColumn<QString>("text");
    QTest::newRow("the peer goes") << QByteArray() << Error::ConnectionLost << "";
    QTest::newRow("within a message")
            << QByteArray::fromHex("940001a46563686f") << Error::ConnectionLost << "";
    QTest::newRow("no MessagePack") << QByteArray::fromHex("c1") << Error::ProtocolViolation << "";
    QTest::newRow("no message") << QByteArray::fromHex("a16100") << Error::ProtocolViolation << "";
    QTest::newRow("too large") << QByteArray::fromHex("940001a46563686f91c6ffffffff")
                               << Error::LimitExceeded << "bytes";
    // Several at once are told of once.
    QTest::newRow("several") << QByteArray::fromHex("c1c1c1a161") << Error::ProtocolViolation << "";
}

// What has ended the session of a server is told to whoever has its signal, once, and before it is over.
void tst_Server::errorsOfAcceptedSessions()
{
    QFETCH(const QByteArray, bytes);
    QFETCH(const Error::Code, code);
    QFETCH(const QString, text);
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QList<Error> errors;
    QStringList order;
    connect(&server, &Server::sessionOpened, this, [&](MsgpackRpc::Session *session) {
        connect(session, &MsgpackRpc::Session::errorOccurred, this, [&](const Error &error) {
            errors.append(error);
            order.append(QStringLiteral("error"));
        });
        connect(session, &QObject::destroyed, this,
                [&] { order.append(QStringLiteral("deleted")); });
    });
    connect(&server, &Server::sessionClosed, this, [&](MsgpackRpc::Session *session) {
        QCOMPARE(session->state(), Client::Closed);
        order.append(QStringLiteral("closed"));
    });
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(server.urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(20'000));
    QTRY_COMPARE_WITH_TIMEOUT(server.sessions().size(), 1, 20'000);
    peer.write(bytes);
    if (code == Error::ConnectionLost)
        peer.disconnectFromHost();
    QTRY_COMPARE_WITH_TIMEOUT(order,
                              (QStringList{QStringLiteral("error"), QStringLiteral("closed"),
                                           QStringLiteral("deleted")}),
                              20'000);
    QCOMPARE(errors.size(), 1);
    QCOMPARE(errors.constFirst().code(), code);
    QVERIFY2(errors.constFirst().message().contains(text),
             qPrintable(errors.constFirst().message()));

    // Whoever closes it himself knows.
    errors.clear();
    order.clear();
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 1).waitForFinished(20s));
    server.sessions().constFirst()->close();
    QTRY_COMPARE_WITH_TIMEOUT(
            order, (QStringList{QStringLiteral("closed"), QStringLiteral("deleted")}), 20'000);
    QVERIFY(errors.isEmpty());
}

// The server closes when the end is known but was not told yet.
void tst_Server::errorOfWhatIsClosedMeanwhile()
{
    Server server;
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QStringList order;
    connect(&server, &Server::sessionOpened, this, [&](MsgpackRpc::Session *session) {
        connect(session, &MsgpackRpc::Session::stateChanged, this, [&] { server.close(); });
        connect(session, &MsgpackRpc::Session::errorOccurred, this,
                [&] { order.append(QStringLiteral("error")); });
        connect(session, &QObject::destroyed, this,
                [&] { order.append(QStringLiteral("deleted")); });
    });
    connect(&server, &Server::sessionClosed, this, [&] { order.append(QStringLiteral("closed")); });
    Client client(server.urls().constFirst());
    client.open();
    QTRY_COMPARE(server.sessions().size(), 1);
    client.close();
    QTRY_COMPARE(order, (QStringList{QStringLiteral("error"), QStringLiteral("closed"),
                                     QStringLiteral("deleted")}));
}

void tst_Server::reconnectOnDemand()
{
    auto peer = std::make_unique<PeerProcess>();
    const QUrl url = peer->url();
    Client client(url);
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    peer.reset();
    QTRY_COMPARE(client.state(), Client::Unconnected);
    peer = std::make_unique<PeerProcess>(url.toString());
    QCOMPARE(client.state(), Client::Unconnected);
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

void tst_Server::reconnectAlways()
{
    auto peer = std::make_unique<PeerProcess>();
    const QUrl url = peer->url();
    Client client(url);
    MsgpackRpc::Reconnect reconnect;
    reconnect.mode = MsgpackRpc::Reconnect::Always;
    reconnect.maximumDelay = 100ms;
    client.setReconnect(reconnect);
    client.open();
    QTRY_COMPARE(client.state(), Client::Connected);
    peer.reset();
    QTRY_COMPARE(client.state(), Client::Connecting);
    peer = std::make_unique<PeerProcess>(url.toString());
    QTRY_COMPARE_WITH_TIMEOUT(client.state(), Client::Connected, 10'000);
}

void tst_Server::reconnectDelaysGrow()
{
    MsgpackRpc::Testing::Clock clock;
    Client client(QUrl("memory:nobody"));
    auto reply = client.call("add", 1, 2);
    clock.advance(0ms);
    QCOMPARE(client.state(), Client::Connecting);
    // 50, 100, 200 and 400 ms, each varied by a quarter: between 562 and 938 ms in all.
    clock.advance(560ms);
    QVERIFY(!reply.isFinished());
    clock.advance(380ms);
    QVERIFY(reply.isFinished());
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY(reply.error().message().contains(u"5 attempts"));
}

void tst_Server::options_data()
{
    QTest::addColumn<int>("flags");
    QTest::newRow("plain") << 0;
    QTest::newRow("tx") << int(MsgpackRpc::TransportOption::TxDeflate);
    QTest::newRow("rx") << int(MsgpackRpc::TransportOption::RxDeflate);
    QTest::newRow("both") << int(MsgpackRpc::TransportOption::Deflate);
}

void tst_Server::options()
{
    QFETCH(int, flags);
    Server server;
    server.bind("echo", [](const QVariant &x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.bind("twice", [](int x) { return 2 * x; });
    client.setTransportOption(MsgpackRpc::TransportOption::Flag(flags));
    int right = 0;
    for (int i = 0; i < 200; ++i) {
        const QString text = QStringLiteral("%1 ").arg(i).repeated(i * 10);
        client.call<QString>("echo", text).then(this, [&, text](const QString &x) {
            right += x == text ? 1 : 0;
        });
    }
    QTRY_COMPARE(right, 200);
    auto back = server.sessions().constFirst()->call<int>("twice", 21);
    QVERIFY(back.waitForFinished(30s));
    QCOMPARE(back.result(), 42);
}

void tst_Server::refusedOptions()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    server.setAcceptedOptions(MsgpackRpc::TransportOption::Default);
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    auto deflated = client.over(MsgpackRpc::TransportOption::Deflate).call<int>("echo", 1);
    QVERIFY(deflated.waitForFinished(30s));
    QCOMPARE(deflated.error().code(), Error::ConnectionLost);
    QVERIFY(client.call<int>("echo", 1).waitForFinished(30s));
}

// What a client writes, byte for byte, and that it writes once for a turn of the event loop.
void tst_Server::bytesOnTheWire()
{
    QTcpServer raw;
    QVERIFY(raw.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(raw.serverPort())));
    client.setNextMsgid(0);
    client.call("echo", "hello")
            .cancel(); // taken out before it is written; its id is not used again
    client.setNextMsgid(0);
    client.call("echo", "hello").onError(this, [] {});
    client.notify("poke", 1, "x");
    client.call(7, "hello").onError(this, [] {});
    client.object("calc").notify(7);
    QTRY_VERIFY(raw.hasPendingConnections());
    QTcpSocket *const peer = raw.nextPendingConnection();
    QByteArray received;
    int reads = 0;
    connect(peer, &QTcpSocket::readyRead, this, [&] {
        received += peer->readAll();
        ++reads;
    });
    const QByteArray expected = QByteArray::fromHex("940000a46563686f91a568656c6c6f"
                                                    "9302a4706f6b659201a178"
                                                    "9400010791a568656c6c6f"
                                                    "9302a663616c632e3790");
    if (peer->bytesAvailable() > 0)
        received += peer->readAll();
    QTRY_COMPARE(received.toHex(), expected.toHex());
    QVERIFY(reads <= 1);
}

void tst_Server::compatibility()
{
    QTcpServer raw;
    QVERIFY(raw.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(raw.serverPort())));
    client.setWireFormat(MsgpackRpc::WireFormat::Compatibility);
    client.setNextMsgid(0);
    auto reply = client.call<QByteArray>("echo", QByteArray(32, 'a'));
    QTRY_VERIFY(raw.hasPendingConnections());
    QTcpSocket *const peer = raw.nextPendingConnection();
    QByteArray received;
    const auto all = [&] {
        received += peer->readAll();
        return received;
    };
    QTRY_COMPARE(all().toHex(), "940000a46563686f91da0020" + QByteArray(32, 'a').toHex());
    peer->write(QByteArray::fromHex("940100c0da0020") + QByteArray(32, '\xff'));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), QByteArray(32, '\xff'));
}

// What converts an argument may answer something else over the same connection: neither message harms the other.
void tst_Server::answerWithinAConversion()
{
    static QList<MsgpackRpc::Responder> waiting;
    MsgpackRpc::registerType<Answering>(
            [](const Answering &value) {
                while (!waiting.isEmpty())
                    waiting.takeFirst().result(QStringLiteral("answered"));
                return value.number;
            },
            [](int number) { return Answering{number}; });
    Server server;
    server.bind("later", [](MsgpackRpc::Responder responder) { waiting += responder; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.bind("echo", [](int x) { return x; });
    auto later = client.call<QString>("later");
    QTRY_COMPARE(waiting.size(), 1);
    auto echo = server.sessions().constFirst()->call<int>("echo", Answering{42});
    QVERIFY(later.waitForFinished(30s));
    QCOMPARE(later.result(), QStringLiteral("answered"));
    QVERIFY(echo.waitForFinished(30s));
    QCOMPARE(echo.result(), 42);
}

// What converts an argument may run an event loop, in which other calls come over the same connection.
void tst_Server::dispatchWithinAConversion()
{
    static bool isLast = false;
    MsgpackRpc::registerType<Nesting>(
            [](const Nesting &value) {
                while (!isLast)
                    QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
                return value.number;
            },
            [](int number) { return Nesting{number}; });
    Server server;
    MsgpackRpc::PendingReply<int> echo;
    server.bind("start", [&] {
        echo = server.sessions().constFirst()->call<int>("echo", Nesting{42});
        return 1;
    });
    server.bind("known", [] { return QStringLiteral("known"); });
    server.bind("unsendable", [] { return QVariant::fromValue(QThread::currentThread()); });
    server.bind("last", [] { isLast = true; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.bind("echo", [](int x) { return x; });
    auto start = client.call<int>("start");
    auto known = client.call<QString>("known");
    auto unknown = client.call("unknown");
    auto unsendable = client.call("unsendable");
    client.notify("last");
    QVERIFY(known.waitForFinished(30s));
    QCOMPARE(known.result(), QStringLiteral("known"));
    QVERIFY(unknown.waitForFinished(30s));
    QCOMPARE(unknown.error().message(), QStringLiteral("method `unknown' is not accepted"));
    QVERIFY(unsendable.waitForFinished(30s));
    QCOMPARE(unsendable.error().code(), Error::RemoteError);
    QVERIFY(start.waitForFinished(30s));
    QCOMPARE(start.result(), 1);
    QVERIFY(echo.waitForFinished(30s));
    QCOMPARE(echo.result(), 42);
    QCOMPARE(client.state(), Client::Connected);
}

void tst_Server::settings()
{
    Client client;
    QCOMPARE(client.timeout(), 10s);
    QCOMPARE(client.connectTimeout(), 5s);
    QCOMPARE(client.reconnect(), MsgpackRpc::Reconnect());
    QCOMPARE(client.reconnect().attempts, 5);
    QCOMPARE(client.limits(), MsgpackRpc::Limits());
    QCOMPARE(client.keepAlive(), 60s);
    QCOMPARE(client.transportOption(), MsgpackRpc::TransportOption());
    QCOMPARE(client.acceptedOptions(),
             MsgpackRpc::TransportOption(MsgpackRpc::TransportOption::Deflate));
    QCOMPARE(client.wireFormat(), MsgpackRpc::WireFormat::Modern);
    QSignalSpy timeout(&client, &Client::timeoutChanged);
    client.setTimeout(1s);
    client.setTimeout(1s);
    QCOMPARE(timeout.size(), 1);
    QCOMPARE(client.timeout(), 1s);
    QCOMPARE(client.metaObject()
                     ->property(client.metaObject()->indexOfProperty("state"))
                     .read(&client)
                     .toInt(),
             int(Client::Unconnected));
    Server server;
    QSignalSpy limits(&server, &Server::limitsChanged);
    MsgpackRpc::Limits few;
    few.connections = 3;
    server.setLimits(few);
    QCOMPARE(limits.size(), 1);
    QCOMPARE(server.limits().connections, 3);
}

QTEST_GUILESS_MAIN(tst_Server)
#include "tst_server.moc"
