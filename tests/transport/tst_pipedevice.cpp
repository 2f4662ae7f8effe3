// SPDX-License-Identifier: Apache-2.0
#include "transport/pipedevice_p.h"

#include <QtCore/QEventLoop>
#include <QtCore/QFile>
#include <QtCore/QPointer>
#include <QtCore/QTemporaryDir>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using MsgpackRpc::PipeDevice;

// The device over two descriptors; the test is at the other ends.
class tst_PipeDevice : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();
    void reads();
    void tellsOnceUntilItIsRead();
    void tellsInANestedLoop();
    void end();
    void endWithDataLeft();
    void fullPipe();
    void brokenPipe();
    void closedWithinItsSignal();
    void oneSocketForBoth();
    void regularFiles();
    void flagsAreRestored();
    void waits();

private:
    void send(const QByteArray &bytes)
    {
        QCOMPARE(::write(m_output, bytes.constData(), size_t(bytes.size())), bytes.size());
    }
    QByteArray taken()
    {
        QByteArray bytes(1'000'000, '\0');
        bytes.resize(std::max<ssize_t>(::read(m_input, bytes.data(), size_t(bytes.size())), 0));
        return bytes;
    }
    void closeOutput() { PipeDevice::closeDescriptor(std::exchange(m_output, -1)); }
    void closeInput() { PipeDevice::closeDescriptor(std::exchange(m_input, -1)); }

    std::unique_ptr<PipeDevice> m_device;
    int m_input = -1; // the test reads
    int m_output = -1; // the test writes
};

void tst_PipeDevice::init()
{
    PipeDevice::Pipes pipes = PipeDevice::makePipes();
    QVERIFY(pipes.device != nullptr);
    m_device = std::move(pipes.device);
    m_input = pipes.input;
    m_output = pipes.output;
    QVERIFY(m_input > 2 && m_output > 2);
    QVERIFY(fcntl(m_input, F_GETFD) & FD_CLOEXEC);
    QVERIFY((fcntl(m_input, F_GETFL) & O_NONBLOCK) == 0); // of the other process
}

void tst_PipeDevice::cleanup()
{
    m_device.reset();
    closeInput();
    closeOutput();
}

void tst_PipeDevice::reads()
{
    QSignalSpy ready(m_device.get(), &QIODevice::readyRead);
    QCOMPARE(m_device->readAll(), QByteArray());
    send("abc");
    QTRY_COMPARE(ready.size(), 1);
    QCOMPARE(m_device->bytesAvailable(), 3);
    QCOMPARE(m_device->read(2), QByteArray("ab"));
    QCOMPARE(m_device->read(2), QByteArray("c"));
    QCOMPARE(m_device->read(2), QByteArray());
    QCOMPARE(m_device->write("xyz"), 3);
    QCOMPARE(taken(), QByteArray("xyz"));
}

// What is not read does not keep the event loop busy.
void tst_PipeDevice::tellsOnceUntilItIsRead()
{
    QSignalSpy ready(m_device.get(), &QIODevice::readyRead);
    send("abc");
    QTRY_COMPARE(ready.size(), 1);
    send("def");
    for (int i = 0; i < 20; ++i)
        QCoreApplication::processEvents();
    QCOMPARE(ready.size(), 1);
    QCOMPARE(m_device->read(100), QByteArray("abcdef"));
    send("g");
    QTRY_COMPARE(ready.size(), 2);
}

void tst_PipeDevice::tellsInANestedLoop()
{
    QByteArray inner;
    bool isNested = false;
    connect(m_device.get(), &QIODevice::readyRead, this, [&] {
        const QByteArray bytes = m_device->read(100);
        if (std::exchange(isNested, true)) {
            inner += bytes;
            return;
        }
        send("second");
        QTRY_COMPARE(inner, QByteArray("second"));
    });
    send("first");
    QTRY_COMPARE(inner, QByteArray("second"));
}

void tst_PipeDevice::end()
{
    QSignalSpy finished(m_device.get(), &QIODevice::readChannelFinished);
    connect(m_device.get(), &QIODevice::readyRead, this, [this] { m_device->read(100); });
    closeOutput();
    QTRY_VERIFY(!finished.isEmpty());
    QCOMPARE(m_device->read(1), QByteArray());
    QVERIFY(m_device->errorString().contains(QStringLiteral("closed")));
    // It does not go on telling.
    const auto told = finished.size();
    for (int i = 0; i < 20; ++i)
        QCoreApplication::processEvents();
    QCOMPARE(finished.size(), told);
}

void tst_PipeDevice::endWithDataLeft()
{
    send("last");
    closeOutput();
    char data[10];
    QCOMPARE(m_device->read(data, 10), 4);
    QCOMPARE(m_device->read(data, 10), -1);
}

void tst_PipeDevice::fullPipe()
{
    QSignalSpy written(m_device.get(), &QIODevice::bytesWritten);
    const QByteArray large(4'000'000, 'x');
    const qint64 first = m_device->write(large);
    QVERIFY(first > 0 && first < large.size());
    QCOMPARE(m_device->write("more"), 0);
    QVERIFY(!m_device->waitForBytesWritten(0));
    for (int i = 0; i < 20; ++i)
        QCoreApplication::processEvents();
    QCOMPARE(written.size(), 0);
    QCOMPARE(taken().size(), first);
    QTRY_COMPARE(written.size(), 1);
    QCOMPARE(written.first().first().toLongLong(), first);
    QCOMPARE(m_device->write("more"), 4);
}

// An error, not a signal that ends the program.
void tst_PipeDevice::brokenPipe()
{
    closeInput();
    QCOMPARE(m_device->write("x"), -1);
    QVERIFY(!m_device->errorString().isEmpty());
}

void tst_PipeDevice::closedWithinItsSignal()
{
    connect(m_device.get(), &QIODevice::readyRead, this, [this] { m_device.reset(); });
    send("x");
    QTRY_VERIFY(m_device == nullptr);
}

void tst_PipeDevice::oneSocketForBoth()
{
    int pair[2];
    QCOMPARE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    PipeDevice device(pair[0], ::dup(pair[0]));
    QSignalSpy ready(&device, &QIODevice::readyRead);
    QCOMPARE(::write(pair[1], "abc", 3), 3);
    QTRY_COMPARE(ready.size(), 1);
    QCOMPARE(device.read(10), QByteArray("abc"));
    QCOMPARE(device.write("xyz"), 3);
    char data[10];
    QCOMPARE(::read(pair[1], data, sizeof data), 3);
    device.close();
    QCOMPARE(::read(pair[1], data, sizeof data), 0);
    ::close(pair[1]);
}

// Files may block, and are not made not to.
void tst_PipeDevice::regularFiles()
{
    QTemporaryDir folder;
    QFile input(folder.filePath(QStringLiteral("in")));
    QVERIFY(input.open(QIODevice::ReadWrite));
    input.write("from a file");
    input.flush();
    input.seek(0);
    QFile output(folder.filePath(QStringLiteral("out")));
    QVERIFY(output.open(QIODevice::ReadWrite));
    PipeDevice device(::dup(input.handle()), ::dup(output.handle()));
    QCOMPARE(fcntl(input.handle(), F_GETFL) & O_NONBLOCK, 0);
    QCOMPARE(device.read(100), QByteArray("from a file"));
    char data[10];
    QCOMPARE(device.read(data, 10), -1);
    const QByteArray large(10'000, 'x');
    qint64 written = 0;
    connect(&device, &QIODevice::bytesWritten, this,
            [&] { written += device.write(large.mid(written)); });
    written += device.write(large);
    QTRY_COMPARE(written, large.size());
    QCOMPARE(output.size(), large.size());
}

void tst_PipeDevice::flagsAreRestored()
{
    int pipe[2];
    QCOMPARE(::pipe(pipe), 0);
    {
        PipeDevice device(::dup(pipe[0]), ::dup(pipe[1]));
        QVERIFY(fcntl(pipe[0], F_GETFL) & O_NONBLOCK);
        QVERIFY(fcntl(pipe[1], F_GETFL) & O_NONBLOCK);
    }
    QCOMPARE(fcntl(pipe[0], F_GETFL) & O_NONBLOCK, 0);
    QCOMPARE(fcntl(pipe[1], F_GETFL) & O_NONBLOCK, 0);
    ::close(pipe[0]);
    ::close(pipe[1]);
}

void tst_PipeDevice::waits()
{
    QVERIFY(!m_device->waitForReadyRead(0));
    send("x");
    QVERIFY(m_device->waitForReadyRead(10'000));
    QVERIFY(m_device->waitForBytesWritten(10'000));
    m_device->close();
    QVERIFY(!m_device->waitForReadyRead(0));
    QVERIFY(!m_device->waitForBytesWritten(0));
    QCOMPARE(m_device->bytesAvailable(), 0);
}

QTEST_GUILESS_MAIN(tst_PipeDevice)

#include "tst_pipedevice.moc"
