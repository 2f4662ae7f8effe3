// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Server>

#include <QtCore/QElapsedTimer>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtQml/QQmlComponent>
#include <QtQml/QQmlEngine>
#include <QtTest/QTest>

#include <memory>

// That a user interface goes on while QML calls: a timer of 16 ms is never late for long. How late it was at worst is
// printed; the bound is generous, since the machine has other things to do.
class tst_Responsiveness : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void goesOn_data();
    void goesOn();

private:
    QThread m_thread;
    MsgpackRpc::Server *m_server = nullptr;
    QUrl m_url;
};

namespace {

constexpr qint64 LongestGap = 500; // ms

const char Source[] = R"(
import QtQml
import MsgpackRpc

QtObject {
    id: root
    property string url
    property int left: -1
    property string problem
    readonly property RpcClient client: RpcClient { url: root.url; connectTimeout: 300 }
    function answered() { --left }
    function failed(error) { problem = error.message; --left }
    function deadHost() {
        left = 1
        client.url = "tcp://192.0.2.1:9" // of an address for documentation: nobody answers, or there is no way to it
        client.remote.add(1, 2).then(answered, () => answered())
    }
    function unknownHost() {
        left = 1
        client.url = "tcp://no-such-host.invalid:9"
        client.remote.add(1, 2).then(answered, () => answered())
    }
    function manyCalls() {
        left = 10000
        for (let i = 0; i < 10000; ++i)
            client.remote.add(i, 2).then(answered, failed)
    }
    function largeAnswer() {
        left = 1
        client.remote.bytes(48 * 1024 * 1024).then(bytes => {
            if (bytes.byteLength !== 48 * 1024 * 1024)
                problem = "of the wrong size"
            answered()
        }, failed)
    }
    function largeList() {
        left = 1
        client.remote.list(100000).then(list => {
            if (list.length !== 100000)
                problem = "of the wrong size"
            answered()
        }, failed)
    }
}
)";

} // namespace

void tst_Responsiveness::initTestCase()
{
    m_server = new MsgpackRpc::Server;
    m_server->moveToThread(&m_thread);
    m_thread.start();
    QMetaObject::invokeMethod(
            m_server,
            [this] {
                m_server->bind("add", [](int a, int b) { return a + b; });
                m_server->bind("bytes", [](int count) { return QByteArray(count, 'x'); });
                m_server->bind("list", [](int count) { return QList<int>(count, 7); });
                if (m_server->listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))))
                    m_url = m_server->urls().constFirst();
            },
            Qt::BlockingQueuedConnection);
    QVERIFY(!m_url.isEmpty());
}

void tst_Responsiveness::cleanupTestCase()
{
    QMetaObject::invokeMethod(
            m_server, [this] { delete m_server; }, Qt::BlockingQueuedConnection);
    m_thread.quit();
    QVERIFY(m_thread.wait(10'000));
}

void tst_Responsiveness::goesOn_data()
{
    QTest::addColumn<QByteArray>("work");
    QTest::newRow("connecting to a dead host") << QByteArrayLiteral("deadHost");
    QTest::newRow("looking an unknown host up") << QByteArrayLiteral("unknownHost");
    QTest::newRow("10 000 calls") << QByteArrayLiteral("manyCalls");
    QTest::newRow("an answer of 48 MiB") << QByteArrayLiteral("largeAnswer");
    QTest::newRow("an answer of 100 000 numbers") << QByteArrayLiteral("largeList");
}

void tst_Responsiveness::goesOn()
{
    QFETCH(QByteArray, work);
    QQmlEngine engine;
    engine.addImportPath(QStringLiteral(QML_IMPORT));
    QQmlComponent component(&engine);
    component.setData(Source, QUrl(QStringLiteral("qrc:/tst_responsiveness.qml")));
    const std::unique_ptr<QObject> root(
            component.createWithInitialProperties({{QStringLiteral("url"), m_url.toString()}}));
    QVERIFY2(root != nullptr, qPrintable(component.errorString()));

    qint64 longest = 0;
    int ticks = 0;
    QElapsedTimer sinceTick;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    connect(&timer, &QTimer::timeout, this, [&] {
        longest = qMax(longest, sinceTick.restart());
        ++ticks;
    });
    timer.start(16);
    sinceTick.start();
    QVERIFY(QMetaObject::invokeMethod(root.get(), work.constData()));
    QTRY_COMPARE_WITH_TIMEOUT(root->property("left").toInt(), 0, 60'000);
    QTRY_VERIFY(ticks > 0);
    qInfo("%s: the timer of 16 ms came %d times, after %lld ms at the latest", work.constData(),
          ticks, longest);
    QCOMPARE(root->property("problem").toString(), QString());
    QVERIFY2(longest < LongestGap, QByteArray::number(longest).constData());
}

QTEST_GUILESS_MAIN(tst_Responsiveness)

#include "tst_responsiveness.moc"
