// SPDX-License-Identifier: Apache-2.0

// What was seen on the wire of the first implementation (doc/protocol), through whole clients and servers: a client
// writes exactly these bytes, and a server that is sent them answers with exactly those. Where a direction is
// compressed, what it inflates to is compared, since compressed bytes depend on the version of zlib.
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <zlib.h>

#include "transport/memorydevice_p.h"

#include <functional>
#include <utility>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::MemoryListener;
using MsgpackRpc::Server;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

Q_DECLARE_METATYPE(std::function<void(Client &)>)

class tst_GoldensEndToEnd : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void clientWrites_data();
    void clientWrites();
    void serverAnswers_data();
    void serverAnswers();
    void streams_data();
    void streams();
    void streamsOfAClient_data();
    void streamsOfAClient();
    void splitAnywhere_data();
    void splitAnywhere();
    void overDeflate();
    void reconnectDeflate();
    void failedConnectThenDeflate_data();
    void failedConnectThenDeflate();

private:
    QByteArray golden(const QString &name, const char *key = "hex") const;
    QList<QByteArray> chunks(const QString &name, const char *key) const;
    QByteArray exchange(QIODevice &peer, const QList<QByteArray> &parts,
                        const QList<QByteArray> &answers);

    QJsonObject m_goldens;
    std::unique_ptr<Server> m_server;
    int m_pokes = 0;
};

namespace {

// What a direction says once it is decompressed: OPTION stays as it is. An inflater of the test's own, so that not one
// mistake is made on both sides.
QByteArray plain(const QByteArray &stream)
{
    const qsizetype start = stream.startsWith('\x78')                          ? 0
                            : stream.startsWith(QByteArray::fromHex("930401")) ? 4
                                                                               : stream.size();
    QByteArray all = stream.left(start);
    z_stream zlib = {};
    if (inflateInit(&zlib) != Z_OK)
        qFatal("zlib");
    QByteArray rest = stream.mid(start);
    QByteArray buffer(65'536, '\0');
    zlib.next_in = reinterpret_cast<Bytef *>(rest.data());
    zlib.avail_in = uInt(rest.size());
    while (zlib.avail_in > 0) {
        zlib.next_out = reinterpret_cast<Bytef *>(buffer.data());
        zlib.avail_out = uInt(buffer.size());
        if (inflate(&zlib, Z_SYNC_FLUSH) != Z_OK)
            break;
        all += buffer.left(buffer.size() - qsizetype(zlib.avail_out));
    }
    inflateEnd(&zlib);
    return all;
}

// A peer that records what comes on each connection and says what it is told to.
class RawServer
{
public:
    RawServer() { m_listener.listen(QHostAddress::LocalHost); }

    QUrl url() const
    {
        return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_listener.serverPort()));
    }
    QTcpSocket *connection(int index)
    {
        while (m_listener.hasPendingConnections()) {
            m_connections.append(m_listener.nextPendingConnection());
            m_received.emplaceBack();
        }
        return m_connections.value(index);
    }
    int count() { return connection(0) ? int(m_connections.size()) : 0; }
    QByteArray received(int index)
    {
        if (QTcpSocket *const socket = connection(index))
            m_received[index] += socket->readAll();
        return m_received.value(index);
    }

private:
    QTcpServer m_listener;
    QList<QTcpSocket *> m_connections;
    QList<QByteArray> m_received;
};

TransportOption optionOf(const QString &name)
{
    if (name.contains(QLatin1String("tx_deflate")))
        return TransportOption::TxDeflate;
    return name.contains(QLatin1String("rx_deflate")) ? TransportOption::RxDeflate
                                                      : TransportOption::Deflate;
}

} // namespace

QByteArray tst_GoldensEndToEnd::golden(const QString &name, const char *key) const
{
    return QByteArray::fromHex(
            m_goldens.value(name).toObject().value(QLatin1String(key)).toString().toLatin1());
}

QList<QByteArray> tst_GoldensEndToEnd::chunks(const QString &name, const char *key) const
{
    QList<QByteArray> all;
    for (const QJsonValue &chunk :
         m_goldens.value(name).toObject().value(QLatin1String(key)).toArray())
        all += QByteArray::fromHex(chunk.toString().toLatin1());
    return all;
}

void tst_GoldensEndToEnd::initTestCase()
{
    QFile file(QStringLiteral(GOLDENS));
    QVERIFY(file.open(QIODevice::ReadOnly));
    m_goldens = QJsonDocument::fromJson(file.readAll()).object();
}

// What the first implementation was asked in those recordings.
void tst_GoldensEndToEnd::init()
{
    m_pokes = 0;
    m_server = std::make_unique<Server>();
    m_server->setWireFormat(WireFormat::Compatibility);
    m_server->bind("echo", [](const QVariant &x) { return x; });
    m_server->bind(7, [](const QVariant &x) { return x; });
    m_server->bind("add", [](int a, int b) { return a + b; });
    m_server->bind<int(const QString &)>(
            "fail", [](const QString &what) -> int { throw MsgpackRpc::ErrorException(what); });
    m_server->bind("nothing", [] {});
    m_server->bind("poke", [this] { ++m_pokes; });
    m_server->bind("notify_count", [this] { return m_pokes; });
    m_server->bind("sleep", this, [this](int ms, MsgpackRpc::Responder responder) {
        QTimer::singleShot(ms, this, [=] { responder.result(ms); });
    });
    QVERIFY(m_server->listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))));
    QVERIFY(m_server->listen(QUrl(QStringLiteral("memory:goldens"))));
}

void tst_GoldensEndToEnd::cleanup()
{
    m_server.reset();
}

void tst_GoldensEndToEnd::clientWrites_data()
{
    QTest::addColumn<QByteArray>("expected");
    QTest::addColumn<std::function<void(Client &)>>("calls");

    const auto row = [this](const char *name, std::function<void(Client &)> calls) {
        QTest::newRow(name) << golden(QLatin1String(name)) << std::move(calls);
    };
    row("request_echo_hello", [](Client &c) { c.call("echo", "hello").onError([] {}); });
    row("request_add_1_2", [](Client &c) { c.call("add", 1, 2).onError([] {}); });
    row("request_fail_boom", [](Client &c) { c.call("fail", "boom").onError([] {}); });
    row("request_unknown_method", [](Client &c) { c.call("nope").onError([] {}); });
    row("request_integer_method_7", [](Client &c) { c.call(7, "hello").onError([] {}); });
    row("request_echo_32_raw16",
        [](Client &c) { c.call("echo", QByteArray(32, 'a')).onError([] {}); });
    row("notify_poke", [](Client &c) { c.notify("poke"); });
    row("notify_poke_args", [](Client &c) { c.notify("poke", 1, "x"); });
    row("notify_integer_method_7", [](Client &c) { c.notify(7, "x"); });
    for (const quint32 msgid : {0U, 127U, 128U, 255U, 256U, 65'535U, 65'536U, 2'147'483'647U}) {
        row(QByteArray("request_msgid_" + QByteArray::number(msgid)).constData(),
            [msgid](Client &c) {
                c.setNextMsgid(msgid);
                c.call("echo", 1).onError([] {});
            });
    }
}

void tst_GoldensEndToEnd::clientWrites()
{
    QFETCH(QByteArray, expected);
    QFETCH(std::function<void(Client &)>, calls);
    QVERIFY(!expected.isEmpty());
    RawServer raw;
    Client client(raw.url());
    client.setWireFormat(WireFormat::Compatibility);
    client.setNextMsgid(0);
    calls(client);
    client.notify("end");
    QTRY_COMPARE(raw.received(0).toHex(), expected.toHex() + "9302a3656e6490");
}

void tst_GoldensEndToEnd::serverAnswers_data()
{
    QTest::addColumn<QByteArray>("sent");
    QTest::addColumn<QByteArray>("answer");

    const auto row = [this](const char *request, const char *response) {
        QTest::newRow(request) << golden(QLatin1String(request)) << golden(QLatin1String(response));
    };
    row("request_echo_hello", "response_result_hello");
    row("request_add_1_2", "response_result_3");
    row("request_fail_boom", "response_error_boom");
    row("request_unknown_method", "response_error_unknown_method");
    row("request_integer_method_7", "response_integer_method_7");
    row("request_echo_32_raw16", "response_echo_32_raw16");
    for (const auto &name : m_goldens.keys()) {
        if (name.startsWith(QLatin1String("request_msgid_")))
            QTest::newRow(qPrintable(name)) << golden(name) << golden(name, "s2c");
        else if (name.startsWith(QLatin1String("notify_"))
                 || name.startsWith(QLatin1String("session_")))
            QTest::newRow(qPrintable(name)) << golden(name) << QByteArray();
    }
    // A plain server ignores SESSION, and OPTION without flags changes nothing.
    QTest::newRow("option_none") << golden(QStringLiteral("option_none")) << QByteArray();
    QTest::newRow("response_nil_result") << QByteArray::fromHex("940000a76e6f7468696e6790")
                                         << golden(QStringLiteral("response_nil_result"));
    QTest::newRow("msgid_wrap") << golden(QStringLiteral("msgid_wrap"))
                                << QByteArray::fromHex("9401ce7fffffffc001940100c002");
}

void tst_GoldensEndToEnd::serverAnswers()
{
    QFETCH(QByteArray, sent);
    QFETCH(QByteArray, answer);
    QVERIFY(!sent.isEmpty());
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected());
    // What is not answered is followed by something that is.
    peer.write(sent + QByteArray::fromHex("940001a3616464920202"));
    const QByteArray expected = answer + QByteArray::fromHex("940101c004");
    QTRY_COMPARE(peer.bytesAvailable(), expected.size());
    QCOMPARE(peer.readAll().toHex(), expected.toHex());
    QVERIFY(peer.state() == QAbstractSocket::ConnectedState);
}

void tst_GoldensEndToEnd::streams_data()
{
    QTest::addColumn<QString>("name");
    for (const char *name : {"stream_deflate", "stream_tx_deflate", "stream_rx_deflate",
                             "stream_deflate_pipelined", "pipelined_plain"})
        QTest::newRow(name) << QString::fromLatin1(name);
}

// Sends the parts, and answers as they come: each part is sent when the answer to the one before is there.
QByteArray tst_GoldensEndToEnd::exchange(QIODevice &peer, const QList<QByteArray> &parts,
                                         const QList<QByteArray> &answers)
{
    QByteArray received;
    QByteArray expected;
    for (qsizetype i = 0; i < std::max(parts.size(), answers.size()); ++i) {
        peer.write(parts.value(i));
        expected += answers.value(i);
        const auto done = [&] {
            received += peer.readAll();
            return plain(received).size() >= plain(expected).size();
        };
        if (!QTest::qWaitFor(done, 30'000))
            break;
    }
    return received;
}

// A server that gets the bytes of the first implementation's client answers with those of its server.
void tst_GoldensEndToEnd::streams()
{
    QFETCH(QString, name);
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected());
    const QList<QByteArray> answers = chunks(name, "s2c_chunks");
    QVERIFY(!answers.isEmpty());
    const QByteArray received = exchange(peer, chunks(name, "c2s_chunks"), answers);
    QCOMPARE(plain(received).toHex(), plain(golden(name, "s2c")).toHex());
    QCOMPARE(received.startsWith('\x78'), golden(name, "s2c").startsWith('\x78'));

    // The same in one piece.
    m_pokes = 0;
    QTcpSocket second;
    second.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
    QVERIFY(second.waitForConnected());
    QCOMPARE(plain(exchange(second, {golden(name, "c2s")}, {golden(name, "s2c")})).toHex(),
             plain(golden(name, "s2c")).toHex());
}

void tst_GoldensEndToEnd::streamsOfAClient_data()
{
    streams_data();
}

// A client that is answered with the bytes of the first implementation's server writes those of its client.
void tst_GoldensEndToEnd::streamsOfAClient()
{
    QFETCH(QString, name);
    RawServer raw;
    Client client(raw.url());
    client.setWireFormat(WireFormat::Compatibility);
    client.setNextMsgid(0);
    const bool isPlain = name == QLatin1String("pipelined_plain");
    if (!isPlain)
        client.setTransportOption(optionOf(name));
    QVariantList results;
    const auto note = [&](const MsgpackRpc::PendingReply<QVariant> &reply) {
        reply.then(this, [&](const QVariant &x) {
                 results << x;
             }).onError(this, [&](const Error &error) { results << error.message(); });
    };
    const QList<QByteArray> parts = chunks(name, "c2s_chunks");
    const QList<QByteArray> answers = chunks(name, "s2c_chunks");
    QByteArray expected;
    const auto step = [&](int part, int count) {
        expected += parts.value(part);
        if (!QTest::qWaitFor([&] { return plain(raw.received(0)) == plain(expected); }, 30'000))
            return;
        raw.connection(0)->write(answers.value(part));
        static_cast<void>(QTest::qWaitFor([&] { return results.size() == count; }, 30'000));
    };
    if (isPlain || name == QLatin1String("stream_deflate_pipelined")) {
        if (isPlain) {
            note(client.call("sleep", 150));
            note(client.call("echo", "b"));
            note(client.call("add", 3, 4));
        } else {
            for (const char *text : {"a", "b", "c"})
                note(client.call("echo", text));
        }
        step(0, isPlain ? 2 : 3);
        if (isPlain) {
            raw.connection(0)->write(answers.at(1));
            QTRY_COMPARE(results.size(), 3);
        }
        QCOMPARE(results, isPlain ? QVariantList({"b", 7, 150}) : QVariantList({"a", "b", "c"}));
    } else {
        note(client.call("echo", "hello"));
        step(0, 1);
        note(client.call("add", 1, 2));
        step(1, 2);
        client.notify("poke");
        note(client.call("notify_count"));
        step(2, 3);
        note(client.call("fail", "boom"));
        step(3, 4);
        QCOMPARE(results, QVariantList({"hello", 3, 1, "boom"}));
    }
    QCOMPARE(plain(raw.received(0)).toHex(), plain(golden(name, "c2s")).toHex());
    const bool isCompressed = !isPlain && optionOf(name).exchange().tx.deflate();
    QCOMPARE(raw.received(0).mid(4, 2) == QByteArray::fromHex("789c"), isCompressed);
    QCOMPARE(raw.count(), 1);
}

void tst_GoldensEndToEnd::splitAnywhere_data()
{
    streams_data();
}

// In two pieces, wherever they are cut, and byte by byte.
void tst_GoldensEndToEnd::splitAnywhere()
{
    QFETCH(QString, name);
    const QByteArray sent = golden(name, "c2s");
    const QByteArray expected = plain(golden(name, "s2c"));
    // The order of answers to pipelined calls is that of the first implementation: one waits for a timer.
    if (name == QLatin1String("pipelined_plain"))
        m_server->bind("sleep", [](int) { return 150; });
    for (qsizetype cut = 0; cut <= sent.size(); ++cut) {
        m_pokes = 0;
        const std::unique_ptr<QIODevice> peer =
                MemoryListener::connectTo(QStringLiteral("goldens"));
        QVERIFY(peer != nullptr);
        for (const QByteArray &part : {sent.left(cut), sent.mid(cut, 1), sent.mid(cut + 1)}) {
            peer->write(part);
            QCoreApplication::processEvents();
        }
        QByteArray received;
        QTRY_VERIFY((received += peer->readAll(), plain(received).size() >= expected.size()));
        QCOMPARE(plain(received).size(), expected.size());
        if (name != QLatin1String("pipelined_plain"))
            QCOMPARE(plain(received).toHex(), expected.toHex());
    }
}

// Two connections of one client; its ids are shared.
void tst_GoldensEndToEnd::overDeflate()
{
    const QString name = QStringLiteral("over_deflate");
    RawServer raw;
    Client client(raw.url());
    client.setWireFormat(WireFormat::Compatibility);
    client.setNextMsgid(0);
    auto first = client.call<QString>("echo", "plain");
    QTRY_COMPARE(raw.received(0).toHex(), golden(name, "conn0_c2s").left(15).toHex());
    raw.connection(0)->write(golden(name, "conn0_s2c").left(10));
    QTRY_VERIFY(first.isFinished());
    auto over = client.over(TransportOption::Deflate).call<QString>("echo", "over");
    QTRY_COMPARE(plain(raw.received(1)).toHex(), plain(golden(name, "conn1_c2s")).toHex());
    raw.connection(1)->write(golden(name, "conn1_s2c"));
    QTRY_VERIFY(over.isFinished());
    auto second = client.call<QString>("echo", "plain2");
    QTRY_COMPARE(raw.received(0).toHex(), golden(name, "conn0_c2s").toHex());
    raw.connection(0)->write(golden(name, "conn0_s2c").mid(10));
    QTRY_VERIFY(second.isFinished());
    QCOMPARE(first.result() + over.result() + second.result(), QStringLiteral("plainoverplain2"));
    QCOMPARE(raw.count(), 2);

    // And the other way round: the server answers both.
    for (const char *connection : {"conn0", "conn1"}) {
        QTcpSocket peer;
        peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->urls().constFirst().port()));
        QVERIFY(peer.waitForConnected());
        const QByteArray expected =
                golden(name, QByteArray(connection + QByteArray("_s2c")).constData());
        QCOMPARE(plain(exchange(peer,
                                {golden(name,
                                        QByteArray(connection + QByteArray("_c2s")).constData())},
                                {expected}))
                         .toHex(),
                 plain(expected).toHex());
    }
}

void tst_GoldensEndToEnd::reconnectDeflate()
{
    const QString name = QStringLiteral("reconnect_deflate");
    RawServer raw;
    Client client(raw.url());
    client.setWireFormat(WireFormat::Compatibility);
    client.setTransportOption(TransportOption::Deflate);
    client.setNextMsgid(0);
    const QByteArray argument(1, plain(golden(name, "conn0_c2s")).back());
    const QByteArray next(1, plain(golden(name, "conn1_c2s")).back());
    auto lost = client.call<QByteArray>("echo", argument);
    QTRY_COMPARE(plain(raw.received(0)).toHex(), plain(golden(name, "conn0_c2s")).toHex());
    QCOMPARE(raw.received(0).mid(4, 2).toHex(), QByteArray("789c"));
    raw.connection(0)->disconnectFromHost();
    QTRY_VERIFY(lost.isFinished());
    QCOMPARE(lost.error().code(), Error::ConnectionLost);
    auto again = client.call<QByteArray>("echo", next);
    QTRY_COMPARE(plain(raw.received(1)).toHex(), plain(golden(name, "conn1_c2s")).toHex());
    // A stream of its own, that needs nothing of the first.
    QCOMPARE(raw.received(1).mid(4, 2).toHex(), QByteArray("789c"));
    raw.connection(1)->write(QByteArray::fromHex("940101c0a162"));
    QTRY_VERIFY(again.isFinished());
    QCOMPARE(again.result(), QByteArray("b"));
}

void tst_GoldensEndToEnd::failedConnectThenDeflate_data()
{
    QTest::addColumn<bool>("waits");
    QTest::newRow("calls that were queued before") << true;
    QTest::newRow("calls that came after the failure") << false;
}

// The first implementation compressed what waits, then began a new stream: it broke after a connect that had failed.
void tst_GoldensEndToEnd::failedConnectThenDeflate()
{
    QFETCH(bool, waits);
    QTcpServer place;
    QVERIFY(place.listen(QHostAddress::LocalHost));
    const QUrl url(QStringLiteral("tcp://127.0.0.1:%1").arg(place.serverPort()));
    place.close();
    Client client(url);
    client.setTransportOption(TransportOption::Deflate);
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = waits ? 100 : 1;
    client.setReconnect(reconnect);
    QList<QVariant> results;
    QList<Error> errors;
    const auto callAll = [&] {
        for (int i = 0; i < 20; ++i) {
            client.call("echo", QString(i, u'x'))
                    .then(this, [&](const QVariant &x) { results << x; })
                    .onError(this, [&](const Error &error) { errors << error; });
        }
    };
    callAll();
    if (waits)
        QTRY_COMPARE(client.state(), Client::Connecting);
    else
        QTRY_COMPARE(errors.size(), 20);
    Server server;
    server.bind("echo", [](const QVariant &x) { return x; });
    QVERIFY(server.listen(url));
    if (!waits) {
        QCOMPARE(errors.constFirst().code(), Error::ConnectFailed);
        errors.clear();
        callAll();
    }
    QTRY_COMPARE(results.size(), 20);
    for (int i = 0; i < 20; ++i)
        QCOMPARE(results.at(i), QVariant(QString(i, u'x')));
    QVERIFY(errors.isEmpty());
    QCOMPARE(server.sessions().size(), 1);
}

QTEST_GUILESS_MAIN(tst_GoldensEndToEnd)
#include "tst_goldens_endtoend.moc"
