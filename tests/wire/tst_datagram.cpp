// SPDX-License-Identifier: Apache-2.0
#include "wire/datagram_p.h"

#include <QtCore/QFile>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtTest/QTest>

using namespace MsgpackRpc;

class tst_Datagram : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void goldens_data();
    void goldens();
    void prefixes_data();
    void prefixes();
    void refused_data();
    void refused();
    void notAccepted_data();
    void notAccepted();
    void limits_data();
    void limits();
    void endedStream();
    void everyCut();
};

namespace {

const QByteArray Poke = QByteArray::fromHex("9302a4706f6b6590");
constexpr TransportOption Both(TransportOption::Deflate);

QByteArray deflated(const QByteArray &message)
{
    DatagramWriter writer({}, true);
    writer.begin();
    writer.add(message.constData(), message.size());
    return writer.finish();
}

QByteArray hex(const char *text)
{
    return QByteArray::fromHex(text);
}

} // namespace

void tst_Datagram::goldens_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<bool>("tx");
    QTest::addColumn<bool>("rx");
    QTest::newRow("none") << "udp_INFERRED_none" << false << false;
    QTest::newRow("deflate") << "udp_INFERRED_deflate" << true << true;
    QTest::newRow("tx") << "udp_INFERRED_tx_deflate" << true << false;
    QTest::newRow("rx") << "udp_INFERRED_rx_deflate" << false << true;
}

// Compressed bytes depend on zlib's version: what is written is compared by reading it.
void tst_Datagram::goldens()
{
    QFETCH(QString, name);
    QFETCH(bool, tx);
    QFETCH(bool, rx);
    QFile file(QStringLiteral(GOLDENS));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QJsonObject golden =
            QJsonDocument::fromJson(file.readAll()).object().value(name).toObject();
    const QByteArray asked = hex(golden.value(QStringLiteral("hex")).toString().toLatin1());
    const QByteArray answered = hex(golden.value(QStringLiteral("reply")).toString().toLatin1());
    const ExchangeOption option{{tx ? 1u : 0u}, {rx ? 1u : 0u}};
    const QByteArray prefix = option.isDefault() ? QByteArray() : optionMessage(option);
    const QByteArray request = hex("940000a46563686f91a568656c6c6f");
    const QByteArray response = hex("940100c0a568656c6c6f");

    DatagramWriter writer(prefix, tx);
    writer.begin();
    writer.add(request.constData(), 3);
    writer.add(request.constData() + 3, request.size() - 3);
    const QByteArray sent = writer.finish();
    QVERIFY(sent.startsWith(prefix));
    if (!tx)
        QCOMPARE(sent, asked);
    for (const QByteArray &bytes : {asked, sent}) {
        DatagramReader reader{Limits()};
        Message message;
        QCOMPARE(reader.read(bytes, message, Both), DatagramReader::Complete);
        QCOMPARE(message.type, Message::Request);
        QCOMPARE(message.msgid, 0u);
        QCOMPARE(message.method.name.toByteArray(), QByteArray("echo"));
        QCOMPARE(message.params.toByteArray(), hex("91a568656c6c6f"));
        QCOMPARE(reader.option(), option);
    }
    const QByteArray reply = rx ? deflated(response) : response;
    if (!rx)
        QCOMPARE(reply, answered);
    for (const QByteArray &bytes : {answered, reply}) {
        DatagramReader reader{Limits()};
        Message message;
        QCOMPARE(reader.read(bytes, message, TransportOption(), rx), DatagramReader::Complete);
        QCOMPARE(message.type, Message::Response);
        QCOMPARE(message.result.toByteArray(), hex("a568656c6c6f"));
    }
}

void tst_Datagram::prefixes_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("addressSize");
    QTest::addColumn<bool>("tx");
    QTest::newRow("none") << Poke << 0 << false;
    QTest::newRow("OPTION") << hex("93040001") + Poke << 0 << false;
    QTest::newRow("SESSION") << hex("9203a649707f000001") + Poke << 6 << false;
    QTest::newRow("SESSION and OPTION")
            << hex("9203a649707f00000193040100") + deflated(Poke) << 6 << true;
    QTest::newRow("announced, but plain") << hex("93040100") + Poke << 0 << true;
}

void tst_Datagram::prefixes()
{
    QFETCH(QByteArray, bytes);
    DatagramReader reader{Limits()};
    Message message;
    QCOMPARE(reader.read(bytes, message, Both), DatagramReader::Complete);
    QCOMPARE(message.method.name.toByteArray(), QByteArray("poke"));
    QTEST(int(reader.address().size()), "addressSize");
    QTEST(reader.option().tx.deflate(), "tx");
}

void tst_Datagram::refused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    const QByteArray session = hex("9203a649707f000001");
    const QByteArray option = hex("93040101");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("0xc1") << hex("c1");
    QTest::newRow("not an array") << hex("a0");
    QTest::newRow("unknown type") << hex("920901");
    QTest::newRow("wrong size") << hex("920190");
    QTest::newRow("trailing byte") << Poke + hex("c0");
    QTest::newRow("two messages") << Poke + Poke;
    QTest::newRow("OPTION alone") << option;
    QTest::newRow("SESSION alone") << session;
    QTest::newRow("OPTION first") << option + session + Poke;
    QTest::newRow("OPTION twice") << option + option + Poke;
    QTest::newRow("SESSION twice") << session + session + Poke;
    QTest::newRow("OPTION last") << Poke + option;
    QTest::newRow("unannounced") << deflated(Poke);
    QTest::newRow("announced the other way") << hex("93040001") + deflated(Poke);
    QTest::newRow("bad zlib") << option + hex("789cffffff");
    QTest::newRow("cut zlib") << option + deflated(Poke).chopped(8);
    QTest::newRow("zlib without its flush") << option + deflated(Poke).chopped(1);
    QTest::newRow("zlib of nothing") << option + deflated({});
    QTest::newRow("two in one stream") << option + deflated(Poke + Poke);
    QTest::newRow("a stream and a byte") << option + deflated(Poke) + hex("78");
    QTest::newRow("compressed OPTION") << option + deflated(option);
    QTest::newRow("compressed junk") << option + deflated(hex("c1"));
}

void tst_Datagram::refused()
{
    QFETCH(QByteArray, bytes);
    DatagramReader reader{Limits()};
    Message message;
    QCOMPARE(reader.read(bytes, message, Both), DatagramReader::Malformed);
    QVERIFY(!reader.error().isEmpty());
    // It goes on.
    QCOMPARE(reader.read(Poke, message, Both), DatagramReader::Complete);
    QVERIFY(reader.option().isDefault());
    QCOMPARE(reader.read(hex("93040100") + deflated(Poke), message, Both),
             DatagramReader::Complete);
}

void tst_Datagram::notAccepted_data()
{
    QTest::addColumn<TransportOption>("accepted");
    QTest::addColumn<QByteArray>("prefix");
    QTest::addColumn<bool>("accepts");
    const TransportOption none;
    const TransportOption rx(TransportOption::RxDeflate);
    const TransportOption tx(TransportOption::TxDeflate);
    // What the sender's stream is, the reader receives.
    QTest::newRow("tx, none") << none << hex("93040100") << false;
    QTest::newRow("tx, rx") << rx << hex("93040100") << true;
    QTest::newRow("tx, tx") << tx << hex("93040100") << false;
    QTest::newRow("both, rx") << rx << hex("93040101") << false;
    QTest::newRow("both, tx") << tx << hex("93040101") << false;
    QTest::newRow("both, both") << Both << hex("93040101") << true;
    QTest::newRow("with SESSION") << none << hex("9203a649707f00000193040100") << false;
}

// Nothing is inflated for who may not ask for it, and what is inflated is counted.
void tst_Datagram::notAccepted()
{
    QFETCH(TransportOption, accepted);
    QFETCH(QByteArray, prefix);
    QFETCH(bool, accepts);
    const QByteArray bytes = prefix + deflated(Poke);
    DatagramReader reader{Limits()};
    Message message;
    QCOMPARE(reader.read(bytes, message, accepted),
             accepts ? DatagramReader::Complete : DatagramReader::NotAccepted);
    QCOMPARE(reader.inflatedBytes(), accepts ? Poke.size() : 0);
    QCOMPARE(reader.read(Poke, message, accepted), DatagramReader::Complete);
    QCOMPARE(reader.inflatedBytes(), 0);
}

void tst_Datagram::limits_data()
{
    QTest::addColumn<int>("inflated");
    QTest::addColumn<int>("depth");
    QTest::addColumn<int>("bytes");
    QTest::addColumn<bool>("fits");
    // The message has 100 015 bytes.
    QTest::newRow("at inflatedBytes") << 100'015 << 128 << 1'000'000 << true;
    QTest::newRow("over inflatedBytes") << 100'014 << 128 << 1'000'000 << false;
    QTest::newRow("at messageBytes") << 1'000'000 << 128 << 100'015 << true;
    QTest::newRow("over messageBytes") << 1'000'000 << 128 << 100'014 << false;
    QTest::newRow("at depth") << 1'000'000 << 2 << 1'000'000 << true;
    QTest::newRow("over depth") << 1'000'000 << 1 << 1'000'000 << false;
}

void tst_Datagram::limits()
{
    QFETCH(int, inflated);
    QFETCH(int, depth);
    QFETCH(int, bytes);
    QFETCH(bool, fits);
    Limits limits;
    limits.inflatedBytes = inflated;
    limits.depth = depth;
    limits.messageBytes = bytes;
    const QByteArray message = hex("9302a4706f6b6591c6000186a2") + QByteArray(100'002, '\0');
    QCOMPARE(message.size(), 100'015);
    DatagramReader reader(limits);
    Message parsed;
    QCOMPARE(reader.read(hex("93040100") + deflated(message), parsed, Both),
             fits ? DatagramReader::Complete : DatagramReader::OverLimit);
}

// Whoever ends each stream for good is understood, too.
void tst_Datagram::endedStream()
{
    const QByteArray ended = qCompress(Poke).mid(4);
    DatagramReader reader{Limits()};
    Message message;
    QCOMPARE(reader.read(hex("93040100") + ended, message, Both), DatagramReader::Complete);
    QCOMPARE(message.method.name.toByteArray(), QByteArray("poke"));
    QCOMPARE(reader.read(hex("93040100") + ended + 'x', message, Both), DatagramReader::Malformed);
}

void tst_Datagram::everyCut()
{
    const QByteArray whole = hex("9203a649707f00000193040001940000a46563686f91a568656c6c6f");
    DatagramReader reader{Limits()};
    Message message;
    for (qsizetype size = 0; size < whole.size(); ++size)
        QCOMPARE(reader.read(whole.first(size), message, Both), DatagramReader::Malformed);
    QCOMPARE(reader.read(whole, message, Both), DatagramReader::Complete);
}

QTEST_GUILESS_MAIN(tst_Datagram)
#include "tst_datagram.moc"
