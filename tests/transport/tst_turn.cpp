// SPDX-License-Identifier: Apache-2.0
#include "joinedthread.h"
#include "transport/turn_p.h"

#include <QtCore/QEventLoop>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtTest/QTest>

#include <functional>

using namespace MsgpackRpc;

class tst_Turn : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void onePerThread();
    void onceForEachSchedule();
    void beforeTheLoopWaits();
    void withoutAnEventOfItsOwn();
    void nestedLoops();
    void scheduledWhileEnding();
    void scheduledAgainWhileEnding();
    void unscheduled();
    void destroyedWhileScheduled();
    void manyInOneTurn();
    void destroyedWhileEnding();
    void unscheduledAndForgotten();
    void forgottenWhileEnding();
    void nestedWhileEnding();
    void lastHolderGoesWhileEnding();
    void levels();
    void threadWithoutDispatcher();
};

namespace {

class Client : public TurnClient
{
public:
    explicit Client(std::function<void()> function = {}) : m_function(std::move(function)) {}
    void endOfTurn() override
    {
        ++calls;
        if (m_function)
            m_function();
    }
    int calls = 0;

private:
    std::function<void()> m_function;
};

} // namespace

void tst_Turn::onePerThread()
{
    const auto turn = Turn::current();
    QCOMPARE(Turn::current(), turn);
    std::shared_ptr<Turn> other;
    runInThread([&] {
        const auto mine = Turn::current();
        other = mine == Turn::current() ? nullptr : mine;
        if (mine == turn)
            other = mine;
    });
    QVERIFY(other == nullptr);
}

void tst_Turn::onceForEachSchedule()
{
    const auto turn = Turn::current();
    Client a;
    Client b;
    turn->schedule(&a);
    turn->schedule(&b);
    turn->schedule(&a);
    QCOMPARE(a.calls, 0);
    QTRY_COMPARE(a.calls, 1);
    QCOMPARE(b.calls, 1);
    QCoreApplication::processEvents();
    QCOMPARE(a.calls, 1);
    turn->schedule(&a);
    QTRY_COMPARE(a.calls, 2);
    QCOMPARE(b.calls, 1);
}

// The loop ends only after something that happens at the end of a turn.
void tst_Turn::beforeTheLoopWaits()
{
    const auto turn = Turn::current();
    QEventLoop loop;
    Client client(
            [&] { QMetaObject::invokeMethod(&loop, &QEventLoop::quit, Qt::QueuedConnection); });
    QTimer::singleShot(0, this, [&] { turn->schedule(&client); });
    loop.exec();
    QCOMPARE(client.calls, 1);
}

void tst_Turn::withoutAnEventOfItsOwn()
{
    const auto turn = Turn::current();
    Client client;
    turn->schedule(&client);
    QCoreApplication::sendPostedEvents();
    QCOMPARE(client.calls, 0);
    QCoreApplication::processEvents();
    QTRY_COMPARE(client.calls, 1);
}

void tst_Turn::nestedLoops()
{
    const auto turn = Turn::current();
    Client outer;
    Client inner;
    bool isNested = false;
    QTimer::singleShot(0, this, [&] {
        turn->schedule(&outer);
        isNested = true;
        QTRY_COMPARE(outer.calls, 1);
        turn->schedule(&inner);
        QTRY_COMPARE(inner.calls, 1);
        turn->schedule(&outer);
        isNested = false;
    });
    QTRY_COMPARE(outer.calls, 2);
    QVERIFY(!isNested);
    QCOMPARE(inner.calls, 1);
}

// Nothing else wakes the loop that is about to wait.
void tst_Turn::scheduledWhileEnding()
{
    const auto turn = Turn::current();
    QEventLoop loop;
    Client second(
            [&] { QMetaObject::invokeMethod(&loop, &QEventLoop::quit, Qt::QueuedConnection); });
    Client first([&] { turn->schedule(&second); });
    bool isLate = false;
    QTimer late;
    connect(&late, &QTimer::timeout, this, [&] {
        isLate = true;
        loop.quit();
    });
    QMetaObject::invokeMethod(
            this, [&] { turn->schedule(&first); }, Qt::QueuedConnection);
    late.start(5000);
    loop.exec();
    QCOMPARE(second.calls, 1);
    QVERIFY(!isLate);
}

void tst_Turn::scheduledAgainWhileEnding()
{
    const auto turn = Turn::current();
    QEventLoop loop;
    bool isLate = false;
    QTimer late;
    connect(&late, &QTimer::timeout, this, [&] {
        isLate = true;
        loop.quit();
    });
    std::unique_ptr<Client> client;
    client = std::make_unique<Client>([&] {
        if (client->calls < 3)
            turn->schedule(client.get());
        else
            QMetaObject::invokeMethod(&loop, &QEventLoop::quit, Qt::QueuedConnection);
    });
    QMetaObject::invokeMethod(
            this, [&] { turn->schedule(client.get()); }, Qt::QueuedConnection);
    late.start(5000);
    loop.exec();
    QCOMPARE(client->calls, 3);
    QVERIFY(!isLate);
}

void tst_Turn::unscheduled()
{
    const auto turn = Turn::current();
    Client a;
    Client b;
    turn->schedule(&a);
    turn->schedule(&b);
    turn->unschedule(&a);
    QTRY_COMPARE(b.calls, 1);
    QCOMPARE(a.calls, 0);
    turn->schedule(&a);
    QTRY_COMPARE(a.calls, 1);
}

void tst_Turn::destroyedWhileScheduled()
{
    const auto turn = Turn::current();
    Client last;
    {
        Client client;
        turn->schedule(&client);
        turn->schedule(&last);
    }
    QTRY_COMPARE(last.calls, 1);
}

// So many connections of a flood close in one turn. Each is forgotten without a look at the others, or this takes minutes.
void tst_Turn::manyInOneTurn()
{
    const auto turn = Turn::current();
    Client last;
    {
        std::vector<std::unique_ptr<Client>> clients(500'000);
        for (std::unique_ptr<Client> &client : clients) {
            client = std::make_unique<Client>();
            turn->schedule(client.get());
        }
        turn->schedule(&last);
    }
    QTRY_COMPARE(last.calls, 1);
}

void tst_Turn::destroyedWhileEnding()
{
    const auto turn = Turn::current();
    auto before = std::make_unique<Client>();
    auto after = std::make_unique<Client>();
    auto *const afterwards = after.get();
    int afterCalls = 0;
    Client destroyer([&] {
        afterCalls = afterwards->calls;
        before.reset();
        after.reset();
    });
    Client last;
    turn->schedule(before.get());
    turn->schedule(&destroyer);
    turn->schedule(after.get());
    turn->schedule(&last);
    QTRY_COMPARE(last.calls, 1);
    QCOMPARE(destroyer.calls, 1);
    QCOMPARE(afterCalls, 0);

    // And itself.
    std::unique_ptr<Client> itself;
    itself = std::make_unique<Client>([&] { itself.reset(); });
    turn->schedule(itself.get());
    turn->schedule(&last);
    QTRY_COMPARE(last.calls, 2);
    QVERIFY(itself == nullptr);
}

// The last one to hold the turn goes while others were unscheduled, or are scheduled still.
void tst_Turn::unscheduledAndForgotten()
{
    Client gone;
    Client scheduled;
    {
        const auto turn = Turn::current();
        turn->schedule(&gone);
        turn->schedule(&scheduled);
        turn->unschedule(&gone);
    }
    QCoreApplication::processEvents();
    QCOMPARE(gone.calls, 0);
    QCOMPARE(scheduled.calls, 0);
    const auto turn = Turn::current();
    turn->schedule(&scheduled);
    QTRY_COMPARE(scheduled.calls, 1);
}

void tst_Turn::forgottenWhileEnding()
{
    auto turn = Turn::current();
    Client second;
    Client first([&] { turn->unschedule(&second); });
    turn->schedule(&first);
    turn->schedule(&second);
    QTRY_COMPARE(first.calls, 1);
    QCOMPARE(second.calls, 0);
}

// A device of the user's may run an event loop while it is written to. Its turn ends as well, and nobody is left out.
void tst_Turn::nestedWhileEnding()
{
    const auto turn = Turn::current();
    Client late;
    Client b;
    Client a([&] {
        QEventLoop loop;
        turn->schedule(&late);
        QTimer::singleShot(0, &loop, [&] {
            turn->schedule(&late);
            QTimer::singleShot(0, &loop, &QEventLoop::quit);
        });
        loop.exec();
        QCOMPARE(b.calls, 1);
        QVERIFY(late.calls >= 1);
    });
    turn->schedule(&a);
    turn->schedule(&b);
    QTRY_COMPARE(a.calls, 1);
    QCOMPARE(b.calls, 1);
    turn->schedule(&b);
    turn->schedule(&late);
    const int before = late.calls;
    QTRY_COMPARE(b.calls, 2);
    QTRY_COMPARE(late.calls, before + 1);
}

void tst_Turn::lastHolderGoesWhileEnding()
{
    bool isGone = false;
    bool wasThere = false;
    runInThread([&] {
        auto turn = Turn::current();
        QObject::connect(turn.get(), &QObject::destroyed, [&] { isGone = true; });
        QEventLoop loop;
        Client last([&] {
            turn.reset();
            wasThere = !isGone;
            QTimer::singleShot(0, &loop, &QEventLoop::quit);
        });
        turn->schedule(&last);
        QTimer::singleShot(0, [] {});
        loop.exec();
    });
    QVERIFY(wasThere);
    QVERIFY(isGone);
}

void tst_Turn::levels()
{
    const auto turn = Turn::current();
    int told = 0;
    connect(turn.get(), &Turn::shallower, this, [&] { ++told; });
    const std::function<void(int)> dive = [&](int level) {
        QCOMPARE(turn->isDeepest(), level == Turn::MostLevels);
        if (level == Turn::MostLevels)
            return;
        const Turn::Handling handling(*turn);
        dive(level + 1);
    };
    dive(0);
    QCOMPARE(told, 1);
    QVERIFY(!turn->isDeepest());
}

void tst_Turn::threadWithoutDispatcher()
{
    class Thread : public QThread
    {
    public:
        std::atomic<int> calls = 0;

    protected:
        void run() override
        {
            const auto turn = Turn::current();
            Client first;
            Client second([this] { exit(0); });
            turn->schedule(&first);
            turn->schedule(&second);
            exec();
            calls = first.calls + second.calls;
        }
    } thread;
    thread.start();
    QVERIFY(thread.wait());
    QCOMPARE(thread.calls.load(), 2);

    // It had none when the turn was made.
    std::shared_ptr<Turn> turn;
    int calls = 0;
    runInThread([&] {
        turn = Turn::current();
        Client client([&] { ++calls; });
        turn->schedule(&client);
        QEventLoop loop;
        QMetaObject::invokeMethod(&loop, &QEventLoop::quit, Qt::QueuedConnection);
        loop.exec();
        turn.reset();
    });
    QCOMPARE(calls, 1);
}

QTEST_GUILESS_MAIN(tst_Turn)

#include "tst_turn.moc"
