// SPDX-License-Identifier: Apache-2.0
#include "wire/scanner_p.h"

#include "place.h"
#include "wire/wiremessages.h"

#include <QtTest/QTest>

#include <msgpack.hpp>

#include <cstdlib>
#include <new>

using namespace MsgpackRpc;
using namespace WireMessages;

namespace {

qint64 allocations = 0;

} // namespace

void *operator new(size_t size)
{
    ++allocations;
    void *const memory = std::malloc(size != 0 ? size : 1);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

void *operator new[](size_t size)
{
    return operator new(size);
}

void operator delete(void *memory) noexcept
{
    std::free(memory);
}

void operator delete(void *memory, size_t) noexcept
{
    std::free(memory);
}

void operator delete[](void *memory) noexcept
{
    std::free(memory);
}

void operator delete[](void *memory, size_t) noexcept
{
    std::free(memory);
}

class tst_Scanner : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void messages_data();
    void messages();
    void messagesInPieces_data();
    void messagesInPieces();
    void truncated_data();
    void truncated();
    void stopsAtTheEnd();
    void elements();
    void keptElements();
    void notAMessage_data();
    void notAMessage();
    void neverUsedByteAnywhere();
    void depthLimit_data();
    void depthLimit();
    void depthBounds();
    void itemLimit_data();
    void itemLimit();
    void byteLimit_data();
    void byteLimit();
    void hostileHeaders_data();
    void hostileHeaders();
    void deepNesting();
    void scanningAllocatesNothing();
    void resetStartsAgain();
    void missingIsALowerBound();
    void sameAsOracleOnMessages();
    void sameAsOracleOnMutations();
    void sameAsOracleOnRandomBytes();
};

namespace {

struct Outcome
{
    Scanner::Result result = Scanner::NeedMore;
    qsizetype size = 0;
    bool exceedsLimit = false;
};

Outcome scanPieces(Scanner &scanner, const QList<QByteArray> &pieces)
{
    Outcome outcome;
    for (const QByteArray &piece : pieces) {
        const char *pos = piece.constData();
        outcome.result = scanner.scan(pos, piece.constData() + piece.size());
        outcome.size += pos - piece.constData();
        if (outcome.result != Scanner::NeedMore)
            break;
        if (pos != piece.constData() + piece.size())
            return {}; // it stopped although it wants more
    }
    outcome.exceedsLimit = scanner.exceedsLimit();
    return outcome;
}

Outcome scan(const QByteArray &bytes, const Limits &limits = {})
{
    Scanner scanner(limits);
    return scanPieces(scanner, {bytes});
}

QList<QByteArray> randomPieces(const QByteArray &bytes, QRandomGenerator &random)
{
    QList<QByteArray> pieces;
    for (qsizetype at = 0; at < bytes.size();) {
        const qsizetype size = 1 + qsizetype(random.bounded(9U));
        pieces.append(bytes.mid(at, size));
        at += size;
    }
    return pieces;
}

struct Oracle : msgpack::null_visitor
{
    void parse_error(size_t, size_t) { isMalformed = true; }
    void insufficient_bytes(size_t, size_t) { isCut = true; }
    bool isMalformed = false;
    bool isCut = false;
    size_t end = 0;

    explicit Oracle(const QByteArray &bytes)
    {
        msgpack::parse(bytes.constData(), size_t(bytes.size()), end, *this);
    }
};

// The scanner says what msgpack's own parser says, in one piece and in many. Empty if so.
QString disagreement(const QByteArray &bytes, QRandomGenerator &random)
{
    const Oracle oracle(bytes);
    const Outcome whole = scan(bytes);
    Scanner scanner{Limits()};
    const Outcome cut = scanPieces(scanner, randomPieces(bytes, random));
    const auto say = [&](const char *what) {
        return QStringLiteral("%1: %2 (oracle end %3 malformed %4 cut %5, scanner %6 at %7)")
                .arg(QLatin1String(what), QLatin1String(bytes.toHex()))
                .arg(oracle.end)
                .arg(oracle.isMalformed)
                .arg(oracle.isCut)
                .arg(whole.result)
                .arg(whole.size);
    };
    if (whole.result != cut.result || whole.size != cut.size)
        return say("in pieces it is different");
    // What was announced beyond the limits fails before it has come.
    if (whole.result == Scanner::Failed && whole.exceedsLimit)
        return oracle.isCut || oracle.isMalformed ? QString() : say("a limit, but it is complete");
    if (oracle.isMalformed)
        return whole.result == Scanner::Failed ? QString() : say("malformed");
    if (oracle.isCut)
        return whole.result == Scanner::NeedMore ? QString() : say("cut");
    return whole.result == Scanner::Complete && size_t(whole.size) == oracle.end ? QString()
                                                                                 : say("complete");
}

bool beginsLikeAMessage(const QByteArray &bytes)
{
    if (bytes.isEmpty())
        return false;
    const uchar first = uchar(bytes.front());
    if (first == 0xdc || first == 0xdd)
        return bytes.mid(1, first == 0xdc ? 2 : 4).count('\0') < (first == 0xdc ? 2 : 4);
    return first > 0x90 && first <= 0x9f;
}

QByteArray nested(int depth)
{
    return QByteArray(depth - 1, char(0x91)) + char(0x91) + char(0xc0);
}

} // namespace

void tst_Scanner::messages_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("count");

    QTest::newRow("request") << hex("940001a3616464920102") << 4;
    QTest::newRow("request, integer method") << hex("9400010791a568656c6c6f") << 4;
    QTest::newRow("request, large msgid") << hex("9400ce7fffffffa3616464920102") << 4;
    QTest::newRow("response") << hex("940101c003") << 4;
    QTest::newRow("error response") << hex("940101a4626f6f6dc0") << 4;
    QTest::newRow("notification") << hex("9302a4706f6b6590") << 3;
    QTest::newRow("SESSION, raw") << hex("9203a649707f000001") << 2;
    QTest::newRow("SESSION, bin") << hex("9203c40649707f000001") << 2;
    QTest::newRow("OPTION") << hex("93040101") << 3;
    QTest::newRow("OPTION, nil") << hex("9304c0c0") << 3;
    QTest::newRow("array16") << hex("dc00029301c2") + hex("c3") + hex("c0") << 2;
    QTest::newRow("array32") << hex("dd000000019301c2c3") << 1;
    QTest::newRow("sixteen values") << hex("dc0010") + QByteArray(16, '\x01') << 16;
    QTest::newRow("every scalar") << hex(
            "dc001700 ff c0 c2 c3 ca00000000 cb0000000000000000 cc00 cd0000 ce00000000"
            "cf0000000000000000 d000 d10000 d200000000 d30000000000000000 d40000 d5000000"
            "d60000000000 d7000000000000000000 d80000000000000000000000000000000000"
            "c7010000 c800010000 c9000000010000")
                                  << 23;
    QTest::newRow("text, binary, maps")
            << hex("9b a0 a161 d90161 da000161 db0000000161 c40161 c5000161 c60000000161 810102"
                   "de00010102 df000000010102")
            << 11;
    QTest::newRow("empty ends") << hex("9490 80 90 80") << 4;
    QTest::newRow("empty body in the end") << hex("92c400c700ff") << 2;
}

void tst_Scanner::messages()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, count);

    Scanner scanner{Limits()};
    const Outcome outcome = scanPieces(scanner, {bytes + "rest"});
    QCOMPARE(outcome.result, Scanner::Complete);
    QCOMPARE(outcome.size, bytes.size());
    QCOMPARE(scanner.size(), bytes.size());
    QCOMPARE(scanner.count(), quint32(count));
}

void tst_Scanner::messagesInPieces_data()
{
    messages_data();
}

void tst_Scanner::messagesInPieces()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, count);

    Scanner whole{Limits()};
    scanPieces(whole, {bytes});
    QRandomGenerator random(7);
    QList<QList<QByteArray>> splits;
    for (qsizetype i = 0; i <= bytes.size(); ++i)
        splits.append({bytes.left(i), bytes.mid(i)});
    QList<QByteArray> single;
    for (const char c : std::as_const(bytes))
        single.append(QByteArray(1, c));
    splits.append(single);
    for (int i = 0; i < 20; ++i)
        splits.append(randomPieces(bytes, random));

    for (const QList<QByteArray> &pieces : std::as_const(splits)) {
        Scanner scanner{Limits()};
        const Outcome outcome = scanPieces(scanner, pieces);
        QCOMPARE(outcome.result, Scanner::Complete);
        QCOMPARE(outcome.size, bytes.size());
        QCOMPARE(scanner.size(), bytes.size());
        QCOMPARE(scanner.count(), quint32(count));
        for (int i = 0; i < qMin(count, Scanner::KeptElements); ++i)
            QCOMPARE(scanner.offset(i), whole.offset(i));
    }
}

void tst_Scanner::truncated_data()
{
    messages_data();
}

void tst_Scanner::truncated()
{
    QFETCH(QByteArray, bytes);
    for (qsizetype size = 0; size < bytes.size(); ++size) {
        const Outcome outcome = scan(bytes.left(size));
        QCOMPARE(outcome.result, Scanner::NeedMore);
        QCOMPARE(outcome.size, size);
    }
}

void tst_Scanner::stopsAtTheEnd()
{
    const QByteArray first = hex("940001a3616464920102");
    const QByteArray second = hex("9302a4706f6b6590");
    const QByteArray bytes = first + second + hex("94");
    const char *pos = bytes.constData();
    const char *const end = pos + bytes.size();
    Scanner scanner{Limits()};
    QCOMPARE(scanner.scan(pos, end), Scanner::Complete);
    QCOMPARE(pos - bytes.constData(), first.size());
    scanner.reset();
    QCOMPARE(scanner.size(), 0);
    QCOMPARE(scanner.scan(pos, end), Scanner::Complete);
    QCOMPARE(scanner.size(), second.size());
    QCOMPARE(scanner.count(), 3U);
    scanner.reset();
    QCOMPARE(scanner.scan(pos, end), Scanner::NeedMore);
    QCOMPARE(place(pos), place(end));
    QCOMPARE(scanner.size(), 1);
}

void tst_Scanner::elements()
{
    Scanner scanner{Limits()};
    scanPieces(scanner, {hex("9400cd0100a36164649201920304")});
    QCOMPARE(scanner.count(), 4U);
    QCOMPARE(scanner.offset(0), 1);
    QCOMPARE(scanner.offset(1), 2);
    QCOMPARE(scanner.offset(2), 5);
    QCOMPARE(scanner.offset(3), 9);
}

void tst_Scanner::keptElements()
{
    Scanner scanner{Limits()};
    const Outcome outcome = scanPieces(scanner, {hex("dc000604"), QByteArray(5, '\x01')});
    QCOMPARE(outcome.result, Scanner::Complete);
    QCOMPARE(scanner.count(), 6U);
    QCOMPARE(scanner.offset(3), 6);
}

void tst_Scanner::notAMessage_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("nil") << hex("c0");
    QTest::newRow("integer") << hex("07");
    QTest::newRow("negative integer") << hex("ff");
    QTest::newRow("zlib header") << hex("789c");
    QTest::newRow("text") << hex("a3616464");
    QTest::newRow("HTTP") << QByteArray("GET / HTTP/1.1\r\n");
    QTest::newRow("TLS hello") << hex("1603010200");
    QTest::newRow("binary") << hex("c40100");
    QTest::newRow("fixmap") << hex("8100c0");
    QTest::newRow("map16") << hex("de00010000");
    QTest::newRow("map32") << hex("df000000010000");
    QTest::newRow("double") << hex("cb0000000000000000");
    QTest::newRow("ext") << hex("d40000");
    QTest::newRow("never used byte") << hex("c1");
    QTest::newRow("half a bin32") << hex("c6648f");
    QTest::newRow("half a map16") << hex("de");
    QTest::newRow("empty fixarray") << hex("90");
    QTest::newRow("empty array16") << hex("dc0000");
    QTest::newRow("empty array32") << hex("dd00000000");
}

void tst_Scanner::notAMessage()
{
    QFETCH(QByteArray, bytes);
    Scanner scanner{Limits()};
    const Outcome outcome = scanPieces(scanner, {bytes});
    QCOMPARE(outcome.result, Scanner::Failed);
    QVERIFY(!outcome.exceedsLimit);
    QVERIFY(!scanner.error().isEmpty());

    Scanner single{Limits()};
    QList<QByteArray> pieces;
    for (const char c : std::as_const(bytes))
        pieces.append(QByteArray(1, c));
    QCOMPARE(scanPieces(single, pieces).result, Scanner::Failed);
}

void tst_Scanner::neverUsedByteAnywhere()
{
    // Wherever a value may begin; within a body it is a byte like any other.
    const QByteArray good = hex("9400c0a3616464930102810a0b");
    const QList<qsizetype> begins{0, 1, 2, 3, 7, 8, 9, 10, 11, 12};
    for (qsizetype i = 0; i < good.size(); ++i) {
        QByteArray bytes = good;
        bytes[i] = char(0xc1);
        const Outcome outcome = scan(bytes);
        QCOMPARE(outcome.result, begins.contains(i) ? Scanner::Failed : Scanner::Complete);
        if (outcome.result == Scanner::Failed)
            QVERIFY(outcome.size <= i + 1);
    }
}

void tst_Scanner::depthLimit_data()
{
    QTest::addColumn<int>("limit");

    QTest::newRow("1") << 1;
    QTest::newRow("2") << 2;
    QTest::newRow("128") << 128;
    QTest::newRow("1024") << 1024;
}

void tst_Scanner::depthLimit()
{
    QFETCH(int, limit);
    Limits limits;
    limits.depth = limit;
    QCOMPARE(scan(nested(limit), limits).result, Scanner::Complete);
    const Outcome outcome = scan(nested(limit + 1), limits);
    QCOMPARE(outcome.result, Scanner::Failed);
    QVERIFY(outcome.exceedsLimit);
    // What has no values needs no depth.
    QCOMPARE(scan(QByteArray(limit, char(0x91)) + hex("90"), limits).result, Scanner::Complete);
    QCOMPARE(scan(QByteArray(limit, char(0x91)) + hex("80"), limits).result, Scanner::Complete);
    QCOMPARE(scan(QByteArray(limit, char(0x91)) + hex("8100c0"), limits).result, Scanner::Failed);
}

void tst_Scanner::depthBounds()
{
    Limits limits;
    limits.depth = 0;
    QCOMPARE(scan(nested(1), limits).result, Scanner::Complete);
    QCOMPARE(scan(nested(2), limits).result, Scanner::Failed);
    limits.depth = 1'000'000;
    QCOMPARE(scan(nested(1024), limits).result, Scanner::Complete);
    QCOMPARE(scan(nested(1025), limits).result, Scanner::Failed);
}

void tst_Scanner::itemLimit_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("items");

    QTest::newRow("array") << hex("9301c2c3") << 3;
    QTest::newRow("map counts keys and values") << hex("91820102c0c0") << 5;
    QTest::newRow("nested arrays") << hex("93 9101 920102 90") << 6;
    QTest::newRow("array16") << hex("dc0100") + QByteArray(256, '\x01') << 256;
}

void tst_Scanner::itemLimit()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, items);
    Limits limits;
    limits.items = items;
    QCOMPARE(scan(bytes, limits).result, Scanner::Complete);
    limits.items = items - 1;
    const Outcome outcome = scan(bytes, limits);
    QCOMPARE(outcome.result, Scanner::Failed);
    QVERIFY(outcome.exceedsLimit);
}

void tst_Scanner::byteLimit_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("short") << hex("940001a3616464920102");
    QTest::newRow("ends with text") << hex("9302a4706f6b6591a568656c6c6f");
    QTest::newRow("text") << notify("x", QByteArray(300, 'x'));
    QTest::newRow("ends with ext32") << hex("92 00 c90000001000") + QByteArray(16, 'x');
    QTest::newRow("many values") << hex("dc0400") + QByteArray(1024, '\x01');
    QTest::newRow("nested") << nested(100);
    QTest::newRow("large") << notify("x", QByteArray(100'000, 'x'));
}

void tst_Scanner::byteLimit()
{
    QFETCH(QByteArray, bytes);
    QRandomGenerator random(3);
    Limits limits;
    for (int i = 0; i < 10; ++i) {
        limits.messageBytes = bytes.size();
        Scanner enough(limits);
        QCOMPARE(scanPieces(enough, i == 0 ? QList<QByteArray>{bytes} : randomPieces(bytes, random))
                         .result,
                 Scanner::Complete);
        limits.messageBytes = bytes.size() - 1;
        Scanner tooLittle(limits);
        const Outcome outcome = scanPieces(tooLittle, i == 0 ? QList<QByteArray>{bytes}
                                                             : randomPieces(bytes, random));
        QCOMPARE(outcome.result, Scanner::Failed);
        QVERIFY(outcome.exceedsLimit);
    }
}

void tst_Scanner::hostileHeaders_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("array32 as the message") << hex("ddffffffff");
    QTest::newRow("array32") << hex("91ddffffffff");
    QTest::newRow("map32") << hex("91dfffffffff");
    QTest::newRow("str32") << hex("91dbffffffff");
    QTest::newRow("bin32") << hex("91c6ffffffff");
    QTest::newRow("ext32") << hex("91c9ffffffff");
    QTest::newRow("array32, one too many") << hex("91dd") + bigEndian(4'000'000, 4);
    QTest::newRow("map32, half is too many") << hex("91df") + bigEndian(2'000'001, 4);
    QTest::newRow("str32, one byte too many") << hex("91db") + bigEndian(64 * 1024 * 1024 - 5, 4);
    QTest::newRow("many small arrays32 in one")
            << hex("dd003d08ff") + hex("dd003d0900"); // 3 999 999 and 4 000 000
}

// Refused at once, without waiting for a byte more.
void tst_Scanner::hostileHeaders()
{
    QFETCH(QByteArray, bytes);
    for (qsizetype i = 1; i < bytes.size(); ++i)
        QCOMPARE(scan(bytes.left(i)).result, Scanner::NeedMore);
    const Outcome whole = scan(bytes);
    QCOMPARE(whole.result, Scanner::Failed);
    QVERIFY(whole.exceedsLimit);
    QRandomGenerator random(5);
    Scanner scanner{Limits()};
    const Outcome cut = scanPieces(scanner, randomPieces(bytes, random));
    QCOMPARE(cut.result, Scanner::Failed);
    QVERIFY(cut.exceedsLimit);
    QVERIFY(!scanner.error().isEmpty());
}

void tst_Scanner::deepNesting()
{
    const Outcome outcome = scan(nested(1'000'000));
    QCOMPARE(outcome.result, Scanner::Failed);
    QVERIFY(outcome.exceedsLimit);
    QCOMPARE(outcome.size, 129);
    const Outcome maps =
            scan(QByteArray(1'000'000, char(0x91))
                         .replace(1, 999'999, QByteArray("\x81\x00").repeated(499'999)));
    QCOMPARE(maps.result, Scanner::Failed);
    QVERIFY(maps.exceedsLimit);
}

void tst_Scanner::scanningAllocatesNothing()
{
    const QByteArray bytes = notify("x", QByteArray(100'000, 'x')) + nested(128);
    Scanner scanner{Limits()};
    const qint64 before = allocations;
    const char *pos = bytes.constData();
    const char *const end = pos + bytes.size();
    bool good = scanner.scan(pos, end) == Scanner::Complete;
    scanner.reset();
    good = good && scanner.scan(pos, end) == Scanner::Complete;
    const qint64 after = allocations;
    QVERIFY(good);
    QCOMPARE(after, before);
}

void tst_Scanner::resetStartsAgain()
{
    const QByteArray good = hex("940001a3616464920102");
    // Within a header, a body and an array.
    for (const char *digits : {"dd0000", "91d9", "91da000a6162", "94930102", "91c90000"}) {
        Scanner scanner{Limits()};
        QCOMPARE(scanPieces(scanner, {hex(digits)}).result, Scanner::NeedMore);
        scanner.reset();
        QCOMPARE(scanner.missing(), 1);
        const Outcome outcome = scanPieces(scanner, {good});
        QCOMPARE(outcome.result, Scanner::Complete);
        QCOMPARE(outcome.size, good.size());
        QCOMPARE(scanner.offset(3), 7);
    }
    // The items of one message do not count for the next.
    Limits limits;
    limits.items = 3;
    Scanner scanner(limits);
    for (int i = 0; i < 10; ++i) {
        QCOMPARE(scanPieces(scanner, {hex("93010203")}).result, Scanner::Complete);
        scanner.reset();
    }
}

void tst_Scanner::missingIsALowerBound()
{
    QRandomGenerator random(11);
    bool seenMany = false;
    for (int i = 0; i < 500; ++i) {
        const QByteArray bytes = randomMessage(random, 4);
        Scanner scanner{Limits()};
        for (qsizetype at = 0; at < bytes.size(); ++at) {
            const qsizetype missing = scanner.missing();
            QVERIFY2(missing >= 1 && missing <= bytes.size() - at, bytes.toHex().constData());
            seenMany = seenMany || missing > 100;
            const char *pos = bytes.constData() + at;
            QCOMPARE(scanner.scan(pos, pos + 1),
                     at + 1 == bytes.size() ? Scanner::Complete : Scanner::NeedMore);
        }
    }
    QVERIFY(seenMany);
    // The body of one large value is known to the byte.
    Scanner scanner{Limits()};
    scanPieces(scanner, {hex("92 c6 00100000"), QByteArray(16, 'x')});
    QCOMPARE(scanner.missing(), 0x100000 - 16 + 1);
}

void tst_Scanner::sameAsOracleOnMessages()
{
    QRandomGenerator random(21);
    for (int i = 0; i < 5000; ++i) {
        const QByteArray bytes = randomMessage(random, 5);
        QCOMPARE(Oracle(bytes).end, size_t(bytes.size()));
        const QString wrong = disagreement(bytes + hex("c1"), random);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
    }
}

void tst_Scanner::sameAsOracleOnMutations()
{
    QRandomGenerator random(22);
    int complete = 0;
    int failed = 0;
    int cut = 0;
    for (int i = 0; i < 20'000; ++i) {
        QByteArray bytes = randomMessage(random, 3);
        for (quint32 changes = 1 + random.bounded(3U); changes > 0; --changes) {
            const qsizetype at = qsizetype(random.bounded(quint32(bytes.size())));
            switch (random.bounded(4)) {
            case 0:
                bytes[at] = char(random.generate());
                break;
            case 1:
                bytes.remove(at, 1);
                break;
            case 2:
                bytes.insert(at, char(random.generate()));
                break;
            default:
                bytes.truncate(at);
                break;
            }
            if (bytes.isEmpty())
                break;
        }
        if (!beginsLikeAMessage(bytes))
            continue;
        const QString wrong = disagreement(bytes, random);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
        const Scanner::Result result = scan(bytes).result;
        ++(result == Scanner::Complete ? complete : result == Scanner::Failed ? failed : cut);
    }
    // The mutations are neither all harmless nor all hopeless.
    QVERIFY(complete > 500 && failed > 500 && cut > 500);
}

void tst_Scanner::sameAsOracleOnRandomBytes()
{
    QRandomGenerator random(23);
    for (int i = 0; i < 20'000; ++i) {
        const QByteArray bytes =
                char(0x91 + random.bounded(15U)) + noise(random.bounded(200U), random.generate());
        const QString wrong = disagreement(bytes, random);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
    }
}

QTEST_GUILESS_MAIN(tst_Scanner)

#include "tst_scanner.moc"
