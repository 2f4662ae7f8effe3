// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/msgpack.h>

#include "wirevalues.h"

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using namespace MsgpackRpc;

// Two values in an array.
struct Position
{
    int x = 0;
    double y = 0;
    MSGPACK_DEFINE(x, y)

    friend bool operator==(const Position &a, const Position &b)
    {
        return a.x == b.x && a.y == b.y;
    }
};

// A map, with everything that msgpack-cxx knows.
struct Person
{
    std::string name;
    std::vector<Position> places;
    std::map<std::string, bool> marks;
    MSGPACK_DEFINE_MAP(name, places, marks)

    friend bool operator==(const Person &a, const Person &b)
    {
        return a.name == b.name && a.places == b.places && a.marks == b.marks;
    }
};

// The adaptor of this one stands outside of it.
struct Ratio
{
    int value = 0;
    friend bool operator==(Ratio a, Ratio b) { return a.value == b.value; }
};

template<>
struct MsgpackRpc::UsesMsgpackAdaptor<Ratio> : std::true_type
{
};

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS)
{
    namespace adaptor {
    template<>
    struct convert<Ratio>
    {
        const msgpack::object &operator()(const msgpack::object &object, Ratio &ratio) const
        {
            ratio.value = object.as<int>();
            if (ratio.value > 100)
                throw 1; // no std::exception
            return object;
        }
    };
    template<>
    struct pack<Ratio>
    {
        template<typename Stream>
        msgpack::packer<Stream> &operator()(msgpack::packer<Stream> &packer,
                                            const Ratio &ratio) const
        {
            if (ratio.value > 100)
                throw std::out_of_range("ratio");
            return packer.pack_int(ratio.value);
        }
    };
    } // namespace adaptor
}
} // namespace msgpack

class tst_MsgpackAdaptor : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void sameBytesAsMsgpack();
    void roundTrip();
    void inContainers();
    void refused_data();
    void refused();
    void outside();
    void atRunTime();
    void ownKind();
};

static Person somebody()
{
    return {"Ada", {{1, 2.5}, {-3, 0}}, {{"here", true}}};
}

void tst_MsgpackAdaptor::sameBytesAsMsgpack()
{
    msgpack::sbuffer buffer;
    msgpack::pack(buffer, somebody());
    QCOMPARE(encode(somebody()), QByteArray(buffer.data(), qsizetype(buffer.size())));
    QCOMPARE(encode(Position{1, 2.5}), hex("9201cb4004000000000000"));
}

void tst_MsgpackAdaptor::roundTrip()
{
    QCOMPARE(decode<Person>(encode(somebody())), std::optional(somebody()));
    QCOMPARE(decode<Position>(hex("920102")), std::optional(Position{1, 2}));
}

void tst_MsgpackAdaptor::inContainers()
{
    const QList<Position> list{{1, 2}, {3, 4}};
    QCOMPARE(decode<QList<Position>>(encode(list)), std::optional(list));
    const QMap<QString, Position> map{{"a", {1, 2}}};
    QCOMPARE((decode<QMap<QString, Position>>(encode(map))), std::optional(map));
    const std::optional<Position> none;
    QCOMPARE(encode(none), hex("c0"));
    // What follows is still there.
    const QByteArray bytes = hex("92010203");
    Reader reader(bytes);
    Position position;
    QVERIFY(Codec<Position>::read(reader, position));
    qint64 next = 0;
    QVERIFY(reader.readSigned(next));
    QCOMPARE(next, 3);
}

void tst_MsgpackAdaptor::refused_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("failure");
    const QString expected = "expected what the msgpack adaptor of the type takes, got ";
    QTest::newRow("text for integer") << hex("92a16102") << expected + "an array of 2";
    QTest::newRow("no array") << hex("a161") << expected + "the text \"a\"";
    QTest::newRow("too large") << hex("92cf000001000000000002") << expected + "an array of 2";
    QTest::newRow("cut off") << hex("9201") << "expected a complete value, got an array of 2";
    QTest::newRow("malformed") << hex("9201c1") << "expected a complete value, got an array of 2";
    QTest::newRow("nothing") << QByteArray() << "expected a complete value, got nothing";
}

void tst_MsgpackAdaptor::refused()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QString, failure);
    QCOMPARE(refusal<Position>(bytes), failure);
    QCOMPARE(refusal<QList<Position>>(hex("91") + bytes), "element 0: " + failure);
    Reader reader(bytes);
    Position position;
    QVERIFY(!Codec<Position>::read(reader, position));
    QCOMPARE(reader.kind(), Reader(bytes).kind()); // where it was
}

void tst_MsgpackAdaptor::outside()
{
    QCOMPARE(encode(Ratio{50}), hex("32"));
    QCOMPARE(decode<Ratio>(hex("32")), std::optional(Ratio{50}));
    QCOMPARE(refusal<Ratio>(hex("cc80")),
             "expected what the msgpack adaptor of the type takes, got the integer 128");
    Writer writer;
    Codec<Ratio>::write(writer, Ratio{101});
    QCOMPARE(writer.failure(), "the msgpack adaptor of the type threw an exception");
}

void tst_MsgpackAdaptor::atRunTime()
{
    const auto type = QMetaType::fromType<Position>();
    QVERIFY(typeCodec(type) == nullptr);
    registerType<Position>();
    QVERIFY(typeCodec(type) != nullptr);
    QCOMPARE(encode(QVariant::fromValue(Position{1, 2.5})), hex("9201cb4004000000000000"));
    Position position;
    const QByteArray bytes = hex("920304");
    Reader reader(bytes);
    QVERIFY(typeCodec(type)->read(reader, &position));
    QCOMPARE(position, (Position{3, 4}));
}

void tst_MsgpackAdaptor::ownKind()
{
    QVERIFY(Codec<Person>::isOwnKind(Reader::Map));
    QVERIFY(Codec<Position>::isOwnKind(Reader::Array));
    QVERIFY(!Codec<Position>::isOwnKind(Reader::Integer));
}

QTEST_APPLESS_MAIN(tst_MsgpackAdaptor)
#include "tst_msgpackadaptor.moc"
