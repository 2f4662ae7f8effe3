// SPDX-License-Identifier: Apache-2.0

// Typed values of any bytes: what is decoded is encoded, and comes back the same.
#include "fuzz.h"

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/extension.h>

#include <QtCore/QDate>
#include <QtCore/QDateTime>
#include <QtCore/QTime>
#include <QtCore/QUrl>
#include <QtCore/QUuid>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

using namespace MsgpackRpc;

class Person
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(int age MEMBER age)
    Q_PROPERTY(Color color MEMBER color)
    Q_PROPERTY(QStringList tags MEMBER tags)
    Q_PROPERTY(QVariant extra MEMBER extra)

public:
    enum Color : int { Red = 1, Green = -5, Blue = 1000 };
    Q_ENUM(Color)
    enum Right : int { Read = 1, Write = 2, Run = 4 };
    Q_DECLARE_FLAGS(Rights, Right)
    Q_FLAG(Rights)

    QString name;
    int age = 0;
    Color color = Red;
    QStringList tags;
    QVariant extra;
};

namespace {

template<typename T>
QByteArray encode(const T &value, WireFormat format)
{
    Writer writer(format);
    Codec<T>::write(writer, value);
    return writer.hasFailed() ? QByteArray() : writer.bytes();
}

// What is decoded is of the type: nothing of it is lost by encoding.
template<typename T>
void roundTrip(QByteArrayView bytes)
{
    Reader reader(bytes);
    T value{};
    if (!Codec<T>::read(reader, value)) {
        Fuzz::require(reader.hasFailed() && !reader.failure().isEmpty(), "a failure says why",
                      bytes.toByteArray().toHex());
        return;
    }
    Fuzz::require(!reader.hasFailed(), "who succeeds leaves no failure");
    const QByteArray once = encode(value, WireFormat::Modern);
    Fuzz::require(!once.isEmpty(), "what was read can be written", bytes.toByteArray().toHex());
    Reader again(once);
    T second{};
    Fuzz::require(Codec<T>::read(again, second) && again.atEnd(), "it is read back",
                  once.toHex() + again.failure().toUtf8());
    Fuzz::require(encode(second, WireFormat::Modern) == once, "it is the same when it is read back",
                  once.toHex());
    encode(value, WireFormat::Compatibility);
}

using RoundTrip = void (*)(QByteArrayView);

constexpr RoundTrip roundTrips[] = {
        roundTrip<std::nullptr_t>,
        roundTrip<bool>,
        roundTrip<qint8>,
        roundTrip<quint16>,
        roundTrip<int>,
        roundTrip<quint64>,
        roundTrip<float>,
        roundTrip<double>,
        roundTrip<QString>,
        roundTrip<std::string>,
        roundTrip<QByteArray>,
        roundTrip<QStringList>,
        roundTrip<QList<int>>,
        roundTrip<QList<QByteArray>>,
        roundTrip<std::vector<std::optional<double>>>,
        roundTrip<std::array<int, 3>>,
        roundTrip<std::pair<QString, int>>,
        roundTrip<std::tuple<bool, QByteArray, QVariant>>,
        roundTrip<QMap<QString, int>>,
        roundTrip<QMap<int, QStringList>>,
        roundTrip<std::map<std::string, std::vector<int>>>,
        roundTrip<QVariantList>,
        roundTrip<QVariantMap>,
        roundTrip<QDateTime>,
        roundTrip<QDate>,
        roundTrip<QTime>,
        roundTrip<QUrl>,
        roundTrip<QUuid>,
        roundTrip<Extension>,
        roundTrip<Person>,
        roundTrip<QList<Person>>,
        roundTrip<Person::Color>,
        roundTrip<Person::Rights>,
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz::Input input(data, size);
    roundTrips[input.byte() % std::size(roundTrips)](input.rest());
    return 0;
}

#include "fuzz_typed.moc"
