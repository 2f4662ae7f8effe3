// SPDX-License-Identifier: Apache-2.0

// Bytes of a device to messages, plain and inflated, without a connection.
#include "testdevice.h"
#include "transport/incoming_p.h"

#include <MsgpackRpc/limits.h>

#include <QtTest/QTest>

using namespace MsgpackRpc;

namespace {

QByteArray request(quint8 msgid)
{
    return QByteArray("\x94\x00", 2) + char(msgid)
           + QByteArray("\xa3"
                        "add"
                        "\x92\x01\x02");
}

QByteArray deflated(const QByteArray &bytes)
{
    Deflater deflater;
    deflater.write(bytes.constData(), bytes.size());
    deflater.flush();
    return deflater.output();
}

struct Receiving
{
    explicit Receiving(const Limits &limits = {}) : incoming(limits, pool) {}

    /// The msgids of all that can be read, as long as nothing is wrong.
    QList<quint32> readAll()
    {
        QList<quint32> msgids;
        Message message;
        for (;;) {
            if (incoming.beginsInflating())
                continue;
            const Scanner::Result result = incoming.next(message);
            if (result == Scanner::Complete)
                msgids.append(message.msgid);
            if (result == Scanner::Failed) {
                hasFailed = true;
                return msgids;
            }
            if (result != Scanner::NeedMore)
                continue;
            const Incoming::Taken taken = incoming.read(device, false);
            received += taken.received;
            if (taken.size <= 0 && taken.isDry)
                return msgids;
        }
    }

    BlockPool pool;
    TestDevice device;
    Incoming incoming;
    qsizetype received = 0;
    bool hasFailed = false;
};

} // namespace

class tst_Incoming : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void plain();
    void inflated_data();
    void inflated();
    void awaited_data();
    void awaited();
    void tooMuchInflated();
    void badStream();
    void emptyBlocks();
};

void tst_Incoming::plain()
{
    Receiving receiving;
    receiving.device.deliver(request(1) + request(2) + request(3).left(4));
    QCOMPARE(receiving.readAll(), (QList<quint32>{1, 2}));
    QCOMPARE(receiving.incoming.reader().partialSize(), 4);
    receiving.device.deliver(request(3).mid(4));
    QCOMPARE(receiving.readAll(), QList<quint32>{3});
    QCOMPARE(receiving.received, 3 * request(1).size());
    QVERIFY(!receiving.incoming.isInflating());
}

void tst_Incoming::inflated_data()
{
    QTest::addColumn<int>("plain");
    for (int plain = 0; plain <= 2; ++plain)
        QTest::addRow("after %d", plain) << plain;
}

// The compressed stream begins after some messages, in the same piece.
void tst_Incoming::inflated()
{
    QFETCH(const int, plain);
    Receiving receiving;
    QByteArray bytes;
    for (int i = 0; i < plain; ++i)
        bytes += request(quint8(i));
    const QByteArray stream = deflated(request(10) + request(11));
    receiving.device.deliver(bytes + stream);
    Message message;
    for (int i = 0; i < plain; ++i) {
        if (i == 0)
            receiving.incoming.read(receiving.device, false);
        QCOMPARE(receiving.incoming.next(message), Scanner::Complete);
        QCOMPARE(message.msgid, quint32(i));
    }
    receiving.incoming.startInflating();
    QCOMPARE(receiving.readAll(), (QList<quint32>{10, 11}));
    QVERIFY(!receiving.hasFailed);
}

void tst_Incoming::awaited_data()
{
    QTest::addColumn<int>("cut");
    const int size = int(request(1).size() + deflated(request(2)).size());
    for (int cut = 0; cut <= size; ++cut)
        QTest::addRow("%d", cut) << cut;
}

// Plain messages come first, and the stream begins by itself.
void tst_Incoming::awaited()
{
    QFETCH(const int, cut);
    Receiving receiving;
    receiving.incoming.awaitInflating(true);
    const QByteArray bytes = request(1) + deflated(request(2));
    receiving.device.deliver(bytes.left(cut));
    QList<quint32> msgids = receiving.readAll();
    receiving.device.deliver(bytes.mid(cut));
    msgids += receiving.readAll();
    QCOMPARE(msgids, (QList<quint32>{1, 2}));
    QVERIFY(receiving.incoming.isInflating());
    QCOMPARE(receiving.received, bytes.size());
}

void tst_Incoming::tooMuchInflated()
{
    Limits limits;
    limits.inflatedBytes = 100'000;
    Receiving receiving(limits);
    receiving.incoming.startInflating();
    const QByteArray large =
            QByteArray::fromHex("940001a3616464 91c6000f4240") + QByteArray(1'000'000, '\0');
    receiving.device.deliver(deflated(request(1) + large));
    QCOMPARE(receiving.readAll(), QList<quint32>{1});
    QVERIFY(receiving.hasFailed);
    QVERIFY(receiving.incoming.exceedsLimit());
    QCOMPARE(receiving.incoming.error(),
             QStringLiteral("a message that inflates to more than 100000 bytes"));
    QVERIFY(receiving.incoming.reader().partialSize() <= limits.inflatedBytes);
}

// What came before is read, and nothing after.
void tst_Incoming::badStream()
{
    Receiving receiving;
    receiving.incoming.startInflating();
    receiving.device.deliver(deflated(request(1)) + QByteArray(100, '\xff'));
    QCOMPARE(receiving.readAll(), QList<quint32>{1});
    QVERIFY(receiving.hasFailed);
    QVERIFY(!receiving.incoming.exceedsLimit());
    QVERIFY(!receiving.incoming.error().isEmpty());
    QCOMPARE(receiving.readAll(), QList<quint32>());
}

// Of what gives nothing, no more is read at once than of what gives something.
void tst_Incoming::emptyBlocks()
{
    Receiving receiving;
    receiving.incoming.startInflating();
    const QByteArray begin = deflated(request(1));
    const QByteArray empty = QByteArray::fromHex("000000ffff").repeated(200'000);
    receiving.device.deliver(begin + empty);
    QCOMPARE(receiving.incoming.read(receiving.device, false).size, request(1).size());
    while (!receiving.device.input.isEmpty()) {
        const Incoming::Taken taken = receiving.incoming.read(receiving.device, false);
        QCOMPARE(taken.size, 0);
        QVERIFY(taken.received > 0 && taken.received <= 64 * 1024);
        QVERIFY(!taken.isDry);
    }
    QVERIFY(receiving.incoming.read(receiving.device, false).isDry);
    QCOMPARE(receiving.readAll(), QList<quint32>{1});
    QVERIFY(!receiving.hasFailed);
}

QTEST_GUILESS_MAIN(tst_Incoming)

#include "tst_incoming.moc"
