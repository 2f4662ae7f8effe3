// SPDX-License-Identifier: Apache-2.0

// A connection over a stream: messages, OPTION and compression. The same bytes in one piece and in many are the same
// messages and the same end.
#include "fuzz.h"

#include "transport/streamconnection_p.h"
#include "wire/deflate_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QIODevice>

#include <cstring>
#include <memory>

using namespace MsgpackRpc;

namespace {

class Device final : public QIODevice
{
public:
    Device() { open(ReadWrite | Unbuffered); }
    void deliver(QByteArrayView bytes)
    {
        m_input.append(bytes.data(), bytes.size());
        Q_EMIT readyRead();
    }
    void finish()
    {
        m_isFinished = true;
        Q_EMIT readChannelFinished();
    }
    bool isSequential() const override { return true; }

protected:
    qint64 readData(char *data, qint64 maxSize) override
    {
        const qsizetype size = std::min<qsizetype>(maxSize, m_input.size() - m_position);
        if (size == 0)
            return m_isFinished ? -1 : 0;
        std::memcpy(data, m_input.constData() + m_position, size_t(size));
        m_position += size;
        return size;
    }
    qint64 writeData(const char *, qint64 size) override { return size; }

private:
    QByteArray m_input;
    qsizetype m_position = 0;
    bool m_isFinished = false;
};

// How one side of a connection is set up.
struct Setup
{
    Connection::Role role = Connection::Passive;
    TransportOption accepted;
    ExchangeOption asked; // by an active side
    Limits limits;
};

// Notes what comes, and answers requests.
class Recorder final : public ConnectionHandler
{
public:
    explicit Recorder(const Setup &setup)
    {
        auto device = std::make_unique<Device>();
        m_device = device.get();
        m_connection =
                new StreamConnection(std::move(device), setup.role, setup.limits, m_queue, *this);
        m_connection->setAcceptedOptions(setup.accepted);
        if (setup.role == Connection::Active)
            m_connection->sendOption(setup.asked);
    }
    virtual ~Recorder()
    {
        if (m_connection != nullptr)
            m_connection->release();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        QCoreApplication::processEvents(); // a turn of the event loop
    }
    void deliver(QByteArrayView bytes)
    {
        if (m_connection != nullptr)
            m_device->deliver(bytes);
        QCoreApplication::sendPostedEvents();
    }
    void finish()
    {
        if (m_connection != nullptr)
            m_device->finish();
        QCoreApplication::sendPostedEvents();
        Fuzz::require(m_connection == nullptr, "it ends when the peer does");
    }
    void messageReceived(Message &message) override
    {
        Fuzz::require(message.fault != Message::Fatal, "a fatal message ends the connection");
        const bool isCall = message.type == Message::Request || message.type == Message::Notify;
        notes += char('0' + message.type);
        notes += char('0' + message.fault);
        if (isCall && message.fault == Message::None)
            notes += (message.method.isNumber ? QByteArray::number(message.method.number)
                                              : message.method.name.toByteArray())
                     + ' ' + message.params.toByteArray();
        if (message.type == Message::Response && message.fault == Message::None)
            notes += message.result.toByteArray();
        notes += '\n';
        if (message.type != Message::Request)
            return;
        m_queue.begin().writeRaw(QByteArray::fromHex("940101c0c0"));
        m_queue.commit(true);
        m_connection->outputAdded();
    }
    void connectionClosed(const Error &reason) override
    {
        notes += "closed " + QByteArray::number(reason.code());
        std::exchange(m_connection, nullptr)->release();
    }
    void outputDrained() override {}

    QByteArray notes;

private:
    OutputQueue m_queue;
    Device *m_device = nullptr;
    StreamConnection *m_connection = nullptr;
};

// Parts of the input in the clear, and then parts that are compressed as one stream: changes of compressed bytes seldom
// leave a stream that inflates.
QByteArray compressedFrom(Fuzz::Input input)
{
    const quint8 plain = input.byte();
    QByteArray bytes = input.take(plain).toByteArray();
    Deflater deflater;
    while (!input.isEmpty()) {
        const QByteArrayView part = input.take(1 + input.byte());
        deflater.write(part.data(), part.size());
        deflater.flush();
    }
    return bytes + deflater.output();
}

QByteArray record(const Setup &setup, QByteArrayView bytes, qsizetype mostAtOnce, quint8 seed)
{
    Recorder recorder(setup);
    Fuzz::Cuts cuts(seed);
    for (qsizetype at = 0; at < bytes.size();) {
        const qsizetype size = std::min(cuts.next(mostAtOnce), bytes.size() - at);
        recorder.deliver(bytes.sliced(at, size));
        at += size;
    }
    recorder.finish();
    return recorder.notes;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static QCoreApplication app(*argc, *argv);
    Fuzz::beQuiet();
    static const std::shared_ptr<Turn> turn = Turn::current(); // keeps the buffers of this thread
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz::Input input(data, size);
    const quint8 choice = input.byte();
    const quint8 seed = input.byte();
    Setup setup;
    setup.role = (choice & 1) != 0 ? Connection::Active : Connection::Passive;
    setup.accepted = (choice & 2) != 0 ? TransportOption(TransportOption::RxDeflate)
                                       : TransportOption(TransportOption::Deflate);
    setup.asked.rx.flags = (choice & 4) != 0 ? StreamOption::DeflateFlag : 0;
    if ((choice & 8) != 0) {
        setup.limits.messageBytes = 200;
        setup.limits.inflatedBytes = 100;
        setup.limits.depth = 4;
    }
    const QByteArray bytes =
            (choice & 16) != 0 ? compressedFrom(input) : input.rest().toByteArray();
    const QByteArray whole = record(setup, bytes, 1'000'000, 0);
    const QByteArray pieces = record(setup, bytes, 1 + seed, seed);
    Fuzz::require(whole == pieces, "the same in pieces",
                  bytes.toHex() + "\n" + whole + "\nin pieces:\n" + pieces);
    return 0;
}
