// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Address>

#include <QtCore/QHash>
#include <QtCore/QSet>
#include <QtTest/QTest>

using namespace MsgpackRpc;

class tst_Address : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void defaultIsNotConnectable();
    void forms_data();
    void forms();
    void fromBytesRefuses_data();
    void fromBytesRefuses();
    void fromUrlRefuses_data();
    void fromUrlRefuses();
    void mappedIPv4IsIPv4();
    void scopeIsDropped();
    void nullHost();
    void isHashable();
    void debug();
};

void tst_Address::defaultIsNotConnectable()
{
    const Address address;
    QVERIFY(!address.isConnectable());
    QCOMPARE(address.toBytes(), QByteArray(6, '\0'));
    QCOMPARE(address.port(), quint16(0));
    QCOMPARE(address.host(), QHostAddress("0.0.0.0"));
}

void tst_Address::forms_data()
{
    QTest::addColumn<QString>("host");
    QTest::addColumn<int>("port");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("text");

    QTest::newRow("IPv4") << "127.0.0.1" << 18800 << QByteArray::fromHex("49707f000001")
                          << "127.0.0.1:18800";
    QTest::newRow("high IPv4") << "255.254.253.252" << 65535 << QByteArray::fromHex("fffffffefdfc")
                               << "255.254.253.252:65535";
    QTest::newRow("IPv6") << "::1" << 1
                          << QByteArray::fromHex("000100000000000000000000000000000001")
                          << "[::1]:1";
    QTest::newRow("full IPv6") << "2001:db8:1:2:3:4:5:6" << 18800
                               << QByteArray::fromHex("497020010db8000100020003000400050006")
                               << "[2001:db8:1:2:3:4:5:6]:18800";
}

void tst_Address::forms()
{
    QFETCH(QString, host);
    QFETCH(int, port);
    QFETCH(QByteArray, bytes);
    QFETCH(QString, text);
    const Address address(QHostAddress{host}, quint16(port));
    QVERIFY(address.isConnectable());
    QCOMPARE(address.toBytes(), bytes);
    QCOMPARE(address.toString(), text);
    QCOMPARE(address.host(), QHostAddress(host));
    QCOMPARE(int(address.port()), port);
    QCOMPARE(Address::fromBytes(bytes), std::optional(address));
    QCOMPARE(address.toUrl().toString(), "tcp://" + text);
    QCOMPARE(address.toUrl("udp").toString(), "udp://" + text);
    QCOMPARE(Address::fromUrl(address.toUrl()), std::optional(address));
}

void tst_Address::fromBytesRefuses_data()
{
    QTest::addColumn<int>("size");
    for (int size : {0, 1, 2, 4, 5, 7, 16, 17, 19, 100})
        QTest::addRow("%d bytes", size) << size;
}

void tst_Address::fromBytesRefuses()
{
    QFETCH(int, size);
    QVERIFY(!Address::fromBytes(QByteArray(size, '\1')));
}

void tst_Address::fromUrlRefuses_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::newRow("name") << QUrl("tcp://localhost:1");
    QTest::newRow("no port") << QUrl("tcp://127.0.0.1");
    QTest::newRow("no host") << QUrl("local:name");
    QTest::newRow("empty") << QUrl();
}

void tst_Address::fromUrlRefuses()
{
    QFETCH(QUrl, url);
    QVERIFY(!Address::fromUrl(url));
}

// A socket for both families reports IPv4 peers so; the same peer has one address.
void tst_Address::mappedIPv4IsIPv4()
{
    QCOMPARE(Address(QHostAddress("::ffff:127.0.0.1"), 5), Address(QHostAddress("127.0.0.1"), 5));
}

void tst_Address::scopeIsDropped()
{
    QHostAddress host("fe80::1");
    host.setScopeId("1");
    QCOMPARE(Address(host, 5), Address(QHostAddress("fe80::1"), 5));
}

void tst_Address::nullHost()
{
    QCOMPARE(Address(QHostAddress(), 5), Address());
}

void tst_Address::isHashable()
{
    const Address a(QHostAddress("127.0.0.1"), 1);
    const Address b(QHostAddress("127.0.0.1"), 2);
    const QSet<Address> set{a, b, a};
    QCOMPARE(set.size(), 2);
    QVERIFY(set.contains(Address(QHostAddress("127.0.0.1"), 2)));
    QVERIFY(a != b);
}

void tst_Address::debug()
{
    QString text;
    QDebug(&text) << Address(QHostAddress("::1"), 7);
    QCOMPARE(text.trimmed(), "MsgpackRpc::Address([::1]:7)");
}

QTEST_APPLESS_MAIN(tst_Address)
#include "tst_address.moc"
