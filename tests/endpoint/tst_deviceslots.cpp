// SPDX-License-Identifier: Apache-2.0

// Slots of the user's that are connected to a device of the user's, which run within functions of the session: they may
// do everything that a callback may.
#include "endedwhilewritten.h"
#include "tally.h"

#include <MsgpackRpc/Admission>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QEventLoop>
#include <QtCore/QScopeGuard>
#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <array>
#include <atomic>
#include <functional>
#include <memory>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;
using MsgpackRpc::Session;

class tst_DeviceSlots : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void slot_data();
    void slot();
    void nestedLoopInASlot_data();
    void nestedLoopInASlot();
    void endedWhileItIsWritten();
    void callBeforeItIsTaken();
    void callWhenClosed();
    void anotherUrlWhenClosed();
    void anotherOptionWhenClosed();
    void goodbyeWhenItBreaks();
    void serversSocket_data();
    void serversSocket();
    void endedWhileAServerWritesIt();
    void serverUsedWhileItEnds_data();
    void serverUsedWhileItEnds();
    void usedWhileItsServerIsDeleted_data();
    void usedWhileItsServerIsDeleted();
    void serverDeletedWhileItRefuses();
    void anotherClosedWhileAServerCloses();
    void boundedBuffer();
    void droppedIsTold();
    void droppedByAServer();
};

namespace {

int add(int a, int b)
{
    return a + b;
}

/// A stream over a socket that tells within write() that the bytes are written, and within close() that it has closed.
class Talkative : public QIODevice
{
    Q_OBJECT

public:
    explicit Talkative(QTcpSocket *socket) : m_socket(socket)
    {
        connect(socket, &QIODevice::readyRead, this, &QIODevice::readyRead);
        connect(socket, &QAbstractSocket::disconnected, this, &QIODevice::readChannelFinished);
        open(ReadWrite | Unbuffered);
    }
    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override
    {
        return m_socket->bytesAvailable() + QIODevice::bytesAvailable();
    }
    qint64 bytesToWrite() const override { return m_socket->bytesToWrite(); }
    bool tellsFirst = false; // of bytes that it takes afterwards
    bool waitForBytesWritten(int time) override { return m_socket->waitForBytesWritten(time); }
    void close() override
    {
        QIODevice::close();
        m_socket->close();
        Q_EMIT closed();
    }

Q_SIGNALS:
    void closed();

protected:
    qint64 readData(char *data, qint64 size) override { return m_socket->read(data, size); }
    qint64 writeData(const char *data, qint64 size) override
    {
        if (tellsFirst)
            Q_EMIT bytesWritten(size);
        const qint64 written = m_socket->write(data, size);
        m_socket->flush();
        if (!tellsFirst)
            Q_EMIT bytesWritten(written);
        return written;
    }

private:
    QTcpSocket *m_socket;
};

/// A device that is connected to a server which adds, and never answers "hang".
struct Road
{
    explicit Road(bool isTalkative)
    {
        server.bind("add", add);
        server.bind("take", [](const QByteArray &bytes) { return bytes.size(); });
        server.bind("hang", [this](MsgpackRpc::Responder responder) { hanging.append(responder); });
        server.listen(QUrl("tcp://127.0.0.1:0"));
        socket.connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
        if (socket.waitForConnected(30'000) && isTalkative)
            talkative = std::make_unique<Talkative>(&socket);
    }
    QIODevice *device() { return talkative ? static_cast<QIODevice *>(talkative.get()) : &socket; }
    /// Calls \a slot once: when something is written, or when the device is closed.
    void callOnce(bool whenClosed, std::function<void()> slot)
    {
        const auto once = std::make_shared<std::function<void()>>(std::move(slot));
        const auto run = [once] {
            if (const auto wanted = std::exchange(*once, nullptr))
                wanted();
        };
        if (!whenClosed)
            QObject::connect(device(), &QIODevice::bytesWritten, device(), run);
        else if (talkative)
            QObject::connect(talkative.get(), &Talkative::closed, talkative.get(), run);
        else
            QObject::connect(&socket, &QAbstractSocket::disconnected, &socket, run);
    }

    Server server;
    QList<MsgpackRpc::Responder> hanging;
    QTcpSocket socket;
    std::unique_ptr<Talkative> talkative;
};

} // namespace

void tst_DeviceSlots::slot_data()
{
    QTest::addColumn<bool>("isTalkative");
    QTest::addColumn<bool>("whenClosed");
    QTest::addColumn<QString>("trigger");
    QTest::addColumn<QString>("reaction");
    for (const bool isTalkative : {false, true}) {
        for (const bool whenClosed : {false, true}) {
            for (const char *trigger :
                 {"turn", "large", "close", "delete", "other", "url", "fault"}) {
                for (const char *reaction :
                     {"delete", "close", "call", "notify", "url", "device"}) {
                    if (qstrcmp(trigger, "delete") == 0 && qstrcmp(reaction, "delete") == 0)
                        continue; // nothing can be deleted twice
                    QTest::addRow("%s, %s, %s: %s", isTalkative ? "talkative" : "socket",
                                  whenClosed ? "closed" : "written", trigger, reaction)
                            << isTalkative << whenClosed << QString::fromLatin1(trigger)
                            << QString::fromLatin1(reaction);
                }
            }
        }
    }
}

// Calls without a deadline: each ends once, whatever happens, and only the session's functions can end it.
void tst_DeviceSlots::slot()
{
    QFETCH(const bool, isTalkative);
    QFETCH(const bool, whenClosed);
    QFETCH(const QString, trigger);
    QFETCH(const QString, reaction);
    Road road(isTalkative);
    Road other(false);
    auto client = std::make_unique<Client>();
    client->setTimeout(-1ms);
    client->setReconnect({MsgpackRpc::Reconnect::OnDemand, 1});
    QVERIFY(client->setDevice(road.device()));
    Tally tally;
    int calls = 0;
    QTRY_COMPARE(client->state(), Client::Connected);
    if (whenClosed || trigger == u"delete" || trigger == u"close") {
        tally.watch(this, calls++, client->call("hang"));
        QTRY_COMPARE(road.hanging.size(), 1);
    }
    bool hasRun = false;
    road.callOnce(whenClosed, [&] {
        hasRun = true;
        Client *const used = client.get();
        if (used == nullptr)
            return; // it is being deleted
        if (reaction == u"delete")
            client.reset();
        else if (reaction == u"close")
            used->close();
        else if (reaction == u"call")
            tally.watch(this, calls++, used->call("hang"));
        else if (reaction == u"notify")
            used->notify("hang");
        else if (reaction == u"url")
            used->setUrl(other.server.urls().constFirst());
        else
            used->setDevice(other.device());
        if (reaction == u"url")
            tally.watch(this, calls++, used->call("add", 1, 2));
    });
    Client *const used = client.get();
    if (trigger == u"turn")
        tally.watch(this, calls++, used->call("hang"));
    else if (trigger == u"large")
        tally.watch(this, calls++, used->call("take", QByteArray(3'000'000, 'x')));
    else if (trigger == u"fault")
        road.server.sessions().constFirst()->notify("nobody"), road.server.close();
    else
        used->notify("hang"); // so that there is something to write
    if (trigger == u"close")
        used->close();
    else if (trigger == u"delete")
        client.reset();
    else if (trigger == u"other")
        used->setDevice(other.device());
    else if (trigger == u"url")
        used->setUrl(other.server.urls().constFirst());
    if (client && whenClosed && (trigger == u"turn" || trigger == u"large"))
        client->close();
    QTRY_VERIFY(hasRun || trigger == u"fault");
    if (client) { // whatever was done to it, it is of use
        auto last = client->call("add", 1, 2);
        client->close();
        QVERIFY(last.waitForFinished(30s));
    }
    client.reset();
    QTRY_COMPARE(tally.total(), calls);
    QVERIFY(tally.eachOnce(calls));
}

void tst_DeviceSlots::nestedLoopInASlot_data()
{
    QTest::addColumn<int>("buffer");
    QTest::newRow("the system takes much") << 0;
    QTest::newRow("the system takes little") << 64 * 1024;
}

// What is called in such a slot is answered in an event loop that runs there.
void tst_DeviceSlots::nestedLoopInASlot()
{
    QFETCH(const int, buffer);
    Road road(false);
    if (buffer > 0)
        road.socket.setSocketOption(QAbstractSocket::SendBufferSizeSocketOption, buffer);
    Client client;
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    int inner = 0;
    road.callOnce(false, [&] {
        auto nested = client.call<int>("add", 3, 4);
        nested.waitForFinished(30s);
        inner = nested.result();
    });
    auto size = client.call<int>("take", QByteArray(3'000'000, 'x'));
    QVERIFY(size.waitForFinished(60s));
    QCOMPARE(inner, 7);
    QCOMPARE(size.result(), 3'000'000);
}

// The call of which bytes are being written ends there: the others go on.
void tst_DeviceSlots::endedWhileItIsWritten()
{
    Road road(true);
    Client client;
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    auto first = client.call<int>("take", QByteArray(100, 'x'));
    auto second = client.call<int>("take", QByteArray(300, 'x'));
    auto third = client.call<int>("add", 1, 2);
    road.callOnce(false, [&] {
        first.cancel();
        second.cancel();
    });
    QVERIFY(third.waitForFinished(30s));
    QCOMPARE(third.result(), 3);
    QCOMPARE(first.error().code(), Error::Canceled);
    auto fourth = client.call<int>("add", 3, 4);
    QVERIFY(fourth.waitForFinished(30s));
    QCOMPARE(fourth.result(), 7);
}

// A device that tells before it takes the bytes: what is called there does not move them.
void tst_DeviceSlots::callBeforeItIsTaken()
{
    Road road(true);
    road.talkative->tellsFirst = true;
    Client client;
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    std::vector<MsgpackRpc::PendingReply<int>> inner;
    road.callOnce(false, [&] {
        for (int i = 0; i < 100; ++i)
            inner.push_back(client.call<int>("take", QByteArray(1'000, 'y')));
    });
    auto outer = client.call<int>("take", QByteArray(50, 'x'));
    QVERIFY(outer.waitForFinished(30s));
    QCOMPARE(outer.result(), 50);
    QCOMPARE(inner.size(), size_t(100));
    for (const auto &reply : inner) {
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), 1'000);
    }
}

// The device is closed, and there is no other: the call has nobody to go to, and says so.
void tst_DeviceSlots::callWhenClosed()
{
    Road road(false);
    Client client;
    client.setTimeout(-1ms);
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    MsgpackRpc::PendingReply<QVariant> late;
    road.callOnce(true, [&] { late = client.call("add", 1, 2); });
    client.close();
    QVERIFY(late.waitForFinished(30s));
    QCOMPARE(late.error().code(), Error::NotConnectable);
    QCOMPARE(client.pendingCalls(), 0);
}

// A slot that goes on elsewhere when the device has closed.
void tst_DeviceSlots::anotherUrlWhenClosed()
{
    Road road(false);
    Road other(false);
    Client client;
    client.setTimeout(-1ms);
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    MsgpackRpc::PendingReply<int> sum;
    road.callOnce(true, [&] {
        client.setUrl(other.server.urls().constFirst());
        sum = client.call<int>("add", 1, 2);
    });
    client.close();
    QVERIFY(sum.waitForFinished(30s));
    QCOMPARE(sum.result(), 3);
    QCOMPARE(client.state(), Client::Connected);
}

// And one that calls over another connection of the session's.
void tst_DeviceSlots::anotherOptionWhenClosed()
{
    Road road(false);
    Road other(false);
    Client client;
    client.setTimeout(-1ms);
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    MsgpackRpc::PendingReply<int> sum;
    const QObject here; // what the slot uses ends with it
    connect(road.device(), &QIODevice::aboutToClose, &here, [&] {
        sum = client.over(MsgpackRpc::TransportOption::Deflate).call<int>("add", 1, 2);
    });
    client.setUrl(other.server.urls().constFirst());
    QVERIFY(sum.waitForFinished(30s));
    QCOMPARE(sum.result(), 3);
}

// A slot that has much to say when the device closes by itself, which is while it is written to.
void tst_DeviceSlots::goodbyeWhenItBreaks()
{
    Road road(false);
    Client client;
    QVERIFY(client.setDevice(road.device()));
    QTRY_COMPARE(client.state(), Client::Connected);
    int said = 0;
    const QObject here; // what the slot uses ends with it
    connect(road.device(), &QIODevice::aboutToClose, &here, [&] {
        ++said;
        client.notify("take", QByteArray(200'000, 'x'));
    });
    QSignalSpy dropped(&client, &Client::notificationDropped);
    road.server.close();
    client.notify("take", QByteArray(200'000, 'x'));
    client.notify("take", QByteArray(200'000, 'x'));
    QTRY_COMPARE(client.state(), Client::Unconnected);
    QTRY_VERIFY(said > 0);
    client.close();
}

namespace {

/// Lets somebody connect to the sockets that it makes.
class Showing : public QTcpServer
{
public:
    std::function<void(QTcpSocket *)> made;

protected:
    void incomingConnection(qintptr descriptor) override
    {
        auto *const socket = new QTcpSocket(this);
        if (!socket->setSocketDescriptor(descriptor))
            return delete socket;
        made(socket);
        addPendingConnection(socket);
    }
};

} // namespace

void tst_DeviceSlots::serversSocket_data()
{
    QTest::addColumn<bool>("whenClosed");
    QTest::addColumn<QString>("trigger");
    for (const bool whenClosed : {false, true}) {
        for (const char *trigger : {"answer", "large", "close", "peer", "pressure"})
            QTest::addRow("%s, %s", whenClosed ? "closed" : "written", trigger)
                    << whenClosed << QString::fromLatin1(trigger);
    }
}

// The socket of a server of the user's has slots that delete the server.
void tst_DeviceSlots::serversSocket()
{
    QFETCH(const bool, whenClosed);
    QFETCH(const QString, trigger);
    Showing theirs;
    auto server = std::make_unique<Server>();
    QPointer<QTcpSocket> accepted;
    bool hasRun = false;
    const QObject here; // what the slots use ends with it, and the sockets may end later
    theirs.made = [&](QTcpSocket *socket) {
        if (accepted)
            return;
        accepted = socket;
        const auto end = [&] {
            hasRun = true;
            server.reset();
        };
        if (whenClosed)
            connect(socket, &QAbstractSocket::disconnected, &here, end);
        else
            connect(socket, &QIODevice::bytesWritten, &here, end);
    };
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    server->bind("bytes", [](int size) { return QByteArray(size, 'x'); });
    QVERIFY(server->listen(&theirs));
    const QUrl url = server->urls().constFirst();
    Client client(url);
    Client second(url);
    QSignalSpy opened(server.get(), &Server::sessionOpened);
    client.open();
    second.open();
    QTRY_COMPARE(opened.size(), 2);
    auto reply = client.call<QByteArray>("bytes", trigger == u"large"      ? 3'000'000
                                                  : trigger == u"pressure" ? 40'000'000
                                                                           : 1);
    if (trigger == u"close" || trigger == u"peer") {
        for (Session *session : server->sessions())
            session->notify("note");
    }
    if (trigger == u"close")
        server->close();
    else if (trigger == u"peer")
        client.close();
    if (whenClosed && (trigger == u"answer" || trigger == u"large" || trigger == u"pressure")) {
        QVERIFY(reply.waitForFinished(20s));
        client.close();
    }
    QVERIFY(reply.waitForFinished(20s));
    if (accepted || hasRun)
        QTRY_VERIFY(hasRun);
    QTRY_VERIFY(!hasRun || !server);
}

namespace {

/// A socket that says so before it takes bytes.
class Warning : public QTcpSocket
{
    Q_OBJECT

public:
    using QTcpSocket::QTcpSocket;

Q_SIGNALS:
    void aboutToWrite();

protected:
    qint64 writeData(const char *data, qint64 size) override
    {
        Q_EMIT aboutToWrite();
        return QTcpSocket::writeData(data, size);
    }
};

/// Makes such sockets.
class WarningServer : public QTcpServer
{
public:
    std::function<void()> beforeWriting;

protected:
    void incomingConnection(qintptr descriptor) override
    {
        auto *const socket = new Warning(this);
        if (!socket->setSocketDescriptor(descriptor))
            return delete socket;
        connect(socket, &Warning::aboutToWrite, this, [this] {
            if (const auto run = std::exchange(beforeWriting, nullptr))
                run();
        });
        addPendingConnection(socket);
    }
};

} // namespace

// A socket of a server of the user's, in whose write() calls end that are being written, and others begin.
void tst_DeviceSlots::endedWhileAServerWritesIt()
{
    WarningServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Server server;
    QVERIFY(server.listen(&theirs));
    Client client(server.urls().constFirst());
    client.bind("take", [](const QByteArray &bytes) { return bytes.size(); });
    client.open();
    QTRY_COMPARE(server.sessions().size(), 1);
    Session *const session = server.sessions().constFirst();
    endCallsWhileWritten(session, theirs.beforeWriting);
    QCOMPARE(server.sessions().size(), 1);
}

void tst_DeviceSlots::serverUsedWhileItEnds_data()
{
    QTest::addColumn<QString>("slot");
    QTest::addColumn<bool>("isSessionDeleted");
    QTest::newRow("notifies all") << "notify" << false;
    QTest::newRow("closes it") << "close" << false;
    QTest::newRow("notifies all, of a session that is deleted") << "notify" << true;
    QTest::newRow("closes it, of a session that is deleted") << "close" << true;
    QTest::newRow("deletes it, of a session that is deleted") << "delete" << true;
}

// A session that is being deleted is none of the server's any more.
void tst_DeviceSlots::serverUsedWhileItEnds()
{
    QFETCH(const QString, slot);
    QFETCH(const bool, isSessionDeleted);
    Showing theirs;
    QPointer<Server> server = new Server; // not null before it is deleted wholly
    int closed = 0;
    const QObject here; // what the slots use ends with it, and the sockets may end later
    theirs.made = [&](QTcpSocket *socket) {
        connect(socket, &QAbstractSocket::disconnected, &here, [&] {
            ++closed;
            if (!server)
                return;
            if (slot == u"notify")
                server->notifyAll("left", QByteArray(100'000, 'x'));
            else if (slot == u"close")
                server->close();
            else
                delete std::exchange(server, nullptr).data();
        });
    };
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    QVERIFY(server->listen(&theirs));
    std::vector<std::unique_ptr<QTcpSocket>> peers(3);
    for (auto &peer : peers) {
        peer = std::make_unique<QTcpSocket>();
        peer->connectToHost(QHostAddress::LocalHost, theirs.serverPort());
    }
    QTRY_COMPARE(server->sessions().size(), 3);
    if (isSessionDeleted)
        delete server->sessions().constFirst();
    else
        delete server;
    QVERIFY(closed > 0);
    QVERIFY(!server || slot == u"close" || server->sessions().size() == 2);
    delete server;
}

void tst_DeviceSlots::usedWhileItsServerIsDeleted_data()
{
    QTest::addColumn<QString>("event");
    QTest::newRow("the server is closed") << "close";
    QTest::newRow("another peer goes") << "gone";
    QTest::newRow("somebody is let in") << "admitted";
}

// A server that is deleted sends what waits: what happens in slots meanwhile, and in their event loops, nobody is told.
void tst_DeviceSlots::usedWhileItsServerIsDeleted()
{
    QFETCH(const QString, event);
    Showing theirs;
    QPointer<Server> server = new Server; // not null before it is deleted wholly
    QList<QTcpSocket *> accepted;
    theirs.made = [&](QTcpSocket *socket) { accepted.append(socket); };
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    QList<MsgpackRpc::Admission> asked;
    if (event == u"admitted")
        server->setAuthenticator(
                [&](const MsgpackRpc::Admission &admission) { asked.append(admission); },
                Server::NoCredentials);
    QVERIFY(server->listen(&theirs));
    QSignalSpy opened(server, &Server::sessionOpened);
    QSignalSpy closed(server, &Server::sessionClosed);
    std::array<QTcpSocket, 2> peers;
    for (size_t i = 0; i < peers.size(); ++i) {
        peers[i].connectToHost(QHostAddress::LocalHost, theirs.serverPort());
        QTRY_COMPARE(accepted.size(), int(i) + 1);
        if (event == u"admitted") {
            QTRY_COMPARE(asked.size(), int(i) + 1);
            if (i == 0)
                asked.at(0).accept();
        }
        if (i == 0 || event != u"admitted")
            QTRY_COMPARE(opened.size(), int(i) + 1);
    }
    int written = 0;
    connect(accepted.at(0), &QIODevice::bytesWritten, this, [&] {
        if (++written > 1)
            return;
        if (event == u"close")
            return server->close();
        QEventLoop loop;
        QTimer::singleShot(50, &loop, &QEventLoop::quit);
        loop.exec();
    });
    QVERIFY(server->sessions().constFirst()->notify("bye"));
    if (event == u"gone")
        peers[1].abort();
    else if (event == u"admitted")
        asked.at(1).accept();
    const auto told = opened.size();
    delete server;
    QVERIFY(written > 0);
    QCOMPARE(opened.size(), told);
    QCOMPARE(closed.size(), 0);
}

// The reason is so long that it is written at once.
void tst_DeviceSlots::serverDeletedWhileItRefuses()
{
    Showing theirs;
    auto server = std::make_unique<Server>();
    bool isRefusing = false;
    theirs.made = [&](QTcpSocket *socket) {
        connect(socket, &QIODevice::bytesWritten, &theirs, [&] {
            if (isRefusing)
                server.reset();
        });
    };
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    server->setAuthenticator(
            [&](const MsgpackRpc::Admission &admission) {
                isRefusing = true;
                admission.refuse(QString(100'000, 'r'));
            },
            Server::TokenCredentials);
    QVERIFY(server->listen(&theirs));
    Client client(server->urls().constFirst());
    client.setToken("secret");
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    const auto reply = client.call("anything");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY(!server);
}

// What a slot closes while a server sends what waits is itself waited for.
void tst_DeviceSlots::anotherClosedWhileAServerCloses()
{
    constexpr int Size = 20'000'000;
    Showing theirs;
    QList<QTcpSocket *> accepted;
    theirs.made = [&](QTcpSocket *socket) { accepted.append(socket); };
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    Server server;
    MsgpackRpc::Limits limits;
    limits.closeTime = 30s;
    server.setLimits(limits);
    QVERIFY(server.listen(&theirs));
    QTcpSocket first;
    first.connectToHost(QHostAddress::LocalHost, theirs.serverPort());
    QTRY_COMPARE(server.sessions().size(), 1);
    std::atomic<qint64> received{0};
    QSemaphore start;
    const std::unique_ptr<QThread> reader(QThread::create([&, port = theirs.serverPort()] {
        QTcpSocket second;
        second.setReadBufferSize(1);
        second.connectToHost(QHostAddress::LocalHost, port);
        start.acquire();
        second.setReadBufferSize(0);
        while (second.waitForReadyRead(30'000) || second.bytesAvailable() > 0)
            received += second.readAll().size();
    }));
    reader->start();
    const auto join = qScopeGuard([&] {
        start.release();
        reader->wait();
    });
    QTRY_COMPARE(server.sessions().size(), 2);
    const QList<Session *> sessions = server.sessions();
    connect(accepted.at(0), &QIODevice::bytesWritten, sessions.at(1), [&] {
        start.release();
        sessions.at(1)->close();
    });
    QVERIFY(sessions.at(0)->notify("last"));
    QVERIFY(sessions.at(1)->notify("last", QByteArray(Size, 'x')));
    server.close();
    reader->wait();
    QVERIFY2(received > Size, qPrintable(QString::number(received)));
}

// A device that nobody reads from, because the session has enough in work, does not fill the memory.
void tst_DeviceSlots::boundedBuffer()
{
    QTcpServer listening;
    QVERIFY(listening.listen(QHostAddress::LocalHost));
    QTcpSocket device;
    device.connectToHost(QHostAddress::LocalHost, listening.serverPort());
    QVERIFY(device.waitForConnected(30'000) && listening.waitForNewConnection(30'000));
    QTcpSocket *const peer = listening.nextPendingConnection();
    Client client;
    MsgpackRpc::Limits limits;
    limits.requestsInWork = 1;
    client.setLimits(limits);
    QList<MsgpackRpc::Responder> working;
    client.bind("work", this, [&](MsgpackRpc::Responder responder) { working.append(responder); });
    QVERIFY(client.setDevice(&device));
    peer->write(QByteArray::fromHex("940001a4776f726b90").repeated(2'000'000));
    QTRY_COMPARE(working.size(), 1);
    Road other(false);
    Client busy(other.server.urls().constFirst());
    qint64 before = -1;
    int still = 0; // rounds in which nothing more is taken while others are served
    const auto round = [&] {
        still = peer->bytesToWrite() == before ? still + 1 : 0;
        before = peer->bytesToWrite();
        auto sum = busy.call<int>("add", 1, 2);
        return sum.waitForFinished(30s) && sum.result() == 3 ? still : 0;
    };
    QTRY_VERIFY_WITH_TIMEOUT(round() > 10, 20'000);
    QVERIFY(peer->bytesToWrite() > 0);
    QVERIFY2(device.bytesAvailable() <= 512 * 1024,
             qPrintable(QString::number(device.bytesAvailable())));
    // A bound of the user's own is left.
    QTcpSocket bounded;
    bounded.setReadBufferSize(1'000);
    bounded.connectToHost(QHostAddress::LocalHost, listening.serverPort());
    QVERIFY(bounded.waitForConnected(30'000));
    QVERIFY(client.setDevice(&bounded));
    QTRY_COMPARE(client.state(), Client::Connected);
    QCOMPARE(bounded.readBufferSize(), 1'000);
}

// A peer that does not read, and a connection that is closed: what was not sent is told.
void tst_DeviceSlots::droppedIsTold()
{
    QTcpServer listening;
    QVERIFY(listening.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(listening.serverPort())));
    MsgpackRpc::Limits limits;
    limits.closeTime = 10ms;
    client.setLimits(limits);
    QSignalSpy dropped(&client, &Session::notificationDropped);
    QVERIFY(client.notify("take", QByteArray(40'000'000, 'x')));
    QVERIFY(client.notify("take", 1));
    QVERIFY(client.notify("take", 2));
    QTRY_COMPARE(client.state(), Client::Connected);
    client.close();
    QTRY_COMPARE(dropped.size(), 1);
    QCOMPARE(dropped.constFirst().at(0).toInt(), 2); // the first was begun
    QCOMPARE(dropped.constFirst().at(1).value<Error>().code(), Error::Canceled);
}

// Calls have their own errors: they are not among the notifications that an accepted session tells of.
void tst_DeviceSlots::droppedByAServer()
{
    Server server;
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QTcpSocket peer;
    peer.setReadBufferSize(1'000);
    peer.connectToHost("127.0.0.1", quint16(server.urls().constFirst().port()));
    QTRY_COMPARE(server.sessions().size(), 1);
    Session *const session = server.sessions().constFirst();
    QSignalSpy dropped(session, &Session::notificationDropped);
    Tally tally;
    QVERIFY(session->notify("take", QByteArray(40'000'000, 'x')));
    for (int i = 0; i < 5; ++i)
        tally.watch(this, i, session->call("add", 1, 2));
    for (int i = 0; i < 3; ++i)
        QVERIFY(session->notify("take", i));
    QTRY_VERIFY(peer.bytesAvailable() > 0);
    peer.abort();
    QTRY_COMPARE(tally.total(), 5);
    QVERIFY(tally.eachOnce(5));
    QTRY_COMPARE(dropped.size(), 1);
    QCOMPARE(dropped.constFirst().at(0).toInt(), 3);
    QCOMPARE(dropped.constFirst().at(1).value<Error>().code(), Error::ConnectionLost);
}

QTEST_GUILESS_MAIN(tst_DeviceSlots)
#include "tst_deviceslots.moc"
