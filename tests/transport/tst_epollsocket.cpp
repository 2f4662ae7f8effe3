// SPDX-License-Identifier: Apache-2.0
#include "joinedthread.h"
#include "testdevice.h"

#include "transport/epollsocket_p.h"
#include "transport/tcpsocket_p.h"

#include <QtCore/QEventLoop>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <vector>

#ifdef Q_OS_LINUX
#    include <fcntl.h>
#    include <netinet/in.h>
#    include <netinet/tcp.h>
#    include <sys/resource.h>
#    include <sys/socket.h>
#    include <unistd.h>
#endif

using namespace MsgpackRpc;
using namespace std::chrono_literals;

class tst_EpollSocket : public QObject
{
    Q_OBJECT

private Q_SLOTS:
#ifdef Q_OS_LINUX
    void readsAndWrites();
    void toldOncePerArrival();
    void arrivedBefore();
    void partialWrites();
    void waitForBytesWritten();
    void halfClose();
    void endWithData();
    void writeAfterTheEnd();
    void reset();
    void closeInItsOwnSignal();
    void closedDevice();
    void peerAddressAndOptions_data();
    void peerAddressAndOptions();
    void takeOver();
    void refusedDescriptor();
    void noDescriptorLeft();
    void oneSetPerThread();
    void setGoesWithTheLast();
    void deleteOthersOfTheBatch();
    void restOfTheBatchInANestedLoop();
    void moreThanABatch();
    void busyOnesDoNotStarveOthers();
    void connectionOverIt();
    void connectionThatIsPaused();
    void lastMessageIsNotLost();
#else
    void notHere();
#endif
};

#ifdef Q_OS_LINUX

namespace {

/// A connection whose one end is under test, and whose other is the test's.
struct Pair
{
    Pair()
    {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            qFatal("no socket pair");
        device = SocketDevice::create(ends[0]);
        peer = ends[1];
        fcntl(peer, F_SETFL, O_NONBLOCK);
    }
    ~Pair() { closePeer(); }
    Pair(Pair &&other) noexcept
        : device(std::move(other.device)), peer(std::exchange(other.peer, -1))
    {
    }

    void send(const QByteArray &bytes) const
    {
        if (::send(peer, bytes.constData(), size_t(bytes.size()), MSG_NOSIGNAL) != bytes.size())
            qFatal("not sent");
    }
    QByteArray receive() const
    {
        QByteArray all;
        char part[65536];
        for (ssize_t size = 0; (size = ::recv(peer, part, sizeof part, 0)) > 0;)
            all.append(part, size);
        return all;
    }
    void closePeer()
    {
        if (peer >= 0)
            ::close(std::exchange(peer, -1));
    }

    std::unique_ptr<SocketDevice> device;
    int peer = -1;
};

/// The same over TCP; the descriptor of one end and a socket for the other.
std::pair<int, std::unique_ptr<QTcpSocket>> tcpPair(const QHostAddress &host)
{
    class Server : public QTcpServer
    {
    public:
        int descriptor = -1;

    protected:
        void incomingConnection(qintptr accepted) override { descriptor = int(accepted); }
    } server;
    if (!server.listen(host))
        return {-1, nullptr};
    auto socket = std::make_unique<QTcpSocket>();
    socket->connectToHost(host, server.serverPort());
    if (!socket->waitForConnected(30'000) || !server.waitForNewConnection(30'000))
        return {-1, nullptr};
    return {server.descriptor, std::move(socket)};
}

} // namespace

void tst_EpollSocket::readsAndWrites()
{
    Pair pair;
    QVERIFY(pair.device);
    QVERIFY(pair.device->isOpen() && pair.device->isSequential());
    QSignalSpy arrived(pair.device.get(), &QIODevice::readyRead);
    char data[16];
    QCOMPARE(pair.device->read(data, sizeof data), 0);
    pair.send("hello");
    QVERIFY(arrived.wait(30'000));
    QCOMPARE(pair.device->bytesAvailable(), 5);
    QCOMPARE(pair.device->readAll(), QByteArray("hello"));
    QCOMPARE(pair.device->write("world"), 5);
    QCOMPARE(pair.device->bytesToWrite(), 0);
    QCOMPARE(pair.receive(), QByteArray("world"));
}

// What is not read does not wake the thread again and again.
void tst_EpollSocket::toldOncePerArrival()
{
    Pair pair;
    Pair other;
    QSignalSpy arrived(pair.device.get(), &QIODevice::readyRead);
    QSignalSpy otherArrived(other.device.get(), &QIODevice::readyRead);
    pair.send("one");
    QTRY_COMPARE(arrived.size(), 1);
    for (int i = 1; i < 10; ++i) {
        other.send("x");
        QTRY_COMPARE(otherArrived.size(), i);
    }
    QCOMPARE(arrived.size(), 1);
    pair.send("two");
    QTRY_COMPARE(arrived.size(), 2);
    QCOMPARE(pair.device->readAll(), QByteArray("onetwo"));
}

void tst_EpollSocket::arrivedBefore()
{
    int ends[2];
    QCOMPARE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    QCOMPARE(::send(ends[1], "early", 5, 0), 5);
    ::close(ends[1]);
    const auto device = SocketDevice::create(ends[0]);
    QSignalSpy ended(device.get(), &QIODevice::readChannelFinished);
    QVERIFY(ended.wait(30'000));
    QCOMPARE(device->readAll(), QByteArray("early"));
}

void tst_EpollSocket::partialWrites()
{
    Pair pair;
    const QByteArray data(8 * 1024 * 1024, 'x');
    qint64 sent = pair.device->write(data);
    QVERIFY(sent > 0 && sent < data.size());
    QCOMPARE(pair.device->write(data), 0);
    // Each time that there is room again is told; what bytesWritten() counts is what was taken.
    qint64 told = 0;
    connect(pair.device.get(), &QIODevice::bytesWritten, this, [&](qint64 size) {
        told += size;
        sent += pair.device->write(data.constData() + sent, data.size() - sent);
    });
    qint64 received = 0;
    const auto receive = [&] { return received += pair.receive().size(); };
    QTRY_COMPARE(receive(), data.size());
    QCOMPARE(sent, data.size());
    QVERIFY(told > 0 && told < data.size());
    // While all is taken nothing is told.
    QSignalSpy written(pair.device.get(), &QIODevice::bytesWritten);
    QSignalSpy arrived(pair.device.get(), &QIODevice::readyRead);
    pair.device->write("x");
    pair.receive();
    pair.send("x");
    QVERIFY(arrived.wait(30'000));
    QVERIFY(written.isEmpty());
}

void tst_EpollSocket::waitForBytesWritten()
{
    Pair pair;
    QVERIFY(pair.device->waitForBytesWritten(0));
    QVERIFY(!pair.device->waitForReadyRead(0));
    const QByteArray data(8 * 1024 * 1024, 'x');
    QVERIFY(pair.device->write(data) < data.size());
    QVERIFY(!pair.device->waitForBytesWritten(0));
    pair.receive();
    QVERIFY(pair.device->waitForBytesWritten(5000));
    QVERIFY(pair.device->write(data) > 0);
    pair.send("x");
    QVERIFY(pair.device->waitForReadyRead(5000));
    // The end of the peer is no reason to wait.
    pair.closePeer();
    QVERIFY(pair.device->waitForBytesWritten(5000));
    QCOMPARE(pair.device->write("x"), -1);
}

// Only the peer's direction ends: that is the end of what comes, and it can still be written to.
void tst_EpollSocket::halfClose()
{
    Pair pair;
    QSignalSpy ended(pair.device.get(), &QIODevice::readChannelFinished);
    pair.send("last");
    shutdown(pair.peer, SHUT_WR);
    QVERIFY(ended.wait(30'000));
    QCOMPARE(pair.device->errorString(), QStringLiteral("The remote host closed the connection"));
    QCOMPARE(pair.device->readAll(), QByteArray("last"));
    char c = 0;
    QCOMPARE(pair.device->read(&c, 1), -1);
    QCOMPARE(pair.device->write("answer"), 6);
    QCOMPARE(pair.receive(), QByteArray("answer"));
}

// A short read takes everything, and the end is told nevertheless.
void tst_EpollSocket::endWithData()
{
    Pair pair;
    QSignalSpy ended(pair.device.get(), &QIODevice::readChannelFinished);
    char data[16];
    pair.send("some");
    QVERIFY(pair.device->waitForReadyRead(5000));
    QCOMPARE(pair.device->read(data, sizeof data), 4);
    pair.closePeer();
    QVERIFY(ended.wait(30'000));
    QCOMPARE(ended.size(), 1);
}

void tst_EpollSocket::writeAfterTheEnd()
{
    Pair pair;
    pair.closePeer();
    QCOMPARE(pair.device->write("x"), -1); // and no SIGPIPE
    QCOMPARE(pair.device->errorString(), qt_error_string(EPIPE));
}

void tst_EpollSocket::reset()
{
    auto [descriptor, peer] = tcpPair(QHostAddress::LocalHost);
    QVERIFY(peer);
    const auto device = SocketDevice::create(descriptor);
    QSignalSpy ended(device.get(), &QIODevice::readChannelFinished);
    const linger now = {1, 0};
    setsockopt(int(peer->socketDescriptor()), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer->abort();
    QVERIFY(ended.wait(30'000));
    QCOMPARE(device->errorString(), qt_error_string(ECONNRESET));
    char c = 0;
    QCOMPARE(device->read(&c, 1), -1);
    QCOMPARE(device->errorString(), qt_error_string(ECONNRESET));
}

void tst_EpollSocket::closeInItsOwnSignal()
{
    for (const bool isDeleted : {false, true}) {
        Pair pair;
        const QByteArray data(8 * 1024 * 1024, 'x');
        pair.device->write(data);
        int told = 0;
        const auto end = [&] {
            ++told;
            if (isDeleted)
                pair.device.reset();
            else
                pair.device->close();
        };
        connect(pair.device.get(), &QIODevice::bytesWritten, this, end);
        connect(pair.device.get(), &QIODevice::readyRead, this, end);
        connect(pair.device.get(), &QIODevice::readChannelFinished, this, end);
        // All at once; only the first is told.
        pair.send("x");
        pair.receive();
        shutdown(pair.peer, SHUT_WR);
        QTRY_COMPARE(told, 1);
        QCoreApplication::processEvents();
        QCOMPARE(told, 1);
    }
}

void tst_EpollSocket::closedDevice()
{
    Pair pair;
    QSignalSpy closing(pair.device.get(), &QIODevice::aboutToClose);
    QSignalSpy arrived(pair.device.get(), &QIODevice::readyRead);
    pair.send("x");
    pair.device->close();
    pair.device->close();
    QCOMPARE(closing.size(), 1);
    QVERIFY(!pair.device->isOpen());
    QCOMPARE(pair.device->bytesAvailable(), 0);
    QVERIFY(!pair.device->waitForReadyRead(5000));
    QVERIFY(!pair.device->waitForBytesWritten(5000));
    QCoreApplication::processEvents();
    QVERIFY(arrived.isEmpty());
}

void tst_EpollSocket::peerAddressAndOptions_data()
{
    QTest::addColumn<QHostAddress>("host");
    QTest::newRow("IPv4") << QHostAddress(QHostAddress::LocalHost);
    QTest::newRow("IPv6") << QHostAddress(QHostAddress::LocalHostIPv6);
}

void tst_EpollSocket::peerAddressAndOptions()
{
    QFETCH(QHostAddress, host);
    auto [descriptor, peer] = tcpPair(host);
    if (!peer)
        QSKIP("no such address on this machine");
    const auto device = SocketDevice::create(descriptor);
    QCOMPARE(device->peerAddress(), Address(host, peer->localPort()));
    const auto option = [descriptor = descriptor](int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        getsockopt(descriptor, level, name, &value, &size);
        return value;
    };
    device->tune(60);
    QVERIFY(option(IPPROTO_TCP, TCP_NODELAY) > 0);
    QVERIFY(option(SOL_SOCKET, SO_KEEPALIVE) > 0);
    QCOMPARE(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
    QCOMPARE(option(IPPROTO_TCP, TCP_KEEPINTVL), 15);
    device->tune(0);
    QCOMPARE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    QVERIFY(!Pair().device->peerAddress());
}

// The connection goes on, and its end is the end: the QAbstractSocket does not hold it.
void tst_EpollSocket::takeOver()
{
    QTcpServer server;
    QVERIFY(server.listen(QHostAddress::LocalHost));
    TcpSocket socket;
    socket.connectTo(QStringLiteral("127.0.0.1"), server.serverPort());
    QVERIFY(socket.waitForConnected(30'000));
    QVERIFY(server.waitForNewConnection(30'000));
    QTcpSocket *const peer = server.nextPendingConnection();
    peer->write("early");
    auto device = SocketDevice::takeOver(socket);
    QVERIFY(device);
    QTRY_COMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QTRY_COMPARE(device->bytesAvailable(), 5);
    QCOMPARE(device->readAll(), QByteArray("early"));
    QCOMPARE(device->write("hello"), 5);
    QTRY_COMPARE(peer->bytesAvailable(), 5);
    QSignalSpy closed(peer, &QTcpSocket::disconnected);
    device.reset();
    QVERIFY(closed.wait(30'000));
}

void tst_EpollSocket::refusedDescriptor()
{
    // epoll does not watch files.
    const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    QVERIFY(file >= 0);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("a notifier of its own.*not permitted"));
    QVERIFY(!SocketDevice::create(file));
    QCOMPARE(::close(file), 0); // still ours
}

// A thread's first one needs a descriptor more.
void tst_EpollSocket::noDescriptorLeft()
{
    int ends[2];
    QCOMPARE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    rlimit before = {};
    QCOMPARE(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none = {rlim_t(ends[1] + 1), before.rlim_max};
    std::vector<int> fill;
    setrlimit(RLIMIT_NOFILE, &none);
    for (int copy = 0; (copy = dup(ends[0])) >= 0;)
        fill.push_back(copy);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("a notifier of its own.*Too many"));
    const auto device = SocketDevice::create(ends[0]);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int copy : fill)
        ::close(copy);
    QVERIFY(!device);
    QCOMPARE(::close(ends[0]), 0);
    ::close(ends[1]);
}

void tst_EpollSocket::oneSetPerThread()
{
    QString why;
    const auto set = EpollSet::current(&why);
    QVERIFY(set);
    QCOMPARE(EpollSet::current(&why), set);
    bool isOther = false;
    int answered = 0;
    runInThread([&] {
        QEventLoop loop;
        isOther = EpollSet::current(&why) != set;
        Pair pair;
        connect(pair.device.get(), &QIODevice::readyRead, &loop, [&] {
            pair.device->write(pair.device->readAll());
            ++answered;
            loop.quit();
        });
        pair.send("x");
        loop.exec();
        answered += pair.receive() == "x" ? 1 : 0;
    });
    QVERIFY(isOther);
    QCOMPARE(answered, 2);
}

// Its last member is deleted while the set calls it.
void tst_EpollSocket::setGoesWithTheLast()
{
    Pair pair;
    QString why;
    const std::weak_ptr<EpollSet> set = EpollSet::current(&why);
    const QPointer<QObject> object = set.lock().get();
    connect(pair.device.get(), &QIODevice::readyRead, this, [&] { pair.device.reset(); });
    pair.send("x");
    QTRY_VERIFY(set.expired());
    Pair next; // gets another
    QTRY_VERIFY(object.isNull());
    QSignalSpy arrived(next.device.get(), &QIODevice::readyRead);
    next.send("x");
    QVERIFY(arrived.wait(30'000));
}

void tst_EpollSocket::deleteOthersOfTheBatch()
{
    std::vector<Pair> pairs(10);
    int told = 0;
    for (Pair &pair : pairs) {
        connect(pair.device.get(), &QIODevice::readyRead, this, [&] {
            ++told;
            for (Pair &each : pairs)
                each.device.reset();
        });
    }
    for (const Pair &pair : pairs)
        pair.send("x");
    QTRY_VERIFY(told > 0);
    QCoreApplication::processEvents();
    QCOMPARE(told, 1);
}

// Events that were taken from the system already are told in an event loop that the first one's slot runs, and once.
void tst_EpollSocket::restOfTheBatchInANestedLoop()
{
    std::vector<Pair> pairs(10);
    int told = 0;
    bool done = false;
    for (Pair &pair : pairs) {
        connect(pair.device.get(), &QIODevice::readyRead, this, [&] {
            if (++told > 1)
                return;
            QEventLoop loop;
            QTimer timer;
            connect(&timer, &QTimer::timeout, &loop, [&] {
                if (told == 10)
                    loop.quit();
            });
            timer.start(1);
            loop.exec();
            done = true;
        });
    }
    for (const Pair &pair : pairs)
        pair.send("x");
    QTRY_VERIFY(done);
    QCoreApplication::processEvents();
    QCOMPARE(told, 10);
}

void tst_EpollSocket::moreThanABatch()
{
    std::vector<Pair> pairs(3 * EpollSet::Batch);
    std::vector<int> told(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i)
        connect(pairs[i].device.get(), &QIODevice::readyRead, this, [&, i] { ++told[i]; });
    for (int round = 1; round <= 3; ++round) {
        for (const Pair &pair : pairs)
            pair.send("x");
        QTRY_COMPARE(std::count(told.cbegin(), told.cend(), round), qsizetype(told.size()));
    }
}

// However long each one takes: the event loop has its turns, and everyone is heard.
void tst_EpollSocket::busyOnesDoNotStarveOthers()
{
    std::vector<Pair> pairs(30);
    std::vector<int> told(pairs.size());
    int turns = 0;
    for (size_t i = 0; i < pairs.size(); ++i) {
        connect(pairs[i].device.get(), &QIODevice::readyRead, this, [&, i] {
            ++told[i];
            pairs[i].device->readAll();
            QElapsedTimer timer;
            timer.start();
            while (timer.elapsed() < 2) {} // works
            if (told[i] < 5)
                pairs[i].send("x");
        });
    }
    QTimer timer;
    connect(&timer, &QTimer::timeout, this, [&] { ++turns; });
    timer.start(0);
    for (const Pair &pair : pairs)
        pair.send("x");
    QTRY_COMPARE(std::count(told.cbegin(), told.cend(), 5), qsizetype(told.size()));
    QVERIFY2(turns > 10, qPrintable(QString::number(turns)));
}

void tst_EpollSocket::connectionOverIt()
{
    Pair pair;
    TestConnection connection(StreamConnection::Passive, {}, std::move(pair.device));
    pair.send(poke("one") + poke("two"));
    QTRY_COMPARE(connection.received, (QList<QByteArray>{"one", "two"}));
    connection.send(poke("back"));
    QByteArray back;
    QTRY_COMPARE(back += pair.receive(), poke("back"));
    // Much, while the peer does not read; and then it does.
    const QByteArray many = poke("x").repeated(1'000'000);
    connection.send(many);
    QCoreApplication::processEvents();
    QVERIFY(!connection.connection->flushAndWait(0ms));
    qsizetype received = 0;
    const auto receive = [&] { return received += pair.receive().size(); };
    QTRY_COMPARE(receive(), many.size());
    QVERIFY(connection.connection->flushAndWait(5s));
    pair.send(poke("three"));
    pair.closePeer();
    QTRY_COMPARE(connection.closed.size(), 1);
    QCOMPARE(connection.received.constLast(), QByteArray("three"));
    QVERIFY(connection.closed.constFirst().message().contains(u"The remote host closed"));
}

void tst_EpollSocket::connectionThatIsPaused()
{
    Pair pair;
    TestConnection connection(StreamConnection::Passive, {}, std::move(pair.device));
    pair.send(poke("one"));
    QTRY_COMPARE(connection.received.size(), 1);
    connection.connection->setReadingPaused(true);
    pair.send(poke("two"));
    Pair other; // when its event is told, that of the first has been
    QSignalSpy arrived(other.device.get(), &QIODevice::readyRead);
    other.send("x");
    QVERIFY(arrived.wait(30'000));
    QCOMPARE(connection.received.size(), 1);
    connection.connection->setReadingPaused(false);
    QTRY_COMPARE(connection.received.size(), 2);
    // That the peer has gone is heard nevertheless, after what it has sent.
    connection.connection->setReadingPaused(true);
    pair.send(poke("three"));
    pair.closePeer();
    QTRY_COMPARE(connection.closed.size(), 1);
    QCOMPARE(connection.received.size(), 3);
}

void tst_EpollSocket::lastMessageIsNotLost()
{
    Pair pair;
    {
        TestConnection connection(StreamConnection::Passive, {}, std::move(pair.device));
        connection.send(poke("last"));
        QVERIFY(connection.connection->flushAndWait(5s));
    }
    QCOMPARE(pair.receive(), poke("last"));
    char c = 0;
    QCOMPARE(::recv(pair.peer, &c, 1, 0), 0);
}

#else

void tst_EpollSocket::notHere()
{
    QVERIFY(!SocketDevice::create(0));
}

#endif

QTEST_GUILESS_MAIN(tst_EpollSocket)

#include "tst_epollsocket.moc"
