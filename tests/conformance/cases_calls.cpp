// SPDX-License-Identifier: Apache-2.0

// How calls are answered, in what order, and what they fail with.
#include "run.h"

using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::PendingReply;
using namespace std::chrono_literals;

namespace Conformance {

namespace {

void checkSum(Run &run, const PendingReply<qint64> &reply, qint64 a, qint64 b)
{
    const QString what = QStringLiteral("add(%1, %2)").arg(a).arg(b);
    const qint64 sum = run.result(reply, what);
    run.check(sum == a + b, QStringLiteral("%1: %2").arg(what).arg(sum));
}

void add(Run &run)
{
    constexpr std::pair<int, int> Summands[] = {{1, 2}, {0, 0}, {-5, 3}, {-300, -400}, {70'000, 1}};
    for (const auto &[a, b] : Summands)
        checkSum(run, run.client().call<qint64>("add", a, b), a, b);
}

void pipelined(Run &run)
{
    QList<PendingReply<qint64>> replies;
    for (int i = 0; i < 100; ++i)
        replies += run.client().call<qint64>("add", i, 1000 * i);
    for (int i = 0; i < replies.size(); ++i)
        checkSum(run, replies.at(i), i, 1000 * i);
}

void outOfOrder(Run &run)
{
    run.checkAlive(QStringLiteral("at first")); // so that both requests meet an open connection
    const auto slow = run.client().call<int>("sleep", 300);
    const auto quick = run.client().call<qint64>("add", 1, 2);
    checkSum(run, quick, 1, 2);
    run.check(!slow.isFinished(), QStringLiteral("add(1, 2) was not answered before sleep(300)"));
    const int slept = run.result(slow, QStringLiteral("sleep(300)"));
    run.check(slept == 300, QStringLiteral("sleep(300): %1").arg(slept));
}

// The first sleeps longest: if they run at once, it ends last.
void sleeps(Run &run)
{
    QList<int> order;
    QList<PendingReply<int>> replies;
    for (int i = 0; i < 10; ++i) {
        replies += run.client().call<int>("sleep", 300 - 25 * i);
        replies.last().then(&run.client(), [&order](int ms) { order += ms; });
    }
    for (int i = 0; i < replies.size(); ++i) {
        const int ms = 300 - 25 * i;
        const int slept = run.result(replies.at(i), QStringLiteral("sleep(%1)").arg(ms));
        run.check(slept == ms, QStringLiteral("sleep(%1): %2").arg(ms).arg(slept));
    }
    run.check(order.first() != 300 && order.last() == 300,
              QStringLiteral("10 calls of sleep are answered one after the other"));
}

int notifyCount(Run &run, Client &client)
{
    return run.result(client.call<int>("notify_count"), QStringLiteral("notify_count()"));
}

// A server may take some time to run what was notified.
void expectCount(Run &run, Client &client, int expected)
{
    int count = notifyCount(run, client);
    const QDeadlineTimer patience(1s);
    while (count < expected && !patience.hasExpired())
        count = notifyCount(run, client);
    run.check(count == expected,
              QStringLiteral("notify_count() is %1, expected %2").arg(count).arg(expected));
}

void notifications(Run &run)
{
    const int before = notifyCount(run, run.client());
    run.client().notify("poke");
    run.client().notify("poke", 1);
    run.client().notify("poke", 1, QStringLiteral("x"), QVariantList{QVariant()});
    expectCount(run, run.client(), before + 3);
    run.checkAlive(QStringLiteral("after notifications"));
}

void lastNotifications(Run &run)
{
    run.needOneServer();
    const int before = notifyCount(run, run.client());
    const auto other = run.newClient();
    for (int i = 0; i < 50; ++i)
        other->notify("poke", i);
    other->open();
    run.result(other->call<QVariant>("echo", 1), QStringLiteral("echo(1)"));
    for (int i = 0; i < 50; ++i)
        other->notify("poke", i);
    other->close();
    expectCount(run, run.client(), before + 100);
}

void unknownNotification(Run &run)
{
    run.client().notify("no_such_method");
    run.client().notify("no_such_method", 1, 2);
    const auto slow = run.client().call<int>("sleep", 100);
    run.checkAlive(QStringLiteral("after an unknown notification"));
    run.check(run.result(slow, QStringLiteral("sleep(100)")) == 100,
              QStringLiteral("sleep(100) does not return 100"));
}

void fail(Run &run)
{
    for (const QString &text : {QStringLiteral("boom"), QStringLiteral("größer als 1 — 本"),
                                QStringLiteral("%1").arg(QString(300, u'e'))}) {
        const Error error =
                run.remoteError(run.client().call("fail", text), QStringLiteral("fail(text)"));
        run.check(error.message().contains(text),
                  QStringLiteral("the error %1 does not contain the text %2")
                          .arg(error.message(), text));
    }
    run.checkAlive(QStringLiteral("after errors"));
}

void unknownMethod(Run &run)
{
    run.remoteError(run.client().call("no_such_method", 1), QStringLiteral("no_such_method(1)"));
    run.remoteError(run.client().call("", 1), QStringLiteral("a method without a name"));
    run.checkAlive(QStringLiteral("after an unknown method"));
}

void tooFewArguments(Run &run)
{
    run.remoteError(run.client().call("add", 1), QStringLiteral("add(1)"));
    run.remoteError(run.client().call("add"), QStringLiteral("add()"));
    run.checkAlive(QStringLiteral("after too few arguments"));
}

void tooManyArguments(Run &run)
{
    run.remoteError(run.client().call("add", 1, 2, 3), QStringLiteral("add(1, 2, 3)"));
    run.remoteError(run.client().call("echo", 1, 2), QStringLiteral("echo(1, 2)"));
    run.checkAlive(QStringLiteral("after too many arguments"));
}

void wrongArgumentType(Run &run)
{
    run.remoteError(run.client().call("add", QVariantMap(), 1), QStringLiteral("add({}, 1)"));
    run.remoteError(run.client().call("add", 1, nullptr), QStringLiteral("add(1, nil)"));
    run.checkAlive(QStringLiteral("after an argument of the wrong type"));
}

void integerMethod(Run &run)
{
    if (!run.settings().integerMethods)
        throw Skipped{QStringLiteral("--no-int")};
    const auto text = run.result(run.client().call<QString>(7, QStringLiteral("hello")),
                                 QStringLiteral("7(\"hello\")"));
    run.check(text == QLatin1String("hello"), QStringLiteral("7(\"hello\"): %1").arg(text));
    run.remoteError(run.client().call(70'007, 1), QStringLiteral("70007(1)"));
    run.checkAlive(QStringLiteral("after an unknown number"));
}

// Each form of an integer, and the wrap.
void messageIds(Run &run)
{
    for (const quint32 id : {1u, 127u, 255u, 65'535u, 0x7fffffffu}) {
        run.client().setNextMsgid(id);
        for (int i = 0; i < 2; ++i)
            checkSum(run, run.client().call<qint64>("add", i, int(id >> 8)), i, int(id >> 8));
    }
    run.check(run.losses() == 0, QStringLiteral("the connection was lost"));
}

void clients(Run &run)
{
    std::vector<std::unique_ptr<Client>> all;
    QList<PendingReply<qint64>> replies;
    for (int i = 0; i < 8; ++i) {
        all.push_back(run.newClient());
        for (int j = 0; j < 20; ++j)
            replies += all.back()->call<qint64>("add", i, j);
    }
    for (int i = 0; i < replies.size(); ++i)
        checkSum(run, replies.at(i), i / 20, i % 20);
}

void reconnect(Run &run)
{
    for (int i = 0; i < 3; ++i) {
        checkSum(run, run.client().call<qint64>("add", i, 1), i, 1);
        run.client().close();
    }
    checkSum(run, run.client().call<qint64>("add", 9, 1), 9, 1);
}

void abandoned(Run &run)
{
    const auto other = run.newClient();
    const auto reply = other->call<int>("sleep", 100);
    run.result(other->call<QVariant>("echo", 1), QStringLiteral("echo(1)"));
    other->close(); // the answer has nowhere to go
    run.check(reply.error().code() == Error::Canceled, QStringLiteral("close() cancels no call"));
    run.check(run.result(run.client().call<int>("sleep", 200), QStringLiteral("sleep(200)")) == 200,
              QStringLiteral("sleep(200) does not return 200"));
    run.checkAlive(QStringLiteral("after an answer to a client that is gone"));
}

// The late answer must not end another call.
void timeouts(Run &run)
{
    run.checkAlive(QStringLiteral("at first"));
    const auto late = run.client().withTimeout(100ms).call<int>("sleep", 400);
    run.waitFor(late, QStringLiteral("sleep(400)"));
    run.check(late.error().code() == Error::Timeout,
              QStringLiteral("sleep(400) with a timeout of 100 ms does not time out"));
    const auto canceled = run.client().call<int>("sleep", 150);
    canceled.cancel();
    const int slept =
            run.result(run.client().call<int>("sleep", 500), QStringLiteral("sleep(500)"));
    run.check(slept == 500, QStringLiteral("sleep(500): %1").arg(slept));
    run.checkAlive(QStringLiteral("after a late answer"));
}

void largeBoth(Run &run)
{
    const QString text(4 * 1024 * 1024, u'z');
    run.needRoom(text.size());
    QList<PendingReply<QString>> replies;
    for (int i = 0; i < 3; ++i)
        replies += run.client().call<QString>("echo", text);
    const auto small = run.client().call<qint64>("add", 1, 2);
    for (const auto &reply : replies)
        run.check(run.result(reply, QStringLiteral("echo of 4 MiB")) == text,
                  QStringLiteral("4 MiB of text came back as something else"));
    checkSum(run, small, 1, 2);
}

} // namespace

QList<Case> callCases()
{
    return {
            {"add", "sums", add},
            {"pipelined", "100 calls at once", pipelined},
            {"out-of-order", "a quick call overtakes a slow one", outOfOrder},
            {"sleeps", "10 slow calls at once", sleeps},
            {"notify", "notifications are counted, whatever their arguments", notifications},
            {"notify-close", "notifications right before closing arrive", lastNotifications},
            {"notify-unknown", "an unknown notification does no harm", unknownNotification},
            {"fail", "the text of an error arrives", fail},
            {"unknown-method", "an error; the connection stays", unknownMethod},
            {"arity-few", "too few arguments: an error; the connection stays", tooFewArguments},
            {"arity-many", "too many arguments: an error; the connection stays", tooManyArguments},
            {"argument-type", "a wrong type: an error; the connection stays", wrongArgumentType},
            {"integer-method", "a method called by its number", integerMethod},
            {"msgid", "ids of each form come back", messageIds},
            {"clients", "8 clients at once", clients},
            {"reconnect", "closing and connecting again", reconnect},
            {"abandoned", "a client that leaves without waiting", abandoned},
            {"timeout", "late answers end no other call", timeouts},
            {"large", "three times 4 MiB both ways at once", largeBoth},
    };
}

} // namespace Conformance
