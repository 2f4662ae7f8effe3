// SPDX-License-Identifier: Apache-2.0
#include "wire/messagereader_p.h"

#include "place.h"
#include "wire/wiremessages.h"

#include <MsgpackRpc/reader.h>

#include <QtTest/QTest>

#include <cstring>
#include <functional>

using namespace MsgpackRpc;
using namespace WireMessages;

class tst_MessageReader : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void noBytes();
    void manyMessagesInOneBlock();
    void smallMessagesLieInTheBlock();
    void largeMessagesOwnTheirBytes_data();
    void largeMessagesOwnTheirBytes();
    void largeBodyArrivesInPlace();
    void endOfALargeBodyMovesNothing_data();
    void endOfALargeBodyMovesNothing();
    void everySplitInTwo();
    void pieces_data();
    void pieces();
    void mixedSizes();
    void neverMoreSpaceThanHasArrived();
    void spaceIsWithinTheMessage();
    void framesDoNotStick();
    void faultsDoNotStick();
    void failure();
    void failureInALargeMessage();
    void peek();
    void takeRest();
    void takeRestOfNothing();
    void partialSize();
    void releaseGivesTheBlockBack();
    void releaseKeepsABlockInUse();
    void releaseWithinALargeMessage();
    void nestedLeavesWhatIsHandled();
    void nestedHoldsOneBlockPerLevel();
    void nestedWithinAPartialMessage();
    void poolKeepsFew();
    void destroyedWithABlock();
};

namespace {

// A message as it was received: everything in bytes of its own.
struct Received
{
    Message::Type type;
    quint32 msgid;
    QByteArray method;
    QByteArray params;
};

bool operator==(const Received &a, const Received &b)
{
    return a.type == b.type && a.msgid == b.msgid && a.method == b.method && a.params == b.params;
}

Received received(const Message &message)
{
    const bool isCall = message.type == Message::Request || message.type == Message::Notify;
    const bool hasId = message.type <= Message::Response;
    return {message.type, hasId ? message.msgid : 0,
            isCall ? message.method.name.toByteArray() : QByteArray(),
            (isCall ? message.params : message.result).toByteArray()};
}

Received parsed(const QByteArray &bytes)
{
    Scanner scanner{Limits()};
    const char *pos = bytes.constData();
    Message message;
    if (scanner.scan(pos, pos + bytes.size()) == Scanner::Complete)
        message.parse(bytes.constData(), scanner);
    return received(message);
}

// Puts bytes into a reader in pieces, as a device would, and collects what comes out.
class Feeder
{
public:
    explicit Feeder(const Limits &limits = {}) : reader(limits, pool) {}

    // False if the reader has failed.
    bool feed(const QByteArray &bytes, qsizetype pieceSize)
    {
        for (qsizetype at = 0; at < bytes.size();) {
            const MessageReader::Space space = reader.space();
            if (space.size < 1)
                return false;
            const qsizetype size = std::min({space.size, pieceSize, bytes.size() - at});
            std::memcpy(space.data, bytes.constData() + at, size_t(size));
            reader.added(size);
            at += size;
            if (!takeMessages())
                return false;
        }
        return true;
    }

    bool takeMessages()
    {
        Message message;
        for (;;) {
            const Scanner::Result result = reader.next(message);
            if (result == Scanner::Failed)
                return false;
            if (result == Scanner::NeedMore)
                return true;
            all.append(received(message));
            frames += message.frame.isNull() ? 0 : 1;
        }
    }

    BlockPool pool;
    MessageReader reader;
    QList<Received> all;
    int frames = 0;
};

// Puts as much of \a bytes as there is space for; returns the rest.
QByteArray put(MessageReader &reader, const QByteArray &bytes)
{
    const MessageReader::Space space = reader.space();
    const qsizetype size = qMin(space.size, bytes.size());
    std::memcpy(space.data, bytes.constData(), size_t(size));
    reader.added(size);
    return bytes.mid(size);
}

QByteArray join(const QList<QByteArray> &messages)
{
    return messages.join();
}

QList<Received> expected(const QList<QByteArray> &messages)
{
    QList<Received> all;
    for (const QByteArray &message : messages)
        all.append(parsed(message));
    return all;
}

constexpr qsizetype Block = BlockPool::BlockSize;

} // namespace

void tst_MessageReader::noBytes()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    QCOMPARE(reader.next(message), Scanner::NeedMore);
    QVERIFY(!reader.hasUnread());
    QCOMPARE(reader.peek(), -1);
    QCOMPARE(reader.partialSize(), 0);
    reader.release();
    const MessageReader::Space space = reader.space();
    QVERIFY(space.data != nullptr);
    QCOMPARE(space.size, Block);
    reader.added(0);
    QCOMPARE(reader.next(message), Scanner::NeedMore);
}

void tst_MessageReader::manyMessagesInOneBlock()
{
    QList<QByteArray> messages;
    for (quint32 i = 0; i < 1000; ++i)
        messages.append(request(i, "method", QByteArray(int(i % 40), 'x')));
    Feeder feeder;
    QVERIFY(feeder.feed(join(messages), Block));
    QCOMPARE(feeder.all.size(), 1000);
    QVERIFY(feeder.all == expected(messages));
    QCOMPARE(feeder.frames, 0);
    QVERIFY(!feeder.reader.hasUnread());
}

void tst_MessageReader::smallMessagesLieInTheBlock()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    const QByteArray bytes = request(1, "add", "x");
    const char *const block = reader.space().data;
    QVERIFY(put(reader, bytes).isEmpty());
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(place(message.method.name.data()), place(block + 4));
    QVERIFY(message.frame.isNull());
}

void tst_MessageReader::largeMessagesOwnTheirBytes_data()
{
    QTest::addColumn<int>("size");
    QTest::addColumn<bool>("isOwned");

    QTest::newRow("20 KiB fit") << 20 * 1024 << false;
    QTest::newRow("a block") << int(Block) << true;
    QTest::newRow("300 KiB") << 300 * 1024 << true;
    QTest::newRow("5 MiB") << 5 * 1024 * 1024 << true;
}

void tst_MessageReader::largeMessagesOwnTheirBytes()
{
    QFETCH(int, size);
    QFETCH(bool, isOwned);
    const QByteArray bytes = notify("upload", noise(size));
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    QByteArray rest = bytes;
    Scanner::Result result = Scanner::NeedMore;
    while (!rest.isEmpty()) {
        rest = put(reader, rest);
        result = reader.next(message);
        QCOMPARE(result, rest.isEmpty() ? Scanner::Complete : Scanner::NeedMore);
    }
    QCOMPARE(!message.frame.isNull(), isOwned);
    QCOMPARE(message.params, QByteArrayView(parsed(bytes).params));
    if (!isOwned)
        return;
    QCOMPARE(message.frame, bytes);
    QVERIFY(message.frame.isDetached());
    QCOMPARE(place(message.params.data() + message.params.size()),
             place(message.frame.constData() + message.frame.size()));
    // The reader has nothing to do with them any more.
    const QByteArray copy(message.params.data(), message.params.size());
    put(reader, request(2, "next", "y"));
    Message next;
    QCOMPARE(reader.next(next), Scanner::Complete);
    QCOMPARE(message.params, QByteArrayView(copy));
}

// Once most of it is missing, the bytes of a large message are put where they stay.
void tst_MessageReader::largeBodyArrivesInPlace()
{
    const QByteArray bytes = notify("upload", noise(200 * 1024));
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    QByteArray rest = put(reader, bytes);
    QCOMPARE(reader.next(message), Scanner::NeedMore);
    const char *const free = reader.space().data;
    const qsizetype offset = bytes.size() - rest.size();
    while (!rest.isEmpty()) {
        rest = put(reader, rest);
        reader.next(message);
    }
    QCOMPARE(message.frame, bytes);
    QCOMPARE(place(message.frame.constData() + offset), place(free));

    // A large binary at the end is moved out of the frame, not copied.
    Reader decoder(message.params, &message.frame);
    quint32 count = 0;
    QVERIFY(decoder.readArray(count));
    QByteArray body;
    QVERIFY(decoder.readBytes(body));
    QCOMPARE(body, noise(200 * 1024));
    QVERIFY(message.frame.isEmpty() || !message.frame.isDetached());
}

// The last bytes, however few, go to where the others are, and nothing is reserved beyond them.
void tst_MessageReader::endOfALargeBodyMovesNothing_data()
{
    QTest::addColumn<int>("size");
    QTest::addColumn<int>("piece");
    for (const int piece : {1000, 50'000, 10'000'000}) {
        // A header beyond a power of two, which buffers grow by; all of the last growth; a little of it.
        for (const int size : {1024 * 1024, 1024 * 1024 - 100, 1100 * 1024, 1500 * 1024})
            QTest::addRow("%d in pieces of %d", size, piece) << size << piece;
    }
}

void tst_MessageReader::endOfALargeBodyMovesNothing()
{
    QFETCH(int, size);
    QFETCH(int, piece);
    const QByteArray bytes = notify("upload", noise(size));
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    const char *place = nullptr;
    qsizetype placeOffset = 0;
    Scanner::Result result = Scanner::NeedMore;
    for (qsizetype at = 0; at < bytes.size();) {
        const MessageReader::Space space = reader.space();
        if (at > bytes.size() - 100 * 1024 && place == nullptr) {
            place = space.data;
            placeOffset = at;
        }
        const qsizetype count = std::min({space.size, qsizetype(piece), bytes.size() - at});
        std::memcpy(space.data, bytes.constData() + at, size_t(count));
        reader.added(count);
        at += count;
        result = reader.next(message);
    }
    QCOMPARE(result, Scanner::Complete);
    QVERIFY(message.frame == bytes);
    if (place != nullptr)
        QVERIFY(message.frame.constData() + placeOffset == place);
    QVERIFY(message.frame.capacity() <= bytes.size() + 64);
}

void tst_MessageReader::everySplitInTwo()
{
    const QList<QByteArray> messages{request(1, "add", "x"), hex("9302a4706f6b6590"),
                                     hex("940101c003"), request(70'000, "b", QByteArray(40, 'x'))};
    const QByteArray bytes = join(messages);
    for (qsizetype i = 0; i <= bytes.size(); ++i) {
        Feeder feeder;
        QVERIFY(feeder.feed(bytes.left(i), Block));
        QVERIFY(feeder.feed(bytes.mid(i), Block));
        QVERIFY(feeder.all == expected(messages));
    }
}

void tst_MessageReader::pieces_data()
{
    QTest::addColumn<int>("pieceSize");

    for (const int size : {1, 2, 3, 7, 100, 1000, 1448, 4096, 16'383, 16'384, 32'767, 32'768,
                           65'535, 65'536, 1'000'000})
        QTest::addRow("%d", size) << size;
}

void tst_MessageReader::pieces()
{
    QFETCH(int, pieceSize);
    QList<QByteArray> messages;
    quint32 msgid = 0;
    // Around every size at which the reader does something else.
    for (const qsizetype size : {qsizetype(0), qsizetype(1000), Block / 4, Block / 2, Block,
                                 Block * 3 / 2, Block * 2, 4 * Block}) {
        for (const qsizetype around : {-20, -1, 0, 1, 20}) {
            ++msgid;
            messages.append(request(msgid, "m", noise(qMax<qsizetype>(size + around, 0), msgid)));
            messages.append(request(++msgid, "m", "small"));
        }
    }
    Feeder feeder;
    QVERIFY(feeder.feed(join(messages), pieceSize));
    QCOMPARE(feeder.all.size(), messages.size());
    QVERIFY(feeder.all == expected(messages));
    QVERIFY(feeder.frames > 0);
}

void tst_MessageReader::mixedSizes()
{
    QRandomGenerator random(31);
    for (int round = 0; round < 20; ++round) {
        QList<QByteArray> messages;
        for (quint32 i = 0; i < 60; ++i) {
            const quint32 most = 1U << random.bounded(19U);
            messages.append(request(i, "m", noise(random.bounded(most), i)));
        }
        const QByteArray bytes = join(messages);
        Feeder feeder;
        for (qsizetype at = 0; at < bytes.size();) {
            const qsizetype size = 1 + qsizetype(random.bounded(1U << random.bounded(20U)));
            QVERIFY(feeder.feed(bytes.mid(at, size), size));
            at += size;
            if (random.bounded(3) == 0)
                feeder.reader.release();
        }
        QVERIFY(feeder.all == expected(messages));
    }
}

// What is announced reserves nothing: there is never room for much more than has come, beyond a first piece and, when a
// good part of that has come, 1 MiB.
void tst_MessageReader::neverMoreSpaceThanHasArrived()
{
    const QByteArray header = hex("9302a16191c604000000").left(5) + hex("c6 03f00000");
    Feeder feeder;
    QVERIFY(feeder.feed(header, 100));
    qsizetype arrived = header.size();
    for (int i = 0; i < 200; ++i) {
        const MessageReader::Space space = feeder.reader.space();
        const qsizetype eager = qMin<qsizetype>(16 * arrived, 1024 * 1024);
        QVERIFY(space.size <= std::max({qsizetype(256 * 1024), eager, arrived}));
        const qsizetype size = qMin<qsizetype>(space.size, 50'000);
        std::memset(space.data, 'x', size_t(size));
        feeder.reader.added(size);
        arrived += size;
        QVERIFY(feeder.takeMessages());
    }
    QCOMPARE(feeder.reader.partialSize(), arrived);
}

// The bytes of the next message are never put behind a large one.
void tst_MessageReader::spaceIsWithinTheMessage()
{
    const QByteArray large = notify("large", noise(150 * 1024));
    const QByteArray small = request(5, "small", "x");
    Feeder feeder;
    QVERIFY(feeder.feed(large + small + large + small, 10'000'000));
    QVERIFY(feeder.all == expected({large, small, large, small}));
    QCOMPARE(feeder.frames, 2);
}

// One Message is used for many: a small one does not keep the bytes of a large one before it.
void tst_MessageReader::framesDoNotStick()
{
    const QByteArray large = notify("large", noise(150 * 1024));
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    QByteArray rest = large + request(5, "small", "x");
    while (message.type != Message::Notify || message.frame.isNull()) {
        rest = put(reader, rest);
        reader.next(message);
    }
    while (message.type != Message::Request) {
        if (!rest.isEmpty())
            rest = put(reader, rest);
        reader.next(message);
    }
    QVERIFY(message.frame.isNull());
}

void tst_MessageReader::faultsDoNotStick()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    put(reader, hex("940001c090") + hex("940002a16190"));
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(message.fault, Message::BadCall);
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(message.msgid, 2U);
    QCOMPARE(message.fault, Message::None);
    QVERIFY(message.faultText.isEmpty());
}

void tst_MessageReader::failure()
{
    Feeder feeder;
    QVERIFY(!feeder.feed(request(1, "add", "x") + hex("c1") + request(2, "add", "x"), Block));
    QCOMPARE(feeder.all.size(), 1);
    QVERIFY(!feeder.reader.error().isEmpty());
    QVERIFY(!feeder.reader.exceedsLimit());

    Limits limits;
    limits.messageBytes = 100;
    Feeder limited(limits);
    QVERIFY(limited.feed(notify("x", QByteArray(50, 'x')), Block));
    QVERIFY(!limited.feed(notify("x", QByteArray(200, 'x')), Block));
    QVERIFY(limited.reader.exceedsLimit());
}

void tst_MessageReader::failureInALargeMessage()
{
    // An illegal byte after a body that was read into place, and one within many small values.
    const QByteArray body = hex("c6 00030000") + noise(0x30000);
    const QByteArray many(100'000, '\x01');
    for (const QByteArray &bytes :
         {hex("93 02") + body + hex("c1"), hex("92dd 00020000") + many + hex("c1")}) {
        for (const qsizetype piece : {qsizetype(1), qsizetype(5000), Block}) {
            Feeder feeder;
            QVERIFY(!feeder.feed(bytes + QByteArray(100, '\x01'), piece));
            QVERIFY(feeder.all.isEmpty());
            QVERIFY(!feeder.reader.error().isEmpty());
            // It goes on failing.
            Message message;
            QCOMPARE(feeder.reader.next(message), Scanner::Failed);
        }
    }
}

void tst_MessageReader::peek()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    put(reader, hex("9302a1") + hex("6190") + hex("78"));
    QCOMPARE(reader.peek(), 0x93);
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(reader.peek(), 0x78);
    QVERIFY(reader.hasUnread());

    MessageReader partial({}, pool);
    put(partial, hex("9302"));
    QCOMPARE(partial.next(message), Scanner::NeedMore);
    QCOMPARE(partial.peek(), -1);
    put(partial, hex("78"));
    QCOMPARE(partial.peek(), -1);
}

void tst_MessageReader::takeRest()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    put(reader, hex("93040101") + QByteArray("\x78\x9crest"));
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(message.type, Message::Option);
    QCOMPARE(reader.takeRest(), QByteArray("\x78\x9crest"));
    QVERIFY(!reader.hasUnread());
    QCOMPARE(reader.next(message), Scanner::NeedMore);
    QCOMPARE(reader.space().size, Block);
    put(reader, request(4, "add", "x"));
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(message.msgid, 4U);
}

void tst_MessageReader::takeRestOfNothing()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    QVERIFY(reader.takeRest().isEmpty());
    put(reader, hex("93040101"));
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    QVERIFY(reader.takeRest().isEmpty());

    // An OPTION message with so many extra elements that it is a large one.
    QByteArray rest = hex("dd0002000004") + QByteArray(0x1ffff, '\x01');
    message = Message();
    while (message.type != Message::Option) {
        rest = put(reader, rest);
        reader.release();
        reader.next(message);
    }
    QCOMPARE(message.fault, Message::None);
    QVERIFY(message.option.tx.deflate());
    QVERIFY(reader.takeRest().isEmpty());
}

void tst_MessageReader::partialSize()
{
    const QByteArray bytes = notify("upload", noise(100 * 1024));
    Feeder feeder;
    QVERIFY(feeder.feed(request(1, "x", "y"), Block));
    QCOMPARE(feeder.reader.partialSize(), 0);
    for (const qsizetype upTo :
         {qsizetype(1), qsizetype(20), qsizetype(70'000), bytes.size() - 1}) {
        const qsizetype from = feeder.reader.partialSize();
        QVERIFY(feeder.feed(bytes.mid(from, upTo - from), Block));
        QCOMPARE(feeder.reader.partialSize(), upTo);
    }
    QVERIFY(feeder.feed(bytes.right(1), Block));
    QCOMPARE(feeder.reader.partialSize(), 0);
    QCOMPARE(feeder.all.size(), 2);
}

void tst_MessageReader::releaseGivesTheBlockBack()
{
    BlockPool pool;
    MessageReader first({}, pool);
    const char *const block = first.space().data;
    put(first, request(1, "x", "y"));
    Message message;
    QCOMPARE(first.next(message), Scanner::Complete);
    first.release();
    MessageReader second({}, pool);
    QCOMPARE(place(second.space().data), place(block));
    QVERIFY(first.space().data != block);
}

void tst_MessageReader::releaseKeepsABlockInUse()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    const QByteArray bytes = request(1, "x", "y");
    put(reader, bytes.left(5));
    Message message;
    QCOMPARE(reader.next(message), Scanner::NeedMore);
    reader.release();
    BlockPool::Block other = pool.take();
    std::memset(other.get(), 0, size_t(Block));
    put(reader, bytes.mid(5));
    QCOMPARE(reader.next(message), Scanner::Complete);
    QCOMPARE(message.method.name, QByteArrayView("x"));
}

void tst_MessageReader::releaseWithinALargeMessage()
{
    const QByteArray bytes = notify("upload", noise(300 * 1024));
    BlockPool pool;
    MessageReader reader({}, pool);
    Message message;
    QByteArray rest = bytes;
    while (!rest.isEmpty()) {
        rest = put(reader, rest);
        reader.next(message);
        reader.release();
    }
    QCOMPARE(message.frame, bytes);
}

// Each level reads on while the messages of those around it are still decoded, and each goes on behind it.
void tst_MessageReader::nestedLeavesWhatIsHandled()
{
    constexpr int Levels = 10;
    BlockPool pool;
    MessageReader reader({}, pool);
    int next = 0;
    QList<Received> all;
    const std::function<void(int)> dive = [&](int level) {
        for (int i = 0; i < 3; ++i) {
            const QByteArray text(100 + next % 7, char('a' + next % 26));
            const QByteArray bytes = request(quint32(next++), text, text);
            QVERIFY(put(reader, bytes).isEmpty());
            Message message;
            QCOMPARE(reader.next(message), Scanner::Complete);
            const Received before = received(message);
            QCOMPARE(before, parsed(bytes));
            for (int again = 0; again < 2 && level < Levels; ++again) {
                const MessageReader::Nested nested(reader);
                if (again == 0 && i == 0)
                    dive(level + 1);
                // More than a block, so that it is written over.
                QVERIFY(put(reader, notify("fill", noise(30'000))).isEmpty());
                QVERIFY(put(reader, notify("fill", noise(20'000))).isEmpty());
                Message other;
                QCOMPARE(reader.next(other), Scanner::Complete);
                QCOMPARE(reader.next(other), Scanner::Complete);
                reader.release();
            }
            QVERIFY(received(message) == before);
            all.append(before);
        }
    };
    dive(0);
    QCOMPARE(all.size(), 3 * (Levels + 1));
    QCOMPARE(next, all.size());
    reader.release();
    QVERIFY(!reader.hasUnread());
}

// However often the loop comes by while one message is handled, and however many messages are handled in a row.
void tst_MessageReader::nestedHoldsOneBlockPerLevel()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    QSet<const char *> blocks;
    for (int i = 0; i < 200; ++i) {
        put(reader, request(1, "outer", "x"));
        Message outer;
        QCOMPARE(reader.next(outer), Scanner::Complete);
        for (int j = 0; j < 5; ++j) {
            const MessageReader::Nested nested(reader);
            const MessageReader::Space space = reader.space();
            blocks.insert(space.data + space.size - Block);
            put(reader, request(2, "inner", "y"));
            Message inner;
            QCOMPARE(reader.next(inner), Scanner::Complete);
            reader.release();
        }
        QCOMPARE(outer.method.name, QByteArrayView("outer"));
    }
    QVERIFY2(blocks.size() <= 3, qPrintable(QString::number(blocks.size())));
}

// What was there of the next message goes along.
void tst_MessageReader::nestedWithinAPartialMessage()
{
    BlockPool pool;
    MessageReader reader({}, pool);
    const QByteArray second = request(2, "second", noise(1000));
    put(reader, request(1, "first", "x") + second.left(500));
    Message message;
    QCOMPARE(reader.next(message), Scanner::Complete);
    {
        Message inner;
        const MessageReader::Nested nested(reader);
        QCOMPARE(reader.next(inner), Scanner::NeedMore);
        put(reader, second.mid(500, 300));
        QCOMPARE(reader.next(inner), Scanner::NeedMore);
    }
    QCOMPARE(message.method.name, QByteArrayView("first"));
    put(reader, second.mid(800));
    QCOMPARE(reader.next(message), Scanner::Complete);
    QVERIFY(received(message) == parsed(second));
}

void tst_MessageReader::poolKeepsFew()
{
    BlockPool pool;
    std::vector<BlockPool::Block> blocks;
    QList<const char *> places;
    for (int i = 0; i < 20; ++i) {
        blocks.push_back(pool.take());
        places.append(blocks.back().get());
    }
    const char *const first = blocks.front().get();
    pool.give(std::move(blocks.front()));
    QCOMPARE(place(pool.take().get()), place(first));
    QCOMPARE(QSet<const char *>(places.begin(), places.end()).size(), 20);
}

void tst_MessageReader::destroyedWithABlock()
{
    BlockPool pool;
    const char *block = nullptr;
    {
        MessageReader reader({}, pool);
        block = reader.space().data;
        put(reader, hex("9302"));
    }
    QCOMPARE(place(pool.take().get()), place(block));
}

QTEST_GUILESS_MAIN(tst_MessageReader)

#include "tst_messagereader.moc"
