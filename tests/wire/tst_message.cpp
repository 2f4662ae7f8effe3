// SPDX-License-Identifier: Apache-2.0
#include "wire/message_p.h"

#include "wire/scanner_p.h"
#include "wire/wiremessages.h"

#include <QtTest/QTest>

using namespace MsgpackRpc;
using namespace WireMessages;

class tst_Message : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void request();
    void response();
    void notification();
    void session_data();
    void session();
    void packsSession();
    void types_data();
    void types();
    void msgids_data();
    void msgids();
    void badMsgids_data();
    void badMsgids();
    void methods_data();
    void methods();
    void badCalls_data();
    void badCalls();
    void fatal_data();
    void fatal();
    void options_data();
    void options();
    void reused();
};

namespace {

// Parsed, with the bytes that it points into.
struct Parsed
{
    explicit Parsed(const QByteArray &all) : bytes(all)
    {
        Scanner scanner{Limits()};
        const char *pos = bytes.constData();
        result = scanner.scan(pos, bytes.constData() + bytes.size());
        if (result == Scanner::Complete)
            message.parse(bytes.constData(), scanner);
    }

    QByteArray bytes;
    Scanner::Result result;
    Message message;
};

} // namespace

void tst_Message::request()
{
    const Parsed parsed(hex("940001a3616464920102"));
    QCOMPARE(parsed.message.fault, Message::None);
    QCOMPARE(parsed.message.type, Message::Request);
    QCOMPARE(parsed.message.msgid, 1U);
    QVERIFY(!parsed.message.method.isNumber);
    QCOMPARE(parsed.message.method.name, QByteArrayView("add"));
    QCOMPARE(parsed.message.params.toByteArray(), hex("920102"));
    QVERIFY(parsed.message.frame.isNull());
}

void tst_Message::response()
{
    const Parsed parsed(hex("94017fa4626f6f6d9103"));
    QCOMPARE(parsed.message.fault, Message::None);
    QCOMPARE(parsed.message.type, Message::Response);
    QCOMPARE(parsed.message.msgid, 127U);
    QCOMPARE(parsed.message.error.toByteArray(), hex("a4626f6f6d"));
    QCOMPARE(parsed.message.result.toByteArray(), hex("9103"));
}

void tst_Message::notification()
{
    const Parsed parsed(hex("9302a4706f6b6590"));
    QCOMPARE(parsed.message.fault, Message::None);
    QCOMPARE(parsed.message.type, Message::Notify);
    QCOMPARE(parsed.message.method.name, QByteArrayView("poke"));
    QCOMPARE(parsed.message.params.toByteArray(), hex("90"));
}

void tst_Message::session_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("address");

    QTest::newRow("raw") << hex("9203a649707f000001") << hex("49707f000001");
    QTest::newRow("bin8") << hex("9203c40649707f000001") << hex("49707f000001");
    QTest::newRow("str8") << hex("9203d90649707f000001") << hex("49707f000001");
    QTest::newRow("raw16") << hex("9203da000649707f000001") << hex("49707f000001");
    QTest::newRow("IPv6") << hex("9203b2497000000000000000000000000000000001")
                          << hex("497000000000000000000000000000000001");
}

void tst_Message::session()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, address);
    const Parsed parsed(bytes);
    QCOMPARE(parsed.message.fault, Message::None);
    QCOMPARE(parsed.message.type, Message::Session);
    QCOMPARE(parsed.message.address, QByteArrayView(address));
}

void tst_Message::packsSession()
{
    const QByteArray ipv4 = hex("49707f000001");
    const QByteArray ipv6 = hex("497000000000000000000000000000000001");
    QCOMPARE(packSession(ipv4, WireFormat::Modern), hex("9203c40649707f000001"));
    QCOMPARE(packSession(ipv4, WireFormat::Compatibility), hex("9203a649707f000001"));
    QCOMPARE(packSession(ipv6, WireFormat::Compatibility), hex("9203b2") + ipv6);
}

void tst_Message::types_data()
{
    QTest::addColumn<QByteArray>("type");

    QTest::newRow("fixint") << hex("00");
    QTest::newRow("uint8") << hex("cc00");
    QTest::newRow("uint16") << hex("cd0000");
    QTest::newRow("uint64") << hex("cf0000000000000000");
    QTest::newRow("int8") << hex("d000");
    QTest::newRow("int32") << hex("d200000000");
    QTest::newRow("double") << hex("cb0000000000000000");
}

// A peer may write the number of the type as it likes.
void tst_Message::types()
{
    QFETCH(QByteArray, type);
    const Parsed parsed(hex("94") + type + hex("05a3616464920102"));
    QCOMPARE(parsed.message.fault, Message::None);
    QCOMPARE(parsed.message.type, Message::Request);
    QCOMPARE(parsed.message.msgid, 5U);
    QCOMPARE(parsed.message.method.name, QByteArrayView("add"));
}

void tst_Message::msgids_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<quint32>("msgid");

    QTest::newRow("0") << hex("00") << 0U;
    QTest::newRow("127") << hex("7f") << 127U;
    QTest::newRow("uint8") << hex("cc80") << 128U;
    QTest::newRow("uint16") << hex("cd0100") << 256U;
    QTest::newRow("uint32, 2^31-1") << hex("ce7fffffff") << 0x7fffffffU;
    QTest::newRow("uint32, 2^32-1") << hex("ceffffffff") << 0xffffffffU;
    QTest::newRow("uint64") << hex("cf00000000ffffffff") << 0xffffffffU;
    QTest::newRow("uint64, longer than needed") << hex("cf0000000000000001") << 1U;
    QTest::newRow("positive int8") << hex("d07f") << 127U;
    QTest::newRow("positive int32") << hex("d27fffffff") << 0x7fffffffU;
    QTest::newRow("positive int64") << hex("d30000000000000007") << 7U;
    QTest::newRow("double") << hex("cb4014000000000000") << 5U;
    QTest::newRow("double, 2^31-1") << hex("cb41dfffffffc00000") << 0x7fffffffU;
    QTest::newRow("double, 2^32-1") << hex("cb41efffffffe00000") << 0xffffffffU;
    QTest::newRow("float") << hex("ca40a00000") << 5U;
}

void tst_Message::msgids()
{
    QFETCH(QByteArray, bytes);
    QFETCH(quint32, msgid);
    const Parsed call(hex("9400") + bytes + hex("a16190"));
    QCOMPARE(call.message.fault, Message::None);
    QCOMPARE(call.message.msgid, msgid);
    QCOMPARE(call.message.method.name, QByteArrayView("a"));
    const Parsed answer(hex("9401") + bytes + hex("c003"));
    QCOMPARE(answer.message.fault, Message::None);
    QCOMPARE(answer.message.msgid, msgid);
}

void tst_Message::badMsgids_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("isInteger");

    QTest::newRow("-1") << hex("ff") << true;
    QTest::newRow("int8 -128") << hex("d080") << true;
    QTest::newRow("int64 -1") << hex("d3ffffffffffffffff") << true;
    QTest::newRow("2^32") << hex("cf0000000100000000") << true;
    QTest::newRow("2^64-1") << hex("cfffffffffffffffff") << true;
    QTest::newRow("double 1.5") << hex("cb3ff8000000000000") << false;
    QTest::newRow("double -1") << hex("cbbff0000000000000") << true;
    QTest::newRow("double 2^32") << hex("cb41f0000000000000") << true;
    QTest::newRow("double NaN") << hex("cb7ff8000000000000") << false;
    QTest::newRow("double infinity") << hex("cb7ff0000000000000") << false;
    QTest::newRow("text") << hex("a131") << false;
    QTest::newRow("nil") << hex("c0") << false;
    QTest::newRow("true") << hex("c3") << false;
    QTest::newRow("array") << hex("9101") << false;
    QTest::newRow("ext") << hex("d40101") << false;
}

// Nobody could be answered. No call has such an id, but some peers answer a notification with -1: an answer to nobody.
void tst_Message::badMsgids()
{
    QFETCH(QByteArray, bytes);
    QFETCH(bool, isInteger);
    const Parsed call(hex("9400") + bytes + hex("a16190"));
    QCOMPARE(call.message.fault, Message::Fatal);
    QVERIFY(call.message.faultText.contains(QLatin1String("msgid")));
    const Parsed answer(hex("9401") + bytes + hex("c003"));
    QCOMPARE(answer.message.fault, isInteger ? Message::Stray : Message::Fatal);
    QVERIFY(answer.message.faultText.contains(QLatin1String("msgid")));
}

void tst_Message::methods_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<qint64>("number");
    QTest::addColumn<bool>("isNumber");

    const auto name = [](const char *row, const QByteArray &bytes, const QByteArray &text) {
        QTest::newRow(row) << bytes << text << qint64(0) << false;
    };
    const auto number = [](const char *row, const QByteArray &bytes, qint64 value) {
        QTest::newRow(row) << bytes << QByteArray() << value << true;
    };
    name("fixstr", hex("a3616464"), "add");
    name("empty", hex("a0"), "");
    name("str8", hex("d903616464"), "add");
    name("raw16", hex("da0003616464"), "add");
    name("raw32", hex("db00000003616464"), "add");
    name("bin8", hex("c403616464"), "add");
    name("bin16", hex("c50003616464"), "add");
    name("not UTF-8", hex("a2fffe"), hex("fffe"));
    number("0", hex("00"), 0);
    number("7", hex("07"), 7);
    number("-1", hex("ff"), -1);
    number("uint32", hex("ceffffffff"), 0xffffffffLL);
    number("int64, least", hex("d38000000000000000"), std::numeric_limits<qint64>::min());
    number("uint64, most", hex("cf7fffffffffffffff"), std::numeric_limits<qint64>::max());
}

void tst_Message::methods()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, name);
    QFETCH(qint64, number);
    QFETCH(bool, isNumber);
    for (const QByteArray &message :
         {hex("940007") + bytes + hex("9101"), hex("9302") + bytes + hex("9101")}) {
        const Parsed parsed(message);
        QCOMPARE(parsed.message.fault, Message::None);
        QCOMPARE(parsed.message.method.isNumber, isNumber);
        if (isNumber)
            QCOMPARE(parsed.message.method.number, number);
        else
            QCOMPARE(parsed.message.method.name, QByteArrayView(name));
        QCOMPARE(parsed.message.params.toByteArray(), hex("9101"));
    }
}

void tst_Message::badCalls_data()
{
    QTest::addColumn<QByteArray>("method");
    QTest::addColumn<QByteArray>("params");
    QTest::addColumn<bool>("isBad");

    QTest::newRow("good") << hex("a161") << hex("9101") << false;
    QTest::newRow("params array16") << hex("a161") << hex("dc000101") << false;
    QTest::newRow("params array32") << hex("a161") << hex("dd0000000101") << false;
    QTest::newRow("params are Lua's {}") << hex("a161") << hex("80") << false;
    QTest::newRow("method nil") << hex("c0") << hex("90") << true;
    QTest::newRow("method true") << hex("c3") << hex("90") << true;
    QTest::newRow("method float") << hex("cb3ff0000000000000") << hex("90") << true;
    QTest::newRow("method array") << hex("91a161") << hex("90") << true;
    QTest::newRow("method map") << hex("80") << hex("90") << true;
    QTest::newRow("method ext") << hex("d40161") << hex("90") << true;
    QTest::newRow("method 2^64-1") << hex("cfffffffffffffffff") << hex("90") << true;
    QTest::newRow("params nil") << hex("a161") << hex("c0") << true;
    QTest::newRow("params integer") << hex("a161") << hex("01") << true;
    QTest::newRow("params text") << hex("a161") << hex("a161") << true;
    QTest::newRow("params a map with entries") << hex("a161") << hex("810102") << true;
    QTest::newRow("params map16") << hex("a161") << hex("de00010102") << true;
    QTest::newRow("params ext") << hex("a161") << hex("d40161") << true;
    QTest::newRow("both") << hex("c0") << hex("c0") << true;
}

// The connection stays, and a request is answered with an error.
void tst_Message::badCalls()
{
    QFETCH(QByteArray, method);
    QFETCH(QByteArray, params);
    QFETCH(bool, isBad);
    const Message::Fault fault = isBad ? Message::BadCall : Message::None;
    const Parsed call(hex("940009") + method + params);
    QCOMPARE(call.message.fault, fault);
    QCOMPARE(call.message.type, Message::Request);
    QCOMPARE(call.message.msgid, 9U);
    QCOMPARE(call.message.faultText.isEmpty(), !isBad);
    const Parsed notification(hex("9302") + method + params);
    QCOMPARE(notification.message.fault, fault);
    QCOMPARE(notification.message.type, Message::Notify);
}

void tst_Message::fatal_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("[9, 1]") << hex("920901");
    QTest::newRow("[5]") << hex("9105");
    QTest::newRow("type -1") << hex("94ff01a16190");
    QTest::newRow("type 256") << hex("94cd010001a16190");
    QTest::newRow("type 2^64-1") << hex("94cfffffffffffffffff01a16190");
    QTest::newRow("type nil") << hex("94c001a16190");
    QTest::newRow("type true") << hex("94c301a16190");
    QTest::newRow("type text") << hex("94a13001a16190");
    QTest::newRow("type 0.5") << hex("94cb3fe000000000000001a16190");
    QTest::newRow("type an array") << hex("949001a16190");
    QTest::newRow("request of 1") << hex("9100");
    QTest::newRow("request of 2") << hex("920001");
    QTest::newRow("request of 3") << hex("930001a161");
    QTest::newRow("request of 5") << hex("950001a16190c0");
    QTest::newRow("response of 1") << hex("9101");
    QTest::newRow("response of 3") << hex("930101c0");
    QTest::newRow("response of 5") << hex("950101c0c0c0");
    QTest::newRow("notification of 1") << hex("9102");
    QTest::newRow("notification of 2") << hex("9202a161");
    QTest::newRow("notification of 4") << hex("9402a16190c0");
    QTest::newRow("SESSION of 1") << hex("9103");
    QTest::newRow("SESSION of 3") << hex("9303a649707f000001c0");
    QTest::newRow("SESSION nil") << hex("9203c0");
    QTest::newRow("SESSION integer") << hex("920307");
    QTest::newRow("SESSION array") << hex("920390");
    QTest::newRow("SESSION empty") << hex("9203a0");
    QTest::newRow("SESSION of 5 bytes") << hex("9203a549707f0000");
    QTest::newRow("SESSION of 7 bytes") << hex("9203c40749707f00000100");
    QTest::newRow("SESSION of 19 bytes") << hex("9203b349700000000000000000000000000000000100");
}

void tst_Message::fatal()
{
    QFETCH(QByteArray, bytes);
    const Parsed parsed(bytes);
    QCOMPARE(parsed.result, Scanner::Complete);
    QCOMPARE(parsed.message.fault, Message::Fatal);
    QVERIFY(!parsed.message.faultText.isEmpty());
}

void tst_Message::options_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<quint32>("tx");
    QTest::addColumn<quint32>("rx");
    QTest::addColumn<bool>("isFatal");

    QTest::newRow("both") << hex("93040101") << 1U << 1U << false;
    QTest::newRow("tx") << hex("93040100") << 1U << 0U << false;
    QTest::newRow("rx") << hex("93040001") << 0U << 1U << false;
    QTest::newRow("none") << hex("93040000") << 0U << 0U << false;
    QTest::newRow("no entries") << hex("9104") << 0U << 0U << false;
    QTest::newRow("one entry") << hex("920401") << 1U << 0U << false;
    QTest::newRow("nil, nil") << hex("9304c0c0") << 0U << 0U << false;
    QTest::newRow("nil, 1") << hex("9304c001") << 0U << 1U << false;
    QTest::newRow("extra entries") << hex("9604010107a16190") << 1U << 1U << false;
    QTest::newRow("longer integers") << hex("9304cd0001ce00000001") << 1U << 1U << false;
    QTest::newRow("doubles") << hex("9304cb3ff0000000000000cb3ff0000000000000") << 1U << 1U
                             << false;
    QTest::newRow("text asks for nothing") << hex("9304a131a131") << 0U << 0U << false;
    // Bits of rx ask for what may be left undone; bits of tx announce bytes that can't be read.
    QTest::newRow("unknown rx bit") << hex("93040002") << 0U << 0U << false;
    QTest::newRow("unknown rx bits, with deflate") << hex("930400ceffffffff") << 0U << 1U << false;
    QTest::newRow("unknown rx bit, high") << hex("930400cf8000000000000001") << 0U << 1U << false;
    QTest::newRow("unknown tx bit") << hex("93040200") << 0U << 0U << true;
    QTest::newRow("unknown tx bit, with deflate") << hex("93040301") << 1U << 1U << true;
    QTest::newRow("unknown tx bit, high") << hex("9304cf000000010000000000") << 0U << 0U << true;
}

void tst_Message::options()
{
    QFETCH(QByteArray, bytes);
    QFETCH(quint32, tx);
    QFETCH(quint32, rx);
    QFETCH(bool, isFatal);
    const Parsed parsed(bytes);
    QCOMPARE(parsed.result, Scanner::Complete);
    QCOMPARE(parsed.message.type, Message::Option);
    QCOMPARE(parsed.message.fault, isFatal ? Message::Fatal : Message::None);
    QCOMPARE(parsed.message.option.tx.flags, tx);
    QCOMPARE(parsed.message.option.rx.flags, rx);
}

void tst_Message::reused()
{
    Message message;
    for (const auto &[bytes, fault] :
         {std::pair(hex("940001c090"), Message::BadCall),
          std::pair(hex("9302a16190"), Message::None), std::pair(hex("9105"), Message::Fatal),
          std::pair(hex("940101c003"), Message::None)}) {
        Scanner scanner{Limits()};
        const char *pos = bytes.constData();
        QCOMPARE(scanner.scan(pos, bytes.constData() + bytes.size()), Scanner::Complete);
        message.parse(bytes.constData(), scanner);
        QCOMPARE(message.fault, fault);
        QCOMPARE(message.faultText.isEmpty(), fault == Message::None);
    }
}

QTEST_GUILESS_MAIN(tst_Message)

#include "tst_message.moc"
