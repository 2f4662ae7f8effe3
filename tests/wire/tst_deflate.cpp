// SPDX-License-Identifier: Apache-2.0
#include "wire/deflate_p.h"

#include "wire/wiremessages.h"

#include <QtCore/QList>
#include <QtTest/QTest>

#define ZLIB_CONST
#include <zlib.h>

using namespace MsgpackRpc;
using namespace WireMessages;

class tst_Deflate : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void header();
    void syncFlushPerMessage();
    void dictionaryLives();
    void roundTrip_data();
    void roundTrip();
    void everyInputSplit();
    void outputInSteps_data();
    void outputInSteps();
    void outputThatFillsTheRoom();
    void messagesAreWholeAfterTheirFlush();
    void addWhileInputIsLeft();
    void finished();
    void garbage_data();
    void garbage();
    void goodBeforeBad();
    void fullFlush();
    void storedBlocks();
    void bomb();
};

namespace {

QByteArray deflated(Deflater &deflater, const QByteArray &bytes)
{
    deflater.write(bytes.constData(), bytes.size());
    deflater.flush();
    return std::exchange(deflater.output(), QByteArray());
}

// Everything that can be had now, in steps of \a step bytes; nothing after an error.
QByteArray inflated(Inflater &inflater, const QByteArray &bytes, qsizetype step,
                    bool *failed = nullptr)
{
    inflater.add(bytes);
    QByteArray all;
    QByteArray part(step, '\0');
    for (;;) {
        const qsizetype size = inflater.read(part.data(), part.size());
        if (size > 0) {
            all.append(part.constData(), size);
            continue;
        }
        if (failed != nullptr)
            *failed = size < 0;
        return all;
    }
}

// A stream as any other program writes it.
class Zlib
{
public:
    explicit Zlib(int level = Z_DEFAULT_COMPRESSION) { deflateInit(&m_stream, level); }
    ~Zlib() { deflateEnd(&m_stream); }
    QByteArray write(const QByteArray &bytes, int flush)
    {
        QByteArray output(qsizetype(deflateBound(&m_stream, uLong(bytes.size()))) + 100, '\0');
        m_stream.next_in = reinterpret_cast<const Bytef *>(bytes.constData());
        m_stream.avail_in = uInt(bytes.size());
        m_stream.next_out = reinterpret_cast<Bytef *>(output.data());
        m_stream.avail_out = uInt(output.size());
        deflate(&m_stream, flush);
        output.truncate(output.size() - qsizetype(m_stream.avail_out));
        return output;
    }

private:
    z_stream m_stream{};
    Q_DISABLE_COPY_MOVE(Zlib)
};

} // namespace

void tst_Deflate::header()
{
    Deflater deflater;
    QVERIFY(deflater.output().isEmpty());
    QCOMPARE(deflated(deflater, "first").left(2), hex("789c"));
    QVERIFY(!deflated(deflater, "second").startsWith(hex("789c")));
}

void tst_Deflate::syncFlushPerMessage()
{
    Deflater deflater;
    for (int i = 0; i < 5; ++i)
        QVERIFY(deflated(deflater, request(quint32(i), "echo", "hello")).endsWith(hex("0000ffff")));
}

void tst_Deflate::dictionaryLives()
{
    Deflater deflater;
    const QByteArray bytes = noise(1000);
    const QByteArray first = deflated(deflater, bytes);
    const QByteArray second = deflated(deflater, bytes);
    QVERIFY(first.size() > 1000);
    QVERIFY(second.size() < 100);
}

void tst_Deflate::roundTrip_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("one byte") << QByteArray("x");
    QTest::newRow("text") << QByteArray("hello, hello, hello");
    QTest::newRow("zeros") << QByteArray(1'000'000, '\0');
    QTest::newRow("noise") << noise(1'000'000);
    for (const int size : {16'383, 16'384, 16'385, 32'768, 65'536})
        QTest::addRow("noise, %d", size) << noise(size);
}

void tst_Deflate::roundTrip()
{
    QFETCH(QByteArray, bytes);
    Deflater deflater;
    Inflater inflater;
    QVERIFY(!inflater.hasInput());
    for (int i = 0; i < 3; ++i) {
        QVERIFY(inflated(inflater, deflated(deflater, bytes), 65'536) == bytes);
        QVERIFY(!inflater.hasInput());
    }
}

void tst_Deflate::everyInputSplit()
{
    Deflater deflater;
    QByteArray stream;
    QByteArray plain;
    for (int i = 0; i < 5; ++i) {
        plain += request(quint32(i), "echo", "hello");
        stream += deflated(deflater, request(quint32(i), "echo", "hello"));
    }
    for (qsizetype i = 0; i <= stream.size(); ++i) {
        Inflater inflater;
        const QByteArray first = inflated(inflater, stream.left(i), 100);
        QCOMPARE(first + inflated(inflater, stream.mid(i), 100), plain);
    }
    Inflater inflater;
    QByteArray single;
    for (const char c : std::as_const(stream))
        single += inflated(inflater, QByteArray(1, c), 100);
    QCOMPARE(single, plain);
}

void tst_Deflate::outputInSteps_data()
{
    QTest::addColumn<int>("step");

    for (const int step : {1, 2, 7, 100, 4096, 65'536})
        QTest::addRow("%d", step) << step;
}

void tst_Deflate::outputInSteps()
{
    QFETCH(int, step);
    Deflater deflater;
    const QByteArray plain = noise(2000) + QByteArray(3000, 'x');
    const QByteArray stream = deflated(deflater, plain);
    Inflater inflater;
    QCOMPARE(inflated(inflater, stream, step), plain);
    QVERIFY(!inflater.hasInput());
}

void tst_Deflate::outputThatFillsTheRoom()
{
    // The last byte fills the room: only the next read knows that there is no more.
    Deflater deflater;
    Inflater inflater;
    inflater.add(deflated(deflater, "12345678"));
    char part[8];
    QCOMPARE(inflater.read(part, 8), 8);
    QVERIFY(inflater.hasInput());
    QCOMPARE(inflater.read(part, 8), 0);
    QVERIFY(!inflater.hasInput());
    inflater.add(deflated(deflater, "ab"));
    QCOMPARE(inflater.read(part, 8), 2);
    QCOMPARE(QByteArray(part, 2), QByteArray("ab"));
}

// A peer can read a message as soon as its flush has come, and needs nothing after it.
void tst_Deflate::messagesAreWholeAfterTheirFlush()
{
    Deflater deflater;
    Inflater inflater;
    for (quint32 i = 0; i < 100; ++i) {
        const QByteArray message = notify("x", noise(i * 331 % 5000, i));
        // Written in parts, like one with a body that is not copied.
        deflater.write(message.constData(), message.size() / 2);
        deflater.write(message.constData() + message.size() / 2,
                       message.size() - message.size() / 2);
        deflater.flush();
        QCOMPARE(inflated(inflater, std::exchange(deflater.output(), QByteArray()), 512), message);
    }
}

void tst_Deflate::addWhileInputIsLeft()
{
    Deflater deflater;
    const QByteArray first = noise(100'000, 1);
    const QByteArray second = noise(100'000, 2);
    Inflater inflater;
    inflater.add(deflated(deflater, first));
    QByteArray all(1000, '\0');
    QCOMPARE(inflater.read(all.data(), 1000), 1000);
    QVERIFY(inflater.hasInput());
    all += inflated(inflater, deflated(deflater, second), 1000);
    QVERIFY(all == first + second);
}

void tst_Deflate::finished()
{
    Zlib zlib;
    const QByteArray stream = zlib.write("all of it", Z_FINISH);
    for (qsizetype i = 0; i <= stream.size(); ++i) {
        Inflater inflater;
        bool failedEarly = false;
        bool failed = false;
        inflated(inflater, stream.left(i), 100, &failedEarly);
        QCOMPARE(failedEarly, i == stream.size());
        if (failedEarly)
            continue;
        inflated(inflater, stream.mid(i), 100, &failed);
        QVERIFY(failed);
        QVERIFY(!inflater.error().isEmpty());
    }
}

void tst_Deflate::garbage_data()
{
    QTest::addColumn<QByteArray>("bytes");

    QTest::newRow("plain message") << request(1, "echo", "hello");
    QTest::newRow("0xff") << QByteArray(10, char(0xff));
    QTest::newRow("0x00") << QByteArray(10, '\0');
    QTest::newRow("header, then 0xff") << hex("789c") + QByteArray(10, char(0xff));
    QTest::newRow("header with a bad check") << hex("789d9ac2");
    QTest::newRow("window too large") << hex("8819");
    QTest::newRow("gzip") << hex("1f8b080000000000000300");
    QTest::newRow("raw deflate") << hex("9ac2c0b0243539237fe2");
    QTest::newRow("preset dictionary") << hex("78bb0000000100000000");
    QTest::newRow("distance too far back") << hex("789c4a04a2");
    QTest::newRow("stored block with bad lengths") << hex("789c0001000100ff");
}

void tst_Deflate::garbage()
{
    QFETCH(QByteArray, bytes);
    Inflater inflater;
    bool failed = false;
    inflated(inflater, bytes + QByteArray(20, char(0xff)), 100, &failed);
    QVERIFY(failed);
    QVERIFY(!inflater.error().isEmpty());
    // And in pieces.
    Inflater slow;
    failed = false;
    for (const char c : bytes + QByteArray(20, char(0xff))) {
        if (!failed)
            inflated(slow, QByteArray(1, c), 100, &failed);
    }
    QVERIFY(failed);
}

// However it is cut, what was compressed before the bad bytes is there.
void tst_Deflate::goodBeforeBad()
{
    Zlib zlib;
    const QByteArray good = zlib.write("all of it", Z_SYNC_FLUSH);
    const QByteArray bytes = good + QByteArray(20, char(0xff));
    for (qsizetype i = 0; i <= bytes.size(); ++i) {
        Inflater inflater;
        bool failed = false;
        QByteArray result = inflated(inflater, bytes.left(i), 100, &failed);
        if (!failed)
            result += inflated(inflater, bytes.mid(i), 100, &failed);
        QVERIFY(failed);
        QCOMPARE(result, QByteArray("all of it"));
    }
}

void tst_Deflate::fullFlush()
{
    Zlib zlib;
    Inflater inflater;
    for (const int flush : {Z_FULL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH})
        QCOMPARE(inflated(inflater, zlib.write("some text, some text", flush), 100),
                 QByteArray("some text, some text"));
}

void tst_Deflate::storedBlocks()
{
    Zlib zlib(0);
    Inflater inflater;
    const QByteArray bytes = noise(200'000);
    QVERIFY(inflated(inflater, zlib.write(bytes, Z_SYNC_FLUSH), 1000) == bytes);
}

// 1 GiB in about 1 MiB: never more than was asked for, and no memory but the caller's.
void tst_Deflate::bomb()
{
    constexpr qsizetype Total = 1024 * 1024 * 1024;
    constexpr qsizetype Part = 16 * 1024 * 1024;
    QByteArray stream;
    {
        Zlib zlib(Z_BEST_SPEED);
        const QByteArray zeros(Part, '\0');
        for (qsizetype i = 0; i < Total / Part; ++i)
            stream += zlib.write(zeros, Z_SYNC_FLUSH);
    }
    QVERIFY(stream.size() < 8 * 1024 * 1024);
    Inflater inflater;
    inflater.add(stream);
    constexpr qsizetype Asked = 65'536;
    QByteArray buffer(Asked + 64, char(0x55));
    qsizetype total = 0;
    for (;;) {
        const qsizetype size = inflater.read(buffer.data(), Asked);
        QVERIFY(size >= 0 && size <= Asked);
        if (size == 0)
            break;
        total += size;
        QCOMPARE(buffer.at(Asked), char(0x55));
    }
    QCOMPARE(total, Total);
}

QTEST_GUILESS_MAIN(tst_Deflate)

#include "tst_deflate.moc"
