// SPDX-License-Identifier: Apache-2.0

// Devices and servers of the user's own, which may be closed and deleted at any time.
#include "tally.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QBuffer>
#include <QtCore/QEventLoop>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <functional>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;
using MsgpackRpc::Session;

class tst_OwnRoads : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void device_data();
    void device();
    void onlyNotification();
    void bothEndsAreDevices();
    void ends_data();
    void ends();
    void secondDevice();
    void useless_data();
    void useless();
    void otherThread();
    void acceptedSession();
    void nestedLoop();
    void deviceDeletedInACallback();
    void tcpServer();
    void localServer();
    void notListening();
    void ofAnotherThread();
    void takenTwice();
    void leftAsItWas_data();
    void leftAsItWas();
    void goneWhilePaused_data();
    void goneWhilePaused();
    void serverDeleted();
    void paused_data();
    void paused();
    void pausedLocalServer();
    void anotherLimitWhilePaused();
    void ownSockets();
    void goneWhileAcceptingResumes_data();
    void goneWhileAcceptingResumes();
    void heldBack();
    void closeLeavesTheServer();
    void waitingConnections();
};

namespace {

int add(int a, int b)
{
    return a + b;
}

int sumOf(Session &session)
{
    auto reply = session.call<int>("add", 1, 2);
    if (!reply.waitForFinished(30s) || reply.error())
        qWarning("%s", qPrintable(reply.error().message()));
    return reply.result();
}

/// A pair of connected sockets.
struct SocketPair
{
    SocketPair()
    {
        QTcpServer server;
        server.listen(QHostAddress::LocalHost);
        near = std::make_unique<QTcpSocket>();
        near->connectToHost(QHostAddress::LocalHost, server.serverPort());
        if (near->waitForConnected(30'000) && server.waitForNewConnection(30'000)) {
            far.reset(server.nextPendingConnection());
            far->setParent(nullptr);
        }
    }
    std::unique_ptr<QTcpSocket> near;
    std::unique_ptr<QTcpSocket> far;
};

} // namespace

void tst_OwnRoads::device_data()
{
    QTest::addColumn<bool>("isLocal");
    QTest::newRow("QTcpSocket") << false;
    QTest::newRow("QLocalSocket") << true;
}

void tst_OwnRoads::device()
{
    QFETCH(bool, isLocal);
    Server server;
    server.bind("add", add);
    server.bind("echo", [](const QByteArray &bytes) { return bytes; });
    QVERIFY(server.listen(QUrl(isLocal ? "local:tst-ownroads" : "tcp://127.0.0.1:0")));
    const QUrl url = server.urls().constFirst();
    QTcpSocket tcp;
    QLocalSocket local;
    if (isLocal) {
        local.connectToServer(url.path());
        QVERIFY(local.waitForConnected(30'000));
    } else {
        tcp.connectToHost(url.host(), quint16(url.port()));
        QVERIFY(tcp.waitForConnected(30'000));
    }
    QIODevice *const device = isLocal ? static_cast<QIODevice *>(&local) : &tcp;
    device->setObjectName(QStringLiteral("my device"));
    {
        Client client;
        QVERIFY(client.setDevice(device));
        QCOMPARE(sumOf(client), 3);
        QCOMPARE(client.state(), Client::Connected);
        QCOMPARE(client.peerName(), QStringLiteral("my device"));
        const QByteArray large(3'000'000, 'x');
        auto echo = client.call<QByteArray>("echo", large);
        QVERIFY(echo.waitForFinished(20s));
        QVERIFY(echo.result() == large);
        QVERIFY(device->isOpen());
    }
    QVERIFY(!device->isOpen()); // it was the session's to close, and not to delete
    QTRY_VERIFY(server.sessions().isEmpty());
}

// A client that goes before an event loop has run.
void tst_OwnRoads::onlyNotification()
{
    SocketPair sockets;
    Client heard;
    int notified = 0;
    heard.bind("note", [&] { ++notified; });
    QVERIFY(heard.setDevice(sockets.far.get()));
    heard.open();
    {
        Client client;
        QVERIFY(client.setDevice(sockets.near.get()));
        QVERIFY(client.notify("note"));
    }
    QTRY_COMPARE(notified, 1);
}

// Sessions are symmetric: what comes first may come from the other side.
void tst_OwnRoads::bothEndsAreDevices()
{
    SocketPair pair;
    Client near;
    Client far;
    near.bind("add", add);
    QVERIFY(near.setDevice(pair.near.get()));
    QVERIFY(far.setDevice(pair.far.get()));
    QCOMPARE(sumOf(far), 3);
    far.bind("add", add);
    QCOMPARE(sumOf(near), 3);
}

void tst_OwnRoads::ends_data()
{
    QTest::addColumn<QString>("how");
    QTest::newRow("closed") << "closed";
    QTest::newRow("deleted") << "deleted";
    QTest::newRow("closed by the peer") << "peer";
    QTest::newRow("deleted by the peer") << "abort";
}

void tst_OwnRoads::ends()
{
    QFETCH(QString, how);
    SocketPair pair;
    Client client;
    QSignalSpy errors(&client, &Client::errorOccurred);
    QVERIFY(client.setDevice(pair.near.get()));
    Tally tally;
    for (int i = 0; i < 10; ++i)
        tally.watch(this, i, client.call("hang"));
    QTRY_VERIFY(pair.far->bytesAvailable() >= 10 * 8);
    if (how == u"closed")
        pair.near->close();
    else if (how == u"deleted")
        pair.near.reset();
    else if (how == u"peer")
        pair.far->close();
    else
        pair.far.reset();
    QCOMPARE(tally.total(), 0); // from the event loop
    QTRY_COMPARE(tally.total(), 10);
    QCOMPARE(tally.failed.value(Error::ConnectionLost), 10);
    QVERIFY(tally.eachOnce(10));
    QTRY_COMPARE(errors.size(), 1);
    const auto error = errors.first().first().value<Error>();
    if (how == u"closed" || how == u"deleted") // a socket closes when it is deleted
        QVERIFY2(error.message().contains(u"the device was closed"), qPrintable(error.message()));
    QCOMPARE(client.state(), Client::Unconnected);
    auto late = client.call("hang");
    QVERIFY(late.waitForFinished(30s));
    QCOMPARE(late.error().code(), Error::NotConnectable);
}

void tst_OwnRoads::secondDevice()
{
    Client server;
    server.bind("add", add);
    SocketPair first;
    SocketPair second;
    QVERIFY(server.setDevice(second.far.get()));
    Client client;
    QVERIFY(client.setDevice(first.near.get()));
    auto open = client.call("hang");
    QTRY_COMPARE(client.state(), Client::Connected);
    QVERIFY(client.setDevice(second.near.get()));
    QVERIFY(!first.near->isOpen());
    QVERIFY(open.waitForFinished(30s));
    QCOMPARE(open.error().code(), Error::Canceled);
    QCOMPARE(sumOf(client), 3);
    // And none: back to where it was.
    QVERIFY(!client.setDevice(nullptr));
    QVERIFY(!second.near->isOpen());
    Server other;
    other.bind("add", add);
    QVERIFY(other.listen(QUrl("memory:tst-ownroads")));
    client.setUrl(other.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
}

void tst_OwnRoads::useless_data()
{
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("what");
    QTest::newRow("none") << "none"
                          << "no device";
    QTest::newRow("closed") << "closed"
                            << "not open";
    QTest::newRow("for reading only") << "read"
                                      << "not open for reading and writing";
    QTest::newRow("not sequential") << "buffer"
                                    << "not sequential";
}

void tst_OwnRoads::useless()
{
    QFETCH(QString, kind);
    QFETCH(QString, what);
    QTcpSocket closed;
    QBuffer buffer;
    buffer.open(kind == u"read" ? QIODevice::ReadOnly : QIODevice::ReadWrite);
    QIODevice *const device = kind == u"none"     ? nullptr
                              : kind == u"closed" ? static_cast<QIODevice *>(&closed)
                                                  : &buffer;
    Client client;
    QVERIFY(!client.setDevice(device));
    auto reply = client.call("add", 1, 2);
    QVERIFY(!reply.isFinished());
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains(what), qPrintable(reply.error().message()));
}

void tst_OwnRoads::otherThread()
{
    SocketPair pair;
    QThread thread;
    thread.start();
    pair.near->moveToThread(&thread);
    Client client;
    QVERIFY(!client.setDevice(pair.near.get()));
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY(reply.error().message().contains(QStringLiteral("another thread")));
    thread.quit();
    thread.wait();
    QVERIFY(pair.near->isOpen());
}

void tst_OwnRoads::acceptedSession()
{
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(QUrl("memory:tst-ownroads")));
    Client client(server.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
    SocketPair pair;
    QVERIFY(!server.sessions().constFirst()->setDevice(pair.near.get()));
    QCOMPARE(sumOf(client), 3);
    QVERIFY(pair.near->isOpen());
}

// Answers that come while a callback runs an event loop are told there.
void tst_OwnRoads::nestedLoop()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(&theirs));
    QTcpSocket socket;
    socket.connectToHost(QHostAddress::LocalHost, theirs.serverPort());
    QVERIFY(socket.waitForConnected(30'000));
    Client client;
    QVERIFY(client.setDevice(&socket));
    int inner = 0;
    bool isDone = false;
    client.call<int>("add", 1, 2).then(this, [&](int) {
        QEventLoop loop;
        QTimer::singleShot(10s, &loop, &QEventLoop::quit);
        client.call<int>("add", 3, 4).then(this, [&](int sum) {
            inner = sum;
            loop.quit();
        });
        loop.exec();
        isDone = true;
    });
    QTRY_VERIFY_WITH_TIMEOUT(isDone, 20'000);
    QCOMPARE(inner, 7);
}

void tst_OwnRoads::deviceDeletedInACallback()
{
    SocketPair pair;
    Client far;
    far.bind("add", add);
    QVERIFY(far.setDevice(pair.far.get()));
    Client client;
    QVERIFY(client.setDevice(pair.near.get()));
    int ended = 0;
    client.call<int>("add", 1, 2).then(this, [&](int) {
        ++ended;
        pair.near.reset();
    });
    client.call("hang").onError(this, [&](const Error &) { ++ended; });
    QTRY_COMPARE(ended, 2);
    QTRY_COMPARE(client.state(), Client::Unconnected);
}

void tst_OwnRoads::tcpServer()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(&theirs));
    const QUrl url = server.urls().value(0);
    QCOMPARE(url.toString(), QStringLiteral("tcp://127.0.0.1:%1").arg(theirs.serverPort()));
    Client client(url);
    QCOMPARE(sumOf(client), 3);
    QCOMPARE(server.sessions().size(), 1);
    QVERIFY(server.sessions().constFirst()->peerAddress());
    client.close();
    QTRY_VERIFY(server.sessions().isEmpty());
}

void tst_OwnRoads::localServer()
{
    QLocalServer theirs;
    theirs.setSocketOptions(QLocalServer::UserAccessOption);
    QVERIFY(theirs.listen(
            QStringLiteral("tst-ownroads-%1").arg(QCoreApplication::applicationPid())));
    Server server;
    server.bind("add", add);
    int inner = 0;
    Client client;
    // A call in the other direction, waited for in a method.
    server.bind("nested", this, [&] {
        auto back = server.sessions().constFirst()->call<int>("twice", 21);
        back.waitForFinished(30s);
        inner = back.result();
        return inner;
    });
    client.bind("twice", [](int x) { return 2 * x; });
    QVERIFY(server.listen(&theirs));
    QCOMPARE(server.urls(), QList<QUrl>{QUrl(QStringLiteral("local:") + theirs.fullServerName())});
    client.setUrl(server.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
    auto nested = client.call<int>("nested");
    QVERIFY(nested.waitForFinished(20s));
    QCOMPARE(nested.result(), 42);
    QCOMPARE(server.sessions().constFirst()->peerName(), server.urls().constFirst().toString());
    client.close();
    QTRY_VERIFY(server.sessions().isEmpty());
}

void tst_OwnRoads::notListening()
{
    QTcpServer tcp;
    QLocalServer local;
    Server server;
    QVERIFY(!server.listen(&tcp));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY(server.error().message().contains(QStringLiteral("does not listen")));
    QVERIFY(!server.listen(&local));
    QVERIFY(!server.listen(static_cast<QTcpServer *>(nullptr)));
    QVERIFY(!server.listen(static_cast<QLocalServer *>(nullptr)));
    QVERIFY(!server.isListening());
}

void tst_OwnRoads::ofAnotherThread()
{
    QThread thread;
    thread.start();
    auto *const tcp = new QTcpServer;
    auto *const local = new QLocalServer;
    QVERIFY(tcp->listen(QHostAddress::LocalHost));
    tcp->moveToThread(&thread);
    local->moveToThread(&thread);
    Server server;
    QVERIFY(!server.listen(tcp));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY(server.error().message().contains(QStringLiteral("lives in another thread")));
    QVERIFY(!server.listen(local));
    QVERIFY(server.error().message().contains(QStringLiteral("lives in another thread")));
    QVERIFY(!server.isListening());
    tcp->deleteLater();
    local->deleteLater();
    thread.quit();
    QVERIFY(thread.wait(20'000));
}

// Two would share its connections at random.
void tst_OwnRoads::takenTwice()
{
    QTcpServer tcp;
    QLocalServer local;
    QVERIFY(tcp.listen(QHostAddress::LocalHost));
    QVERIFY(local.listen(
            QStringLiteral("tst-ownroads-%1").arg(QCoreApplication::applicationPid())));
    auto first = std::make_unique<Server>();
    Server second;
    first->bind("add", add);
    second.bind("add", add);
    QVERIFY(first->listen(&tcp));
    QVERIFY(first->listen(&local));
    for (Server *const server : {first.get(), &second}) {
        QVERIFY(!server->listen(&tcp));
        QCOMPARE(server->error().code(), Error::NotConnectable);
        QVERIFY(server->error().message().contains(QStringLiteral("taken already")));
        QVERIFY(!server->listen(&local));
        QVERIFY(server->error().message().contains(QStringLiteral("taken already")));
    }
    QCOMPARE(first->urls().size(), 2);
    QVERIFY(!second.isListening());
    // A refusal does not free it.
    QVERIFY(!second.listen(&tcp));
    const QList<QUrl> urls = first->urls();
    Client client(urls.constFirst());
    QCOMPARE(sumOf(client), 3);
    // Once it is free it may be another's.
    first->close();
    QVERIFY(first->listen(&tcp));
    first.reset();
    QVERIFY(second.listen(&tcp));
    QVERIFY(second.listen(&local));
    for (const QUrl &url : urls) {
        Client late(url);
        QCOMPARE(sumOf(late), 3);
    }
}

void tst_OwnRoads::leftAsItWas_data()
{
    QTest::addColumn<bool>("isDeleted");
    QTest::newRow("close") << false;
    QTest::newRow("destructor") << true;
}

// It was paused at the limit, which is not the limit of whoever takes its connections then.
void tst_OwnRoads::leftAsItWas()
{
    QFETCH(const bool, isDeleted);
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    auto server = std::make_unique<Server>();
    server->setLimits(limits);
    server->bind("add", add);
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    QVERIFY(server->listen(&theirs));
    Client client(server->urls().constFirst());
    QCOMPARE(sumOf(client), 3); // there are no more places
    if (isDeleted)
        server.reset();
    else
        server->close();
    QVERIFY(theirs.dynamicPropertyNames().isEmpty());
    QSignalSpy connections(&theirs, &QTcpServer::newConnection);
    QTcpSocket other;
    other.connectToHost(QHostAddress::LocalHost, theirs.serverPort());
    QTRY_COMPARE_WITH_TIMEOUT(connections.size(), 1, 20'000);
    QVERIFY(theirs.hasPendingConnections());
}

void tst_OwnRoads::goneWhilePaused_data()
{
    QTest::addColumn<bool>("isDeleted");
    QTest::newRow("closed") << false;
    QTest::newRow("deleted") << true;
}

void tst_OwnRoads::goneWhilePaused()
{
    QFETCH(const bool, isDeleted);
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    Server server;
    server.setLimits(limits);
    server.bind("add", add);
    auto theirs = std::make_unique<QTcpServer>();
    QVERIFY(theirs->listen(QHostAddress::LocalHost));
    QVERIFY(server.listen(theirs.get()));
    Client client(server.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
    if (isDeleted)
        theirs.reset();
    else
        theirs->close();
    QVERIFY(server.urls().isEmpty());
    // Accepting goes on, and pauses: with nothing that could.
    limits.connections = 2;
    server.setLimits(limits);
    QCOMPARE(sumOf(client), 3);
    limits.connections = 1;
    server.setLimits(limits);
    QCOMPARE(sumOf(client), 3);
    server.close();
    QVERIFY(server.sessions().isEmpty());
}

// Sessions go on without the server that has accepted them.
void tst_OwnRoads::serverDeleted()
{
    auto tcp = std::make_unique<QTcpServer>();
    auto local = std::make_unique<QLocalServer>();
    QVERIFY(tcp->listen(QHostAddress::LocalHost));
    QVERIFY(local->listen(
            QStringLiteral("tst-ownroads-%1").arg(QCoreApplication::applicationPid())));
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(tcp.get()));
    QVERIFY(server.listen(local.get()));
    QCOMPARE(server.urls().size(), 2);
    Client first(server.urls().at(0));
    Client second(server.urls().at(1));
    QCOMPARE(sumOf(first), 3);
    QCOMPARE(sumOf(second), 3);
    tcp.reset();
    local->close();
    QVERIFY(server.urls().isEmpty());
    QVERIFY(!server.isListening());
    QCOMPARE(sumOf(first), 3);
    QCOMPARE(sumOf(second), 3);
    local.reset();
    QCOMPARE(sumOf(second), 3);
    server.close();
}

void tst_OwnRoads::paused_data()
{
    QTest::addColumn<bool>("fromTheStart");
    QTest::newRow("full when it begins") << true;
    QTest::newRow("full later") << false;
}

void tst_OwnRoads::paused()
{
    QFETCH(bool, fromTheStart);
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    Server server;
    server.setLimits(limits);
    server.bind("add", add);
    QVERIFY(server.listen(QUrl("memory:tst-ownroads")));
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    if (!fromTheStart)
        QVERIFY(server.listen(&theirs));
    auto first = std::make_unique<Client>(server.urls().constFirst());
    QCOMPARE(sumOf(*first), 3);
    if (fromTheStart)
        QVERIFY(server.listen(&theirs));
    Client late(server.urls().at(1));
    auto waiting = late.call<int>("add", 1, 2);
    QCOMPARE(sumOf(*first), 3);
    QTRY_COMPARE(late.state(), Client::Connected); // by the system
    QCOMPARE(sumOf(*first), 3);
    QVERIFY(!waiting.isFinished());
    first.reset();
    QVERIFY(waiting.waitForFinished(30s));
    QCOMPARE(waiting.result(), 3);
}

void tst_OwnRoads::pausedLocalServer()
{
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    Server server;
    server.setLimits(limits);
    server.bind("add", add);
    QLocalServer theirs;
    QVERIFY(theirs.listen(
            QStringLiteral("tst-ownroads-%1").arg(QCoreApplication::applicationPid())));
    QVERIFY(server.listen(&theirs));
    auto first = std::make_unique<Client>(server.urls().constFirst());
    QCOMPARE(sumOf(*first), 3);
    Client late(server.urls().constFirst());
    auto waiting = late.call<int>("add", 1, 2);
    QTRY_COMPARE(late.state(), Client::Connected);
    QCOMPARE(sumOf(*first), 3);
    QVERIFY(!waiting.isFinished());
    QCOMPARE(server.sessions().size(), 1);
    first.reset();
    QVERIFY(waiting.waitForFinished(30s));
    QCOMPARE(waiting.result(), 3);
}

void tst_OwnRoads::anotherLimitWhilePaused()
{
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    Server server;
    server.setLimits(limits);
    server.bind("add", add);
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client first(server.urls().constFirst());
    QCOMPARE(sumOf(first), 3);
    Client second(server.urls().constFirst());
    auto waiting = second.call<int>("add", 1, 2);
    QTRY_COMPARE(second.state(), Client::Connected); // by the system
    QCOMPARE(sumOf(first), 3);
    QVERIFY(!waiting.isFinished());
    limits.connections = 2;
    server.setLimits(limits);
    QVERIFY(waiting.waitForFinished(30s));
    QCOMPARE(waiting.result(), 3);
    // And the other way: those that are there stay.
    limits.connections = 1;
    server.setLimits(limits);
    Client third(server.urls().constFirst());
    auto late = third.call<int>("add", 1, 2);
    QCOMPARE(sumOf(first) + sumOf(second), 6);
    QCOMPARE(server.sessions().size(), 2);
    first.close();
    second.close();
    QVERIFY(late.waitForFinished(30s));
    QCOMPARE(late.result(), 3);
}

namespace {

/// Makes sockets of its own class, as one that encrypts does.
class Picky : public QTcpServer
{
public:
    int made = 0;

protected:
    void incomingConnection(qintptr descriptor) override
    {
        class Socket : public QTcpSocket
        {};
        auto *const socket = new Socket;
        socket->setParent(this);
        if (!socket->setSocketDescriptor(descriptor))
            return delete socket;
        // Some time later, like a handshake.
        QTimer::singleShot(10ms, socket, [this, socket] {
            ++made;
            addPendingConnection(socket);
            Q_EMIT pendingConnectionAvailable({});
        });
    }
};

} // namespace

void tst_OwnRoads::ownSockets()
{
    Picky picky;
    QVERIFY(picky.listen(QHostAddress::LocalHost));
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(&picky));
    Client client(server.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
    QCOMPARE(picky.made, 1);
}

void tst_OwnRoads::goneWhileAcceptingResumes_data()
{
    QTest::addColumn<bool>("isDeleted");
    QTest::newRow("deleted") << true;
    QTest::newRow("closed") << false;
}

// One goes, so that the next one may come: whoever is told of that one ends the server.
void tst_OwnRoads::goneWhileAcceptingResumes()
{
    QFETCH(const bool, isDeleted);
    QTcpServer one;
    QTcpServer two;
    QVERIFY(one.listen(QHostAddress::LocalHost) && two.listen(QHostAddress::LocalHost));
    auto server = std::make_unique<Server>();
    MsgpackRpc::Limits limits;
    limits.connections = 1;
    server->setLimits(limits);
    int opened = 0;
    connect(server.get(), &Server::sessionOpened, this, [&] {
        if (++opened < 2)
            return;
        if (isDeleted)
            server.reset();
        else
            server->close();
    });
    QTcpSocket first;
    QTcpSocket second;
    first.connectToHost(QHostAddress::LocalHost, one.serverPort());
    second.connectToHost(QHostAddress::LocalHost, one.serverPort());
    QVERIFY(first.waitForConnected(30'000) && second.waitForConnected(30'000));
    QTRY_VERIFY(one.hasPendingConnections());
    QVERIFY(server->listen(&one) && server->listen(&two));
    QTRY_COMPARE(opened, 1);
    first.abort();
    QTRY_COMPARE(opened, 2);
    QVERIFY(!isDeleted || !server);
}

// A session that has enough in work does not read, and what it does not read waits at the peer.
void tst_OwnRoads::heldBack()
{
    QTcpServer own;
    QVERIFY(own.listen(QHostAddress::LocalHost));
    Server server;
    MsgpackRpc::Limits limits;
    limits.requestsInWork = 1;
    server.setLimits(limits);
    QList<MsgpackRpc::Responder> working;
    server.bind("work", this, [&](MsgpackRpc::Responder responder) { working.append(responder); });
    server.bind("add", add);
    QVERIFY(server.listen(&own));
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, own.serverPort());
    QVERIFY(peer.waitForConnected(30'000));
    peer.write(QByteArray::fromHex("940001a4776f726b90").repeated(10'000'000));
    QTRY_COMPARE(working.size(), 1);
    Client other(server.urls().constFirst());
    qint64 before = -1;
    int still = 0; // rounds in which nothing more is taken while others are served
    const auto round = [&] {
        still = peer.bytesToWrite() == before ? still + 1 : 0;
        before = peer.bytesToWrite();
        return sumOf(other) == 3 ? still : 0;
    };
    QTRY_VERIFY_WITH_TIMEOUT(round() > 10, 20'000);
    QVERIFY(peer.bytesToWrite() > 0);
    QCOMPARE(working.size(), 1);
}

void tst_OwnRoads::closeLeavesTheServer()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(&theirs));
    Client client(server.urls().constFirst());
    QCOMPARE(sumOf(client), 3);
    server.close();
    QVERIFY(theirs.isListening());
    QVERIFY(server.urls().isEmpty());
    QTRY_COMPARE(client.state(), Client::Unconnected);
    Server second;
    second.bind("add", [](int, int) { return 42; });
    QVERIFY(second.listen(&theirs));
    QCOMPARE(sumOf(client), 42);
}

// Somebody has connected before anybody was there to serve.
void tst_OwnRoads::waitingConnections()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(theirs.serverPort())));
    auto reply = client.call<int>("add", 1, 2);
    QTRY_VERIFY(theirs.hasPendingConnections());
    QTRY_COMPARE(client.state(), Client::Connected);
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(&theirs));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

QTEST_GUILESS_MAIN(tst_OwnRoads)

#include "tst_ownroads.moc"
