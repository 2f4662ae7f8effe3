// SPDX-License-Identifier: Apache-2.0
#include "joinedthread.h"
#include "transport/lingering_p.h"

#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QThread>
#include <QtTest/QTest>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using MsgpackRpc::Lingering;

namespace {

/// The two ends of a TCP connection.
struct Pair
{
    Pair()
    {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto *const any = reinterpret_cast<sockaddr *>(&address);
        socklen_t size = sizeof address;
        peer = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::bind(listener, any, size) != 0 || ::listen(listener, 1) != 0
            || ::getsockname(listener, any, &size) != 0 || ::connect(peer, any, size) != 0)
            qFatal("no connection: %s", qPrintable(qt_error_string(errno)));
        ours = ::accept(listener, nullptr, nullptr);
        ::close(listener);
    }
    ~Pair()
    {
        closePeer();
        if (ours >= 0)
            ::close(ours);
    }
    /// For who owns it from now on.
    int takeOurs() { return std::exchange(ours, -1); }
    void closePeer()
    {
        if (peer >= 0)
            ::close(std::exchange(peer, -1));
    }
    /// What the peer gets until the end; "reset" at the end if that was none.
    static QByteArray readAll(int descriptor)
    {
        QByteArray all;
        char bytes[4096];
        for (;;) {
            const ssize_t size = ::recv(descriptor, bytes, sizeof bytes, 0);
            if (size <= 0)
                return size < 0 ? all + "reset" : all;
            all.append(bytes, size);
        }
    }
    /// Has the peer send something; true if nobody listens any more.
    bool nobodyListens() const
    {
        return ::send(peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0
               && (errno == EPIPE || errno == ECONNRESET);
    }
    static void send(int descriptor, const QByteArray &bytes)
    {
        if (::send(descriptor, bytes.constData(), size_t(bytes.size()), MSG_NOSIGNAL)
            != bytes.size())
            qFatal("cannot send: %s", qPrintable(qt_error_string(errno)));
    }

    int ours = -1;
    int peer = -1;
};

bool isOpen(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

} // namespace

class tst_Lingering : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { QCOMPARE(Lingering::count(), size_t(0)); }
    void untilThePeerEnds();
    void peerThatHasEnded();
    void noSocket();
    void untilItsTimeIsOver();
    void mostAtATime();
    void flood();
    void endOfAThread_data();
    void endOfAThread();
    void silentPeerAtTheEndOfAThread();
};

void tst_Lingering::untilThePeerEnds()
{
    Pair pair;
    Pair::send(pair.ours, "last words");
    Pair::send(pair.peer, "unread");
    const int copy = Lingering::copyOf(pair.ours);
    QVERIFY(copy >= 0 && copy != pair.ours);
    ::close(pair.takeOurs());
    Lingering::begin(copy, 30s);
    QCOMPARE(Lingering::count(), size_t(1));
    Pair::send(pair.peer, "and more");
    QCoreApplication::processEvents();
    QCOMPARE(Pair::readAll(pair.peer), QByteArray("last words"));
    Pair::send(pair.peer, "not reset yet");
    QCoreApplication::processEvents();
    Pair::send(pair.peer, "nor now");
    QCOMPARE(Lingering::count(), size_t(1));
    pair.closePeer();
    QTRY_COMPARE(Lingering::count(), size_t(0));
    QVERIFY(!isOpen(copy));
}

void tst_Lingering::peerThatHasEnded()
{
    Pair pair;
    Pair::send(pair.ours, "last words");
    Pair::send(pair.peer, "unread");
    ::shutdown(pair.peer, SHUT_WR);
    Lingering::begin(pair.takeOurs(), 30s);
    QCOMPARE(Lingering::count(), size_t(0));
    QCOMPARE(Pair::readAll(pair.peer), QByteArray("last words"));
}

void tst_Lingering::noSocket()
{
    QCOMPARE(Lingering::copyOf(-1), -1);
    Lingering::begin(-1, 30s);
    int pipe[2];
    QCOMPARE(::pipe(pipe), 0);
    Lingering::begin(pipe[0], 30s);
    QVERIFY(!isOpen(pipe[0]));
    ::close(pipe[1]);
}

void tst_Lingering::untilItsTimeIsOver()
{
    MsgpackRpc::Testing::Clock clock;
    Pair first;
    Pair second;
    Lingering::begin(first.takeOurs(), 1s);
    clock.advance(500ms);
    Lingering::begin(second.takeOurs(), 1s);
    QCOMPARE(Lingering::count(), size_t(2));
    clock.advance(499ms);
    QCOMPARE(Lingering::count(), size_t(2));
    clock.advance(1ms);
    QCOMPARE(Lingering::count(), size_t(1));
    clock.advance(500ms);
    QCOMPARE(Lingering::count(), size_t(0));
    QTRY_VERIFY(first.nobodyListens() && second.nobodyListens());
}

void tst_Lingering::mostAtATime()
{
    constexpr size_t TooMany = 5;
    std::vector<std::unique_ptr<Pair>> pairs;
    for (size_t i = 0; i < Lingering::Most + TooMany; ++i) {
        pairs.push_back(std::make_unique<Pair>());
        Lingering::begin(pairs.back()->takeOurs(), 30s);
        QCOMPARE(Lingering::count(), std::min(i + 1, Lingering::Most));
    }
    for (size_t i = 0; i < TooMany; ++i)
        QTRY_VERIFY(pairs[i]->nobodyListens());
    for (size_t i = TooMany; i < pairs.size(); ++i)
        QVERIFY(!pairs[i]->nobodyListens());
    pairs.clear();
    QTRY_COMPARE(Lingering::count(), size_t(0));
}

// It costs its time at most, and a little of each turn.
void tst_Lingering::flood()
{
    Pair pair;
    Lingering::begin(pair.takeOurs(), 60s);
    const QByteArray piece(64 * 1024, 'x');
    qint64 sent = 0;
    QElapsedTimer timer;
    timer.start();
    while (Lingering::count() > 0 && !timer.hasExpired(60'000)) {
        sent += std::max<ssize_t>(::send(pair.peer, piece.constData(), size_t(piece.size()),
                                         MSG_NOSIGNAL | MSG_DONTWAIT),
                                  0);
        QCoreApplication::processEvents();
    }
    QCOMPARE(Lingering::count(), size_t(0));
    QVERIFY2(sent >= Lingering::MostBytes, qPrintable(QString::number(sent)));
}

void tst_Lingering::endOfAThread_data()
{
    QTest::addColumn<bool>("isOfQt");
    QTest::newRow("QThread") << true;
    QTest::newRow("a thread without an event loop") << false;
}

// Whatever is left by then is waited for.
void tst_Lingering::endOfAThread()
{
    QFETCH(const bool, isOfQt);
    Pair pair;
    Pair::send(pair.ours, "last words");
    Pair::send(pair.peer, "unread");
    QByteArray read;
    std::atomic<bool> hasEnded = false;
    bool endedBefore = true;
    std::thread reader([&] {
        read = Pair::readAll(pair.peer);
        endedBefore = hasEnded;
        pair.closePeer();
    });
    const auto function = [&] { Lingering::begin(pair.takeOurs(), 60s); };
    QElapsedTimer timer;
    timer.start();
    if (isOfQt)
        runInThread(function);
    else
        std::thread(function).join();
    hasEnded = true;
    reader.join();
    QCOMPARE(read, QByteArray("last words"));
    QVERIFY(!endedBefore);
    QVERIFY2(!timer.hasExpired(30'000), qPrintable(QString::number(timer.elapsed())));
}

void tst_Lingering::silentPeerAtTheEndOfAThread()
{
    Pair first;
    Pair second;
    QElapsedTimer timer;
    timer.start();
    runInThread([&] {
        Lingering::begin(first.takeOurs(), 300ms);
        Lingering::begin(second.takeOurs(), 300ms);
    });
    QVERIFY2(timer.elapsed() >= 290 && timer.elapsed() < 30'000,
             qPrintable(QString::number(timer.elapsed())));
}

// Its end waits, and so does who begins when it is over.
int main(int argc, char **argv)
{
    Pair first;
    QElapsedTimer timer;
    int result = 0;
    {
        QCoreApplication application(argc, argv);
        tst_Lingering test;
        result = QTest::qExec(&test, argc, argv);
        timer.start();
        Lingering::begin(first.takeOurs(), 300ms);
    }
    if (timer.elapsed() < 290)
        qFatal("the end of the application does not wait");
    Pair second;
    timer.start();
    Lingering::begin(second.takeOurs(), 300ms);
    if (timer.elapsed() < 290)
        qFatal("nobody waits after the end of the application");
    return result;
}

#include "tst_lingering.moc"
