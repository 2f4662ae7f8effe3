// SPDX-License-Identifier: Apache-2.0
#include "transport/memorydevice_p.h"
#include "transport/transport_p.h"

#include "wire/wiremessages.h"

#include <QtCore/QUrl>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace MsgpackRpc;
using namespace WireMessages;

class tst_MemoryDevice : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void passesBytes();
    void tellsFromTheEventLoop();
    void holdsBack();
    void writesWithoutEnd();
    void waitForBytesWritten();
    void closing();
    void closingBeforeItIsRead();
    void destroyed();
    void listens();
    void names();
    void nobody();
    void paused();
    void deletedWhileOffering();
};

namespace {

QUrl url(const char *name)
{
    return QUrl(QLatin1String("memory:") + QLatin1String(name));
}

} // namespace

void tst_MemoryDevice::passesBytes()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    QCOMPARE(a->objectName(), QStringLiteral("memory:name"));
    QVERIFY(a->isSequential() && a->isOpen());
    QCOMPARE(a->write("hello"), 5);
    QCOMPARE(b->bytesAvailable(), 5);
    QCOMPARE(b->read(2), QByteArray("he"));
    QCOMPARE(b->readAll(), QByteArray("llo"));
    QCOMPARE(b->readAll(), QByteArray());
    QCOMPARE(b->write("back"), 4);
    QCOMPARE(a->readAll(), QByteArray("back"));
}

void tst_MemoryDevice::tellsFromTheEventLoop()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    QSignalSpy readyRead(b.get(), &QIODevice::readyRead);
    QSignalSpy written(a.get(), &QIODevice::bytesWritten);
    a->write("one");
    a->write("two");
    QVERIFY(readyRead.isEmpty() && written.isEmpty());
    QTRY_COMPARE(readyRead.size(), 1);
    QTRY_VERIFY(!written.isEmpty());
    qint64 size = 0;
    for (const QList<QVariant> &arguments : written)
        size += arguments.first().toLongLong();
    QCOMPARE(size, 6);
    a->write("three");
    QTRY_COMPARE(readyRead.size(), 2);
}

void tst_MemoryDevice::holdsBack()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    const QByteArray bytes = noise(MemoryDevice::Capacity + 1000);
    QCOMPARE(a->write(bytes), bytes.size());
    QCOMPARE(a->bytesToWrite(), 1000);
    QCOMPARE(b->bytesAvailable(), MemoryDevice::Capacity);
    QByteArray read = b->read(500);
    QCOMPARE(a->bytesToWrite(), 500);
    read += b->readAll();
    read += b->readAll();
    QVERIFY(read == bytes);
    QCOMPARE(a->bytesToWrite(), 0);
}

void tst_MemoryDevice::writesWithoutEnd()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    const QByteArray bytes(MemoryDevice::Capacity, 'x');
    qint64 taken = 0;
    for (int i = 0; i < 10; ++i)
        taken += a->write(bytes);
    QCOMPARE(taken, 3 * MemoryDevice::Capacity);
    QCOMPARE(a->write(bytes), 0);
    QSignalSpy written(a.get(), &QIODevice::bytesWritten);
    QCOMPARE(b->read(100).size(), 100);
    QTRY_VERIFY(!written.isEmpty());
    QCOMPARE(a->write(bytes), 100);
}

void tst_MemoryDevice::waitForBytesWritten()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    QVERIFY(!a->waitForBytesWritten(1000));
    a->write(QByteArray(MemoryDevice::Capacity + 1, 'x'));
    QVERIFY(!a->waitForBytesWritten(1000));
    b->read(1);
    QCOMPARE(a->bytesToWrite(), 0);
}

void tst_MemoryDevice::closing()
{
    const auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    QSignalSpy finished(b.get(), &QIODevice::readChannelFinished);
    a->close();
    a->close();
    QVERIFY(finished.isEmpty());
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(b->write("x"), -1);
    QVERIFY(!b->errorString().isEmpty());
    char c;
    QCOMPARE(b->read(&c, 1), -1);
}

void tst_MemoryDevice::closingBeforeItIsRead()
{
    auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    a->write("last");
    a.reset();
    QSignalSpy finished(b.get(), &QIODevice::readChannelFinished);
    QTRY_COMPARE(finished.size(), 1);
    QCOMPARE(b->readAll(), QByteArray("last"));
    char c;
    QCOMPARE(b->read(&c, 1), -1);
}

void tst_MemoryDevice::destroyed()
{
    auto [a, b] = MemoryDevice::makePair(QStringLiteral("name"));
    a->write("x");
    b->write("y");
    b.reset();
    QCoreApplication::processEvents();
    QCOMPARE(a->readAll(), QByteArray("y"));
    QCOMPARE(a->write("x"), -1);
    a.reset();
    QCoreApplication::processEvents();
}

void tst_MemoryDevice::listens()
{
    std::vector<std::unique_ptr<QIODevice>> accepted;
    MemoryListener listener;
    listener.setAcceptor(
            [&](std::unique_ptr<QIODevice> device) { accepted.push_back(std::move(device)); });
    QVERIFY(listener.listen(url("here")));
    QCOMPARE(listener.url(), url("here"));
    const auto first = MemoryListener::connectTo(QStringLiteral("here"));
    const auto second = MemoryListener::connectTo(QStringLiteral("here"));
    QVERIFY(first && second);
    QCOMPARE(accepted.size(), size_t(2));
    first->write("1");
    second->write("2");
    QCOMPARE(accepted[0]->readAll(), QByteArray("1"));
    QCOMPARE(accepted[1]->readAll(), QByteArray("2"));
    listener.close();
    QVERIFY(!MemoryListener::connectTo(QStringLiteral("here")));
    first->write("3");
    QCOMPARE(accepted[0]->readAll(), QByteArray("3"));
}

void tst_MemoryDevice::names()
{
    QString why;
    QVERIFY(!Listener::create(url(""), TransportSettings(), &why));
    QVERIFY(!why.isEmpty());
    MemoryListener first;
    QVERIFY(first.listen(url("name")));
    {
        MemoryListener second;
        QVERIFY(!second.listen(url("name")));
        QVERIFY(!second.error().isEmpty());
        QVERIFY(second.listen(url("other")));
    }
    // The one that could not listen has not ended the one that does.
    first.setAcceptor([](std::unique_ptr<QIODevice>) {});
    QVERIFY(MemoryListener::connectTo(QStringLiteral("name")));
    QVERIFY(!MemoryListener::connectTo(QStringLiteral("other")));
    first.close();
    MemoryListener third;
    QVERIFY(third.listen(url("name")));
}

void tst_MemoryDevice::nobody()
{
    QVERIFY(!MemoryListener::connectTo(QStringLiteral("nobody")));
}

void tst_MemoryDevice::paused()
{
    std::vector<std::unique_ptr<QIODevice>> accepted;
    MemoryListener listener;
    listener.setAcceptor([&](std::unique_ptr<QIODevice> device) {
        accepted.push_back(std::move(device));
        listener.setPaused(accepted.size() == 1); // enough for now
    });
    QVERIFY(listener.listen(url("paused")));
    listener.setPaused(true);
    std::vector<std::unique_ptr<QIODevice>> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(MemoryListener::connectTo(QStringLiteral("paused")));
        clients.back()->write(QByteArray::number(i));
    }
    QCOMPARE(accepted.size(), size_t(0));
    listener.setPaused(false);
    QCOMPARE(accepted.size(), size_t(1));
    listener.setPaused(false);
    QCOMPARE(accepted.size(), size_t(3));
    for (int i = 0; i < 3; ++i)
        QCOMPARE(accepted[size_t(i)]->readAll(), QByteArray::number(i));
}

void tst_MemoryDevice::deletedWhileOffering()
{
    auto listener = std::make_unique<MemoryListener>();
    int offered = 0;
    listener->setAcceptor([&](std::unique_ptr<QIODevice>) {
        ++offered;
        listener.reset();
    });
    QVERIFY(listener->listen(url("deleted")));
    listener->setPaused(true);
    const auto first = MemoryListener::connectTo(QStringLiteral("deleted"));
    const auto second = MemoryListener::connectTo(QStringLiteral("deleted"));
    listener->setPaused(false);
    QCOMPARE(offered, 1);
    QVERIFY(listener == nullptr);
    QVERIFY(!MemoryListener::connectTo(QStringLiteral("deleted")));
}

QTEST_GUILESS_MAIN(tst_MemoryDevice)

#include "tst_memorydevice.moc"
