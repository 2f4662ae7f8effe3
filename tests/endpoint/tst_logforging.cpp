// SPDX-License-Identifier: Apache-2.0

// Whatever peers send, each line of the log is one of ours: on one line, without what a terminal heeds, and not long.
#include <MsgpackRpc/Client>
#include <MsgpackRpc/ErrorException>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/Writer>

#include <QtCore/QLoggingCategory>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <algorithm>
#include <stdexcept>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;

class tst_LogForging : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();
    void notifications_data();
    void notifications();
    void errorsOfServers();
    void callbackThatThrows();
    void refusals();

private:
    QtMessageHandler m_previous = nullptr;
};

namespace {

QStringList logged;

void keep(QtMsgType, const QMessageLogContext &, const QString &text)
{
    logged.append(text);
}

const QByteArray forged("\n2026-01-01 root logged in\x1b[2J\xe2\x80\xae");

/// A string of MessagePack.
QByteArray packed(const QByteArray &text)
{
    const auto size = quint32(text.size());
    QByteArray bytes("\xdb");
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += char(size >> shift);
    return bytes + text;
}

/// Every line is one, and the one that is looked for is among them.
void compareLog(const QString &lookedFor)
{
    const auto isClean = [](const QString &line) {
        return line.size() < 1500 && std::all_of(line.cbegin(), line.cend(), [](QChar c) {
                   return c.category() != QChar::Other_Control
                          && c.category() != QChar::Other_Format;
               });
    };
    for (const QString &line : std::as_const(logged))
        QVERIFY2(isClean(line), qPrintable(line));
    QVERIFY2(logged.join(QLatin1Char('\n')).contains(lookedFor),
             qPrintable(logged.join(QLatin1Char('\n'))));
}

} // namespace

// Debug messages too.
void tst_LogForging::init()
{
    logged.clear();
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*=true"));
    m_previous = qInstallMessageHandler(keep);
}

void tst_LogForging::cleanup()
{
    qInstallMessageHandler(m_previous);
    QLoggingCategory::setFilterRules(QString());
}

void tst_LogForging::notifications_data()
{
    QTest::addColumn<QByteArray>("method");
    QTest::addColumn<QByteArray>("argument");
    QTest::addColumn<QString>("line");
    QTest::newRow("nobody's") << forged << QByteArray("x") << "\\n2026-01-01";
    QTest::newRow("long") << QByteArray(60'000, 'm') << QByteArray("x") << "(59500 more)";
    QTest::newRow("not for that") << QByteArray("count") << forged << "count";
    QTest::newRow("throws") << QByteArray("fail") << forged << "\\x1b[2J";
}

void tst_LogForging::notifications()
{
    QFETCH(const QByteArray, method);
    QFETCH(const QByteArray, argument);
    QFETCH(const QString, line);
    Server server;
    server.bind("count", [](int) {});
    server.bind("fail", [](const QString &text) { throw MsgpackRpc::ErrorException(text); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(server.urls().constFirst().port()));
    QVERIFY(peer.waitForConnected(20'000));
    peer.write("\x93\x02" + packed(method) + "\x91" + packed(argument));
    QTRY_COMPARE_WITH_TIMEOUT(server.counters().messagesReceived, quint64(1), 20'000);
    QTRY_VERIFY_WITH_TIMEOUT(logged.join(QString()).contains(QStringLiteral("failed")), 20'000);
    compareLog(line);
}

void tst_LogForging::errorsOfServers()
{
    Server server;
    server.bind("fail", [] { throw MsgpackRpc::ErrorException(QString::fromUtf8(forged)); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.call("fail"); // nobody handles it
    QTRY_VERIFY_WITH_TIMEOUT(logged.join(QString()).contains(QStringLiteral("nobody handles it")),
                             20'000);
    compareLog(QStringLiteral("nobody handles it: \\n2026-01-01 root logged in\\x1b[2J\\u202e"));
    // Whoever handles it has it as it came.
    auto reply = client.call("fail");
    QVERIFY(reply.waitForFinished(20s));
    QCOMPARE(reply.error().message(), QString::fromUtf8(forged));
}

void tst_LogForging::callbackThatThrows()
{
    Server server;
    server.bind("text", [] { return QString::fromUtf8(forged); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    client.call<QString>("text").then(
            this, [](const QString &text) { throw std::runtime_error(text.toStdString()); });
    QTRY_VERIFY_WITH_TIMEOUT(logged.join(QString()).contains(QStringLiteral("a callback threw")),
                             20'000);
    compareLog(QStringLiteral("a callback threw: \\n2026-01-01"));
}

// A server that refuses a token says why, and is tried again.
void tst_LogForging::refusals()
{
    QTcpServer theirs;
    QVERIFY(theirs.listen(QHostAddress::LocalHost));
    connect(&theirs, &QTcpServer::newConnection, this, [&theirs] {
        QTcpSocket *const socket = theirs.nextPendingConnection();
        connect(socket, &QTcpSocket::readyRead, socket, [socket] {
            socket->write(QByteArray::fromHex("9401") + socket->readAll().mid(2, 1) + packed(forged)
                          + "\xc0");
        });
    });
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(theirs.serverPort())));
    client.setToken("secret");
    client.call("anything"); // nobody handles it
    QTRY_VERIFY_WITH_TIMEOUT(logged.join(QString()).contains(QStringLiteral("nobody handles it")),
                             20'000);
    compareLog(QStringLiteral("\\n2026-01-01"));
}

QTEST_GUILESS_MAIN(tst_LogForging)

#include "tst_logforging.moc"
