// SPDX-License-Identifier: Apache-2.0
#include "base/clock_p.h"

#include <MsgpackRpc/testing.h>

#include <QtCore/QElapsedTimer>
#include <QtCore/QThread>
#include <QtTest/QTest>

#include <optional>

using namespace MsgpackRpc;
using namespace std::chrono_literals;
using TestClock = MsgpackRpc::Testing::Clock;

class tst_Clock : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void installs();
    void standsStill();
    void ofOneThread();
    void systemTime();
    void systemTimer();
    void systemTimerStopped();
    void fires();
    void order();
    void timeWithinACallback();
    void stopped();
    void restarted();
    void startedWithinACallback();
    void startedAgainByItself();
    void stoppedWithinACallback();
    void deletedWithinACallback();
    void deletesItself();
    void destroyed();
    void noDelay();
    void extremes();
    void eventsAreDelivered();
    void clockDestroyedFirst();
    void startedBeforeTheClock();
};

void tst_Clock::installs()
{
    QVERIFY(Clock::installed() == nullptr);
    {
        const TestClock clock;
        QVERIFY(Clock::installed() != nullptr);
    }
    QVERIFY(Clock::installed() == nullptr);
}

void tst_Clock::standsStill()
{
    TestClock clock;
    const qint64 start = Clock::now();
    QElapsedTimer timer;
    timer.start();
    QTRY_VERIFY(timer.elapsed() > 20);
    QCOMPARE(Clock::now(), start);
    QCOMPARE(clock.elapsed(), 0ms);
    clock.advance(1500ms);
    QCOMPARE(Clock::now(), start + 1500);
    QCOMPARE(clock.elapsed(), 1500ms);
    clock.advance(0ms);
    QCOMPARE(clock.elapsed(), 1500ms);
}

void tst_Clock::ofOneThread()
{
    TestClock clock;
    clock.advance(1h);
    bool isInstalled = true;
    const std::unique_ptr<QThread> thread(
            QThread::create([&] { isInstalled = Clock::installed() != nullptr; }));
    thread->start();
    thread->wait();
    QVERIFY(!isInstalled);
}

void tst_Clock::systemTime()
{
    QElapsedTimer timer;
    timer.start();
    const qint64 start = Clock::now();
    QTRY_VERIFY(timer.elapsed() >= 20);
    QVERIFY(Clock::now() - start >= 19);
}

void tst_Clock::systemTimer()
{
    int calls = 0;
    Timer timer([&] { ++calls; });
    QVERIFY(!timer.isActive());
    timer.start(20ms);
    QVERIFY(timer.isActive());
    QElapsedTimer elapsed;
    elapsed.start();
    QTRY_COMPARE(calls, 1);
    QVERIFY(elapsed.elapsed() >= 19);
    QVERIFY(!timer.isActive());
    timer.start(0ms);
    QCOMPARE(calls, 1);
    QTRY_COMPARE(calls, 2);
}

void tst_Clock::systemTimerStopped()
{
    int stoppedCalls = 0;
    int calls = 0;
    Timer stopped([&] { ++stoppedCalls; });
    auto deleted = std::make_unique<Timer>([&] { ++stoppedCalls; });
    Timer later([&] { ++calls; });
    stopped.start(1ms);
    deleted->start(1ms);
    later.start(30ms);
    stopped.stop();
    deleted.reset();
    QVERIFY(!stopped.isActive());
    QTRY_COMPARE(calls, 1);
    QCOMPARE(stoppedCalls, 0);

    std::unique_ptr<Timer> itself;
    itself = std::make_unique<Timer>([&] { itself.reset(); });
    itself->start(1ms);
    QTRY_VERIFY(itself == nullptr);
}

void tst_Clock::fires()
{
    TestClock clock;
    int calls = 0;
    Timer timer([&] { ++calls; });
    timer.start(10ms);
    clock.advance(9ms);
    QCOMPARE(calls, 0);
    QVERIFY(timer.isActive());
    clock.advance(1ms);
    QCOMPARE(calls, 1);
    QVERIFY(!timer.isActive());
    clock.advance(1h);
    QCOMPARE(calls, 1);
}

void tst_Clock::order()
{
    TestClock clock;
    QByteArray order;
    Timer a([&] { order += 'a'; });
    Timer b([&] { order += 'b'; });
    Timer c([&] { order += 'c'; });
    Timer d([&] { order += 'd'; });
    a.start(30ms);
    b.start(10ms);
    c.start(20ms);
    d.start(10ms); // after b, which was first
    clock.advance(1s);
    QCOMPARE(order, QByteArray("bdca"));
}

void tst_Clock::timeWithinACallback()
{
    TestClock clock;
    QList<std::chrono::milliseconds> times;
    Timer a([&] { times.append(clock.elapsed()); });
    Timer b([&] { times.append(clock.elapsed()); });
    a.start(10ms);
    b.start(25ms);
    clock.advance(100ms);
    QCOMPARE(times, (QList<std::chrono::milliseconds>{10ms, 25ms}));
    QCOMPARE(clock.elapsed(), 100ms);
}

void tst_Clock::stopped()
{
    TestClock clock;
    int calls = 0;
    Timer timer([&] { ++calls; });
    timer.stop();
    timer.start(10ms);
    timer.stop();
    timer.stop();
    clock.advance(1s);
    QCOMPARE(calls, 0);
}

void tst_Clock::restarted()
{
    TestClock clock;
    int calls = 0;
    Timer timer([&] { ++calls; });
    timer.start(10ms);
    clock.advance(9ms);
    timer.start(10ms);
    clock.advance(9ms);
    QCOMPARE(calls, 0);
    clock.advance(1ms);
    QCOMPARE(calls, 1);
    clock.advance(1s);
    QCOMPARE(calls, 1);
}

void tst_Clock::startedWithinACallback()
{
    TestClock clock;
    QList<std::chrono::milliseconds> times;
    Timer second([&] { times.append(clock.elapsed()); });
    Timer late([&] { times.append(-1ms); });
    Timer first([&] {
        second.start(5ms);
        late.start(1h);
    });
    first.start(10ms);
    clock.advance(20ms);
    QCOMPARE(times, QList<std::chrono::milliseconds>{15ms});
    QVERIFY(late.isActive());
}

void tst_Clock::startedAgainByItself()
{
    TestClock clock;
    int calls = 0;
    std::unique_ptr<Timer> timer;
    timer = std::make_unique<Timer>([&] {
        ++calls;
        timer->start(10ms);
    });
    timer->start(10ms);
    clock.advance(105ms);
    QCOMPARE(calls, 10);
    QVERIFY(timer->isActive());
}

void tst_Clock::stoppedWithinACallback()
{
    TestClock clock;
    int calls = 0;
    Timer second([&] { ++calls; });
    Timer first([&] { second.stop(); });
    first.start(10ms);
    second.start(10ms);
    clock.advance(1s);
    QCOMPARE(calls, 0);
}

void tst_Clock::deletedWithinACallback()
{
    TestClock clock;
    int calls = 0;
    auto second = std::make_unique<Timer>([&] { ++calls; });
    auto inactive = std::make_unique<Timer>([&] { ++calls; });
    Timer first([&] {
        second.reset();
        inactive.reset();
    });
    first.start(10ms);
    second->start(10ms);
    clock.advance(1s);
    QCOMPARE(calls, 0);
}

void tst_Clock::deletesItself()
{
    TestClock clock;
    int calls = 0;
    std::unique_ptr<Timer> timer;
    const auto kept = std::make_shared<int>(7);
    timer = std::make_unique<Timer>([&timer, &calls, kept] {
        timer.reset();
        calls += *kept; // the callback outlives the timer
    });
    timer->start(10ms);
    clock.advance(1s);
    QCOMPARE(calls, 7);
    QVERIFY(timer == nullptr);
    QCOMPARE(kept.use_count(), 1);
}

void tst_Clock::destroyed()
{
    TestClock clock;
    int calls = 0;
    {
        Timer timer([&] { ++calls; });
        timer.start(10ms);
    }
    clock.advance(1s);
    QCOMPARE(calls, 0);
}

void tst_Clock::noDelay()
{
    TestClock clock;
    int calls = 0;
    Timer timer([&] { ++calls; });
    timer.start(0ms);
    QCOMPARE(calls, 0);
    clock.advance(0ms);
    QCOMPARE(calls, 1);
}

// What is posted before, and by what falls due, is delivered before time goes on.
void tst_Clock::extremes()
{
    constexpr auto longest = std::chrono::milliseconds::max();
    constexpr auto least = std::chrono::milliseconds::min();
    constexpr qint64 latest = std::numeric_limits<qint64>::max();
    QCOMPARE(Clock::after(5, 7ms), 12);
    QCOMPARE(Clock::after(5, longest), latest);
    QCOMPARE(Clock::after(latest, 1ms), latest);
    QCOMPARE(Clock::after(5, least), 5);
    QCOMPARE(waitingTime(longest), std::numeric_limits<int>::max());
    QCOMPARE(waitingTime(std::chrono::milliseconds(qint64(1) << 32)),
             std::numeric_limits<int>::max());
    QCOMPARE(waitingTime(least), 0);
    QCOMPARE(waitingTime(7ms), 7);

    int calls = 0;
    Timer late([&] { ++calls; });
    Timer atOnce([&] { ++calls; });
    late.start(longest);
    atOnce.start(least);
    QTRY_COMPARE(calls, 1);
    QVERIFY(late.isActive());
    late.start(std::chrono::milliseconds((qint64(1) << 32) + 1)); // not what is left in an int
    atOnce.start(20ms);
    QTRY_COMPARE(calls, 2);
    QVERIFY(late.isActive());
    late.stop();

    TestClock clock;
    clock.advance(1h);
    late.start(longest);
    atOnce.start(least);
    clock.advance(1h);
    QCOMPARE(calls, 3);
    clock.advance(longest);
    QCOMPARE(calls, 4);
    clock.advance(longest);
    QCOMPARE(Clock::now(), latest);
}

void tst_Clock::eventsAreDelivered()
{
    TestClock clock;
    QList<std::chrono::milliseconds> times;
    const auto post = [&] {
        QMetaObject::invokeMethod(
                this, [&] { times.append(clock.elapsed()); }, Qt::QueuedConnection);
    };
    Timer timer(post);
    Timer later(post);
    timer.start(10ms);
    later.start(20ms);
    post();
    clock.advance(100ms);
    QCOMPARE(times, (QList<std::chrono::milliseconds>{0ms, 10ms, 20ms}));
}

void tst_Clock::clockDestroyedFirst()
{
    int calls = 0;
    std::optional<TestClock> clock;
    clock.emplace();
    Timer timer([&] { ++calls; });
    Timer other([&] { ++calls; });
    timer.start(10ms);
    other.start(10ms);
    clock.reset();
    QVERIFY(!timer.isActive());
    timer.stop();
    // It goes on with the system's time.
    timer.start(1ms);
    QTRY_COMPARE(calls, 1);
}

void tst_Clock::startedBeforeTheClock()
{
    int calls = 0;
    Timer timer([&] { ++calls; });
    timer.start(1h);
    TestClock clock;
    // It waits for the system's time, until it is started again.
    clock.advance(2h);
    QCOMPARE(calls, 0);
    timer.start(1h);
    clock.advance(1h);
    QCOMPARE(calls, 1);
}

QTEST_GUILESS_MAIN(tst_Clock)

#include "tst_clock.moc"
