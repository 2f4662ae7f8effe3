// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Writer>

#include "place.h"
#include "wirevalues.h"

#include <QtCore/QRandomGenerator>

#include <msgpack.hpp>

#include <limits>
#include <utility>

using namespace MsgpackRpc;

class tst_Writer : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void empty();
    void integersAsOracle_data();
    void integersAsOracle();
    void floatsStayFloats();
    void lengthsAsOracle_data();
    void lengthsAsOracle();
    void containersAsOracle_data();
    void containersAsOracle();
    void textOfEveryLength_data();
    void textOfEveryLength();
    void loneSurrogates_data();
    void loneSurrogates();
    void raw();
    void failure();
    void nesting();
    void largeBinaryIsShared();
    void largeBinaryIsCopied_data();
    void largeBinaryIsCopied();
    void sharedKeepsItsBytes();
    void segmentAtEveryOffset();
    void truncate();
    void truncateToMore();
    void truncateToEveryValue();
    void remove_data();
    void remove();
    void removeMany();
    void removeRanges_data();
    void removeRanges();
    void clearKeepsWorking();
    void move();
};

namespace {

const QByteArray &large()
{
    static const QByteArray bytes(100'000, 'L');
    return bytes;
}

// Everything that \a writer has, as its segments give it.
QByteArray joined(const Writer &writer)
{
    QByteArray all;
    while (all.size() < writer.size()) {
        const Writer::Segment part = writer.segment(all.size());
        if (part.size <= 0)
            qFatal("an empty segment before the end");
        all.append(part.data, part.size);
    }
    return all;
}

template<typename Pack>
QByteArray oracle(Pack pack)
{
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    pack(packer);
    return QByteArray(buffer.data(), qsizetype(buffer.size()));
}

} // namespace

void tst_Writer::empty()
{
    Writer writer;
    QVERIFY(writer.isEmpty());
    QCOMPARE(writer.size(), 0);
    QVERIFY(writer.bytes().isEmpty());
    QCOMPARE(writer.segment(0).size, 0);
    writer.truncate(0);
    writer.remove(0, 0);
    writer.clear();
    QVERIFY(writer.isEmpty());
    QVERIFY(!writer.hasFailed());
    QCOMPARE(writer.format(), WireFormat::Modern);
}

void tst_Writer::integersAsOracle_data()
{
    QTest::addColumn<qint64>("number");
    QTest::addRow("0") << Q_INT64_C(0);
    QTest::addRow("lowest") << std::numeric_limits<qint64>::min();
    for (int bit = 0; bit < 63; ++bit) {
        for (qint64 near : {-1, 0, 1}) {
            QTest::addRow("2^%d%+d", bit, int(near)) << (Q_INT64_C(1) << bit) + near;
            QTest::addRow("-2^%d%+d", bit, int(near)) << -(Q_INT64_C(1) << bit) + near;
        }
    }
}

void tst_Writer::integersAsOracle()
{
    QFETCH(qint64, number);
    Writer writer;
    writer.writeSigned(number);
    QCOMPARE(writer.bytes().toHex(),
             oracle([&](auto &packer) { packer.pack_int64(number); }).toHex());
    QCOMPARE(decode<qint64>(writer.bytes()), std::optional(number));
    Writer other;
    other.writeUnsigned(quint64(number));
    QCOMPARE(other.bytes().toHex(),
             oracle([&](auto &packer) { packer.pack_uint64(quint64(number)); }).toHex());
    QCOMPARE(decode<quint64>(other.bytes()), std::optional(quint64(number)));
}

// msgpack-cxx itself would make integers of whole numbers.
void tst_Writer::floatsStayFloats()
{
    Writer writer;
    writer.writeDouble(3.0);
    writer.writeFloat(3.0F);
    writer.writeDouble(0.1);
    QCOMPARE(writer.bytes(), hex("cb4008000000000000 ca40400000 cb3fb999999999999a"));
}

void tst_Writer::lengthsAsOracle_data()
{
    QTest::addColumn<int>("size");
    for (int size :
         {0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257, 65535, 65536, 65537})
        QTest::addRow("%d", size) << size;
}

void tst_Writer::lengthsAsOracle()
{
    QFETCH(int, size);
    const QByteArray body(size, 'b');
    const auto length = uint32_t(size);
    Writer text;
    text.writeString(QByteArrayView(body));
    QCOMPARE(text.bytes(),
             oracle([&](auto &p) { p.pack_str(length).pack_str_body(body.constData(), length); }));
    Writer view;
    view.writeBinary(QByteArrayView(body));
    QCOMPARE(view.bytes(),
             oracle([&](auto &p) { p.pack_bin(length).pack_bin_body(body.constData(), length); }));
    Writer binary;
    binary.writeBinary(body);
    QCOMPARE(binary.bytes(), view.bytes());
    QCOMPARE(binary.size(), view.size());
    QCOMPARE(joined(binary), view.bytes());
    Writer extension;
    extension.writeExtension(-7, body);
    QCOMPARE(extension.bytes(), oracle([&](auto &p) {
                 p.pack_ext(length, -7).pack_ext_body(body.constData(), length);
             }));
}

void tst_Writer::containersAsOracle_data()
{
    QTest::addColumn<uint>("count");
    for (uint count : {0U, 1U, 15U, 16U, 65535U, 65536U, 4294967295U})
        QTest::addRow("%u", count) << count;
}

void tst_Writer::containersAsOracle()
{
    QFETCH(uint, count);
    Writer writer;
    writer.writeArray(count);
    writer.writeMap(count);
    QCOMPARE(writer.bytes(), oracle([&](auto &p) { p.pack_array(count).pack_map(count); }));
}

void tst_Writer::textOfEveryLength_data()
{
    QTest::addColumn<QString>("unit");
    QTest::newRow("ASCII") << "a";
    QTest::newRow("two bytes") << u"ä"_qs;
    QTest::newRow("three bytes") << u"€"_qs;
    QTest::newRow("four bytes") << QString::fromUtf8("\xf0\x9f\x98\x80");
    QTest::newRow("mixed") << u"aä€"_qs;
}

// Around every length at which the header or the way of encoding changes.
void tst_Writer::textOfEveryLength()
{
    QFETCH(QString, unit);
    for (const WireFormat format : {WireFormat::Modern, WireFormat::Compatibility}) {
        for (int count :
             {0,  1,  7,  8,   10,  11,  15,  16,    31,    32,    33,    63,    64,
              65, 85, 86, 127, 128, 255, 256, 21845, 21846, 32767, 32768, 65535, 65536}) {
            const QString text = unit.repeated(count);
            Writer writer(format);
            writer.writeNil(); // something before
            writer.writeString(QStringView(text));
            writer.writeNil(); // something behind
            Writer expected(format);
            expected.writeNil();
            expected.writeString(QByteArrayView(text.toUtf8()));
            expected.writeNil();
            QVERIFY2(writer.bytes() == expected.bytes(), qPrintable(QString::number(count)));
        }
    }
}

void tst_Writer::loneSurrogates_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QByteArray>("bytes");
    const QChar high(0xd83d);
    const QChar low(0xde00);
    QTest::newRow("high at the end") << QString("a") + high << hex("a461efbfbd");
    QTest::newRow("high in the middle") << QString(high) + 'a' << hex("a4efbfbd61");
    QTest::newRow("low at the beginning") << QString(low) + 'a' << hex("a4efbfbd61");
    QTest::newRow("wrong way round") << QString(low) + high << hex("a6efbfbdefbfbd");
}

void tst_Writer::loneSurrogates()
{
    QFETCH(QString, text);
    QTEST(encode(text), "bytes");
}

void tst_Writer::raw()
{
    Writer writer;
    writer.writeArray(2);
    writer.writeRaw(hex("a161"));
    writer.writeRaw(QByteArrayView());
    writer.write("\x01", 1);
    QCOMPARE(writer.bytes(), hex("92a16101"));
}

void tst_Writer::failure()
{
    Writer writer;
    QVERIFY(!writer.fail("first"));
    QVERIFY(!writer.fail("second"));
    QVERIFY(writer.hasFailed());
    QCOMPARE(writer.failure(), "first");
    writer.failedIn(3);
    writer.failedIn(u"key");
    QCOMPARE(writer.failure(), "key \"key\": element 3: first");
    writer.clearFailure();
    QVERIFY(!writer.hasFailed());
    QVERIFY(writer.failure().isEmpty());
    QVERIFY(!writer.fail(QString()));
    QVERIFY(writer.hasFailed());
}

void tst_Writer::nesting()
{
    const auto nested = [](int depth) {
        QVariant value = 1;
        for (int i = 0; i < depth; ++i)
            value = i % 2 ? QVariant(QVariantMap{{"a", value}}) : QVariant(QVariantList{value});
        return value;
    };
    Writer writer;
    Codec<QVariant>::write(writer, nested(Writer::MaximumDepth));
    QVERIFY(!writer.hasFailed());
    QCOMPARE(decodeVariant(writer.bytes()), nested(Writer::MaximumDepth));
    writer.clear();
    Codec<QVariant>::write(writer, nested(Writer::MaximumDepth + 1));
    QVERIFY(writer.hasFailed());
    QVERIFY2(writer.failure().endsWith("it is nested more than 1024 deep"),
             qPrintable(writer.failure()));
    QVERIFY(writer.failure().size() < 1000);
    writer.clear();
    writer.clearFailure();
    Codec<QVariant>::write(writer, nested(Writer::MaximumDepth)); // nothing is left of the failure
    QVERIFY(!writer.hasFailed());
}

void tst_Writer::largeBinaryIsShared()
{
    Writer writer;
    writer.writeArray(3);
    writer.writeBinary(large());
    writer.writeNil();
    writer.writeBinary(large());
    QCOMPARE(writer.size(), 1 + 5 + 100'000 + 1 + 5 + 100'000);
    QCOMPARE(writer.segment(0).size, 6);
    QCOMPARE(place(writer.segment(6).data), place(large().constData()));
    QCOMPARE(writer.segment(6).size, 100'000);
    QCOMPARE(writer.segment(100'006).size, 6);
    QCOMPARE(place(writer.segment(100'012).data), place(large().constData()));
    QCOMPARE(joined(writer), hex("93c6000186a0") + large() + hex("c0c6000186a0") + large());
    QCOMPARE(writer.bytes(), joined(writer));

    Writer variant;
    Codec<QVariant>::write(variant, QVariantMap{{"x", large()}});
    QCOMPARE(place(variant.segment(8).data), place(large().constData()));
}

void tst_Writer::largeBinaryIsCopied_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("small") << QByteArray(65535, 'x');
    QTest::newRow("raw data") << QByteArray::fromRawData(large().constData(), large().size());
}

void tst_Writer::largeBinaryIsCopied()
{
    QFETCH(QByteArray, bytes);
    Writer writer;
    writer.writeBinary(bytes);
    QCOMPARE(writer.segment(0).size, writer.size());
    QVERIFY(writer.bytes().endsWith(bytes));
}

void tst_Writer::sharedKeepsItsBytes()
{
    QByteArray bytes(100'000, 'x');
    Writer writer;
    writer.writeBinary(bytes);
    bytes.fill('y');
    QVERIFY(writer.bytes().endsWith(QByteArray(100'000, 'x')));
}

void tst_Writer::segmentAtEveryOffset()
{
    Writer writer;
    writer.writeBinary(large());
    writer.writeBinary(large());
    writer.writeNil();
    const QByteArray all = writer.bytes();
    for (qsizetype offset = 0; offset < all.size(); ++offset) {
        const Writer::Segment part = writer.segment(offset);
        QVERIFY(part.size > 0 && offset + part.size <= all.size());
        QVERIFY(part.data[0] == all.at(offset));
    }
    QCOMPARE(writer.segment(all.size()).size, 0);
}

void tst_Writer::truncate()
{
    Writer writer;
    writer.writeNil();
    const qsizetype before = writer.size();
    writer.writeBinary(large());
    const qsizetype between = writer.size();
    writer.writeBinary(large());
    writer.writeNil();
    writer.truncate(between);
    QCOMPARE(writer.size(), between);
    QCOMPARE(writer.bytes(), hex("c0c6000186a0") + large());
    writer.writeBool(true);
    QCOMPARE(writer.bytes(), hex("c0c6000186a0") + large() + hex("c3"));
    writer.truncate(before);
    QCOMPARE(writer.bytes(), hex("c0"));
    writer.writeBool(false);
    QCOMPARE(joined(writer), hex("c0c2"));
    writer.truncate(0);
    QVERIFY(writer.isEmpty());
}

void tst_Writer::truncateToMore()
{
    for (const qsizetype size : {qsizetype(-1), qsizetype(3), qsizetype(100'000)}) {
        Writer writer;
        writer.writeString(QByteArrayView("a"));
        writer.truncate(size);
        QVERIFY(writer.failure().contains(QStringLiteral("%1 bytes").arg(size)));
        QCOMPARE(writer.bytes(), QByteArray("\xa1"
                                            "a"));
    }
}

void tst_Writer::truncateToEveryValue()
{
    const auto fill = [](Writer &writer) {
        std::vector<qsizetype> sizes{0};
        for (int i = 0; i < 6; ++i) {
            i % 2 ? writer.writeBinary(large()) : writer.writeSigned(i * 100);
            sizes.push_back(writer.size());
        }
        return sizes;
    };
    Writer whole;
    const auto sizes = fill(whole);
    const QByteArray all = whole.bytes();
    for (qsizetype size : sizes) {
        Writer writer;
        fill(writer);
        writer.truncate(size);
        QCOMPARE(writer.size(), size);
        QVERIFY(writer.bytes() == all.first(size));
        writer.writeNil();
        QVERIFY(joined(writer) == all.first(size) + hex("c0"));
    }
}

// Values are plain or large; some of them are removed.
void tst_Writer::remove_data()
{
    QTest::addColumn<QString>("values"); // p: plain, L: large
    QTest::addColumn<int>("from");
    QTest::addColumn<int>("count");
    for (const QString &values : {u"ppp"_qs, u"pLp"_qs, u"LLL"_qs, u"LpL"_qs, u"pLLpLp"_qs}) {
        for (int from = 0; from < values.size(); ++from) {
            for (int count = 0; from + count <= values.size(); ++count)
                QTest::addRow("%s %d+%d", qPrintable(values), from, count)
                        << values << from << count;
        }
    }
}

void tst_Writer::remove()
{
    QFETCH(QString, values);
    QFETCH(int, from);
    QFETCH(int, count);
    Writer writer;
    Writer expected;
    qsizetype offset = 0;
    qsizetype size = 0;
    for (int i = 0; i < values.size(); ++i) {
        const auto write = [&](Writer &target) {
            values.at(i) == 'L' ? target.writeBinary(large())
                                : target.writeString(QByteArrayView("plain"));
            target.writeSigned(i);
        };
        const qsizetype before = writer.size();
        write(writer);
        if (i < from)
            offset = writer.size();
        else if (i < from + count)
            size += writer.size() - before;
        if (i < from || i >= from + count)
            write(expected);
    }
    writer.remove(offset, size);
    QCOMPARE(writer.size(), expected.size());
    QVERIFY(joined(writer) == expected.bytes());
    writer.writeNil();
    expected.writeNil();
    QVERIFY(joined(writer) == expected.bytes());
}

void tst_Writer::removeMany()
{
    QRandomGenerator random(3);
    Writer writer;
    QList<QByteArray> messages;
    for (int i = 0; i < 2000; ++i) {
        if (messages.size() > 3 && random.bounded(3) == 0) {
            const qsizetype at = random.bounded(int(messages.size()));
            qsizetype offset = 0;
            for (qsizetype j = 0; j < at; ++j)
                offset += messages.at(j).size();
            writer.remove(offset, messages.takeAt(at).size());
        } else {
            Writer one;
            const int size = random.bounded(20) == 0 ? 70'000 : random.bounded(50);
            const QByteArray body(size, char('a' + i % 26));
            one.writeBinary(body);
            writer.writeBinary(body);
            messages.append(one.bytes());
        }
    }
    QVERIFY(joined(writer) == messages.join());
}

void tst_Writer::removeRanges_data()
{
    QTest::addColumn<QString>("values"); // p: plain, L: large; x and X: the same, taken out
    for (const char *values :
         {"p", "x", "L", "X", "xp", "px", "pxp", "xpx", "pxpxp", "LXL", "XLX", "pXpxL", "XxLpXLxpp",
          "xxXXppLLxXpL", "pppxxxLLLXXX", "XXXLLLxxxppp", "LxLxLxLx", "xLxLxLxL", "XpXpXpXp"})
        QTest::addRow("%s", values) << QString::fromLatin1(values);
}

void tst_Writer::removeRanges()
{
    QFETCH(QString, values);
    Writer writer;
    Writer expected;
    std::vector<Writer::Range> ranges;
    for (const QChar value : values) {
        const qsizetype before = writer.size();
        const QByteArray body(value.isUpper() ? 70'000 : 10, char('a' + before % 26));
        writer.writeBinary(body);
        if (value.toLower() == u'x')
            ranges.push_back({before, writer.size() - before});
        else
            expected.writeBinary(body);
    }
    writer.remove(ranges);
    QCOMPARE(writer.size(), expected.size());
    QVERIFY(joined(writer) == expected.bytes());
    for (Writer *more : {&writer, &expected})
        more->writeBinary(QByteArray(70'000, 'z'));
    QVERIFY(joined(writer) == expected.bytes());
}

void tst_Writer::clearKeepsWorking()
{
    Writer writer(WireFormat::Compatibility);
    for (int i = 0; i < 3; ++i) {
        writer.writeBinary(QByteArrayView(QByteArray(300'000, 'x'))); // more than is kept
        writer.writeBinary(large());
        writer.clear();
        QVERIFY(writer.isEmpty());
        QCOMPARE(writer.size(), 0);
        writer.writeString(QByteArrayView(QByteArray(32, 'a')));
        QCOMPARE(writer.bytes(), hex("da0020") + QByteArray(32, 'a'));
    }
    writer.setFormat(WireFormat::Modern);
    QCOMPARE(writer.format(), WireFormat::Modern);
}

void tst_Writer::move()
{
    Writer writer;
    writer.writeNil();
    writer.writeBinary(large());
    writer.fail("x");
    Writer moved(std::move(writer));
    QCOMPARE(moved.bytes(), hex("c0c6000186a0") + large());
    QVERIFY(moved.hasFailed());
    QVERIFY(writer.isEmpty()); // NOLINT(bugprone-use-after-move): it is documented as movable, and reused
    QVERIFY(!writer.hasFailed());
    writer.writeBool(true);
    QCOMPARE(writer.bytes(), hex("c3"));
    moved = std::move(writer);
    QCOMPARE(moved.bytes(), hex("c3"));
    QVERIFY(!moved.hasFailed());
    QVERIFY(writer.isEmpty()); // NOLINT(bugprone-use-after-move)
    writer.writeNil();
    QCOMPARE(writer.bytes(), hex("c0"));
}

QTEST_APPLESS_MAIN(tst_Writer)
#include "tst_writer.moc"
