// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/reader.h>

#include <QtCore/QLocale>

namespace MsgpackRpc {

namespace {

// The beginning of a text, for messages.
QString shortened(QByteArrayView text)
{
    constexpr qsizetype Shown = 40;
    const QString shown = QString::fromUtf8(text.first(qMin(text.size(), Shown)));
    return text.size() > Shown ? shown + QChar(0x2026) : shown;
}

QString describeBytes(Reader &at)
{
    const bool isText = at.kind() == Reader::String;
    QByteArrayView bytes;
    at.readBytesView(bytes);
    return isText ? QStringLiteral("the text \"%1\"").arg(shortened(bytes))
                  : QStringLiteral("binary of %1 bytes").arg(bytes.size());
}

QString describeContainer(Reader &at)
{
    quint32 count = 0;
    qint8 type = 0;
    QByteArrayView data;
    switch (at.kind()) {
    case Reader::Array:
        at.readArray(count);
        return QStringLiteral("an array of %1").arg(count);
    case Reader::Map:
        at.readMap(count);
        return QStringLiteral("a map of %1").arg(count);
    default:
        at.readExtension(type, data);
        return QStringLiteral("an extension of type %1").arg(type);
    }
}

} // namespace

Reader::Details *Reader::details()
{
    if (!m_details)
        m_details = new Details;
    else
        m_details.detach();
    return m_details.data();
}

bool Reader::fail(const char *expected) noexcept
{
    if (!m_hasFailed) {
        m_hasFailed = true;
        m_failed = m_pos;
        m_expected = expected;
    }
    return false;
}

bool Reader::fail(const QString &expected)
{
    if (!m_hasFailed) {
        m_hasFailed = true;
        m_failed = m_pos;
        m_expected = nullptr;
        details()->expected = expected;
    }
    return false;
}

bool Reader::failedIn(quint32 index)
{
    return addPlace(QStringLiteral("element %1").arg(index));
}

bool Reader::failedIn(QByteArrayView key)
{
    return addPlace(QStringLiteral("key \"%1\"").arg(shortened(key)));
}

bool Reader::failedIn(const Reader &key)
{
    if (m_isMoved) // the bytes of the key may be gone
        return false;
    Reader start = key;
    QByteArrayView text;
    return start.readBytesView(text) ? failedIn(text)
                                     : addPlace(QStringLiteral("key ") + key.describe());
}

bool Reader::addPlace(const QString &place)
{
    constexpr qsizetype Longest = 200; // the innermost places say most
    Details *d = details();
    if (d->where.size() < Longest)
        d->where = place + QLatin1String(": ") + d->where;
    return false;
}

void Reader::recover(const Reader &position) noexcept
{
    const bool isMoved = m_isMoved && !position.m_isMoved;
    const int depth = m_depth;
    *this = position;
    m_depth = depth;
    if (isMoved) {
        m_pos = m_end = nullptr;
        m_frame = nullptr;
        m_isMoved = true;
    }
}

QString Reader::failure() const
{
    if (!m_hasFailed)
        return {};
    Reader at;
    if (m_failed != nullptr && !m_isMoved) {
        at.m_pos = m_failed;
        at.m_end = m_end;
    }
    at.m_isMoved = m_isMoved;
    const QString where = m_details ? m_details->where : QString();
    const QString expected =
            m_expected != nullptr ? QString::fromLatin1(m_expected) : m_details->expected;
    return QStringLiteral("%1expected %2, got %3").arg(where, expected, at.describe());
}

QString Reader::describe() const
{
    Reader at = *this;
    switch (kind()) {
    case End:
        return m_isMoved ? QStringLiteral("a large binary") : QStringLiteral("nothing");
    case Nil:
        return QStringLiteral("nil");
    case Boolean: {
        bool value = false;
        at.readBool(value);
        return value ? QStringLiteral("true") : QStringLiteral("false");
    }
    case Integer: {
        quint64 bits = 0;
        bool isNegative = false;
        at.readInteger(bits, isNegative);
        const QString number = isNegative ? QString::number(qint64(bits)) : QString::number(bits);
        return QStringLiteral("the integer %1").arg(number);
    }
    case Float: {
        double number = 0;
        at.readDouble(number);
        return QStringLiteral("the number %1").arg(number, 0, 'g', QLocale::FloatingPointShortest);
    }
    case String:
    case Binary:
        return describeBytes(at);
    case Array:
    case Map:
    case Ext:
        return describeContainer(at);
    case Malformed:
        break;
    }
    return QStringLiteral("malformed bytes");
}

} // namespace MsgpackRpc
