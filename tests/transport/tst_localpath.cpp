// SPDX-License-Identifier: Apache-2.0
#include "transport/connector_p.h"
#include "transport/localpath_p.h"

#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

using MsgpackRpc::Connector;
using MsgpackRpc::LocalPath;

// What a `local:` URL may be.
class tst_LocalPath : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { qputenv("XDG_RUNTIME_DIR", m_runtime); }
    void paths_data();
    void paths();
    void roundTrip();
    void wrong_data();
    void wrong();
    void tooLong();

private:
    QByteArray m_runtime = qgetenv("XDG_RUNTIME_DIR");
};

void tst_LocalPath::paths_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<QString>("path");

    QTest::newRow("name") << QUrl("local:name") << "/RUNTIME/name";
    QTest::newRow("dots") << QUrl("local:org.example.name") << "/RUNTIME/org.example.name";
    QTest::newRow("space") << QUrl("local:a b") << "/RUNTIME/a b";
    QTest::newRow("encoded") << QUrl("local:a%3Fb%25c") << "/RUNTIME/a?b%c";
    QTest::newRow("absolute") << QUrl("local:/run/x.sock") << "/run/x.sock";
    QTest::newRow("three slashes") << QUrl("local:///run/x.sock") << "/run/x.sock";
    QTest::newRow("four slashes") << QUrl("local:////run/x.sock") << "/run/x.sock";
    QTest::newRow("umlaut") << QUrl(QString::fromUtf8("local:/run/\xc3\xa4")) << "/run/\u00e4";
}

void tst_LocalPath::paths()
{
    QFETCH(QUrl, url);
    QFETCH(QString, path);
    QTemporaryDir runtime;
    qputenv("XDG_RUNTIME_DIR", runtime.path().toUtf8());
    path.replace(QStringLiteral("/RUNTIME"), runtime.path());
    QCOMPARE(Connector::check(url), QString());
    const LocalPath found = LocalPath::of(url);
    QCOMPARE(found.error, QString());
    QCOMPARE(found.path, path);
}

void tst_LocalPath::roundTrip()
{
    for (const QString &path : {QStringLiteral("/run/a?b%25#c"), QStringLiteral("/run/a b")}) {
        const QUrl url = LocalPath::toUrl(path);
        QCOMPARE(LocalPath::of(url).path, path);
        QCOMPARE(LocalPath::of(QUrl(url.toString(QUrl::FullyEncoded))).path, path);
    }
}

void tst_LocalPath::wrong_data()
{
    QTest::addColumn<QUrl>("url");
    QTest::addColumn<QString>("what");

    const QString name = QStringLiteral("there is no name");
    const QString path = QStringLiteral("neither a plain name nor an absolute path");
    QTest::newRow("nothing") << QUrl("local:") << name;
    QTest::newRow("host") << QUrl("local://name") << name;
    QTest::newRow("host and path") << QUrl("local://host/run/x.sock") << name;
    QTest::newRow("relative") << QUrl("local:folder/name") << path;
    QTest::newRow("parent") << QUrl("local:../name") << path;
    QTest::newRow("dot") << QUrl("local:.") << path;
    QTest::newRow("two dots") << QUrl("local:..") << path;
    QTest::newRow("folder") << QUrl("local:/run/") << path;
    QTest::newRow("query") << QUrl("local:a?b") << "%3F";
    QTest::newRow("fragment") << QUrl("local:a#b") << "%23";
    QTest::newRow("zero") << QUrl("local:a%00b") << "not the name of a file";
}

void tst_LocalPath::wrong()
{
    QFETCH(QUrl, url);
    QFETCH(QString, what);
    const QString error = Connector::check(url);
    QVERIFY2(error.contains(what), qPrintable(error));
    QCOMPARE(LocalPath::of(url).error, error);
}

void tst_LocalPath::tooLong()
{
    // What a sockaddr_un has room for, with its zero: 108 bytes here, 104 elsewhere.
    const QString fits = QLatin1Char('/') + QString(102, QLatin1Char('x'));
    QCOMPARE(LocalPath::of(LocalPath::toUrl(fits)).error, QString());
    const QString longer = QLatin1Char('/') + QString(110, QLatin1Char('x'));
    const QString error = LocalPath::of(LocalPath::toUrl(longer)).error;
    QVERIFY2(error.contains(QStringLiteral("111 bytes")), qPrintable(error));
    QVERIFY2(error.contains(QStringLiteral("at most")), qPrintable(error));
    // Bytes, not letters.
    const QString umlauts = QLatin1Char('/') + QString(60, QChar(0xe4));
    QVERIFY(!LocalPath::of(LocalPath::toUrl(umlauts)).error.isEmpty());
}

QTEST_GUILESS_MAIN(tst_LocalPath)

#include "tst_localpath.moc"
