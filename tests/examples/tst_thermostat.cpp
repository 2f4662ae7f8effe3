// SPDX-License-Identifier: Apache-2.0

#include <QtCore/QFileInfo>
#include <QtCore/QProcess>
#include <QtCore/QSet>
#include <QtCore/QTemporaryDir>
#include <QtGui/QImage>
#include <QtNetwork/QTcpServer>
#include <QtTest/QTest>

/// Runs the example as its picture is made: it goes through everything it can do, and fails if a step leads nowhere.
class TestThermostat : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void showsItself();
    void failsWithoutAPort();
    void documentedPicture();

private:
    static QStringList arguments(const QUrl &url, const QString &file)
    {
        return {QStringLiteral("--url"), url.toString(), QStringLiteral("--screenshot"), file};
    }
};

static int colours(const QImage &image)
{
    QSet<QRgb> found;
    for (int y = 0; y < image.height(); y += 3) {
        for (int x = 0; x < image.width(); x += 3)
            found.insert(image.pixel(x, y));
    }
    return int(found.size());
}

void TestThermostat::showsItself()
{
    QTcpServer probe;
    QVERIFY(probe.listen(QHostAddress::LocalHost));
    const QUrl url(QStringLiteral("tcp://127.0.0.1:%1").arg(probe.serverPort()));
    probe.close();

    const QTemporaryDir directory;
    const QString file = directory.filePath(QStringLiteral("thermostat.png"));
    QProcess program;
    program.setProcessChannelMode(QProcess::MergedChannels);
    program.start(QStringLiteral(THERMOSTAT), arguments(url, file));
    QVERIFY(program.waitForFinished(90000));
    const QByteArray output = program.readAll();
    QVERIFY2(program.exitStatus() == QProcess::NormalExit && program.exitCode() == 0,
             output.constData());
    QVERIFY2(!("\n" + output).contains("\nqrc:"), output.constData()); // a warning of QML

    const QImage image(file);
    QCOMPARE(image.size(), QSize(1120, 680));
    QVERIFY2(colours(image) > 50, qPrintable(QString::number(colours(image))));
    // Both cards, where they belong.
    QVERIFY(qGray(image.pixel(40, 340)) < 64);
    QVERIFY(qGray(image.pixel(440, 640)) > 240);
}

// What keeps it from going on is said, and no picture is saved.
void TestThermostat::failsWithoutAPort()
{
    QTcpServer occupied;
    QVERIFY(occupied.listen(QHostAddress::LocalHost));
    const QUrl url(QStringLiteral("tcp://127.0.0.1:%1").arg(occupied.serverPort()));
    const QTemporaryDir directory;
    const QString file = directory.filePath(QStringLiteral("thermostat.png"));
    QProcess program;
    program.setProcessChannelMode(QProcess::MergedChannels);
    program.start(QStringLiteral(THERMOSTAT), arguments(url, file));
    QVERIFY(program.waitForFinished(90000));
    QCOMPARE(program.exitCode(), 1);
    QVERIFY(program.readAll().contains("the device cannot listen"));
    QVERIFY(!QFileInfo::exists(file));
}

void TestThermostat::documentedPicture()
{
    QCOMPARE(QImage(QStringLiteral(PICTURE)).size(), QSize(1120, 680));
    QVERIFY(QFileInfo(QStringLiteral(PICTURE)).size() < 200 * 1024);
}

QTEST_GUILESS_MAIN(TestThermostat)

#include "tst_thermostat.moc"
