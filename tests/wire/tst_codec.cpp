// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/Types>

#include "wirevalues.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>

using namespace MsgpackRpc;

// Types known at compile time.
class tst_Codec : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void lossless_data();
    void lossless();
    void roundTrip_data();
    void roundTrip();
    void nan();
    void viewsAreWritten();
    void messages_data();
    void messages();
    void failureLeavesTheValue();
    void timestamps_data();
    void timestamps();
    void timestampsRefused_data();
    void timestampsRefused();
    void localTimeArrivesInUtc();
    void nilIsAnInvalidTime();
    void textForms_data();
    void textForms();
    void keyThatComesTwice();
    void announcedMuchMore_data();
    void announcedMuchMore();
    void compatibility();
    void compatibilityHasNoExtensions_data();
    void compatibilityHasNoExtensions();
};

namespace {

using Refusal = std::function<QString(const QByteArray &)>;

template<typename T>
void accepted(const char *what, const char *bytes)
{
    QTest::newRow(what) << Refusal(refusal<T>) << hex(bytes) << QString();
}

template<typename T>
void refused(const char *what, const char *bytes, const char *failure)
{
    QTest::newRow(what) << Refusal(refusal<T>) << hex(bytes) << QString::fromUtf8(failure);
}

} // namespace

Q_DECLARE_METATYPE(Refusal)

static void integerRows()
{
    const char *i8 = "expected an integer from -128 to 127, got the integer 128";
    refused<int>(
            "2^40 to int", "cf 0000010000000000",
            "expected an integer from -2147483648 to 2147483647, got the integer 1099511627776");
    refused<int>(
            "-2^40 to int", "d3 ffffff0000000000",
            "expected an integer from -2147483648 to 2147483647, got the integer -1099511627776");
    refused<int>("3.7 to int", "cb 400d99999999999a",
                 "expected an integer from -2147483648 to 2147483647, got the number 3.7");
    accepted<int>("3.0 to int", "cb 4008000000000000");
    accepted<int>("3.0f to int", "ca 40400000");
    accepted<int>("-3.0 to int", "cb c008000000000000");
    refused<int>("2^31 to int", "ce 80000000",
                 "expected an integer from -2147483648 to 2147483647, got the integer 2147483648");
    accepted<int>("-2^31 to int", "d2 80000000");
    refused<int>("text to int", "a131",
                 "expected an integer from -2147483648 to 2147483647, got the text \"1\"");
    refused<int>("true to int", "c3",
                 "expected an integer from -2147483648 to 2147483647, got true");
    refused<int>("nil to int", "c0", "expected an integer from -2147483648 to 2147483647, got nil");
    refused<int>("array to int", "9101",
                 "expected an integer from -2147483648 to 2147483647, got an array of 1");
    refused<int>("nan to int", "cb 7ff8000000000000",
                 "expected an integer from -2147483648 to 2147483647, got the number nan");
    refused<int>("infinity to int", "cb 7ff0000000000000",
                 "expected an integer from -2147483648 to 2147483647, got the number inf");
    refused<int>("nothing to int", "",
                 "expected an integer from -2147483648 to 2147483647, got nothing");
    refused<qint8>("128 to qint8", "cc80", i8);
    accepted<qint8>("-128 to qint8", "d080");
    accepted<qint8>("127 in 8 bytes to qint8", "cf 000000000000007f");
    refused<quint8>("256 to quint8", "cd0100",
                    "expected an integer from 0 to 255, got the integer 256");
    refused<quint8>("-1 to quint8", "ff", "expected an integer from 0 to 255, got the integer -1");
    refused<qint16>("2^15 to qint16", "cd8000",
                    "expected an integer from -32768 to 32767, got the integer 32768");
    refused<quint16>("2^16 to quint16", "ce00010000",
                     "expected an integer from 0 to 65535, got the integer 65536");
    refused<quint32>("2^32 to quint32", "cf 0000000100000000",
                     "expected an integer from 0 to 4294967295, got the integer 4294967296");
    accepted<quint32>("2^32-1 to quint32", "ce ffffffff");
    refused<quint64>("-1 to quint64", "ff",
                     "expected an integer of 64 bits without sign, got the integer -1");
    refused<quint64>("-1.0 to quint64", "cb bff0000000000000",
                     "expected an integer of 64 bits without sign, got the number -1");
    refused<quint64>(
            "2^64 as float to quint64", "cb 43f0000000000000",
            "expected an integer of 64 bits without sign, got the number 18446744073709552000");
    accepted<quint64>("2^63 as float to quint64", "cb 43e0000000000000");
    accepted<quint64>("-0.0 to quint64", "cb 8000000000000000");
    refused<qint64>("2^64-1 to qint64", "cf ffffffffffffffff",
                    "expected an integer of 64 bits, got the integer 18446744073709551615");
    refused<qint64>("2^63 to qint64", "cf 8000000000000000",
                    "expected an integer of 64 bits, got the integer 9223372036854775808");
    refused<qint64>("2^63 as float to qint64", "cb 43e0000000000000",
                    "expected an integer of 64 bits, got the number 9223372036854776000");
    accepted<qint64>("-2^63 as float to qint64", "cb c3e0000000000000");
    accepted<quint64>("2^64-1 to quint64", "cf ffffffffffffffff");
}

static void floatRows()
{
    accepted<double>("2^53 to double", "cf 0020000000000000");
    refused<double>(
            "2^53+1 to double", "cf 0020000000000001",
            "expected a number that a double represents exactly, got the integer 9007199254740993");
    refused<double>("-2^53-1 to double", "d3 ffdfffffffffffff",
                    "expected a number that a double represents exactly, got the integer "
                    "-9007199254740993");
    refused<double>("2^64-1 to double", "cf ffffffffffffffff",
                    "expected a number that a double represents exactly, got the integer "
                    "18446744073709551615");
    refused<double>("2^63-1 to double", "cf 7fffffffffffffff",
                    "expected a number that a double represents exactly, got the integer "
                    "9223372036854775807");
    accepted<double>("-2^63 to double", "d3 8000000000000000");
    accepted<double>("float to double", "ca 3f800000");
    refused<double>("text to double", "a131", "expected a number, got the text \"1\"");
    refused<double>("false to double", "c2", "expected a number, got false");
    refused<double>("nil to double", "c0", "expected a number, got nil");
    refused<float>("0.1 as double to float", "cb 3fb999999999999a",
                   "expected a number that a float represents exactly, got the number 0.1");
    accepted<float>("0.5 as double to float", "cb 3fe0000000000000");
    accepted<float>("infinity to float", "cb 7ff0000000000000");
    refused<float>("1e300 to float", "cb 7e37e43c8800759c",
                   "expected a number that a float represents exactly, got the number 1e+300");
    refused<float>("2^24+1 to float", "ce 01000001",
                   "expected a number that a float represents exactly, got the integer 16777217");
}

static void otherRows()
{
    refused<bool>("1 to bool", "01", "expected a boolean, got the integer 1");
    refused<bool>("0 to bool", "00", "expected a boolean, got the integer 0");
    refused<bool>("nil to bool", "c0", "expected a boolean, got nil");
    refused<bool>("text to bool", "a474727565", "expected a boolean, got the text \"true\"");
    accepted<QString>("binary to text", "c40161");
    refused<QString>("binary that is no UTF-8 to text", "c401ff",
                     "expected text in UTF-8, got binary of 1 bytes");
    refused<QString>("text cut off to text", "a1c3",
                     "expected text in UTF-8, got the text \"\ufffd\"");
    refused<QString>("1 to text", "01", "expected text, got the integer 1");
    refused<QString>("nil to text", "c0", "expected text, got nil");
    accepted<QByteArray>("text to binary", "a161");
    accepted<QByteArray>("text that is no UTF-8 to binary", "a1ff");
    refused<QByteArray>("array to binary", "9101", "expected text or binary, got an array of 1");
    accepted<std::string>("binary to std::string", "c401ff");
    refused<std::string>("nil to std::string", "c0", "expected text or binary, got nil");
    accepted<QVariantMap>("empty array to map", "90");
    refused<QVariantMap>("array to map", "9101", "expected a map, got an array of 1");
    accepted<QVariantList>("empty map to array", "80");
    refused<QVariantList>("map to array", "810101", "expected an array, got a map of 1");
    accepted<AnyKeyMap>("empty array to any map", "90");
    accepted<std::vector<int>>("empty map to vector", "80");
    refused<std::vector<int>>("nil to vector", "c0", "expected an array, got nil");
    accepted<std::optional<int>>("nil to optional", "c0");
    refused<std::optional<int>>(
            "text to optional", "a0",
            "expected an integer from -2147483648 to 2147483647, got the text \"\"");
    accepted<std::nullptr_t>("nil to nullptr", "c0");
    refused<std::nullptr_t>("0 to nullptr", "00", "expected nil, got the integer 0");
    refused<std::pair<int, int>>("three to pair", "93010203",
                                 "expected an array of 2, got an array of 3");
    refused<std::pair<int, int>>("one to pair", "9101",
                                 "expected an array of 2, got an array of 1");
    refused<std::tuple<int>>("map to tuple", "810101", "expected an array of 1, got a map of 1");
    refused<std::array<int, 2>>("three to std::array", "93010203",
                                "expected an array of 2, got an array of 3");
    refused<std::array<quint8, 2>>(
            "element of std::array", "9201ff",
            "element 1: expected an integer from 0 to 255, got the integer -1");
    accepted<Extension>("timestamp to extension", "d6ff00000000");
    refused<Extension>("binary to extension", "c40100",
                       "expected an extension, got binary of 1 bytes");
    refused<QDateTime>("text to time", "a474696d65",
                       "expected a timestamp of whole milliseconds, got the text \"time\"");
    refused<QDateTime>("other extension", "d40500",
                       "expected a timestamp of whole milliseconds, got an extension of type 5");
}

void tst_Codec::lossless_data()
{
    QTest::addColumn<Refusal>("read");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("failure");
    integerRows();
    floatRows();
    otherRows();
}

// What fits is taken whole, what does not is refused with a message that says both sides.
void tst_Codec::lossless()
{
    QFETCH(Refusal, read);
    QFETCH(QByteArray, bytes);
    QTEST(read(bytes), "failure");
}

namespace {

using Check = std::function<bool()>;

// The value has these bytes, and these bytes give the value.
template<typename T>
void bothWays(const char *what, const T &value, const char *bytes)
{
    QTest::newRow(what) << Check([value, wire = hex(bytes)] {
        const QByteArray written = encode(value);
        if (written != wire)
            qWarning() << "written" << written.toHex() << "instead of" << wire.toHex();
        const auto read = decode<T>(wire);
        return written == wire && read && *read == value;
    });
}

} // namespace

Q_DECLARE_METATYPE(Check)

enum class Small : qint8 { Low = -128, High = 127 };
enum class Huge : quint64 { Top = std::numeric_limits<quint64>::max() };
enum Plain { PlainOne = 1, PlainTwo = 2 };

static void scalarRows()
{
    bothWays("nullptr", nullptr, "c0");
    bothWays("true", true, "c3");
    bothWays("false", false, "c2");
    bothWays<qint8>("qint8", -128, "d080");
    bothWays<quint8>("quint8", 255, "ccff");
    bothWays<qint16>("qint16", -32768, "d18000");
    bothWays<quint16>("quint16", 65535, "cdffff");
    bothWays<qint32>("qint32", std::numeric_limits<qint32>::min(), "d280000000");
    bothWays<quint32>("quint32", 4294967295U, "ceffffffff");
    bothWays<qint64>("qint64", std::numeric_limits<qint64>::min(), "d38000000000000000");
    bothWays<qint64>("qint64 max", std::numeric_limits<qint64>::max(), "cf7fffffffffffffff");
    bothWays<quint64>("quint64", std::numeric_limits<quint64>::max(), "cfffffffffffffffff");
    bothWays<char>("char", 'a', "61");
    bothWays<long>("long", -1, "ff");
    bothWays<unsigned long>("unsigned long", 1, "01");
    bothWays<char16_t>("char16_t", 0xffff, "cdffff");
    bothWays("0", 0, "00");
    bothWays("127", 127, "7f");
    bothWays("128", 128, "cc80");
    bothWays("-32", -32, "e0");
    bothWays("-33", -33, "d0df");
    bothWays("float", 0.5F, "ca3f000000");
    bothWays("double", 0.1, "cb3fb999999999999a");
    bothWays("float that is an integer", 2.0F, "ca40000000");
    bothWays("double that is an integer", 2.0, "cb4000000000000000");
    bothWays("negative zero", -0.0, "cb8000000000000000");
    bothWays("infinity", std::numeric_limits<double>::infinity(), "cb7ff0000000000000");
    bothWays("enum class", Small::Low, "d080");
    bothWays("enum of 64 bits", Huge::Top, "cfffffffffffffffff");
    bothWays("plain enum", PlainTwo, "02");
    bothWays("flags", QFlags<Qt::MouseButton>(Qt::LeftButton | Qt::RightButton), "03");
}

static void textRows()
{
    bothWays("empty text", u""_qs, "a0");
    bothWays("text", u"hello"_qs, "a568656c6c6f");
    bothWays("text of 31", QString(31, 'a'),
             ("bf" + QByteArray(62, '6').replace("66", "61")).constData());
    bothWays("text with umlaut", u"\u00e4\u20ac"_qs, "a5c3a4e282ac");
    bothWays("text beyond the BMP", QString::fromUtf8("\xf0\x9f\x98\x80"), "a4f09f9880");
    bothWays("byte order mark", u"\ufeffx"_qs, "a4efbbbf78");
    bothWays("text with zero", u"a\0b"_qs, "a3610062");
    bothWays("no character", u"\uffff"_qs, "a3efbfbf");
    bothWays("std::string", std::string("a\0b", 3), "a3610062");
    bothWays("binary", QByteArray("\x00\xff", 2), "c40200ff");
    bothWays("empty binary", QByteArray(), "c400");
    bothWays("date", QDate(2024, 2, 29), "aa323032342d30322d3239");
    bothWays("first year", QDate(1, 1, 1), "aa303030312d30312d3031");
    bothWays("time", QTime(23, 59, 59, 999), "ac32333a35393a35392e393939");
    bothWays("midnight", QTime(0, 0), "ac30303a30303a30302e303030");
    bothWays("url", QUrl("http://a/%20?b#c"), "b0687474703a2f2f612f2532303f622363");
    bothWays("empty url", QUrl(), "a0");
    bothWays("uuid", QUuid("{12345678-9abc-def0-1234-56789abcdef0}"),
             "d92431323334353637382d396162632d646566302d313233342d353637383961626364656630");
    bothWays("null uuid", QUuid(),
             "d92430303030303030302d303030302d303030302d303030302d303030303030303030303030");
}

static void containerRows()
{
    bothWays("list of int", QList<int>{1, 2, 3}, "93010203");
    bothWays("empty list", QList<int>(), "90");
    bothWays("list of text", QStringList{"a", "b"}, "92a161a162");
    bothWays("list of binary", QByteArrayList{"a"}, "91c40161");
    bothWays("vector", std::vector<double>{0.5}, "91cb3fe0000000000000");
    bothWays("vector of bool", std::vector<bool>{true, false}, "92c3c2");
    bothWays("list of lists", QList<QList<int>>{{1}, {}, {2, 3}}, "93 9101 90 920203");
    bothWays("pair", std::pair<int, QString>(1, "a"), "9201a161");
    bothWays("tuple", std::tuple<int, bool, QByteArray>(1, true, "a"), "9301c3c40161");
    bothWays("empty tuple", std::tuple<>(), "90");
    bothWays("std::array", std::array<int, 2>{1, 2}, "920102");
    bothWays("nested pair", QList<std::pair<int, int>>{{1, 2}}, "91920102");
    bothWays("QMap", QMap<QString, int>{{"a", 1}, {"b", 2}}, "82a16101a16202");
    bothWays("QHash", QHash<QString, int>{{"a", 1}}, "81a16101");
    bothWays("std::map", std::map<std::string, bool>{{"a", true}}, "81a161c3");
    bothWays("std::unordered_map", std::unordered_map<int, int>{{1, 2}}, "810102");
    bothWays("map with integer keys", QMap<int, QString>{{-1, "a"}, {1, "b"}}, "82ffa16101a162");
    bothWays("map with binary keys", QMap<QByteArray, int>{{"\xff", 1}}, "81c401ff01");
    bothWays("map of lists", QMap<QString, QList<int>>{{"a", {1}}}, "81a1619101");
    bothWays("full optional", std::optional<int>(1), "01");
    bothWays("empty optional", std::optional<int>(), "c0");
    bothWays("list of optional", QList<std::optional<int>>{1, std::nullopt}, "9201c0");
    bothWays("extension", Extension{5, "ab"}, "d5056162");
    bothWays("extension of 3", Extension{-128, "abc"}, "c70380616263");
    bothWays("empty extension", Extension{1, {}}, "c70001");
    bothWays("any map", AnyKeyMap{{1, "a"}, {"b", 2}}, "8201a161a16202");
}

void tst_Codec::roundTrip_data()
{
    QTest::addColumn<Check>("check");
    scalarRows();
    textRows();
    containerRows();
}

void tst_Codec::roundTrip()
{
    QFETCH(Check, check);
    QVERIFY(check());
}

void tst_Codec::nan()
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    QVERIFY(std::isnan(*decode<double>(encode(nan))));
    QVERIFY(std::isnan(*decode<float>(encode(nan))));
    QVERIFY(std::isnan(*decode<double>(encode(float(nan)))));
}

void tst_Codec::viewsAreWritten()
{
    QCOMPARE(encode(QStringView(u"ä")), hex("a2c3a4"));
    QCOMPARE(encode(QLatin1String("\xe4")), hex("a2c3a4"));
    QCOMPARE(encode<const char *>("ä"), hex("a2c3a4"));
    QCOMPARE(encode<const char *>(nullptr), hex("c0"));
    QCOMPARE(encode(std::string_view("a")), hex("a161"));
}

void tst_Codec::messages_data()
{
    QTest::addColumn<Refusal>("read");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("failure");

    const char *integer = "expected an integer from 0 to 255, got the text \"x\"";
    const auto with = [integer](const char *where) { return QByteArray(where).append(integer); };
    refused<QList<quint8>>("in list", "930102a178", with("element 2: "));
    refused<QList<QList<quint8>>>("in list of lists", "9290930102a178",
                                  with("element 1: element 2: "));
    refused<std::tuple<int, quint8>>("in tuple", "9201a178", with("element 1: "));
    refused<QMap<QString, quint8>>("in map", "81a3616263a178", with("key \"abc\": "));
    refused<QMap<int, quint8>>("in map with integer keys", "8107a178", with("key the integer 7: "));
    refused<QMap<quint8, int>>("in key", "81a17801", integer);
    refused<QMap<QString, QList<quint8>>>("in list in map", "81a1619201a178",
                                          with("key \"a\": element 1: "));
}

void tst_Codec::messages()
{
    QFETCH(Refusal, read);
    QFETCH(QByteArray, bytes);
    QTEST(read(bytes), "failure");
}

void tst_Codec::failureLeavesTheValue()
{
    int number = 5;
    const QByteArray text = hex("a0");
    Reader reader(text);
    QVERIFY(!Codec<int>::read(reader, number));
    QCOMPARE(number, 5);
    QCOMPARE(reader.kind(), Reader::String);

    quint8 tooSmall = 7;
    const QByteArray bytes = hex("cd0100");
    Reader large(bytes);
    QVERIFY(!Codec<quint8>::read(large, tooSmall));
    QCOMPARE(int(tooSmall), 7);
    QCOMPARE(large.kind(), Reader::Integer);
}

void tst_Codec::timestamps_data()
{
    QTest::addColumn<qint64>("msecs");
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("1970") << Q_INT64_C(0) << hex("d6ff 00000000");
    QTest::newRow("whole seconds") << Q_INT64_C(1'700'000'000'000) << hex("d6ff 6553f100");
    QTest::newRow("last of 32 bits") << Q_INT64_C(4'294'967'295'000) << hex("d6ff ffffffff");
    QTest::newRow("first of 34 bits")
            << Q_INT64_C(4'294'967'296'000) << hex("d7ff 00000001 00000000");
    QTest::newRow("milliseconds") << Q_INT64_C(1'700'000'000'123) << hex("d7ff 1d535300 6553f100");
    QTest::newRow("last of 34 bits")
            << Q_INT64_C(17'179'869'183'999) << hex("d7ff ee2e1f03 ffffffff");
    QTest::newRow("first of 64 bits")
            << Q_INT64_C(17'179'869'184'000) << hex("c70cff 00000000 0000000400000000");
    QTest::newRow("before 1970") << Q_INT64_C(-1) << hex("c70cff 3b8b87c0 ffffffffffffffff");
    QTest::newRow("whole second before 1970")
            << Q_INT64_C(-1000) << hex("c70cff 00000000 ffffffffffffffff");
    QTest::newRow("1 ms after that") << Q_INT64_C(-999) << hex("c70cff 000f4240 ffffffffffffffff");
    QTest::newRow("long ago") << QDateTime(QDate(1, 1, 1), QTime(0, 0), Qt::UTC).toMSecsSinceEpoch()
                              << hex("c70cff 00000000 fffffff1886e0900");
}

void tst_Codec::timestamps()
{
    QFETCH(qint64, msecs);
    QFETCH(QByteArray, bytes);
    const QDateTime time = QDateTime::fromMSecsSinceEpoch(msecs, Qt::UTC);
    QCOMPARE(encode(time).toHex(), bytes.toHex());
    const auto read = decode<QDateTime>(bytes);
    QVERIFY(read);
    QCOMPARE(read->toMSecsSinceEpoch(), msecs);
    QCOMPARE(read->timeSpec(), Qt::UTC);
}

void tst_Codec::timestampsRefused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("1 ns") << hex("d7ff 00000004 00000000");
    QTest::newRow("1 ns before 1970") << hex("c70cff 3b9ac9ff ffffffffffffffff");
    QTest::newRow("a second of nanoseconds") << hex("d7ff ee6b2800 00000000");
    QTest::newRow("a second of nanoseconds in 12 bytes") << hex("c70cff 3b9aca00 0000000000000000");
    QTest::newRow("beyond QDateTime") << hex("c70cff 00000000 7fffffffffffffff");
    QTest::newRow("before QDateTime") << hex("c70cff 00000000 8000000000000000");
    QTest::newRow("5 bytes") << hex("c705ff 0000000000");
    QTest::newRow("no bytes") << hex("c700ff");
    QTest::newRow("other type") << hex("d600 00000000");
    QTest::newRow("integer") << hex("00");
}

void tst_Codec::timestampsRefused()
{
    QFETCH(QByteArray, bytes);
    QVERIFY(refusal<QDateTime>(bytes).startsWith(
            "expected a timestamp of whole milliseconds, got "));
}

void tst_Codec::localTimeArrivesInUtc()
{
    const QDateTime there(QDate(2024, 7, 1), QTime(12, 0), Qt::OffsetFromUTC, 7200);
    const auto read = decode<QDateTime>(encode(there));
    QVERIFY(read);
    QCOMPARE(*read, there); // the same moment
    QCOMPARE(read->time(), QTime(10, 0));
    QCOMPARE(read->timeSpec(), Qt::UTC);
}

void tst_Codec::nilIsAnInvalidTime()
{
    QCOMPARE(encode(QDateTime()), hex("c0"));
    QCOMPARE(encode(QDate()), hex("c0"));
    QCOMPARE(encode(QTime()), hex("c0"));
    QVERIFY(decode<QDateTime>(hex("c0")) && !decode<QDateTime>(hex("c0"))->isValid());
    QVERIFY(decode<QDate>(hex("c0")) && !decode<QDate>(hex("c0"))->isValid());
    QVERIFY(decode<QTime>(hex("c0")) && !decode<QTime>(hex("c0"))->isValid());
    QVERIFY(!decode<QUuid>(hex("c0")));
    QVERIFY(!decode<QUrl>(hex("c0")));
}

void tst_Codec::textForms_data()
{
    QTest::addColumn<Refusal>("read");
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("accepted");
    const auto add = [](const char *type, const Refusal &read, const QString &text, bool accepted) {
        QTest::addRow("%s %s", type, qPrintable(text)) << read << text << accepted;
    };
    for (const char *text : {"2024-02-29", "0000-01-01", "9999-12-31"})
        add("date", refusal<QDate>, text, QByteArray(text) != "0000-01-01"); // no year 0 in Qt
    for (const char *text : {"", "2023-02-29", "2024-2-29", "2024-02-29T00:00:00", "2024/02/29",
                             "20240229", " 2024-02-29"})
        add("date", refusal<QDate>, text, false);
    for (const char *text :
         {"12:34", "12:34:56", "12:34:56.7", "12:34:56.78", "12:34:56.789", "00:00:00.000"})
        add("time", refusal<QTime>, text, true);
    for (const char *text : {"", "12", "1:2", "24:00", "12:60", "12:34:56.", "12:34:5",
                             "12:34:56.7891", "12:34:56,789", "12:34:56.789Z", "T12:34", "12:34 "})
        add("time", refusal<QTime>, text, false);
    for (const char *text :
         {"", "http://x", "tcp://[::1]:1", "file:///a", "relative/path", "http://x/ä"})
        add("url", refusal<QUrl>, QString::fromUtf8(text), true);
    for (const char *text : {"http://[", "http://a b", "http://x/%zz", "http://x:99999"})
        add("url", refusal<QUrl>, text, false);
    const QString uuid = "12345678-9abc-def0-1234-56789abcdef0";
    for (const QString &text : {uuid, uuid.toUpper(), "{" + uuid + "}"})
        add("uuid", refusal<QUuid>, text, true);
    for (const QString &text :
         {QString(), uuid + "0", "{" + uuid, uuid + "}", uuid.chopped(1), "{" + uuid + "}x",
          QString(uuid).replace('-', ""), QString("x").repeated(36)})
        add("uuid", refusal<QUuid>, text, false);
}

void tst_Codec::textForms()
{
    QFETCH(Refusal, read);
    QFETCH(QString, text);
    QTEST(read(encode(text)).isEmpty(), "accepted");
}

void tst_Codec::keyThatComesTwice()
{
    using Inner = QMap<QString, int>;
    const auto map = decode<QMap<QString, Inner>>(hex("82 a178 81a16101 a178 81a16202"));
    QVERIFY(map);
    QCOMPARE(map->size(), 1);
    QCOMPARE(map->value("x"), (Inner{{"b", 2}}));
}

void tst_Codec::announcedMuchMore_data()
{
    QTest::addColumn<Refusal>("read");
    QTest::addColumn<QByteArray>("bytes");
    const auto both = [](const char *type, const Refusal &read, const char *bytes) {
        QTest::newRow(type) << read << hex(bytes);
    };
    both("list", refusal<QList<int>>, "ddffffffff 01");
    both("vector", refusal<std::vector<QString>>, "ddffffffff a0");
    both("variants", refusal<QVariant>, "ddffffffff 01");
    both("variant list", refusal<QVariantList>, "ddffffffff 01");
    both("map", refusal<QMap<int, int>>, "dfffffffff 0101");
    both("variant map", refusal<QVariant>, "dfffffffff a0a0");
    both("any map", refusal<AnyKeyMap>, "dfffffffff 0101");
    both("text", refusal<QString>, "dbffffffff 61");
    both("binary", refusal<QByteArray>, "c6ffffffff 61");
    both("extension", refusal<Extension>, "c9ffffffff 0161");
    both("skipped", refusal<QDate>, "c9ffffffff 0161");
}

// Nothing is allocated for what was announced only.
void tst_Codec::announcedMuchMore()
{
    QFETCH(Refusal, read);
    QFETCH(QByteArray, bytes);
    QVERIFY(!read(bytes).isEmpty());
}

void tst_Codec::compatibility()
{
    const auto old = WireFormat::Compatibility;
    QCOMPARE(encode(QString(31, 'a'), old), hex("bf") + QByteArray(31, 'a'));
    QCOMPARE(encode(QString(32, 'a'), old), hex("da0020") + QByteArray(32, 'a'));
    QCOMPARE(encode(QString(255, 'a'), old), hex("da00ff") + QByteArray(255, 'a'));
    QCOMPARE(encode(QString(256, 'a'), old), hex("da0100") + QByteArray(256, 'a'));
    QCOMPARE(encode(QString(65536, 'a'), old), hex("db00010000") + QByteArray(65536, 'a'));
    QCOMPARE(encode(QByteArray(3, 'a'), old), hex("a3") + QByteArray(3, 'a'));
    QCOMPARE(encode(QByteArray(32, 'a'), old), hex("da0020") + QByteArray(32, 'a'));
    QCOMPARE(encode(std::string(200, 'a'), old), hex("da00c8") + QByteArray(200, 'a'));
    // The guess for the header is wrong here: 20 characters are 40 bytes, 100 are 200.
    QCOMPARE(encode(QString(20, u'ä'), old), hex("da0028") + QByteArray("ä").repeated(20));
    QCOMPARE(encode(QString(100, u'ä'), old), hex("da00c8") + QByteArray("ä").repeated(100));
    QCOMPARE(encode(QString(32, 'a')), hex("d920") + QByteArray(32, 'a'));
}

void tst_Codec::compatibilityHasNoExtensions_data()
{
    QTest::addColumn<QVariant>("value");
    QTest::newRow("extension") << QVariant::fromValue(Extension{1, "a"});
    QTest::newRow("time") << QVariant(QDateTime::currentDateTimeUtc());
    QTest::newRow("within") << QVariant(
            QVariantList{1, QVariantMap{{"x", QDateTime::currentDateTimeUtc()}}});
}

void tst_Codec::compatibilityHasNoExtensions()
{
    QFETCH(QVariant, value);
    Writer writer(WireFormat::Compatibility);
    Codec<QVariant>::write(writer, value);
    QVERIFY(writer.hasFailed());
    QVERIFY2(writer.failure().contains("compatibility format"), qPrintable(writer.failure()));
}

QTEST_APPLESS_MAIN(tst_Codec)
#include "tst_codec.moc"
