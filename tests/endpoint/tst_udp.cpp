// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <MsgpackRpc/callcontext.h>
#include <MsgpackRpc/testing.h>

#include <QtCore/QCoreApplication>
#include <QtCore/QEventLoop>
#include <QtCore/QRandomGenerator>
#include <QtCore/QRegularExpression>
#include <QtCore/QSet>
#include <QtCore/QTimer>
#include <QtCore/QtEndian>
#include <QtNetwork/QUdpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>
#include <memory>
#include <vector>

using namespace MsgpackRpc;
using namespace std::chrono_literals;

class tst_Udp : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void calls_data();
    void calls();
    void compatibility();
    void callsBack();
    void mixedListeners();
    void listenErrors_data();
    void listenErrors();
    void silence();
    void refusedBefore();
    void firstMsgid();
    void firstMsgidOfAServer();
    void largest_data();
    void largest();
    void largestWhileUnconnected();
    void notificationTooLarge();
    void resultTooLarge();
    void malformed_data();
    void malformed();
    void optionNotAccepted();
    void notInflatedUnlessAccepted();
    void inflatingIsBounded();
    void strangersAreNotHeard();
    void unreliableNetwork();
    void sourcesAreBounded();
    void busySourcesStay();
    void idleSourcesGo();
    void deletedWithinACall_data();
    void deletedWithinACall();
    void closedWithinItsCall();
    void nestedLoop();
    void closeSendsWhatWaits();
    void openAgain();
};

namespace {

constexpr auto Url = "udp://127.0.0.1:0";

// A server that answers, and a client of it.
struct Pair
{
    explicit Pair(const char *url = Url, const Limits &limits = {})
    {
        server.setLimits(limits);
        server.bind("echo", [](const QVariant &x) { return x; });
        server.bind("size", [](const QByteArray &x) { return int(x.size()); });
        server.bind("zeros", [](int size) { return QByteArray(size, '\0'); });
        server.bind("noise", [](int size) { return noise(size); });
        server.bind(7, [](int x) { return x + 1; });
        listens = server.listen(QUrl(QString::fromLatin1(url)));
        client.setUrl(server.urls().value(0));
    }
    // Bytes that can't be compressed.
    static QByteArray noise(int size)
    {
        QRandomGenerator random(17);
        QByteArray bytes(size, Qt::Uninitialized);
        for (char &byte : bytes)
            byte = char(random.bounded(256));
        return bytes;
    }
    quint16 port() const { return quint16(server.urls().value(0).port()); }

    Server server;
    Client client;
    bool listens = false;
};

// A notification of "note" with so many bytes of nothing, compressed.
QByteArray noteOfZeros(int size)
{
    QByteArray message = QByteArray::fromHex("9302a46e6f746591c6") + QByteArray(4, '\0');
    qToBigEndian(size, message.data() + message.size() - 4);
    return QByteArray::fromHex("93040100") + qCompress(message + QByteArray(size, '\0')).sliced(4);
}

template<typename T>
void compareResult(PendingReply<T> reply, const T &expected)
{
    QTRY_VERIFY(reply.isFinished());
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), expected);
}

} // namespace

void tst_Udp::calls_data()
{
    QTest::addColumn<TransportOption>("option");
    QTest::newRow("plain") << TransportOption();
    QTest::newRow("tx") << TransportOption(TransportOption::TxDeflate);
    QTest::newRow("rx") << TransportOption(TransportOption::RxDeflate);
    QTest::newRow("both") << TransportOption(TransportOption::Deflate);
}

void tst_Udp::calls()
{
    QFETCH(TransportOption, option);
    Pair pair;
    QVERIFY(pair.listens);
    QCOMPARE(pair.server.urls().value(0).scheme(), QStringLiteral("udp"));
    QVERIFY(pair.port() > 0);
    QStringList notified;
    pair.server.bind("log", [&](const QString &text) { notified.append(text); });

    pair.client.setTransportOption(option);
    for (int i = 0; i < 3; ++i) {
        compareResult(pair.client.call<QString>("echo", QStringLiteral("hello")),
                      QStringLiteral("hello"));
        compareResult(pair.client.call<int>(7, i), i + 1);
    }
    QVERIFY(pair.client.notify("log", QStringLiteral("a")));
    QVERIFY(pair.client.notify("log", QStringLiteral("b")));
    QTRY_COMPARE(notified, QStringList({QStringLiteral("a"), QStringLiteral("b")}));
    auto unknown = pair.client.call<int>("nothing");
    QTRY_COMPARE(unknown.error().code(), Error::RemoteError);
    QCOMPARE(pair.server.sessions().size(), 1);

    // Another option is another socket, and another session.
    compareResult(pair.client.over(option | TransportOption::Deflate).call<int>(7, 1), 2);
    QCOMPARE(pair.server.sessions().size(),
             option == TransportOption(TransportOption::Deflate) ? 1 : 2);
    QCOMPARE(pair.server.datagramsDropped(), 0u);
    QCOMPARE(pair.client.datagramsDropped(), 0u);
}

void tst_Udp::compatibility()
{
    QUdpSocket peer;
    QVERIFY(peer.bind(QHostAddress(QHostAddress::LocalHost)));
    Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(peer.localPort())));
    client.setWireFormat(WireFormat::Compatibility);
    client.setNextMsgid(0);
    auto reply = client.call<QString>("echo", QByteArray(32, 'x'));
    QTRY_VERIFY(peer.hasPendingDatagrams());
    QByteArray datagram(100, '\0');
    QHostAddress host;
    quint16 port = 0;
    datagram.truncate(peer.readDatagram(datagram.data(), datagram.size(), &host, &port));
    QCOMPARE(datagram, QByteArray::fromHex("940000a46563686f91da0020") + QByteArray(32, 'x'));
    peer.writeDatagram(QByteArray::fromHex("940100c0a568656c6c6f"), host, port);
    compareResult(reply, QStringLiteral("hello"));
}

void tst_Udp::callsBack()
{
    Pair pair;
    pair.client.bind("name", [] { return QStringLiteral("Ann"); });
    int changed = 0;
    pair.client.bind("changed", [&](int value) { changed = value; });
    pair.server.bind("hello", this, [this](Responder responder) {
        CallContext::current().session().call<QString>("name").then(
                this, [responder](const QString &name) { responder.result(name + u'!'); });
    });
    QSignalSpy opened(&pair.server, &Server::sessionOpened);
    compareResult(pair.client.call<QString>("hello"), QStringLiteral("Ann!"));
    QCOMPARE(opened.size(), 1);
    QCOMPARE(pair.server.notifyAll("changed", 42), 1);
    QTRY_COMPARE(changed, 42);
}

void tst_Udp::mixedListeners()
{
    Pair pair;
    Limits limits;
    limits.connections = 1;
    limits.connectionsPerAddress = 1;
    pair.server.setLimits(limits);
    QVERIFY(pair.server.listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))));
    const bool isSix = pair.server.listen(QUrl(QStringLiteral("udp://[::1]:0")));
    QCOMPARE(isSix, hasIPv6());
    Client six(pair.server.urls().at(isSix ? 2 : 0)); // or over IPv4, from another port
    Client tcp(pair.server.urls().at(1));
    compareResult(pair.client.call<int>(7, 1), 2);
    compareResult(six.call<int>(7, 2), 3);
    compareResult(tcp.call<int>(7, 3), 4);
    compareResult(pair.client.call<int>(7, 4), 5);
    QCOMPARE(pair.server.sessions().size(), 3);
    tcp.close();
    QTRY_COMPARE(pair.server.sessions().size(), 2);
}

void tst_Udp::listenErrors_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QString>("text");
    QTest::newRow("no address") << "udp:name"
                                << "names no address";
    QTest::newRow("a name") << "udp://example.invalid:1"
                            << "literal address";
    QTest::newRow("not ours") << "udp://192.0.2.1:0"
                              << "192.0.2.1";
}

void tst_Udp::listenErrors()
{
    QFETCH(QString, url);
    QFETCH(QString, text);
    Server server;
    QVERIFY(!server.listen(QUrl(url)));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY2(server.error().message().contains(text), qPrintable(server.error().message()));
}

// Nobody listens: that is not told apart from a lost datagram.
void tst_Udp::silence()
{
    quint16 port = 0;
    {
        QUdpSocket gone;
        QVERIFY(gone.bind(QHostAddress(QHostAddress::LocalHost)));
        port = gone.localPort();
    }
    Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(port)));
    client.setTimeout(300ms);
    QSignalSpy errors(&client, &Session::errorOccurred);
    for (int i = 0; i < 3; ++i) {
        auto reply = client.call<int>("echo", 1);
        QTRY_COMPARE(reply.error().code(), Error::Timeout);
        QCOMPARE(client.state(), Session::Connected);
    }
    QCOMPARE(errors.size(), 0);
    // Somebody comes.
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(client.url()));
    compareResult(client.withTimeout(30s).call<int>("echo", 5), 5);
}

// That nobody listened for one datagram is told when the next is sent, which then has to be sent again.
void tst_Udp::refusedBefore()
{
    quint16 port = 0;
    {
        QUdpSocket gone;
        QVERIFY(gone.bind(QHostAddress(QHostAddress::LocalHost)));
        port = gone.localPort();
    }
    Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(port)));
    client.open();
    QTRY_COMPARE(client.state(), Session::Connected);
    for (int i = 0; i < 5; ++i)
        QVERIFY(client.notify("f", i));
    QTRY_COMPARE(client.bytesToWrite(), 0);
    QCOMPARE(client.datagramsDropped(), 0u);
}

void tst_Udp::firstMsgid()
{
    QUdpSocket peer;
    QVERIFY(peer.bind(QHostAddress(QHostAddress::LocalHost)));
    QSet<QByteArray> seen;
    for (int i = 0; i < 4; ++i) {
        Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(peer.localPort())));
        client.call("f");
        QTRY_VERIFY(peer.hasPendingDatagrams());
        QByteArray datagram(100, '\0');
        datagram.truncate(peer.readDatagram(datagram.data(), datagram.size()));
        seen.insert(datagram);
    }
    QCOMPARE(seen.size(), 4);
}

// What a server asks its clients can be guessed no better.
void tst_Udp::firstMsgidOfAServer()
{
    Pair pair;
    connect(&pair.server, &Server::sessionOpened, this,
            [](Session *session) { session->call("hello"); });
    QSet<QByteArray> seen;
    for (int i = 0; i < 4; ++i) {
        QUdpSocket peer;
        QVERIFY(peer.bind(QHostAddress(QHostAddress::LocalHost)));
        peer.writeDatagram(QByteArray::fromHex("9302a4706f6b6590"),
                           QHostAddress(QHostAddress::LocalHost), pair.port());
        QTRY_VERIFY(peer.hasPendingDatagrams());
        QByteArray datagram(100, '\0');
        datagram.truncate(peer.readDatagram(datagram.data(), datagram.size()));
        seen.insert(datagram);
    }
    QCOMPARE(seen.size(), 4);
}

void tst_Udp::largest_data()
{
    QTest::addColumn<QByteArray>("url");
    QTest::addColumn<TransportOption>("option");
    QTest::addColumn<int>("maximum");
    QTest::newRow("v4") << QByteArray(Url) << TransportOption() << 65507;
    QTest::newRow("v6") << QByteArray("udp://[::1]:0") << TransportOption() << 65527;
    QTest::newRow("v4, rx") << QByteArray(Url) << TransportOption(TransportOption::RxDeflate)
                            << 65507 - 4;
    QTest::newRow("v6, rx") << QByteArray("udp://[::1]:0")
                            << TransportOption(TransportOption::RxDeflate) << 65527 - 4;
    QTest::newRow("v4, tx") << QByteArray(Url) << TransportOption(TransportOption::TxDeflate) << -1;
    QTest::newRow("v6, both") << QByteArray("udp://[::1]:0")
                              << TransportOption(TransportOption::Deflate) << -1;
}

void tst_Udp::largest()
{
    QFETCH(QByteArray, url);
    QFETCH(TransportOption, option);
    QFETCH(int, maximum);
    SKIP_WITHOUT_HOST_OF(QString::fromLatin1(url));
    Pair pair(url.constData());
    QVERIFY(pair.listens);
    pair.client.setTransportOption(option);
    pair.client.setNextMsgid(1);
    // [0, 1, "size", [bin16]]: 1 + 1 + 1 + 5 + 1 + 3
    constexpr int Header = 12;
    if (maximum > 0) {
        const QByteArray fits = Pair::noise(maximum - Header);
        compareResult(pair.client.call<int>("size", fits), int(fits.size()));
        auto reply = pair.client.call<int>("size", fits + 'x');
        QTRY_COMPARE(reply.error().code(), Error::LimitExceeded);
        const int most = url == QByteArray(Url) ? 65507 : 65527;
        QVERIFY2(reply.error().message().contains(QStringLiteral("%1 bytes").arg(most + 1))
                         && reply.error().message().contains(QString::number(most)),
                 qPrintable(reply.error().message()));
        compareResult(pair.client.call<int>(7, 1), 2);
        return;
    }
    // Compressed: the boundary is found, and everything up to it arrives.
    compareResult(pair.client.call<int>("size", QByteArray(1'000'000, 'x')), 1'000'000);
    int low = 64'000;
    int high = 66'000;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        auto reply = pair.client.call<int>("size", Pair::noise(middle));
        QTRY_VERIFY(reply.isFinished());
        if (reply.error())
            QCOMPARE(reply.error().code(), Error::LimitExceeded);
        (reply.error() ? high : low) = middle;
    }
    QVERIFY(low > 65'300);
    compareResult(pair.client.call<int>(7, 1), 2);
    QCOMPARE(pair.server.datagramsDropped(), 0u);
    QCOMPARE(pair.client.datagramsDropped(), 0u);
}

void tst_Udp::largestWhileUnconnected()
{
    Pair pair;
    pair.client.setNextMsgid(1);
    auto small = pair.client.call<int>("size", QByteArray(65507 - 12, 'x'));
    auto large = pair.client.call<int>("size", QByteArray(65507 - 11, 'x'));
    QTRY_COMPARE(large.error().code(), Error::LimitExceeded);
    QVERIFY2(large.error().message().contains(QStringLiteral("65508 bytes"))
                     && large.error().message().contains(QStringLiteral("65507")),
             qPrintable(large.error().message()));
    compareResult(small, 65507 - 12);
}

void tst_Udp::notificationTooLarge()
{
    Pair pair;
    QSignalSpy dropped(&pair.client, &Session::notificationDropped);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("1 notification")));
    QVERIFY(!pair.client.notify("size", QByteArray(70'000, 'x')));
    QTRY_COMPARE(dropped.size(), 1);
    QCOMPARE(dropped.at(0).at(1).value<Error>().code(), Error::LimitExceeded);
}

void tst_Udp::resultTooLarge()
{
    Pair pair;
    pair.client.setNextMsgid(1);
    // [1, id, nil, bin16]
    compareResult(pair.client.call<QByteArray>("noise", 65507 - 7), Pair::noise(65507 - 7));
    auto reply = pair.client.call<QByteArray>("noise", 65507 - 6);
    QTRY_COMPARE(reply.error().code(), Error::RemoteError);
    QVERIFY2(reply.error().message().contains(QStringLiteral("65508 bytes")),
             qPrintable(reply.error().message()));
    // Compressed it fits; an answer that comes later is no different.
    compareResult(pair.client.over(TransportOption::RxDeflate).call<QByteArray>("zeros", 500'000),
                  QByteArray(500'000, '\0'));
    pair.server.bind("fails", [](Responder responder) {
        responder.error(QString(70'000, QLatin1Char('x')));
    });
    auto failed = pair.client.call<int>("fails");
    QTRY_COMPARE(failed.error().code(), Error::RemoteError);
    QVERIFY(failed.error().message().size() < 1000);
}

void tst_Udp::malformed_data()
{
    QTest::addColumn<QByteArray>("hex");
    QTest::newRow("empty") << QByteArray("");
    QTest::newRow("never used byte") << QByteArray("c1");
    QTest::newRow("nil") << QByteArray("c0");
    QTest::newRow("unknown type") << QByteArray("920901");
    QTest::newRow("cut") << QByteArray("940000a46563");
    QTest::newRow("trailing") << QByteArray("9302a4706f6b659000");
    QTest::newRow("two messages") << QByteArray("9302a4706f6b65909302a4706f6b6590");
    QTest::newRow("OPTION alone") << QByteArray("93040000");
    QTest::newRow("OPTION twice") << QByteArray("93040000930400009302a4706f6b6590");
    QTest::newRow("OPTION with unknown bits") << QByteArray("930402009302a4706f6b6590");
    QTest::newRow("SESSION alone") << QByteArray("9203a649707f000001");
    QTest::newRow("compressed, unannounced")
            << QByteArray("789c9ac2c0b0243539237fe2d28cd49c9c7c00000000ffff");
    QTest::newRow("bad zlib") << QByteArray("93040101789cffffffffff");
    QTest::newRow("a response to nobody") << QByteArray("940101c0c0");
}

void tst_Udp::malformed()
{
    QFETCH(QByteArray, hex);
    Pair pair;
    bool served = false;
    pair.server.bind("poke", [&] { served = true; });
    QUdpSocket peer;
    QVERIFY(peer.bind(QHostAddress(QHostAddress::LocalHost)));
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("dropped a datagram")));
    peer.writeDatagram(QByteArray::fromHex(hex), QHostAddress(QHostAddress::LocalHost),
                       pair.port());
    QTRY_COMPARE(pair.server.datagramsDropped(), 1u);
    QVERIFY(pair.server.sessions().isEmpty());
    QVERIFY(!served);
    compareResult(pair.client.call<int>(7, 1), 2);
}

void tst_Udp::optionNotAccepted()
{
    Pair pair;
    pair.server.setAcceptedOptions(TransportOption::RxDeflate);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("more than is accepted")));
    auto refused = pair.client.over(TransportOption::RxDeflate).withTimeout(300ms).call<int>(7, 1);
    QTRY_COMPARE(refused.error().code(), Error::Timeout);
    QCOMPARE(pair.server.datagramsDropped(), 1u);
    compareResult(pair.client.over(TransportOption::TxDeflate).call<int>(7, 1), 2);
}

void tst_Udp::notInflatedUnlessAccepted()
{
    Limits limits;
    limits.inflatedBytes = 1000;
    Pair pair(Url, limits);
    pair.server.setAcceptedOptions(TransportOption());
    QUdpSocket peer;
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("more than is accepted")));
    peer.writeDatagram(noteOfZeros(10'000), QHostAddress(QHostAddress::LocalHost), pair.port());
    QTRY_COMPARE(pair.server.datagramsDropped(), 1u);
    compareResult(pair.client.call<int>(7, 1), 2);
}

// Who sends little and makes much of it gets no more of a turn of the event loop than others do.
void tst_Udp::inflatingIsBounded()
{
    Pair pair;
    compareResult(pair.client.call<int>(7, 1), 2);
    int noted = 0;
    pair.server.bind("note", [&](const QByteArray &) { ++noted; });
    QUdpSocket peer;
    constexpr int Datagrams = 30;
    for (int i = 0; i < Datagrams; ++i)
        peer.writeDatagram(noteOfZeros(1024 * 1024), QHostAddress(QHostAddress::LocalHost),
                           pair.port());
    int most = 0;
    for (int before = 0; noted < Datagrams; before = noted) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        most = std::max(most, noted - before);
    }
    QVERIFY2(most <= 9, qPrintable(QString::number(most)));
    QCOMPARE(pair.server.datagramsDropped(), 0u);
}

void tst_Udp::strangersAreNotHeard()
{
    QUdpSocket peer;
    QVERIFY(peer.bind(QHostAddress(QHostAddress::LocalHost)));
    Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(peer.localPort())));
    client.setNextMsgid(1);
    auto reply = client.call<int>("f");
    QTRY_VERIFY(peer.hasPendingDatagrams());
    QHostAddress host;
    quint16 port = 0;
    char buffer[100];
    peer.readDatagram(buffer, sizeof buffer, &host, &port);
    QUdpSocket stranger;
    stranger.writeDatagram(QByteArray::fromHex("940101c001"), host, port);
    peer.writeDatagram(QByteArray::fromHex("940101c002"), host, port);
    compareResult(reply, 2);
}

// A relay that loses one in ten each way.
void tst_Udp::unreliableNetwork()
{
    Testing::Clock clock;
    Pair pair;
    QUdpSocket front;
    QUdpSocket back;
    QVERIFY(front.bind(QHostAddress(QHostAddress::LocalHost)));
    back.connectToHost(QHostAddress(QHostAddress::LocalHost), pair.port());
    QRandomGenerator random(4711);
    int lost = 0;
    quint16 clientPort = 0;
    QByteArray buffer(65536, '\0');
    const auto drops = [&] {
        const bool drop = random.bounded(10) == 0;
        lost += drop ? 1 : 0;
        return drop;
    };
    connect(&front, &QUdpSocket::readyRead, this, [&] {
        while (front.hasPendingDatagrams()) {
            const qint64 size =
                    front.readDatagram(buffer.data(), buffer.size(), nullptr, &clientPort);
            if (size >= 0 && !drops())
                back.write(buffer.constData(), size);
        }
    });
    connect(&back, &QUdpSocket::readyRead, this, [&] {
        while (back.hasPendingDatagrams()) {
            const qint64 size = back.readDatagram(buffer.data(), buffer.size());
            if (size >= 0 && !drops())
                front.writeDatagram(buffer.constData(), size, QHostAddress(QHostAddress::LocalHost),
                                    clientPort);
        }
    });
    Client client(QUrl(QStringLiteral("udp://127.0.0.1:%1").arg(front.localPort())));
    constexpr int Calls = 1000;
    QList<int> ended(Calls, 0);
    int results = 0;
    int timeouts = 0;
    for (int i = 0; i < Calls; ++i) {
        client.call<int>(7, i)
                .then(this,
                      [&, i](int result) {
                          QCOMPARE(result, i + 1);
                          ++ended[i];
                          ++results;
                      })
                .onError(this, [&, i](const Error &error) {
                    QCOMPARE(error.code(), Error::Timeout);
                    ++ended[i];
                    ++timeouts;
                });
        if (i % 20 == 19)
            QTRY_VERIFY(results + lost >= i - 20); // not to overrun the sockets' buffers
    }
    QTRY_COMPARE(results + lost, Calls); // each is lost once, on one way or the other
    QCOMPARE(timeouts, 0);
    clock.advance(60s);
    QTRY_COMPARE(results + timeouts, Calls);
    QCOMPARE(ended, QList<int>(Calls, 1));
    QVERIFY(lost > 0);
    QVERIFY(timeouts > 0);
    QVERIFY(results > Calls / 2);
    QCOMPARE(client.pendingCalls(), 0);
}

void tst_Udp::sourcesAreBounded()
{
    Limits limits;
    limits.datagramSessions = 5;
    Pair pair(Url, limits);
    QSignalSpy opened(&pair.server, &Server::sessionOpened);
    QSignalSpy closed(&pair.server, &Server::sessionClosed);
    constexpr int Sources = 40;
    std::vector<std::unique_ptr<QUdpSocket>> sources;
    for (int i = 0; i < Sources; ++i) {
        sources.push_back(std::make_unique<QUdpSocket>());
        QUdpSocket &source = *sources.back();
        source.connectToHost(QHostAddress(QHostAddress::LocalHost), pair.port());
        source.write(QByteArray::fromHex("940000079101"));
        QTRY_VERIFY(source.hasPendingDatagrams());
        QVERIFY(pair.server.sessions().size() <= 5);
    }
    QCOMPARE(opened.size(), Sources);
    QCOMPARE(closed.size(), Sources - 5);
    compareResult(pair.client.call<int>(7, 1), 2);
}

void tst_Udp::busySourcesStay()
{
    Limits limits;
    limits.datagramSessions = 1;
    Pair pair(Url, limits);
    QList<Responder> waiting;
    pair.server.bind("wait", [&](Responder responder) { waiting.append(responder); });
    auto busy = pair.client.call<int>("wait");
    QTRY_COMPARE(waiting.size(), 1);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("no room")));
    Client other(pair.client.url());
    auto refused = other.withTimeout(300ms).call<int>(7, 1);
    QTRY_COMPARE(pair.server.datagramsDropped(), 1u);
    QTRY_COMPARE(refused.error().code(), Error::Timeout);
    waiting.takeFirst().result(3);
    compareResult(busy, 3);
    compareResult(other.call<int>(7, 1), 2);
}

void tst_Udp::idleSourcesGo()
{
    Testing::Clock clock;
    Pair pair;
    QList<Responder> waiting;
    pair.server.bind("wait", [&](Responder responder) { waiting.append(responder); });
    Client busy(pair.client.url());
    busy.setTimeout(-1ms);
    auto reply = busy.call<int>("wait");
    QTRY_COMPARE(waiting.size(), 1);
    compareResult(pair.client.call<int>(7, 1), 2);
    QCOMPARE(pair.server.sessions().size(), 2);
    clock.advance(59s);
    QCOMPARE(pair.server.sessions().size(), 2);
    clock.advance(2s);
    QCOMPARE(pair.server.sessions().size(), 1);
    clock.advance(300s);
    QCOMPARE(pair.server.sessions().size(), 1);
    waiting.takeFirst().result(3);
    compareResult(reply, 3);
    clock.advance(130s);
    QVERIFY(pair.server.sessions().isEmpty());
    compareResult(pair.client.call<int>(7, 1), 2);
}

void tst_Udp::deletedWithinACall_data()
{
    QTest::addColumn<int>("what");
    QTest::newRow("server") << 0;
    QTest::newRow("session") << 1;
    QTest::newRow("listeners") << 2;
    QTest::newRow("client") << 3;
}

void tst_Udp::deletedWithinACall()
{
    QFETCH(int, what);
    auto server = std::make_unique<Server>();
    auto client = std::make_unique<Client>();
    int calls = 0;
    server->bind("end", [&] {
        ++calls;
        if (what == 0)
            server.reset();
        else if (what == 1)
            delete server->sessions().value(0);
        else if (what == 2)
            server->close();
        else
            client.reset();
    });
    QVERIFY(server->listen(QUrl(QString::fromLatin1(Url))));
    client->setUrl(server->urls().value(0));
    client->setTimeout(300ms);
    QList<Error::Code> errors;
    for (int i = 0; i < 3; ++i)
        client->call("end").onError(this, [&](const Error &error) { errors.append(error.code()); });
    QTRY_COMPARE(errors.size(), 3);
    for (const Error::Code code : std::as_const(errors))
        QCOMPARE(code, what == 3 ? Error::Canceled : Error::Timeout);
    QVERIFY(calls >= 1);
}

// What comes from a source whose session was closed belongs to another session, also while the old one's handler runs.
void tst_Udp::closedWithinItsCall()
{
    Pair pair;
    QEventLoop loop;
    bool hasReturned = false;
    pair.server.bind("end", [&] {
        pair.server.sessions().constFirst()->close();
        QTimer::singleShot(5s, &loop, &QEventLoop::quit);
        loop.exec();
        hasReturned = true;
    });
    int answeredWithin = -1;
    pair.client.notify("end");
    pair.client.call<int>(7, 1).then(this, [&] {
        answeredWithin = hasReturned ? 0 : 1;
        loop.quit();
    });
    QTRY_VERIFY(hasReturned);
    QTRY_VERIFY(answeredWithin >= 0);
    QCOMPARE(answeredWithin, 1);
    QCOMPARE(pair.server.datagramsDropped(), 0u);
}

void tst_Udp::nestedLoop()
{
    Pair pair;
    QEventLoop loop;
    pair.server.bind("nest", [&] {
        loop.exec();
        return 1;
    });
    pair.server.bind("quit", [&] {
        loop.quit();
        return 2;
    });
    auto nested = pair.client.call<int>("nest");
    auto between = pair.client.call<int>(7, 1);
    auto quit = pair.client.call<int>("quit");
    QTRY_VERIFY(nested.isFinished() && between.isFinished() && quit.isFinished());
    QCOMPARE(nested.result(), 1);
    QCOMPARE(between.result(), 2);
    QCOMPARE(quit.result(), 2);
    QCOMPARE(pair.server.datagramsDropped(), 0u);
}

void tst_Udp::closeSendsWhatWaits()
{
    Pair pair;
    QStringList notified;
    pair.server.bind("log", [&](const QString &text) { notified.append(text); });
    pair.client.notify("log", QStringLiteral("last"));
    pair.client.close();
    QTRY_COMPARE(notified, QStringList(QStringLiteral("last")));
    QCOMPARE(pair.client.state(), Session::Unconnected);
}

void tst_Udp::openAgain()
{
    Pair pair;
    QSignalSpy states(&pair.client, &Session::stateChanged);
    pair.client.open();
    QTRY_COMPARE(pair.client.state(), Session::Connected);
    QCOMPARE(pair.client.peerAddress()->port(), pair.port());
    auto reply = pair.client.call<int>("nobody");
    pair.client.close();
    QTRY_COMPARE(reply.error().code(), Error::Canceled);
    QCOMPARE(pair.client.state(), Session::Unconnected);
    compareResult(pair.client.call<int>(7, 1), 2);
}

QTEST_GUILESS_MAIN(tst_Udp)
#include "tst_udp.moc"
