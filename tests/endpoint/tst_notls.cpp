// SPDX-License-Identifier: Apache-2.0

// A Qt without a TLS backend: this program looks for Qt's plugins where there are none (notls.qrc).
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtNetwork/QSslSocket>
#include <QtTest/QTest>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;

class tst_NoTls : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { QVERIFY(!QSslSocket::supportsSsl()); }
    void client();
    void server();
    void everythingElse();
};

void tst_NoTls::client()
{
    Client client(QUrl("tls://127.0.0.1:1"));
    auto reply = client.call("add", 1, 2);
    QVERIFY(!reply.isFinished());
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.error().code(), Error::NotConnectable);
    QVERIFY2(reply.error().message().contains("no TLS backend"),
             qPrintable(reply.error().message()));
}

void tst_NoTls::server()
{
    Server server;
    QVERIFY(!server.listen(QUrl("tls://127.0.0.1:0")));
    QCOMPARE(server.error().code(), Error::NotConnectable);
    QVERIFY2(server.error().message().contains("no TLS backend"),
             qPrintable(server.error().message()));
    QVERIFY(!server.isListening());
}

void tst_NoTls::everythingElse()
{
    Server server;
    server.bind("add", [](int a, int b) { return a + b; });
    QVERIFY(server.listen(QUrl("tcp://127.0.0.1:0")));
    Client client(server.urls().constFirst());
    auto reply = client.call<int>("add", 1, 2);
    QVERIFY(reply.waitForFinished(30s));
    QCOMPARE(reply.result(), 3);
}

QTEST_GUILESS_MAIN(tst_NoTls)

#include "tst_notls.moc"
