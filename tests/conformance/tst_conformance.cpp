// SPDX-License-Identifier: Apache-2.0

// conformance_client against conformance_server, and against servers that do everything wrong.
#include "network.h"
#include "program.h"
#include "testcertificates.h"

#include <MsgpackRpc/IncomingCall>
#include <MsgpackRpc/Server>

#include <QtNetwork/QTcpServer>
#include <QtTest/QtTest>

using Conformance::Program;
using MsgpackRpc::IncomingCall;
using MsgpackRpc::Server;

class tst_Conformance : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void agree_data();
    void agree();
    void refusesOptions();
    void everyCaseCanFail();
    void documented();
    void silentServer();
    void skips();
    void clientUsage_data();
    void clientUsage();
    void serverUsage_data();
    void serverUsage();
    void serverEnds_data();
    void serverEnds();
    void cannotConnect();

private:
    QString writeIdentity();

    QTemporaryDir m_folder;

    static QString server() { return QStringLiteral(CONFORMANCE_SERVER); }
    static QString client() { return QStringLiteral(CONFORMANCE_CLIENT); }
    static QStringList starting(const QStringList &lines, const QString &outcome)
    {
        return lines.filter(QRegularExpression(u'^' + outcome + u' '));
    }
};

namespace {

const QString AnyPort = QStringLiteral("tcp://127.0.0.1:0");
const QString LocalUrl = QStringLiteral("local:"); // somewhere
const QString MemoryUrl = QStringLiteral("memory:conformance");

QStringList words(const QString &text)
{
    return text.split(u' ', Qt::SkipEmptyParts);
}

} // namespace

void tst_Conformance::agree_data()
{
    QTest::addColumn<QString>("serverArguments");
    QTest::addColumn<QString>("clientArguments");
    QTest::addColumn<int>("skipped");
    constexpr int Cluster = 6; // cases
    QTest::newRow("plain") << ""
                           << "" << Cluster;
    QTest::newRow("IPv6") << "tcp://[::1]:0"
                          << "" << Cluster;
    QTest::newRow("both") << ""
                          << "--deflate both" << Cluster;
    QTest::newRow("tx") << ""
                        << "--deflate tx" << Cluster;
    QTest::newRow("rx") << ""
                        << "--deflate rx" << Cluster;
    QTest::newRow("compatibility") << "--compatibility"
                                   << "--compatibility" << 2 + Cluster;
    QTest::newRow("compatible client") << ""
                                       << "--compatibility --deflate both" << 2 + Cluster;
    QTest::newRow("compatible server") << "--compatibility"
                                       << "" << Cluster;
    QTest::newRow("nothing beyond the base") << "--deflate none"
                                             << "--no-options --no-int" << 11 + Cluster;
    constexpr int Udp = 26; // cases that need a stream, or more room than a datagram has
    QTest::newRow("UDP") << "udp://127.0.0.1:0"
                         << "" << Udp + Cluster;
    QTest::newRow("UDP, both") << "udp://[::1]:0"
                               << "--deflate both" << Udp + Cluster;
    // The same suite over every other road. Whoever adds one adds a row.
    constexpr int Memory = 13; // cases that need another process
    constexpr int Process = 1; // that need one server for two clients
    QTest::newRow("local") << LocalUrl << "" << Cluster;
    QTest::newRow("local, both") << LocalUrl << "--deflate both" << Cluster;
    QTest::newRow("tls") << "tls://127.0.0.1:0"
                         << "" << Cluster;
    QTest::newRow("tls, both") << "tls://127.0.0.1:0"
                               << "--deflate both" << Cluster;
    QTest::newRow("memory") << MemoryUrl << "" << Memory + Cluster;
    QTest::newRow("memory, both") << MemoryUrl << "--deflate both" << Memory + Cluster;
    QTest::newRow("process") << "--child"
                             << "" << Process + Cluster;
    QTest::newRow("process, both") << "--child"
                                   << "--deflate both" << Process + Cluster;
    QTest::newRow("process of 2010") << "--child --compatibility"
                                     << "--compatibility" << 2 + Process + Cluster;
    QTest::newRow("node") << "--cluster"
                          << "--cluster" << 0;
    QTest::newRow("nodes with options") << "--cluster --deflate tx"
                                        << "--cluster --deflate both" << 0;
    QTest::newRow("nodes over IPv6") << "--cluster --deflate both tcp://[::1]:0"
                                     << "--cluster" << 0;
    QTest::newRow("nodes of 2010") << "--cluster --compatibility"
                                   << "--cluster --compatibility" << 2;
}

// Of a server, and of the authority that has signed it. The file of the server.
QString tst_Conformance::writeIdentity()
{
    const TestAuthority authority;
    const TestIdentity identity = authority.sign("server", "IP:127.0.0.1");
    const auto write = [this](const QString &name, const QByteArray &contents) {
        QFile file(m_folder.filePath(name));
        if (!file.open(QFile::WriteOnly) || file.write(contents) != contents.size())
            qFatal("cannot write %s", qPrintable(file.fileName()));
        return file.fileName();
    };
    write("authority", authority.certificate().toPem());
    return write("identity", identity.certificate.toPem() + identity.key.toPem());
}

void tst_Conformance::agree()
{
    QFETCH(const QString, serverArguments);
    QFETCH(const QString, clientArguments);
    QFETCH(const int, skipped);
    if (serverArguments.contains(u'[') && !hasIPv6())
        QSKIP("there is no IPv6 here");
    std::unique_ptr<Program> peer; // unless the client starts it, or is it
    QStringList where = words(serverArguments);
    if (serverArguments.contains("--child")) {
        where = QStringList{"--program", "--", server()} + where;
    } else if (!serverArguments.startsWith("memory:")) {
        if (serverArguments == LocalUrl)
            where = QStringList{LocalUrl + m_folder.filePath("socket")};
        else if (!serverArguments.contains("://"))
            where += AnyPort;
        else if (serverArguments.startsWith("tls:"))
            where += {"--identity", writeIdentity()};
        peer = std::make_unique<Program>(server(), where);
        where = QStringList{peer->waitForUrl().toString()};
        QVERIFY(!where.constFirst().isEmpty());
    }
    if (serverArguments.startsWith("tls:"))
        where += {"--authority", m_folder.filePath("authority")};
    Program run(client(), words(clientArguments) << where);
    QVERIFY(run.waitForEnd());
    QVERIFY2(run.status() == 0, qPrintable(run.lines().filter("FAIL").join(u'\n')));
    QCOMPARE(starting(run.lines(), "skip").size(), skipped);
    QVERIFY(starting(run.lines(), "ok").size() >= 39);
    QCOMPARE(starting(run.lines(), "ok").size() + skipped, run.lines().size());
}

// A server that accepts no options closes the connections that ask for them.
void tst_Conformance::refusesOptions()
{
    Program peer(server(), {AnyPort, "--deflate", "none"});
    const QString url = peer.waitForUrl().toString();
    Program run(client(), {url, "--only", "option-both,option-tx,option-rx,wire-option-*,add"});
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 1);
    QCOMPARE(starting(run.lines(), "FAIL").size(), 5);
    QCOMPARE(starting(run.lines(), "ok"), QStringList({"ok add", "ok wire-option-empty"}));

    Program half(server(), {AnyPort, "--deflate", "tx"});
    const QString halfUrl = half.waitForUrl().toString();
    Program again(client(), {halfUrl, "--only", "option-both,option-tx,option-rx"});
    QVERIFY(again.waitForEnd());
    QCOMPARE(starting(again.lines(), "ok"), QStringList{"ok option-rx"}); // the server transmits
    QCOMPARE(starting(again.lines(), "FAIL").size(), 2);
}

// A server that does everything wrong fails every case.
void tst_Conformance::everyCaseCanFail()
{
    Server wrong;
    wrong.setAcceptedOptions(MsgpackRpc::TransportOption::Default);
    wrong.objectDispatcher().setFallback([](IncomingCall &call) {
        call.reply(call.method() == "notify_count" ? QVariant(0) : QVariant("wrong"));
        return true;
    });
    QVERIFY(wrong.listen(QUrl(AnyPort)));

    Program list(client(), {"--list"});
    QVERIFY(list.waitForEnd());
    QCOMPARE(list.status(), 0);
    QStringList expected;
    for (const QString &line : list.lines())
        expected += line.section(u'\t', 0, 0);
    QVERIFY(expected.size() > 50);
    QCOMPARE(expected.removeDuplicates(), 0);

    Program run(client(), {wrong.urls().constFirst().toString(), "--cluster"});
    QSignalSpy finished(&run.process(), &QProcess::finished);
    QVERIFY(finished.wait(60'000));
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 1);
    QStringList failed;
    for (const QString &line : starting(run.lines(), "FAIL"))
        failed += line.section(u' ', 1, 1);
    QCOMPARE(failed, expected);
}

// doc/conformance tells of every case, and of no other.
void tst_Conformance::documented()
{
    QFile file(QStringLiteral(CONFORMANCE_DOCUMENT));
    QVERIFY(file.open(QFile::ReadOnly));
    const QStringList lines = QString::fromUtf8(file.readAll()).split(u'\n');
    const qsizetype begin = lines.indexOf("### The cases");
    QVERIFY(begin > 0);
    QStringList rows = lines.mid(begin + 4); // the head of the table
    rows.erase(std::find(rows.begin(), rows.end(), QString()), rows.end());

    Program list(client(), {"--list"});
    QVERIFY(list.waitForEnd());
    QStringList expected;
    for (const QString &line : list.lines())
        expected += QStringLiteral("| `%1` | %2 |")
                            .arg(line.section(u'\t', 0, 0), line.section(u'\t', 1));
    QCOMPARE(rows, expected);
}

// Nobody answers: each case comes to an end all the same.
void tst_Conformance::silentServer()
{
    QTcpServer silent;
    QVERIFY(silent.listen(QHostAddress::LocalHost));
    const QString url = QStringLiteral("tcp://127.0.0.1:%1").arg(silent.serverPort());
    Program run(client(), {url, "--timeout", "1000", "--only", "add,sleeps,wire-split"});
    QSignalSpy finished(&run.process(), &QProcess::finished);
    QVERIFY(finished.wait(60'000));
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 1);
    QCOMPARE(starting(run.lines(), "FAIL").size(), 3);
}

void tst_Conformance::skips()
{
    Program peer(server(), {AnyPort});
    const QString url = peer.waitForUrl().toString();
    Program run(client(), {url, "--skip", "echo-*,add", "--only", "echo-nil,add,msgid"});
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 0);
    QCOMPARE(run.lines(), QStringList({"skip echo-nil --skip", "skip add --skip", "ok msgid"}));
}

void tst_Conformance::clientUsage_data()
{
    QTest::addColumn<QString>("arguments");
    QTest::newRow("no URL") << "";
    QTest::newRow("two URLs") << "tcp://127.0.0.1:1 tcp://127.0.0.1:2";
    QTest::newRow("unknown option") << "--nonsense tcp://127.0.0.1:1";
    QTest::newRow("unknown deflate") << "--deflate maybe tcp://127.0.0.1:1";
    QTest::newRow("unknown case") << "--skip echo-nil,nonsense tcp://127.0.0.1:1";
    QTest::newRow("contradiction") << "--deflate both --no-options tcp://127.0.0.1:1";
    QTest::newRow("another contradiction") << "--cluster --no-options tcp://127.0.0.1:1";
    QTest::newRow("no program") << "--program";
    QTest::newRow("a program is no node") << "--program --cluster conformance_server";
    QTest::newRow("no authority") << "--authority nothing tls://127.0.0.1:1";
    QTest::newRow("no number") << "--timeout soon tcp://127.0.0.1:1";
    QTest::newRow("too short a time") << "--timeout 10 tcp://127.0.0.1:1";
}

void tst_Conformance::clientUsage()
{
    QFETCH(const QString, arguments);
    Program run(client(), words(arguments));
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 2);
    QVERIFY(run.errors().contains("Usage: "));
    QVERIFY(run.lines().isEmpty());
}

void tst_Conformance::serverUsage_data()
{
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<int>("status");
    QTest::newRow("no URL") << "" << 2;
    QTest::newRow("unknown option") << "--nonsense tcp://127.0.0.1:0" << 2;
    QTest::newRow("unknown deflate") << "--deflate maybe tcp://127.0.0.1:0" << 2;
    QTest::newRow("a child is no node") << "--child --cluster" << 2;
    QTest::newRow("no identity") << "--identity nothing tls://127.0.0.1:0" << 2;
    QTest::newRow("tls without identity") << "tls://127.0.0.1:0" << 1;
    QTest::newRow("unknown scheme") << "gopher://127.0.0.1:0" << 1;
    QTest::newRow("somebody else's address") << "tcp://192.0.2.1:0" << 1;
}

void tst_Conformance::serverUsage()
{
    QFETCH(const QString, arguments);
    QFETCH(const int, status);
    Program run(server(), words(arguments));
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), status);
    QVERIFY(!run.errors().isEmpty());
    QVERIFY(run.lines().isEmpty());
}

void tst_Conformance::serverEnds_data()
{
    QTest::addColumn<int>("signal");
    QTest::newRow("SIGINT") << 2;
    QTest::newRow("SIGTERM") << 15;
}

void tst_Conformance::serverEnds()
{
#ifdef Q_OS_UNIX
    QFETCH(const int, signal);
    Program peer(server(), {AnyPort, AnyPort});
    const QUrl first = peer.waitForUrl();
    const QUrl second = peer.waitForUrl();
    QVERIFY(first.port() > 0);
    QVERIFY(second.port() > 0 && second != first);
    QCOMPARE(QProcess::execute("kill", {QStringLiteral("-%1").arg(signal),
                                        QString::number(peer.process().processId())}),
             0);
    QVERIFY(peer.waitForEnd(10'000));
    QCOMPARE(peer.status(), 0);
#else
    QSKIP("there are no such signals");
#endif
}

void tst_Conformance::cannotConnect()
{
    QTcpServer reserved; // and not listening any more
    QVERIFY(reserved.listen(QHostAddress::LocalHost));
    const QString url = QStringLiteral("tcp://127.0.0.1:%1").arg(reserved.serverPort());
    reserved.close();
    Program run(client(), {url});
    QVERIFY(run.waitForEnd());
    QCOMPARE(run.status(), 3);
    QVERIFY(run.errors().contains(url));
    QVERIFY(run.lines().isEmpty());
}

QTEST_GUILESS_MAIN(tst_Conformance)

#include "tst_conformance.moc"
