// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/TypeCodec>

#include "slowregistration.h"
#include "wirevalues.h"

#include <QtCore/QMap>
#include <QtCore/QObject>
#include <QtCore/QThreadPool>

#include <atomic>
#include <limits>
#include <list>
#include <map>
#include <stdexcept>

using namespace MsgpackRpc;

class Painter : public QObject
{
    Q_OBJECT

public:
    enum Color : int { Red, Green = 5, Blue = -7 };
    Q_ENUM(Color)
    enum class Tiny : quint8 { Zero, Top = 255 };
    Q_ENUM(Tiny)
    enum class Wide : qint64 { Least = std::numeric_limits<qint64>::min(), One = 1 };
    Q_ENUM(Wide)
    enum Style { Bold = 1, Italic = 2, Both = 3, High = 0x40000000 };
    Q_DECLARE_FLAGS(Styles, Style)
    Q_FLAG(Styles)
    enum Bit : uint { Low = 1, Topmost = 0x80000000 };
    Q_DECLARE_FLAGS(Bits, Bit)
    Q_FLAG(Bits)
    enum Undeclared { NoName = 3 };
    Q_DECLARE_FLAGS(Undeclareds, Undeclared)
};

struct Point
{
    Q_GADGET
    Q_PROPERTY(int x MEMBER x)
    Q_PROPERTY(double y MEMBER y)

public:
    int x = 1;
    double y = 2;

    friend bool operator==(const Point &a, const Point &b) { return a.x == b.x && a.y == b.y; }
    friend bool operator!=(const Point &a, const Point &b) { return !(a == b); }
};

struct Seldom
{
    Q_GADGET
    Q_PROPERTY(int value MEMBER value)

public:
    int value = 0;
};

template<>
struct QMetaTypeId<std::list<Seldom>> : SlowRegistration<std::list<Seldom>>
{
};

template<>
struct QMetaTypeId<std::map<int, Seldom>> : SlowRegistration<std::map<int, Seldom>>
{
};

class Shape
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(Painter::Color color MEMBER color)
    Q_PROPERTY(Painter::Styles styles MEMBER styles)
    Q_PROPERTY(int area READ area) // derived: sent, not set
    Q_PROPERTY(int secret MEMBER secret STORED false) // set, not sent

public:
    int area() const { return 42; }

    QString name = QStringLiteral("none");
    Painter::Color color = Painter::Green;
    Painter::Styles styles;
    int secret = 0;
};

class Polygon : public Shape
{
    Q_GADGET
    Q_PROPERTY(QList<Point> points MEMBER points)
    Q_PROPERTY(Point center MEMBER center)
    Q_PROPERTY(QVariant extra MEMBER extra)

public:
    QList<Point> points;
    Point center;
    QVariant extra;
};

struct Tree
{
    Q_GADGET
    Q_PROPERTY(int value MEMBER value)
    Q_PROPERTY(QList<Tree> children MEMBER children)

public:
    int value = 0;
    QList<Tree> children;

    friend bool operator==(const Tree &a, const Tree &b)
    {
        return a.value == b.value && a.children == b.children;
    }
    friend bool operator!=(const Tree &a, const Tree &b) { return !(a == b); }
};

struct Opaque
{
    int x = 0;
    friend bool operator!=(Opaque a, Opaque b) { return a.x != b.x; }
};

struct Holder
{
    Q_GADGET
    Q_PROPERTY(int before MEMBER before)
    Q_PROPERTY(Opaque opaque MEMBER opaque)
    Q_PROPERTY(QObject *object MEMBER object)

public:
    int before = 1;
    Opaque opaque;
    QObject *object = nullptr;
};

// Travels as text.
struct Celsius
{
    double degrees = 0;
    friend bool operator==(Celsius a, Celsius b) { return a.degrees == b.degrees; }
};

struct Meters
{
    double value = 0;
    friend bool operator==(Meters a, Meters b) { return a.value == b.value; }
};

struct Counted
{
    int value = 0;
};

struct Throwing
{
    int value = 0;
};

struct Wrapped
{
    QByteArray bytes;
    QByteArray content() const { return bytes; }
};

struct Unregistered
{
    int value = 0;
};

namespace Custom {
struct Money
{
    qint64 cents = 0;
    friend bool operator==(Money a, Money b) { return a.cents == b.cents; }
};
} // namespace Custom

template<>
struct MsgpackRpc::Codec<Custom::Money>
{
    static bool read(Reader &reader, Custom::Money &value)
    {
        return Codec<qint64>::read(reader, value.cents);
    }
    static void write(Writer &writer, const Custom::Money &value)
    {
        Codec<qint64>::write(writer, value.cents);
    }
    static bool isOwnKind(Reader::Kind kind) { return kind == Reader::Integer; }
};

class tst_TypeCodec : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void builtIn_data();
    void builtIn();
    void none_data();
    void none();
    void enums_data();
    void enums();
    void enumSizes();
    void enumInContainers();
    void flags_data();
    void flags();
    void flagsHaveNoSign();
    void gadgetBytes();
    void gadgetRoundTrip();
    void gadgetKeys_data();
    void gadgetKeys();
    void gadgetMessages_data();
    void gadgetMessages();
    void gadgetAsVariant();
    void gadgetNestsItself();
    void gadgetWithOpaqueProperty();
    void containers();
    void elementsDoNotInherit();
    void registerConversion();
    void registerAgain();
    void registerMayRefuse();
    void registerMayThrow();
    void registerMember();
    void registerCompileTimeType();
    void registerGadgetIsHarmless();
    void registerUnknownWarns();
    void containersOfRegistered();
    void optionalAtRunTime();
    void manyThreads();
    void halfRegistered();
};

void tst_TypeCodec::builtIn_data()
{
    QTest::addColumn<QMetaType>("type");
    const auto add = [](QMetaType type) { QTest::newRow(type.name()) << type; };
    add(QMetaType::fromType<void>());
    add(QMetaType::fromType<std::nullptr_t>());
    add(QMetaType::fromType<bool>());
    add(QMetaType::fromType<char>());
    add(QMetaType::fromType<signed char>());
    add(QMetaType::fromType<uchar>());
    add(QMetaType::fromType<short>());
    add(QMetaType::fromType<ushort>());
    add(QMetaType::fromType<int>());
    add(QMetaType::fromType<uint>());
    add(QMetaType::fromType<long>());
    add(QMetaType::fromType<ulong>());
    add(QMetaType::fromType<qlonglong>());
    add(QMetaType::fromType<qulonglong>());
    add(QMetaType::fromType<qint64>());
    add(QMetaType::fromType<quint64>());
    add(QMetaType::fromType<char16_t>());
    add(QMetaType::fromType<char32_t>());
    add(QMetaType::fromType<float>());
    add(QMetaType::fromType<double>());
    add(QMetaType::fromType<QString>());
    add(QMetaType::fromType<QByteArray>());
    add(QMetaType::fromType<std::string>());
    add(QMetaType::fromType<QVariant>());
    add(QMetaType::fromType<QVariantList>());
    add(QMetaType::fromType<QVariantMap>());
    add(QMetaType::fromType<QVariantHash>());
    add(QMetaType::fromType<QStringList>());
    add(QMetaType::fromType<QByteArrayList>());
    add(QMetaType::fromType<QList<int>>());
    add(QMetaType::fromType<std::vector<QString>>());
    add(QMetaType::fromType<QMap<QString, double>>());
    add(QMetaType::fromType<QHash<QString, bool>>());
    add(QMetaType::fromType<Extension>());
    add(QMetaType::fromType<AnyKeyMap>());
    add(QMetaType::fromType<QDateTime>());
    add(QMetaType::fromType<QDate>());
    add(QMetaType::fromType<QTime>());
    add(QMetaType::fromType<QUrl>());
    add(QMetaType::fromType<QUuid>());
}

// Every type of doc/types has a codec, which writes a default-constructed value and reads it back.
void tst_TypeCodec::builtIn()
{
    QFETCH(QMetaType, type);
    const TypeCodec *codec = typeCodec(type);
    QVERIFY(codec != nullptr);
    QCOMPARE(typeCodec(type), codec);
    const QVariant value(type);
    Writer writer;
    codec->write(writer, value.constData());
    QVERIFY(!writer.hasFailed());
    const QByteArray bytes = writer.bytes();
    QVariant read(type);
    Reader reader(bytes);
    QVERIFY(codec->read(reader, read.data()));
    QVERIFY(reader.atEnd());
    if (type.isEqualityComparable())
        QCOMPARE(read, value);
    QVERIFY(!codec->isOwnKind(Reader::End) || type.id() == QMetaType::QVariant);
}

void tst_TypeCodec::none_data()
{
    QTest::addColumn<QMetaType>("type");
    QTest::newRow("invalid") << QMetaType();
    QTest::newRow("QObject*") << QMetaType::fromType<QObject *>();
    QTest::newRow("object") << QMetaType::fromType<Painter *>();
    QTest::newRow("void*") << QMetaType::fromType<void *>();
    QTest::newRow("gadget*") << QMetaType::fromType<Point *>();
    QTest::newRow("struct") << QMetaType::fromType<Opaque>();
    QTest::newRow("list of struct") << QMetaType::fromType<QList<Opaque>>();
    QTest::newRow("list of objects") << QMetaType::fromType<QList<QObject *>>();
    QTest::newRow("map of objects") << QMetaType::fromType<QMap<int, QObject *>>();
    QTest::newRow("shared pointer") << QMetaType::fromType<QSharedPointer<Painter>>();
}

void tst_TypeCodec::none()
{
    QFETCH(QMetaType, type);
    QVERIFY(typeCodec(type) == nullptr);
    QVERIFY(typeCodec(type) == nullptr); // asked again
    registerTypeCodec(type, nullptr);
    QVERIFY(typeCodec(type) == nullptr);
}

void tst_TypeCodec::enums_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("value");
    QTest::addColumn<QString>("failure");
    const QString expected = "expected a name of Painter::Color (Red, Green, Blue), or an integer "
                             "that fits it, got ";
    QTest::newRow("0") << hex("00") << 0 << "";
    QTest::newRow("negative") << hex("f9") << -7 << "";
    QTest::newRow("not declared") << hex("63") << 99 << "";
    QTest::newRow("whole float") << hex("cb4014000000000000") << 5 << "";
    QTest::newRow("name") << QByteArray("\xa5Green") << 5 << "";
    QTest::newRow("name as binary") << QByteArray("\xc4\x04"
                                                  "Blue")
                                    << -7 << "";
    QTest::newRow("unknown name") << QByteArray("\xa4Pink") << 0 << expected + "the text \"Pink\"";
    QTest::newRow("other case") << QByteArray("\xa3red") << 0 << expected + "the text \"red\"";
    QTest::newRow("empty name") << hex("a0") << 0 << expected + "the text \"\"";
    QTest::newRow("name and zero") << QByteArray("\xa4Red\0", 5) << 0
                                   << expected + QString::fromLatin1("the text \"Red\0\"", 15);
    QTest::newRow("two names") << QByteArray("\xa8Red|Blue") << 0
                               << expected + "the text \"Red|Blue\"";
    QTest::newRow("too large") << hex("ce80000000") << 0 << expected + "the integer 2147483648";
    QTest::newRow("float") << hex("cb3fe0000000000000") << 0 << expected + "the number 0.5";
    QTest::newRow("true") << hex("c3") << 0 << expected + "true";
    QTest::newRow("nil") << hex("c0") << 0 << expected + "nil";
    QTest::newRow("list") << hex("9100") << 0 << expected + "an array of 1";
}

void tst_TypeCodec::enums()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, value);
    QFETCH(QString, failure);
    QCOMPARE(refusal<Painter::Color>(bytes), failure);
    if (!failure.isEmpty())
        return;
    QCOMPARE(int(*decode<Painter::Color>(bytes)), value);
    QCOMPARE(decode<int>(encode(Painter::Color(value))), std::optional(value));
}

void tst_TypeCodec::enumSizes()
{
    QCOMPARE(encode(Painter::Tiny::Top), hex("ccff"));
    QCOMPARE(decode<Painter::Tiny>(hex("ccff")), std::optional(Painter::Tiny::Top));
    QCOMPARE(decode<Painter::Tiny>("\xa3Top"), std::optional(Painter::Tiny::Top));
    QVERIFY(!decode<Painter::Tiny>(hex("cd0100")));
    QVERIFY(!decode<Painter::Tiny>(hex("ff")));
    QCOMPARE(encode(Painter::Wide::Least), hex("d38000000000000000"));
    QCOMPARE(decode<Painter::Wide>(hex("d38000000000000000")), std::optional(Painter::Wide::Least));
    QCOMPARE(decode<Painter::Wide>("\xa3One"), std::optional(Painter::Wide::One));
    QCOMPARE(encode(Painter::NoName), hex("03"));
    QCOMPARE(decode<Painter::Undeclared>(hex("03")), std::optional(Painter::NoName));
    QVERIFY(!decode<Painter::Undeclared>(QByteArray("\xa6NoName")));
}

void tst_TypeCodec::enumInContainers()
{
    const QList<Painter::Color> colors{Painter::Red, Painter::Blue};
    QCOMPARE(encode(colors), hex("9200f9"));
    QCOMPARE(decode<QList<Painter::Color>>(QByteArray("\x92\xa3Red\xa4"
                                                      "Blue")),
             std::optional(colors));
    const auto map = decode<QMap<Painter::Color, int>>(QByteArray("\x81\xa3Red\x01"));
    QVERIFY(map);
    QCOMPARE(map->value(Painter::Red), 1);
    QCOMPARE(encode(QVariant::fromValue(colors)), hex("9200f9"));
}

void tst_TypeCodec::flags_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("value");
    QTest::addColumn<QString>("failure");
    const QString expected = "expected names of QFlags<Painter::Style> (Bold, Italic, Both, High) "
                             "joined by |, or an "
                             "integer that fits it, got ";
    QTest::newRow("none") << hex("00") << 0 << "";
    QTest::newRow("two") << hex("03") << 3 << "";
    QTest::newRow("undeclared bits") << hex("63") << 99 << "";
    QTest::newRow("name") << QByteArray("\xa4"
                                        "Bold")
                          << 1 << "";
    QTest::newRow("names") << QByteArray("\xab"
                                         "Bold|Italic")
                           << 3 << "";
    QTest::newRow("names with blanks") << QByteArray("\xad"
                                                     "Bold | Italic")
                                       << 3 << "";
    QTest::newRow("high") << QByteArray("\xa9High|Bold") << 0x40000001 << "";
    QTest::newRow("unknown name") << QByteArray("\xa9"
                                                "Bold|Thin")
                                  << 0 << expected + "the text \"Bold|Thin\"";
    QTest::newRow("empty") << hex("a0") << 0 << expected + "the text \"\"";
    QTest::newRow("33 bits") << hex("cf0000000100000000") << 0
                             << expected + "the integer 4294967296";
    QTest::newRow("nil") << hex("c0") << 0 << expected + "nil";
}

void tst_TypeCodec::flags()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, value);
    QFETCH(QString, failure);
    QCOMPARE(refusal<Painter::Styles>(bytes), failure);
    if (!failure.isEmpty())
        return;
    QCOMPARE(decode<Painter::Styles>(bytes)->toInt(), Painter::Styles::Int(value));
    QCOMPARE(decode<int>(encode(Painter::Styles::fromInt(Painter::Styles::Int(value)))),
             std::optional(value));
}

void tst_TypeCodec::flagsHaveNoSign()
{
    QCOMPARE(encode(Painter::Bits(Painter::Topmost)), hex("ce80000000"));
    QCOMPARE(decode<Painter::Bits>(hex("ce80000000")),
             std::optional<Painter::Bits>(Painter::Topmost));
    QCOMPARE(decode<Painter::Bits>(hex("d280000000")),
             std::optional<Painter::Bits>(Painter::Topmost));
    QCOMPARE(decode<Painter::Bits>("\xa7Topmost"), std::optional<Painter::Bits>(Painter::Topmost));
    QCOMPARE(encode(Painter::Undeclareds(Painter::NoName)), hex("03"));
    QCOMPARE(decode<Painter::Undeclareds>(hex("03")),
             std::optional<Painter::Undeclareds>(Painter::NoName));
}

void tst_TypeCodec::gadgetBytes()
{
    QCOMPARE(encode(Point{3, 0.5}), hex("82 a178 03 a179 cb3fe0000000000000"));
    const QVariantMap map = decodeVariant(encode(Polygon())).toMap();
    QCOMPARE(map.keys(),
             (QStringList{"area", "center", "color", "extra", "name", "points", "styles"}));
    QCOMPARE(map.value("area"), QVariant(42));
    QCOMPARE(map.value("color"), QVariant(5));
    QCOMPARE(map.value("center"), QVariant(QVariantMap{{"x", 1LL}, {"y", 2.0}}));
    // Inherited properties come first.
    QVERIFY(encode(Polygon()).startsWith(hex("87 a46e616d65 a46e6f6e65 a5636f6c6f72 05")));
}

void tst_TypeCodec::gadgetRoundTrip()
{
    Polygon polygon;
    polygon.name = "triangle";
    polygon.color = Painter::Blue;
    polygon.styles = Painter::Styles(Painter::Bold) | Painter::High;
    polygon.points = {{1, 2}, {3, 4.5}};
    polygon.center = {5, 6};
    polygon.extra = QVariantList{1LL, "x"};
    const auto read = decode<Polygon>(encode(polygon));
    QVERIFY(read);
    QCOMPARE(read->name, polygon.name);
    QCOMPARE(read->color, polygon.color);
    QCOMPARE(read->styles, polygon.styles);
    QCOMPARE(read->points, polygon.points);
    QCOMPARE(read->center, polygon.center);
    QCOMPARE(read->extra, polygon.extra);
    QCOMPARE(decode<Shape>(hex("82a461726561c0a673656372657407"))->secret, 7);
}

void tst_TypeCodec::gadgetKeys_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<Point>("point");
    QTest::newRow("both") << hex("82a17805a17906") << Point{5, 6};
    QTest::newRow("other order") << hex("82a17906a17805") << Point{5, 6};
    QTest::newRow("binary keys") << hex("82c4017906c4017805") << Point{5, 6};
    QTest::newRow("long form of keys") << hex("82d9017805da00017906") << Point{5, 6};
    QTest::newRow("missing keys keep defaults") << hex("81a17906") << Point{1, 6};
    QTest::newRow("none") << hex("80") << Point{1, 2};
    QTest::newRow("empty array") << hex("90") << Point{1, 2};
    QTest::newRow("unknown keys") << hex("85 a17a 9101 a17805 a0 c0 a17906 a27878 80")
                                  << Point{5, 6};
    QTest::newRow("other keys") << hex("86 01 02 c0 03 9101 04 a17805 810102 05 a17906")
                                << Point{5, 6};
    QTest::newRow("twice") << hex("82a17805a17806") << Point{6, 2};
}

void tst_TypeCodec::gadgetKeys()
{
    QFETCH(QByteArray, bytes);
    QFETCH(Point, point);
    QString failure;
    const auto read = decode<Point>(bytes, &failure);
    QVERIFY2(read, qPrintable(failure));
    QCOMPARE(*read, point);
}

void tst_TypeCodec::gadgetMessages_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("failure");
    const QString integer = "expected an integer from -2147483648 to 2147483647, got ";
    QTest::newRow("no map") << hex("01") << "expected a map, got the integer 1";
    QTest::newRow("array") << hex("9101") << "expected a map, got an array of 1";
    QTest::newRow("nested") << hex("81a663656e74657281a178a0")
                            << "key \"center\": key \"x\": " + integer + "the text \"\"";
    QTest::newRow("in list") << QByteArray("\x81\xa6points\x92\x80\x81\xa1x\xc0")
                             << "key \"points\": element 1: key \"x\": " + integer + "nil";
    QTest::newRow("enum") << QByteArray("\x81\xa5"
                                        "color\xa4Pink")
                          << "key \"color\": expected a name of Painter::Color (Red, Green, Blue), "
                             "or an integer that "
                             "fits it, got the text \"Pink\"";
    QTest::newRow("cut off") << QByteArray("\x81\xa4name")
                             << "key \"name\": expected text, got nothing";
    QTest::newRow("key cut off") << QByteArray("\x81\xa4nam")
                                 << "expected a complete value, got malformed bytes";
    QTest::newRow("unknown cut off")
            << QByteArray("\x81\xa1?") << "expected a complete value, got nothing";
}

void tst_TypeCodec::gadgetMessages()
{
    QFETCH(QByteArray, bytes);
    QTEST(refusal<Polygon>(bytes), "failure");
}

void tst_TypeCodec::gadgetAsVariant()
{
    const QVariant value = QVariant::fromValue(Point{3, 4});
    QCOMPARE(encode(value), encode(Point{3, 4}));
    QCOMPARE(encode(QVariantList{value}), hex("91") + encode(Point{3, 4}));
    QVariant read(QMetaType::fromType<QList<Point>>());
    const TypeCodec *codec = typeCodec(read.metaType());
    QVERIFY(codec != nullptr);
    const QByteArray bytes = hex("9282a17805a17906 80");
    Reader reader(bytes);
    QVERIFY(codec->read(reader, read.data()));
    QCOMPARE(read.value<QList<Point>>(), (QList<Point>{{5, 6}, {1, 2}}));
}

void tst_TypeCodec::gadgetNestsItself()
{
    Tree tree;
    for (int i = 1; i < 100; ++i)
        tree = Tree{i, {tree, Tree{-i, {}}}};
    const QByteArray bytes = encode(tree);
    const auto read = decode<Tree>(bytes);
    QVERIFY(read);
    QCOMPARE(encode(*read), bytes);

    // Not bounded by types: a limit ends it, on both sides. Two levels are one tree.
    const QByteArray level = QByteArray("\x81\xa8"
                                        "children\x91");
    QVERIFY(decode<Tree>(level.repeated(511) + hex("80")));
    const QString failure = refusal<Tree>(level.repeated(100'000) + hex("80"));
    QVERIFY2(failure.contains("nested at most 1024 deep"), qPrintable(failure));
    Tree deep;
    for (int i = 0; i < 1500; ++i)
        deep = Tree{i, {deep}};
    Writer writer;
    Codec<Tree>::write(writer, deep);
    QVERIFY2(writer.failure().endsWith("it is nested more than 1024 deep"),
             qPrintable(writer.failure()));
}

void tst_TypeCodec::gadgetWithOpaqueProperty()
{
    Writer writer;
    Codec<Holder>::write(writer, Holder());
    QCOMPARE(writer.failure(), "key \"opaque\": a registered type for property opaque of Holder "
                               "(Opaque has no form on the wire)");
    QVERIFY(decode<Holder>(hex("81a66265666f726505"))); // what comes has no such key
    QCOMPARE(refusal<Holder>(QByteArray("\x81\xa6object\xc0")),
             "key \"object\": expected a registered type for property object of Holder (QObject* "
             "has no form on the "
             "wire), got nil");
}

void tst_TypeCodec::containers()
{
    const QMap<int, QList<Point>> map{{1, {{2, 3}}}, {4, {}}};
    const QVariant value = QVariant::fromValue(map);
    const TypeCodec *codec = typeCodec(value.metaType());
    QVERIFY(codec != nullptr);
    Writer writer;
    codec->write(writer, value.constData());
    QCOMPARE(writer.bytes(), encode(map));
    QMap<int, QList<Point>> read{{9, {}}};
    const QByteArray bytes = writer.bytes();
    Reader reader(bytes);
    QVERIFY(codec->read(reader, &read));
    QCOMPARE(read, map);

    const QByteArray wrong = hex("8201 91 81a178a0 04 90");
    Reader wrongReader(wrong);
    QVERIFY(!codec->read(wrongReader, &read));
    QVERIFY(wrongReader.failure().startsWith(
            "key the integer 1: element 0: key \"x\": expected an integer"));
}

// Each element begins with its defaults, whatever came before it.
void tst_TypeCodec::elementsDoNotInherit()
{
    const TypeCodec *codec = typeCodec(QMetaType::fromType<std::list<Point>>());
    QVERIFY(codec != nullptr);
    std::list<Point> points{{7, 7}};
    const QByteArray bytes = hex("92 82a17805a17906 80");
    Reader reader(bytes);
    QVERIFY(codec->read(reader, &points));
    QCOMPARE(points, (std::list<Point>{{5, 6}, {1, 2}}));
}

void tst_TypeCodec::registerConversion()
{
    QVERIFY(typeCodec(QMetaType::fromType<Celsius>()) == nullptr);
    QVERIFY(refusal<Celsius>(hex("00")).contains("Celsius is not known to registerType()"));
    registerType<Celsius>([](const Celsius &c) { return QString::number(c.degrees); },
                          [](const QString &text) { return Celsius{text.toDouble()}; });
    QCOMPARE(encode(Celsius{36.5}), hex("a433362e35"));
    QCOMPARE(decode<Celsius>(hex("a433362e35")), std::optional(Celsius{36.5}));
    QCOMPARE(encode(QVariant::fromValue(Celsius{36.5})), hex("a433362e35"));
    QCOMPARE(refusal<Celsius>(hex("00")), "expected text, got the integer 0");
    QVERIFY(typeCodec(QMetaType::fromType<Celsius>())->isOwnKind(Reader::String));
}

void tst_TypeCodec::registerAgain()
{
    const auto identity = [](int factor) {
        registerType<Counted>([factor](const Counted &c) { return c.value * factor; },
                              [factor](int value) { return Counted{value / factor}; });
    };
    identity(1);
    const TypeCodec *first = typeCodec(QMetaType::fromType<Counted>());
    QCOMPARE(encode(Counted{3}), hex("03"));
    identity(2);
    const TypeCodec *second = typeCodec(QMetaType::fromType<Counted>());
    QVERIFY(second != first);
    QCOMPARE(encode(Counted{3}), hex("06"));
    QCOMPARE(encode(QVariant::fromValue(QList<Counted>{{3}})), hex("9106"));
    Writer writer;
    const Counted value{3};
    first->write(writer, &value); // lives on
    QCOMPARE(writer.bytes(), hex("03"));
}

void tst_TypeCodec::registerMayRefuse()
{
    registerType<Meters>(
            [](const Meters &m) { return m.value; },
            [](double value) { return value < 0 ? std::nullopt : std::optional(Meters{value}); });
    QCOMPARE(decode<Meters>(hex("05")), std::optional(Meters{5}));
    QCOMPARE(refusal<Meters>(hex("ff")), "expected a valid Meters, got the integer -1");
    QCOMPARE(refusal<QList<Meters>>(hex("9201ff")),
             "element 1: expected a valid Meters, got the integer -1");
}

void tst_TypeCodec::registerMayThrow()
{
    registerType<Throwing>(
            [](const Throwing &t) { return t.value ? throw std::runtime_error("no") : 1; },
            [](int value) { return value ? throw std::runtime_error("no") : Throwing{}; });
    QVERIFY(decode<Throwing>(hex("00")));
    QCOMPARE(refusal<Throwing>(hex("01")), "expected a valid Throwing, got the integer 1");
    Writer writer;
    Codec<Throwing>::write(writer, Throwing{1});
    QCOMPARE(writer.failure(), "the function that writes Throwing threw an exception");
}

// A large body that a conversion takes and refuses is gone; the message must not look at it.
void tst_TypeCodec::registerMember()
{
    registerType<Wrapped>(&Wrapped::content, [](const QByteArray &bytes) noexcept {
        return bytes.startsWith('x') ? std::nullopt : std::optional(Wrapped{bytes});
    });
    QCOMPARE(encode(Wrapped{"a"}), hex("c40161"));
    QByteArray frame = hex("91c600010000") + QByteArray(65536, 'x');
    Reader reader(QByteArrayView(frame), &frame);
    QList<Wrapped> list;
    QVERIFY(!Codec<QList<Wrapped>>::read(reader, list));
    QCOMPARE(reader.failure(), "element 0: expected a valid Wrapped, got a large binary");
}

void tst_TypeCodec::registerCompileTimeType()
{
    const auto type = QMetaType::fromType<Custom::Money>();
    QVERIFY(typeCodec(type) == nullptr);
    QCOMPARE(encode(Custom::Money{5}), hex("05"));
    registerType<Custom::Money>();
    QVERIFY(typeCodec(type) != nullptr);
    QCOMPARE(encode(QVariant::fromValue(Custom::Money{5})), hex("05"));
}

void tst_TypeCodec::registerGadgetIsHarmless()
{
    registerType<Point>();
    registerType<Painter::Color>();
    QCOMPARE(encode(Point{3, 0.5}), hex("82 a178 03 a179 cb3fe0000000000000"));
    QCOMPARE(decode<Painter::Color>(hex("05")), std::optional(Painter::Green));
}

void tst_TypeCodec::registerUnknownWarns()
{
    QTest::ignoreMessage(
            QtWarningMsg,
            "MsgpackRpc::registerType<Unregistered>() needs two functions: it has no form on "
            "the wire of its own");
    registerType<Unregistered>();
    QVERIFY(typeCodec(QMetaType::fromType<Unregistered>()) == nullptr);
}

void tst_TypeCodec::containersOfRegistered()
{
    registerType<Custom::Money>();
    QCOMPARE(encode(QVariant::fromValue(QList<Custom::Money>{{5}})), hex("9105"));
    QCOMPARE(encode(QVariant::fromValue(QMap<QString, Custom::Money>{{"a", {5}}})),
             hex("81a16105"));
    // What was registered for the container itself stays.
    registerType<QList<Custom::Money>>(
            [](const QList<Custom::Money> &list) { return int(list.size()); },
            [](int count) { return QList<Custom::Money>(count); });
    registerType<Custom::Money>();
    QCOMPARE(encode(QVariant::fromValue(QList<Custom::Money>{{5}})), hex("01"));
}

void tst_TypeCodec::optionalAtRunTime()
{
    using Type = std::optional<int>;
    registerType<Type>();
    const TypeCodec *codec = typeCodec(QMetaType::fromType<Type>());
    QVERIFY(codec != nullptr);
    QVERIFY(codec->isOwnKind(Reader::Nil) && codec->isOwnKind(Reader::Integer)
            && !codec->isOwnKind(Reader::Map));
    QCOMPARE(encode(QVariant::fromValue(Type())), hex("c0"));
    QCOMPARE(encode(QVariant::fromValue(Type(1))), hex("01"));
    registerType<std::pair<int, QString>>();
    QCOMPARE(encode(QVariant::fromValue(std::pair<int, QString>(1, "a"))), hex("9201a161"));
}

template<int I>
struct Numbered
{
    int value = 0;
};

template<int... I>
static void useAll(std::integer_sequence<int, I...>, std::atomic<int> &wrong)
{
    const auto use = [&wrong](auto sample) {
        using T = decltype(sample);
        registerType<T>([](const T &t) { return t.value; }, [](int value) { return T{value}; });
        if (decode<T>(encode(T{42}))->value != 42
            || encode(QVariant::fromValue(QList<T>{{1}})) != hex("9101"))
            ++wrong;
    };
    (use(Numbered<I>()), ...);
}

void tst_TypeCodec::manyThreads()
{
    std::atomic<int> wrong = 0;
    QThreadPool pool;
    pool.setMaxThreadCount(8);
    for (int i = 0; i < 64; ++i) {
        pool.start([&wrong] {
            useAll(std::make_integer_sequence<int, 20>(), wrong);
            if (encode(Tree{1, {}}) != encode(Tree{1, {}})
                || !typeCodec(QMetaType::fromType<std::list<Tree>>()))
                ++wrong;
        });
    }
    QVERIFY(pool.waitForDone());
    QCOMPARE(wrong.load(), 0);
}

void tst_TypeCodec::halfRegistered()
{
    QByteArray list, map;
    SlowRegistration<std::list<Seldom>>::runMeanwhile([&] {
        list = encode(QVariant::fromValue(std::list<Seldom>{{1}, {2}}));
    });
    SlowRegistration<std::map<int, Seldom>>::runMeanwhile([&] {
        map = encode(QVariant::fromValue(std::map<int, Seldom>{{1, {2}}}));
    });
    QCOMPARE(list, hex("9281a576616c75650181a576616c756502"));
    QCOMPARE(map, hex("810181a576616c756502"));
}

QTEST_APPLESS_MAIN(tst_TypeCodec)
#include "tst_typecodec.moc"
