// SPDX-License-Identifier: Apache-2.0

// Local sockets: whose file it is, who may connect, and that everything is as over TCP otherwise.
#include "notifiermodes.h"
#include "peerprocess.h"
#include "tally.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QDir>
#include <QtCore/QElapsedTimer>
#include <QtCore/QFile>
#include <QtCore/QScopeGuard>
#include <QtCore/QTemporaryDir>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <atomic>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace std::chrono_literals;
using Client = ModeClient;
using Server = ModeServer;
using MsgpackRpc::Error;
using MsgpackRpc::LocalAccess;

class tst_Local : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void initTestCase() { m_runtime = qgetenv("XDG_RUNTIME_DIR"); }
    void init();
    void cleanup() { qputenv("XDG_RUNTIME_DIR", m_runtime); }
    void plainName();
    void absolutePath();
    void access_data();
    void access();
    void fileGoesWithTheServer();
    void newerFileStays();
    void staleFile();
    void folderHeldByAnother();
    void acceptsAndCloses();
    void killedServer();
    void oneHeirOfMany();
    void liveServer_data();
    void liveServer();
    void foreignFile_data();
    void foreignFile();
    void noFolder();
    void nobodyListens();
    void fullBacklog();
    void restartUnderLoad();
    void connections();
    void peerThatReadsNoAnswers();
    void largeBothWays();
    void closeSendsTheRest();
    void halfClosed();

private:
    QString path(const QString &name = QStringLiteral("x.sock")) const
    {
        return m_folder->filePath(name);
    }
    QUrl url(const QString &name = QStringLiteral("x.sock")) const
    {
        return QUrl(QStringLiteral("local:") + path(name));
    }
    bool answers(const QUrl &where)
    {
        Client client(where);
        auto reply = client.call<int>("add", 1, 2);
        return reply.waitForFinished(30s) && !reply.error() && reply.result() == 3;
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    QByteArray m_runtime;
};

namespace {

int add(int a, int b)
{
    return a + b;
}

bool exists(const QString &path)
{
    struct stat file = {};
    return lstat(QFile::encodeName(path).constData(), &file) == 0;
}

mode_t modeOf(const QString &path)
{
    struct stat file = {};
    return lstat(QFile::encodeName(path).constData(), &file) == 0 ? file.st_mode & 07777 : 0;
}

/// A socket that is bound to \a path and listens, with room for \a backlog.
class PlainSocket
{
public:
    explicit PlainSocket(const QString &path, int backlog)
        : m_descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0))
    {
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        qstrncpy(address.sun_path, QFile::encodeName(path).constData(), sizeof address.sun_path);
        if (::bind(m_descriptor, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0
            || ::listen(m_descriptor, backlog) != 0)
            qFatal("cannot listen at %s", qPrintable(path));
    }
    ~PlainSocket() { ::close(m_descriptor); }
    /// Accepts one, if there is one, and forgets it.
    bool accept()
    {
        const int accepted = ::accept(m_descriptor, nullptr, nullptr);
        if (accepted >= 0)
            ::close(accepted);
        return accepted >= 0;
    }

private:
    int m_descriptor;
};

} // namespace

void tst_Local::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
}

void tst_Local::plainName()
{
    qputenv("XDG_RUNTIME_DIR", m_folder->path().toUtf8());
    Server server;
    server.bind("add", add);
    QVERIFY2(server.listen(QUrl("local:name")), qPrintable(server.error().message()));
    QCOMPARE(server.urls(), QList<QUrl>{url("name")});
    QVERIFY(exists(path("name")));
    QVERIFY(answers(QUrl("local:name")));
    QVERIFY(answers(server.urls().constFirst()));
    QSignalSpy opened(&server, &Server::sessionOpened);
    Client client(QUrl("local:name"));
    QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
    QCOMPARE(client.peerName(), url("name").toString());
    QVERIFY(!client.peerAddress());
    QVERIFY(!client.address());
    QCOMPARE(opened.size(), 1);
    QCOMPARE(server.sessions().constFirst()->peerName(), url("name").toString());
    QVERIFY(!server.sessions().constFirst()->peerAddress());
}

void tst_Local::absolutePath()
{
    Server server;
    server.bind("add", add);
    QVERIFY2(server.listen(QUrl(QStringLiteral("local://") + path())),
             qPrintable(server.error().message()));
    QCOMPARE(server.urls(), QList<QUrl>{url()});
    QVERIFY(answers(url()));
    QVERIFY(answers(QUrl(QStringLiteral("local://") + path())));
}

void tst_Local::access_data()
{
    QTest::addColumn<LocalAccess>("access");
    QTest::addColumn<int>("mask");
    QTest::addColumn<int>("mode");

    QTest::newRow("user") << LocalAccess::User << 022 << 0600;
    QTest::newRow("user, no mask") << LocalAccess::User << 0 << 0600;
    QTest::newRow("group") << LocalAccess::Group << 022 << 0660;
    QTest::newRow("everyone") << LocalAccess::Everyone << 077 << 0666;
}

void tst_Local::access()
{
    QFETCH(LocalAccess, access);
    QFETCH(int, mask);
    QFETCH(int, mode);
    Server server;
    QCOMPARE(server.localAccess(), LocalAccess::User);
    QSignalSpy changed(&server, &Server::localAccessChanged);
    server.setLocalAccess(access);
    server.setLocalAccess(access);
    QCOMPARE(changed.size(), access == LocalAccess::User ? 0 : 1);
    const mode_t before = umask(mode_t(mask));
    const bool listens = server.listen(url());
    umask(before);
    QVERIFY2(listens, qPrintable(server.error().message()));
    QCOMPARE(int(modeOf(path())), mode);
}

void tst_Local::fileGoesWithTheServer()
{
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(url()));
    server.close();
    QVERIFY(!exists(path()));
    QVERIFY(server.urls().isEmpty());
    QVERIFY(server.listen(url()));
    QVERIFY(answers(url()));
    {
        Server other;
        QVERIFY(other.listen(url("other")));
    }
    QVERIFY(!exists(path("other")));
}

// Somebody has removed the file and put another there, which is not for this server to remove.
void tst_Local::newerFileStays()
{
    Server second;
    second.bind("add", add);
    {
        Server first;
        QVERIFY(first.listen(url()));
        QVERIFY(QFile::remove(path()));
        QVERIFY(second.listen(url()));
    }
    QVERIFY(exists(path()));
    QVERIFY(answers(url()));
}

// Whoever may read the folder can lock it, and is not to keep a server from beginning and ending.
void tst_Local::folderHeldByAnother()
{
    Server server;
    server.bind("add", add);
    for (int i = 0; i < 60; ++i)
        QVERIFY(server.listen(url(QString::number(i))));
    const int folder =
            ::open(QFile::encodeName(m_folder->path()).constData(), O_RDONLY | O_DIRECTORY);
    QVERIFY(folder >= 0 && flock(folder, LOCK_EX) == 0);
    QVERIFY2(server.listen(url()), qPrintable(server.error().message()));
    QVERIFY(answers(url()));
    QElapsedTimer timer;
    timer.start();
    server.close();
    QVERIFY(timer.elapsed() < 15'000); // rather than half a second for each
    QVERIFY(!exists(path()));
    {
        const PlainSocket dead(path(), 1);
    }
    QVERIFY(!server.listen(url()));
    QVERIFY2(server.error().message().contains(u"cannot be locked"),
             qPrintable(server.error().message()));
    QVERIFY(exists(path()));
    ::close(folder);
    QVERIFY2(server.listen(url()), qPrintable(server.error().message()));
}

// A peer that lets everybody in and puts them out again, before a client that has other things to do has written: the call
// ends, and not after connecting without end.
void tst_Local::acceptsAndCloses()
{
    PlainSocket peer(path(), 5);
    std::atomic<bool> isOver = false;
    std::atomic<int> connections = 0;
    std::atomic<int> looks = 0;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        while (!isOver) {
            connections += peer.accept() ? 1 : 0;
            ++looks;
            QThread::yieldCurrentThread();
        }
    }));
    thread->start();
    const auto stop = qScopeGuard([&] {
        isOver = true;
        thread->wait();
    });
    QTimer busy;
    busy.callOnTimeout([&looks] { // until whoever waits has been let in and put out
        for (const int before = looks; looks < before + 2;)
            QThread::yieldCurrentThread();
    });
    busy.start(0);
    Client client(url());
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 3, 1ms, 2ms});
    for (int i = 0; i < 5; ++i) {
        auto reply = client.withTimeout(-1ms).call("add", 1, 2);
        QTRY_VERIFY_WITH_TIMEOUT(reply.isFinished(), 10'000);
        // Written or not, as it comes.
        QVERIFY(reply.error().code() == Error::ConnectFailed
                || reply.error().code() == Error::ConnectionLost);
    }
    QVERIFY2(connections <= 5 * 4, qPrintable(QString::number(connections)));
}

void tst_Local::staleFile()
{
    {
        const PlainSocket dead(path(), 1);
    }
    QVERIFY(exists(path()));
    Server server;
    server.bind("add", add);
    QVERIFY2(server.listen(url()), qPrintable(server.error().message()));
    QCOMPARE(int(modeOf(path())), 0600);
    QVERIFY(answers(url()));
}

void tst_Local::killedServer()
{
    Server heir;
    heir.bind("add", add);
    {
        PeerProcess peer(url().toString());
        QCOMPARE(peer.url(), url());
        Client client(peer.url());
        Tally tally;
        for (int i = 0; i < 1000; ++i)
            tally.watch(this, i, client.call("hang"));
        QVERIFY(client.call<int>("add", 1, 2).waitForFinished(30s));
        QVERIFY(!heir.listen(url()));
        peer.kill();
        QTRY_COMPARE(tally.total(), 1000);
        QCOMPARE(tally.failed.value(Error::ConnectionLost), 1000);
        QVERIFY(tally.eachOnce(1000));
    }
    QVERIFY(exists(path()));
    QVERIFY2(heir.listen(url()), qPrintable(heir.error().message()));
    QVERIFY(answers(url()));
}

// Many find the file of a dead server at the same time: one of them gets it, and is reached there.
void tst_Local::oneHeirOfMany()
{
    for (int round = 0; round < 5; ++round) {
        const QString name = QStringLiteral("round%1").arg(round);
        {
            const PlainSocket dead(path(name), 1);
        }
        std::vector<std::unique_ptr<QProcess>> heirs;
        for (int i = 0; i < 6; ++i) {
            heirs.push_back(std::make_unique<QProcess>());
            heirs.back()->start(QStringLiteral(TESTPEER), {url(name).toString()});
        }
        int listening = 0;
        int refused = 0;
        for (const auto &heir : heirs) {
            // It says that it listens, or ends with an error.
            while (heir->state() != QProcess::NotRunning && !heir->canReadLine()
                   && heir->waitForReadyRead(20'000)) {}
            if (heir->canReadLine()) {
                ++listening;
            } else {
                QVERIFY(heir->state() == QProcess::NotRunning || heir->waitForFinished(20'000));
                const QString why = QString::fromUtf8(heir->readAllStandardError());
                QVERIFY2(why.contains(QStringLiteral("in use")), qPrintable(why));
                ++refused;
            }
        }
        QCOMPARE(listening, 1);
        QCOMPARE(refused, 5);
        QVERIFY(answers(url(name)));
        for (const auto &heir : heirs) {
            heir->kill();
            heir->waitForFinished(20'000);
        }
    }
}

void tst_Local::liveServer_data()
{
    QTest::addColumn<QString>("kind");
    QTest::newRow("this process") << "server";
    QTest::newRow("another library") << "qt";
    QTest::newRow("one that accepts nobody") << "busy";
}

void tst_Local::liveServer()
{
    QFETCH(QString, kind);
    Server mine;
    QLocalServer theirs;
    std::unique_ptr<PlainSocket> busy;
    std::vector<std::unique_ptr<QLocalSocket>> waiting;
    if (kind == u"server")
        QVERIFY(mine.listen(url()));
    else if (kind == u"qt")
        QVERIFY(theirs.listen(path()));
    else
        busy = std::make_unique<PlainSocket>(path(), 0);
    const ino_t before = [this] {
        struct stat file = {};
        lstat(QFile::encodeName(path()).constData(), &file);
        return file.st_ino;
    }();
    Server server;
    QElapsedTimer timer;
    timer.start();
    for (int i = 0; i < 3; ++i) { // the second of them finds no room to wait in
        QVERIFY(!server.listen(url()));
        QCOMPARE(server.error().code(), Error::NotConnectable);
        QVERIFY2(server.error().message().contains(QStringLiteral("in use")),
                 qPrintable(server.error().message()));
        QVERIFY(server.error().message().contains(path()));
    }
    QVERIFY(server.urls().isEmpty());
    struct stat file = {};
    QCOMPARE(lstat(QFile::encodeName(path()).constData(), &file), 0);
    QCOMPARE(file.st_ino, before);
}

void tst_Local::foreignFile_data()
{
    QTest::addColumn<QString>("kind");
    QTest::newRow("file") << "file";
    QTest::newRow("folder") << "folder";
    QTest::newRow("link to nothing") << "dangling";
    QTest::newRow("link to a socket") << "link";
}

void tst_Local::foreignFile()
{
    QFETCH(QString, kind);
    if (kind == u"file") {
        QFile file(path());
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("precious");
    } else if (kind == u"folder") {
        QVERIFY(QDir(m_folder->path()).mkdir("x.sock"));
    } else if (kind == u"dangling") {
        QVERIFY(QFile::link(path("nothing"), path()));
    } else {
        const PlainSocket dead(path("socket"), 1);
        QVERIFY(QFile::link(path("socket"), path()));
    }
    Server server;
    QVERIFY(!server.listen(url()));
    QVERIFY2(server.error().message().contains(QStringLiteral("no socket")),
             qPrintable(server.error().message()));
    QVERIFY(exists(path()));
    QVERIFY(!exists(path("nothing")));
    if (kind == u"file")
        QCOMPARE(QFile(path()).size(), 8);
}

void tst_Local::noFolder()
{
    Server server;
    QVERIFY(!server.listen(url("no/x.sock")));
    QVERIFY2(server.error().message().contains(path("no")), qPrintable(server.error().message()));
    QVERIFY(!server.listen(QUrl(QStringLiteral("local:/") + QString(200, u'x'))));
    QVERIFY2(server.error().message().contains(QStringLiteral("at most")),
             qPrintable(server.error().message()));
}

void tst_Local::nobodyListens()
{
    {
        const PlainSocket dead(path("dead"), 1);
    }
    for (const char *name : {"dead", "never"}) {
        Client client(url(QLatin1String(name)));
        MsgpackRpc::Reconnect reconnect;
        reconnect.attempts = 3;
        reconnect.initialDelay = 1ms;
        client.setReconnect(reconnect);
        auto reply = client.call("add", 1, 2);
        QVERIFY(!reply.isFinished());
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.error().code(), Error::ConnectFailed);
        QVERIFY2(reply.error().message().contains(
                         QStringLiteral("nobody listens there (3 attempts)")),
                 qPrintable(reply.error().message()));
    }
}

// Connecting waits without blocking until there is room, and no longer than it may.
void tst_Local::fullBacklog()
{
    PlainSocket busy(path(), 0);
    std::vector<std::unique_ptr<Client>> waiting;
    const auto connected = [&waiting] {
        return std::count_if(waiting.cbegin(), waiting.cend(), [](const auto &client) {
            return client->state() == Client::Connected;
        });
    };
    for (int i = 0; i < 5; ++i) {
        waiting.push_back(std::make_unique<Client>(url()));
        waiting.back()->setConnectTimeout(-1ms);
        waiting.back()->open();
    }
    QTRY_VERIFY(connected() > 0);
    QVERIFY(connected() < 5);
    Client impatient(url());
    impatient.setConnectTimeout(50ms);
    impatient.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    auto reply = impatient.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    QVERIFY(connected() < 5);
    QList<QSignalSpy *> spies;
    for (const auto &client : waiting)
        spies.append(new QSignalSpy(client.get(), &Client::stateChanged));
    const auto seen = [&] {
        busy.accept();
        return std::all_of(spies.cbegin(), spies.cend(),
                           [](const QSignalSpy *spy) { return !spy->isEmpty(); });
    };
    QTRY_VERIFY(seen());
    qDeleteAll(spies);
}

// Every call ends once; one that ends well has the right answer; those made when the server is there again do.
void tst_Local::restartUnderLoad()
{
    constexpr int Cycles = 20;
    constexpr int Calls = 50;
    Client client(url());
    MsgpackRpc::Reconnect reconnect;
    reconnect.attempts = 100;
    reconnect.initialDelay = 1ms;
    reconnect.maximumDelay = 5ms;
    client.setReconnect(reconnect);
    Tally tally;
    int number = 0;
    for (int cycle = 0; cycle < Cycles; ++cycle) {
        Server server;
        server.bind("add", add);
        QVERIFY2(server.listen(url()), qPrintable(server.error().message()));
        auto probe = client.call<int>("add", cycle, 1);
        QVERIFY(probe.waitForFinished(30s));
        if (!probe.error())
            QCOMPARE(probe.result(), cycle + 1);
        else // it was written to the server before this
            QCOMPARE(probe.error().code(), Error::ConnectionLost);
        for (int i = 0; i < Calls; ++i)
            tally.watch(this, number++, client.call("add", 1, i));
        QCoreApplication::processEvents();
    }
    QVERIFY(!exists(path()));
    Server last;
    last.bind("add", add);
    QVERIFY(last.listen(url()));
    QTRY_COMPARE(tally.total(), Cycles * Calls);
    QVERIFY(tally.eachOnce(Cycles * Calls));
    QCOMPARE(tally.succeeded + tally.failed.value(Error::ConnectionLost), Cycles * Calls);
    QVERIFY(tally.succeeded > 0);
}

void tst_Local::connections()
{
    MsgpackRpc::Limits limits;
    limits.connections = 2;
    limits.connectionsPerAddress = 1; // for those who have an address
    Server server;
    server.setLimits(limits);
    server.bind("add", add);
    QVERIFY(server.listen(url()));
    Client first(url());
    QVERIFY(first.call<int>("add", 1, 2).waitForFinished(30s));
    auto second = std::make_unique<Client>(url());
    QVERIFY(second->call<int>("add", 1, 2).waitForFinished(30s));
    Client late(url());
    auto waiting = late.call<int>("add", 1, 2);
    QVERIFY(first.call<int>("add", 1, 2).waitForFinished(30s));
    QVERIFY(!waiting.isFinished());
    QCOMPARE(server.sessions().size(), 2);
    second.reset();
    QVERIFY(waiting.waitForFinished(30s));
    QVERIFY(!waiting.error());
    QCOMPARE(server.sessions().size(), 2);
}

// It is not read from until it reads, and nobody else waits for that.
void tst_Local::peerThatReadsNoAnswers()
{
    MsgpackRpc::Limits limits;
    limits.queuedBytes = 8'000'000;
    Server server;
    server.setLimits(limits);
    int asked = 0;
    server.bind("add", add);
    server.bind("blob", this, [&asked] {
        ++asked;
        return QByteArray(100'000, 'x');
    });
    QVERIFY(server.listen(url()));
    QLocalSocket peer;
    peer.setReadBufferSize(1000);
    peer.connectToServer(path());
    QVERIFY(peer.waitForConnected(30'000));
    constexpr int Requests = 1000;
    for (int i = 0; i < Requests; ++i)
        peer.write(QByteArray::fromHex("940001a4626c6f6290"));
    int before = -1;
    const auto isStill = [&] {
        const bool still = asked == before;
        before = asked;
        return answers(url()) && still && asked > 0;
    };
    QTRY_VERIFY(isStill());
    QVERIFY2(asked < Requests, qPrintable(QString::number(asked)));
    peer.setReadBufferSize(0);
    qint64 received = 0;
    const auto all = [&] {
        received += peer.readAll().size();
        return received >= Requests * 100'000LL;
    };
    QTRY_VERIFY_WITH_TIMEOUT(all(), 30'000);
    QCOMPARE(asked, Requests);
}

void tst_Local::largeBothWays()
{
    Server server;
    server.bind("echo", [](const QByteArray &bytes) { return bytes; });
    QVERIFY(server.listen(url()));
    Client client(url());
    client.setTimeout(30s);
    const QByteArray large(5'000'000, 'x');
    int right = 0;
    for (int i = 0; i < 8; ++i)
        client.call<QByteArray>("echo", large).then(this, [&](const QByteArray &bytes) {
            right += bytes == large ? 1 : 0;
        });
    QTRY_COMPARE_WITH_TIMEOUT(right, 8, 30'000);
}

void tst_Local::closeSendsTheRest()
{
    Server server;
    int sum = 0;
    server.bind("take", this, [&](const QByteArray &bytes) { sum += int(bytes.size()); });
    QVERIFY(server.listen(url()));
    {
        // Not connected yet: what waits is sent within closeTime, without an event loop.
        Client client(url());
        client.notify("take", QByteArray(1000, 'x'));
    }
    QTRY_COMPARE(sum, 1000);
}

// A peer that has ended its direction gets the answers to what it has asked, like over TCP.
void tst_Local::halfClosed()
{
    Server server;
    server.bind("add", add);
    QVERIFY(server.listen(url()));
    QSignalSpy closed(&server, &Server::sessionClosed);
    QLocalSocket peer;
    peer.connectToServer(path());
    QVERIFY(peer.waitForConnected(30'000));
    peer.write(QByteArray::fromHex("940001a3616464920102"));
    QVERIFY(peer.flush() || peer.bytesToWrite() == 0);
    QTRY_COMPARE(peer.bytesAvailable(), 5);
    ::shutdown(int(peer.socketDescriptor()), SHUT_WR);
    QTRY_COMPARE(closed.size(), 1);
    QCOMPARE(peer.readAll(), QByteArray::fromHex("940101c003"));
    QTRY_COMPARE(peer.state(), QLocalSocket::UnconnectedState);
}

QTEST_GUILESS_MAIN(tst_Local)

#include "tst_local.moc"
