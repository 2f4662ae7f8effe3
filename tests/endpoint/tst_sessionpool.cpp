// SPDX-License-Identifier: Apache-2.0

// One session for each peer, made when it is asked for.
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/SessionPool>

#include <QtCore/QPointer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using MsgpackRpc::Address;
using MsgpackRpc::CallContext;
using MsgpackRpc::Error;
using MsgpackRpc::Limits;
using MsgpackRpc::Reconnect;
using MsgpackRpc::Server;
using MsgpackRpc::Session;
using MsgpackRpc::SessionPool;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

class tst_SessionPool : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void samePeer_data();
    void samePeer();
    void otherPeers_data();
    void otherPeers();
    void calls();
    void calledBack();
    void settings();
    void closeAndAgain();
    void deletedSession();
    void deletedPool();
    void deletedInCallback();
    void unusableUrls_data();
    void unusableUrls();
    void ownSettings();
};

void tst_SessionPool::samePeer_data()
{
    QTest::addColumn<QUrl>("one");
    QTest::addColumn<QUrl>("other");
    QTest::newRow("the same") << QUrl("tcp://127.0.0.1:1") << QUrl("tcp://127.0.0.1:1");
    QTest::newRow("case of a name") << QUrl("tcp://Example.ORG:1") << QUrl("tcp://example.org:1");
    QTest::newRow("case of the scheme") << QUrl("TCP://127.0.0.1:1") << QUrl("tcp://127.0.0.1:1");
    QTest::newRow("a slash") << QUrl("tcp://127.0.0.1:1/") << QUrl("tcp://127.0.0.1:1");
    QTest::newRow("IPv6") << QUrl("tcp://[0:0:0:0:0:0:0:1]:1") << QUrl("tcp://[::1]:1");
    QTest::newRow("IPv4 in IPv6") << QUrl("tcp://[::ffff:127.0.0.1]:1")
                                  << QUrl("tcp://127.0.0.1:1");
    QTest::newRow("memory") << QUrl("memory:a") << QUrl("memory:a");
}

void tst_SessionPool::samePeer()
{
    QFETCH(QUrl, one);
    QFETCH(QUrl, other);
    SessionPool pool;
    Session *const session = pool.session(one);
    QVERIFY(session != nullptr);
    QCOMPARE(pool.session(other), session);
    QCOMPARE(pool.sessions(), QList<Session *>{session});
    QCOMPARE(session->state(), Session::Unconnected);
}

void tst_SessionPool::otherPeers_data()
{
    QTest::addColumn<QUrl>("other");
    QTest::newRow("port") << QUrl("tcp://127.0.0.1:2");
    QTest::newRow("host") << QUrl("tcp://127.0.0.2:1");
    QTest::newRow("name") << QUrl("tcp://localhost:1");
    QTest::newRow("scheme") << QUrl("udp://127.0.0.1:1");
    QTest::newRow("memory") << QUrl("memory:127.0.0.1:1");
}

void tst_SessionPool::otherPeers()
{
    QFETCH(QUrl, other);
    SessionPool pool;
    QVERIFY(pool.session(QUrl("tcp://127.0.0.1:1")) != pool.session(other));
    QCOMPARE(pool.sessions().size(), 2);
}

void tst_SessionPool::calls()
{
    Server first;
    Server second;
    first.bind("who", [] { return 1; });
    second.bind("who", [] { return 2; });
    QVERIFY(first.listen(QUrl("tcp://127.0.0.1:0")));
    QVERIFY(second.listen(QUrl("tcp://127.0.0.1:0")));
    SessionPool pool;
    const QUrl url = first.urls().constFirst();
    const quint16 port = quint16(second.urls().constFirst().port());
    auto one = pool.session(url)->call<int>("who");
    auto two = pool.session(QStringLiteral("127.0.0.1"), port)->call<int>("who");
    const Address address(QHostAddress(QHostAddress::LocalHost), port);
    auto again = pool.session(address)->call<int>("who");
    QVERIFY(one.waitForFinished(30s));
    QVERIFY(two.waitForFinished(30s));
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(one.result(), 1);
    QCOMPARE(two.result(), 2);
    QCOMPARE(again.result(), 2);
    QCOMPARE(pool.sessions().size(), 2);
    QCOMPARE(pool.session(address)->address(), address);
    // The same connection served both calls.
    QCOMPARE(second.sessions().size(), 1);
}

void tst_SessionPool::calledBack()
{
    Server server;
    server.bind("start", [] { CallContext::current().session().session()->notify("news", 7); });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    SessionPool pool;
    int news = 0;
    QVERIFY(pool.bind("news", this, [&news](int x) { news = x; }));
    QVERIFY(pool.session(server.urls().constFirst())->call("start").waitForFinished(30s));
    QTRY_COMPARE(news, 7);
}

void tst_SessionPool::settings()
{
    SessionPool pool;
    QCOMPARE(pool.timeout(), 10s);
    QCOMPARE(pool.connectTimeout(), 5s);
    QCOMPARE(pool.limits(), Limits());
    QCOMPARE(pool.transportOption(), TransportOption());
    QCOMPARE(pool.acceptedOptions(), TransportOption(TransportOption::Deflate));
    QCOMPARE(pool.wireFormat(), WireFormat::Modern);
    QCOMPARE(pool.reconnect(), Reconnect());
    QCOMPARE(pool.keepAlive(), 60s);

    Session *const before = pool.session(QUrl("tcp://127.0.0.1:1"));
    QSignalSpy timeout(&pool, &SessionPool::timeoutChanged);
    QSignalSpy limits(&pool, &SessionPool::limitsChanged);
    for (int i = 0; i < 2; ++i) {
        pool.setTimeout(1s);
        pool.setConnectTimeout(2s);
        Limits few;
        few.pendingCalls = 3;
        pool.setLimits(few);
        pool.setTransportOption(TransportOption::TxDeflate);
        pool.setAcceptedOptions(TransportOption::Default);
        pool.setWireFormat(WireFormat::Compatibility);
        Reconnect reconnect;
        reconnect.attempts = 2;
        pool.setReconnect(reconnect);
        pool.setKeepAlive(9s);
    }
    QCOMPARE(timeout.size(), 1);
    QCOMPARE(limits.size(), 1);
    Session *const after = pool.session(QUrl("tcp://127.0.0.1:2"));
    QCOMPARE(before->timeout(), 10s);
    QCOMPARE(after->timeout(), 1s);
    QCOMPARE(after->connectTimeout(), 2s);
    QCOMPARE(after->limits().pendingCalls, 3);
    QCOMPARE(after->transportOption(), TransportOption(TransportOption::TxDeflate));
    QCOMPARE(after->acceptedOptions(), TransportOption());
    QCOMPARE(after->wireFormat(), WireFormat::Compatibility);
    QCOMPARE(after->reconnect().attempts, 2);
    QCOMPARE(after->keepAlive(), 9s);
}

void tst_SessionPool::closeAndAgain()
{
    Server server;
    QVERIFY(server.bind<void(MsgpackRpc::Responder)>(
            "never", [kept = QList<MsgpackRpc::Responder>()](MsgpackRpc::Responder r) mutable {
                kept.append(r);
            }));
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    SessionPool pool;
    Session *const session = pool.session(server.urls().constFirst());
    int ended = 0;
    for (int i = 0; i < 5; ++i)
        session->call("never").onError(this, [&ended](const Error &error) {
            ended += error.code() == Error::Canceled ? 1 : 100;
        });
    QTRY_COMPARE(session->state(), Session::Connected);
    pool.close();
    QTRY_COMPARE(ended, 5);
    QCOMPARE(pool.session(server.urls().constFirst()), session);
    auto again = session->call<int>("echo", 4);
    QVERIFY(again.waitForFinished(30s));
    QCOMPARE(again.result(), 4);
}

void tst_SessionPool::deletedSession()
{
    SessionPool pool;
    const QUrl url("tcp://127.0.0.1:1");
    delete pool.session(url);
    QVERIFY(pool.sessions().isEmpty());
    QPointer<Session> session(pool.session(url));
    QVERIFY(session != nullptr);
    QCOMPARE(pool.sessions().size(), 1);
}

void tst_SessionPool::deletedPool()
{
    Server server;
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto pool = std::make_unique<SessionPool>();
    const QPointer<Session> session(pool->session(server.urls().constFirst()));
    int ended = 0;
    for (int i = 0; i < 3; ++i)
        session->call("anything").onError(this, [&ended](const Error &error) {
            ended += error.code() == Error::Canceled ? 1 : 100;
        });
    pool.reset();
    QVERIFY(session == nullptr);
    QCOMPARE(ended, 0);
    QTRY_COMPARE(ended, 3);
}

void tst_SessionPool::deletedInCallback()
{
    Server server;
    server.bind("echo", [](int x) { return x; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    auto pool = std::make_unique<SessionPool>();
    bool done = false;
    pool->session(server.urls().constFirst())->call<int>("echo", 1).then(this, [&](int) {
        pool.reset();
        done = true;
    });
    QTRY_VERIFY(done);
}

void tst_SessionPool::unusableUrls_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("none") << QUrl();
    QTest::newRow("scheme") << QUrl("http://127.0.0.1:1");
    QTest::newRow("no port") << QUrl("tcp://127.0.0.1");
    QTest::newRow("no host") << QUrl("tcp://:1");
    QTest::newRow("no name") << QUrl("memory:");
    QTest::newRow("user") << QUrl("tcp://me@127.0.0.1:1");
    QTest::newRow("path") << QUrl("tcp://127.0.0.1:1/x");
    QTest::newRow("query") << QUrl("tcp://127.0.0.1:1?x");
    QTest::newRow("not valid") << QUrl("tcp://127.0.0.1:99999");
}

void tst_SessionPool::unusableUrls()
{
    QFETCH(QUrl, url);
    SessionPool pool;
    auto reply = pool.session(url)->call("echo", 1);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
}

// A session has setters of its own, and pools have nothing to do with each other.
void tst_SessionPool::ownSettings()
{
    SessionPool pool;
    SessionPool other;
    const QUrl url("tcp://127.0.0.1:1");
    pool.session(url)->setTimeout(3s);
    QCOMPARE(pool.session(url)->timeout(), 3s);
    QVERIFY(other.session(url) != pool.session(url));
    QCOMPARE(other.session(url)->timeout(), 10s);
}

QTEST_GUILESS_MAIN(tst_SessionPool)
#include "tst_sessionpool.moc"
