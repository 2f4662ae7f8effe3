// SPDX-License-Identifier: Apache-2.0

// Every type and each length at which its form changes must come back from `echo` undamaged.
#include "run.h"

#include <limits>

using MsgpackRpc::AnyKeyMap;
using MsgpackRpc::Extension;

namespace Conformance {

namespace {

constexpr int Lengths[] = {0, 1, 31, 32, 255, 256, 65'535, 65'536};

template<typename T>
void echoAll(Run &run, std::initializer_list<T> values)
{
    for (const T &value : values)
        run.echo(value);
}

void null(Run &run)
{
    run.echo(nullptr);
}

void booleans(Run &run)
{
    echoAll(run, {false, true});
}

void fixints(Run &run)
{
    echoAll(run, {0, 1, 127, -1, -32});
}

void int8s(Run &run)
{
    echoAll(run, {128, 255, -33, -128});
}

void int16s(Run &run)
{
    echoAll(run, {256, 32'767, 32'768, 65'535, -129, -32'768});
}

void int32s(Run &run)
{
    echoAll<qint64>(run, {65'536, 0x7fffffff, 0x80000000, 0xffffffff, -32'769, -0x80000000LL});
}

void int53s(Run &run)
{
    constexpr qint64 Exact = (qint64(1) << 53) - 1; // the last integer that a double is sure of
    echoAll<qint64>(run, {0x100000000, Exact, -0x80000001LL, -Exact});
}

void int64s(Run &run)
{
    using Range = std::numeric_limits<qint64>;
    echoAll<qint64>(run, {(qint64(1) << 53) + 1, Range::max(), Range::min(), Range::min() + 1});
}

void uint64s(Run &run)
{
    echoAll<quint64>(run, {quint64(1) << 63, std::numeric_limits<quint64>::max()});
}

void floats(Run &run)
{
    using Range = std::numeric_limits<double>;
    echoAll(run, {1.5f, -0.1f, std::numeric_limits<float>::max(), 1e-45f});
    echoAll(run, {0.1, -1e100, 3.0, Range::max(), Range::min(), Range::denorm_min()});
}

void specialFloats(Run &run)
{
    using Range = std::numeric_limits<double>;
    echoAll(run, {Range::infinity(), -Range::infinity(), Range::quiet_NaN()});
}

void negativeZero(Run &run)
{
    run.echo(-0.0);
}

void strings(Run &run)
{
    for (const int length : Lengths)
        run.echo(QString(length, u's'));
}

void unicode(Run &run)
{
    for (const char16_t *text : {u"Grüße, Welt", u"Ελληνικά", u"日本語のテキスト",
                                 u"e\u0301 \u200d\ufeff", u"\U0001f680\U0010ffff"})
        run.echo(QString::fromUtf16(text));
    run.echo(QStringLiteral("a zero\0in it"));
    run.echo(QStringLiteral(u"ü").repeated(128)); // 128 characters, 256 bytes
}

void binaries(Run &run)
{
    QByteArray all(256, '\0');
    for (int i = 0; i < all.size(); ++i)
        all[i] = char(i);
    run.echo(all);
    for (const int length : Lengths)
        run.echo(QByteArray(length, '\xff'));
}

void extensions(Run &run)
{
    run.needModern(QStringLiteral("extensions"));
    for (const int length : {0, 1, 2, 3, 4, 8, 16, 17, 255, 256, 65'535, 65'536})
        run.echo(Extension{5, QByteArray(length, '\xe5')});
    run.echo(Extension{127, "x"});
    run.echo(Extension{0, "x"});
}

void timestamps(Run &run)
{
    run.needModern(QStringLiteral("extensions"));
    run.echo(Extension{-1, QByteArray::fromHex("5fc00000")}); // seconds
    run.echo(Extension{-1, QByteArray::fromHex("ee6b27fc5fc00000")}); // nanoseconds in 30 bits
    run.echo(Extension{-1, QByteArray::fromHex("00000001fffffffffffffff0")}); // before 1970
}

void arrays(Run &run)
{
    for (const int length : {0, 1, 15, 16, 65'535, 65'536})
        run.echo(QList<int>(length, 7));
    run.echo(QVariantList{1, QStringLiteral("two"), 3.5, QVariant(), true});
}

void maps(Run &run)
{
    for (const int length : {0, 1, 15, 16, 65'535, 65'536}) {
        QMap<QString, int> map;
        for (int i = 0; i < length; ++i)
            map.insert(QStringLiteral("k%1").arg(i), i);
        run.echo(map);
    }
}

void integerKeys(Run &run)
{
    run.echo(QMap<qint64, QString>{{0, QStringLiteral("zero")},
                                   {7, QStringLiteral("seven")},
                                   {-1, QStringLiteral("minus one")},
                                   {70'000, QString()}});
}

void anyKeys(Run &run)
{
    run.echo(AnyKeyMap{{QVariant(), 1}, {true, 2}, {1.5, 3}, {QStringLiteral("text"), 4}, {9, 5}});
}

void containerKeys(Run &run)
{
    run.echo(AnyKeyMap{{QVariantList{1, 2}, 1}, {QVariantMap{{QStringLiteral("a"), 1}}, 2}});
}

void nested(Run &run)
{
    QVariant value = QVariantList();
    for (int i = 0; i < 30; ++i) {
        value = i % 2 == 0 ? QVariant(QVariantMap{{QStringLiteral("in"), value}})
                           : QVariant(QVariantList{i, value, QVariant()});
    }
    run.echo(value);
    run.echo(QVariantList{QVariantList(), QVariantMap(), QVariantList{QVariantList()}});
}

// Bytes of which no two neighbouring blocks are the same.
QByteArray mixedBytes(qsizetype size)
{
    QByteArray bytes(size, Qt::Uninitialized);
    quint32 state = 1;
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

void mebibyte(Run &run)
{
    run.echo(QString(1024 * 1024, u'x'));
    if (run.settings().format == MsgpackRpc::WireFormat::Modern)
        run.echo(mixedBytes(1024 * 1024));
}

void large(Run &run)
{
    QStringList lines;
    for (int i = 0; i < 100'000; ++i)
        lines += QStringLiteral("line %1 of a text that is rather long").arg(i);
    run.echo(lines);
    run.checkAlive(QStringLiteral("after 4 MiB"));
}

} // namespace

QList<Case> echoCases()
{
    return {
            {"echo-nil", "nil", null},
            {"echo-bool", "false and true", booleans},
            {"echo-fixint", "integers of one byte", fixints},
            {"echo-int8", "integers of 8 bits", int8s},
            {"echo-int16", "integers of 16 bits", int16s},
            {"echo-int32", "integers of 32 bits", int32s},
            {"echo-int53", "integers that a double holds", int53s},
            {"echo-int64", "signed integers of 64 bits", int64s},
            {"echo-uint64", "unsigned integers of 64 bits", uint64s},
            {"echo-float", "floats of 32 and 64 bits", floats},
            {"echo-float-special", "infinities and NaN", specialFloats},
            {"echo-negative-zero", "-0.0", negativeZero},
            {"echo-str", "text of each form, 0 to 65536 bytes", strings},
            {"echo-unicode", "text beyond ASCII, and with a zero", unicode},
            {"echo-bin", "binary of each form, 0 to 65536 bytes, each byte", binaries},
            {"echo-ext", "extensions of each form", extensions},
            {"echo-timestamp", "timestamps of each form", timestamps},
            {"echo-array", "arrays of each form, 0 to 65536 elements", arrays},
            {"echo-map", "maps of each form, 0 to 65536 entries", maps},
            {"echo-map-int-keys", "maps with integers as keys", integerKeys},
            {"echo-map-any-keys", "maps with keys of different types", anyKeys},
            {"echo-map-container-keys", "maps with arrays and maps as keys", containerKeys},
            {"echo-nested", "arrays and maps in each other, 30 deep", nested},
            {"echo-1mib", "text, and binary, of 1 MiB", mebibyte},
            {"echo-large", "100000 lines, 4 MiB", large},
    };
}

} // namespace Conformance
