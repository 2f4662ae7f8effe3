// SPDX-License-Identifier: Apache-2.0

// What a peer may send that is wrong: it costs that peer its connection, or an error, and nobody else anything.
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/Dispatcher>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QFile>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <stdexcept>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;

namespace {

QStringList warnings;

void collect(QtMsgType type, const QMessageLogContext &context, const QString &text)
{
    if (type == QtWarningMsg && QByteArray(context.category).startsWith("msgpackrpc"))
        warnings.append(text);
}

qint64 residentKiB()
{
    QFile file(QStringLiteral("/proc/self/statm"));
    if (!file.open(QIODevice::ReadOnly))
        return 0;
    return file.readAll().split(' ').value(1).toLongLong() * 4;
}

/// Everything that a socket has received.
class Received
{
public:
    explicit Received(QTcpSocket *socket) : m_socket(socket) {}
    const QByteArray &bytes()
    {
        m_bytes += m_socket->readAll();
        return m_bytes;
    }
    void clear() { m_bytes.clear(); }

private:
    QTcpSocket *m_socket;
    QByteArray m_bytes;
};

QByteArray hex(const char *text)
{
    return QByteArray::fromHex(text);
}

/// A value whose codec throws what is wanted.
struct Thrower
{
    enum What { Nothing, Exception, Number };
    What onWrite = Exception;
    What onRead = Nothing;

    static void raise(What what)
    {
        if (what == Exception)
            throw std::runtime_error("boom");
        if (what == Number)
            throw 7;
    }
};

} // namespace

template<>
struct MsgpackRpc::Codec<Thrower>
{
    static bool read(Reader &reader, Thrower &value)
    {
        qint64 what = 0;
        if (!reader.readSigned(what))
            return false;
        value.onRead = Thrower::What(what);
        Thrower::raise(value.onRead);
        return true;
    }
    static void write(Writer &writer, const Thrower &value)
    {
        writer.writeSigned(value.onRead);
        Thrower::raise(value.onWrite);
    }
    static constexpr bool isOwnKind(Reader::Kind kind) { return kind == Reader::Integer; }
};
Q_DECLARE_METATYPE(Thrower)

class tst_BadInput : public QObject
{
    Q_OBJECT

public:
    enum Outcome { Closed, Answered, Ignored };
    Q_ENUM(Outcome)

private Q_SLOTS:
    void init();
    void cleanup();
    void throwingCodecs_data();
    void throwingCodecs();
    void throwingDispatcher_data();
    void throwingDispatcher();
    void toServer_data();
    void toServer();
    void truncated_data();
    void truncated();
    void toClient_data();
    void toClient();
    void wrongArguments_data();
    void wrongArguments();

private:
    std::unique_ptr<MsgpackRpc::Server> server;
    std::unique_ptr<Client> other;
    QtMessageHandler previous = nullptr;
};

void tst_BadInput::init()
{
    server = std::make_unique<MsgpackRpc::Server>();
    server->bind("add", [](int a, int b) { return a + b; });
    server->bind("boom", []() -> int { throw std::runtime_error("boom"); });
    server->bind("text", [](const QString &text) { return text; });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    other = std::make_unique<Client>(server->urls().constFirst());
    QVERIFY(other->call<int>("add", 1, 2).waitForFinished(30s));
    warnings.clear();
    previous = qInstallMessageHandler(collect);
}

void tst_BadInput::cleanup()
{
    qInstallMessageHandler(previous);
    other.reset();
    server.reset();
}

void tst_BadInput::throwingCodecs_data()
{
    QTest::addColumn<Thrower::What>("what");
    QTest::addColumn<QString>("text");
    QTest::newRow("exception") << Thrower::Exception << "boom";
    QTest::newRow("number") << Thrower::Number << "an unknown exception";
}

// Wherever a codec of the user's throws, that call ends with an error, and the connection goes on.
void tst_BadInput::throwingCodecs()
{
    QFETCH(Thrower::What, what);
    QFETCH(QString, text);
    MsgpackRpc::registerType<Thrower>();
    const Thrower onWrite{what, Thrower::Nothing};
    const Thrower onRead{Thrower::Nothing, what};
    Server serving;
    QList<MsgpackRpc::Responder> later;
    serving.bind("echo", [](int x) { return x; });
    serving.bind("take", [](const Thrower &) { return 1; });
    serving.bind("give", [&] { return onWrite; });
    serving.bind("giveUnreadable", [&] { return onRead; });
    serving.bind("giveLater", [&](MsgpackRpc::Responder responder) { later.append(responder); });
    serving.bind("giveError", [&](MsgpackRpc::Responder responder) {
        responder.error(QVariant::fromValue(onWrite));
    });
    serving.bind("setError", [&] {
        MsgpackRpc::CallContext::current().setError(QVariant::fromValue(onWrite));
    });
    QVERIFY(serving.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(serving.urls().constFirst());
    QVERIFY(client.call("echo", 1).waitForFinished(30s));
    const auto check = [&](auto reply, Error::Code code) {
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.error().code(), code);
        QVERIFY2(reply.error().message().contains(text), qPrintable(reply.error().message()));
        auto after = client.template call<int>("echo", 5);
        QVERIFY(after.waitForFinished(30s));
        QCOMPARE(after.result(), 5);
    };
    check(client.call("take", onWrite), Error::InvalidArguments);
    check(client.callWithArguments("take", {QVariant::fromValue(onWrite)}),
          Error::InvalidArguments);
    QVERIFY(!client.notify("take", onWrite));
    QVERIFY(!client.handle().notify("take", onWrite));
    check(client.call("take", onRead), Error::RemoteError);
    check(client.call("give"), Error::RemoteError);
    check(client.call("giveError"), Error::RemoteError);
    check(client.call("setError"), Error::RemoteError);
    check(client.call<Thrower>("giveUnreadable"), Error::InvalidResult);
    auto reply = client.call("giveLater");
    QTRY_COMPARE_WITH_TIMEOUT(later.size(), 1, 30'000);
    later.takeFirst().result(onWrite);
    check(reply, Error::RemoteError);
    const auto future = client.handle().call<Thrower>("giveUnreadable");
    QTRY_VERIFY_WITH_TIMEOUT(future.isFinished(), 30'000);
    QVERIFY_EXCEPTION_THROWN(future.result(), MsgpackRpc::ErrorException);
}

namespace {

class ThrowingDispatcher : public MsgpackRpc::Dispatcher
{
public:
    enum When { AtOnce, InReply, WithinTheAnswer, AfterTheAnswer };
    explicit ThrowingDispatcher(When when) : m_when(when) {}
    void dispatch(MsgpackRpc::IncomingCall &call) override
    {
        if (call.method() == "echo")
            return call.reply(5);
        if (m_when == InReply)
            return call.reply(Thrower());
        if (m_when == WithinTheAnswer)
            call.beginReply()->writeArray(1);
        if (m_when == AfterTheAnswer)
            call.reply(QStringLiteral("boom"));
        throw std::runtime_error("boom");
    }

private:
    const When m_when;
};

} // namespace

void tst_BadInput::throwingDispatcher_data()
{
    QTest::addColumn<int>("when");
    QTest::addColumn<bool>("isFallback");
    const auto rows = [](const char *name, ThrowingDispatcher::When when) {
        QTest::addRow("%s", name) << int(when) << false;
        QTest::addRow("%s, as a fallback", name) << int(when) << true;
    };
    rows("at once", ThrowingDispatcher::AtOnce);
    rows("in reply()", ThrowingDispatcher::InReply);
    rows("within the answer", ThrowingDispatcher::WithinTheAnswer);
    rows("after the answer", ThrowingDispatcher::AfterTheAnswer);
}

void tst_BadInput::throwingDispatcher()
{
    QFETCH(int, when);
    QFETCH(bool, isFallback);
    ThrowingDispatcher dispatcher{ThrowingDispatcher::When(when)};
    Server serving;
    QVERIFY(serving.listen(QUrl("tcp://127.0.0.1:0")));
    serving.objectDispatcher().setFallback([&](MsgpackRpc::IncomingCall &call) {
        dispatcher.dispatch(call);
        return true;
    });
    QObject::connect(&serving, &Server::sessionOpened, this, [&](MsgpackRpc::Session *session) {
        if (!isFallback)
            session->setDispatcher(&dispatcher);
    });
    Client client(serving.urls().constFirst());
    client.open();
    QTRY_VERIFY_WITH_TIMEOUT(!serving.sessions().isEmpty(), 30'000);
    for (int i = 0; i < 2; ++i) {
        auto reply = client.call<QString>("any");
        auto after = client.call<int>("echo");
        QVERIFY(reply.waitForFinished(30s));
        QVERIFY(after.waitForFinished(30s));
        QCOMPARE(after.result(), 5);
        const QString text = reply.error() ? reply.error().message() : reply.result();
        QVERIFY2(text.contains(QLatin1String("boom")), qPrintable(text));
    }
}

void tst_BadInput::toServer_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<Outcome>("outcome");
    QTest::addColumn<QString>("reason"); // of the log, or the answer in hex

    QTest::newRow("unknown type") << hex("920901") << Closed << "unknown type";
    QTest::newRow("0xc1") << hex("c1") << Closed << "0xc1";
    QTest::newRow("0xc1 within") << hex("940001a3616464c1") << Closed << "0xc1";
    QTest::newRow("nil") << hex("c0") << Closed << "expected an array";
    QTest::newRow("integer") << hex("2a") << Closed << "expected an array";
    QTest::newRow("http") << QByteArray("GET / HTTP/1.0\r\n\r\n") << Closed << "expected an array";
    QTest::newRow("empty array") << hex("90") << Closed << "empty array";
    QTest::newRow("short array") << hex("930001a3616464") << Closed << "a request is";
    QTest::newRow("long array") << hex("950001a36164649200 0000") << Closed << "a request is";
    QTest::newRow("short notification") << hex("9202a3616464") << Closed << "a notification is";
    QTest::newRow("msgid of text") << hex("9400a161a361646490") << Closed << "a request is";
    QTest::newRow("msgid negative") << hex("9400ffa361646490") << Closed << "a request is";
    QTest::newRow("unreadable response") << hex("9401a161c0c0") << Closed << "a response is";
    QTest::newRow("response to nobody") << hex("940105c0c0") << Ignored << "";
    QTest::newRow("SESSION") << hex("9203a649707f000001") << Ignored << "";
    QTest::newRow("SESSION of 5 bytes")
            << hex("9203a549707f0000") << Closed << "of 6 or 18 bytes, got 5 bytes";
    QTest::newRow("SESSION of an integer") << hex("920305") << Closed << "a SESSION message is";
    QTest::newRow("OPTION unknown bits asked of us") << hex("930400cc80") << Ignored << "";
    QTest::newRow("OPTION unknown bits announced")
            << hex("9304cc8000") << Closed << "unknown options";
    QTest::newRow("OPTION without entries") << hex("9104") << Ignored << "";
    QTest::newRow("OPTION of nil") << hex("9304c0c0") << Ignored << "";
    QTest::newRow("OPTION with more") << hex("95040000c0c0") << Ignored << "";
    QTest::newRow("bad zlib") << hex("93040100789cffffffffff") << Closed << "compressed";
    QTest::newRow("not zlib") << hex("93040100940001a361646490") << Closed << "compressed";
    QTest::newRow("method of nil") << hex("940001c090") << Answered << "";
    QTest::newRow("method of an array") << hex("9400019090") << Answered << "";
    QTest::newRow("params of nil") << hex("940001a3616464c0") << Answered << "";
    QTest::newRow("params of text") << hex("940001a3616464a161") << Answered << "";
    QTest::newRow("bad notification") << hex("9302c090") << Ignored << "a bad notification";
    QTest::newRow("notification unknown") << hex("9302a47878787890") << Ignored << "a notification";
    QTest::newRow("method throws") << hex("940001a4626f6f6d90") << Answered << "940101a4626f6f6dc0";
    QTest::newRow("method unknown")
            << hex("940000a46e6f706590") << Answered
            << "940100bd6d6574686f6420606e6f706527206973206e6f74206163636570746564c0";
    QTest::newRow("too few") << hex("940001a36164649101") << Answered << "";
    QTest::newRow("too many") << hex("940001a361646493010203") << Answered << "";
    QTest::newRow("text is not UTF-8") << hex("940001a47465787491a2fffe") << Answered << "";
    QTest::newRow("array32 of 4 GiB") << hex("940001a3616464ddffffffff") << Closed << "values";
    QTest::newRow("map32 of 4 GiB") << hex("940001a3616464dfffffffff") << Closed << "values";
    QTest::newRow("message of 4 GiB") << hex("ddffffffff") << Closed << "values";
    QTest::newRow("str32 of 4 GiB") << hex("940001a361646491dbffffffff") << Closed << "bytes";
    QTest::newRow("bin32 of 4 GiB") << hex("940001a361646491c6ffffffff") << Closed << "bytes";
    QTest::newRow("ext32 of 4 GiB") << hex("940001a361646491c9ffffffff01") << Closed << "bytes";
    QTest::newRow("method of 4 GiB") << hex("940001dbffffffff") << Closed << "bytes";
    QTest::newRow("depth 1 000 000")
            << hex("940001a3616464") + QByteArray(1'000'000, '\x91') << Closed << "deeper";
    QTest::newRow("depth 1 000 000 of maps")
            << hex("940001a3616464") + QByteArray("\x81\x01").repeated(1'000'000) << Closed
            << "deeper";
}

void tst_BadInput::toServer()
{
    QFETCH(QByteArray, bytes);
    QFETCH(Outcome, outcome);
    QFETCH(QString, reason);
    const qint64 memory = residentKiB();
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(30'000));
    const QString name = QStringLiteral("127.0.0.1:%1").arg(peer.localPort());
    peer.write(bytes);
    Received received(&peer);

    if (outcome == Closed) {
        QTRY_COMPARE(peer.state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(warnings.filter(name).size(), 1); // once, and it names the peer
        QVERIFY2(warnings.filter(name).constFirst().contains(reason),
                 qPrintable(warnings.constFirst()));
        QVERIFY(received.bytes().isEmpty());
    } else if (outcome == Answered) {
        QTRY_VERIFY(!received.bytes().isEmpty());
        const QByteArray answer = received.bytes();
        received.clear();
        QVERIFY(answer.startsWith(hex("9401")));
        QVERIFY(answer.at(3) != char(0xc0));
        if (!reason.isEmpty())
            QCOMPARE(answer.toHex(), reason.toLatin1());
    }
    if (outcome != Closed) {
        // The connection stays and serves on.
        peer.write(hex("940009a3616464920102"));
        QTRY_COMPARE(received.bytes(), hex("940109c003"));
        if (!reason.isEmpty() && outcome == Ignored)
            QCOMPARE(warnings.filter(reason).size(), 1);
    }
    auto reply = other->call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    const qint64 grown = residentKiB() - memory;
    QVERIFY2(grown < 64 * 1024, qPrintable(QString::number(grown)));
}

void tst_BadInput::truncated_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::newRow("request") << hex("940001a3616464920102");
    QTest::newRow("request with text") << hex("9400cd0100d903616464dc0002d90131c40131");
    QTest::newRow("option and zlib")
            << hex("93040101789c9ac2c0b0243539237fe2d28cd49c9c7c00000000ffff");
}

// A message that ends anywhere is no message: nothing is answered, and the next connection is served.
void tst_BadInput::truncated()
{
    QFETCH(QByteArray, message);
    QSignalSpy closed(server.get(), &MsgpackRpc::Server::sessionClosed);
    for (qsizetype size = 1; size < message.size(); ++size) {
        QTcpSocket peer;
        peer.connectToHost(QHostAddress::LocalHost, quint16(server->urls().constFirst().port()));
        QVERIFY(peer.waitForConnected(30'000));
        peer.write(message.first(size));
        peer.disconnectFromHost();
        QTRY_COMPARE(closed.size(), size);
        QCOMPARE(server->sessions().size(), 1);
        QVERIFY(peer.readAll().isEmpty());
    }
    QVERIFY(warnings.isEmpty());
    QVERIFY(other->call<int>("add", 1, 2).waitForFinished(30s));
}

void tst_BadInput::toClient_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("code");
    QTest::newRow("0xc1") << hex("c1") << int(Error::ProtocolViolation);
    QTest::newRow("unknown type") << hex("920901") << int(Error::ProtocolViolation);
    QTest::newRow("OPTION from the server") << hex("93040101") << int(Error::ProtocolViolation);
    QTest::newRow("4 GiB") << hex("940101c0c6ffffffff") << int(Error::LimitExceeded);
    QTest::newRow("result of the wrong type") << hex("940101c0a161") << int(Error::InvalidResult);
    QTest::newRow("result too large for int")
            << hex("940101c0cf0000010000000000") << int(Error::InvalidResult);
    QTest::newRow("error") << hex("940101a4626f6f6dc0") << int(Error::RemoteError);
    QTest::newRow("error false is success") << hex("940101c203") << int(Error::NoError);
    QTest::newRow("error true") << hex("940101c303") << int(Error::RemoteError);
    QTest::newRow("response to nobody first")
            << hex("9401ccfec0c0940101c003") << int(Error::NoError);
    QTest::newRow("response twice") << hex("940101c003940101c004") << int(Error::NoError);
    QTest::newRow("msgid as a double") << hex("9401cb3ff0000000000000c003") << int(Error::NoError);
    QTest::newRow("msgid 0") << hex("940100c007940101c003") << int(Error::NoError);
    QTest::newRow("closed") << QByteArray() << int(Error::ConnectionLost);
}

void tst_BadInput::toClient()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, code);
    QTcpServer raw;
    QVERIFY(raw.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(raw.serverPort())));
    auto reply = client.call<int>("add", 1, 2);
    int ended = 0;
    reply.then(this, [&] { ++ended; }).onError(this, [&] { ++ended; });
    QTRY_VERIFY(raw.hasPendingConnections());
    QTcpSocket *const peer = raw.nextPendingConnection();
    Received request(peer);
    QTRY_COMPARE(request.bytes(), hex("940001a3616464920102"));
    if (bytes.isEmpty())
        peer->close();
    else
        peer->write(bytes);
    QTRY_COMPARE(ended, 1);
    QCOMPARE(int(reply.error().code()), code);
    if (code == Error::NoError)
        QCOMPARE(reply.result(), 3);
    else
        QVERIFY(!reply.error().message().isEmpty());
}

void tst_BadInput::wrongArguments_data()
{
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<QString>("message");
    QTest::newRow("too few") << QVariantList{1} << "add(int, int) takes 2 arguments, got 1";
    QTest::newRow("none") << QVariantList{} << "add(int, int) takes 2 arguments, got 0";
    QTest::newRow("text")
            << QVariantList{1, QStringLiteral("x")}
            << "add(int, int): argument 2: expected an integer from -2147483648 to 2147483647, got "
               "the text \"x\"";
    QTest::newRow("too large")
            << QVariantList{qint64(1) << 40, 1}
            << "add(int, int): argument 1: expected an integer from -2147483648 to "
               "2147483647, got the integer 1099511627776";
    QTest::newRow("fraction")
            << QVariantList{3.7, 1}
            << "add(int, int): argument 1: expected an integer from -2147483648 to "
               "2147483647, got the number 3.7";
    QTest::newRow("boolean")
            << QVariantList{true, 1}
            << "add(int, int): argument 1: expected an integer from -2147483648 to "
               "2147483647, got true";
}

void tst_BadInput::wrongArguments()
{
    QFETCH(QVariantList, arguments);
    QFETCH(QString, message);
    auto reply = other->callWithArguments("add", arguments);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::RemoteError);
    QCOMPARE(reply.error().message(), message);
    auto fraction = other->call<int>("add", 3.0, 1);
    QVERIFY(fraction.waitForFinished(30s));
    QCOMPARE(fraction.result(), 4);
}

QTEST_GUILESS_MAIN(tst_BadInput)
#include "tst_badinput.moc"
