// SPDX-License-Identifier: Apache-2.0

// Nodes that call each other.
#include "network.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Testing>

#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>
#include <stdexcept>

using namespace std::chrono_literals;
using MsgpackRpc::Address;
using MsgpackRpc::CallContext;
using MsgpackRpc::Client;
using MsgpackRpc::Cluster;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Session;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

class tst_Cluster : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void bothWays_data();
    void bothWays();
    void threeNodes();
    void atTheSameMoment();
    void plainClient();
    void handshake_data();
    void handshake();
    void restart();
    void claimOfAnother();
    void addressCheck();
    void checkThatDeletes();
    void checkThatThrowsOrCloses();
    void deletedInSignal();
    void forgedResponse();
    void laterSession();
    void malformedSession_data();
    void malformedSession();
    void thousandClaims();
    void noRoom();
    void idleNodes();
    void askedForStays();
    void signalsComeInPairs();
    void listenErrors_data();
    void listenErrors();
    void advertised();
    void closeAndListenAgain();
    void deleteInside();
    void deletedNodeSession();
};

namespace {

QByteArray hex(const char *digits)
{
    return QByteArray::fromHex(digits);
}

const QUrl anyPort(QStringLiteral("tcp://127.0.0.1:0"));

/// A node with what the tests call.
class Node : public Cluster
{
public:
    explicit Node(const QUrl &url = anyPort)
    {
        serveAll();
        isUsable = listen(url);
    }
    void serveAll()
    {
        bind("echo", [](const QVariant &x) { return x; });
        bind("who", [] {
            const auto address = CallContext::current().session().session()->address();
            return address ? QVariant(address->toString()) : QVariant();
        });
        bind("back", [](const QVariant &x, MsgpackRpc::Responder responder) {
            CallContext::current().session().session()->call("echo", x).then(
                    [responder](const QVariant &y) mutable { responder.result(y); });
        });
        bind("later", [this](MsgpackRpc::Responder responder) { waiting += responder; });
    }
    QUrl url() const { return urls().constFirst(); }
    QString name() const { return address()->toString(); }
    bool isUsable = false;
    QList<MsgpackRpc::Responder> waiting;
};

/// A connection of the test's own.
class RawPeer : public QTcpSocket
{
public:
    explicit RawPeer(const QUrl &url) { connectToHost(url.host(), quint16(url.port())); }
    /// What has come, once it is so much.
    QByteArray received(qsizetype size)
    {
        (void)QTest::qWaitFor([this, size] { return bytesAvailable() >= size; }, 30'000);
        return readAll();
    }
    bool isClosed()
    {
        return QTest::qWaitFor([this] { return state() == UnconnectedState; }, 30'000);
    }
};

/// `[3, address]` in the modern form, of 127.0.0.1.
QByteArray claim(quint16 port)
{
    const Address address(QHostAddress(QHostAddress::LocalHost), port);
    return hex("9203c406") + address.toBytes();
}

const QByteArray whoRequest = hex("940001a377686f90");

QByteArray textAnswer(const QString &text)
{
    return hex("940101c0") + char(0xa0 | text.size()) + text.toLatin1();
}

} // namespace

void tst_Cluster::bothWays_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<TransportOption>("option");
    for (const char *host : {"127.0.0.1", "[::1]"}) {
        const QUrl url(QStringLiteral("tcp://%1:0").arg(QLatin1String(host)));
        QTest::addRow("%s", host) << url << TransportOption();
        QTest::addRow("%s, tx", host) << url << TransportOption(TransportOption::TxDeflate);
        QTest::addRow("%s, rx", host) << url << TransportOption(TransportOption::RxDeflate);
        QTest::addRow("%s, both", host) << url << TransportOption(TransportOption::Deflate);
    }
}

void tst_Cluster::bothWays()
{
    QFETCH(QUrl, url);
    QFETCH(TransportOption, option);
    SKIP_WITHOUT_HOST_OF(url);
    Node a(url);
    Node b(url);
    QVERIFY(a.isUsable && b.isUsable);
    a.setTransportOption(option);
    b.setTransportOption(option);
    for (int round = 0; round < 2; ++round) {
        auto ofA = a.session(b.url())->call<QString>("who");
        auto ofB = b.session(a.url())->call<QString>("who");
        auto back = a.session(b.url())->call<QString>("back", "hello");
        QVERIFY(ofA.waitForFinished(30s));
        QVERIFY(ofB.waitForFinished(30s));
        QVERIFY(back.waitForFinished(30s));
        QCOMPARE(ofA.result(), a.name());
        QCOMPARE(ofB.result(), b.name());
        QCOMPARE(back.result(), QStringLiteral("hello"));
    }
    // One session for each other node, and nobody is a plain client.
    QCOMPARE(a.sessions().size(), 1);
    QCOMPARE(b.sessions().size(), 1);
    QVERIFY(a.clients().isEmpty());
    QVERIFY(b.clients().isEmpty());
}

void tst_Cluster::threeNodes()
{
    Node nodes[3];
    QList<MsgpackRpc::PendingReply<QString>> replies;
    QStringList expected;
    for (Node &from : nodes) {
        for (Node &to : nodes) {
            if (&from == &to)
                continue;
            replies += from.session(to.url())->call<QString>("who");
            expected += from.name();
            replies += from.session(*to.address())->call<QString>("back", to.name());
            expected += to.name();
        }
    }
    for (qsizetype i = 0; i < replies.size(); ++i) {
        QVERIFY(replies[i].waitForFinished(30s));
        QCOMPARE(replies[i].result(), expected[i]);
    }
    for (const Node &node : nodes)
        QCOMPARE(node.sessions().size(), 2);
}

void tst_Cluster::atTheSameMoment()
{
    Node a;
    Node b;
    QList<MsgpackRpc::PendingReply<QString>> replies;
    for (int i = 0; i < 20; ++i) {
        replies += a.session(b.url())->call<QString>("back", QString::number(i));
        replies += b.session(a.url())->call<QString>("back", QString::number(i));
    }
    for (int i = 0; i < 40; ++i) {
        QVERIFY(replies[i].waitForFinished(30s));
        QCOMPARE(replies[i].result(), QString::number(i / 2));
    }
    QCOMPARE(a.sessions().size(), 1);
    QCOMPARE(b.sessions().size(), 1);
}

// It has a session of its own, over which it can be called.
void tst_Cluster::plainClient()
{
    Node node;
    QSignalSpy opened(&node, &Cluster::sessionOpened);
    QSignalSpy closed(&node, &Cluster::sessionClosed);
    auto client = std::make_unique<Client>(node.url());
    client->bind("echo", [](const QVariant &x) { return x; });
    auto who = client->call("who");
    auto back = client->call<int>("back", 7);
    QVERIFY(who.waitForFinished(30s));
    QVERIFY(!who.error());
    QVERIFY(!who.result().isValid());
    QVERIFY(back.waitForFinished(30s));
    QCOMPARE(back.result(), 7);
    QTRY_COMPARE(opened.size(), 1);
    QCOMPARE(node.clients().size(), 1);
    QVERIFY(node.sessions().isEmpty());
    QCOMPARE(opened[0][0].value<Session *>(), node.clients().constFirst());
    auto called = node.clients().constFirst()->call<int>("echo", 5);
    QVERIFY(called.waitForFinished(30s));
    QCOMPARE(called.result(), 5);
    client.reset();
    QTRY_COMPARE(closed.size(), 1);
    QVERIFY(node.clients().isEmpty());
}

void tst_Cluster::handshake_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<WireFormat>("format");
    QTest::addColumn<TransportOption>("option");
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<QByteArray>("host");
    const QUrl ipv6(QStringLiteral("tcp://[::1]:0"));
    const QByteArray ipv4Bytes = hex("7f000001");
    const QByteArray ipv6Bytes = QByteArray(15, '\0') + '\1';
    const TransportOption plain;
    QTest::newRow("cluster_handshake")
            << anyPort << WireFormat::Compatibility << plain << hex("9203a6") << ipv4Bytes;
    QTest::newRow("cluster_handshake_deflate")
            << anyPort << WireFormat::Compatibility << TransportOption(TransportOption::Deflate)
            << hex("9203a6") << ipv4Bytes;
    QTest::newRow("cluster_handshake_ipv6")
            << ipv6 << WireFormat::Compatibility << plain << hex("9203b2") << ipv6Bytes;
    QTest::newRow("modern") << anyPort << WireFormat::Modern << plain << hex("9203c406")
                            << ipv4Bytes;
    QTest::newRow("modern, IPv6") << ipv6 << WireFormat::Modern << plain << hex("9203c412")
                                  << ipv6Bytes;
}

// SESSION, OPTION, then the calls, over a connection of the node's own; what the other node asks comes over another,
// and is answered there.
void tst_Cluster::handshake()
{
    QFETCH(QUrl, url);
    QFETCH(WireFormat, format);
    QFETCH(TransportOption, option);
    QFETCH(QByteArray, header);
    QFETCH(QByteArray, host);
    SKIP_WITHOUT_HOST_OF(url);
    QTcpServer other;
    QVERIFY(other.listen(QHostAddress(url.host())));
    Node node(url);
    node.setWireFormat(format);
    node.setTransportOption(option);
    const Address address(other.serverAddress(), other.serverPort());

    // The other node calls.
    RawPeer caller(node.url());
    caller.write(header + address.toBytes());
    caller.write(hex("940000a377686f90"));
    const QString name = address.toString();
    const QByteArray answer = caller.received(5);
    QCOMPARE(answer.left(4), hex("940100c0"));
    QVERIFY(answer.endsWith(name.toLatin1()));
    QCOMPARE(node.sessions().size(), 1);

    // This node calls.
    node.session(address)->setNextMsgid(0);
    node.session(address)->setWireFormat(format);
    auto reply = node.session(address)->call<QString>("back");
    QVERIFY(QTest::qWaitFor([&other] { return other.hasPendingConnections(); }, 30'000));
    QTcpSocket *const own = other.nextPendingConnection();
    const QByteArray session = header + node.address()->toBytes();
    const QByteArray expected = session
                                + (option == TransportOption() ? hex("940000a46261636b90")
                                                               : hex("93040101") + hex("789c"));
    QVERIFY(QTest::qWaitFor([&] { return own->bytesAvailable() >= expected.size(); }, 30'000));
    QCOMPARE(own->peek(expected.size()).toHex(), expected.toHex());
    QCOMPARE(session.right(host.size()), host);
    own->write(hex("940100c0a26f6b"));
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), QStringLiteral("ok"));
    QVERIFY(!other.hasPendingConnections());
    QVERIFY(caller.readAll().isEmpty());
}

void tst_Cluster::restart()
{
    Node a;
    auto b = std::make_unique<Node>();
    const QUrl url = b->url();
    Session *const session = a.session(url);
    auto open = session->call("later");
    QTRY_COMPARE(b->waiting.size(), 1);
    auto fromB = b->session(a.url())->call<QString>("who");
    QVERIFY(fromB.waitForFinished(30s));
    const QList<MsgpackRpc::Responder> unanswered = b->waiting;
    b.reset();
    QVERIFY(open.waitForFinished(30s));
    QCOMPARE(open.error().code(), Error::ConnectionLost);
    b = std::make_unique<Node>(url);
    QVERIFY(b->isUsable);
    auto again = session->call<QString>("back", "again");
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), QStringLiteral("again"));
    auto backwards = b->session(a.url())->call<QString>("who");
    QVERIFY(backwards.waitForFinished(30s));
    QCOMPARE(backwards.result(), QUrl(url).authority());
}

// Refused: its connection ends with one reason, and nobody else is hurt.
void tst_Cluster::claimOfAnother()
{
    Node node;
    Node other;
    RawPeer liar(node.url());
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("claims to be 192.0.2.7:1")));
    liar.write(hex("9203c406") + Address(QHostAddress(QStringLiteral("192.0.2.7")), 1).toBytes()
               + whoRequest);
    QVERIFY(liar.isClosed());
    QVERIFY(liar.readAll().isEmpty());
    QVERIFY(node.sessions().isEmpty());
    auto reply = other.session(node.url())->call<QString>("who");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), other.name());
}

void tst_Cluster::addressCheck()
{
    Node node;
    QList<QPair<Address, Address>> asked;
    node.setAddressCheck([&asked](const Address &claimed, const Address &peer) {
        asked.append({claimed, peer});
        return claimed.port() != 9;
    });
    const Address claimed(QHostAddress(QStringLiteral("192.0.2.7")), 1);
    RawPeer allowed(node.url());
    allowed.write(hex("9203c406") + claimed.toBytes() + whoRequest);
    QCOMPARE(allowed.received(5), textAnswer(claimed.toString()));
    QCOMPARE(asked.size(), 1);
    QCOMPARE(asked[0].first, claimed);
    QCOMPARE(asked[0].second, Address(allowed.localAddress(), allowed.localPort()));
    RawPeer refused(node.url());
    refused.write(claim(9) + whoRequest);
    QVERIFY(refused.isClosed());
    node.setAddressCheck(nullptr);
    RawPeer again(node.url());
    again.write(claim(9) + whoRequest);
    QCOMPARE(again.received(5), textAnswer(QStringLiteral("127.0.0.1:9")));
}

void tst_Cluster::checkThatDeletes()
{
    auto node = std::make_unique<Node>();
    node->setAddressCheck([&node](const Address &, const Address &) {
        node.reset();
        return true;
    });
    RawPeer peer(node->url());
    peer.write(claim(5) + whoRequest);
    QVERIFY(peer.isClosed());
    QVERIFY(node == nullptr);
}

void tst_Cluster::checkThatThrowsOrCloses()
{
    Node node;
    const QUrl url = node.url();
    node.setAddressCheck(
            [](const Address &, const Address &) -> bool { throw std::runtime_error("no idea"); });
    RawPeer peer(url);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("threw: no idea")));
    peer.write(claim(5) + whoRequest);
    QVERIFY(peer.isClosed());
    node.setAddressCheck([&node](const Address &, const Address &) {
        node.close();
        return true;
    });
    RawPeer other(url);
    other.write(claim(5) + whoRequest);
    QVERIFY(other.isClosed());
    QVERIFY(node.sessions().isEmpty());
    QVERIFY(!node.isListening());
}

// A slot that hears of one end may end everything.
void tst_Cluster::deletedInSignal()
{
    auto node = std::make_unique<Node>();
    std::vector<std::unique_ptr<RawPeer>> peers;
    for (int i = 0; i < 3; ++i) {
        peers.push_back(std::make_unique<RawPeer>(node->url()));
        peers.back()->write(whoRequest);
        QVERIFY(!peers.back()->received(5).isEmpty());
    }
    QTRY_COMPARE(node->clients().size(), 3);
    connect(node.get(), &Cluster::sessionClosed, this, [&node] { node.reset(); });
    node->close();
    QVERIFY(node == nullptr);
    for (const auto &peer : peers)
        QVERIFY(peer->isClosed());
}

// Only the connection that a request went over can answer it.
void tst_Cluster::forgedResponse()
{
    Node a;
    Node b;
    Session *const session = a.session(b.url());
    session->setNextMsgid(5);
    auto reply = session->call<int>("later");
    QTRY_COMPARE(b.waiting.size(), 1);
    RawPeer forger(a.url());
    forger.write(claim(b.address()->port()) + hex("940105c009") + whoRequest);
    QCOMPARE(forger.received(5), textAnswer(b.name()));
    QVERIFY(!reply.isFinished());
    b.waiting[0].result(3);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

// Who has begun as somebody stays that.
void tst_Cluster::laterSession()
{
    Node node;
    RawPeer first(node.url());
    first.write(claim(7) + claim(8) + whoRequest);
    QCOMPARE(first.received(5), textAnswer(QStringLiteral("127.0.0.1:7")));
    RawPeer client(node.url());
    client.write(whoRequest);
    QCOMPARE(client.received(5), hex("940101c0c0"));
    client.write(claim(8) + whoRequest);
    QCOMPARE(client.received(5), hex("940101c0c0"));
    QCOMPARE(node.sessions().size(), 1);
    QCOMPARE(node.clients().size(), 1);
}

void tst_Cluster::malformedSession_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("5 bytes") << hex("9203a549707f0000");
    QTest::newRow("empty") << hex("9203a0");
    QTest::newRow("nil") << hex("9203c0");
    QTest::newRow("port 0") << claim(0);
    QTest::newRow("an integer") << hex("920307");
    QTest::newRow("a map") << hex("920380");
    QTest::newRow("no address") << hex("9103");
}

void tst_Cluster::malformedSession()
{
    QFETCH(QByteArray, bytes);
    Node node;
    RawPeer peer(node.url());
    peer.write(bytes);
    QVERIFY(peer.isClosed());
    QVERIFY(node.sessions().isEmpty());
}

void tst_Cluster::thousandClaims()
{
    Node node;
    Limits limits;
    limits.clusterSessions = 150;
    node.setLimits(limits);
    for (quint16 first = 1; first <= 1000; first += 100) {
        std::vector<std::unique_ptr<RawPeer>> peers;
        for (quint16 port = first; port < first + 100; ++port) {
            peers.push_back(std::make_unique<RawPeer>(node.url()));
            peers.back()->write(claim(port) + whoRequest);
        }
        const auto isAnswered = [](const auto &peer) { return peer->bytesAvailable() > 4; };
        QTRY_VERIFY(std::all_of(peers.cbegin(), peers.cend(), isAnswered));
        QVERIFY(node.sessions().size() <= 150);
    }
    QCOMPARE(node.sessions().size(), 150);
    // Who comes really is served all the same.
    Node other;
    auto reply = other.session(node.url())->call<QString>("who");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), other.name());
}

// Sessions with a connection, or with a call, are not given up for another.
void tst_Cluster::noRoom()
{
    Node node;
    Limits limits;
    limits.clusterSessions = 2;
    node.setLimits(limits);
    RawPeer first(node.url());
    first.write(claim(1) + whoRequest);
    QCOMPARE(first.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
    auto second = std::make_unique<RawPeer>(node.url());
    second->write(claim(2) + whoRequest);
    QCOMPARE(second->received(5), textAnswer(QStringLiteral("127.0.0.1:2")));
    RawPeer third(node.url());
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("there are 2 nodes already")));
    third.write(claim(3) + whoRequest);
    QVERIFY(third.isClosed());
    // The address of one that is there needs no room.
    RawPeer again(node.url());
    again.write(claim(1) + whoRequest);
    QCOMPARE(again.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
    second->abort();
    const auto takesIn = [&node] {
        RawPeer peer(node.url());
        peer.write(claim(4) + whoRequest);
        return !peer.received(5).isEmpty();
    };
    QTRY_VERIFY(takesIn());
}

void tst_Cluster::idleNodes()
{
    MsgpackRpc::Testing::Clock clock;
    Node node;
    QSignalSpy closed(&node, &Cluster::sessionClosed);
    RawPeer peer(node.url());
    peer.write(claim(1) + whoRequest);
    QCOMPARE(peer.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
    clock.advance(300s);
    QCOMPARE(node.sessions().size(), 1); // it is connected
    peer.close();
    Node other; // goes through the event loop until the end of the connection was heard
    auto reply = other.session(node.url())->call<QString>("who");
    QVERIFY(reply.waitForFinished(30s));
    QTRY_COMPARE(node.sessions().size(), 2);
    clock.advance(50s);
    QCOMPARE(closed.size(), 0);
    clock.advance(75s);
    QTRY_COMPARE(closed.size(), 1);
    QCOMPARE(node.sessions().size(), 1);
}

void tst_Cluster::askedForStays()
{
    MsgpackRpc::Testing::Clock clock;
    Node node;
    Session *const asked = node.session(QUrl("tcp://127.0.0.1:1"));
    {
        RawPeer peer(node.url());
        peer.write(claim(1) + whoRequest);
        QCOMPARE(peer.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
    }
    QTRY_COMPARE(node.sessions(), QList<Session *>{asked});
    clock.advance(600s);
    QCOMPARE(node.sessions(), QList<Session *>{asked});
}

void tst_Cluster::signalsComeInPairs()
{
    Node node;
    Limits limits;
    limits.clusterSessions = 3;
    node.setLimits(limits);
    QList<Session *> open;
    int opened = 0;
    connect(&node, &Cluster::sessionOpened, this, [&](Session *session) {
        QVERIFY(!open.contains(session));
        open.append(session);
        ++opened;
    });
    connect(&node, &Cluster::sessionClosed, this,
            [&](Session *session) { QCOMPARE(open.removeAll(session), 1); });
    for (quint16 port = 1; port <= 10; ++port) {
        RawPeer peer(node.url());
        peer.write((port % 2 == 0 ? claim(port) : QByteArray()) + whoRequest);
        QVERIFY(!peer.received(5).isEmpty());
    }
    QTRY_COMPARE(opened, 10);
    QTRY_COMPARE(open.size(), 3);
    node.close();
    QTRY_COMPARE(open.size(), 0);
    QVERIFY(node.sessions().isEmpty());
}

void tst_Cluster::listenErrors_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<Address>("advertised");
    QTest::addColumn<QString>("message");
    const Address none;
    const QHostAddress loopback(QHostAddress::LocalHost);
    QTest::newRow("udp") << QUrl("udp://127.0.0.1:0") << none << "a node listens at tcp://";
    QTest::newRow("memory") << QUrl("memory:x") << none << "a node listens at tcp://";
    QTest::newRow("nothing") << QUrl() << none << "a node listens at tcp://";
    QTest::newRow("wildcard") << QUrl("tcp://0.0.0.0:0") << none << "advertise one";
    QTest::newRow("wildcard, IPv6") << QUrl("tcp://[::]:0") << none << "advertise one";
    QTest::newRow("a name") << QUrl("tcp://example.invalid:1") << none << "literal address";
    QTest::newRow("port 0 advertised")
            << anyPort << Address(QHostAddress(QStringLiteral("192.0.2.1")), 0) << "no address to";
    QTest::newRow("wildcard advertised")
            << anyPort << Address(QHostAddress(QHostAddress::AnyIPv4), 1) << "no address to";
    QTest::newRow("wildcard advertised, IPv6")
            << anyPort << Address(QHostAddress(QHostAddress::AnyIPv6), 1) << "no address to";
}

void tst_Cluster::listenErrors()
{
    QFETCH(QUrl, url);
    QFETCH(Address, advertised);
    QFETCH(QString, message);
    Cluster node;
    QVERIFY(!(advertised == Address() ? node.listen(url) : node.listen(url, advertised)));
    QCOMPARE(node.error().code(), Error::NotConnectable);
    QVERIFY2(node.error().message().contains(message), qPrintable(node.error().message()));
    QVERIFY(!node.isListening());
    QVERIFY(!node.address());
}

void tst_Cluster::advertised()
{
    Cluster node;
    const Address address(QHostAddress(QStringLiteral("192.0.2.1")), 5);
    QVERIFY(node.listen(QUrl("tcp://0.0.0.0:0"), address));
    QCOMPARE(node.address(), address);
    QVERIFY(node.listen(anyPort)); // one more place to listen at, not another address
    QVERIFY(node.listen(anyPort, address));
    QCOMPARE(node.address(), address);
    QCOMPARE(node.urls().size(), 3);
    QVERIFY(!node.listen(anyPort, Address(QHostAddress(QStringLiteral("192.0.2.1")), 6)));
    QVERIFY(node.error().message().contains(QStringLiteral("cannot be 192.0.2.1:6 too")));
}

void tst_Cluster::closeAndListenAgain()
{
    Node node;
    Node other;
    auto open = node.session(other.url())->call("later");
    QTRY_COMPARE(other.waiting.size(), 1);
    node.close();
    QVERIFY(!node.isListening());
    QVERIFY(!node.address());
    QVERIFY(open.waitForFinished(30s));
    QCOMPARE(open.error().code(), Error::Canceled);
    // As long as it does not listen it is a plain client.
    auto who = node.session(other.url())->call("who");
    QVERIFY(who.waitForFinished(30s));
    QVERIFY(!who.error());
    QVERIFY(!who.result().isValid());
    node.session(other.url())->close();
    QVERIFY(node.listen(anyPort));
    auto again = node.session(other.url())->call<QString>("who");
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), node.name());
}

void tst_Cluster::deleteInside()
{
    Node a;
    auto b = std::make_unique<Node>();
    b->bind("end", [&b] { b.reset(); });
    b->bind("leave", [] { delete CallContext::current().session().session(); });
    auto left = a.session(b->url())->call("leave");
    QVERIFY(left.waitForFinished(30s));
    QVERIFY(left.error());
    QCOMPARE(b->sessions().size(), 0);
    auto again = a.session(b->url())->call<QString>("who");
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), a.name());
    auto ended = a.session(b->url())->call("end");
    QVERIFY(ended.waitForFinished(30s));
    QCOMPARE(ended.error().code(), Error::ConnectionLost);
    QVERIFY(b == nullptr);
}

// The connections of its node end with a session: they would belong to nobody.
void tst_Cluster::deletedNodeSession()
{
    Node node;
    RawPeer peer(node.url());
    peer.write(claim(1) + whoRequest);
    QCOMPARE(peer.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
    delete node.sessions().constFirst();
    QVERIFY(peer.isClosed());
    QVERIFY(node.sessions().isEmpty());
    RawPeer again(node.url());
    again.write(claim(1) + whoRequest);
    QCOMPARE(again.received(5), textAnswer(QStringLiteral("127.0.0.1:1")));
}

QTEST_GUILESS_MAIN(tst_Cluster)
#include "tst_cluster.moc"
