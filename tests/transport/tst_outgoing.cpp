// SPDX-License-Identifier: Apache-2.0

// What goes next, without a device: in which order, as what, and for how long it holds.
#include "place.h"
#include "transport/outgoing_p.h"
#include "wire/deflate_p.h"
#include "wire/wiremessages.h"

#include <QtTest/QTest>

#include <algorithm>

using namespace MsgpackRpc;
using WireMessages::noise;

namespace {

/// A queue and what is made of it.
struct Sending
{
    quint64 add(const QByteArray &message)
    {
        queue.begin().writeRaw(message);
        return queue.commit();
    }
    /// Takes what goes, at most \a step bytes at a time.
    QByteArray takeAll(qsizetype step)
    {
        QByteArray all;
        while (!queue.isEmpty() || outgoing.preparedBytes() > 0) {
            const Writer::Segment next = outgoing.front();
            const qsizetype size = std::min(next.size, step);
            all.append(next.data, size);
            outgoing.sent(size);
        }
        return all;
    }

    OutputQueue queue;
    Outgoing outgoing{queue};
};

QByteArray inflated(const QByteArray &bytes)
{
    Inflater inflater;
    inflater.add(bytes);
    QByteArray plain;
    QByteArray part(64 * 1024, Qt::Uninitialized);
    for (qsizetype size; (size = inflater.read(part.data(), part.size())) > 0;)
        plain.append(part.constData(), size);
    return plain;
}

} // namespace

class tst_Outgoing : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everything_data();
    void everything();
    void copiesHold();
    void plainIsNotCopied();
    void deflatingBeginsAtAMessage_data();
    void deflatingBeginsAtAMessage();
    void largeAndEven();
};

void tst_Outgoing::everything_data()
{
    QTest::addColumn<bool>("isCopying");
    QTest::addColumn<bool>("isDeflating");
    QTest::addColumn<int>("step");
    for (const int step : {1, 7, 100'000, 10'000'000}) {
        QTest::addRow("plain, %d", step) << false << false << step;
        QTest::addRow("copied, %d", step) << true << false << step;
        QTest::addRow("compressed, %d", step) << false << true << step;
        QTest::addRow("copied and compressed, %d", step) << true << true << step;
    }
}

// The preamble first and as it is, then each message once and whole.
void tst_Outgoing::everything()
{
    QFETCH(const bool, isCopying);
    QFETCH(const bool, isDeflating);
    QFETCH(const int, step);
    Sending sending;
    sending.outgoing.setCopying(isCopying);
    const QByteArray preamble("before everything");
    sending.outgoing.addPreamble(preamble);
    if (isDeflating)
        sending.outgoing.startDeflating();
    QCOMPARE(sending.outgoing.isDeflating(), isDeflating);
    QCOMPARE(sending.outgoing.isPrepared(), isCopying || isDeflating);
    QByteArray wanted;
    for (const qsizetype size : {1, 10, 300'000, 5}) {
        const QByteArray message = noise(size);
        sending.add(message);
        wanted += message;
    }
    const QByteArray all = sending.takeAll(step);
    QCOMPARE(all.left(preamble.size()), preamble);
    const QByteArray rest = all.mid(preamble.size());
    QVERIFY((isDeflating ? inflated(rest) : rest) == wanted);
    QVERIFY(sending.queue.isEmpty());
    QCOMPARE(sending.outgoing.preparedBytes(), 0);
    sending.add("one more");
    const QByteArray more = sending.takeAll(step);
    QVERIFY(isDeflating ? inflated(rest + more) == wanted + "one more" : more == "one more");
}

// What was given stays, although its message is taken out and others come.
void tst_Outgoing::copiesHold()
{
    Sending sending;
    sending.outgoing.setCopying(true);
    sending.add("first");
    const quint64 second = sending.add("second");
    const Writer::Segment next = sending.outgoing.front();
    const QByteArray given(next.data, next.size);
    sending.queue.remove(second);
    sending.queue.removeAnswers();
    for (int i = 0; i < 100; ++i)
        sending.add(noise(100'000));
    QCOMPARE(QByteArray(next.data, next.size), given);
    QCOMPARE(sending.outgoing.preparedBytes(), given.size());
    QCOMPARE(sending.queue.firstUnsent(),
             quint64(given == "first" ? 1 : 2)); // nobody can take it back
}

void tst_Outgoing::plainIsNotCopied()
{
    Sending sending;
    sending.add("message");
    QCOMPARE(place(sending.outgoing.front().data), place(sending.queue.front().data));
    QCOMPARE(sending.outgoing.preparedBytes(), 0);
    sending.outgoing.sent(3);
    QCOMPARE(sending.queue.size(), 4);
    QCOMPARE(sending.takeAll(100), QByteArray("sage"));
}

void tst_Outgoing::deflatingBeginsAtAMessage_data()
{
    QTest::addColumn<int>("sent");
    for (int sent = 0; sent <= 10; ++sent)
        QTest::addRow("%d", sent) << sent;
}

// The rest of a message that has begun is plain, whatever comes after it is not.
void tst_Outgoing::deflatingBeginsAtAMessage()
{
    QFETCH(const int, sent);
    Sending sending;
    sending.add("01234");
    sending.add("56789");
    sending.add("abc");
    QByteArray plain;
    for (int i = 0; i < sent; ++i) {
        plain += *sending.outgoing.front().data;
        sending.outgoing.sent(1);
    }
    sending.outgoing.startDeflating();
    const qsizetype begun = (sent + 4) / 5 * 5 - sent;
    QCOMPARE(sending.outgoing.preparedBytes(), begun);
    const QByteArray rest = sending.takeAll(2);
    QCOMPARE(plain + rest.left(begun), QByteArray("0123456789").left(sent + begun));
    QCOMPARE(inflated(rest.mid(begun)), QByteArray("0123456789abc").mid(sent + begun));
}

// zlib gives nothing for a long time.
void tst_Outgoing::largeAndEven()
{
    Sending sending;
    sending.outgoing.startDeflating();
    const QByteArray zeros(40'000'000, '\0');
    sending.add(zeros);
    QByteArray begin;
    for (int i = 0; i < 20; ++i) {
        const qsizetype before = sending.queue.size();
        const Writer::Segment next = sending.outgoing.front();
        QVERIFY(before - sending.queue.size() <= 1'000'000); // no more at once than is quickly done
        begin.append(next.data, next.size);
        sending.outgoing.sent(next.size);
    }
    QVERIFY(inflated(begin + sending.takeAll(1'000)) == zeros);
}

QTEST_APPLESS_MAIN(tst_Outgoing)

#include "tst_outgoing.moc"
