// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/AnyKeyMap>
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/Extension>

#include "wirevalues.h"

#include <QtCore/QObject>
#include <QtCore/QQueue>
#include <QtCore/QRandomGenerator>
#include <QtCore/QSet>

#include <limits>
#include <list>
#include <map>

using namespace MsgpackRpc;

// Values of any type: what they become where no type is known.
class tst_VariantCodec : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void decode_data();
    void decode();
    void roundTrip_data();
    void roundTrip();
    void written_data();
    void written();
    void sharedWithTypedForm_data();
    void sharedWithTypedForm();
    void keysThatAreNotText_data();
    void keysThatAreNotText();
    void keysComeInOrder();
    void lateOtherKeysCostNothing();
    void messages_data();
    void messages();
    void noForm_data();
    void noForm();
    void nullPointers();
    void randomValuesSurvive();
};

namespace {

template<typename T>
QVariant any(const T &value)
{
    return QVariant::fromValue(value);
}

} // namespace

void tst_VariantCodec::decode_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QVariant>("value");

    QTest::newRow("nil") << hex("c0") << QVariant();
    QTest::newRow("true") << hex("c3") << QVariant(true);
    QTest::newRow("small") << hex("05") << any<qlonglong>(5);
    QTest::newRow("negative") << hex("ff") << any<qlonglong>(-1);
    QTest::newRow("2^40") << hex("cf0000010000000000") << any<qlonglong>(Q_INT64_C(1) << 40);
    QTest::newRow("lowest") << hex("d38000000000000000")
                            << any<qlonglong>(std::numeric_limits<qint64>::min());
    QTest::newRow("highest") << hex("cf7fffffffffffffff")
                             << any<qlonglong>(std::numeric_limits<qint64>::max());
    QTest::newRow("2^63") << hex("cf8000000000000000") << any<qulonglong>(Q_UINT64_C(1) << 63);
    QTest::newRow("2^64-1") << hex("cfffffffffffffffff")
                            << any(std::numeric_limits<qulonglong>::max());
    QTest::newRow("float") << hex("ca3f000000") << QVariant(0.5);
    QTest::newRow("whole double") << hex("cb4008000000000000") << QVariant(3.0);
    QTest::newRow("text") << hex("a3e282ac") << QVariant(u"€"_qs);
    QTest::newRow("empty text") << hex("a0") << QVariant(u""_qs);
    QTest::newRow("text that is not UTF-8") << hex("a2c328") << QVariant(QByteArray("\xc3\x28"));
    QTest::newRow("text that is cut off") << hex("a261c3") << QVariant(QByteArray("a\xc3"));
    QTest::newRow("surrogate in UTF-8") << hex("a3eda080") << QVariant(QByteArray("\xed\xa0\x80"));
    QTest::newRow("overlong UTF-8") << hex("a2c0af") << QVariant(QByteArray("\xc0\xaf"));
    QTest::newRow("text behind a byte order mark") << hex("a4efbbbf78") << QVariant(u"\ufeffx"_qs);
    QTest::newRow("binary") << hex("c40161") << QVariant(QByteArray("a"));
    QTest::newRow("list") << hex("9301c0a161") << QVariant(QVariantList{1LL, QVariant(), "a"});
    QTest::newRow("empty list") << hex("90") << QVariant(QVariantList());
    QTest::newRow("map") << hex("82a16201a161c0")
                         << QVariant(QVariantMap{{"b", 1LL}, {"a", QVariant()}});
    QTest::newRow("empty map") << hex("80") << QVariant(QVariantMap());
    QTest::newRow("extension") << hex("d40561") << any(Extension{5, "a"});
    QTest::newRow("timestamp") << hex(
            "d6ff6553f100") << QVariant(QDateTime::fromMSecsSinceEpoch(1'700'000'000'000, Qt::UTC));
    QTest::newRow("milliseconds") << hex("d7ff1d5353006553f100")
                                  << QVariant(QDateTime::fromMSecsSinceEpoch(1'700'000'000'123,
                                                                             Qt::UTC));
    QTest::newRow("microseconds") << hex("d7ff00000fa06553f100")
                                  << any(Extension{-1, hex("00000fa06553f100")});
    QTest::newRow("nanoseconds") << hex("c70cff3b9ac9ffffffffffffffffff")
                                 << any(Extension{-1, hex("3b9ac9ffffffffffffffffff")});
    QTest::newRow("no timestamp") << hex("d4ff61") << any(Extension{-1, "a"});
}

void tst_VariantCodec::decode()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QVariant, value);
    const auto read = ::decode<QVariant>(bytes);
    QVERIFY(read);
    QCOMPARE(*read, value);
    QCOMPARE(read->metaType(), value.metaType());
    // What came goes back as it was, but for text that is none and numbers in longer forms than
    // they need.
    const auto again = ::decode<QVariant>(encode(*read));
    QVERIFY(again);
    QCOMPARE(*again, value);
    QCOMPARE(again->metaType(), value.metaType());
}

void tst_VariantCodec::roundTrip_data()
{
    QTest::addColumn<QVariant>("value");
    QTest::newRow("invalid") << QVariant();
    QTest::newRow("bool") << QVariant(true);
    QTest::newRow("int") << QVariant(7LL);
    QTest::newRow("quint64") << any(std::numeric_limits<quint64>::max());
    QTest::newRow("double") << QVariant(2.0);
    QTest::newRow("text") << QVariant("a");
    QTest::newRow("binary") << QVariant(QByteArray("\xff\x00", 2));
    QTest::newRow("time") << QVariant(QDateTime::fromMSecsSinceEpoch(-1, Qt::UTC));
    QTest::newRow("extension") << any(Extension{-128, "abc"});
    QTest::newRow("list") << QVariant(
            QVariantList{1LL, QVariantList{QVariantMap{{"x", QVariantList()}}}});
    QTest::newRow("map") << QVariant(
            QVariantMap{{"", 1LL}, {"ä", QVariantMap{{"b", QByteArray("c")}}}});
    QTest::newRow("any map") << any(
            AnyKeyMap{{1LL, 2LL}, {"a", QVariantList{1LL}}, {QVariant(), true}});
}

void tst_VariantCodec::roundTrip()
{
    QFETCH(QVariant, value);
    const auto read = ::decode<QVariant>(encode(value));
    QVERIFY(read);
    QCOMPARE(read->metaType(), value.metaType());
    QCOMPARE(*read, value);
}

void tst_VariantCodec::written_data()
{
    QTest::addColumn<QVariant>("value");
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("invalid") << QVariant() << hex("c0");
    QTest::newRow("nullptr") << any(nullptr) << hex("c0");
    QTest::newRow("null text") << QVariant(QString()) << hex("a0");
    QTest::newRow("char") << any<char>('a') << hex("61");
    QTest::newRow("signed char") << any<signed char>(-1) << hex("ff");
    QTest::newRow("uchar") << any<uchar>(255) << hex("ccff");
    QTest::newRow("short") << any<short>(-1) << hex("ff");
    QTest::newRow("ushort") << any<ushort>(65535) << hex("cdffff");
    QTest::newRow("int") << QVariant(-1) << hex("ff");
    QTest::newRow("uint") << QVariant(4294967295U) << hex("ceffffffff");
    QTest::newRow("long") << any<long>(-1) << hex("ff");
    QTest::newRow("ulong") << any<ulong>(1) << hex("01");
    QTest::newRow("qlonglong") << QVariant(-1LL) << hex("ff");
    QTest::newRow("qulonglong") << QVariant(1ULL) << hex("01");
    QTest::newRow("char16_t") << any<char16_t>(1) << hex("01");
    QTest::newRow("float") << QVariant(0.5F) << hex("ca3f000000");
    QTest::newRow("double") << QVariant(0.5) << hex("cb3fe0000000000000");
    QTest::newRow("std::string") << any(std::string("a")) << hex("a161");
    QTest::newRow("date") << QVariant(QDate(2024, 1, 2)) << hex("aa323032342d30312d3032");
    QTest::newRow("time of day") << QVariant(QTime(1, 2, 3)) << hex("ac30313a30323a30332e303030");
    QTest::newRow("url") << QVariant(QUrl("a:b")) << hex("a3613a62");
    QTest::newRow("uuid") << QVariant(QUuid())
                          << QByteArray(hex("d924") + "00000000-0000-0000-0000-000000000000");
    QTest::newRow("text list") << QVariant(QStringList{"a"}) << hex("91a161");
    QTest::newRow("byte array list") << any(QByteArrayList{"a"}) << hex("91c40161");
    QTest::newRow("hash") << QVariant(QVariantHash{{"a", 1}}) << hex("81a16101");
    QTest::newRow("list of int") << any(QList<int>{1}) << hex("9101");
    QTest::newRow("vector of double")
            << any(std::vector<double>{0.5}) << hex("91cb3fe0000000000000");
    QTest::newRow("map of int") << any(QMap<QString, int>{{"a", 1}}) << hex("81a16101");
    QTest::newRow("hash of text") << any(QHash<QString, QString>{{"a", "b"}}) << hex("81a161a162");
    QTest::newRow("map with int keys") << any(QMap<int, QString>{{1, "b"}}) << hex("8101a162");
    QTest::newRow("queue") << any(QQueue<int>{}) << hex("90");
    QTest::newRow("list of lists") << any(QList<QList<int>>{{1}, {}}) << hex("92910190");
    QTest::newRow("std::list") << any(std::list<short>{1, 2}) << hex("920102");
    QTest::newRow("std::map") << any(std::map<short, QString>{{1, "a"}}) << hex("8101a161");
    QTest::newRow("set") << any(QSet<int>{1}) << hex("9101");
    QTest::newRow("hash with int keys") << any(QHash<int, int>{{1, 2}}) << hex("810102");
    QTest::newRow("enum") << any(Qt::AlignRight) << hex("02");
    QTest::newRow("flags") << any(Qt::Alignment(Qt::AlignRight | Qt::AlignTop)) << hex("22");
    const QVariant inner = 1;
    QTest::newRow("variant in variant")
            << QVariant(QMetaType::fromType<QVariant>(), &inner) << hex("01");
}

void tst_VariantCodec::written()
{
    QFETCH(QVariant, value);
    QFETCH(QByteArray, bytes);
    QCOMPARE(encode(value).toHex(), bytes.toHex());
    QCOMPARE(encode(QVariantList{value, value}).toHex(), (hex("92") + bytes + bytes).toHex());
}

void tst_VariantCodec::sharedWithTypedForm_data()
{
    written_data();
}

// typeCodec() writes the same, and reads it back.
void tst_VariantCodec::sharedWithTypedForm()
{
    QFETCH(QVariant, value);
    QFETCH(QByteArray, bytes);
    if (!value.isValid())
        return;
    const TypeCodec *codec = typeCodec(value.metaType());
    QVERIFY(codec != nullptr);
    Writer writer;
    codec->write(writer, value.constData());
    QCOMPARE(writer.bytes().toHex(), bytes.toHex());
    QVariant read(value.metaType());
    Reader reader(bytes);
    QVERIFY2(codec->read(reader, read.data()), qPrintable(reader.failure()));
    if (value.typeId() != QMetaType::QVariant) {
        QCOMPARE(read, value);
        QVERIFY(codec->isOwnKind(Reader(bytes).kind()));
    }
}

void tst_VariantCodec::keysThatAreNotText_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<AnyKeyMap>("map");
    QTest::newRow("integer") << hex("810102") << AnyKeyMap{{1LL, 2LL}};
    QTest::newRow("binary") << hex("81c4016102") << AnyKeyMap{{QByteArray("a"), 2LL}};
    QTest::newRow("not UTF-8") << hex("81a1ff02") << AnyKeyMap{{QByteArray("\xff"), 2LL}};
    QTest::newRow("nil") << hex("81c002") << AnyKeyMap{{QVariant(), 2LL}};
    QTest::newRow("array") << hex("81910102") << AnyKeyMap{{QVariantList{1LL}, 2LL}};
    QTest::newRow("map") << hex("8181010203") << AnyKeyMap{{any(AnyKeyMap{{1LL, 2LL}}), 3LL}};
    QTest::newRow("same key twice") << hex("82a16101a16102") << AnyKeyMap{{"a", 1LL}, {"a", 2LL}};
    QTest::newRow("text, then integer")
            << hex("83a16201a161020304") << AnyKeyMap{{"b", 1LL}, {"a", 2LL}, {3LL, 4LL}};
    QTest::newRow("within") << hex("83a16291810102a161020304")
                            << AnyKeyMap{{"b", QVariantList{any(AnyKeyMap{{1LL, 2LL}})}},
                                         {"a", 2LL},
                                         {3LL, 4LL}};
}

void tst_VariantCodec::keysThatAreNotText()
{
    QFETCH(QByteArray, bytes);
    QFETCH(AnyKeyMap, map);
    const QVariant read = decodeVariant(bytes);
    QCOMPARE(read.metaType(), QMetaType::fromType<AnyKeyMap>());
    QCOMPARE(read.value<AnyKeyMap>(), map);
    QCOMPARE(decodeVariant(encode(read)).value<AnyKeyMap>(), map);
    QCOMPARE(::decode<AnyKeyMap>(bytes), std::optional(map));
}

void tst_VariantCodec::keysComeInOrder()
{
    Writer writer;
    writer.writeMap(1001);
    for (int i = 0; i < 1000; ++i) {
        writer.writeString(QByteArrayView(QByteArray::number((i * 7919) % 1000)));
        writer.writeSigned(i);
    }
    writer.writeNil();
    writer.writeNil();
    const auto map = decodeVariant(writer.bytes()).value<AnyKeyMap>();
    QCOMPARE(map.size(), 1001);
    for (int i = 0; i < 1000; ++i) {
        QCOMPARE(map.at(i).first, QVariant(QString::number((i * 7919) % 1000)));
        QCOMPARE(map.at(i).second, QVariant(i));
    }
    QCOMPARE(map.last().first, QVariant());
}

// A map that turns out to have other keys at its end is not decoded once more: nested, that would
// take 2^depth times as long. This test would not end.
void tst_VariantCodec::lateOtherKeysCostNothing()
{
    constexpr int depth = 1000;
    QByteArray bytes = hex("01");
    for (int i = 0; i < depth; ++i)
        bytes = hex("82a161") + bytes + hex("0102");
    QVariant value = decodeVariant(bytes);
    int found = 0;
    for (; value.metaType() == QMetaType::fromType<AnyKeyMap>();
         value = value.value<AnyKeyMap>().value("a"))
        ++found;
    QCOMPARE(found, depth);
    QCOMPARE(value, QVariant(1));
}

void tst_VariantCodec::messages_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("failure");
    QTest::newRow("nothing") << QByteArray() << "expected a value, got nothing";
    QTest::newRow("malformed") << hex("c1") << "expected a value, got malformed bytes";
    QTest::newRow("list") << hex("9201c1") << "element 1: expected a value, got malformed bytes";
    QTest::newRow("list that ends") << hex("9201") << "element 1: expected a value, got nothing";
    QTest::newRow("map") << hex("81a161c1") << "key \"a\": expected a value, got malformed bytes";
    QTest::newRow("key") << hex("81c1") << "expected a value, got malformed bytes";
    QTest::newRow("any map") << hex("82010202c1")
                             << "key the integer 2: expected a value, got malformed bytes";
    QTest::newRow("key of any map")
            << hex("810102").first(2) << "key the integer 1: expected a value, got nothing";
    QTest::newRow("both") << hex("9181a161810291c1")
                          << "element 0: key \"a\": key the integer 2: element 0: expected a "
                             "value, got malformed bytes";
}

void tst_VariantCodec::messages()
{
    QFETCH(QByteArray, bytes);
    QTEST(refusal<QVariant>(bytes), "failure");
}

struct Unknown
{
    int x = 0;
};

void tst_VariantCodec::noForm_data()
{
    QTest::addColumn<QVariant>("value");
    QTest::addColumn<QString>("failure");
    QTest::newRow("struct") << any(Unknown()) << "the type Unknown has no form on the wire";
    QTest::newRow("object") << any(static_cast<QObject *>(this))
                            << "the type QObject* has no form on the wire";
    QTest::newRow("in list") << QVariant(QVariantList{1, any(Unknown())})
                             << "element 1: the type Unknown has no form on the wire";
    QTest::newRow("in map") << QVariant(QVariantMap{{"a", 1}, {"b", QVariantList{any(Unknown())}}})
                            << "key \"b\": element 0: the type Unknown has no form on the wire";
    QTest::newRow("list of them") << any(QList<Unknown>{{}})
                                  << "the type QList<Unknown> has no form on the wire";
    QTest::newRow("year") << QVariant(QDate(10000, 1, 1))
                          << "the year 10000 has no form in ISO 8601";
}

void tst_VariantCodec::noForm()
{
    QFETCH(QVariant, value);
    Writer writer;
    Codec<QVariant>::write(writer, value);
    QTEST(writer.failure(), "failure");
}

void tst_VariantCodec::nullPointers()
{
    QCOMPARE(encode(any(static_cast<QObject *>(nullptr))), hex("c0"));
    QCOMPARE(encode(any(static_cast<void *>(nullptr))), hex("c0"));
    QCOMPARE(encode(any(static_cast<tst_VariantCodec *>(nullptr))), hex("c0"));
}

static QVariant randomValue(QRandomGenerator &random, int depth)
{
    const QString text = QString(random.bounded(40), QChar(random.bounded(0x20, 0xd000)));
    switch (random.bounded(depth > 4 ? 7 : 10)) {
    case 0:
        return {};
    case 1:
        return bool(random.bounded(2));
    case 2:
        return qlonglong(random.generate64()) >> random.bounded(64);
    case 3:
        return qulonglong(random.generate64() | (Q_UINT64_C(1) << 63));
    case 4:
        return random.generateDouble();
    case 5:
        return text;
    case 6:
        return any(Extension{qint8(random.bounded(127)), text.toUtf8()});
    case 7: {
        QVariantList list;
        for (int i = random.bounded(6); i > 0; --i)
            list.append(randomValue(random, depth + 1));
        return list;
    }
    case 8: {
        AnyKeyMap map{{true, text.toUtf8()}};
        for (int i = random.bounded(4); i > 0; --i)
            map.append({randomValue(random, depth + 1), randomValue(random, depth + 1)});
        return any(map);
    }
    default: {
        QVariantMap map;
        for (int i = random.bounded(20); i > 0; --i)
            map.insert(QString::number(random.bounded(1000)), randomValue(random, depth + 1));
        return map;
    }
    }
}

void tst_VariantCodec::randomValuesSurvive()
{
    QRandomGenerator random(4);
    for (int i = 0; i < 3000; ++i) {
        const QVariant value = randomValue(random, 0);
        const QByteArray bytes = encode(value);
        const QVariant read = decodeVariant(bytes);
        QCOMPARE(read, value);
        QCOMPARE(encode(read), bytes);
        Reader reader(bytes);
        QVERIFY(reader.skip() && reader.atEnd());
    }
}

QTEST_APPLESS_MAIN(tst_VariantCodec)
#include "tst_variantcodec.moc"
