// SPDX-License-Identifier: Apache-2.0
#include "wire/outputqueue_p.h"

#include "place.h"
#include "wire/wiremessages.h"

#include <QtTest/QTest>

#include <deque>
#include <functional>

using namespace MsgpackRpc;
using namespace WireMessages;

class tst_OutputQueue : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void empty();
    void order();
    void numbers();
    void rollback();
    void rollbackClearsTheFailure();
    void openMessageIsNotSent();
    void messageWithinAnother_data();
    void messageWithinAnother();
    void failuresWithinAnother();
    void removeUnsent_data();
    void removeUnsent();
    void removeTwice();
    void removeSent();
    void removePartlySent();
    void removeUnknown();
    void removeEverything();
    void removeWhileOpen();
    void memoryOfTheRemoved_data();
    void memoryOfTheRemoved();
    void numbersOfTheRemoved();
    void removeAnswers();
    void dropPartial();
    void dropPartialOfTheLast();
    void dropPartialBeforeRemoved();
    void dropPartialDropsNothing();
    void largeBodiesAreShared();
    void compaction();
    void clear();
    void clearWhileOpen();
    void take();
    void format();
    void sameAsModel_data();
    void sameAsModel();
};

namespace {

quint64 add(OutputQueue &queue, const QByteArray &bytes)
{
    queue.begin().writeRaw(bytes);
    return queue.commit();
}

// Sends at most \a size bytes, as a device would that takes it all.
QByteArray send(OutputQueue &queue, qsizetype size = std::numeric_limits<qsizetype>::max())
{
    QByteArray bytes;
    while (bytes.size() < size) {
        const Writer::Segment segment = queue.front();
        if (segment.size == 0)
            break;
        const qsizetype taken = qMin(segment.size, size - bytes.size());
        bytes.append(segment.data, taken);
        queue.sent(taken);
    }
    return bytes;
}

} // namespace

void tst_OutputQueue::empty()
{
    OutputQueue queue;
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.size(), 0);
    QCOMPARE(queue.count(), 0);
    QCOMPARE(queue.front().size, 0);
    QCOMPARE(queue.firstUnsent(), 0U);
    QVERIFY(!queue.remove(0));
    queue.dropPartial();
    queue.clear();
    QCOMPARE(queue.firstUnsent(), 0U);
}

void tst_OutputQueue::order()
{
    OutputQueue queue;
    add(queue, "one");
    add(queue, "three");
    QCOMPARE(queue.count(), 2);
    QCOMPARE(queue.size(), 8);
    QCOMPARE(queue.frontMessageSize(), 3);
    QCOMPARE(send(queue, 2), QByteArray("on"));
    QCOMPARE(queue.frontMessageSize(), 1);
    add(queue, "four");
    QCOMPARE(send(queue), QByteArray("ethreefour"));
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.count(), 0);
}

void tst_OutputQueue::numbers()
{
    OutputQueue queue;
    for (quint64 i = 0; i < 10; ++i)
        QCOMPARE(add(queue, "abc"), i);
    QCOMPARE(queue.firstUnsent(), 0U);
    send(queue, 3);
    QCOMPARE(queue.firstUnsent(), 1U);
    send(queue, 1);
    QCOMPARE(queue.firstUnsent(), 2U);
    send(queue, 5);
    QCOMPARE(queue.firstUnsent(), 3U);
    send(queue);
    QCOMPARE(queue.firstUnsent(), 10U);
    QCOMPARE(add(queue, "abc"), 10U);
    QCOMPARE(queue.firstUnsent(), 10U);
    queue.clear();
    QCOMPARE(queue.firstUnsent(), 11U);
    QCOMPARE(add(queue, "abc"), 11U);
}

void tst_OutputQueue::rollback()
{
    OutputQueue queue;
    add(queue, "one");
    queue.begin().writeRaw("two");
    QVERIFY(queue.isOpen());
    QCOMPARE(queue.openSize(), 3);
    queue.rollback();
    QVERIFY(!queue.isOpen());
    QCOMPARE(add(queue, "three"), 1U);
    QCOMPARE(send(queue), QByteArray("onethree"));
    // With a shared body in it, and one before it.
    const QByteArray large = noise(100'000);
    queue.begin().writeBinary(large);
    queue.commit();
    Writer &writer = queue.begin();
    writer.writeRaw("x");
    writer.writeBinary(large);
    writer.writeRaw("y");
    queue.rollback();
    add(queue, "end");
    QCOMPARE(send(queue), hex("c6000186a0") + large + "end");
}

void tst_OutputQueue::rollbackClearsTheFailure()
{
    OutputQueue queue;
    queue.begin().fail(QStringLiteral("not possible"));
    QVERIFY(queue.hasFailed());
    QCOMPARE(queue.failure(), QStringLiteral("not possible"));
    queue.rollback();
    QVERIFY(!queue.hasFailed());
}

void tst_OutputQueue::openMessageIsNotSent()
{
    OutputQueue queue;
    add(queue, "one");
    Writer &writer = queue.begin();
    writer.writeRaw("tw");
    QCOMPARE(queue.size(), 3);
    QCOMPARE(queue.count(), 1);
    QCOMPARE(send(queue), QByteArray("one"));
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.front().size, 0);
    QCOMPARE(queue.openSize(), 2);
    writer.writeRaw("o");
    QCOMPARE(queue.commit(), 1U);
    QCOMPARE(send(queue), QByteArray("two"));
}

void tst_OutputQueue::messageWithinAnother_data()
{
    QTest::addColumn<bool>("isInnerSent");
    QTest::addColumn<bool>("isInnerKept");
    QTest::addColumn<bool>("isOuterKept");
    QTest::addColumn<bool>("isLarge");
    for (int i = 0; i < 16; ++i)
        QTest::addRow("inner %s%s, outer %s, %s", (i & 1) != 0 ? "kept" : "taken back",
                      (i & 2) != 0 ? ", sent before" : "", (i & 4) != 0 ? "kept" : "taken back",
                      (i & 8) != 0 ? "large" : "small")
                << ((i & 2) != 0) << ((i & 1) != 0) << ((i & 4) != 0) << ((i & 8) != 0);
}

void tst_OutputQueue::messageWithinAnother()
{
    QFETCH(const bool, isInnerSent);
    QFETCH(const bool, isInnerKept);
    QFETCH(const bool, isOuterKept);
    QFETCH(const bool, isLarge);
    OutputQueue queue;
    const QByteArray body = noise(isLarge ? 300'000 : 3);
    Writer plain;
    plain.writeBinary(body);
    const QByteArray packed = plain.bytes();
    add(queue, "before");
    QByteArray sent = send(queue, 3);
    QByteArray expected = "before";

    Writer &outer = queue.begin();
    outer.writeRaw("o1");
    outer.writeBinary(body);
    quint64 next = 1;
    for (int i = 0; i < 3; ++i) {
        Writer &inner = queue.begin();
        QCOMPARE(queue.openSize(), 0);
        inner.writeRaw("i1");
        Writer &innermost = queue.begin();
        innermost.writeBinary(body);
        QCOMPARE(queue.openSize(), packed.size());
        QCOMPARE(queue.commit(), next++);
        expected += packed;
        if (isInnerSent)
            sent += send(queue);
        inner.writeBinary(body);
        QCOMPARE(queue.openSize(), 2 + packed.size());
        if (isInnerKept) {
            QCOMPARE(queue.commit(), next++);
            expected += "i1" + packed;
        } else {
            queue.rollback();
        }
        if (isInnerSent)
            sent += send(queue);
        QCOMPARE(queue.size(), expected.size() - sent.size());
        outer.writeRaw("o2");
    }
    QVERIFY(queue.isOpen());
    QCOMPARE(queue.openSize(), 8 + packed.size());
    QByteArray open;
    queue.forEachOpenSegment(
            [&open](const char *data, qsizetype size) { open.append(data, size); });
    QVERIFY(open == "o1" + packed + "o2o2o2");
    if (isOuterKept) {
        QCOMPARE(queue.commit(), next++);
        expected += open;
    } else {
        queue.rollback();
    }
    QVERIFY(!queue.isOpen());
    QCOMPARE(add(queue, "after"), next++);
    expected += "after";
    QCOMPARE(queue.size(), expected.size() - sent.size());
    sent += send(queue);
    QVERIFY(sent == expected);
    QCOMPARE(queue.messagesSent(), next);
}

// What could not be written concerns the message that it was in.
void tst_OutputQueue::failuresWithinAnother()
{
    OutputQueue queue;
    queue.begin().fail(QStringLiteral("outer"));
    queue.begin();
    QVERIFY(!queue.hasFailed());
    queue.begin().fail(QStringLiteral("innermost"));
    QCOMPARE(queue.failure(), QStringLiteral("innermost"));
    queue.rollback();
    QVERIFY(!queue.hasFailed());
    queue.commit();
    QCOMPARE(queue.failure(), QStringLiteral("outer"));
    queue.clear();
    QVERIFY(queue.isOpen());
    queue.rollback();
    QVERIFY(!queue.hasFailed());
    QVERIFY(!queue.isOpen());
}

void tst_OutputQueue::removeUnsent_data()
{
    QTest::addColumn<QList<int>>("removed");
    QTest::addColumn<QByteArray>("left");

    QTest::newRow("first") << QList<int>{0} << QByteArray("bbccdd");
    QTest::newRow("middle") << QList<int>{1} << QByteArray("aaccdd");
    QTest::newRow("last") << QList<int>{3} << QByteArray("aabbcc");
    QTest::newRow("first two") << QList<int>{0, 1} << QByteArray("ccdd");
    QTest::newRow("first two, backwards") << QList<int>{1, 0} << QByteArray("ccdd");
    QTest::newRow("last two") << QList<int>{3, 2} << QByteArray("aabb");
    QTest::newRow("every other") << QList<int>{0, 2} << QByteArray("bbdd");
    QTest::newRow("the ends") << QList<int>{0, 3} << QByteArray("bbcc");
    QTest::newRow("all") << QList<int>{0, 1, 2, 3} << QByteArray();
    QTest::newRow("all, backwards") << QList<int>{3, 2, 1, 0} << QByteArray();
    QTest::newRow("all, mixed") << QList<int>{2, 0, 3, 1} << QByteArray();
}

void tst_OutputQueue::removeUnsent()
{
    QFETCH(QList<int>, removed);
    QFETCH(QByteArray, left);
    OutputQueue queue;
    for (const char *text : {"aa", "bb", "cc", "dd"})
        add(queue, text);
    for (const int number : removed)
        QVERIFY(queue.remove(quint64(number)));
    QCOMPARE(queue.size(), left.size());
    QCOMPARE(queue.count(), 4 - removed.size());
    QCOMPARE(queue.isEmpty(), left.isEmpty());
    QCOMPARE(add(queue, "ee"), 4U);
    QCOMPARE(send(queue), left + "ee");
    QCOMPARE(queue.firstUnsent(), 5U);
}

void tst_OutputQueue::removeTwice()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    add(queue, "cc");
    QVERIFY(queue.remove(1));
    QVERIFY(!queue.remove(1));
    QCOMPARE(queue.size(), 4);
    QVERIFY(queue.remove(0));
    QVERIFY(!queue.remove(0));
    QVERIFY(!queue.remove(1));
    QCOMPARE(send(queue), QByteArray("cc"));
}

void tst_OutputQueue::removeSent()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    send(queue, 2);
    QVERIFY(!queue.remove(0));
    QCOMPARE(send(queue), QByteArray("bb"));
    QVERIFY(!queue.remove(1));
}

void tst_OutputQueue::removePartlySent()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    send(queue, 1);
    QVERIFY(!queue.remove(0));
    QVERIFY(queue.remove(1));
    QCOMPARE(queue.size(), 1);
    QCOMPARE(queue.count(), 1);
    QCOMPARE(send(queue), QByteArray("a"));
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.firstUnsent(), 2U);
}

void tst_OutputQueue::removeUnknown()
{
    OutputQueue queue;
    add(queue, "aa");
    QVERIFY(!queue.remove(1));
    QVERIFY(!queue.remove(~quint64(0)));
    QCOMPARE(queue.size(), 2);
}

void tst_OutputQueue::removeEverything()
{
    OutputQueue queue;
    for (quint64 i = 0; i < 100; ++i)
        add(queue, "abc");
    for (quint64 i = 100; i > 0; --i)
        QVERIFY(queue.remove(i - 1));
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.front().size, 0);
    QCOMPARE(queue.count(), 0);
    QCOMPARE(queue.firstUnsent(), 100U);
}

void tst_OutputQueue::removeWhileOpen()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    Writer &writer = queue.begin();
    writer.writeRaw("c");
    QVERIFY(queue.remove(0));
    QVERIFY(queue.remove(1));
    QVERIFY(!queue.remove(2));
    QCOMPARE(queue.openSize(), 1);
    writer.writeRaw("c");
    QCOMPARE(queue.commit(), 2U);
    QCOMPARE(send(queue), QByteArray("cc"));
}

void tst_OutputQueue::memoryOfTheRemoved_data()
{
    QTest::addColumn<QString>("messages"); // k: kept, x: taken out
    QTest::addColumn<bool>("isFrontPartial");
    QTest::addColumn<bool>("isOpen");
    for (const char *messages : {"xxxxk", "kxxxx", "kxxxxk", "xkxkxkxx", "kkxxxxxx", "xxxxxx"}) {
        for (const bool isFrontPartial : {false, true}) {
            if (isFrontPartial && *messages == 'x')
                continue;
            for (const bool isOpen : {false, true})
                QTest::addRow("%s%s%s", messages, isFrontPartial ? ", front partial" : "",
                              isOpen ? ", one open" : "")
                        << QString::fromLatin1(messages) << isFrontPartial << isOpen;
        }
    }
}

// What was taken out is not kept until what is before it is sent: the peer may never read.
void tst_OutputQueue::memoryOfTheRemoved()
{
    QFETCH(const QString, messages);
    QFETCH(const bool, isFrontPartial);
    QFETCH(const bool, isOpen);
    OutputQueue queue;
    const QByteArray shared = noise(200'000);
    const QByteArray copied = noise(100'000, 7);
    QByteArray expected;
    QList<quint64> dropped;
    for (const QChar message : messages) {
        Writer &writer = queue.begin();
        writer.writeRaw(copied);
        writer.writeBinary(shared);
        const quint64 number = queue.commit();
        if (message == u'x')
            dropped += number;
        else
            expected += copied + hex("c600030d40") + shared;
    }
    QByteArray sent;
    if (isFrontPartial)
        sent = send(queue, 150'000); // in the middle of the shared body
    if (isOpen)
        queue.begin().writeRaw("open");
    for (const quint64 number : dropped)
        QVERIFY(queue.remove(number));
    QCOMPARE(queue.size(), expected.size() - sent.size());
    QVERIFY2(queue.keptBytes() <= 2 * queue.size() + 512 * 1024,
             qPrintable(QString::number(queue.keptBytes())));
    for (const quint64 number : dropped)
        QVERIFY(!queue.remove(number));
    if (isOpen) {
        QCOMPARE(queue.openSize(), 4);
        queue.commit();
        expected += "open";
    }
    add(queue, "after");
    sent += send(queue);
    QVERIFY(sent == expected + "after");
    QVERIFY(queue.isEmpty());
    QVERIFY(shared.isDetached());
}

// Each message keeps its number when others have lost their place.
void tst_OutputQueue::numbersOfTheRemoved()
{
    OutputQueue queue;
    const QByteArray body = noise(1000);
    const auto numbered = [&body](quint64 number) {
        return QByteArray::number(number).rightJustified(8, '0') + body;
    };
    QList<quint64> kept;
    quint64 next = 0;
    for (int round = 0; round < 5; ++round) {
        QList<quint64> dropped;
        for (int i = 0; i < 2000; ++i) {
            const quint64 number = add(queue, numbered(next));
            QCOMPARE(number, next++);
            (i % 500 == 0 ? kept : dropped) += number;
        }
        if (round == 0)
            send(queue, 10); // the first stays
        for (const quint64 number : dropped)
            QVERIFY(queue.remove(number));
        QVERIFY(queue.keptBytes() < 1024 * 1024);
        QCOMPARE(queue.nextNumber(), next);
        QCOMPARE(queue.count(), kept.size());
        QCOMPARE(queue.firstUnsent(), 1U);
        QCOMPARE(queue.messagesSent(), 1U);
    }
    for (quint64 number = 0; number < next; ++number) {
        if (number % 1000 == 500) {
            QVERIFY(queue.remove(number));
            kept.removeOne(number);
        } else if (!kept.contains(number) || number == 0) {
            QVERIFY(!queue.remove(number));
        }
    }
    QCOMPARE(send(queue, numbered(0).size() - 10), numbered(0).mid(10));
    for (qsizetype i = 1; i < kept.size(); ++i) {
        QVERIFY(queue.firstUnsent() > kept.at(i - 1));
        QVERIFY(queue.firstUnsent() <= kept.at(i));
        QCOMPARE(queue.messagesSent(), quint64(i));
        QCOMPARE(send(queue, numbered(0).size()), numbered(kept.at(i)));
    }
    QCOMPARE(queue.firstUnsent(), next);
    QCOMPARE(add(queue, "more"), next);
}

void tst_OutputQueue::removeAnswers()
{
    OutputQueue queue;
    const QByteArray body = noise(1000);
    QByteArray expected;
    for (int i = 0; i < 2000; ++i) {
        const bool isAnswer = i % 10 != 0 || i == 0;
        queue.begin().writeRaw(QByteArray::number(i) + body);
        QCOMPARE(queue.commit(isAnswer), quint64(i));
        if (!isAnswer || i == 0) // of which a part is sent
            expected += QByteArray::number(i) + body;
    }
    QByteArray sent = send(queue, 1);
    queue.removeAnswers();
    QCOMPARE(queue.count(), 200);
    QVERIFY(queue.keptBytes() < 1024 * 1024);
    QCOMPARE(queue.messagesSent(), 1U);
    sent += send(queue);
    QVERIFY(sent == expected);
    QCOMPARE(queue.nextNumber(), 2000U);
    queue.begin().writeRaw("answer");
    queue.commit(true);
    queue.removeAnswers();
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.messagesSent(), 200U);
}

void tst_OutputQueue::dropPartial()
{
    OutputQueue queue;
    add(queue, "aaaa");
    add(queue, "bb");
    send(queue, 1);
    queue.dropPartial();
    QCOMPARE(queue.size(), 2);
    QCOMPARE(queue.count(), 1);
    QCOMPARE(queue.firstUnsent(), 1U);
    QCOMPARE(send(queue), QByteArray("bb"));
}

void tst_OutputQueue::dropPartialOfTheLast()
{
    OutputQueue queue;
    add(queue, "aaaa");
    send(queue, 3);
    queue.dropPartial();
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.firstUnsent(), 1U);
    QCOMPARE(add(queue, "bb"), 1U);
    QCOMPARE(send(queue), QByteArray("bb"));
}

void tst_OutputQueue::dropPartialBeforeRemoved()
{
    OutputQueue queue;
    for (const char *text : {"aa", "bb", "cc", "dd"})
        add(queue, text);
    send(queue, 1);
    QVERIFY(queue.remove(1));
    QVERIFY(queue.remove(3));
    queue.dropPartial();
    QCOMPARE(queue.size(), 2);
    QCOMPARE(send(queue), QByteArray("cc"));
    QCOMPARE(queue.firstUnsent(), 4U);
}

void tst_OutputQueue::dropPartialDropsNothing()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    queue.dropPartial();
    QCOMPARE(queue.size(), 4);
    send(queue, 2);
    queue.dropPartial();
    QCOMPARE(send(queue), QByteArray("bb"));
}

void tst_OutputQueue::largeBodiesAreShared()
{
    OutputQueue queue;
    const QByteArray large = noise(300'000);
    add(queue, "before");
    Writer &writer = queue.begin();
    writer.writeRaw("x");
    writer.writeBinary(large);
    const quint64 number = queue.commit();
    add(queue, "after");
    QCOMPARE(send(queue, 12), "before" + QByteArray("x") + hex("c6000493e0"));
    QCOMPARE(place(queue.front().data), place(large.constData()));
    QCOMPARE(queue.front().size, large.size());
    QCOMPARE(queue.firstUnsent(), number + 1);
    QCOMPARE(send(queue), large + "after");

    // Taken out, with its neighbours in place.
    add(queue, "before");
    queue.begin().writeBinary(large);
    const quint64 second = queue.commit();
    add(queue, "after");
    QVERIFY(queue.remove(second));
    QCOMPARE(queue.size(), 11);
    QCOMPARE(send(queue), QByteArray("beforeafter"));
    QVERIFY(large.isDetached());
}

// A queue that is never empty gives up what was sent.
void tst_OutputQueue::compaction()
{
    OutputQueue queue;
    QRandomGenerator random(41);
    QByteArray expected;
    QByteArray sent;
    quint64 next = 0;
    const auto append = [&] {
        const QByteArray bytes = noise(1000 + random.bounded(3000U), random.generate());
        expected += bytes;
        QCOMPARE(add(queue, bytes), next++);
    };
    for (int i = 0; i < 200; ++i)
        append();
    for (int i = 0; i < 2000; ++i) {
        append();
        sent += send(queue, qMin<qsizetype>(random.bounded(6000U), queue.size() - 1));
        QCOMPARE(queue.size(), expected.size() - sent.size());
    }
    sent += send(queue);
    QCOMPARE(sent.size(), expected.size());
    QVERIFY(sent == expected);
}

void tst_OutputQueue::clear()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    add(queue, "cc");
    queue.remove(1);
    send(queue, 1);
    queue.clear();
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.size(), 0);
    QCOMPARE(queue.count(), 0);
    QCOMPARE(queue.firstUnsent(), 3U);
    QCOMPARE(add(queue, "dd"), 3U);
    QCOMPARE(send(queue), QByteArray("dd"));
}

void tst_OutputQueue::clearWhileOpen()
{
    OutputQueue queue;
    add(queue, "aa");
    queue.begin().writeRaw("bb");
    queue.clear();
    QVERIFY(queue.isOpen());
    QCOMPARE(queue.commit(), 1U);
    QCOMPARE(send(queue), QByteArray("bb"));
}

void tst_OutputQueue::take()
{
    OutputQueue queue;
    add(queue, "aa");
    add(queue, "bb");
    QCOMPARE(queue.take(), QByteArray("aabb"));
    QVERIFY(queue.isEmpty());
    QCOMPARE(queue.firstUnsent(), 2U);
    // Neither what was sent nor what was taken out.
    for (const char *text : {"cc", "dd", "ee", "ff"})
        add(queue, text);
    send(queue, 3);
    queue.remove(4);
    QCOMPARE(queue.take(), QByteArray("dff"));
    QVERIFY(queue.isEmpty());
}

void tst_OutputQueue::format()
{
    OutputQueue queue(WireFormat::Compatibility);
    queue.begin().writeBinary(QByteArray("a"));
    queue.commit();
    queue.setFormat(WireFormat::Modern);
    queue.begin().writeBinary(QByteArray("a"));
    queue.commit();
    QCOMPARE(send(queue), hex("a161") + hex("c40161"));
}

void tst_OutputQueue::sameAsModel_data()
{
    QTest::addColumn<int>("seed");
    QTest::addColumn<bool>("isLarge");

    for (int seed = 0; seed < 20; ++seed) {
        QTest::addRow("small %d", seed) << seed << false;
        QTest::addRow("large %d", seed) << seed << true;
    }
}

// What a queue does, against a list of what waits.
void tst_OutputQueue::sameAsModel()
{
    QFETCH(int, seed);
    QFETCH(bool, isLarge);
    struct Waiting
    {
        quint64 number;
        QByteArray bytes;
        bool isAnswer;
        qsizetype sent = 0;
    };
    QRandomGenerator random(quint32(seed) + 50);
    OutputQueue queue;
    std::deque<Waiting> model;
    quint64 next = 0;
    quint64 sentMessages = 0;
    const QByteArray body = noise(150'000, quint32(seed));

    std::function<bool(int)> step; // some happen while a message is open
    int open = 0;
    std::function<bool()> append = [&] {
        Writer &writer = queue.begin();
        Writer copy;
        const QByteArray plain =
                noise(1 + random.bounded(isLarge ? 5000U : 20U), random.generate());
        const bool hasBody = isLarge && random.bounded(4) == 0;
        for (Writer *to : {&writer, &copy}) {
            to->writeRaw(plain);
            if (hasBody)
                to->writeBinary(body);
            if (hasBody)
                to->writeRaw("!");
        }
        bool good = true;
        ++open;
        if (open < 4 && random.bounded(4) == 0)
            good = step(random.bounded(100));
        --open;
        writer.writeRaw("?");
        copy.writeRaw("?");
        if (random.bounded(10) == 0) {
            queue.rollback();
            return good;
        }
        const bool isAnswer = random.bounded(2) == 0;
        model.push_back({next, copy.bytes(), isAnswer});
        return queue.commit(isAnswer) == next++ && good;
    };
    const auto send = [&] {
        const Writer::Segment segment = queue.front();
        if (segment.size == 0)
            return model.empty();
        const bool whole = random.bounded(3) == 0;
        const qsizetype size =
                whole ? segment.size : qsizetype(random.bounded(quint64(segment.size) + 1));
        const QByteArray bytes(segment.data, size);
        QByteArray wanted;
        while (wanted.size() < size && !model.empty()) {
            Waiting &first = model.front();
            const QByteArray part = first.bytes.mid(first.sent, size - wanted.size());
            wanted += part;
            sentMessages += first.sent == 0 && !part.isEmpty() ? 1 : 0;
            first.sent += part.size();
            if (first.sent == first.bytes.size())
                model.pop_front();
        }
        queue.sent(size);
        return bytes == wanted;
    };
    const auto remove = [&] {
        const quint64 number = next == 0 ? 0 : random.bounded(next + 1);
        const auto it = std::find_if(model.begin(), model.end(), [&](const Waiting &waiting) {
            return waiting.number == number && waiting.sent == 0;
        });
        const bool expected = it != model.end();
        if (expected)
            model.erase(it);
        return queue.remove(number) == expected;
    };
    const auto removeNear = [&] {
        if (model.empty())
            return true;
        const size_t index = size_t(random.bounded(quint32(qMin<size_t>(model.size(), 4))));
        const bool expected = model[index].sent == 0;
        const quint64 number = model[index].number;
        if (expected)
            model.erase(model.begin() + qptrdiff(index));
        return queue.remove(number) == expected;
    };
    const auto drop = [&] {
        if (!model.empty() && model.front().sent > 0)
            model.pop_front();
        queue.dropPartial();
        return true;
    };

    const auto removeAnswers = [&] {
        model.erase(std::remove_if(model.begin(), model.end(),
                                   [](const Waiting &waiting) {
                                       return waiting.isAnswer && waiting.sent == 0;
                                   }),
                    model.end());
        queue.removeAnswers();
        return true;
    };

    step = [&](int what) {
        return what < 45   ? append()
               : what < 75 ? send()
               : what < 85 ? remove()
               : what < 97 ? removeNear()
               : what < 99 ? drop()
                           : removeAnswers();
    };
    for (int i = 0; i < 3000; ++i) {
        const int what = random.bounded(100);
        QVERIFY2(step(what), qPrintable(QStringLiteral("step %1, %2").arg(i).arg(what)));
        qsizetype size = 0;
        qsizetype answers = 0;
        for (const Waiting &waiting : model) {
            size += waiting.bytes.size() - waiting.sent;
            answers += waiting.isAnswer ? waiting.bytes.size() - waiting.sent : 0;
        }
        QCOMPARE(queue.size(), size);
        QCOMPARE(queue.answerBytes(), answers);
        QCOMPARE(queue.count(), qsizetype(model.size()));
        QCOMPARE(queue.isEmpty(), model.empty());
        QCOMPARE(queue.nextNumber(), next);
        QCOMPARE(queue.messagesSent(), sentMessages);
        const qsizetype partial = model.empty() ? 0 : model.front().sent;
        QVERIFY(queue.keptBytes() <= 2 * (size + partial) + 512 * 1024);
        QCOMPARE(queue.front().size > 0, !model.empty());
        if (model.empty())
            continue;
        QCOMPARE(queue.frontMessageSize(), model.front().bytes.size() - model.front().sent);
        // The first unsent, or one of those before it that were taken out.
        const quint64 unsent = queue.firstUnsent();
        for (const Waiting &waiting : model)
            QCOMPARE(waiting.number<unsent, waiting.sent> 0);
    }
}

QTEST_GUILESS_MAIN(tst_OutputQueue)

#include "tst_outputqueue.moc"
