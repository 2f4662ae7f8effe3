// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/codec.h>

#include "wire/timestamp_p.h"

#include <QtCore/QtEndian>

#include <limits>

namespace MsgpackRpc {

namespace {

constexpr qint8 TimestampType = -1;
constexpr qint64 MsecsPerSecond = 1000;
constexpr qint64 NsecsPerMsec = 1'000'000;

// The value of a timestamp in milliseconds; false if it is none, or not one that a QDateTime holds.
bool toMsecs(QByteArrayView data, qint64 &msecs)
{
    qint64 seconds = 0;
    qint64 nsecs = 0;
    if (data.size() == 4) {
        seconds = qFromBigEndian<quint32>(data.data());
    } else if (data.size() == 8) {
        const quint64 both = qFromBigEndian<quint64>(data.data());
        nsecs = qint64(both >> 34);
        seconds = qint64(both & ((Q_UINT64_C(1) << 34) - 1));
    } else if (data.size() == 12) {
        nsecs = qFromBigEndian<quint32>(data.data());
        seconds = qFromBigEndian<qint64>(data.data() + 4);
    } else {
        return false;
    }
    constexpr qint64 Most = std::numeric_limits<qint64>::max() / MsecsPerSecond - 1;
    if (nsecs >= MsecsPerSecond * NsecsPerMsec || nsecs % NsecsPerMsec != 0 || seconds > Most
        || seconds < -Most)
        return false;
    msecs = seconds * MsecsPerSecond + nsecs / NsecsPerMsec;
    return true;
}

// Takes nil as an invalid value, or text that \a parse makes a valid one of.
template<typename T, typename Parse>
bool readIsoText(Reader &reader, T &value, const char *expected, Parse parse)
{
    if (reader.kind() == Reader::Nil) {
        value = T();
        return reader.readNil();
    }
    const Reader start = reader;
    QString text;
    if (reader.readString(text)) {
        value = parse(text);
        if (value.isValid())
            return true;
    }
    reader.recover(start);
    return reader.fail(expected);
}

// hh:mm, hh:mm:ss or hh:mm:ss.f with at most three digits after the point: more would be rounded.
bool isExactTime(const QString &text)
{
    constexpr QLatin1String form("00:00:00.000");
    if (text.size() > form.size() || text.size() < 5 || text.size() == 6 || text.size() == 7
        || text.size() == 9)
        return false;
    for (qsizetype i = 0; i < text.size(); ++i) {
        const bool isDigit = text.at(i) >= QLatin1Char('0') && text.at(i) <= QLatin1Char('9');
        if (form.at(i) == QLatin1Char('0') ? !isDigit : text.at(i) != form.at(i))
            return false;
    }
    return true;
}

} // namespace

bool toDateTime(qint8 type, QByteArrayView data, QDateTime &value)
{
    qint64 msecs = 0;
    if (type != TimestampType || !toMsecs(data, msecs))
        return false;
    value = QDateTime::fromMSecsSinceEpoch(msecs, Qt::UTC);
    return value.isValid() && value.toMSecsSinceEpoch() == msecs;
}

bool Codec<QDateTime>::read(Reader &reader, QDateTime &value)
{
    if (reader.kind() == Reader::Nil) {
        value = QDateTime();
        return reader.readNil();
    }
    const Reader start = reader;
    qint8 type = 0;
    QByteArrayView data;
    if (reader.readExtension(type, data) && toDateTime(type, data, value))
        return true;
    reader.recover(start);
    return reader.fail("a timestamp of whole milliseconds");
}

void Codec<QDateTime>::write(Writer &writer, const QDateTime &value)
{
    if (!value.isValid())
        return writer.writeNil();
    const qint64 msecs = value.toMSecsSinceEpoch();
    qint64 seconds = msecs / MsecsPerSecond;
    qint64 rest = msecs % MsecsPerSecond;
    if (rest < 0) { // the fraction counts upwards before 1970 too
        rest += MsecsPerSecond;
        --seconds;
    }
    const auto nsecs = quint32(rest * NsecsPerMsec);
    char data[12];
    qsizetype size = 4;
    if (seconds >= 0 && seconds <= qint64(std::numeric_limits<quint32>::max()) && nsecs == 0) {
        qToBigEndian(quint32(seconds), data);
    } else if (seconds >= 0 && (seconds >> 34) == 0) {
        size = 8;
        qToBigEndian((quint64(nsecs) << 34) | quint64(seconds), data);
    } else {
        size = 12;
        qToBigEndian(nsecs, data);
        qToBigEndian(seconds, data + 4);
    }
    writer.writeExtension(TimestampType, QByteArrayView(data, size));
}

bool Codec<QDate>::read(Reader &reader, QDate &value)
{
    return readIsoText(reader, value, "a date as text in ISO 8601", [](const QString &text) {
        const QDate date = QDate::fromString(text, Qt::ISODate);
        return date.toString(Qt::ISODate) == text ? date : QDate();
    });
}

void Codec<QDate>::write(Writer &writer, QDate value)
{
    if (!value.isValid())
        return writer.writeNil();
    const QString text = value.toString(Qt::ISODate);
    if (text.isEmpty())
        writer.fail(QStringLiteral("the year %1 has no form in ISO 8601").arg(value.year()));
    else
        writer.writeString(text);
}

bool Codec<QTime>::read(Reader &reader, QTime &value)
{
    return readIsoText(reader, value, "a time as text in ISO 8601, of whole milliseconds",
                       [](const QString &text) {
                           const QTime time = isExactTime(text)
                                                      ? QTime::fromString(text, Qt::ISODateWithMs)
                                                      : QTime();
                           return time.toString(Qt::ISODateWithMs).startsWith(text)
                                          ? time
                                          : QTime(); // 24:00 is not 00:00
                       });
}

void Codec<QTime>::write(Writer &writer, QTime value)
{
    if (value.isValid())
        writer.writeString(value.toString(Qt::ISODateWithMs));
    else
        writer.writeNil();
}

} // namespace MsgpackRpc
