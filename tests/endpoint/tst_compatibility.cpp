// SPDX-License-Identifier: Apache-2.0

// The format of peers of 2010: text and binary are raw, in both directions, and no byte is lost.
#include "proxy.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Extension>
#include <MsgpackRpc/Server>

#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <optional>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;
using MsgpackRpc::WireFormat;

class tst_Compatibility : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void bytes_data();
    void bytes();
    void names_data();
    void names();
    void extensionsAreRefused();
    void fixed();

private:
    std::unique_ptr<Server> m_server;
};

namespace {

// How many values a reader of 2010 finds in \a stream; nothing if it meets what it does not know: str8, bin, ext.
std::optional<int> valuesIn2010(const QByteArray &stream)
{
    qsizetype at = 0;
    const auto length = [&](int bytes) {
        qsizetype value = 0;
        for (int i = 0; i < bytes; ++i)
            value = value << 8 | uchar(stream.at(at++));
        return value;
    };
    int values = 0;
    qint64 open = 0; // values that containers still hold
    while (at < stream.size()) {
        const uchar type = uchar(stream.at(at++));
        qsizetype skip = 0;
        qsizetype elements = 0;
        if (type >= 0x80 && type <= 0x8f)
            elements = 2 * (type & 0x0f);
        else if (type >= 0x90 && type <= 0x9f)
            elements = type & 0x0f;
        else if (type >= 0xa0 && type <= 0xbf)
            skip = type & 0x1f;
        else if (type == 0xda || type == 0xdb)
            skip = length(type == 0xda ? 2 : 4);
        else if (type == 0xdc || type == 0xdd)
            elements = length(type == 0xdc ? 2 : 4);
        else if (type == 0xde || type == 0xdf)
            elements = 2 * length(type == 0xde ? 2 : 4);
        else if (type >= 0xca && type <= 0xd3)
            skip = QList<int>{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}.at(type - 0xca);
        else if (type > 0x7f && type < 0xe0 && type != 0xc0 && type != 0xc2 && type != 0xc3)
            return std::nullopt;
        at += skip;
        open += elements - (open > 0 ? 1 : 0);
        if (open == 0)
            ++values;
    }
    return at == stream.size() && open == 0 ? std::optional(values) : std::nullopt;
}

QByteArray allBytes(qsizetype size)
{
    QByteArray all(size, Qt::Uninitialized);
    for (qsizetype i = 0; i < size; ++i)
        all[i] = char(255 - i % 256); // 0xff first: never UTF-8
    return all;
}

} // namespace

void tst_Compatibility::init()
{
    m_server = std::make_unique<Server>();
    m_server->bind("bytes", [](const QByteArray &x) { return x; });
    m_server->bind("text", [](const QString &x) { return x; });
    m_server->bind("any", [](const QVariant &x) { return x; });
    m_server->bind("list", [](const QList<QByteArray> &x) { return x; });
    m_server->bind("map", [](const QMap<QString, QByteArray> &x) { return x; });
    m_server->bind("fail",
                   [](const QVariant &x) { MsgpackRpc::CallContext::current().setError(x); });
    QVERIFY(m_server->listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))));
}

void tst_Compatibility::bytes_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("ofClient");
    QTest::addColumn<bool>("ofServer");

    const auto rows = [](const char *what, const QByteArray &bytes) {
        for (const bool ofClient : {false, true}) {
            for (const bool ofServer : {false, true})
                QTest::addRow("%s, %s to %s", what, ofClient ? "old" : "modern",
                              ofServer ? "old" : "modern")
                        << bytes << ofClient << ofServer;
        }
    };
    rows("every byte", allBytes(256));
    for (const qsizetype size : {1, 31, 32, 255, 256, 65'535, 65'536})
        rows(qPrintable(QString::number(size)), allBytes(size));
    rows("none", "");
    rows("text", "text");
    rows("text of 32", QByteArray(32, 'x'));
    rows("half a character", "\xe2\x82");
    rows("a surrogate", "\xed\xa0\x80");
    rows("too long a form", "\xc0\x80");
    rows("zeros", QByteArray(3, '\0'));
}

// As an argument and as a result, alone and within containers, as an error, with and without a type.
void tst_Compatibility::bytes()
{
    QFETCH(QByteArray, bytes);
    QFETCH(bool, ofClient);
    QFETCH(bool, ofServer);
    m_server->setWireFormat(ofServer ? WireFormat::Compatibility : WireFormat::Modern);
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    client.setWireFormat(ofClient ? WireFormat::Compatibility : WireFormat::Modern);

    auto typed = client.call<QByteArray>("bytes", bytes);
    auto list = client.call<QList<QByteArray>>("list", QList<QByteArray>{bytes, bytes});
    auto map = client.call<QMap<QString, QByteArray>>(
            "map", QMap<QString, QByteArray>{{QStringLiteral("k"), bytes}});
    auto untyped = client.call("any", bytes);
    auto nested = client.call("any", QVariantMap{{QStringLiteral("k"), QVariantList{bytes}}});
    auto error = client.call("fail", bytes);
    QVERIFY(error.waitForFinished(30s));
    QCOMPARE(typed.result(), bytes);
    QCOMPARE(list.result(), (QList<QByteArray>{bytes, bytes}));
    QCOMPARE(map.result().value(QStringLiteral("k")), bytes);
    // Where text and binary are one, UTF-8 comes as text; what is not UTF-8 must be whole.
    const bool isText = QString::fromUtf8(bytes).toUtf8() == bytes;
    const auto same = [&](const QVariant &value) {
        if (!isText && value.metaType() != QMetaType::fromType<QByteArray>())
            return false;
        return value.toByteArray() == bytes;
    };
    QVERIFY(same(untyped.result()));
    QVERIFY(same(nested.result().toMap().value(QStringLiteral("k")).toList().value(0)));
    QCOMPARE(error.error().code(), Error::RemoteError);
    QVERIFY(same(error.error().data()));
    if (isText) {
        auto text = client.call<QString>("text", QString::fromUtf8(bytes));
        auto mixed = client.call<QString>("bytes", QString::fromUtf8(bytes));
        QVERIFY(mixed.waitForFinished(30s));
        QCOMPARE(text.result(), QString::fromUtf8(bytes));
        QCOMPARE(mixed.result(), QString::fromUtf8(bytes));
    }

    const auto &connection = *proxy.connections().front();
    const std::optional<int> messages = isText ? 8 : 6;
    if (ofClient)
        QCOMPARE(valuesIn2010(connection.fromClient), messages);
    if (ofServer)
        QCOMPARE(valuesIn2010(connection.fromServer), messages);
    // The test can tell: a modern binary is something else.
    if (!ofClient)
        QCOMPARE(valuesIn2010(connection.fromClient), std::nullopt);
}

void tst_Compatibility::names_data()
{
    QTest::addColumn<QString>("name");
    for (const int size : {1, 31, 32, 255, 256, 65'534})
        QTest::addRow("%d", size) << QString(size, u'n');
    QTest::newRow("not ASCII") << QString(20, QChar(0x20ac));
}

// Method names are text too.
void tst_Compatibility::names()
{
    QFETCH(QString, name);
    m_server->bind(name, [](int x) { return x + 1; });
    m_server->setWireFormat(WireFormat::Compatibility);
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    client.setWireFormat(WireFormat::Compatibility);
    auto good = client.call<int>(name, 1);
    auto unknown = client.call<int>(name + QStringLiteral("?"), 1);
    client.notify(name, 1);
    QVERIFY(unknown.waitForFinished(30s));
    QCOMPARE(good.result(), 2);
    QVERIFY2(unknown.error().message().contains(name), qPrintable(unknown.error().message()));
    QTRY_COMPARE(valuesIn2010(proxy.connections().front()->fromClient), std::optional(3));
    QCOMPARE(valuesIn2010(proxy.connections().front()->fromServer), std::optional(2));
}

// There is no raw form of them, and nothing may come in their place.
void tst_Compatibility::extensionsAreRefused()
{
    Client client(m_server->urls().constFirst());
    client.setWireFormat(WireFormat::Compatibility);
    auto refused = client.call("any", MsgpackRpc::Extension{5, "data"});
    auto good = client.call<int>("any", 1);
    QVERIFY(good.waitForFinished(30s));
    QCOMPARE(refused.error().code(), Error::InvalidArguments);

    // A result that an old peer can't be sent is an error that says so.
    Server old;
    old.setWireFormat(WireFormat::Compatibility);
    old.bind("any", [](const QVariant &x) { return x; });
    QVERIFY(old.listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))));
    Client modern(old.urls().constFirst());
    auto result = modern.call("any", MsgpackRpc::Extension{5, "data"});
    QVERIFY(result.waitForFinished(30s));
    QCOMPARE(result.error().code(), Error::RemoteError);
    QVERIFY2(result.error().message().contains(QLatin1String("cannot be sent")),
             qPrintable(result.error().message()));
}

// Byte for byte.
void tst_Compatibility::fixed()
{
    m_server->setWireFormat(WireFormat::Compatibility);
    Proxy proxy(m_server->urls().constFirst());
    Client client(proxy.url());
    client.setWireFormat(WireFormat::Compatibility);
    client.setNextMsgid(0);
    auto reply = client.call<QByteArray>("bytes", QByteArray(32, '\xff'));
    QVERIFY(reply.waitForFinished(30s));
    const QByteArray raw = "da0020" + QByteArray(32, '\xff').toHex();
    QCOMPARE(proxy.connections().front()->fromClient.toHex(), "940000a5627974657391" + raw);
    QCOMPARE(proxy.connections().front()->fromServer.toHex(), "940100c0" + raw);
}

QTEST_GUILESS_MAIN(tst_Compatibility)
#include "tst_compatibility.moc"
