// SPDX-License-Identifier: Apache-2.0
#include "wire/deflate_p.h"
#include "wire/messagereader_p.h"

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/codec.h>

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtTest/QTest>

#include <cstring>

using namespace MsgpackRpc;

// What was seen on the wire of other implementations (doc/protocol), and what is made of it.
class tst_Goldens : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void messages_data();
    void messages();
    void sessions_data();
    void sessions();
    void options_data();
    void options();
    void everyMessageIsListed();
    void everythingIsReadable_data();
    void everythingIsReadable();
    void chunks_data();
    void chunks();
    void streams_data();
    void streams();
    void syncFlushes_data();
    void syncFlushes();
    void ownConnection();
    void reconnect();
    void cluster_data();
    void cluster();

private:
    QJsonObject golden(const char *name) const
    {
        return m_goldens.value(QLatin1String(name)).toObject();
    }
    QByteArray bytes(const QString &name, const char *key) const
    {
        return QByteArray::fromHex(
                m_goldens.value(name).toObject().value(QLatin1String(key)).toString().toLatin1());
    }
    void addRequest(const char *name, quint32 msgid, const QVariant &method,
                    const QVariantList &params);
    void addResponse(const char *name, quint32 msgid, const QVariant &error, const QVariant &result,
                     const char *key = "hex");
    void addNotify(const char *name, const QVariant &method, const QVariantList &params);
    void addMessage(const char *name, const char *key, int type, quint32 msgid,
                    const QVariant &first, const QVariant &second);

    QJsonObject m_goldens;
};

namespace {

QByteArray hex(const char *digits)
{
    return QByteArray::fromHex(digits);
}

QVariant decoded(QByteArrayView bytes)
{
    Reader reader(bytes);
    QVariant value;
    return Codec<QVariant>::read(reader, value) && reader.atEnd() ? value : QVariant("undecodable");
}

// A message as plain values: its type, its msgid, method and params or error and result, its
// address, its flags.
QVariantList described(const Message &message)
{
    QVariantList all{int(message.type)};
    const QVariant method = message.method.isNumber
                                    ? QVariant(message.method.number)
                                    : QVariant(QString::fromUtf8(message.method.name));
    switch (message.type) {
    case Message::Request:
        return all << message.msgid << method << decoded(message.params);
    case Message::Response:
        return all << message.msgid << decoded(message.error) << decoded(message.result);
    case Message::Notify:
        return all << method << decoded(message.params);
    case Message::Session:
        return all << message.address.toByteArray();
    case Message::Option:
        return all << message.option.tx.flags << message.option.rx.flags;
    }
    return {};
}

// A direction of a connection, as its receiver reads it. Ends with "incomplete" or the fault, if
// there is one.
QList<QVariantList> received(const QByteArray &stream)
{
    BlockPool pool;
    MessageReader reader({}, pool);
    Inflater inflater;
    QList<QVariantList> all;
    Message message;
    const auto put = [&reader](const QByteArray &part) {
        const MessageReader::Space space = reader.space();
        if (part.size() > space.size)
            qFatal("the goldens are small");
        std::memcpy(space.data, part.constData(), size_t(part.size()));
        reader.added(part.size());
    };
    const auto inflate = [&](const QByteArray &part) {
        inflater.add(part);
        QByteArray plain(65'536, '\0');
        plain.truncate(qMax<qsizetype>(inflater.read(plain.data(), plain.size()), 0));
        put(plain);
    };
    if (stream.startsWith(hex("78")))
        inflate(stream);
    else
        put(stream);
    while (reader.next(message) == Scanner::Complete) {
        if (message.fault != Message::None)
            return all << QVariantList{message.faultText};
        all << described(message);
        if (message.type == Message::Option && message.option.tx.deflate())
            inflate(reader.takeRest());
    }
    if (reader.partialSize() > 0 || !reader.error().isEmpty() || !inflater.error().isEmpty())
        all << QVariantList{QStringLiteral("incomplete")};
    return all;
}

QVariantList request(quint32 msgid, const QVariant &method, const QVariantList &params)
{
    return {0, msgid, method, QVariant(params)};
}

QVariantList response(quint32 msgid, const QVariant &error, const QVariant &result)
{
    return {1, msgid, error, result};
}

QVariantList notification(const QVariant &method, const QVariantList &params)
{
    return {2, method, QVariant(params)};
}

const QVariant nil;

} // namespace

void tst_Goldens::initTestCase()
{
    QFile file(QStringLiteral(GOLDENS));
    QVERIFY(file.open(QIODevice::ReadOnly));
    m_goldens = QJsonDocument::fromJson(file.readAll()).object();
    QVERIFY(m_goldens.size() > 40);
}

void tst_Goldens::addMessage(const char *name, const char *key, int type, quint32 msgid,
                             const QVariant &first, const QVariant &second)
{
    QTest::addRow("%s, %s", name, key)
            << bytes(QLatin1String(name), key) << type << msgid << first << second;
}

void tst_Goldens::addRequest(const char *name, quint32 msgid, const QVariant &method,
                             const QVariantList &params)
{
    addMessage(name, "hex", Message::Request, msgid, method, params);
}

void tst_Goldens::addResponse(const char *name, quint32 msgid, const QVariant &error,
                              const QVariant &result, const char *key)
{
    addMessage(name, key, Message::Response, msgid, error, result);
}

void tst_Goldens::addNotify(const char *name, const QVariant &method, const QVariantList &params)
{
    addMessage(name, "hex", Message::Notify, 0, method, params);
}

void tst_Goldens::messages_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("type");
    QTest::addColumn<quint32>("msgid");
    QTest::addColumn<QVariant>("first");
    QTest::addColumn<QVariant>("second");

    const QString a32(32, QLatin1Char('a'));
    addRequest("request_echo_hello", 0, "echo", {"hello"});
    addResponse("response_result_hello", 0, nil, "hello");
    addRequest("request_add_1_2", 0, "add", {1, 2});
    addResponse("response_result_3", 0, nil, 3);
    addRequest("request_fail_boom", 0, "fail", {"boom"});
    addResponse("response_error_boom", 0, "boom", nil);
    addRequest("request_unknown_method", 0, "nope", {});
    addResponse("response_error_unknown_method", 0, "method `nope' is not accepted", nil);
    addNotify("notify_poke", "poke", {});
    addNotify("notify_poke_args", "poke", {1, "x"});
    addRequest("request_integer_method_7", 0, 7, {"hello"});
    addResponse("response_integer_method_7", 0, nil, "hello");
    addNotify("notify_integer_method_7", 7, {"x"});
    addResponse("response_nil_result", 0, nil, nil);
    addRequest("request_echo_32_raw16", 0, "echo", {a32});
    addResponse("response_echo_32_raw16", 0, nil, a32);
    for (const quint32 msgid : {0U, 127U, 128U, 255U, 256U, 65'535U, 65'536U, 2'147'483'647U}) {
        const QByteArray name = "request_msgid_" + QByteArray::number(msgid);
        addRequest(name.constData(), msgid, "echo", {1});
        addResponse(name.constData(), msgid, nil, 1, "s2c");
    }
    addRequest("udp_INFERRED_none", 0, "echo", {"hello"});
    addResponse("udp_INFERRED_none", 0, nil, "hello", "reply");
    addResponse("udp_INFERRED_tx_deflate", 0, nil, "hello", "reply");
}

void tst_Goldens::messages()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, type);
    QFETCH(quint32, msgid);
    QFETCH(QVariant, first);
    QFETCH(QVariant, second);

    QVERIFY(!bytes.isEmpty());
    const QVariantList wanted = type == Message::Request    ? request(msgid, first, second.toList())
                                : type == Message::Response ? response(msgid, first, second)
                                                            : notification(first, second.toList());
    QCOMPARE(received(bytes), QList<QVariantList>{wanted});

    // The same values make the same bytes again.
    Writer writer(WireFormat::Compatibility);
    Codec<QVariantList>::write(writer, wanted);
    QCOMPARE(writer.bytes().toHex(), bytes.toHex());
}

void tst_Goldens::sessions_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<bool>("isModern");

    const auto row = [](const char *name, const char *url, bool isModern) {
        QTest::newRow(name) << QString::fromLatin1(name) << QUrl(QLatin1String(url)) << isModern;
    };
    row("session_ipv4", "tcp://127.0.0.1:18800", false);
    row("session_ipv6", "tcp://[::1]:18800", false);
    row("session_ipv6_full", "tcp://[2001:db8::8a2e:370:7334]:65535", false);
    row("session_ipv4_modern", "tcp://127.0.0.1:18800", true);
    row("session_ipv6_modern", "tcp://[::1]:18800", true);
}

void tst_Goldens::sessions()
{
    QFETCH(QString, name);
    QFETCH(QUrl, url);
    QFETCH(bool, isModern);
    const auto address = Address::fromUrl(url);
    QVERIFY(address.has_value());
    const QByteArray golden = bytes(name, "hex");
    QCOMPARE(received(golden), (QList<QVariantList>{{3, address->toBytes()}}));
    QCOMPARE(Address::fromBytes(received(golden).first().at(1).toByteArray()), address);

    Writer writer(isModern ? WireFormat::Modern : WireFormat::Compatibility);
    writer.writeArray(2);
    writer.writeUnsigned(Message::Session);
    writer.writeBinary(address->toBytes());
    QCOMPARE(writer.bytes().toHex(), golden.toHex());
}

void tst_Goldens::options_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<TransportOption>("option");

    QTest::newRow("both") << QStringLiteral("option_deflate")
                          << TransportOption(TransportOption::Deflate);
    QTest::newRow("tx") << QStringLiteral("option_tx_deflate")
                        << TransportOption(TransportOption::TxDeflate);
    QTest::newRow("rx") << QStringLiteral("option_rx_deflate")
                        << TransportOption(TransportOption::RxDeflate);
    QTest::newRow("none") << QStringLiteral("option_none") << TransportOption();
}

void tst_Goldens::options()
{
    QFETCH(QString, name);
    QFETCH(TransportOption, option);
    const ExchangeOption exchange = option.exchange();
    const QByteArray golden = bytes(name, "hex");
    QCOMPARE(received(golden), (QList<QVariantList>{{4, exchange.tx.flags, exchange.rx.flags}}));
    Writer writer;
    writer.writeArray(3);
    writer.writeUnsigned(Message::Option);
    writer.writeUnsigned(exchange.tx.flags);
    writer.writeUnsigned(exchange.rx.flags);
    QCOMPARE(writer.bytes().toHex(), golden.toHex());
}

// A golden that is added is tested by its values too.
void tst_Goldens::everyMessageIsListed()
{
    QList<QByteArray> listed;
    for (const char *name : {"request_echo_hello",
                             "response_result_hello",
                             "request_add_1_2",
                             "response_result_3",
                             "request_fail_boom",
                             "response_error_boom",
                             "request_unknown_method",
                             "response_error_unknown_method",
                             "notify_poke",
                             "notify_poke_args",
                             "request_integer_method_7",
                             "response_integer_method_7",
                             "notify_integer_method_7",
                             "response_nil_result",
                             "request_echo_32_raw16",
                             "response_echo_32_raw16",
                             "msgid_wrap",
                             "session_ipv4",
                             "session_ipv6",
                             "session_ipv6_full",
                             "session_ipv4_modern",
                             "session_ipv6_modern",
                             "option_deflate",
                             "option_tx_deflate",
                             "option_rx_deflate",
                             "option_none",
                             "stream_deflate",
                             "stream_tx_deflate",
                             "stream_rx_deflate",
                             "stream_deflate_pipelined",
                             "over_deflate",
                             "reconnect_deflate",
                             "pipelined_plain",
                             "cluster_handshake",
                             "cluster_handshake_deflate",
                             "cluster_handshake_ipv6",
                             "udp_INFERRED_none",
                             "udp_INFERRED_deflate",
                             "udp_INFERRED_tx_deflate",
                             "udp_INFERRED_rx_deflate",
                             "_meta"})
        listed.append(name);
    for (const QString &name : m_goldens.keys())
        QVERIFY2(name.startsWith(QLatin1String("request_msgid_"))
                         || listed.contains(name.toLatin1()),
                 qPrintable(name));
    for (const QByteArray &name : listed)
        QVERIFY2(m_goldens.contains(QLatin1String(name)), name.constData());
}

void tst_Goldens::everythingIsReadable_data()
{
    QTest::addColumn<QByteArray>("stream");

    for (auto it = m_goldens.constBegin(); it != m_goldens.constEnd(); ++it) {
        const QJsonObject entry = it.value().toObject();
        for (const QString &key : entry.keys()) {
            const bool isStream = key == QLatin1String("hex") || key == QLatin1String("reply")
                                  || key.endsWith(QLatin1String("c2s"))
                                  || key.endsWith(QLatin1String("s2c"));
            const QByteArray stream = bytes(it.key(), key.toLatin1());
            if (isStream && !stream.isEmpty())
                QTest::addRow("%s, %s", qPrintable(it.key()), qPrintable(key)) << stream;
        }
    }
}

// Whole messages, none of them at fault; in pieces too.
void tst_Goldens::everythingIsReadable()
{
    QFETCH(QByteArray, stream);
    const QList<QVariantList> all = received(stream);
    QVERIFY(!all.isEmpty());
    for (const QVariantList &message : all) {
        QVERIFY2(message.size() >= 2, qPrintable(message.value(0).toString()));
        QVERIFY(!message.contains(QVariant("undecodable")));
    }
}

void tst_Goldens::chunks_data()
{
    QTest::addColumn<QByteArray>("whole");
    QTest::addColumn<QJsonArray>("parts");

    for (auto it = m_goldens.constBegin(); it != m_goldens.constEnd(); ++it) {
        const QJsonObject entry = it.value().toObject();
        for (const auto &[key, chunksKey] :
             {std::pair("hex", "chunks"), std::pair("c2s", "c2s_chunks"),
              std::pair("s2c", "s2c_chunks")}) {
            if (entry.contains(QLatin1String(chunksKey)))
                QTest::addRow("%s, %s", qPrintable(it.key()), chunksKey)
                        << bytes(it.key(), key) << entry.value(QLatin1String(chunksKey)).toArray();
        }
    }
}

void tst_Goldens::chunks()
{
    QFETCH(QByteArray, whole);
    QFETCH(QJsonArray, parts);
    QByteArray joined;
    for (const QJsonValue &part : parts)
        joined += QByteArray::fromHex(part.toString().toLatin1());
    QVERIFY(!whole.isEmpty());
    QCOMPARE(joined.toHex(), whole.toHex());
}

void tst_Goldens::streams_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QList<QVariantList>>("sent");
    QTest::addColumn<QList<QVariantList>>("answered");

    const QList<QVariantList> calls{request(0, "echo", {"hello"}), request(1, "add", {1, 2}),
                                    notification("poke", {}), request(2, "notify_count", {}),
                                    request(3, "fail", {"boom"})};
    const QList<QVariantList> answers{response(0, nil, "hello"), response(1, nil, 3),
                                      response(2, nil, 1), response(3, "boom", nil)};
    const auto option = [](int tx, int rx) { return QVariantList{4, quint32(tx), quint32(rx)}; };
    QTest::newRow("both") << QStringLiteral("stream_deflate")
                          << QList<QVariantList>{option(1, 1)} + calls << answers;
    QTest::newRow("tx") << QStringLiteral("stream_tx_deflate")
                        << QList<QVariantList>{option(1, 0)} + calls << answers;
    QTest::newRow("rx") << QStringLiteral("stream_rx_deflate")
                        << QList<QVariantList>{option(0, 1)} + calls << answers;
    QTest::newRow("pipelined, both")
            << QStringLiteral("stream_deflate_pipelined")
            << QList<QVariantList>{option(1, 1), request(0, "echo", {"a"}),
                                   request(1, "echo", {"b"}), request(2, "echo", {"c"})}
            << QList<QVariantList>{response(0, nil, "a"), response(1, nil, "b"),
                                   response(2, nil, "c")};
    QTest::newRow("pipelined, plain")
            << QStringLiteral("pipelined_plain")
            << QList<QVariantList>{request(0, "sleep", {150}), request(1, "echo", {"b"}),
                                   request(2, "add", {3, 4})}
            << QList<QVariantList>{response(1, nil, "b"), response(2, nil, 7),
                                   response(0, nil, 150)};
}

void tst_Goldens::streams()
{
    QFETCH(QString, name);
    QFETCH(QList<QVariantList>, sent);
    QFETCH(QList<QVariantList>, answered);
    QCOMPARE(received(bytes(name, "c2s")), sent);
    QCOMPARE(received(bytes(name, "s2c")), answered);
}

void tst_Goldens::syncFlushes_data()
{
    QTest::addColumn<QByteArray>("stream");
    QTest::addColumn<QJsonArray>("ends");

    for (auto it = m_goldens.constBegin(); it != m_goldens.constEnd(); ++it) {
        const QJsonObject entry = it.value().toObject();
        for (const auto &[key, endsKey] :
             {std::pair("c2s", "c2s_sync_flush_ends"), std::pair("s2c", "s2c_sync_flush_ends")}) {
            const QJsonArray ends = entry.value(QLatin1String(endsKey)).toArray();
            if (!ends.isEmpty())
                QTest::addRow("%s, %s", qPrintable(it.key()), key) << bytes(it.key(), key) << ends;
        }
    }
}

// After each flush there is one message more, and it is whole.
void tst_Goldens::syncFlushes()
{
    QFETCH(QByteArray, stream);
    QFETCH(QJsonArray, ends);
    const QList<QVariantList> all = received(stream);
    const qsizetype first = all.size() - ends.size(); // an OPTION message before them
    for (qsizetype i = 0; i < ends.size(); ++i)
        QCOMPARE(received(stream.left(ends.at(i).toInt())), all.mid(0, first + i + 1));
    QCOMPARE(stream.size(), ends.last().toInt());
    QCOMPARE(stream.mid(first > 0 ? 4 : 0, 2), hex("789c"));
}

void tst_Goldens::ownConnection()
{
    const QString name = QStringLiteral("over_deflate");
    QCOMPARE(received(bytes(name, "conn0_c2s")),
             (QList<QVariantList>{request(0, "echo", {"plain"}), request(2, "echo", {"plain2"})}));
    QCOMPARE(received(bytes(name, "conn0_s2c")),
             (QList<QVariantList>{response(0, nil, "plain"), response(2, nil, "plain2")}));
    QCOMPARE(received(bytes(name, "conn1_c2s")),
             (QList<QVariantList>{{4, 1U, 1U}, request(1, "echo", {"over"})}));
    QCOMPARE(received(bytes(name, "conn1_s2c")), (QList<QVariantList>{response(1, nil, "over")}));
}

void tst_Goldens::reconnect()
{
    const QString name = QStringLiteral("reconnect_deflate");
    for (const char *key : {"conn0_c2s", "conn1_c2s"}) {
        const QList<QVariantList> all = received(bytes(name, key));
        QCOMPARE(all.size(), 2);
        QCOMPARE(all.first(), (QVariantList{4, 1U, 1U}));
        QCOMPARE(all.last().at(1), QVariant(key[4] == '0' ? 0U : 1U));
        QCOMPARE(bytes(name, key).mid(4, 2), hex("789c"));
    }
}

void tst_Goldens::cluster_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("a");
    QTest::addColumn<QString>("b");
    QTest::addColumn<QVariantList>("optionOfA");
    QTest::addColumn<QVariantList>("optionOfB");

    QTest::newRow("plain") << QStringLiteral("cluster_handshake")
                           << QStringLiteral("127.0.0.1:26054") << QStringLiteral("127.0.0.1:26055")
                           << QVariantList() << QVariantList();
    QTest::newRow("deflate") << QStringLiteral("cluster_handshake_deflate")
                             << QStringLiteral("127.0.0.1:26058")
                             << QStringLiteral("127.0.0.1:26059") << QVariantList{4, 1U, 1U}
                             << QVariantList{4, 1U, 0U};
    QTest::newRow("IPv6") << QStringLiteral("cluster_handshake_ipv6")
                          << QStringLiteral("[::1]:26062") << QStringLiteral("[::1]:26063")
                          << QVariantList() << QVariantList();
}

// SESSION first, then OPTION, then the call; the answer comes over the same connection.
void tst_Goldens::cluster()
{
    QFETCH(QString, name);
    QFETCH(QString, a);
    QFETCH(QString, b);
    QFETCH(QVariantList, optionOfA);
    QFETCH(QVariantList, optionOfB);
    const auto sent = [](const QString &address, const QVariantList &option, const char *method) {
        QList<QVariantList> all{
                {3, Address::fromUrl(QUrl(QLatin1String("tcp://") + address))->toBytes()}};
        if (!option.isEmpty())
            all << option;
        return all << request(0, method, {});
    };
    QCOMPARE(received(bytes(name, "A_to_B_conn_c2s")), sent(a, optionOfA, "back"));
    QCOMPARE(received(bytes(name, "B_to_A_conn_c2s")), sent(b, optionOfB, "who"));
    const QString nameOfB = QString(b).remove(QLatin1Char('[')).remove(QLatin1Char(']'));
    const QList<QVariantList> answer{response(0, nil, nameOfB)};
    QCOMPARE(received(bytes(name, "A_to_B_conn_s2c")), answer);
    QCOMPARE(received(bytes(name, "B_to_A_conn_s2c")), answer);
}

QTEST_GUILESS_MAIN(tst_Goldens)

#include "tst_goldens.moc"
