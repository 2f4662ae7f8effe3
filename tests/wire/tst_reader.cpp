// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Reader>

#include "place.h"
#include "wirevalues.h"

#include <QtCore/QRandomGenerator>

#include <msgpack.hpp>

using namespace MsgpackRpc;

class tst_Reader : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void kinds_data();
    void kinds();
    void emptyHasNothing();
    void malformed_data();
    void malformed();
    void completeValues_data();
    void completeValues();
    void lengthsBeyondTheEnd_data();
    void lengthsBeyondTheEnd();
    void describe_data();
    void describe();
    void firstFailureCounts();
    void recover();
    void copiesFailOnTheirOwn();
    void largeBodyIsMoved();
    void largeBodyIsCopied_data();
    void largeBodyIsCopied();
    void recoverAfterMoving();
    void nesting();
    void skipNeedsNoStack();
    void sameAsOracleOnValues();
    void sameAsOracleOnRandomBytes();
};

namespace {

// One complete value each, of every form that MessagePack has.
const char *const samples[] = {
        "00",
        "7f",
        "e0",
        "ff",
        "c0",
        "c2",
        "c3", // one byte
        "cc80",
        "cd8000",
        "ce80000000",
        "cf8000000000000000", // unsigned
        "d080",
        "d18000",
        "d280000000",
        "d38000000000000000", // signed
        "ca3f800000",
        "cb3ff0000000000000", // floats
        "a0",
        "a161",
        "d90161",
        "da000161",
        "db0000000161",
        "d900", // text
        "c40161",
        "c5000161",
        "c60000000161",
        "c400", // binary
        "90",
        "9101",
        "dc000101",
        "dd0000000101",
        "9301 9102 a0", // arrays
        "80",
        "810102",
        "de00010102",
        "df000000010102",
        "8201 8102c0 a161 90", // maps
        "d40161",
        "d5016162",
        "d60161626364",
        "d7016162636465666768",
        "d80161626364656667686162636465666768", // fixext
        "c700ff",
        "c7010161",
        "c800010161",
        "c9000000010161", // ext
};

// Every function that takes a value, by name; true if it took one.
struct ReadFunction
{
    const char *name;
    bool (*read)(Reader &);
};

const ReadFunction readFunctions[] = {
        {"nil", [](Reader &r) { return r.readNil(); }},
        {"bool",
         [](Reader &r) {
             bool v;
             return r.readBool(v);
         }},
        {"signed",
         [](Reader &r) {
             qint64 v;
             return r.readSigned(v);
         }},
        {"unsigned",
         [](Reader &r) {
             quint64 v;
             return r.readUnsigned(v);
         }},
        {"double",
         [](Reader &r) {
             double v;
             return r.readDouble(v);
         }},
        {"float",
         [](Reader &r) {
             float v;
             return r.readFloat(v);
         }},
        {"bytes view",
         [](Reader &r) {
             QByteArrayView v;
             return r.readBytesView(v);
         }},
        {"bytes",
         [](Reader &r) {
             QByteArray v;
             return r.readBytes(v);
         }},
        {"string",
         [](Reader &r) {
             QString v;
             return r.readString(v);
         }},
        {"array",
         [](Reader &r) {
             quint32 v;
             return r.readArray(v);
         }},
        {"map",
         [](Reader &r) {
             quint32 v;
             return r.readMap(v);
         }},
        {"extension",
         [](Reader &r) {
             qint8 t;
             QByteArrayView v;
             return r.readExtension(t, v);
         }},
        {"raw",
         [](Reader &r) {
             QByteArrayView v;
             return r.readRaw(v);
         }},
        {"skip", [](Reader &r) { return r.skip(); }},
        {"variant",
         [](Reader &r) {
             QVariant v;
             return Codec<QVariant>::read(r, v);
         }},
        {"any map",
         [](Reader &r) {
             AnyKeyMap v;
             return Codec<AnyKeyMap>::read(r, v);
         }},
        {"list",
         [](Reader &r) {
             QVariantList v;
             return Codec<QVariantList>::read(r, v);
         }},
        {"hash",
         [](Reader &r) {
             QVariantHash v;
             return Codec<QVariantHash>::read(r, v);
         }},
};

Reader::Kind expectedKind(int byte)
{
    if (byte < 0x80 || byte >= 0xe0)
        return Reader::Integer;
    if (byte < 0x90)
        return Reader::Map;
    if (byte < 0xa0)
        return Reader::Array;
    if (byte < 0xc0)
        return Reader::String;
    static const Reader::Kind rest[] = {
            Reader::Nil,     Reader::Malformed, Reader::Boolean, Reader::Boolean, // c0
            Reader::Binary,  Reader::Binary,    Reader::Binary,  Reader::Ext, // c4
            Reader::Ext,     Reader::Ext,       Reader::Float,   Reader::Float, // c8
            Reader::Integer, Reader::Integer,   Reader::Integer, Reader::Integer, // cc
            Reader::Integer, Reader::Integer,   Reader::Integer, Reader::Integer, // d0
            Reader::Ext,     Reader::Ext,       Reader::Ext,     Reader::Ext, // d4
            Reader::Ext,     Reader::String,    Reader::String,  Reader::String, // d8
            Reader::Array,   Reader::Array,     Reader::Map,     Reader::Map, // dc
    };
    return rest[byte - 0xc0];
}

// A frame with a large binary at its end.
QByteArray largeFrame(const char *before, const char *after = "")
{
    return hex(before) + hex("c600010000") + QByteArray(65536, 'x') + hex(after);
}

} // namespace

void tst_Reader::kinds_data()
{
    QTest::addColumn<int>("byte");
    for (int byte = 0; byte < 256; ++byte)
        QTest::addRow("%02x", byte) << byte;
}

void tst_Reader::kinds()
{
    QFETCH(int, byte);
    const QByteArray bytes = QByteArray(1, char(byte)) + QByteArray(40, '\0');
    QCOMPARE(Reader(bytes).kind(), expectedKind(byte));
}

void tst_Reader::emptyHasNothing()
{
    for (Reader empty : {Reader(), Reader(QByteArrayView()), Reader(QByteArray())}) {
        QVERIFY(empty.atEnd());
        QCOMPARE(empty.kind(), Reader::End);
        for (const ReadFunction &function : readFunctions) {
            Reader reader = empty;
            QVERIFY2(!function.read(reader), function.name);
            QVERIFY2(reader.hasFailed(), function.name);
            QVERIFY2(reader.failure().endsWith(", got nothing"), qPrintable(reader.failure()));
        }
    }
}

void tst_Reader::malformed_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("c1") << hex("c1");
    QTest::newRow("c1 in array") << hex("92 01 c1");
    QTest::newRow("c1 as key") << hex("81 c1 01");
    QTest::newRow("c1 as value") << hex("81 01 c1");
    QTest::newRow("c1 deep") << hex("9191919191c1");
    for (const char *sample : samples) {
        const QByteArray complete = hex(sample);
        for (qsizetype size = 1; size < complete.size(); ++size)
            QTest::addRow("%s cut to %d", sample, int(size)) << complete.first(size);
    }
}

// Whatever is cut off or wrong: no function takes it, nothing is read beyond the end (which the
// sanitizers see: the bytes are copied to a block of exactly their size).
void tst_Reader::malformed()
{
    QFETCH(QByteArray, bytes);
    const std::unique_ptr<char[]> exact(new char[size_t(bytes.size())]);
    memcpy(exact.get(), bytes.constData(), size_t(bytes.size()));
    const Reader start(QByteArrayView(exact.get(), bytes.size()));
    const bool isContainer = start.kind() == Reader::Array || start.kind() == Reader::Map;
    QVERIFY(isContainer || start.kind() == Reader::Malformed);
    for (const ReadFunction &function : readFunctions) {
        Reader reader = start;
        const bool takesHeader =
                isContainer
                && (function.name == QByteArray("array") || function.name == QByteArray("map"));
        if (takesHeader)
            continue;
        QVERIFY2(!function.read(reader), function.name);
        QVERIFY2(reader.hasFailed(), function.name);
        QVERIFY2(!reader.failure().isEmpty(), function.name);
        QVERIFY2(!start.describe().isEmpty(), function.name);
    }
}

void tst_Reader::completeValues_data()
{
    QTest::addColumn<QByteArray>("bytes");
    for (const char *sample : samples)
        QTest::newRow(sample) << hex(sample);
}

void tst_Reader::completeValues()
{
    QFETCH(QByteArray, bytes);
    const QByteArray followed = bytes + hex("c1");
    Reader reader(followed);
    QVERIFY(reader.skip());
    QCOMPARE(reader.kind(), Reader::Malformed); // just behind the value

    QByteArrayView raw;
    Reader rawReader(followed);
    QVERIFY(rawReader.readRaw(raw));
    QCOMPARE(raw.toByteArray(), bytes);

    QVariant variant;
    Reader variantReader(followed);
    QVERIFY(Codec<QVariant>::read(variantReader, variant));
    QVERIFY(!variantReader.hasFailed());
    QCOMPARE(variantReader.kind(), Reader::Malformed);
}

void tst_Reader::lengthsBeyondTheEnd_data()
{
    QTest::addColumn<QByteArray>("bytes");
    for (const char *head :
         {"bf", "d9ff", "daffff", "dbffffffff", "c4ff", "c5ffff", "c6ffffffff", "9f", "dcffff",
          "ddffffffff", "8f", "deffff", "dfffffffff", "d8", "c7ff", "c8ffff", "c9ffffffff"})
        QTest::newRow(head) << hex(head) + QByteArray(10, '\1');
}

void tst_Reader::lengthsBeyondTheEnd()
{
    QFETCH(QByteArray, bytes);
    for (const ReadFunction &function : readFunctions) {
        Reader reader(bytes);
        if (function.name == QByteArray("array") || function.name == QByteArray("map"))
            continue; // take the header only
        QVERIFY2(!function.read(reader), function.name);
        QVERIFY2(reader.hasFailed(), function.name);
    }
}

void tst_Reader::describe_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("description");
    QTest::newRow("nothing") << QByteArray() << "nothing";
    QTest::newRow("nil") << hex("c0") << "nil";
    QTest::newRow("true") << hex("c3") << "true";
    QTest::newRow("integer") << hex("d3ffffffffffffffff") << "the integer -1";
    QTest::newRow("large integer")
            << hex("cfffffffffffffffff") << "the integer 18446744073709551615";
    QTest::newRow("number") << hex("cb3fb999999999999a") << "the number 0.1";
    QTest::newRow("32-bit number") << hex("ca3f000000") << "the number 0.5";
    QTest::newRow("text") << hex("a3612562") << "the text \"a%b\"";
    QTest::newRow("long text") << QByteArray(hex("d964") + QByteArray(100, 'a'))
                               << "the text \"" + QString(40, 'a') + u"\u2026\""_qs;
    QTest::newRow("binary") << hex("c403616263") << "binary of 3 bytes";
    QTest::newRow("array") << hex("920102") << "an array of 2";
    QTest::newRow("map") << hex("810102") << "a map of 1";
    QTest::newRow("extension") << hex("d4ff00") << "an extension of type -1";
    QTest::newRow("c1") << hex("c1") << "malformed bytes";
    QTest::newRow("cut off") << hex("a561") << "malformed bytes";
}

void tst_Reader::describe()
{
    QFETCH(QByteArray, bytes);
    QTEST(Reader(bytes).describe(), "description");
}

void tst_Reader::firstFailureCounts()
{
    const QByteArray bytes = hex("01a161");
    Reader reader(bytes);
    QVERIFY(reader.failure().isEmpty());
    QVERIFY(!reader.readNil());
    qint64 number = 0;
    QVERIFY(reader.readSigned(number)); // goes on behind the failure
    QString text;
    QVERIFY(!reader.readNil());
    QVERIFY(!reader.fail("something else"));
    QVERIFY(!reader.fail(QStringLiteral("something else")));
    QCOMPARE(reader.failure(), "expected nil, got the integer 1");

    Reader other(bytes);
    QVERIFY(!other.fail(QStringLiteral("100 %1")));
    QVERIFY(!other.readNil());
    QCOMPARE(other.failure(), "expected 100 %1, got the integer 1");
}

void tst_Reader::recover()
{
    const QByteArray bytes = hex("01a161");
    Reader reader(bytes);
    QVERIFY(reader.skip());
    const Reader before = reader;
    QVERIFY(!reader.readNil());
    reader.failedIn(3);
    QCOMPARE(reader.failure(), "element 3: expected nil, got the text \"a\"");
    reader.recover(before);
    QVERIFY(!reader.hasFailed());
    QVERIFY(reader.failure().isEmpty());
    QString text;
    QVERIFY(reader.readString(text));
    QCOMPARE(text, "a");
    QVERIFY(reader.atEnd());
}

void tst_Reader::copiesFailOnTheirOwn()
{
    const QByteArray bytes = hex("01");
    Reader reader(bytes);
    reader.fail(QStringLiteral("x"));
    Reader copy = reader;
    copy.failedIn(1);
    QCOMPARE(reader.failure(), "expected x, got the integer 1");
    QCOMPARE(copy.failure(), "element 1: expected x, got the integer 1");
}

void tst_Reader::largeBodyIsMoved()
{
    QByteArray frame = largeFrame("92 07");
    const char *body = frame.constData() + frame.size() - 65536;
    Reader reader(QByteArrayView(frame), &frame);
    quint32 count = 0;
    qint64 number = 0;
    QByteArray bytes;
    QVERIFY(reader.readArray(count));
    QVERIFY(reader.readSigned(number));
    QVERIFY(reader.readBytes(bytes));
    QCOMPARE(bytes.size(), 65536);
    QVERIFY(bytes == QByteArray(65536, 'x'));
    QCOMPARE(place(bytes.constData()), place(body));
    QVERIFY(bytes.isDetached());
    QVERIFY(frame.isEmpty());
    QVERIFY(reader.atEnd());
    QVERIFY(!reader.skip());
    QVERIFY(reader.hasFailed());

    QByteArray variantFrame = largeFrame("81a178");
    body = variantFrame.constData() + variantFrame.size() - 65536;
    Reader variantReader(QByteArrayView(variantFrame), &variantFrame);
    QVariant variant;
    QVERIFY(Codec<QVariant>::read(variantReader, variant));
    const QByteArray held = variant.toMap().value("x").toByteArray();
    QCOMPARE(place(held.constData()), place(body));
}

void tst_Reader::largeBodyIsCopied_data()
{
    QTest::addColumn<QByteArray>("frame");
    QTest::addColumn<bool>("isGiven");
    QTest::newRow("not at the end") << largeFrame("92", "01") << true;
    QTest::newRow("small") << QByteArray(hex("91c5ffff") + QByteArray(65535, 'x')) << true;
    QTest::newRow("frame not given") << largeFrame("91") << false;
}

void tst_Reader::largeBodyIsCopied()
{
    QFETCH(QByteArray, frame);
    QFETCH(bool, isGiven);
    const QByteArray before = frame;
    frame.detach();
    Reader reader(QByteArrayView(frame), isGiven ? &frame : nullptr);
    quint32 count = 0;
    QByteArray bytes;
    QVERIFY(reader.readArray(count));
    QVERIFY(reader.readBytes(bytes));
    QCOMPARE(bytes.count('x'), bytes.size());
    QCOMPARE(frame, before);
}

// Who has moved the frame out and then refuses the value must not make the reader look at bytes
// that are gone.
void tst_Reader::recoverAfterMoving()
{
    QByteArray frame = largeFrame("81a178");
    Reader reader(QByteArrayView(frame), &frame);
    quint32 count = 0;
    QVERIFY(reader.readMap(count));
    const Reader key = reader;
    QVERIFY(reader.skip());
    const Reader start = reader;
    {
        QByteArray bytes;
        QVERIFY(reader.readBytes(bytes));
    }
    reader.recover(start);
    QVERIFY(reader.atEnd());
    QVERIFY(!reader.fail("something smaller"));
    QVERIFY(!reader.failedIn(key));
    QCOMPARE(reader.failure(), "expected something smaller, got a large binary");
}

void tst_Reader::nesting()
{
    const auto nested = [](int depth) { return QByteArray(depth, '\x91') + hex("01"); };
    QVERIFY(decode<QVariant>(nested(Reader::MaximumDepth)));
    QString failure;
    QVERIFY(!decode<QVariant>(nested(Reader::MaximumDepth + 1), &failure));
    QVERIFY2(failure.endsWith(
                     "expected an array or map nested at most 1024 deep, got an array of 1"),
             qPrintable(failure));
    QVERIFY(!decode<QVariant>(nested(1'000'000)));
    QVERIFY(!decode<QVariant>(QByteArray("\x81\xa1"
                                         "a")
                                      .repeated(1'000'000)));
    QVERIFY(!decode<QVariant>(QByteArray("\x81").repeated(1'000'000))); // maps as keys

    // Siblings do not count, nor what was nested before.
    const QByteArray siblings =
            hex("92") + nested(Reader::MaximumDepth - 1) + nested(Reader::MaximumDepth - 1);
    QVERIFY(decode<QVariant>(siblings));
    Reader reader(siblings);
    QVariant value;
    quint32 count = 0;
    QVERIFY(reader.readArray(count));
    QVERIFY(Codec<QVariant>::read(reader, value));
    QVERIFY(Codec<QVariant>::read(reader, value));
    QVERIFY(reader.atEnd());
}

void tst_Reader::skipNeedsNoStack()
{
    const QByteArray deep = QByteArray(10'000'000, '\x91') + hex("01");
    Reader reader(deep);
    QVERIFY(reader.skip());
    QVERIFY(reader.atEnd());
    Reader cut(QByteArrayView(deep).chopped(1));
    QVERIFY(!cut.skip());
}

// What msgpack-cxx packs is read as what it was.
void tst_Reader::sameAsOracleOnValues()
{
    QRandomGenerator random(1);
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    std::vector<qint64> integers;
    std::vector<std::string> texts;
    for (int i = 0; i < 5000; ++i) {
        integers.push_back(qint64(random.generate64()) >> random.bounded(64));
        texts.push_back(std::string(size_t(random.bounded(i % 50 == 0 ? 70'000 : 300)),
                                    char('a' + i % 26)));
        packer.pack(integers.back());
        packer.pack(texts.back());
        packer.pack(double(integers.back()) / 3);
    }
    Reader reader(QByteArrayView(buffer.data(), qsizetype(buffer.size())));
    for (size_t i = 0; i < integers.size(); ++i) {
        qint64 integer = 0;
        std::string text;
        double number = 0;
        QVERIFY(reader.readSigned(integer));
        QCOMPARE(integer, integers[i]);
        QVERIFY(Codec<std::string>::read(reader, text));
        QVERIFY(text == texts[i]);
        QVERIFY(reader.readDouble(number));
        QCOMPARE(number, double(integers[i]) / 3);
    }
    QVERIFY(reader.atEnd());
}

// skip() takes exactly what msgpack-cxx takes, and what it takes can be decoded.
void tst_Reader::sameAsOracleOnRandomBytes()
{
    QRandomGenerator random(2);
    int complete = 0;
    for (int i = 0; i < 200'000; ++i) {
        QByteArray bytes(random.bounded(1, 24), '\0');
        for (char &byte : bytes)
            byte = char(random.generate()
                        & (i % 2 ? 0xff : 0xdf)); // half of them with more containers
        size_t taken = 0;
        msgpack::null_visitor visitor;
        const bool isComplete =
                msgpack::parse(bytes.constData(), size_t(bytes.size()), taken, visitor);
        Reader reader(bytes);
        QByteArrayView raw;
        QCOMPARE(reader.readRaw(raw), isComplete);
        if (!isComplete)
            continue;
        ++complete;
        QCOMPARE(size_t(raw.size()), taken);
        QVERIFY(decode<QVariant>(raw.toByteArray()));
    }
    QVERIFY(complete > 10'000);
}

QTEST_APPLESS_MAIN(tst_Reader)
#include "tst_reader.moc"
