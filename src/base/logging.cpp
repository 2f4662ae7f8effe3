// SPDX-License-Identifier: Apache-2.0
#include "base/logging_p.h"

namespace MsgpackRpc {

Q_LOGGING_CATEGORY(lcBase, "msgpackrpc.base", QtInfoMsg)
Q_LOGGING_CATEGORY(lcWire, "msgpackrpc.wire", QtInfoMsg)
Q_LOGGING_CATEGORY(lcTransport, "msgpackrpc.transport", QtInfoMsg)
Q_LOGGING_CATEGORY(lcSession, "msgpackrpc.session", QtInfoMsg)
Q_LOGGING_CATEGORY(lcCall, "msgpackrpc.call", QtInfoMsg)
Q_LOGGING_CATEGORY(lcDispatch, "msgpackrpc.dispatch", QtInfoMsg)
Q_LOGGING_CATEGORY(lcEndpoint, "msgpackrpc.endpoint", QtInfoMsg)

namespace {

// Half of a pair is for itself no text, and cannot be written as UTF-8.
bool isAlone(const QString &text, qsizetype i)
{
    const QChar c = text[i];
    if (c.isHighSurrogate())
        return i + 1 == text.size() || !text[i + 1].isLowSurrogate();
    return c.isLowSurrogate() && (i == 0 || !text[i - 1].isHighSurrogate());
}

// The whole character that text[i], which is not alone, is of.
char32_t pointAt(const QString &text, qsizetype i)
{
    const QChar c = text[i];
    if (c.isHighSurrogate())
        return QChar::surrogateToUcs4(c, text[i + 1]);
    return c.isLowSurrogate() ? QChar::surrogateToUcs4(text[i - 1], c) : c.unicode();
}

// Words and pictures are written with them in several scripts.
bool isJoiner(char32_t c)
{
    return c == 0xad || c == 0x200c || c == 0x200d;
}

bool isToBeEscaped(char32_t c)
{
    switch (QChar::category(c)) {
    case QChar::Other_Format: // such as those that turn the direction
        return !isJoiner(c);
    case QChar::Other_Control:
    case QChar::Separator_Line:
    case QChar::Separator_Paragraph:
        return true;
    default:
        return false;
    }
}

QString escaped(QChar c)
{
    if (c == QLatin1Char('\n'))
        return QStringLiteral("\\n");
    if (c == QLatin1Char('\r'))
        return QStringLiteral("\\r");
    if (c == QLatin1Char('\t'))
        return QStringLiteral("\\t");
    return c.unicode() < 0x100 ? QStringLiteral("\\x%1").arg(c.unicode(), 2, 16, QLatin1Char('0'))
                               : QStringLiteral("\\u%1").arg(c.unicode(), 4, 16, QLatin1Char('0'));
}

} // namespace

QString Detail::loggable(const QString &text, qsizetype most)
{
    QString line;
    qsizetype i = 0;
    for (; i < text.size() && i < most; ++i)
        line += isAlone(text, i) || isToBeEscaped(pointAt(text, i)) ? escaped(text[i])
                                                                    : QString(text[i]);
    // Nor is a pair cut.
    if (i < text.size() && i > 0 && text[i].isLowSurrogate() && text[i - 1].isHighSurrogate()) {
        line.chop(1);
        --i;
    }
    if (i < text.size())
        line += QStringLiteral("… (%1 more)").arg(text.size() - i);
    return line;
}

} // namespace MsgpackRpc
