// SPDX-License-Identifier: Apache-2.0

// User code may run an event loop wherever it is called: the connection goes on meanwhile.
#include "notifiermodes.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QEventLoop>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <functional>
#include <memory>
#include <tuple>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;

namespace {

// Until it is told to end, or for far too long. Nothing else wakes it: what is to be heard of must wake it itself.
void run(QEventLoop &loop)
{
    QTimer::singleShot(30s, &loop, &QEventLoop::quit);
    loop.exec();
}

// A number whose conversion may run an event loop, wherever it is decoded.
struct Slow
{
    int number = 0;
};

std::function<void(int)> onConversion; // while it is read
std::function<void()> onWriting;

QString textOf(int number)
{
    return QString(50 + number * 37 % 900, QChar('a' + number % 26)) + QString::number(number);
}

} // namespace

Q_DECLARE_METATYPE(Slow)

/// Calls onPacking when it is packed.
struct Calling
{
    int number = 0;
};

class tst_Nesting : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void initTestCase();
    void cleanup()
    {
        onConversion = nullptr;
        onWriting = nullptr;
    }
    void callback_data();
    void callback();
    void servedMethod_data();
    void servedMethod();
    void restOfTheBatch();
    void conversionOfArguments_data();
    void conversionOfArguments();
    void conversionOfResults_data();
    void conversionOfResults();
    void callCancelledInConversion();
    void objectDeletedInConversion();
    void sessionDeletedInConversion();
    void connectionLostInConversion();
    void callsWhileAnArgumentIsPacked_data();
    void callsWhileAnArgumentIsPacked();
    void callsWhileAResultIsPacked();
    void manyCallsWhileAnArgumentIsPacked();
    void endlessConversion();
    void endWhileItIsPacked_data();
    void endWhileItIsPacked();
    void callsMadeInside();
    void mutualRecursion();
    void noDeeper_data();
    void noDeeper();
    void deleteClientInside();
    void deleteServerInside();

private:
    void addUrls();

    QTemporaryDir m_folder;
};

void tst_Nesting::addUrls()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("tcp") << QUrl("tcp://127.0.0.1:0");
    QTest::newRow("memory") << QUrl("memory:nesting");
    QTest::newRow("local") << QUrl(QStringLiteral("local:")
                                   + m_folder.filePath(QStringLiteral("socket")));
}

void tst_Nesting::initTestCase()
{
    MsgpackRpc::registerType<Slow>(
            [](const Slow &slow) {
                if (onWriting)
                    onWriting();
                return slow.number;
            },
            [](int number) {
                if (onConversion)
                    onConversion(number);
                return Slow{number};
            });
}

void tst_Nesting::callback_data()
{
    addUrls();
}

// A callback blocks in an event loop until calls that were made before and in it are answered.
void tst_Nesting::callback()
{
    QFETCH(QUrl, url);
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 0).waitForFinished(30s));

    QEventLoop loop;
    bool returned = false;
    int answered = 0;
    const auto note = [&](int) {
        QVERIFY(!returned);
        if (++answered == 3)
            loop.quit();
    };
    client.call<int>("echo", 1).then(this, [&](int) {
        client.call<int>("echo", 3).then(this, note);
        QTimer::singleShot(100ms, this, [&] { client.call<int>("echo", 4).then(this, note); });
        run(loop);
        returned = true;
    });
    client.call<int>("echo", 2).then(this, note); // comes in the same segment as the first
    QTRY_VERIFY_WITH_TIMEOUT(returned, 60'000);
    QCOMPARE(answered, 3);
}

void tst_Nesting::servedMethod_data()
{
    addUrls();
}

void tst_Nesting::servedMethod()
{
    QFETCH(QUrl, url);
    Server server;
    bool isBlocked = false;
    QEventLoop loop;
    std::function<void()> whileBlocked;
    server.bind("block", [&] {
        isBlocked = true;
        QTimer::singleShot(100ms, this, whileBlocked);
        run(loop);
        isBlocked = false;
        return 1;
    });
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call<int>("echo", 0).waitForFinished(30s));

    int during = 0;
    const auto note = [&] {
        during += isBlocked ? 1 : 0;
        if (during == 3)
            loop.quit();
    };
    whileBlocked = [&] { client.call<int>("echo", 3).then(this, note); };
    auto before = client.call<int>("echo", 1);
    auto blocked = client.call<int>("block");
    auto same = client.call<int>("echo", 2);
    for (const auto &reply : {before, same})
        reply.then(this, note);
    QVERIFY(blocked.waitForFinished(60s));
    QVERIFY(before.isFinished());
    QCOMPARE(during, 3); // what came before it in the same segment is not held back either
}

// Everything that had arrived with the message whose handler blocks is handled while it blocks.
void tst_Nesting::restOfTheBatch()
{
    Server server;
    QList<int> order;
    QEventLoop loop;
    server.bind("block", [&](int x) {
        order.append(x);
        run(loop);
        order.append(-x);
    });
    server.bind("see", [&](int x) {
        order.append(x);
        if (x == 50)
            loop.quit();
    });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.call("block", 1);
    for (int i = 2; i < 50; ++i)
        client.call("see", i);
    QVERIFY(client.call("see", 50).waitForFinished(30s));
    QTRY_COMPARE(order.size(), 51);
    QCOMPARE(order.constFirst(), 1);
    QCOMPARE(order.constLast(), -1);
    for (int i = 1; i <= 50; ++i)
        QCOMPARE(order.at(i - 1), i);
}

void tst_Nesting::conversionOfArguments_data()
{
    addUrls();
}

// While the first argument is converted, a hundred other messages come, some of which do the same. What follows it in the
// message, and the name of the method, are still its own.
void tst_Nesting::conversionOfArguments()
{
    QFETCH(QUrl, url);
    Server server;
    int seen = 0;
    int wrong = 0;
    server.bind("see", [&](int number, const QString &text) {
        ++seen;
        wrong += text == textOf(number) ? 0 : 1;
    });
    const auto take = [&](const Slow &slow, const QString &text, const QByteArray &bytes) {
        const QString method = MsgpackRpc::CallContext::current().method();
        wrong += text == textOf(slow.number) && bytes == textOf(slow.number + 1).toUtf8() ? 0 : 1;
        wrong += method == QStringLiteral("take%1").arg(slow.number) ? 0 : 1;
        return slow.number;
    };
    for (int i = 0; i < 4; ++i)
        server.bind(QStringLiteral("take%1").arg(i), take);
    server.bind("takeNumber", [](const Slow &, int) {});
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call("see", 0, textOf(0)).waitForFinished(30s));
    seen = 0;

    QList<int> taken;
    const auto callTake = [&](int number) {
        client.call<int>(QStringLiteral("take%1").arg(number), Slow{number}, textOf(number),
                         textOf(number + 1).toUtf8())
                .then(this, [&](int result) { taken.append(result); });
    };
    int depth = 0;
    onConversion = [&](int number) {
        const int wanted = seen + 100;
        ++depth;
        for (int i = 0; i < 100; ++i)
            client.call("see", i, textOf(i));
        if (number < 3)
            callTake(number + 1);
        QTRY_VERIFY_WITH_TIMEOUT(seen >= wanted && (number == 3 || taken.contains(number + 1)),
                                 30'000);
        --depth;
    };
    callTake(0);
    auto failing = client.call("takeNumber", Slow{3}, textOf(7));
    QVERIFY(failing.waitForFinished(30s));
    QTRY_COMPARE_WITH_TIMEOUT(taken.size(), 4, 30'000);
    QCOMPARE(taken, QList<int>({3, 2, 1, 0}));
    QCOMPARE(seen, 500);
    QCOMPARE(wrong, 0);
    const QString error = failing.error().message();
    QVERIFY2(error.contains(QLatin1String("takeNumber")) && error.contains(textOf(7).left(10)),
             qPrintable(error));
}

void tst_Nesting::conversionOfResults_data()
{
    addUrls();
}

void tst_Nesting::conversionOfResults()
{
    QFETCH(QUrl, url);
    Server server;
    server.bind("give", [](int number) {
        return std::make_tuple(Slow{number}, textOf(number), textOf(number + 1).toUtf8());
    });
    server.bind("text", [](int number) { return textOf(number); });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    QVERIFY(client.call("text", 0).waitForFinished(30s));

    int seen = 0;
    int wrong = 0;
    QList<int> given;
    const auto callGive = [&](int number) {
        client.call<std::tuple<Slow, QString, QByteArray>>("give", number)
                .then(this, [&, number](const std::tuple<Slow, QString, QByteArray> &result) {
                    const auto &[slow, text, bytes] = result;
                    wrong += slow.number == number && text == textOf(number)
                                             && bytes == textOf(number + 1).toUtf8()
                                     ? 0
                                     : 1;
                    given.append(number);
                });
    };
    onConversion = [&](int number) {
        const int wanted = seen + 100;
        for (int i = 0; i < 100; ++i) {
            client.call<QString>("text", i).then(this, [&, i](const QString &text) {
                ++seen;
                wrong += text == textOf(i) ? 0 : 1;
            });
        }
        if (number < 3)
            callGive(number + 1);
        QTRY_VERIFY_WITH_TIMEOUT(seen >= wanted && (number == 3 || given.contains(number + 1)),
                                 30'000);
    };
    callGive(0);
    QTRY_COMPARE_WITH_TIMEOUT(given.size(), 4, 30'000);
    QCOMPARE(given, QList<int>({3, 2, 1, 0}));
    QCOMPARE(seen, 400);
    QCOMPARE(wrong, 0);
}

void tst_Nesting::callCancelledInConversion()
{
    Server server;
    server.bind("give", [] { return Slow{1}; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto client = std::make_unique<Client>(server.urls().constFirst());
    int results = 0;
    QList<Error> errors;
    auto reply = client->call<Slow>("give");
    reply.then(this, [&] { ++results; }).onError(this, [&](const Error &error) {
        errors.append(error);
    });
    onConversion = [&](int) {
        client.reset();
        reply.cancel();
        QCoreApplication::processEvents();
    };
    QTRY_VERIFY_WITH_TIMEOUT(client == nullptr && errors.size() == 1, 30'000);
    QCOMPARE(errors.constFirst().code(), Error::Canceled);
    QCoreApplication::processEvents();
    QCOMPARE(results, 0);
    QCOMPARE(errors.size(), 1);
}

/// Its method's argument may do away with it.
class Fragile : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int take(const Slow &slow, int number) { return m_number + slow.number + number; }

private:
    const int m_number = 1000;
};

void tst_Nesting::objectDeletedInConversion()
{
    Server server;
    auto object = std::make_unique<Fragile>();
    QVERIFY(server.serve(object.get()));
    bool isCalled = false;
    auto context = std::make_unique<QObject>();
    server.bind("bound", context.get(), [&](const Slow &) { isCalled = true; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    auto good = client.call<int>("take", Slow{1}, 1);
    QVERIFY(good.waitForFinished(30s));
    QCOMPARE(good.result(), 1002);
    onConversion = [&](int) {
        object.reset();
        context.reset();
    };
    for (auto reply : {client.call<int>("take", Slow{1}, 1), client.call<int>("bound", Slow{1})}) {
        QVERIFY(reply.waitForFinished(30s));
        QVERIFY2(reply.error().message().contains(QLatin1String("is not accepted")),
                 qPrintable(reply.error().message()));
    }
    context = std::make_unique<QObject>();
    server.bind("bound", context.get(), [&](const Slow &) { isCalled = true; });
    auto bound = client.call<int>("bound", Slow{1});
    QVERIFY(bound.waitForFinished(30s));
    QVERIFY(bound.error().message().contains(QLatin1String("is not accepted")));
    QVERIFY(!isCalled);
}

// The result is written into the queue of a session that is deleted meanwhile.
void tst_Nesting::sessionDeletedInConversion()
{
    auto server = std::make_unique<Server>();
    server->bind("give", [] { return std::make_tuple(1, Slow{1}, QString(1000, 'x')); });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server->urls().constFirst());
    onWriting = [&] {
        server.reset();
        QCoreApplication::processEvents();
    };
    auto reply = client.call("give");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QVERIFY(server == nullptr);
}

// An answer that is being written when its connection is lost is not for the next one's peer.
void tst_Nesting::connectionLostInConversion()
{
    QTcpServer raw;
    QVERIFY(raw.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(raw.serverPort())));
    MsgpackRpc::Reconnect reconnect;
    reconnect.mode = MsgpackRpc::Reconnect::Always;
    reconnect.initialDelay = 1ms;
    client.setReconnect(reconnect);
    client.bind("give", [] { return std::make_tuple(1, Slow{1}, 2); });
    client.open();
    QTRY_VERIFY_WITH_TIMEOUT(raw.hasPendingConnections(), 30'000);
    std::unique_ptr<QTcpSocket> first(raw.nextPendingConnection());
    std::unique_ptr<QTcpSocket> second;
    int written = 0;
    onWriting = [&] {
        ++written;
        first->abort();
        QTRY_VERIFY_WITH_TIMEOUT(raw.hasPendingConnections(), 30'000);
        second.reset(raw.nextPendingConnection());
        QTRY_COMPARE_WITH_TIMEOUT(client.state(), Client::Connected, 30'000);
    };
    first->write(QByteArray::fromHex("940001a46769766590")); // [0, 1, "give", []]
    QTRY_COMPARE_WITH_TIMEOUT(written, 1, 30'000);
    QTRY_VERIFY_WITH_TIMEOUT(second != nullptr, 30'000);
    QVERIFY(client.notify("done"));
    const QByteArray expected = QByteArray::fromHex("9302a4646f6e6590");
    QTRY_VERIFY_WITH_TIMEOUT(second->bytesAvailable() >= expected.size(), 30'000);
    QCOMPARE(second->readAll().toHex(), expected.toHex());
}

namespace {

std::function<void(int)> onPacking;

void registerCalling()
{
    MsgpackRpc::registerType<Calling>(
            [](const Calling &calling) {
                if (onPacking)
                    onPacking(calling.number);
                return calling.number;
            },
            [](int number) { return Calling{number}; });
}

/// Has \a function called when something is packed.
class Packing
{
public:
    explicit Packing(std::function<void(int)> function)
    {
        registerCalling();
        onPacking = std::move(function);
    }
    ~Packing() { onPacking = nullptr; }
    Q_DISABLE_COPY_MOVE(Packing)
};

} // namespace

void tst_Nesting::callsWhileAnArgumentIsPacked_data()
{
    QTest::addColumn<QString>("inner");
    QTest::addColumn<bool>("isUnsendable");
    for (const char *inner : {"call", "large", "wait", "loop", "notify", "deep", "unsendable"}) {
        QTest::addRow("%s", inner) << QString::fromLatin1(inner) << false;
        QTest::addRow("%s, outer unsendable", inner) << QString::fromLatin1(inner) << true;
    }
}

// A conversion calls over the session whose message it writes into: both are as they would be apart.
void tst_Nesting::callsWhileAnArgumentIsPacked()
{
    QFETCH(const QString, inner);
    QFETCH(const bool, isUnsendable);
    Server server;
    int notes = 0;
    server.bind("echo", [](const QVariantList &list) { return list; });
    server.bind("note", [&](int x) { notes += x; });
    server.bind("size", [](const QByteArray &bytes) { return int(bytes.size()); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    const QVariant unsendable = QVariant::fromValue<QObject *>(this);
    std::vector<std::pair<int, MsgpackRpc::PendingReply<QVariantList>>> calls;
    std::vector<MsgpackRpc::PendingReply<int>> sizes;
    const auto call = [&](int number, const QVariant &more) {
        const auto argument = QVariant::fromValue(Calling{number});
        calls.emplace_back(number, client.call<QVariantList>(
                                           "echo", QVariantList{argument, "x", argument, more}));
    };
    int failed = 0;
    const Packing packing([&](int number) {
        if (number >= 3)
            return;
        if (inner == u"large") {
            sizes.push_back(client.call<int>("size", QByteArray(3'000'000, 'x')));
        } else if (inner == u"notify") {
            client.notify("note", 1);
        } else if (inner == u"deep") {
            call(number + 1, 5);
        } else if (inner == u"unsendable") {
            auto reply = client.call("echo", unsendable);
            failed += reply.error().code() == Error::InvalidArguments ? 1 : 0;
            reply.cancel();
        } else {
            call(number + 10, 5);
            auto reply = calls.back().second;
            if (inner == u"wait") {
                QVERIFY(reply.waitForFinished(20s));
            } else if (inner == u"loop") {
                QEventLoop loop;
                reply.then(&loop, [&loop] { loop.quit(); });
                loop.exec();
                QVERIFY(reply.isFinished());
            }
        }
    });
    for (int round = 0; round < 5; ++round) {
        auto plain = client.call<int>("size", QByteArray("abc"));
        call(1, isUnsendable ? unsendable : QVariant(5));
        auto outer = calls.back().second;
        calls.pop_back();
        auto after = client.call<int>("size", QByteArray("abcd"));
        QVERIFY(after.waitForFinished(20s));
        QCOMPARE(after.result(), 4);
        QCOMPARE(plain.result(), 3);
        QVERIFY(outer.isFinished());
        if (isUnsendable)
            QCOMPARE(outer.error().code(), Error::InvalidArguments);
        else
            QCOMPARE(outer.result(), (QVariantList{1, "x", 1, 5}));
    }
    for (const auto &[number, reply] : calls) {
        QVERIFY(reply.waitForFinished(20s));
        QCOMPARE(reply.result(), (QVariantList{number, "x", number, 5}));
    }
    for (const auto &reply : sizes) {
        QVERIFY(reply.waitForFinished(20s));
        QCOMPARE(reply.result(), 3'000'000);
    }
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(notes, inner == u"notify" ? 10 : 0);
    QCOMPARE(failed, inner == u"unsendable" ? 10 : 0);
}

void tst_Nesting::callsWhileAResultIsPacked()
{
    Server server;
    server.bind("make", [](int x) { return Calling{x}; });
    server.bind("fail", [](int x) {
        MsgpackRpc::CallContext::current().setError(QVariant::fromValue(Calling{x}));
    });
    server.bind("plain", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    int notes = 0;
    client.bind("note", [&](int) { ++notes; });
    client.bind("up", [&](int x) {
        auto reply = client.call<int>("plain", x); // is answered while the other is open
        return reply.waitForFinished(20s) ? reply.result() : -1;
    });
    int seen = 0;
    const Packing packing([&](int number) {
        MsgpackRpc::Session *const session = server.sessions().constFirst();
        session->notify("note", number);
        auto reply = session->call<int>("up", number);
        QEventLoop loop;
        reply.then(&loop, [&loop] { loop.quit(); }).onError(&loop, [&loop] { loop.quit(); });
        loop.exec();
        seen += reply.result();
    });
    for (int i = 1; i <= 10; ++i) {
        auto made = client.call<int>("make", i);
        auto failed = client.call("fail", i);
        auto plain = client.call<int>("plain", 7);
        QTRY_VERIFY_WITH_TIMEOUT(made.isFinished() && failed.isFinished() && plain.isFinished(),
                                 30'000);
        QCOMPARE(made.result(), i);
        QCOMPARE(failed.error().data(), QVariant(i));
        QCOMPARE(plain.result(), 7);
    }
    QCOMPARE(seen, 110);
    QTRY_COMPARE(notes, 20);
}

// The call that is packed has its msgid before others that are answered, or wait, and are many.
void tst_Nesting::manyCallsWhileAnArgumentIsPacked()
{
    Server server;
    QList<MsgpackRpc::Responder> waiting;
    server.bind("echo", [](int x) { return x; });
    server.bind("later", [&](MsgpackRpc::Responder responder) { waiting.append(responder); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    std::vector<MsgpackRpc::PendingReply<int>> later;
    const Packing packing([&](int) {
        for (int i = 0; i < 64; ++i) {
            if (i % 4 == 3)
                later.push_back(client.call<int>("later"));
            auto reply = client.call<int>("echo", i);
            QVERIFY(reply.waitForFinished(20s));
            QCOMPARE(reply.result(), i);
        }
    });
    auto outer = client.call<int>("echo", Calling{42});
    QVERIFY(outer.waitForFinished(20s));
    QCOMPARE(outer.result(), 42);
    QTRY_COMPARE(waiting.size(), qsizetype(later.size()));
    for (qsizetype i = 0; i < waiting.size(); ++i)
        waiting.at(i).result(int(i));
    for (size_t i = 0; i < later.size(); ++i) {
        QVERIFY(later[i].waitForFinished(20s));
        QCOMPARE(later[i].result(), int(i));
    }
}

// A conversion that calls with what it converts: the innermost call is refused.
void tst_Nesting::endlessConversion()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    std::vector<MsgpackRpc::PendingReply<int>> calls;
    const Packing packing(
            [&](int number) { calls.push_back(client.call<int>("echo", Calling{number + 1})); });
    calls.push_back(client.call<int>("echo", Calling{0}));
    QCOMPARE(calls.size(), size_t(101));
    QVERIFY(calls.back().waitForFinished(20s));
    QCOMPARE(calls.back().result(), 0);
    QCOMPARE(calls.front().error().code(), Error::InvalidArguments);
    for (size_t i = 1; i < calls.size(); ++i) {
        QVERIFY(calls[i].waitForFinished(20s));
        QCOMPARE(calls[i].result(), int(calls.size() - 1 - i));
    }
}

void tst_Nesting::endWhileItIsPacked_data()
{
    QTest::addColumn<QString>("what"); // is packed
    QTest::addColumn<QString>("how"); // it ends
    QTest::addColumn<bool>("callsFirst");
    for (const char *what : {"argument", "note", "result", "error"}) {
        for (const char *how : {"close", "delete", "lost"}) {
            for (const bool callsFirst : {false, true})
                QTest::addRow("%s, %s%s", what, how, callsFirst ? ", calls first" : "")
                        << QString::fromLatin1(what) << QString::fromLatin1(how) << callsFirst;
        }
    }
}

// The session is closed or deleted, or its connection lost, by a conversion: nothing is used that is gone, and each call
// ends.
void tst_Nesting::endWhileItIsPacked()
{
    QFETCH(const QString, what);
    QFETCH(const QString, how);
    QFETCH(const bool, callsFirst);
    auto server = std::make_unique<Server>();
    server->bind("echo", [](int x) { return x; });
    server->bind("make", [](int x) { return Calling{x}; });
    server->bind("fail", [](int x) {
        MsgpackRpc::CallContext::current().setError(QVariant::fromValue(Calling{x}));
    });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    auto client = std::make_unique<Client>(server->urls().constFirst());
    client->setReconnect({MsgpackRpc::Reconnect::OnDemand, 1});
    client->bind("echo", [](int x) { return x; });
    client->open();
    QTRY_COMPARE(client->state(), Client::Connected);
    QTRY_COMPARE(server->sessions().size(), 1);
    const bool isServers = what == u"result" || what == u"error";
    std::vector<MsgpackRpc::PendingReply<int>> inner;
    bool hasRun = false;
    const Packing packing([&](int) {
        if (std::exchange(hasRun, true))
            return;
        MsgpackRpc::Session *const session =
                isServers ? server->sessions().constFirst() : client.get();
        if (callsFirst)
            inner.push_back(session->call<int>("echo", 1));
        if (how == u"close") {
            session->close();
        } else if (how == u"delete") {
            if (isServers)
                server.reset();
            else
                client.reset();
        } else if (isServers) {
            client->close();
            QTRY_VERIFY(server->sessions().isEmpty());
        } else {
            server->close();
            QTRY_COMPARE(client->state(), Client::Unconnected);
        }
    });
    if (what == u"note") {
        client->notify("echo", Calling{1}, QByteArray(100'000, 'x'));
    } else {
        auto outer = what == u"argument"
                             ? client->call<int>("echo", Calling{1})
                             : client->call<int>(what == u"result" ? "make" : "fail", 1);
        QTRY_VERIFY(outer.isFinished());
        if (what == u"argument" && how == u"delete")
            QCOMPARE(outer.error().code(), Error::NotConnectable);
        else if (isServers)
            QVERIFY(outer.error());
    }
    QVERIFY(hasRun);
    for (auto &reply : inner)
        QTRY_VERIFY(reply.isFinished());
    QCoreApplication::processEvents();
}

void tst_Nesting::callsMadeInside()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    int depth = 0;
    int deepest = 0;
    std::function<void(int)> dive = [&](int x) {
        deepest = qMax(deepest, ++depth);
        if (x > 0) {
            auto reply = client.call<int>("echo", x - 1);
            reply.then(this, [&](int value) { dive(value); });
            QVERIFY(reply.waitForFinished(30s));
        }
        --depth;
    };
    auto first = client.call<int>("echo", 20);
    bool done = false;
    first.then(this, [&](int x) {
        dive(x);
        done = true;
    });
    QTRY_VERIFY(done);
    QCOMPARE(deepest, 21);
}

// Both sides wait for each other within their methods: the innermost answer comes first.
void tst_Nesting::mutualRecursion()
{
    Server server;
    server.bind("down", [](int x) {
        if (x == 0)
            return 0;
        auto reply = MsgpackRpc::CallContext::current().session().session()->call<int>("up", x - 1);
        reply.waitForFinished(30s);
        return reply.result() + 1;
    });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.bind("up", [&](int x) {
        auto reply = client.call<int>("down", x);
        reply.waitForFinished(30s);
        return reply.result() + 1;
    });
    auto reply = client.call<int>("down", 10);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 20);
}

void tst_Nesting::noDeeper_data()
{
    addUrls();
}

// A method runs an event loop, and a peer that asks for it without end makes loops within loops. There is a bottom; what
// has come meanwhile is answered when it goes up again.
void tst_Nesting::noDeeper()
{
    constexpr int Calls = 3000;
    constexpr int MostLevels = 100;
    QFETCH(QUrl, url);
    Server server;
    int depth = 0;
    int deepest = 0;
    int turns = 0; // of the event loop at the bottom
    bool isReleased = false;
    server.bind("block", [&](int x) {
        deepest = qMax(deepest, ++depth);
        while (!isReleased)
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
        --depth;
        return x;
    });
    QVERIFY(server.listen(url));
    Client client(server.urls().constFirst());
    client.setTimeout(60s);
    QVERIFY(client.call("unknown").waitForFinished(30s));
    QTimer timer;
    timer.callOnTimeout([&] {
        turns += depth >= MostLevels ? 1 : 0;
        isReleased = turns > 50;
    });
    timer.start(0);
    int answered = 0;
    int wrong = 0;
    for (int i = 0; i < Calls; ++i) {
        client.call<int>("block", i).then(this, [&, i](int x) {
            ++answered;
            wrong += x == i ? 0 : 1;
        });
    }
    QTRY_COMPARE_WITH_TIMEOUT(answered, Calls, 60'000);
    QCOMPARE(wrong, 0);
    QCOMPARE(depth, 0);
    QCOMPARE(deepest, MostLevels);
}

void tst_Nesting::deleteClientInside()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto *client = new Client(server.urls().constFirst());
    bool done = false;
    int told = 0;
    client->call<int>("echo", 1).then(this, [&] {
        QEventLoop loop;
        QTimer::singleShot(0, this, [&] {
            delete client;
            QTimer::singleShot(50, &loop, &QEventLoop::quit);
        });
        loop.exec();
        done = true;
    });
    for (int i = 0; i < 10; ++i)
        client->call<int>("echo", 2).then(this, [&] { ++told; }).onError(this, [&] { ++told; });
    QTRY_VERIFY(done);
    QTRY_COMPARE(told, 10);
}

void tst_Nesting::deleteServerInside()
{
    auto *server = new Server;
    bool done = false;
    server->bind("block", [&] {
        QEventLoop loop;
        QTimer::singleShot(0, this, [&] {
            delete server;
            QTimer::singleShot(50, &loop, &QEventLoop::quit);
        });
        loop.exec();
        done = true;
    });
    QVERIFY(server->listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server->urls().constFirst());
    auto reply = client.call("block");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QTRY_VERIFY(done);
}

QTEST_GUILESS_MAIN(tst_Nesting)
#include "tst_nesting.moc"
