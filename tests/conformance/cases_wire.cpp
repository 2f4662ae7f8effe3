// SPDX-License-Identifier: Apache-2.0

// What only bytes can say: messages in pieces and together, forms that this library does not write,
// and what must cost no more than a connection.
#include "run.h"

#include <QtCore/QProcess>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QSslSocket>

using MsgpackRpc::Reader;

namespace Conformance {

namespace {

/// A plain connection to the server, without this library, and the messages that come over it.
class Wire
{
public:
    explicit Wire(Run &run) : m_run(run)
    {
        const QUrl url = run.settings().url;
        if (!run.settings().program.isEmpty())
            start(run.settings().program);
        else if (url.scheme() == QLatin1String("tcp"))
            connectTcp(url);
        else if (url.scheme() == QLatin1String("tls"))
            connectTls(url);
        else if (url.scheme() == QLatin1String("local"))
            connectLocal(url);
        else
            throw Skipped{QStringLiteral("for streams to another process only")};
    }
    ~Wire()
    {
        if (m_process.state() == QProcess::NotRunning)
            return;
        m_process.kill();
        m_process.waitForFinished();
    }

    void send(const QByteArray &hex) { write(QByteArray::fromHex(hex)); }
    /// Each byte in a write of its own.
    void sendBytewise(const QByteArray &hex)
    {
        for (const char byte : QByteArray::fromHex(hex))
            write(QByteArray(1, byte));
    }
    /// The next byte that comes, which stays.
    char peek()
    {
        while (m_buffer.isEmpty())
            readMore();
        return m_buffer.front();
    }
    /// The next message that comes.
    QByteArray receive()
    {
        for (;;) {
            Reader reader(m_buffer);
            QByteArrayView message;
            if (reader.readRaw(message)) {
                const QByteArray bytes = message.toByteArray();
                m_buffer.remove(0, bytes.size());
                return bytes;
            }
            readMore();
        }
    }
    /// Checks that the next message is the response \a id with \a result and without an error.
    template<typename T>
    void expect(quint32 id, const T &result)
    {
        const RawValue got{receive()};
        const RawValue expected =
                RawValue::of(std::tuple(1, id, nullptr, result), MsgpackRpc::WireFormat::Modern);
        const QString wrong = difference(expected, got, true);
        m_run.check(wrong.isEmpty(), QStringLiteral("the response: %1").arg(wrong));
    }
    /// Checks that the next message is the response \a id with an error.
    void expectError(quint32 id)
    {
        const QByteArray bytes = receive();
        Reader reader(bytes);
        quint32 count = 0;
        quint64 type = 0;
        quint64 msgid = 0;
        const bool isResponse = reader.readArray(count) && count == 4 && reader.readUnsigned(type)
                                && type == 1 && reader.readUnsigned(msgid) && msgid == id;
        m_run.check(isResponse && reader.kind() != Reader::Nil,
                    QStringLiteral("no error but %1").arg(QLatin1String(bytes.toHex().left(80))));
    }

private:
    qint64 patience() const
    {
        return std::min(m_run.remaining(), m_run.settings().timeout).count();
    }
    void connectTcp(const QUrl &url)
    {
        m_tcp.connectToHost(url.host(), quint16(url.port()));
        m_run.check(m_tcp.waitForConnected(int(patience())), m_tcp.errorString());
        m_tcp.setSocketOption(QAbstractSocket::LowDelayOption, 1);
        m_device = &m_tcp;
    }
    void connectTls(const QUrl &url)
    {
        m_tcp.setSslConfiguration(m_run.settings().tls);
        m_tcp.connectToHostEncrypted(url.host(), quint16(url.port()));
        m_run.check(m_tcp.waitForEncrypted(int(patience())), m_tcp.errorString());
        m_tcp.setSocketOption(QAbstractSocket::LowDelayOption, 1);
        m_device = &m_tcp;
    }
    void connectLocal(const QUrl &url)
    {
        m_local.connectToServer(url.path());
        m_run.check(m_local.waitForConnected(int(patience())), m_local.errorString());
        m_device = &m_local;
    }
    void start(const QStringList &program)
    {
        m_process.start(program.constFirst(), program.mid(1));
        m_run.check(m_process.waitForStarted(int(patience())), m_process.errorString());
        m_device = &m_process;
    }
    void write(const QByteArray &bytes)
    {
        m_device->write(bytes);
        bool isOpen = true;
        while (isOpen && m_device->bytesToWrite() + m_tcp.encryptedBytesToWrite() > 0)
            isOpen = m_device->waitForBytesWritten(int(patience()));
        m_run.check(isOpen, m_device->errorString());
    }
    void readMore()
    {
        const bool isReadable =
                m_device->bytesAvailable() > 0 || m_device->waitForReadyRead(int(patience()));
        m_run.check(isReadable, QStringLiteral("no answer: %1").arg(m_device->errorString()));
        m_buffer += m_device->readAll();
    }

    Run &m_run;
    QSslSocket m_tcp; // encrypted or not
    QLocalSocket m_local;
    QProcess m_process;
    QIODevice *m_device = nullptr; // one of them
    QByteArray m_buffer;
};

const QByteArray EchoHello = "940000a46563686f91a568656c6c6f"; // [0, 0, "echo", ["hello"]]
const QByteArray Add = "940007a3616464920102"; // [0, 7, "add", [1, 2]]
const QString Hello = QStringLiteral("hello");

void split(Run &run)
{
    Wire wire(run);
    wire.sendBytewise(EchoHello);
    wire.expect(0, Hello);
    wire.sendBytewise(Add + EchoHello);
    wire.expect(7, 3);
    wire.expect(0, Hello);
}

void joined(Run &run)
{
    Wire wire(run);
    wire.send("9302a4706f6b6590" + EchoHello + Add
              + EchoHello.left(10)); // and the beginning of one
    wire.expect(0, Hello);
    wire.expect(7, 3);
    wire.send(EchoHello.mid(10));
    wire.expect(0, Hello);
}

void largestId(Run &run)
{
    Wire wire(run);
    wire.send("9400ceffffffffa46563686f91a568656c6c6f");
    wire.expect(0xffffffff, Hello);
    wire.send("9400ce80000000a46563686f91a568656c6c6f");
    wire.expect(0x80000000, Hello);
}

void longForms(Run &run)
{
    Wire wire(run);
    // The same request with each header in its longest form.
    wire.send("dd00000004d300000000000000 00d300000000000000 07db000000036164 "
              "64dd00000002d3000000000000000101");
    wire.expect(7, 2);
}

void binaryName(Run &run)
{
    Wire wire(run);
    wire.send("940007c403616464920102");
    wire.expect(7, 3);
}

void raw16(Run &run)
{
    Wire wire(run);
    const QByteArray text(32, 'a');
    wire.send("940000a46563686f91da0020" + text.toHex());
    wire.expect(0, QString::fromLatin1(text));
}

void unanswered(Run &run)
{
    Wire wire(run);
    wire.send("9302a4706f6b6591019302a4706f6b65929201c0c2"); // poke(1), poke([1, nil], false)
    wire.send("9302a46e6f706590"); // nope(), which there is not
    wire.send("9302a36164649101"); // add(1), too few
    wire.send(Add);
    wire.expect(7, 3); // and nothing before it
}

void lateOption(Run &run)
{
    run.needOptions();
    Wire wire(run);
    wire.send(EchoHello);
    wire.expect(0, Hello);
    wire.send("93040001" + EchoHello);
    run.check(wire.peek() == 'x', QStringLiteral("the answer is not compressed"));
}

void compressedAnswer(Run &run)
{
    run.needOptions();
    Wire wire(run);
    wire.send("93040001" + EchoHello);
    run.check(wire.peek() == 'x', QStringLiteral("the answer is not compressed"));
}

void emptyOption(Run &run)
{
    run.needOptions();
    Wire wire(run);
    wire.send("93040000" + EchoHello);
    wire.expect(0, Hello);
}

void sessionIgnored(Run &run)
{
    run.needOptions();
    Wire wire(run);
    wire.send(EchoHello + "9203c40600007f000001" + Add); // a SESSION that is not the first message
    wire.expect(0, Hello);
    wire.expect(7, 3);
}

void unknownName(Run &run)
{
    Wire wire(run);
    wire.send("940005a46e6f706590");
    wire.expectError(5);
    wire.send(Add);
    wire.expect(7, 3);
}

// What a server must survive: a connection may close, others go on.
void badBytes(Run &run)
{
    run.checkAlive(QStringLiteral("at first"));
    constexpr const char *Bad[] = {
            "c1", // no MessagePack
            "01", // not an array
            "90", // an empty one
            "920901", // an unknown type
            "9400", // half a message
            "94010ac0c0", // an answer that nobody waits for
            "93000102", // a request that is too short
            "94000101a3616464", // arguments that are no array
            "dfffffffff", // a map of 4 billion
            "789c0000", // compressed without asking
    };
    for (const char *bytes : Bad) {
        Wire(run).send(bytes);
        run.checkAlive(
                QStringLiteral("after the bytes %1 from elsewhere").arg(QLatin1String(bytes)));
    }
}

} // namespace

QList<Case> wireCases()
{
    return {
            {"wire-split", "requests that come byte by byte", split},
            {"wire-joined", "several messages, and half of one, at once", joined},
            {"wire-msgid-max", "ids up to 2^32-1", largestId},
            {"wire-long-forms", "every header longer than needed", longForms},
            {"wire-bin-name", "a method name as bin", binaryName},
            {"wire-raw16", "a short text with a 16-bit length", raw16},
            {"wire-notify", "no notification is answered, not even a wrong one", unanswered},
            {"wire-unknown-method", "exactly one error for an unknown method", unknownName},
            {"wire-option-rx", "the answer is compressed when asked for", compressedAnswer},
            {"wire-option-late", "the same after a plain call", lateOption},
            {"wire-option-empty", "an OPTION that asks for nothing", emptyOption},
            {"wire-session", "a late SESSION is ignored", sessionIgnored},
            {"wire-bad-bytes", "garbage costs a connection, not the server", badBytes},
    };
}

} // namespace Conformance
