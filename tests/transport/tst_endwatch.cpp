// SPDX-License-Identifier: Apache-2.0
#include "transport/endwatch_p.h"

#include "transport/forwardingdevice_p.h"
#include "transport/pipedevice_p.h"

#include <QtCore/QBuffer>
#include <QtCore/QCoreApplication>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <unistd.h>

using MsgpackRpc::EndWatch;
using MsgpackRpc::ForwardingDevice;
using MsgpackRpc::PipeDevice;

// That the peer has ended the stream is heard, although nobody reads what it has sent before.
class tst_EndWatch : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void pipe();
    void socket_data();
    void socket();
    void afterwards();
    void noDescriptor();
    void deletedInItsCall();
    void deviceClosedFirst();
};

void tst_EndWatch::pipe()
{
    PipeDevice::Pipes pipes = PipeDevice::makePipes();
    int ended = 0;
    const auto watch = EndWatch::begin(pipes.device.get(), [&] { ++ended; });
    QVERIFY(watch != nullptr);
    QCOMPARE(::write(pipes.output, "abc", 3), ssize_t(3));
    QTRY_COMPARE(pipes.device->bytesAvailable(), 3);
    QCOMPARE(ended, 0);
    PipeDevice::closeDescriptor(pipes.output);
    QTRY_COMPARE(ended, 1);
    QCoreApplication::processEvents();
    QCOMPARE(ended, 1);
    QCOMPARE(pipes.device->readAll(), QByteArray("abc"));
    PipeDevice::closeDescriptor(pipes.input);
}

void tst_EndWatch::socket_data()
{
    QTest::addColumn<bool>("isForwarded");
    QTest::newRow("itself") << false;
    QTest::newRow("within another device") << true;
}

void tst_EndWatch::socket()
{
    QFETCH(const bool, isForwarded);
    QTcpServer server;
    QVERIFY(server.listen(QHostAddress::LocalHost));
    QTcpSocket socket;
    socket.setReadBufferSize(10); // which is full, so that the socket does not look any more
    socket.connectToHost(QHostAddress::LocalHost, server.serverPort());
    QVERIFY(socket.waitForConnected(30'000) && server.waitForNewConnection(30'000));
    QTcpSocket *const peer = server.nextPendingConnection();
    ForwardingDevice forwarding(&socket);
    int ended = 0;
    const auto watch = EndWatch::begin(
            isForwarded ? static_cast<QIODevice *>(&forwarding) : &socket, [&] { ++ended; });
    QVERIFY(watch != nullptr);
    peer->write(QByteArray(1'000, 'x'));
    QTRY_COMPARE(socket.bytesAvailable(), 10);
    QCOMPARE(ended, 0);
    peer->close();
    QTRY_COMPARE(ended, 1);
    QCOMPARE(socket.state(), QAbstractSocket::ConnectedState);
}

// Who begins to watch when it is over hears of it all the same.
void tst_EndWatch::afterwards()
{
    PipeDevice::Pipes pipes = PipeDevice::makePipes();
    PipeDevice::closeDescriptor(pipes.output);
    int ended = 0;
    const auto watch = EndWatch::begin(pipes.device.get(), [&] { ++ended; });
    QVERIFY(watch != nullptr);
    QCOMPARE(ended, 0);
    QTRY_COMPARE(ended, 1);
    PipeDevice::closeDescriptor(pipes.input);
}

void tst_EndWatch::noDescriptor()
{
    QBuffer buffer;
    QVERIFY(EndWatch::begin(&buffer, [] {}) == nullptr);
    QTcpSocket closed;
    QVERIFY(EndWatch::begin(&closed, [] {}) == nullptr);
}

void tst_EndWatch::deletedInItsCall()
{
    PipeDevice::Pipes pipes = PipeDevice::makePipes();
    std::unique_ptr<EndWatch> watch;
    bool hasEnded = false;
    watch = EndWatch::begin(pipes.device.get(), [&] {
        watch.reset();
        hasEnded = true;
    });
    PipeDevice::closeDescriptor(pipes.output);
    QTRY_VERIFY(hasEnded);
    PipeDevice::closeDescriptor(pipes.input);
}

// What has the number of the device's descriptor by then is watched on.
void tst_EndWatch::deviceClosedFirst()
{
    PipeDevice::Pipes first = PipeDevice::makePipes();
    const int descriptor = first.device->inputDescriptor();
    auto watch = EndWatch::begin(first.device.get(), [] {});
    PipeDevice::closeDescriptor(first.output);
    PipeDevice::closeDescriptor(first.input);
    first.device->close();

    PipeDevice::Pipes second = PipeDevice::makePipes();
    QVERIFY(second.device->inputDescriptor() == descriptor || second.input == descriptor
            || second.output == descriptor);
    QVERIFY(::dup2(second.device->inputDescriptor(), descriptor) == descriptor);
    QString why;
    const auto set = MsgpackRpc::EpollSet::current(&why);
    struct Client final : MsgpackRpc::EpollClient
    {
        void ready(quint32) override { ++told; }
        int told = 0;
    } client;
    QVERIFY(set->add(descriptor, &client));
    QCoreApplication::processEvents();
    const int before = client.told;
    watch.reset();
    QCOMPARE(::write(second.output, "x", 1), ssize_t(1));
    QTRY_VERIFY(client.told > before);
    set->remove(descriptor, &client);
    PipeDevice::closeDescriptor(second.output);
    PipeDevice::closeDescriptor(second.input);
}

QTEST_GUILESS_MAIN(tst_EndWatch)
#include "tst_endwatch.moc"
