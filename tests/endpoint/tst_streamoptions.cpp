// SPDX-License-Identifier: Apache-2.0

// Connections with different options beside each other: what each carries, what the end of one does to the others, and
// compressed streams that were made to harm.
#include "proxy.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QFile>
#include <QtCore/QTimer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <zlib.h>

#include <algorithm>
#include <functional>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Server;
using MsgpackRpc::TransportOption;

class tst_StreamOptions : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();
    void eachOptionHasItsConnection();
    void optionOfTheSession();
    void optionAtAnyTime_data();
    void optionAtAnyTime();
    void acceptedDirections_data();
    void acceptedDirections();
    void endOfOne_data();
    void endOfOne();
    void workHoldsAllBack();
    void finishedStream();
    void bombForAServer_data();
    void bombForAServer();
    void bombForAClient_data();
    void bombForAClient();

private:
    std::unique_ptr<Server> m_server;
    QList<MsgpackRpc::Responder> m_open;
};

namespace {

/// A zlib stream that the test makes itself.
class Stream
{
public:
    Stream()
    {
        if (deflateInit(&m_zlib, Z_BEST_COMPRESSION) != Z_OK)
            qFatal("zlib");
    }
    ~Stream() { deflateEnd(&m_zlib); }
    QByteArray add(QByteArray bytes, int flush = Z_SYNC_FLUSH)
    {
        QByteArray out(qsizetype(deflateBound(&m_zlib, uLong(bytes.size()))) + 64, '\0');
        m_zlib.next_in = reinterpret_cast<Bytef *>(bytes.data());
        m_zlib.avail_in = uInt(bytes.size());
        m_zlib.next_out = reinterpret_cast<Bytef *>(out.data());
        m_zlib.avail_out = uInt(out.size());
        deflate(&m_zlib, flush);
        return out.left(out.size() - qsizetype(m_zlib.avail_out));
    }

private:
    z_stream m_zlib = {};
    Q_DISABLE_COPY_MOVE(Stream)
};

// \a head and then 1 GiB of zeros, in about 1 MiB: after a full flush the same bytes mean the same again.
QByteArray bomb(const QByteArray &head)
{
    constexpr qsizetype Part = 1024 * 1024;
    Stream stream;
    QByteArray all = stream.add(head, Z_FULL_FLUSH);
    all += stream.add(QByteArray(Part, '\0'), Z_FULL_FLUSH).repeated(1024 * 1024 * 1024 / Part);
    return all;
}

// The request echo(7), and its answer: as long as each other answer here.
QByteArray request(int id)
{
    return QByteArray::fromHex("9400") + char(id) + QByteArray::fromHex("a46563686f9107");
}

QByteArray answer(int id)
{
    return QByteArray::fromHex("9401") + char(id) + QByteArray::fromHex("c007");
}

// What a receiver reads: answers as they are, until one begins with 0x78.
QByteArray answersIn(QByteArray stream)
{
    qsizetype start = 0;
    while (start < stream.size() && stream.at(start) != '\x78')
        start += answer(1).size();
    QByteArray all = stream.left(start);
    QByteArray buffer(1000, '\0');
    QByteArray compressed = stream.mid(start);
    z_stream zlib = {};
    if (inflateInit(&zlib) != Z_OK)
        qFatal("zlib");
    zlib.next_in = reinterpret_cast<Bytef *>(compressed.data());
    zlib.avail_in = uInt(compressed.size());
    zlib.next_out = reinterpret_cast<Bytef *>(buffer.data());
    zlib.avail_out = uInt(buffer.size());
    inflate(&zlib, Z_SYNC_FLUSH);
    inflateEnd(&zlib);
    return all + buffer.left(buffer.size() - qsizetype(zlib.avail_out));
}

// A number of KiB out of /proc/self/status; 0 where there is none.
qint64 memory(const char *what)
{
    QFile status(QStringLiteral("/proc/self/status"));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    for (const QByteArray &line : status.readAll().split('\n')) {
        if (line.startsWith(what))
            return line.mid(qsizetype(strlen(what)) + 1).trimmed().split(' ').first().toLongLong();
    }
    return 0;
}

// What inflating to the limit of 64 MiB may take, with room for a sanitizer's own; far from 1 GiB.
constexpr qint64 MostGrowth = 400 * 1024; // KiB

} // namespace

void tst_StreamOptions::init()
{
    m_server = std::make_unique<Server>();
    m_server->bind("echo", [](const QVariant &x) { return x; });
    m_server->bind("hang", [this](MsgpackRpc::Responder responder) { m_open += responder; });
    QVERIFY(m_server->listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))));
}

void tst_StreamOptions::cleanup()
{
    m_open.clear();
    m_server.reset();
}

void tst_StreamOptions::eachOptionHasItsConnection()
{
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    const QList<TransportOption> options{TransportOption(), TransportOption::TxDeflate,
                                         TransportOption::RxDeflate, TransportOption::Deflate};
    int right = 0;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 100; ++i) {
            const QString text = QStringLiteral("%1 ").arg(i).repeated(i);
            client.over(options.at(i % 4))
                    .call<QString>("echo", text)
                    .then(this, [&, text](const QString &x) { right += x == text ? 1 : 0; });
        }
        QTRY_COMPARE(right, 100 * (round + 1));
    }
    QCOMPARE(m_server->sessions().size(), 4);
    QCOMPARE(proxy.connections().size(), size_t(4));
    QList<QByteArray> begins;
    for (const auto &connection : proxy.connections())
        begins += connection->fromClient.left(4).toHex();
    std::sort(begins.begin(), begins.end());
    // The plain one begins with its first request: one counter for all, and a call without an option came first.
    QCOMPARE(begins, QList<QByteArray>({"93040001", "93040100", "93040101", "940001a4"}));
    for (const auto &connection : proxy.connections()) {
        const QByteArray begin = connection->fromClient.left(4).toHex();
        QCOMPARE(connection->fromClient.mid(4).startsWith(QByteArray::fromHex("789c")),
                 begin == "93040100" || begin == "93040101");
        QCOMPARE(connection->fromServer.startsWith(QByteArray::fromHex("789c")),
                 begin == "93040001" || begin == "93040101");
    }
}

// What is set for the session, and what a call says: the same option is the same connection.
void tst_StreamOptions::optionOfTheSession()
{
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    client.setTransportOption(TransportOption::Deflate);
    auto first = client.call<int>("echo", 1);
    auto second = client.over(TransportOption::Deflate).call<int>("echo", 2);
    QVERIFY(first.waitForFinished(30s) && second.waitForFinished(30s));
    QCOMPARE(proxy.connections().size(), size_t(1));
    QCOMPARE(proxy.connections().front()->fromClient.left(4).toHex(), QByteArray("93040101"));
    auto plain = client.over(TransportOption()).call<int>("echo", 3);
    QVERIFY(plain.waitForFinished(30s));
    QCOMPARE(first.result() + second.result() + plain.result(), 6);
    QCOMPARE(proxy.connections().size(), size_t(2));
    QCOMPARE(proxy.connections().back()->fromClient.left(1).toHex(), QByteArray("94"));
    // Closing ends all; what is called afterwards connects again, with OPTION.
    client.close();
    QTRY_COMPARE(m_server->sessions().size(), 0);
    auto again = client.call<int>("echo", 4);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 4);
    QCOMPARE(proxy.connections().size(), size_t(3));
    QCOMPARE(proxy.connections().back()->fromClient.left(6).toHex(), QByteArray("93040101789c"));
}

void tst_StreamOptions::optionAtAnyTime_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("requests");
    QTest::addColumn<bool>("endsCompressed");

    const auto option = [](const char *flags) {
        return QByteArray::fromHex("9304") + QByteArray::fromHex(flags);
    };
    const auto row = [](const char *name, const QByteArray &bytes, int requests,
                        bool endsCompressed) {
        QTest::newRow(name) << bytes << requests << endsCompressed;
    };
    row("tx first", option("0100") + Stream().add(request(1) + request(2)), 2, false);
    row("rx first", option("0001") + request(1) + request(2), 2, true);
    row("within a batch", request(1) + request(2) + option("0101") + Stream().add(request(3)), 3,
        true);
    row("twice", option("0101") + Stream().add(request(1) + option("0101") + request(2)), 2, true);
    row("rx, then tx", option("0001") + request(1) + option("0100") + Stream().add(request(2)), 2,
        true);
    row("tx, then rx", option("0100") + Stream().add(request(1) + option("0001") + request(2)), 2,
        true);
    row("on, and not off", option("0101") + Stream().add(option("0000") + request(1) + request(2)),
        2, true);
}

// In one piece, and cut at every byte, a live server answers the same.
void tst_StreamOptions::optionAtAnyTime()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, requests);
    QFETCH(bool, endsCompressed);
    QByteArray expected;
    for (int id = 1; id <= requests; ++id)
        expected += answer(id);
    for (qsizetype cut = 0; cut < bytes.size(); ++cut) {
        QTcpSocket peer;
        peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
        QVERIFY(peer.waitForConnected());
        peer.write(bytes.left(cut));
        peer.flush();
        QCoreApplication::processEvents();
        peer.write(bytes.mid(cut));
        QByteArray received;
        QTRY_VERIFY((received += peer.readAll(), answersIn(received).size() >= expected.size()));
        QCOMPARE(answersIn(received).toHex(), expected.toHex());
        QCOMPARE(received.right(4) == QByteArray::fromHex("0000ffff"), endsCompressed);
    }
}

void tst_StreamOptions::acceptedDirections_data()
{
    QTest::addColumn<int>("accepted");
    QTest::addColumn<int>("asked");
    QTest::addColumn<bool>("works");
    const int none = 0;
    const int tx = TransportOption::TxDeflate;
    const int rx = TransportOption::RxDeflate;
    // As each side sees it: what a client sends compressed, the server receives.
    QTest::newRow("none, plain") << none << none << true;
    QTest::newRow("none, tx") << none << tx << false;
    QTest::newRow("none, rx") << none << rx << false;
    QTest::newRow("rx, tx") << rx << tx << true;
    QTest::newRow("rx, rx") << rx << rx << false;
    QTest::newRow("tx, rx") << tx << rx << true;
    QTest::newRow("tx, both") << tx << (tx | rx) << false;
    QTest::newRow("both, both") << (tx | rx) << (tx | rx) << true;
}

void tst_StreamOptions::acceptedDirections()
{
    QFETCH(int, accepted);
    QFETCH(int, asked);
    QFETCH(bool, works);
    m_server->setAcceptedOptions(TransportOption::Flag(accepted));
    Client client(m_server->urls().constFirst());
    client.setTransportOption(TransportOption::Flag(asked));
    auto reply = client.call<int>("echo", 1);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), works ? Error::NoError : Error::ConnectionLost);
}

using Harm = std::function<void(Proxy::Connection &)>;
Q_DECLARE_METATYPE(Harm)

void tst_StreamOptions::endOfOne_data()
{
    QTest::addColumn<Harm>("harm");
    QTest::addColumn<int>("code");

    QTest::newRow("cut") << Harm([](auto &c) { c.client->abort(); }) << int(Error::ConnectionLost);
    QTest::newRow("bad zlib for the client")
            << Harm([](auto &c) { c.client->write(QByteArray(20, '\xff')); })
            << int(Error::ProtocolViolation);
    QTest::newRow("bad zlib for the server")
            << Harm([](auto &c) { c.server.write(QByteArray(20, '\xff')); })
            << int(Error::ConnectionLost);
    QTest::newRow("the client's stream a second time")
            << Harm([](auto &c) { c.server.write(c.fromClient.mid(4)); })
            << int(Error::ConnectionLost);
}

// The calls of that connection end, those of the other do not, and the next one connects again.
void tst_StreamOptions::endOfOne()
{
    QFETCH(Harm, harm);
    QFETCH(int, code);
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    auto plain = client.call<int>("hang");
    QTRY_COMPARE(m_open.size(), 1);
    auto warm = client.over(TransportOption::Deflate).call<int>("echo", 1);
    auto deflated = client.over(TransportOption::Deflate).call<int>("hang");
    QTRY_COMPARE(m_open.size(), 2);
    QVERIFY(warm.isFinished() || warm.waitForFinished(30s));
    QCOMPARE(proxy.connections().size(), size_t(2));
    harm(*proxy.connections().back());
    QTRY_VERIFY(deflated.isFinished());
    QCOMPARE(int(deflated.error().code()), code);
    QVERIFY(!plain.isFinished());
    auto again = client.over(TransportOption::Deflate).call<int>("echo", 2);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 2);
    QVERIFY(!plain.isFinished());
    m_open.constFirst().result(7);
    QTRY_VERIFY(plain.isFinished());
    QCOMPARE(plain.result(), 7);
    QCOMPARE(proxy.connections().size(), size_t(3));
}

// What is in work holds back all connections of a session, until there is less of it.
void tst_StreamOptions::workHoldsAllBack()
{
    Client client(m_server->urls().constFirst());
    Limits limits;
    limits.requestsInWork = 2;
    client.setLimits(limits);
    QList<MsgpackRpc::Responder> working;
    client.bind("work", [&](MsgpackRpc::Responder responder) { working.append(responder); });
    client.bind("echo", [](int x) { return x; });
    client.open();
    QTRY_COMPARE(m_server->sessions().size(), 1);
    client.over(TransportOption::Deflate).notify("add", 1, 2);
    QTRY_COMPARE(m_server->sessions().size(), 2);
    MsgpackRpc::Session *const plain = m_server->sessions().constFirst();
    MsgpackRpc::Session *const deflated = m_server->sessions().constLast();

    QList<MsgpackRpc::PendingReply<int>> replies{plain->call<int>("work")};
    QTRY_COMPARE(working.size(), 1);
    replies.append(plain->call<int>("work"));
    QTRY_COMPARE(working.size(), 2); // the plain connection is not read any more
    replies.append(deflated->call<int>("work")); // and the other not behind this
    QTRY_COMPARE(working.size(), 3);
    working[2].result(2);
    QVERIFY(replies[2].waitForFinished(30s));
    working[0].result(0);
    working[1].result(1);
    QVERIFY(replies[0].waitForFinished(30s) && replies[1].waitForFinished(30s));
    for (MsgpackRpc::Session *const session : {plain, deflated}) {
        auto echo = session->call<int>("echo", 5);
        QVERIFY(echo.waitForFinished(30s));
        QVERIFY2(!echo.error(), qPrintable(echo.error().message()));
    }
}

// What came before the end of the stream is answered, in segments with any flush; the end closes the connection.
void tst_StreamOptions::finishedStream()
{
    Stream stream;
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected());
    peer.write(QByteArray::fromHex("93040100"));
    peer.write(stream.add(request(1), Z_FULL_FLUSH));
    peer.write(stream.add(request(2), Z_PARTIAL_FLUSH));
    peer.write(stream.add(request(3), Z_FULL_FLUSH));
    QTRY_COMPARE(peer.bytesAvailable(), 15);
    QCOMPARE(peer.readAll().toHex(), QByteArray("940101c007940102c007940103c007"));
    QCOMPARE(m_server->sessions().size(), 1);
    peer.write(stream.add(request(4), Z_FINISH));
    QTRY_COMPARE(m_server->sessions().size(), 0);
    QTRY_COMPARE(peer.state(), QAbstractSocket::UnconnectedState);
}

void tst_StreamOptions::bombForAServer_data()
{
    QTest::addColumn<qint64>("messageBytes");
    QTest::addColumn<QByteArray>("head");

    const QByteArray binary = QByteArray::fromHex("9302a46563686f91c640000000"); // of 1 GiB
    QTest::newRow("a binary, limits as they are") << qint64(Limits().messageBytes) << binary;
    QTest::newRow("a binary, only the inflater holds it") << (qint64(1) << 40) << binary;
    QTest::newRow("an array of numbers")
            << (qint64(1) << 40) << QByteArray::fromHex("9302a46563686f91dd40000000");
    QTest::newRow("no message at all") << qint64(Limits().messageBytes) << QByteArray();
}

void tst_StreamOptions::bombForAServer()
{
    QFETCH(qint64, messageBytes);
    QFETCH(QByteArray, head);
    Limits limits;
    limits.messageBytes = qsizetype(messageBytes);
    m_server->setLimits(limits);
    const QByteArray stream = bomb(head);
    QVERIFY(stream.size() < 2 * 1024 * 1024);
    Client other(m_server->urls().constFirst());
    other.setTransportOption(TransportOption::Deflate);
    auto hanging = other.call<int>("hang");
    QTRY_COMPARE(m_open.size(), 1);
    // The other goes on all the while.
    int answers = 0;
    std::function<void(int)> ask = [&](int x) {
        other.call<int>("echo", x).then(this, [&](int y) {
            ++answers;
            ask(y + 1);
        });
    };
    ask(0);
    QTRY_VERIFY(answers > 0);

    const qint64 before = memory("VmRSS:");
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected());
    QTRY_COMPARE(m_server->sessions().size(), 2);
    peer.write(QByteArray::fromHex("93040100") + stream);
    QTRY_COMPARE_WITH_TIMEOUT(m_server->sessions().size(), 1, 30'000);
    const qint64 growth = memory("VmHWM:") - before;
    QVERIFY2(growth < MostGrowth, qPrintable(QString::number(growth)));
    const int so = answers;
    QTRY_VERIFY(answers > so);
    m_open.constFirst().result(7);
    QTRY_VERIFY(hanging.isFinished());
    QCOMPARE(hanging.result(), 7);
    other.close();
}

void tst_StreamOptions::bombForAClient_data()
{
    QTest::addColumn<qint64>("messageBytes");
    QTest::addColumn<QByteArray>("head");
    QTest::addColumn<int>("code");

    const QByteArray binary = QByteArray::fromHex("940101c0c640000000"); // a result of 1 GiB
    QTest::newRow("a result, limits as they are")
            << qint64(Limits().messageBytes) << binary << int(Error::LimitExceeded);
    QTest::newRow("a result, only the inflater holds it")
            << (qint64(1) << 40) << binary << int(Error::LimitExceeded);
    QTest::newRow("no message at all")
            << qint64(Limits().messageBytes) << QByteArray() << int(Error::ProtocolViolation);
}

void tst_StreamOptions::bombForAClient()
{
    QFETCH(qint64, messageBytes);
    QFETCH(QByteArray, head);
    QFETCH(int, code);
    const QByteArray stream = bomb(head);
    QTcpServer hostile;
    QVERIFY(hostile.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(hostile.serverPort())));
    Limits limits;
    limits.messageBytes = qsizetype(messageBytes);
    client.setLimits(limits);
    auto bombed = client.over(TransportOption::RxDeflate).call<QByteArray>("echo");
    QTRY_VERIFY(hostile.hasPendingConnections());
    QTcpSocket *const deflated = hostile.nextPendingConnection();
    QTRY_VERIFY(deflated->bytesAvailable() > 4);
    auto plain = client.call<int>("echo", 1);
    QTRY_VERIFY(hostile.hasPendingConnections());
    QTcpSocket *const other = hostile.nextPendingConnection();
    QTRY_VERIFY(other->bytesAvailable() > 0);

    const qint64 before = memory("VmRSS:");
    deflated->write(stream);
    QTRY_VERIFY_WITH_TIMEOUT(bombed.isFinished(), 30'000);
    QCOMPARE(int(bombed.error().code()), code);
    const qint64 growth = memory("VmHWM:") - before;
    QVERIFY2(growth < MostGrowth, qPrintable(QString::number(growth)));
    QVERIFY(!plain.isFinished());
    other->write(QByteArray::fromHex("940102c001"));
    QTRY_VERIFY(plain.isFinished());
    QCOMPARE(plain.result(), 1);
}

QTEST_GUILESS_MAIN(tst_StreamOptions)
#include "tst_streamoptions.moc"
