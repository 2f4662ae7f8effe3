// SPDX-License-Identifier: Apache-2.0

// What is used in another thread than its own refuses, and says so; what is moved to one works there.
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/SessionPool>

#include <QtCore/QMutex>
#include <QtCore/QPromise>
#include <QtCore/QThread>
#include <QtNetwork/QSslConfiguration>
#include <QtTest/QTest>

#include <functional>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Cluster;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Server;
using MsgpackRpc::Session;
using MsgpackRpc::SessionPool;

Q_DECLARE_METATYPE(std::function<bool(Server &)>)
Q_DECLARE_METATYPE(std::function<bool(SessionPool &)>)
Q_DECLARE_METATYPE(std::function<bool(Cluster &)>)
Q_DECLARE_METATYPE(std::function<bool(Client &)>)

class tst_WrongThread : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void server_data();
    void server();
    void pool_data();
    void pool();
    void cluster_data();
    void cluster();
    void client_data();
    void client();
    void sessionOfAPool();
    void movedServer();
    void movedPool();
};

namespace {

QMutex warningsMutex;
QStringList warnings;

void keepWarning(QtMsgType type, const QMessageLogContext &, const QString &text)
{
    const QMutexLocker lock(&warningsMutex);
    if (type == QtWarningMsg)
        warnings.append(text);
}

/// Runs \a function in another thread, and returns the warnings that there were.
QStringList warningsElsewhere(const std::function<void()> &function)
{
    warnings.clear();
    const QtMessageHandler previous = qInstallMessageHandler(keepWarning);
    const std::unique_ptr<QThread> thread(QThread::create(function));
    thread->start();
    thread->wait();
    qInstallMessageHandler(previous);
    return warnings;
}

/// \a isRefused is true in another thread, and the one warning names \a function and both threads.
template<typename T>
void compareRefused(T &object, const std::function<bool(T &)> &isRefused, const QString &function)
{
    bool refused = false;
    const QStringList told = warningsElsewhere([&] { refused = isRefused(object); });
    QVERIFY(refused);
    QCOMPARE(told.size(), 1);
    QVERIFY2(told.constFirst().startsWith(function + QLatin1String(" was called in thread 0x")),
             qPrintable(told.constFirst()));
    QVERIFY2(told.constFirst().endsWith(u"the object lives in the main thread"),
             qPrintable(told.constFirst()));
}

const QUrl anyPort(QStringLiteral("tcp://127.0.0.1:0"));

/// A thread with an event loop, and the way to run something in it.
class Elsewhere
{
public:
    Elsewhere()
    {
        m_context.moveToThread(&m_thread);
        m_thread.start();
    }
    ~Elsewhere()
    {
        m_thread.quit();
        m_thread.wait();
    }
    QThread *thread() { return &m_thread; }
    template<typename Function>
    void run(Function function)
    {
        QMetaObject::invokeMethod(&m_context, function, Qt::BlockingQueuedConnection);
    }

private:
    QThread m_thread;
    QObject m_context;
};

} // namespace

void tst_WrongThread::server_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<std::function<bool(Server &)>>("isRefused");
    const auto row = [](const char *name, std::function<bool(Server &)> isRefused) {
        QTest::newRow(name) << QString::fromLatin1(name) << std::move(isRefused);
    };
    row("Server::listen()", [](Server &s) { return !s.listen(anyPort); });
    row("Server::listenOnStandardStreams()",
        [](Server &s) { return !s.listenOnStandardStreams(); });
    row("Server::urls()", [](Server &s) { return s.urls().isEmpty(); });
    row("Server::sessions()", [](Server &s) { return s.sessions().isEmpty(); });
    row("Server::error()", [](Server &s) { return !s.error(); });
    row("Server::close()", [](Server &s) {
        s.close();
        return true;
    });
    row("Server::setTimeout()", [](Server &s) {
        s.setTimeout(1s);
        return s.timeout() == 10s;
    });
    row("Server::setLimits()", [](Server &s) {
        Limits limits;
        limits.connections = 0;
        s.setLimits(limits);
        return s.limits() == Limits();
    });
    row("Server::setKeepAlive()", [](Server &s) {
        s.setKeepAlive(1s);
        return s.keepAlive() == 60s;
    });
    row("Server::setToken()", [](Server &s) {
        s.setToken("token");
        return !s.hasToken();
    });
    row("Server::setTlsConfiguration()", [](Server &s) {
        s.setTlsConfiguration(QSslConfiguration());
        return true;
    });
    row("ObjectDispatcher::bind()", [](Server &s) { return !s.bind("late", [] {}); });
    row("ObjectDispatcher::serve()", [](Server &s) { return !s.serve(&s); });
    row("ObjectDispatcher::unbind()", [](Server &s) { return !s.unbind("there"); });
}

void tst_WrongThread::server()
{
    QFETCH(const QString, name);
    QFETCH(const std::function<bool(Server &)>, isRefused);
    Server server;
    QVERIFY(server.bind("there", [] { return 1; }));
    QVERIFY(server.listen(anyPort));
    QVERIFY(!server.listen(QUrl())); // so that there is an error
    compareRefused(server, isRefused, name);
    // It goes on.
    QCOMPARE(server.urls().size(), 1);
    Client client(server.urls().constFirst());
    auto reply = client.call<int>("there");
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.result(), 1);
    QVERIFY(!server.unbind("late"));
}

void tst_WrongThread::pool_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<std::function<bool(SessionPool &)>>("isRefused");
    const auto row = [](const char *name, std::function<bool(SessionPool &)> isRefused) {
        QTest::newRow(name) << QString::fromLatin1(name) << std::move(isRefused);
    };
    row("SessionPool::sessions()", [](SessionPool &p) { return p.sessions().isEmpty(); });
    row("SessionPool::close()", [](SessionPool &p) {
        p.close();
        return true;
    });
    row("SessionPool::setTimeout()", [](SessionPool &p) {
        p.setTimeout(1s);
        return p.timeout() == 10s;
    });
    row("SessionPool::session()", [](SessionPool &p) {
        const Session *const session = p.session(QUrl("tcp://127.0.0.1:1"));
        return session != nullptr && session->url().isEmpty();
    });
    row("ObjectDispatcher::bind()", [](SessionPool &p) { return !p.bind("late", [] {}); });
}

void tst_WrongThread::pool()
{
    QFETCH(const QString, name);
    QFETCH(const std::function<bool(SessionPool &)>, isRefused);
    SessionPool pool;
    Session *const session = pool.session(QUrl("tcp://127.0.0.1:1"));
    compareRefused(pool, isRefused, name);
    QCOMPARE(pool.sessions(), QList<Session *>{session});
}

// Nothing is made in the wrong thread, and nobody gets a null pointer.
void tst_WrongThread::sessionOfAPool()
{
    SessionPool pool;
    Error error;
    const QStringList told = warningsElsewhere(
            [&] { error = pool.session(QUrl("tcp://127.0.0.1:1"))->call("add", 1, 2).error(); });
    QCOMPARE(error.code(), Error::WrongThread);
    QVERIFY(!told.isEmpty());
    QVERIFY(pool.sessions().isEmpty());
}

void tst_WrongThread::cluster_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<std::function<bool(Cluster &)>>("isRefused");
    const auto row = [](const char *name, std::function<bool(Cluster &)> isRefused) {
        QTest::newRow(name) << QString::fromLatin1(name) << std::move(isRefused);
    };
    row("Cluster::listen()", [](Cluster &c) { return !c.listen(anyPort); });
    row("Cluster::urls()", [](Cluster &c) { return c.urls().isEmpty(); });
    row("Cluster::address()", [](Cluster &c) { return !c.address(); });
    row("Cluster::clients()", [](Cluster &c) { return c.clients().isEmpty(); });
    row("Cluster::close()", [](Cluster &c) {
        c.close();
        return true;
    });
    row("Cluster::setToken()", [](Cluster &c) {
        c.setToken("token");
        return true;
    });
}

void tst_WrongThread::cluster()
{
    QFETCH(const QString, name);
    QFETCH(const std::function<bool(Cluster &)>, isRefused);
    Cluster node;
    QVERIFY(node.bind("there", [] { return 1; }));
    QVERIFY(node.listen(anyPort));
    compareRefused(node, isRefused, name);
    QCOMPARE(node.urls().size(), 1);
    Client client(node.urls().constFirst());
    auto reply = client.call<int>("there");
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.result(), 1);
}

void tst_WrongThread::client_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<std::function<bool(Client &)>>("isRefused");
    const auto row = [](const char *name, std::function<bool(Client &)> isRefused) {
        QTest::newRow(name) << QString::fromLatin1(name) << std::move(isRefused);
    };
    row("Session::setUrl()", [](Client &c) {
        c.setUrl(QUrl("memory:other"));
        return c.url() == QUrl("memory:wrongthread");
    });
    row("Session::setDevice()", [](Client &c) { return !c.setDevice(nullptr); });
    row("Session::open()", [](Client &c) {
        c.open();
        return c.state() == Client::Connected;
    });
    row("Session::close()", [](Client &c) {
        c.close();
        return c.state() == Client::Connected;
    });
    row("Session::setTimeout()", [](Client &c) {
        c.setTimeout(1s);
        return c.timeout() == 10s;
    });
    row("Session::setConnectTimeout()", [](Client &c) {
        c.setConnectTimeout(1s);
        return c.connectTimeout() == 5s;
    });
    row("Session::setLimits()", [](Client &c) {
        Limits limits;
        limits.pendingCalls = 0;
        c.setLimits(limits);
        return c.limits() == Limits();
    });
    row("Session::setWireFormat()", [](Client &c) {
        c.setWireFormat(MsgpackRpc::WireFormat::Compatibility);
        return c.wireFormat() == MsgpackRpc::WireFormat::Modern;
    });
    row("Session::setDispatcher()", [](Client &c) {
        c.setDispatcher(nullptr);
        return c.dispatcher() == &c.objectDispatcher();
    });
    row("Session::setToken()", [](Client &c) {
        c.setToken("token");
        return !c.hasToken();
    });
    row("Session::handle()", [](Client &c) { return !c.handle().isValid(); });
    row("Session::counters()", [](Client &c) { return c.counters().callsMade == 0; });
    row("Client::startProcess()", [](Client &c) {
        c.startProcess(QStringLiteral("true"));
        return true;
    });
}

void tst_WrongThread::client()
{
    QFETCH(const QString, name);
    QFETCH(const std::function<bool(Client &)>, isRefused);
    Server server;
    server.bind("there", [] { return 1; });
    QVERIFY(server.listen(QUrl("memory:wrongthread")));
    Client client(QUrl("memory:wrongthread"));
    QVERIFY(client.call<int>("there").waitForFinished(20s));
    compareRefused(client, isRefused, name);
    auto reply = client.call<int>("there");
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.result(), 1);
    QCOMPARE(client.counters().connectionsOpened, quint64(1));
}

// What is bound to it, runs in its thread, and what it answers later is answered from there: a thread that runs no event
// loop, as this one here, is not needed.
void tst_WrongThread::movedServer()
{
    Elsewhere elsewhere;
    auto server = std::make_unique<Server>();
    QThread *ranIn = nullptr;
    QVERIFY(server->bind("where", [&ranIn] { ranIn = QThread::currentThread(); }));
    QPromise<int> promise;
    promise.start();
    QVERIFY(server->bind("later", [&promise] { return promise.future(); }));
    server->moveToThread(elsewhere.thread());
    int result = 0;
    bool isAnswered = false;
    elsewhere.run([&] {
        if (!server->listen(QUrl("memory:moved")))
            return;
        Client client(QUrl("memory:moved"));
        isAnswered = client.call("where").waitForFinished(20s);
        auto later = client.call<int>("later");
        client.call("where").waitForFinished(20s); // it is in work now
        const std::unique_ptr<QThread> third(QThread::create([&promise] {
            promise.addResult(7);
            promise.finish();
        }));
        third->start();
        third->wait();
        if (later.waitForFinished(5s))
            result = later.result();
    });
    QVERIFY(isAnswered);
    QCOMPARE(ranIn, elsewhere.thread());
    QCOMPARE(result, 7);
    elsewhere.run([&] { server.reset(); });
}

void tst_WrongThread::movedPool()
{
    Elsewhere elsewhere;
    auto pool = std::make_unique<SessionPool>();
    pool->moveToThread(elsewhere.thread());
    int result = 0;
    elsewhere.run([&] {
        Server server;
        server.bind("there", [] { return 1; });
        if (!server.listen(QUrl("memory:moved")))
            return;
        pool->setTimeout(20s);
        auto reply = pool->session(QUrl("memory:moved"))->call<int>("there");
        if (reply.waitForFinished(20s))
            result = reply.result();
        pool.reset();
    });
    QCOMPARE(result, 1);
}

QTEST_GUILESS_MAIN(tst_WrongThread)

#include "tst_wrongthread.moc"
