// SPDX-License-Identifier: Apache-2.0

// Other implementations, as clients of conformance_server and as servers for conformance_client.
// `tst_peers PEER` tests one of them, and ends with the status 77 if it is not installed.
#include "program.h"

#include <QtCore/QFileInfo>
#include <QtCore/QStandardPaths>
#include <QtTest/QtTest>

#include <optional>

using Conformance::Program;

namespace {

constexpr int SkippedStatus = 77;
QString onlyPeer;

/// A program that runs peers, and what tells whether it has the libraries.
struct Language
{
    QString name;
    QStringList programs;
    QStringList probe;
};

const Language Python{"python3", {"/usr/bin/python3", "python3"}, {"-c", "import msgpack"}};
const Language Pynvim{
        "python3 with pynvim", {"/usr/bin/python3", "python3"}, {"-c", "import pynvim"}};
const Language Ruby{"ruby with msgpack", {"/usr/bin/ruby", "ruby"}, {"-e", "require 'msgpack'"}};
const Language Nvim{"nvim", {"nvim"}, {"--version"}};
Language node(const QString &module)
{
    return {"node with " + module, {"node", "nodejs"}, {"-e", "require('" + module + "')"}};
}

/// What starts a peer: a language, and its arguments.
struct Peer
{
    Language language;
    QStringList arguments;
};

const QHash<QString, Peer> Peers{
        {"raw2010", {Python, {"raw2010.py"}}},
        {"ruby", {Ruby, {"ruby.rb"}}},
        {"lite", {node("msgpack-rpc-lite"), {"lite.js"}}},
        {"msgpack5rpc", {node("msgpack5rpc"), {"sessions.js", "msgpack5rpc"}}},
        {"neovim", {node("neovim"), {"sessions.js", "neovim"}}},
        {"pynvim", {Pynvim, {"pynvim_client.py"}}},
        {"nvim", {Nvim, {"--headless", "--clean", "-c", "luafile nvim.lua"}}},
};

QStringList words(const QString &text)
{
    return text.split(u' ', Qt::SkipEmptyParts);
}

/// The program that runs \a language; empty if it is not there, or lacks the library.
QString findProgram(const Language &language)
{
    for (const QString &name : language.programs) {
        const QString program = QStandardPaths::findExecutable(name);
        if (program.isEmpty())
            continue;
        QProcess probe;
        probe.setProcessChannelMode(QProcess::MergedChannels);
        probe.start(program, language.probe);
        if (probe.waitForFinished(30'000) && probe.exitCode() == 0
            && probe.exitStatus() == QProcess::NormalExit)
            return program;
    }
    return {};
}

} // namespace

class tst_Peers : public QObject
{
    Q_OBJECT

public:
    bool hasSkipped() const { return m_skipped > 0; }

private Q_SLOTS:
    void initTestCase();
    void asClient_data();
    void asClient();
    void asServer_data();
    void asServer();

private:
    std::optional<QStringList> command(const QString &peer);
    QHash<QString, QString> m_programs; // by the name of the language
    int m_skipped = 0;
};

void tst_Peers::initTestCase()
{
    QVERIFY(QDir::setCurrent(QStringLiteral(PEERS_SOURCE)));
    qputenv("NODE_PATH", PEERS_MODULES);
}

// The program and its arguments; nothing if the peer is not installed.
std::optional<QStringList> tst_Peers::command(const QString &peer)
{
    const Peer &found = *Peers.constFind(peer);
    const QString language = found.language.name;
    if (!m_programs.contains(language))
        m_programs.insert(language, findProgram(found.language));
    const QString program = m_programs.value(language);
    if (program.isEmpty()) {
        ++m_skipped;
        return std::nullopt;
    }
    return QStringList(program) + found.arguments;
}

void tst_Peers::asClient_data()
{
    QTest::addColumn<QString>("peer");
    QTest::addColumn<QString>("serverArguments");
    QTest::addColumn<QString>("peerArguments");
    QTest::addColumn<int>("checks");
    const auto row = [](const char *name, const QString &peer, const QString &serverArguments,
                        const QString &peerArguments, int checks) {
        if (onlyPeer.isEmpty() || onlyPeer == peer)
            QTest::newRow(name) << peer << serverArguments << peerArguments << checks;
    };
    row("raw2010", "raw2010", "", "", 11);
    row("raw2010, in its own format", "raw2010", "--compatibility", "", 11);
    row("raw2010, no options", "raw2010", "--deflate none", "--plain", 8);
    row("raw2010, both", "raw2010", "--compatibility", "--deflate both", 10);
    row("raw2010, tx", "raw2010", "", "--deflate tx", 10);
    row("raw2010, rx", "raw2010", "", "--deflate rx", 10);
    row("raw2010, node", "raw2010", "--cluster", "--cluster", 14);
    row("raw2010, nodes with options", "raw2010", "--cluster --deflate tx",
        "--cluster --deflate both", 13);
    row("raw2010, other options", "raw2010", "--cluster --deflate rx --compatibility",
        "--cluster --deflate tx", 13);
    row("raw2010, node of a plain one", "raw2010", "--cluster --deflate both", "--cluster", 14);
    row("ruby", "ruby", "", "", 7);
    row("msgpack-rpc-lite", "lite", "", "", 6);
    row("msgpack5rpc", "msgpack5rpc", "", "", 6);
    row("neovim from npm", "neovim", "", "", 6);
    row("pynvim", "pynvim", "", "", 6);
    row("Neovim", "nvim", "", "", 4);
}

void tst_Peers::asClient()
{
    QFETCH(const QString, peer);
    QFETCH(const QString, serverArguments);
    QFETCH(const QString, peerArguments);
    QFETCH(const int, checks);
    auto arguments = command(peer);
    if (!arguments)
        QSKIP("not installed");
    Program server(CONFORMANCE_SERVER, words(serverArguments) << "tcp://127.0.0.1:0");
    const QString url = server.waitForUrl().toString();
    QVERIFY(!url.isEmpty());

    qputenv("PEER_URL", url.toUtf8()); // for those that take no arguments
    if (peer != "nvim")
        *arguments += QStringList({"client", url}) + words(peerArguments);
    Program client(arguments->takeFirst(), *arguments);
    QVERIFY(client.waitForEnd());
    const QStringList lines = client.lines();
    QVERIFY2(client.status() == 0, qPrintable(lines.join(u'\n') + u'\n' + client.errors()));
    QCOMPARE(lines.filter(QRegularExpression("^ok ")).size(), checks);
    QCOMPARE(lines.filter(QRegularExpression("^(ok|skip) ")).size(), lines.size());
}

void tst_Peers::asServer_data()
{
    QTest::addColumn<QString>("peer");
    QTest::addColumn<QString>("peerArguments");
    QTest::addColumn<QString>("clientArguments");
    QTest::addColumn<QStringList>("incapable"); // cases that the peer fails, by its nature
    const auto row = [](const char *name, const QString &peer, const QString &peerArguments,
                        const QString &clientArguments, const QString &incapable) {
        if (onlyPeer.isEmpty() || onlyPeer == peer)
            QTest::newRow(name) << peer << peerArguments << clientArguments << words(incapable);
    };
    // Keys of maps that Python cannot have.
    const QString keys = "echo-map-container-keys";
    row("raw2010", "raw2010", "", "--compatibility", keys);
    row("raw2010, both", "raw2010", "", "--compatibility --deflate both", keys);
    row("raw2010, tx", "raw2010", "", "--compatibility --deflate tx", keys);
    row("raw2010, rx", "raw2010", "", "--compatibility --deflate rx", keys);
    row("raw2010, no options", "raw2010", "--plain", "--compatibility --no-options", keys);
    // Told in today's format, it makes text of binary.
    row("raw2010, node", "raw2010", "--cluster", "--compatibility --cluster", keys);
    row("raw2010, nodes with options", "raw2010", "--cluster --deflate tx",
        "--compatibility --cluster --deflate both", keys);
    row("raw2010, in the modern format", "raw2010", "", "", keys + " echo-bin echo-1mib");
    row("ruby", "ruby", "", "--no-options", "");
    // JavaScript has neither integers of 64 bits nor keys other than text. What is no UTF-8 is lost.
    const QString script = " echo-int64 echo-uint64 echo-negative-zero echo-map-int-keys "
                           "echo-map-any-keys echo-map-container-keys compatibility-bin";
    // It answers unknown notifications, and knows methods by text only.
    row("msgpack-rpc-lite", "lite", "", "--no-options --no-int",
        script + " wire-bin-name wire-notify wire-bad-bytes");
    row("msgpack5rpc", "msgpack5rpc", "", "--no-options",
        script + " echo-float echo-ext echo-timestamp echo-map");
    row("neovim from npm", "neovim", "", "--no-options",
        script + " echo-ext echo-timestamp wire-bad-bytes");
}

void tst_Peers::asServer()
{
    if (QTest::currentDataTag() == nullptr)
        QSKIP("it does not listen");
    QFETCH(const QString, peer);
    QFETCH(const QString, peerArguments);
    QFETCH(const QString, clientArguments);
    QFETCH(const QStringList, incapable);
    auto arguments = command(peer);
    if (!arguments)
        QSKIP("not installed");
    *arguments += QStringList("server") + words(peerArguments);
    Program server(arguments->takeFirst(), *arguments);
    const QString url = server.waitForUrl().toString();
    QVERIFY2(!url.isEmpty(), server.process().readAllStandardError());

    Program client(CONFORMANCE_CLIENT, words(clientArguments)
                                               << "--skip" << incapable.join(u',') << url);
    QVERIFY(client.waitForEnd());
    QVERIFY2(client.status() == 0, qPrintable(client.lines().filter("FAIL").join(u'\n')));
    QVERIFY(client.lines().filter(QRegularExpression("^ok ")).size() > 35);
}

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    QStringList arguments = app.arguments();
    if (arguments.size() > 1 && Peers.contains(arguments.at(1)))
        onlyPeer = arguments.takeAt(1);
    tst_Peers test;
    const int failures = QTest::qExec(&test, arguments);
    return failures == 0 && test.hasSkipped() ? SkippedStatus : failures;
}

#include "tst_peers.moc"
