// SPDX-License-Identifier: Apache-2.0

// What others have written, as a part of a line of a log.
#include <MsgpackRpc/loggable.h>

#include <QtTest/QTest>

using MsgpackRpc::Detail::loggable;

class tst_Loggable : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void texts_data();
    void texts();
    void everyCharacter();
};

void tst_Loggable::texts_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("line");
    const auto same = [](const char *name, const QString &text) {
        QTest::newRow(name) << text << text;
    };
    const auto row = [](const char *name, const QString &text, const char *line) {
        QTest::newRow(name) << text << QString::fromUtf8(line);
    };
    same("empty", QString());
    same("plain", QStringLiteral("calc.add"));
    same("path", QStringLiteral("C:\\new\\table"));
    same("other languages", QStringLiteral("\u00e4\u4e2d\u05d0"));
    same("beyond 16 bits", QStringLiteral("\U0001f600"));
    same("joined", QStringLiteral("\u0645\u06cc\u200c\u062e\U0001f469\u200d\U0001f469a\u00adb"));
    row("tags that nobody sees", QStringLiteral("\U000e0041"), "\\udb40\\udc41");
    row("lines", QStringLiteral("a\nb\r\nc"), "a\\nb\\r\\nc");
    row("tab", QStringLiteral("a\tb"), "a\\tb");
    row("zero", QStringLiteral("a") + QChar(0) + QStringLiteral("b"), "a\\x00b");
    row("colours", QStringLiteral("\x1b[31mred"), "\\x1b[31mred");
    row("delete", QStringLiteral("\x7f"), "\\x7f");
    row("eight bits of control", QString(QChar(0x9b)), "\\x9b");
    row("line and paragraph", QString(QChar(0x2028)) + QChar(0x2029), "\\u2028\\u2029");
    row("from the right", QChar(0x202e) + QStringLiteral("txt"), "\\u202etxt");
    row("isolate", QString(QChar(0x2066)), "\\u2066");
    row("byte order mark", QString(QChar(0xfeff)), "\\ufeff");
    row("first half", QString(QChar(0xd83d)), "\\ud83d");
    row("second half", QChar(0xde00) + QStringLiteral("a"), "\\ude00a");
    const QString most(500, QLatin1Char('x'));
    same("most", most);
    row("one more", most + QLatin1Char('y'),
        (most + QString::fromUtf8("\u2026 (1 more)")).toUtf8());
    row("very long", most + QString(1'000'000, QLatin1Char('\n')),
        (most + QString::fromUtf8("\u2026 (1000000 more)")).toUtf8());
    row("a pair is not cut", most.left(499) + QStringLiteral("\U0001f600"),
        (most.left(499) + QString::fromUtf8("\u2026 (2 more)")).toUtf8());
}

void tst_Loggable::texts()
{
    QFETCH(const QString, text);
    QFETCH(const QString, line);
    QCOMPARE(loggable(text), line);
}

void tst_Loggable::everyCharacter()
{
    for (int c = 0; c <= 0xffff; ++c) {
        const QString line = loggable(QStringLiteral("a") + QChar(c) + QStringLiteral("b"));
        const bool isEscaped = line.size() > 3;
        QCOMPARE(line.startsWith(u"a\\") && isEscaped, isEscaped);
        QVERIFY(c < 0x20 ? isEscaped : c >= 0x7f || !isEscaped);
        QVERIFY(isEscaped || QString::fromUtf8(line.toUtf8()) == line);
    }
}

QTEST_APPLESS_MAIN(tst_Loggable)

#include "tst_loggable.moc"
