// SPDX-License-Identifier: Apache-2.0
#include "wire/outputqueue_p.h"

#include "wire/wiremessages.h"

#include <QtTest/QTest>

#include <deque>

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
    void removeUnsent_data();
    void removeUnsent();
    void removeTwice();
    void removeSent();
    void removePartlySent();
    void removeUnknown();
    void removeEverything();
    void removeWhileOpen();
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
    QCOMPARE(queue.front().data, large.constData());
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
        qsizetype sent = 0;
    };
    QRandomGenerator random(quint32(seed) + 50);
    OutputQueue queue;
    std::deque<Waiting> model;
    quint64 next = 0;
    const QByteArray body = noise(150'000, quint32(seed));

    const auto append = [&] {
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
        if (random.bounded(10) == 0) {
            queue.rollback();
            return true;
        }
        model.push_back({next, copy.bytes()});
        return queue.commit() == next++;
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

    for (int step = 0; step < 3000; ++step) {
        const int what = random.bounded(100);
        const bool good = what < 45   ? append()
                          : what < 75 ? send()
                          : what < 85 ? remove()
                          : what < 97 ? removeNear()
                                      : drop();
        QVERIFY2(good, qPrintable(QStringLiteral("step %1, %2").arg(step).arg(what)));
        qsizetype size = 0;
        for (const Waiting &waiting : model)
            size += waiting.bytes.size() - waiting.sent;
        QCOMPARE(queue.size(), size);
        QCOMPARE(queue.count(), qsizetype(model.size()));
        QCOMPARE(queue.isEmpty(), model.empty());
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
