// SPDX-License-Identifier: Apache-2.0

// A server whose process has no descriptors left: it waits, and goes on. The limit holds for this program alone.
#include "notifiermodes.h"

#include <MsgpackRpc/Testing>

#include <QtCore/QAbstractEventDispatcher>
#include <QtCore/QFile>
#include <QtCore/QRegularExpression>
#include <QtCore/QTemporaryDir>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <memory>
#include <vector>

#ifdef Q_OS_UNIX
#    include <sys/resource.h>
#endif

using namespace std::chrono_literals;
using MsgpackRpc::Error;
using Client = ModeClient;
using Server = ModeServer;

class tst_Descriptors : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addNotifierModes(); }
    void initTestCase();
    void acceptingResumes_data();
    void acceptingResumes();
    void callsEnd_data();
    void callsEnd();

private:
    void addUrls();
    static std::unique_ptr<QIODevice> connectTo(const QUrl &url);
    void useUp();
    QTemporaryDir m_folder;
    std::vector<std::unique_ptr<QFile>> m_taken;
};

void tst_Descriptors::initTestCase()
{
#ifdef Q_OS_UNIX
    rlimit limit{};
    QCOMPARE(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = std::min<rlim_t>(256, limit.rlim_max);
    QCOMPARE(setrlimit(RLIMIT_NOFILE, &limit), 0);
#else
    QSKIP("no limit that could be set here");
#endif
}

void tst_Descriptors::addUrls()
{
    QTest::addColumn<QString>("address");
    QTest::newRow("tcp") << "tcp://127.0.0.1:0";
    QTest::newRow("local") << "local:" + m_folder.filePath("socket");
}

std::unique_ptr<QIODevice> tst_Descriptors::connectTo(const QUrl &url)
{
    if (url.scheme() == "tcp") {
        auto socket = std::make_unique<QTcpSocket>();
        socket->connectToHost("127.0.0.1", quint16(url.port()));
        socket->waitForConnected();
        return socket;
    }
    auto socket = std::make_unique<QLocalSocket>();
    socket->connectToServer(url.path());
    socket->waitForConnected();
    return socket;
}

// Takes every descriptor that is left.
void tst_Descriptors::useUp()
{
    for (;;) {
        auto file = std::make_unique<QFile>("/dev/null");
        if (!file->open(QIODevice::ReadOnly))
            return;
        m_taken.push_back(std::move(file));
    }
}

void tst_Descriptors::acceptingResumes_data()
{
    addUrls();
}

void tst_Descriptors::acceptingResumes()
{
    QFETCH(const QString, address);
    MsgpackRpc::Testing::Clock clock;
    Server server;
    server.bind("add", [](int a, int b) { return a + b; });
    QVERIFY(server.listen(QUrl(address)));
    const QUrl url = server.urls().constFirst();
    const QString scheme = url.scheme();
    Client client(url);
    QVERIFY(client.call<int>("add", 0, 0).waitForFinished(30s));
    QSignalSpy opened(&server, &Server::sessionOpened);

    // Connected by the system, which waits for somebody to accept it.
    const std::unique_ptr<QIODevice> waiting = connectTo(url);
    QVERIFY(waiting->isOpen());
    useUp();
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("cannot accept a connection at " + scheme
                                                          + ".*no descriptors"));

    // Sessions go on, and nothing spins: what wakes the event loop is what this test does.
    int wakes = 0;
    const auto connection = connect(QAbstractEventDispatcher::instance(),
                                    &QAbstractEventDispatcher::awake, this, [&] { ++wakes; });
    for (int i = 0; i < 10; ++i) {
        auto reply = client.call<int>("add", i, 1);
        QVERIFY(reply.waitForFinished(30s));
        QCOMPARE(reply.result(), i + 1);
    }
    QVERIFY(!opened.wait(300));
    disconnect(connection);
    QVERIFY2(wakes < 300, qPrintable(QString::number(wakes)));

    // Still none left: it tries again, and rests again.
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression("cannot accept a connection at " + scheme));
    clock.advance(250ms);
    QVERIFY(opened.isEmpty());

    m_taken.clear();
    clock.advance(250ms);
    QTRY_COMPARE(opened.size(), 1);
    waiting->write(QByteArray::fromHex("94000aa36164649201"
                                       "02"));
    QTRY_COMPARE(waiting->bytesAvailable(), 5);
    QCOMPARE(waiting->readAll().toHex(), QByteArray("94010ac003"));
    auto reply = client.call<int>("add", 20, 22);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 42);
}

void tst_Descriptors::callsEnd_data()
{
    addUrls();
    QTest::newRow("process") << QString();
}

// A client that cannot connect for want of a descriptor says so, and can when there is one.
void tst_Descriptors::callsEnd()
{
    QFETCH(const QString, address);
    Server server;
    server.bind("add", [](int a, int b) { return a + b; });
    Client client;
    client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 1, 1ms, 1ms});
    if (!address.isEmpty()) {
        QVERIFY(server.listen(QUrl(address)));
        client.setUrl(server.urls().constFirst());
    }
    QCoreApplication::processEvents();
    useUp();
    if (address.isEmpty())
        client.startProcess(QStringLiteral(TESTCHILD));
    for (int i = 0; i < 3; ++i) {
        auto reply = client.call<int>("add", i, 1);
        QVERIFY(reply.waitForFinished(30s));
        QVERIFY2(reply.error().code() == Error::ConnectFailed
                         || reply.error().code() == Error::NotConnectable,
                 qPrintable(reply.error().message()));
        QCOMPARE(client.pendingCalls(), 0);
    }
    m_taken.clear();
    auto reply = client.call<int>("add", 20, 22);
    QVERIFY(reply.waitForFinished(30s));
    QVERIFY2(!reply.error(), qPrintable(reply.error().message()));
    QCOMPARE(reply.result(), 42);
}

QTEST_GUILESS_MAIN(tst_Descriptors)

#include "tst_descriptors.moc"
