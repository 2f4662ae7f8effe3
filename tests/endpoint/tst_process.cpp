// SPDX-License-Identifier: Apache-2.0

// Children over their standard streams: started, called, lost for every reason, and never left behind.
#include "tally.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Testing>

#include <QtCore/QDir>
#include <QtCore/QElapsedTimer>
#include <QtCore/QLoggingCategory>
#include <QtCore/QStandardPaths>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Reconnect;

class tst_Process : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_descriptors = descriptors(); }
    void cleanup();
    void calls();
    void callsBack();
    void largeBothWays();
    void notificationFlood();
    void queuedBytes();
    void environmentAndDirectory();
    void notThere_data();
    void notThere();
    void tellsWhy_data();
    void tellsWhy();
    void notExecutable();
    void exits_data();
    void exits();
    void crashes();
    void killed();
    void startsAgain();
    void idleForEver();
    void closesItsStreams();
    void errorOutput();
    void errorOutputOfNoInterest();
    void straysDoNotHurt();
    void closeEndsIt_data();
    void closeEndsIt();
    void muchTimeToEnd();
    void deletedInItsOwnCallback();
    void deletedWhileStarting();
    void closedWhileTheLoopRuns();
    void closedBeforeItHasStarted();
    void closedBeforeItFailsToStart();
    void killedAtOnce_data();
    void killedAtOnce();
    void noStandardInput();
    void oneConnectionOnly();
    void anotherProcess();
    void backToTheUrl();
    void lastNotification_data();
    void lastNotification();
    void noPeerAtAll();
    void applicationQuits();
    void nvim();

private:
    static int descriptors()
    {
        return int(QDir(QStringLiteral("/proc/self/fd")).entryList(QDir::NoFilter).size());
    }
    static bool hasChildren()
    {
        siginfo_t info;
        return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    }

    int m_descriptors = 0;
};

namespace {

const QString program = QStringLiteral(TESTCHILD);

template<typename T>
T resultOf(const MsgpackRpc::PendingReply<T> &reply)
{
    if (!reply.waitForFinished(20s))
        qWarning("a call has not ended");
    if (reply.error())
        qWarning("%s", qPrintable(reply.error().message()));
    return reply.result();
}

bool isGone(qint64 pid)
{
    return ::kill(pid_t(pid), 0) != 0 && errno == ESRCH;
}

} // namespace

// No zombies, and no descriptors.
void tst_Process::cleanup()
{
    QTRY_VERIFY(!hasChildren());
    QTRY_COMPARE(descriptors(), m_descriptors);
}

void tst_Process::calls()
{
    Client client;
    QSignalSpy states(&client, &Client::stateChanged);
    client.startProcess(program);
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(client.peerName(), program);
    QCOMPARE(client.url(), QUrl());
    QVERIFY(!client.peerAddress());
    QVERIFY(states.size() >= 2);
}

void tst_Process::callsBack()
{
    Client client;
    client.bind("twice", [](int x) { return 2 * x; });
    client.startProcess(program);
    QCOMPARE(resultOf(client.call<int>("back", 21)), 42);
}

void tst_Process::largeBothWays()
{
    Client client;
    client.setTimeout(60s);
    client.startProcess(program);
    QByteArray large(5'000'000, '\0');
    for (qsizetype i = 0; i < large.size(); ++i)
        large[i] = char(i * 2654435761u >> 13);
    QList<MsgpackRpc::PendingReply<QByteArray>> replies;
    for (int i = 0; i < 6; ++i)
        replies.append(client.call<QByteArray>("echo", large));
    for (const auto &reply : replies) {
        QVERIFY(reply.waitForFinished(60s));
        QVERIFY(!reply.error());
        QVERIFY(reply.result() == large);
    }
}

void tst_Process::notificationFlood()
{
    Client client;
    int expected = 0;
    bool inOrder = true;
    client.bind("note", this, [&](int i) { inOrder = inOrder && i == expected++; });
    client.startProcess(program);
    QVERIFY(client.call<void>("flood", 100'000).waitForFinished(60s));
    QTRY_COMPARE_WITH_TIMEOUT(expected, 100'000, 60'000);
    QVERIFY(inOrder);
}

// A child that reads nothing: what waits is bounded, and the pipe takes what it has room for.
void tst_Process::queuedBytes()
{
    MsgpackRpc::Limits limits;
    limits.queuedBytes = 1'000'000;
    limits.closeTime = 200ms;
    Client client;
    client.setLimits(limits);
    client.startProcess(program, {QStringLiteral("deaf")});
    Tally tally;
    for (int i = 0; i < 20; ++i)
        tally.watch(this, i, client.call("echo", QByteArray(100'000, 'x')));
    QTRY_VERIFY(tally.failed.value(Error::LimitExceeded) >= 9);
    QTRY_COMPARE(client.state(), Client::Connected);
    client.close();
    QTRY_COMPARE(tally.total(), 20);
    QVERIFY(tally.eachOnce(20));
}

void tst_Process::environmentAndDirectory()
{
    QTemporaryDir folder;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("TST_PROCESS"), QStringLiteral("value"));
    Client client;
    client.startProcess(program, {}, folder.path(), environment);
    QCOMPARE(resultOf(client.call<QString>("directory")),
             QFileInfo(folder.path()).canonicalFilePath());
    QCOMPARE(resultOf(client.call<QString>("variable", "TST_PROCESS")), QStringLiteral("value"));
}

void tst_Process::notThere_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("directory");
    QTest::newRow("name") << "tst-process-no-such-program" << QString();
    QTest::newRow("path") << "/no/such/program" << QString();
    QTest::newRow("no program") << "/etc/passwd" << QString();
    QTest::newRow("empty") << QString() << QString();
    QTest::newRow("directory") << program << "/no/such/directory";
}

void tst_Process::notThere()
{
    QFETCH(QString, name);
    QFETCH(QString, directory);
    Client client;
    QSignalSpy errors(&client, &Client::errorOccurred);
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(name, {}, directory);
    auto reply = client.call("add", 1, 2);
    QVERIFY(!reply.isFinished());
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains(QStringLiteral("cannot start")),
             qPrintable(reply.error().message()));
    QVERIFY(reply.error().message().contains(name));
    QTRY_COMPARE(errors.size(), 1);
    QCOMPARE(finished.size(), 0);
    QCOMPARE(client.state(), Client::Unconnected);
}

void tst_Process::tellsWhy_data()
{
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("text");
    const auto row = [](const char *name, const char *script, const QString &text) {
        QTest::newRow(name) << QString::fromLatin1(script) << text;
    };
    row("exits at once", "exit 7", QStringLiteral("exited with code 7"));
    row("says nothing", "exit 0", QStringLiteral("exited with code 0"));
    row("says why", "echo first >&2; echo no licence >&2; exit 3",
        QStringLiteral("exited with code 3; its last line of errors: no licence"));
    row("says why without a line", "printf 'no licence' >&2; exit 3",
        QStringLiteral("last line of errors: no licence"));
    row("empty lines follow", "printf 'no licence\\n\\r\\n \\n' >&2; exit 3",
        QStringLiteral("last line of errors: no licence"));
    row("escaped", "printf 'red\\033[31m \\007' >&2; exit 3",
        QStringLiteral("last line of errors: red\\x1b[31m \\x07"));
    row("much", "i=0; while [ $i -lt 3000 ]; do printf 0123456789 >&2; i=$((i+1)); done; exit 3",
        QStringLiteral("\u2026 (824 more)"));
    row("killed", "echo dying >&2; kill -9 $$",
        QStringLiteral("by signal 9; its last line of errors: dying"));
    row("ended by a signal", "kill -15 $$", QStringLiteral("by signal 15"));
    row("closes its streams", "echo bye >&2; exec sleep 30 <&- >&-",
        QStringLiteral("closed its standard streams; its last line of errors: bye"));
}

// Why a program has ended is told to the calls: its name, its code or signal, and what it has said last. Its arguments and
// its environment are not.
void tst_Process::tellsWhy()
{
    QFETCH(const QString, script);
    QFETCH(const QString, text);
    static QStringList logged;
    logged.clear();
    const QtMessageHandler previous =
            qInstallMessageHandler([](QtMsgType, const QMessageLogContext &, const QString &line) {
                logged.append(line);
            });
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*=true"));
    Client client;
    QSignalSpy output(&client,
                      &Client::processErrorOutput); // or it goes to the output of this test
    QSignalSpy errors(&client, &Client::errorOccurred);
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("PASSWORD"), QStringLiteral("hidden"));
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    client.startProcess(QStringLiteral("sh"),
                        {QStringLiteral("-c"), script, QStringLiteral("hidden")}, {}, environment);
    QTRY_VERIFY_WITH_TIMEOUT(!errors.isEmpty(), 30'000);
    client.close();
    qInstallMessageHandler(previous);
    QLoggingCategory::setFilterRules(QString());
    const auto error = errors.constFirst().constFirst().value<Error>();
    QCOMPARE(error.code(), Error::ConnectionLost);
    QVERIFY2(error.message().contains(text), qPrintable(error.message()));
    QVERIFY2(error.message().startsWith(u"the connection to sh was lost"),
             qPrintable(error.message()));
    logged.append(error.message());
    for (const QString &line : std::as_const(logged)) {
        QVERIFY2(!line.contains(QStringLiteral("hidden")), qPrintable(line));
        QVERIFY2(line.size() < 800, qPrintable(line));
    }
}

void tst_Process::notExecutable()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("file"));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.close();
    Client client;
    client.startProcess(path, {QStringLiteral("hidden")});
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QCOMPARE(reply.error().message(),
             QStringLiteral("cannot start %1: it is not executable").arg(path));
    client.startProcess(folder.path());
    auto another = client.call("add", 1, 2);
    QVERIFY(another.waitForFinished(30s));
    QCOMPARE(another.error().message(),
             QStringLiteral("cannot start %1: it is a directory").arg(folder.path()));
}

void tst_Process::exits_data()
{
    QTest::addColumn<int>("code");
    QTest::newRow("0") << 0;
    QTest::newRow("3") << 3;
}

// Calls that were answered have their answers, and what is open is told why it ends.
void tst_Process::exits()
{
    QFETCH(int, code);
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    QSignalSpy errors(&client, &Client::errorOccurred);
    client.startProcess(program);
    Tally tally;
    for (int i = 0; i < 100; ++i)
        tally.watch(this, i, client.call("hang"));
    auto last = client.call<int>("add", 1, 2);
    auto leaving = client.call<void>("leave", code);
    QTRY_COMPARE(tally.total(), 100);
    QCOMPARE(tally.failed.value(Error::ConnectionLost), 100);
    QVERIFY(tally.eachOnce(100));
    QCOMPARE(resultOf(last), 3);
    QVERIFY(leaving.isFinished() && !leaving.error());
    QTRY_COMPARE(errors.size(), 1);
    const auto error = errors.first().first().value<Error>();
    QVERIFY2(error.message().contains(QStringLiteral("exited with code %1").arg(code)),
             qPrintable(error.message()));
    QVERIFY(error.message().contains(program));
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(finished.first().at(0).toInt(), code);
    QCOMPARE(finished.first().at(1).value<QProcess::ExitStatus>(), QProcess::NormalExit);
}

void tst_Process::crashes()
{
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program);
    auto reply = client.call("crash");
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QVERIFY2(reply.error().message().contains(QStringLiteral("crashed")),
             qPrintable(reply.error().message()));
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(finished.first().at(1).value<QProcess::ExitStatus>(), QProcess::CrashExit);
}

void tst_Process::killed()
{
    Client client;
    client.startProcess(program);
    const auto pid = resultOf(client.call<qint64>("pid"));
    Tally tally;
    for (int i = 0; i < 1000; ++i)
        tally.watch(this, i, client.call("hang"));
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    QCOMPARE(::kill(pid_t(pid), SIGKILL), 0);
    QTRY_COMPARE(tally.total(), 1000);
    QCOMPARE(tally.failed.value(Error::ConnectionLost), 1000);
    QVERIFY(tally.eachOnce(1000));
    QTRY_VERIFY(isGone(pid));
}

void tst_Process::startsAgain()
{
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program);
    const auto first = resultOf(client.call<qint64>("pid"));
    QVERIFY(client.call("crash").waitForFinished(30s));
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(client.state(), Client::Unconnected);
    QVERIFY(!hasChildren());
    const auto second = resultOf(client.call<qint64>("pid"));
    QVERIFY(second > 0 && second != first);

    client.setReconnect({Reconnect::Always, 5, 1ms, 10ms});
    QVERIFY(client.call("crash").waitForFinished(30s));
    QTRY_COMPARE(finished.size(), 2);
    QTRY_COMPARE(client.state(), Client::Connected);
    QVERIFY(hasChildren());
}

// It lives on, but is of no use.
// Nobody else waits for the place of who has started a program.
void tst_Process::idleForEver()
{
    Client client;
    client.startProcess(program);
    Client hurried(resultOf(client.call<QUrl>("listenForHurried")));
    const auto pid = resultOf(client.call<qint64>("pid"));
    for (int i = 0; i < 5; ++i) {
        QSignalSpy states(&hurried, &Client::stateChanged);
        QCOMPARE(resultOf(hurried.call<int>("add", i, 1)), i + 1);
        QTRY_COMPARE(hurried.state(), Client::Unconnected);
    }
    QCOMPARE(client.state(), Client::Connected);
    QCOMPARE(resultOf(client.call<qint64>("pid")), pid);
}

void tst_Process::closesItsStreams()
{
    MsgpackRpc::Limits limits;
    limits.closeTime = 200ms;
    Client client;
    client.setLimits(limits);
    client.startProcess(program, {QStringLiteral("closed")});
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QVERIFY2(reply.error().message().contains(QStringLiteral("closed its standard streams")),
             qPrintable(reply.error().message()));
}

void tst_Process::errorOutput()
{
    Client client;
    QByteArray text;
    qsizetype most = 0;
    connect(&client, &Client::processErrorOutput, this, [&](const QByteArray &bytes) {
        text += bytes;
        most = qMax(most, bytes.size());
    });
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program);
    constexpr int Bytes = 3'000'000;
    client.notify("complain", Bytes);
    client.notify("leave", 1);
    QTRY_COMPARE_WITH_TIMEOUT(finished.size(), 1, 20'000);
    QTRY_COMPARE(text.size(), Bytes);
    QCOMPARE(text.count('e'), Bytes);
    QVERIFY2(most <= 1024 * 1024, qPrintable(QString::number(most)));
}

// Nobody listens: a child that writes much is not held up.
void tst_Process::errorOutputOfNoInterest()
{
    const int saved = ::dup(STDERR_FILENO);
    QTemporaryDir folder;
    QFile sink(folder.filePath(QStringLiteral("stderr")));
    QVERIFY(sink.open(QIODevice::ReadWrite));
    ::dup2(sink.handle(), STDERR_FILENO);
    int sum = 0;
    {
        Client client;
        client.startProcess(program);
        client.notify("complain", 200'000);
        auto reply = client.call<int>("add", 1, 2);
        sum = reply.waitForFinished(20s) ? reply.result() : 0;
        QTRY_VERIFY(sink.size() >= 200'000);
    }
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    QCOMPARE(sum, 3);
    QVERIFY(sink.size() >= 200'000);
}

void tst_Process::straysDoNotHurt()
{
    Client client;
    QByteArray text;
    connect(&client, &Client::processErrorOutput, this,
            [&](const QByteArray &bytes) { text += bytes; });
    client.startProcess(program);
    QVERIFY(client.call<void>("print", "stray").waitForFinished(30s));
    QCOMPARE(resultOf(client.call<int>("inputByte")), EOF);
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    QTRY_COMPARE(text.count("stray"), 3);
}

void tst_Process::closeEndsIt_data()
{
    QTest::addColumn<QString>("mode");
    QTest::newRow("one that ends") << "serve";
    QTest::newRow("one that has to be asked") << "deaf";
    QTest::newRow("one that has to be killed") << "stubborn";
}

void tst_Process::closeEndsIt()
{
    QFETCH(QString, mode);
    MsgpackRpc::Limits limits;
    limits.closeTime = 400ms;
    Client client;
    client.setLimits(limits);
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(program, {mode});
    if (mode == u"deaf")
        QTRY_COMPARE(client.state(), Client::Connected);
    else
        QVERIFY(resultOf(client.call<qint64>("pid")) > 0);
    auto open = client.call("hang");
    QElapsedTimer timer;
    timer.start();
    client.close();
    QVERIFY(timer.elapsed() < 20'000);
    QTRY_COMPARE(open.error().code(), Error::Canceled);
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(finished.first().at(1).value<QProcess::ExitStatus>(),
             mode == u"serve" ? QProcess::NormalExit : QProcess::CrashExit);
    QCOMPARE(client.state(), Client::Unconnected);
    // And again.
    client.startProcess(program);
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
}

// A patience that no wait of Qt's takes is not none at all: the child ends of itself.
void tst_Process::muchTimeToEnd()
{
    Client client;
    MsgpackRpc::Limits limits;
    limits.closeTime = std::chrono::milliseconds(qint64(1) << 33);
    client.setLimits(limits);
    QList<QProcess::ExitStatus> ends;
    connect(&client, &Client::processFinished, this,
            [&](int, QProcess::ExitStatus status) { ends.append(status); });
    client.startProcess(program);
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    client.close(); // outside of any event loop
    QTRY_COMPARE(ends.size(), 1);
    QCOMPARE(ends.constFirst(), QProcess::NormalExit);
}

void tst_Process::deletedInItsOwnCallback()
{
    qint64 pid = 0;
    auto *client = new Client;
    client->startProcess(program);
    bool isDone = false;
    client->call<qint64>("pid").then(this, [&](qint64 id) {
        pid = id;
        delete client;
        isDone = true;
    });
    QTRY_VERIFY(isDone);
    QTRY_VERIFY(isGone(pid));

    for (const bool inSignal : {true, false}) {
        auto *other = new Client;
        isDone = false;
        connect(other, &Client::processFinished, this, [&] {
            if (inSignal)
                delete other;
            isDone = true;
        });
        other->startProcess(program);
        other->call("crash").onError(this, [&] {
            if (!inSignal) {
                delete other;
                isDone = true;
            }
        });
        QTRY_VERIFY(isDone);
    }
}

void tst_Process::deletedWhileStarting()
{
    Tally tally;
    for (int turns = 0; turns < 6; ++turns) {
        Client client;
        client.startProcess(program);
        tally.watch(this, turns, client.call("hang"));
        for (int i = 0; i < turns; ++i)
            QCoreApplication::processEvents();
    }
    QTRY_COMPARE(tally.total(), 6);
    QCOMPARE(tally.failed.value(Error::Canceled), 6);
    QVERIFY(tally.eachOnce(6));
}

// The event loop goes on while a child is ended that does not want to.
void tst_Process::closedWhileTheLoopRuns()
{
    MsgpackRpc::Limits limits;
    limits.closeTime = 20s; // with a wait, it would take so long
    auto client = std::make_unique<Client>();
    client->setLimits(limits);
    client->startProcess(program, {QStringLiteral("stubborn")});
    const auto pid = resultOf(client->call<qint64>("pid"));
    QVERIFY(pid > 0);
    QEventLoop loop;
    qint64 took = 0;
    QMetaObject::invokeMethod(
            this,
            [&] {
                QElapsedTimer timer;
                timer.start();
                client.reset();
                took = timer.elapsed();
                loop.quit();
            },
            Qt::QueuedConnection);
    loop.exec();
    QVERIFY2(took < 15'000, qPrintable(QString::number(took)));
    QVERIFY(!isGone(pid));
    ::kill(pid_t(pid), SIGKILL); // rather than by the client after all that time
    QTRY_VERIFY(isGone(pid));
}

// Given up before the child is known to run: that it has ended is told all the same, and what it has written.
void tst_Process::closedBeforeItHasStarted()
{
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    QByteArray written;
    connect(&client, &Client::processErrorOutput, this,
            [&](const QByteArray &text) { written += text; });
    QEventLoop loop;
    connect(&client, &Client::processFinished, &loop, &QEventLoop::quit);
    QTimer::singleShot(10s, &loop, &QEventLoop::quit);
    QTimer::singleShot(0, &client, [&client] {
        client.startProcess(QStringLiteral("/bin/sh"),
                            {QStringLiteral("-c"), QStringLiteral("echo began >&2; cat; exit 3")});
        client.close();
    });
    loop.exec();
    QCOMPARE(finished.size(), 1);
    QCOMPARE(finished.first().at(0).toInt(), 3);
    QCOMPARE(written, QByteArray("began\n"));
}

// A script whose interpreter is not there is found out by the child only.
void tst_Process::closedBeforeItFailsToStart()
{
    QTemporaryDir folder;
    const QString script = folder.filePath(QStringLiteral("script"));
    QFile file(script);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("#!/there/is/no/such/interpreter\n");
    file.close();
    QVERIFY(file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
    const auto ends = [] { return QCoreApplication::instance()->children().size(); };
    const qsizetype before = ends();
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    for (int i = 0; i < 20; ++i) {
        client.startProcess(script);
        client.open();
        client.close();
    }
    QTRY_COMPARE(ends(), before); // what ends a child belongs to the application meanwhile
    QVERIFY(finished.isEmpty());
    // And when nobody closes: it is tried once, since it would fail again.
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains(QStringLiteral("cannot start")),
             qPrintable(reply.error().message()));
    m_descriptors += 21; // a start that fails costs a QProcess of Qt 6.4 one
}

void tst_Process::killedAtOnce_data()
{
    QTest::addColumn<std::chrono::milliseconds>("time");
    QTest::newRow("0") << 0ms;
    QTest::newRow("2 ms") << 2ms;
}

// Without an event loop, and without time for the child to end.
void tst_Process::killedAtOnce()
{
    QFETCH(const std::chrono::milliseconds, time);
    auto client = std::make_unique<Client>();
    MsgpackRpc::Limits limits;
    limits.closeTime = time;
    client->setLimits(limits);
    client->startProcess(QStringLiteral("/bin/sleep"), {QStringLiteral("30")});
    client->open();
    QTRY_COMPARE(client->state(), Client::Connected);
    client.reset();
    QVERIFY(!hasChildren());
}

// Its number is then that of something of the event loop's, which is left alone.
void tst_Process::noStandardInput()
{
    QProcess child;
    child.start(QStringLiteral("/bin/sh"),
                {QStringLiteral("-c"), QStringLiteral("exec \"$0\" serve <&-"), program});
    QVERIFY(child.waitForFinished(20'000));
    QCOMPARE(child.exitStatus(), QProcess::NormalExit);
    QVERIFY(child.exitCode() != 0);
    QVERIFY2(child.readAllStandardError().contains("the standard streams cannot be used"),
             child.readAllStandardError().constData());
}

void tst_Process::oneConnectionOnly()
{
    Client client;
    client.startProcess(program);
    const auto pid = resultOf(client.call<qint64>("pid"));
    QCOMPARE(resultOf(client.over(MsgpackRpc::TransportOption::Deflate).call<qint64>("pid")), pid);
    client.setTransportOption(MsgpackRpc::TransportOption::Deflate);
    QCOMPARE(resultOf(client.call<qint64>("pid")), pid);
    QCOMPARE(client.state(), Client::Connected);
}

void tst_Process::anotherProcess()
{
    Client client;
    client.setTransportOption(MsgpackRpc::TransportOption::Deflate);
    client.startProcess(program);
    const auto first = resultOf(client.call<qint64>("pid"));
    auto open = client.call("hang");
    client.startProcess(program);
    QVERIFY(open.waitForFinished(30s));
    QCOMPARE(open.error().code(), Error::Canceled);
    const auto second = resultOf(client.call<qint64>("pid"));
    QVERIFY(second != first);
    QTRY_VERIFY(isGone(first));
}

void tst_Process::backToTheUrl()
{
    Client client;
    client.startProcess(program);
    QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    client.close();
    client.setUrl(QUrl("memory:tst-process-nobody"));
    client.setReconnect({Reconnect::OnDemand, 1, 1ms, 1ms});
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ConnectFailed);
    // A program's name is no URL.
    for (const char *url : {"exec:ls", "process:ls", "stdio:", "/bin/ls"}) {
        Client other{QUrl(QLatin1String(url))};
        auto refused = other.call("add", 1, 2);
        QVERIFY(refused.waitForFinished(30s));
        QCOMPARE(refused.error().code(), Error::NotConnectable);
    }
}

// What was written last arrives before the end.
void tst_Process::lastNotification_data()
{
    QTest::addColumn<bool>("isConnected");
    QTest::newRow("to one that runs") << true;
    QTest::newRow("to one that was started just now") << false;
}

void tst_Process::lastNotification()
{
    QFETCH(bool, isConnected);
    int code = -1;
    Client client;
    connect(&client, &Client::processFinished, this, [&](int exitCode) { code = exitCode; });
    client.startProcess(program);
    if (isConnected)
        QCOMPARE(resultOf(client.call<int>("add", 1, 2)), 3);
    client.notify("leave", 7);
    client.close();
    QTRY_COMPARE(code, 7);
}

// A program that writes anything else is a peer that breaks the protocol, and is ended like one.
void tst_Process::noPeerAtAll()
{
    Client client;
    client.startProcess(QStringLiteral("/bin/sh"),
                        {QStringLiteral("-c"), QStringLiteral("echo hello; exec sleep 1000")});
    auto reply = client.call("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::ProtocolViolation);
    QCOMPARE(client.state(), Client::Unconnected);
}

// What was to be ended later is ended by then.
void tst_Process::applicationQuits()
{
    MsgpackRpc::Limits limits;
    limits.closeTime = 400ms;
    auto client = std::make_unique<Client>();
    client->setLimits(limits);
    client->startProcess(program, {QStringLiteral("stubborn")});
    const auto pid = resultOf(client->call<qint64>("pid"));
    QVERIFY(pid > 0);
    bool wasThere = false;
    QTimer::singleShot(0, this, [&] {
        client.reset();
        wasThere = !isGone(pid);
        QCoreApplication::quit();
    });
    QCoreApplication::exec();
    QVERIFY(wasThere);
    QVERIFY(isGone(pid));
}

void tst_Process::nvim()
{
    if (QStandardPaths::findExecutable(QStringLiteral("nvim")).isEmpty())
        QSKIP("there is no nvim");
    Client client;
    QSignalSpy finished(&client, &Client::processFinished);
    client.startProcess(
            QStringLiteral("nvim"),
            {QStringLiteral("--embed"), QStringLiteral("--headless"), QStringLiteral("--clean")});
    QCOMPARE(resultOf(client.call<int>("nvim_eval", "6 * 7")), 42);
    client.notify("nvim_command", "cquit 5");
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(finished.first().first().toInt(), 5);
}

QTEST_GUILESS_MAIN(tst_Process)

#include "tst_process.moc"
