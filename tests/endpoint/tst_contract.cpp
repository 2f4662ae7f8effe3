// SPDX-License-Identifier: Apache-2.0

// The promises of the public API, as a program would use it.
#include <MsgpackRpc/AsyncResult>
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Coroutine>
#include <MsgpackRpc/PendingCallWatcher>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Testing>
#include <MsgpackRpc/TransportOption>

#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using MsgpackRpc::Error;

struct User
{
    Q_GADGET
    Q_PROPERTY(int id MEMBER id)
    Q_PROPERTY(QString name MEMBER name)

public:
    int id = 0;
    QString name;
};

struct Inbox
{
    Q_GADGET
    Q_PROPERTY(int owner MEMBER owner)
    Q_PROPERTY(QStringList subjects MEMBER subjects)

public:
    int owner = 0;
    QStringList subjects;
};

class Calculator : public QObject
{
    Q_OBJECT

public:
    enum Color { Red, Green = 5 };
    Q_ENUM(Color)

    Q_INVOKABLE QFuture<QString> slow()
    {
        auto promise = std::make_shared<QPromise<QString>>();
        promise->start();
        QTimer::singleShot(0, this, [promise] {
            promise->addResult(QStringLiteral("done"));
            promise->finish();
        });
        return promise->future();
    }
    Q_INVOKABLE void later(int ms, MsgpackRpc::Responder responder)
    {
        QTimer::singleShot(ms, this, [responder, ms] { responder.result(ms); });
    }
    Q_INVOKABLE MsgpackRpc::AsyncResult async()
    {
        MsgpackRpc::AsyncResult result;
        QTimer::singleShot(0, this, [result] { result.result(7); });
        return result;
    }
    Q_INVOKABLE User login(const QString &name) { return {42, name}; }
    Q_INVOKABLE Inbox inbox(int id) { return {id, {QStringLiteral("hello")}}; }
    Q_INVOKABLE Color color(Color c) { return c; }
    Q_INVOKABLE QVariant echo(const QVariant &value) { return value; }
    Q_INVOKABLE void refuse() { throw MsgpackRpc::ErrorException("no such user"); }
    Q_INVOKABLE int refuseByContext()
    {
        MsgpackRpc::CallContext::current().setError(QVariantList{13, QStringLiteral("denied")});
        return 1;
    }
    Q_INVOKABLE int callBack(MsgpackRpc::Responder responder)
    {
        auto caller = MsgpackRpc::CallContext::current().session();
        caller.call<int>("twice", 21).then(this, [responder](int value) {
            responder.result(value);
        });
        return 0;
    }

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    void log(const QString &text) { logged.append(text); }

public:
    QStringList logged;
};

class tst_Contract : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();

    void thenAndOnError();
    void chainFlattensAndPassesErrors();
    void memberFunctionsAsCallbacks();
    void watcher();
    void coroutine();
    void coroutineError();
    void coroutineGivenUpWithContext();
    void foreignCoroutineInContext();
    void future();
    void futureOfFailure();
    void handleValue();
    void waitForFinished();
    void cancel();
    void notify();
    void integerMethods();
    void untyped();
    void withTimeout();
    void over();
    void object();
    void bindOnClient();
    void notificationReceived();
    void handleFromOtherThread();
    void asynchronousResults();
    void gadgetsAndEnums();
    void errors();
    void symmetricSessions();
    void notifyAll();
    void boundFunctions();
    void methodNames();

    // What the callbacks of members reach.
public:
    void showInbox(const Inbox &inbox) { shown = inbox.subjects; }
    void showError(const Error &error) { shownError = error; }

private:
    std::unique_ptr<Calculator> calculator;
    std::unique_ptr<MsgpackRpc::Server> server;
    std::unique_ptr<MsgpackRpc::Client> client;
    QStringList shown;
    Error shownError;
};

void tst_Contract::init()
{
    shown.clear();
    shownError = {};
    calculator = std::make_unique<Calculator>();
    server = std::make_unique<MsgpackRpc::Server>();
    QVERIFY(server->serve(calculator.get()));
    QVERIFY(server->serve("calc", calculator.get()));
    QVERIFY(server->bind("version", [] { return QStringLiteral("1.2"); }));
    QVERIFY(server->bind(7, this, [](const QVariant &x) { return x; }));
    QVERIFY2(server->listen(QUrl("tcp://127.0.0.1:0")), qPrintable(server->error().message()));
    client = std::make_unique<MsgpackRpc::Client>(server->urls().constFirst());
}

void tst_Contract::cleanup()
{
    client.reset();
    server.reset();
    calculator.reset();
}

void tst_Contract::thenAndOnError()
{
    int sum = 0;
    Error error;
    client->call<int>("add", 1, 2)
            .then(this, [&](int value) { sum = value; })
            .onError(this, [&](const Error &e) { error = e; });
    QCOMPARE(sum, 0); // never before call() has returned
    QTRY_COMPARE(sum, 3);
    QVERIFY(!error);

    client->call<int>("nope")
            .then(this, [&](int value) { sum = value; })
            .onError(this, [&](const Error &e) { error = e; });
    QTRY_VERIFY(error);
    QCOMPARE(sum, 3);
    QCOMPARE(error.code(), Error::RemoteError);
    QCOMPARE(error.message(), QStringLiteral("method `nope' is not accepted"));
    QCOMPARE(error.data(), QVariant(error.message()));
}

void tst_Contract::chainFlattensAndPassesErrors()
{
    client->call<User>("login", "ann")
            .then(this, [this](const User &u) { return client->call<Inbox>("inbox", u.id); })
            .then(this, [this](const Inbox &inbox) { showInbox(inbox); })
            .onError(this, [this](const Error &e) { showError(e); });
    QTRY_COMPARE(shown, QStringList{QStringLiteral("hello")});
    QVERIFY(!shownError);

    bool reached = false;
    client->call<User>("nobody", "ann")
            .then(this, [this](const User &u) { return client->call<Inbox>("inbox", u.id); })
            .then(this, [&](const Inbox &) { reached = true; })
            .onError(this, [this](const Error &e) { showError(e); });
    QTRY_VERIFY(shownError);
    QVERIFY(!reached);

    QString text;
    client->call<int>("add", 2, 3)
            .then(this, [](int value) { return QString::number(value); })
            .then(this, [&](const QString &t) { text = t; });
    QTRY_COMPARE(text, QStringLiteral("5"));
}

void tst_Contract::memberFunctionsAsCallbacks()
{
    client->call<Inbox>("inbox", 1)
            .then(this, &tst_Contract::showInbox)
            .onError(this, &tst_Contract::showError);
    QTRY_COMPARE(shown, QStringList{QStringLiteral("hello")});
    client->call<Inbox>("inbox", "x")
            .then(this, &tst_Contract::showInbox)
            .onError(this, &tst_Contract::showError);
    QTRY_VERIFY(shownError);
}

void tst_Contract::watcher()
{
    auto *good = new MsgpackRpc::PendingCallWatcher(client->call("add", 1, 2), this);
    QSignalSpy finished(good, &MsgpackRpc::PendingCallWatcher::finished);
    QSignalSpy failed(good, &MsgpackRpc::PendingCallWatcher::failed);
    QVERIFY(finished.wait(30'000));
    QCOMPARE(finished.constFirst().constFirst().toInt(), 3);
    QVERIFY(failed.isEmpty());
    delete good;

    MsgpackRpc::PendingCallWatcher bad(client->call<int>("add", 1));
    QSignalSpy badFinished(&bad, &MsgpackRpc::PendingCallWatcher::finished);
    QSignalSpy badFailed(&bad, &MsgpackRpc::PendingCallWatcher::failed);
    QVERIFY(badFailed.wait(30'000));
    QCOMPARE(badFailed.constFirst().constFirst().value<Error>().code(), Error::RemoteError);
    QVERIFY(badFinished.isEmpty());

    MsgpackRpc::PendingCallWatcher none{MsgpackRpc::PendingCall()};
    QSignalSpy noneFailed(&none, &MsgpackRpc::PendingCallWatcher::failed);
    QVERIFY(noneFailed.wait(30'000));
}

void tst_Contract::coroutine()
{
    int sum = 0;
    const auto task = [](MsgpackRpc::Client *c, int *out) -> MsgpackRpc::Task<> {
        const auto inner = [](MsgpackRpc::Client *cc) -> MsgpackRpc::Task<int> {
            co_return co_await cc->call<int>("add", 1, 2);
        };
        const int first = co_await inner(c);
        *out = co_await c->call<int>("add", first, 10);
    }(client.get(), &sum);
    QCOMPARE(sum, 0);
    QVERIFY(!task.isFinished());
    QTRY_COMPARE(sum, 13);
    QVERIFY(task.isFinished());
}

void tst_Contract::coroutineError()
{
    Error error;
    const auto task = [](MsgpackRpc::Client *c, Error *out) -> MsgpackRpc::Task<> {
        try {
            co_await c->call<int>("refuse");
        } catch (const MsgpackRpc::ErrorException &e) {
            *out = e.error();
        }
    }(client.get(), &error);
    QTRY_VERIFY(error);
    QCOMPARE(error.message(), QStringLiteral("no such user"));
}

namespace {

struct Counted
{
    explicit Counted(int *c) : count(c) { ++*count; }
    ~Counted() { --*count; }
    int *count;
    Q_DISABLE_COPY_MOVE(Counted)
};

} // namespace

void tst_Contract::coroutineGivenUpWithContext()
{
    int frames = 0;
    bool resumed = false;
    auto *context = new QObject;
    const auto outer = [](MsgpackRpc::Client *c, QObject *ctx, int *count,
                          bool *flag) -> MsgpackRpc::Task<> {
        const Counted counted(count);
        const auto inner = [](MsgpackRpc::Client *cc, QObject *cctx, int *ccount,
                              bool *cflag) -> MsgpackRpc::Task<int> {
            const Counted innerCounted(ccount);
            const int value = co_await cc->call<int>("add", 1, 2).inContext(cctx);
            *cflag = true;
            co_return value;
        };
        co_await inner(c, ctx, count, flag);
        *flag = true;
    }(client.get(), context, &frames, &resumed);
    QCOMPARE(frames, 2);
    delete context;
    QTRY_COMPARE(frames, 0);
    QVERIFY(!resumed);
    QVERIFY(outer.isFinished());
}

namespace {

// A coroutine type that knows nothing of this library.
struct Foreign
{
    struct promise_type
    {
        Foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

} // namespace

void tst_Contract::foreignCoroutineInContext()
{
    int sum = 0;
    Error error;
    auto *context = new QObject;
    const auto run = [](MsgpackRpc::Client *c, QObject *ctx, int *out, Error *err) -> Foreign {
        try {
            *out = co_await c->call<int>("add", 1, 2);
            co_await c->call<int>("later", 50).inContext(ctx);
        } catch (const MsgpackRpc::ErrorException &e) {
            *err = e.error();
        }
    };
    run(client.get(), context, &sum, &error);
    QTRY_COMPARE(sum, 3);
    delete context;
    QTRY_VERIFY(error);
    QCOMPARE(error.code(), Error::Canceled);
}

void tst_Contract::future()
{
    QFuture<int> future = client->call<int>("add", 1, 2).toFuture();
    QTRY_VERIFY(future.isFinished());
    QCOMPARE(future.result(), 3);
    QFuture<void> nothing = client->call<void>("add", 1, 2).toFuture();
    QTRY_VERIFY(nothing.isFinished());

    QString text;
    auto chained = client->call<int>("add", 4, 4)
                           .toFuture()
                           .then(this, [](int value) { return QString::number(value); })
                           .then(this, [&](const QString &t) { text = t; });
    QTRY_COMPARE(text, QStringLiteral("8"));
}

void tst_Contract::futureOfFailure()
{
    QString caught;
    auto f = client->call<int>("refuse").toFuture().onFailed(
            this, [&](const MsgpackRpc::ErrorException &e) {
                caught = e.error().message();
                return 0;
            });
    QTRY_COMPARE(caught, QStringLiteral("no such user"));
    QFuture<int> canceled;
    {
        auto reply = client->call<int>("later", 10'000);
        canceled = reply.toFuture();
        reply.cancel();
    }
    QTRY_VERIFY(canceled.isFinished());
    QVERIFY_EXCEPTION_THROWN(canceled.waitForFinished(), MsgpackRpc::ErrorException);
}

void tst_Contract::handleValue()
{
    auto reply = client->call<int>("add", 1, 2);
    QVERIFY(!reply.isFinished());
    QVERIFY(!reply.error());
    QCOMPARE(reply.result(), 0);
    const auto copy = reply;
    QTRY_VERIFY(reply.isFinished());
    QCOMPARE(copy.result(), 3);
    QVERIFY(copy == reply);
    QVERIFY(!reply.error());
    QCOMPARE(reply.toVariant().toInt(), 3);

    // Attached when it is all over: still from the event loop, still once.
    int calls = 0;
    reply.then(this, [&](int) { ++calls; });
    QCOMPARE(calls, 0);
    QTRY_COMPARE(calls, 1);
}

void tst_Contract::waitForFinished()
{
    auto reply = client->call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    auto slow = client->call<int>("later", 10'000);
    QVERIFY(!slow.waitForFinished(20ms));
    QVERIFY(!slow.isFinished());
    slow.cancel();
    QVERIFY(slow.waitForFinished());
}

void tst_Contract::cancel()
{
    int told = 0;
    Error error;
    auto reply = client->call<int>("later", 10'000);
    reply.onError(this, [&](const Error &e) {
        ++told;
        error = e;
    });
    reply.cancel();
    QVERIFY(reply.isFinished());
    QCOMPARE(told, 0);
    reply.cancel();
    QTRY_COMPARE(told, 1);
    QCOMPARE(error.code(), Error::Canceled);
    QCOMPARE(client->pendingCalls(), 0);

    // Cancelling the end of a chain cancels its beginning.
    auto first = client->call<int>("later", 10'000);
    auto last = first.then(this, [](int value) { return value; });
    last.cancel();
    QTRY_VERIFY(last.isFinished());
    QVERIFY(first.isFinished());
    QCOMPARE(last.error().code(), Error::Canceled);
}

void tst_Contract::notify()
{
    QVERIFY(client->notify("log", "hello"));
    QVERIFY(client->notify("no such method"));
    QTRY_COMPARE(calculator->logged, QStringList{QStringLiteral("hello")});
}

void tst_Contract::integerMethods()
{
    auto reply = client->call<QString>(7, "integer method ids too");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), QStringLiteral("integer method ids too"));
    auto zero = client->call(0, 1);
    QVERIFY(zero.waitForFinished(30s));
    QCOMPARE(zero.error().message(), QStringLiteral("method `0' is not accepted"));
}

void tst_Contract::untyped()
{
    auto reply = client->callWithArguments(u"add"_qs, QVariantList{1, 2});
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result().toInt(), 3);
    MsgpackRpc::PendingReply<QVariant> plain = client->call("add", 1, 2);
    QVERIFY(plain.waitForFinished(30s));
    QCOMPARE(plain.result().toInt(), 3);
}

void tst_Contract::withTimeout()
{
    auto reply = client->withTimeout(50ms).call<QString>("later", 10'000);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::Timeout);
    QVERIFY(reply.error().isTimeout());
}

void tst_Contract::over()
{
    const QByteArray bytes(100'000, 'x');
    auto reply = client->over(MsgpackRpc::TransportOption::Deflate).call<QByteArray>("echo", bytes);
    auto plain = client->call<QByteArray>("echo", bytes);
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY(plain.waitForFinished(30s));
    QCOMPARE(reply.result(), bytes);
    QCOMPARE(plain.result(), bytes);
    QCOMPARE(server->sessions().size(), 2);
}

void tst_Contract::object()
{
    auto reply = client->object("calc").call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
    auto both = client->withTimeout(5s).object("calc").call<int>("add", 2, 2);
    QVERIFY(both.waitForFinished(30s));
    QCOMPARE(both.result(), 4);
}

void tst_Contract::bindOnClient()
{
    int changed = 0;
    QVERIFY(client->bind("changed", this, [&](int value) { changed = value; }));
    client->open();
    QSignalSpy opened(server.get(), &MsgpackRpc::Server::sessionOpened);
    QVERIFY(opened.wait(30'000));
    server->sessions().constFirst()->notify("changed", 42);
    QTRY_COMPARE(changed, 42);
}

void tst_Contract::notificationReceived()
{
    QSignalSpy received(client.get(), &MsgpackRpc::Client::notificationReceived);
    client->open();
    QTRY_COMPARE(server->sessions().size(), 1);
    server->notifyAll("something", 1, "x");
    QVERIFY(received.wait(30'000));
    QCOMPARE(received.constFirst().at(0).toString(), QStringLiteral("something"));
    QCOMPARE(received.constFirst().at(1).toList(), (QVariantList{1, QStringLiteral("x")}));
}

void tst_Contract::handleFromOtherThread()
{
    const MsgpackRpc::SessionHandle handle = client->handle();
    int sum = 0;
    bool wrong = true;
    std::unique_ptr<QThread> thread(QThread::create([&] {
        sum = handle.call<int>("add", 1, 2).result();
        handle.notify("log", "from a thread");
        try {
            handle.call<int>("refuse").result();
        } catch (const MsgpackRpc::ErrorException &e) {
            wrong = e.error().message() != QStringLiteral("no such user");
        }
    }));
    thread->start();
    QTRY_VERIFY(thread->isFinished());
    QCOMPARE(sum, 3);
    QVERIFY(!wrong);
    QTRY_COMPARE(calculator->logged.size(), 1);

    QFuture<int> here = client->handle().call<int>("add", 3, 4);
    QTRY_VERIFY(here.isFinished());
    QCOMPARE(here.result(), 7);
    client.reset();
    QVERIFY(!handle.isValid());
    QFuture<int> late = handle.call<int>("add", 1, 2);
    QVERIFY(late.isFinished());
    QVERIFY_EXCEPTION_THROWN(late.waitForFinished(), MsgpackRpc::ErrorException);
}

void tst_Contract::asynchronousResults()
{
    auto slow = client->call<QString>("slow");
    auto later = client->call<int>("later", 5);
    auto async = client->call<int>("async");
    QVERIFY(slow.waitForFinished(30s));
    QVERIFY(later.waitForFinished(30s));
    QCOMPARE(later.error(), Error());
    QVERIFY(async.waitForFinished(30s));
    QCOMPARE(slow.result(), QStringLiteral("done"));
    QCOMPARE(later.result(), 5);
    QCOMPARE(async.result(), 7);
}

void tst_Contract::gadgetsAndEnums()
{
    auto user = client->call<User>("login", "ann");
    QVERIFY(user.waitForFinished(30s));
    QCOMPARE(user.result().id, 42);
    QCOMPARE(user.result().name, QStringLiteral("ann"));
    auto color = client->call<Calculator::Color>("color", "Green");
    QVERIFY(color.waitForFinished(30s));
    QCOMPARE(color.result(), Calculator::Green);
    auto byNumber = client->call<int>("color", Calculator::Green);
    QVERIFY(byNumber.waitForFinished(30s));
    QCOMPARE(byNumber.result(), 5);
}

void tst_Contract::errors()
{
    auto thrown = client->call<int>("refuse");
    QVERIFY(thrown.waitForFinished(30s));
    QCOMPARE(thrown.error().message(), QStringLiteral("no such user"));
    auto context = client->call<int>("refuseByContext");
    QVERIFY(context.waitForFinished(30s));
    QCOMPARE(context.error().message(), QStringLiteral("denied"));
    QCOMPARE(context.error().data(), QVariant(QVariantList{13, QStringLiteral("denied")}));
    auto wrongResult = client->call<int>("version");
    QVERIFY(wrongResult.waitForFinished(30s));
    QCOMPARE(wrongResult.error().code(), Error::InvalidResult);
    QVERIFY2(wrongResult.error().message().contains(QStringLiteral("got the text \"1.2\"")),
             qPrintable(wrongResult.error().message()));
}

void tst_Contract::symmetricSessions()
{
    QVERIFY(client->bind("twice", [](int x) { return 2 * x; }));
    auto reply = client->call<int>("callBack");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 42);

    MsgpackRpc::Session *const session = server->sessions().constFirst();
    auto back = session->call<int>("twice", 4);
    QVERIFY(back.waitForFinished(30s));
    QCOMPARE(back.result(), 8);
}

void tst_Contract::notifyAll()
{
    MsgpackRpc::Client second(server->urls().constFirst());
    int first = 0;
    int other = 0;
    client->bind("changed", this, [&](int value) { first = value; });
    second.bind("changed", this, [&](int value) { other = value; });
    client->open();
    second.open();
    QTRY_COMPARE(server->sessions().size(), 2);
    QCOMPARE(server->notifyAll("changed", 42), 2);
    QTRY_COMPARE(first, 42);
    QTRY_COMPARE(other, 42);
}

void tst_Contract::boundFunctions()
{
    auto version = client->call<QString>("version");
    QVERIFY(version.waitForFinished(30s));
    QCOMPARE(version.result(), QStringLiteral("1.2"));
    QVERIFY(server->bind<int(int, int)>("times", [](auto a, auto b) { return a * b; }));
    auto times = client->call<int>("times", 6, 7);
    QVERIFY(times.waitForFinished(30s));
    QCOMPARE(times.result(), 42);
    {
        QObject context;
        server->bind("short", &context, [] { return 1; });
        auto alive = client->call<int>("short");
        QVERIFY(alive.waitForFinished(30s));
        QCOMPARE(alive.result(), 1);
    }
    auto gone = client->call<int>("short");
    QVERIFY(gone.waitForFinished(30s));
    QCOMPARE(gone.error().message(), QStringLiteral("method `short' is not accepted"));
}

void tst_Contract::methodNames()
{
    enum Ids { Seven = 7 };
    const QList<MsgpackRpc::PendingReply<int>> replies = {
            client->call<int>("add", 1, 2),
            client->call<int>(QByteArray("add"), 1, 2),
            client->call<int>(QStringLiteral("add"), 1, 2),
            client->call<int>(QLatin1String("add"), 1, 2),
            client->call<int>(std::string("add"), 1, 2),
            client->call<int>(Seven, 3),
            client->call<int>(qint64(7), 3),
            client->call<int>(7u, 3),
    };
    for (const auto &reply : replies) {
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), 3);
    }
}

QTEST_GUILESS_MAIN(tst_Contract)
#include "tst_contract.moc"
