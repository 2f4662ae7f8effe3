// SPDX-License-Identifier: Apache-2.0
#include "transport/datagramconnection_p.h"

#include <QtCore/QPointer>
#include <QtCore/QRegularExpression>
#include <QtTest/QTest>

using namespace MsgpackRpc;

class tst_DatagramConnection : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void replies();
    void repliesOnThisMachine();
    void repliesAllowed();
    void sizeOfReplies();
    void oneDatagramForEachMessage();
    void pausedDropsRequests();
    void optionFromTheAcceptingSide();
    void systemTakesNothing();
    void releaseWithinAMessage();
};

namespace {

const QByteArray Poke = QByteArray::fromHex("9302a4706f6b6590");

class TestDatagrams final : public DatagramDevice
{
public:
    Address peer() const override { return Address(QHostAddress(host), 7); }
    bool send(const QByteArray &datagram) override
    {
        if (takes)
            sent.append(datagram);
        return takes;
    }
    // What a client gets from its socket, and a server from who has read it.
    void arrive(const QByteArray &datagram)
    {
        if (!isRead) {
            receive(datagram);
            return;
        }
        DatagramReader reader{Limits()};
        Message message;
        QCOMPARE(reader.read(datagram, message, TransportOption()), DatagramReader::Complete);
        receive(message);
    }
    void arrive(Message &message) { receive(message); }

    QString host = QStringLiteral("192.0.2.1");
    QList<QByteArray> sent;
    bool takes = true;
    bool isRead = false;
};

// A connection over a device that sends nowhere.
class TestConnection final : public ConnectionHandler
{
public:
    explicit TestConnection(Connection::Role role = Connection::Passive, const Limits &limits = {},
                            const QString &host = QStringLiteral("192.0.2.1"),
                            ExchangeOption option = {})
    {
        auto made = std::make_unique<TestDatagrams>();
        made->host = host;
        made->isRead = role == Connection::Passive;
        device = made.get();
        connection = new DatagramConnection(std::move(made), role, option, limits, queue, *this);
    }
    virtual ~TestConnection()
    {
        if (connection)
            connection->release();
    }
    void send(qsizetype size)
    {
        queue.begin().writeRaw(QByteArray(size, 'x'));
        queue.commit();
        connection->outputAdded();
    }
    void messageReceived(Message &message) override
    {
        received.append(message.type);
        if (onMessage)
            onMessage();
    }
    void connectionClosed(const Error &) override { QFAIL("a datagram connection has ended"); }
    void outputDrained() override {}

    OutputQueue queue;
    QPointer<DatagramConnection> connection;
    QPointer<TestDatagrams> device;
    QList<int> received;
    std::function<void()> onMessage;
};

void expectDrop()
{
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("dropped a datagram")));
}

} // namespace

// To another machine nothing is sent that was not asked for, and no more than the limit for each datagram.
void tst_DatagramConnection::replies()
{
    TestConnection peer;
    expectDrop();
    peer.send(1);
    peer.connection->flush();
    QCOMPARE(peer.device->sent.size(), 0);
    QCOMPARE(peer.connection->datagramsDropped(), 1u);

    peer.device->arrive(Poke);
    for (int i = 0; i < 10; ++i)
        peer.send(512);
    peer.connection->flush();
    QCOMPARE(peer.device->sent.size(), 2);
    QCOMPARE(peer.connection->datagramsDropped(), 9u);

    // What is kept is bounded.
    for (int i = 0; i < 100; ++i)
        peer.device->arrive(Poke);
    for (int i = 0; i < 100; ++i)
        peer.send(1024);
    peer.connection->flush();
    QCOMPARE(peer.device->sent.size(), 2 + 64);
}

void tst_DatagramConnection::repliesOnThisMachine()
{
    for (const char *host : {"127.0.0.1", "127.9.9.9", "::1"}) {
        TestConnection peer(Connection::Passive, {}, QString::fromLatin1(host));
        peer.send(60'000);
        peer.send(60'000);
        peer.connection->flush();
        QCOMPARE(peer.device->sent.size(), 2);
    }
    TestConnection client(Connection::Active);
    client.send(60'000);
    client.connection->flush();
    QCOMPARE(client.device->sent.size(), 1);
}

void tst_DatagramConnection::repliesAllowed()
{
    Limits limits;
    limits.datagramReplyBytes = 65'527;
    TestConnection peer(Connection::Passive, limits);
    peer.send(65'507);
    peer.connection->flush();
    QCOMPARE(peer.device->sent.size(), 1);
}

void tst_DatagramConnection::sizeOfReplies()
{
    TestConnection peer;
    peer.queue.begin().writeRaw(QByteArray(1024, 'x'));
    QCOMPARE(peer.connection->sizeProblem(), QString());
    peer.queue.rollback();
    peer.queue.begin().writeRaw(QByteArray(1025, 'x'));
    const QString problem = peer.connection->sizeProblem();
    QVERIFY2(problem.contains(QStringLiteral("1025")) && problem.contains(QStringLiteral("1024")),
             qPrintable(problem));
    peer.queue.rollback();
}

void tst_DatagramConnection::oneDatagramForEachMessage()
{
    TestConnection client(Connection::Active, {}, QStringLiteral("127.0.0.1"), {{0}, {1}});
    client.send(3);
    client.send(4);
    QTRY_COMPARE(client.device->sent.size(), 2);
    QCOMPARE(client.device->sent.at(0), QByteArray::fromHex("93040001") + "xxx");
    QCOMPARE(client.device->sent.at(1), QByteArray::fromHex("93040001") + "xxxx");
    QCOMPARE(client.connection->bytesToWrite(), 0);
}

void tst_DatagramConnection::pausedDropsRequests()
{
    TestConnection peer;
    peer.connection->setReadingPaused(true);
    expectDrop();
    peer.device->arrive(Poke);
    peer.device->arrive(QByteArray::fromHex("940101c0c0"));
    QCOMPARE(peer.received, QList<int>({Message::Response}));
    peer.connection->setReadingPaused(false);
    peer.device->arrive(Poke);
    QCOMPARE(peer.received, QList<int>({Message::Response, Message::Notify}));
    QCOMPARE(peer.connection->datagramsDropped(), 1u);
}

void tst_DatagramConnection::optionFromTheAcceptingSide()
{
    TestConnection client(Connection::Active);
    expectDrop();
    client.device->arrive(QByteArray::fromHex("93040001") + Poke);
    QVERIFY(client.received.isEmpty());
    QCOMPARE(client.connection->datagramsDropped(), 1u);
}

void tst_DatagramConnection::systemTakesNothing()
{
    TestConnection client(Connection::Active);
    client.device->takes = false;
    expectDrop();
    client.send(3);
    QTRY_COMPARE(client.connection->datagramsDropped(), 1u);
    client.device->takes = true;
    client.send(3);
    QTRY_COMPARE(client.device->sent.size(), 1);
}

void tst_DatagramConnection::releaseWithinAMessage()
{
    TestConnection peer;
    peer.onMessage = [&] { peer.connection->release(); };
    QPointer<DatagramConnection> connection = peer.connection;
    peer.device->arrive(Poke);
    QVERIFY(connection);
    QVERIFY(!connection->isOpen());
    peer.connection = nullptr;
    QTRY_VERIFY(!connection);
}

QTEST_GUILESS_MAIN(tst_DatagramConnection)
#include "tst_datagramconnection.moc"
