// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/streamconnection_p.h"
#include "wire/deflate_p.h"
#include "wire/wiremessages.h"

#include <QtCore/QIODevice>
#include <QtCore/QList>
#include <QtCore/QPointer>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

/// \file
/// What the tests of connections share.

/// A stream whose other end is the test: gives what it is told to in the pieces it is told to, and
/// takes as much as it is told to.
class TestDevice : public QIODevice
{
    Q_OBJECT

public:
    TestDevice() { open(ReadWrite | Unbuffered); }

    /// Arrives now.
    void deliver(const QByteArray &bytes)
    {
        input.append(bytes);
        Q_EMIT readyRead();
    }
    /// The other end closes.
    void finish()
    {
        isFinished = true;
        setErrorString(QStringLiteral("finished by the test"));
        Q_EMIT readChannelFinished();
    }
    /// Takes \a size bytes more, or sends so many of those that it holds.
    void makeRoom(qint64 size)
    {
        room = size;
        held = std::max<qint64>(held - size, 0);
        Q_EMIT bytesWritten(size);
    }

    /// Everything that was written.
    QByteArray written() const { return writes.join(); }

    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override { return input.size() + QIODevice::bytesAvailable(); }
    qint64 bytesToWrite() const override { return held; }
    bool waitForBytesWritten(int) override { return onWait && onWait(); }

    QByteArray input;
    QList<QByteArray> writes; ///< one for each write()
    qint64 mostPerRead = std::numeric_limits<qint64>::max();
    qint64 mostPerWrite = std::numeric_limits<qint64>::max();
    qint64 room = std::numeric_limits<qint64>::max(); ///< bytes that it takes in all
    qint64 held = 0; ///< bytes that it says it holds
    bool holds = false; ///< whether it holds what it takes
    bool failsOnWrite = false;
    bool isFinished = false;
    std::function<void()> onRead; ///< called within each read
    std::function<bool()> onWait; ///< waitForBytesWritten()

protected:
    qint64 readData(char *data, qint64 maxSize) override
    {
        if (onRead)
            onRead();
        const qint64 size = std::min({maxSize, mostPerRead, qint64(input.size())});
        if (size == 0)
            return isFinished ? -1 : 0;
        std::memcpy(data, input.constData(), size_t(size));
        input.remove(0, size);
        return size;
    }
    qint64 writeData(const char *data, qint64 size) override
    {
        if (failsOnWrite) {
            setErrorString(QStringLiteral("refused by the test"));
            return -1;
        }
        const qint64 taken = std::min({size, mostPerWrite, room});
        room -= taken;
        if (holds)
            held += taken;
        if (taken > 0)
            writes.append(QByteArray(data, taken));
        return taken;
    }
};

/// A connection over a TestDevice, or over another one, and what it tells.
class TestConnection : public MsgpackRpc::ConnectionHandler
{
public:
    explicit TestConnection(
            MsgpackRpc::StreamConnection::Role role = MsgpackRpc::StreamConnection::Passive,
            const MsgpackRpc::Limits &limits = {}, std::unique_ptr<QIODevice> other = {})
    {
        if (!other)
            other = std::make_unique<TestDevice>();
        device = qobject_cast<TestDevice *>(other.get());
        connection = new MsgpackRpc::StreamConnection(std::move(other), role, limits, queue, *this);
    }
    virtual ~TestConnection() { release(); }

    /// Ends the connection, as its owner does.
    void release()
    {
        device = nullptr;
        if (connection)
            std::exchange(connection, nullptr)->release();
    }
    /// Sends \a message at the end of the turn.
    void send(const QByteArray &message)
    {
        queue.begin().writeRaw(message);
        queue.commit();
        connection->outputAdded();
    }

    void messageReceived(MsgpackRpc::Message &message) override
    {
        const QByteArray name = message.method.isNumber ? QByteArray::number(message.method.number)
                                                        : message.method.name.toByteArray();
        received.append(message.type == MsgpackRpc::Message::Response
                                ? "answer " + QByteArray::number(message.msgid)
                                : name);
        if (onMessage)
            onMessage(received.last());
    }
    void connectionClosed(const MsgpackRpc::Error &reason) override
    {
        closed.append(reason);
        release();
        if (onClosed)
            onClosed();
    }
    void outputDrained() override
    {
        ++drained;
        if (onDrained)
            onDrained();
    }

    MsgpackRpc::OutputQueue queue;
    TestDevice *device = nullptr;
    MsgpackRpc::StreamConnection *connection = nullptr; ///< null once it has ended
    QList<QByteArray> received; ///< method names, or "answer" and the msgid
    QList<MsgpackRpc::Error> closed;
    int drained = 0;
    std::function<void(const QByteArray &)> onMessage;
    std::function<void()> onClosed;
    std::function<void()> onDrained;
};

/// Compressed messages as a peer sends them.
inline QByteArray compressed(MsgpackRpc::Deflater &deflater, const QByteArray &message)
{
    deflater.write(message.constData(), message.size());
    deflater.flush();
    return std::exchange(deflater.output(), QByteArray());
}

/// \overload
inline QByteArray compressed(MsgpackRpc::Deflater &deflater, const QList<QByteArray> &messages)
{
    QByteArray all;
    for (const QByteArray &message : messages)
        all += compressed(deflater, message);
    return all;
}

/// What \a bytes decompress to; "bad" if they do not.
inline QByteArray decompressed(const QByteArray &bytes)
{
    MsgpackRpc::Inflater inflater;
    inflater.add(bytes);
    QByteArray all;
    char part[4096];
    for (;;) {
        const qsizetype size = inflater.read(part, sizeof part);
        if (size < 0)
            return "bad";
        if (size == 0)
            return all;
        all.append(part, size);
    }
}

/// A notification without arguments.
inline QByteArray poke(const QByteArray &method)
{
    MsgpackRpc::Writer writer;
    writer.writeArray(3);
    writer.writeUnsigned(2);
    writer.writeString(QByteArrayView(method));
    writer.writeArray(0);
    return writer.bytes();
}
