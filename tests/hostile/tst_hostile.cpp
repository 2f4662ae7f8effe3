// SPDX-License-Identifier: Apache-2.0

// The hostile corpus against a server in a process of its own, and against a client. Each file costs the connection that
// brought it, or an error, and nobody else anything.
#include "endpoint/peerprocess.h"
#include "endpoint/processes.h"

#include <MsgpackRpc/Client>

#include <QtCore/QDir>
#include <QtCore/QLoggingCategory>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <optional>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;

namespace {

// 64 MiB of a message, and while it grows what it grows from.
constexpr qint64 MostGrowth = 192 * 1024 * 1024 * Processes::SanitizerFactor;
constexpr qsizetype Pieces = 64; // files of so many bytes are sent byte for byte, too

const QByteArray Probe = QByteArray::fromHex("940063a3616464920102");
const QByteArray ProbeAnswer = QByteArray::fromHex("940163c003");

/// One file of the corpus.
struct Hostile
{
    QByteArray bytes;
    QString server; // what is to happen; empty if it is not for a server
    QString client;
};

void appendWord(QByteArray &bytes, const QByteArray &word)
{
    const qsizetype star = word.indexOf('*');
    const QByteArray part = QByteArray::fromHex(star < 0 ? word : word.first(star));
    bytes += star < 0 ? part : part.repeated(word.sliced(star + 1).toLongLong());
}

Hostile readFile(const QString &name)
{
    QFile file(QStringLiteral(CORPUS "/") + name + QStringLiteral(".txt"));
    if (!file.open(QIODevice::ReadOnly))
        qFatal("%s cannot be read", qPrintable(file.fileName()));
    Hostile hostile;
    const QList<QByteArray> lines = file.readAll().split('\n');
    for (const QByteArray &line : lines) {
        if (line.startsWith("server: "))
            hostile.server = QString::fromLatin1(line.sliced(8));
        else if (line.startsWith("client: "))
            hostile.client = QString::fromLatin1(line.sliced(8));
        else if (!line.startsWith('#'))
            for (const QByteArray &word : line.split(' '))
                appendWord(hostile.bytes, word);
    }
    return hostile;
}

/// Sends \a bytes to \a socket, one at a time if \a slowly.
void send(QTcpSocket &socket, const QByteArray &bytes, bool slowly)
{
    socket.setSocketOption(QAbstractSocket::LowDelayOption, 1);
    for (qsizetype at = 0; slowly && at < bytes.size(); ++at) {
        socket.write(bytes.constData() + at, 1);
        socket.flush();
    }
    if (!slowly)
        socket.write(bytes);
}

void addRows(QString Hostile::*side)
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<bool>("slowly");
    const QStringList files =
            QDir(QStringLiteral(CORPUS))
                    .entryList({QStringLiteral("*.txt")}, QDir::Files, QDir::Name);
    for (const QString &file : files) {
        const QString name = file.chopped(4);
        const Hostile hostile = readFile(name);
        if ((hostile.*side).isEmpty())
            continue;
        QTest::newRow(qPrintable(name)) << name << false;
        if (hostile.bytes.size() > 1 && hostile.bytes.size() <= Pieces)
            QTest::addRow("%s, slowly", qPrintable(name)) << name << true;
    }
}

} // namespace

class tst_Hostile : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void corpus();
    void toServer_data() { addRows(&Hostile::server); }
    void toServer();
    void serverIsAsItWas();
    void toClient_data() { addRows(&Hostile::client); }
    void toClient();

private:
    void callHealthily();

    std::unique_ptr<PeerProcess> m_server;
    std::unique_ptr<Client> m_healthy;
    qint64 m_memory = 0;
    qsizetype m_descriptors = 0;
};

void tst_Hostile::initTestCase()
{
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*=false"));
    qputenv("QT_LOGGING_RULES", "msgpackrpc.*=false"); // of the server
    m_server = std::make_unique<PeerProcess>();
    QVERIFY(!m_server->url().isEmpty());
    m_healthy = std::make_unique<Client>(m_server->url());
    callHealthily();
    m_memory = Processes::residentBytes(m_server->processId());
    m_descriptors = Processes::descriptors(m_server->processId());
}

void tst_Hostile::callHealthily()
{
    auto reply = m_healthy->call<int>("add", 1, 2);
    QVERIFY2(reply.waitForFinished(20s), "the server does not serve others any more");
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), 3);
}

void tst_Hostile::corpus()
{
    const QDir directory(QStringLiteral(CORPUS));
    const qsizetype files = directory.entryList({QStringLiteral("*.txt")}, QDir::Files).size();
    QVERIFY2(files >= 200, qPrintable(QString::number(files)));
}

void tst_Hostile::toServer()
{
    QFETCH(QString, name);
    QFETCH(bool, slowly);
    const Hostile hostile = readFile(name);
    QTcpSocket peer;
    peer.connectToHost(QHostAddress::LocalHost, quint16(m_server->url().port()));
    QVERIFY(peer.waitForConnected(30'000));
    QByteArray received;
    connect(&peer, &QTcpSocket::readyRead, this, [&] { received += peer.readAll(); });
    send(peer, hostile.bytes, slowly);
    callHealthily();

    if (hostile.server == QLatin1String("closed")) {
        QTRY_COMPARE_WITH_TIMEOUT(peer.state(), QAbstractSocket::UnconnectedState, 20'000);
    } else {
        QTRY_COMPARE_WITH_TIMEOUT(peer.bytesToWrite(), 0, 20'000);
        QCOMPARE(peer.state(), QAbstractSocket::ConnectedState);
        if (hostile.server == QLatin1String("answered")) {
            QTRY_VERIFY_WITH_TIMEOUT(received.startsWith(QByteArray::fromHex("9401")), 20'000);
            peer.write(Probe);
            QTRY_VERIFY_WITH_TIMEOUT(received.endsWith(ProbeAnswer), 20'000);
        } else if (hostile.server == QLatin1String("ignored")) {
            peer.write(Probe);
            QTRY_COMPARE_WITH_TIMEOUT(received.toHex(), ProbeAnswer.toHex(), 20'000);
        } else if (hostile.server == QLatin1String("waits")) {
            QVERIFY(received.isEmpty());
        } else {
            QCOMPARE(hostile.server, QStringLiteral("open"));
        }
    }
    const qint64 grown = Processes::residentBytes(m_server->processId()) - m_memory;
    QVERIFY2(grown < MostGrowth, qPrintable(QStringLiteral("%1 MiB more").arg(grown >> 20)));
    peer.abort();
    callHealthily();
}

// After all of that, nothing is left of it.
void tst_Hostile::serverIsAsItWas()
{
    callHealthily();
    QTRY_COMPARE(Processes::descriptors(m_server->processId()), m_descriptors);
    const qint64 grown = Processes::residentBytes(m_server->processId()) - m_memory;
    QVERIFY2(grown < MostGrowth / 2, qPrintable(QStringLiteral("%1 MiB more").arg(grown >> 20)));
}

void tst_Hostile::toClient()
{
    QFETCH(QString, name);
    QFETCH(bool, slowly);
    const Hostile hostile = readFile(name);
    QTcpServer raw;
    QVERIFY(raw.listen(QHostAddress::LocalHost));
    Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(raw.serverPort())));
    client.setTimeout(60s);
    client.bind("add", [](int a, int b) { return a + b; });
    client.bind("note", [](const QString &) {});
    int ended = 0;
    auto reply = client.call<int>("add", 1, 2);
    reply.then(this, [&] { ++ended; }).onError(this, [&] { ++ended; });
    QTRY_VERIFY(raw.hasPendingConnections());
    QTcpSocket *const peer = raw.nextPendingConnection();
    QByteArray received;
    connect(peer, &QTcpSocket::readyRead, this, [&] { received += peer->readAll(); });
    received = peer->readAll();
    QTRY_COMPARE(received.toHex(), QByteArray("940001a3616464920102"));
    received.clear();
    send(*peer, hostile.bytes, slowly);

    if (hostile.client == QLatin1String("closed")) {
        QTRY_COMPARE_WITH_TIMEOUT(ended, 1, 20'000);
        const QList<Error::Code> codes{Error::ConnectionLost, Error::ProtocolViolation,
                                       Error::LimitExceeded};
        QVERIFY2(codes.contains(reply.error().code()), qPrintable(reply.error().message()));
        QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
        return;
    }
    QTRY_COMPARE_WITH_TIMEOUT(peer->bytesToWrite(), 0, 20'000);
    if (hostile.client == QLatin1String("waits")) {
        peer->disconnectFromHost();
        QTRY_COMPARE(ended, 1);
        QCOMPARE(reply.error().code(), Error::ConnectionLost);
        return;
    }
    if (hostile.client == QLatin1String("answered"))
        QTRY_VERIFY_WITH_TIMEOUT(received.startsWith(QByteArray::fromHex("9401")), 20'000);
    else
        QCOMPARE(hostile.client, QStringLiteral("ignored"));
    peer->write(QByteArray::fromHex("940101c003"));
    QTRY_COMPARE_WITH_TIMEOUT(ended, 1, 20'000);
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), 3);
    if (hostile.client == QLatin1String("ignored"))
        QVERIFY(received.isEmpty());
}

QTEST_GUILESS_MAIN(tst_Hostile)
#include "tst_hostile.moc"
