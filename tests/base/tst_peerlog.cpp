// SPDX-License-Identifier: Apache-2.0
#include "base/logging_p.h"
#include "base/peerlog_p.h"

#include <MsgpackRpc/Testing>

#include <QtCore/QThread>
#include <QtTest/QTest>

using namespace MsgpackRpc;
using namespace std::chrono_literals;

namespace {

QStringList lines;

void keepLine(QtMsgType, const QMessageLogContext &, const QString &line)
{
    lines.append(line);
}

QStringList takeLines()
{
    return std::exchange(lines, {});
}

QStringList written(int from, int to)
{
    QStringList all;
    for (int i = from; i < to; ++i)
        all.append(QString("line %1").arg(i));
    return all;
}

} // namespace

class tst_PeerLog : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_handler = qInstallMessageHandler(keepLine); }
    void cleanup()
    {
        qInstallMessageHandler(m_handler);
        lines.clear();
    }
    void fewAreWritten();
    void manyAreCounted();
    void theNextSecondBeginsAnew();
    void categoriesAreApart();
    void theEndTellsTheRest();
    void withoutALog();
    void fromAnotherThread();
    void anotherClock();

private:
    static void write(PeerLog &log, int from, int to)
    {
        for (int i = from; i < to; ++i)
            peerWarning(&log, lcSession) << "line" << i;
    }

    QtMessageHandler m_handler = nullptr;
};

void tst_PeerLog::fewAreWritten()
{
    Testing::Clock clock;
    PeerLog log;
    write(log, 0, 10);
    QCOMPARE(takeLines(), written(0, 10));
    clock.advance(5s);
    QVERIFY(takeLines().isEmpty());
}

// Without another line: the timer tells what was left out.
void tst_PeerLog::manyAreCounted()
{
    Testing::Clock clock;
    PeerLog log;
    write(log, 0, 1244);
    QCOMPARE(takeLines(), written(0, 10));
    clock.advance(999ms);
    QVERIFY(takeLines().isEmpty());
    clock.advance(1ms);
    QCOMPARE(takeLines(), QStringList("… and 1234 more"));
    clock.advance(5s);
    QVERIFY(takeLines().isEmpty());
}

void tst_PeerLog::theNextSecondBeginsAnew()
{
    Testing::Clock clock;
    PeerLog log;
    for (int second = 0; second < 3; ++second) {
        write(log, 0, 12);
        QCOMPARE(takeLines(), written(0, 10));
        clock.advance(1s);
        QCOMPARE(takeLines(), QStringList("… and 2 more"));
    }
    // Less than all in each second is never left out.
    for (int second = 0; second < 3; ++second) {
        write(log, 0, 9);
        QCOMPARE(takeLines(), written(0, 9));
        clock.advance(1s);
    }
}

void tst_PeerLog::categoriesAreApart()
{
    Testing::Clock clock;
    PeerLog log;
    write(log, 0, 20);
    takeLines();
    peerWarning(&log, lcEndpoint) << "another";
    QCOMPARE(takeLines(), QStringList("another"));
    PeerLog other;
    write(other, 0, 1);
    QCOMPARE(takeLines(), written(0, 1));
}

void tst_PeerLog::theEndTellsTheRest()
{
    Testing::Clock clock;
    {
        PeerLog log;
        write(log, 0, 15);
        takeLines();
    }
    QCOMPARE(takeLines(), QStringList("… and 5 more"));
}

void tst_PeerLog::withoutALog()
{
    PeerLog *const none = nullptr;
    for (int i = 0; i < 20; ++i)
        peerWarning(none, lcSession) << "line" << i;
    QCOMPARE(takeLines(), written(0, 20));
}

void tst_PeerLog::fromAnotherThread()
{
    Testing::Clock clock;
    PeerLog log;
    const auto rate = log.rate();
    int admitted = 0;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        for (int i = 0; i < 25; ++i)
            admitted += rate->decide(lcDispatch()) == LogRate::Write ? 1 : 0;
    }));
    thread->start();
    QVERIFY(thread->wait());
    QCOMPARE(admitted, 10);
    clock.advance(1s);
    QCOMPARE(takeLines(), QStringList("… and 15 more"));
}

// Time that jumps back, as a test's clock does, begins anew.
void tst_PeerLog::anotherClock()
{
    PeerLog log;
    write(log, 0, 12);
    takeLines();
    {
        Testing::Clock clock;
        write(log, 0, 1);
        QCOMPARE(takeLines(), (QStringList{"… and 2 more", "line 0"}));
    }
    write(log, 0, 1);
    QCOMPARE(takeLines(), written(0, 1));
}

QTEST_GUILESS_MAIN(tst_PeerLog)

#include "tst_peerlog.moc"
