// SPDX-License-Identifier: Apache-2.0
#include <QtCore/QDir>
#include <QtCore/QDirIterator>
#include <QtCore/QHash>
#include <QtCore/QRegularExpression>
#include <QtTest/QTest>

// Holds the sources to the direction of the rooms: an include may go down any number of floors,
// never up.
class tst_Layers : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everyHeaderHasARoom();
    void forwardingHeaders_data();
    void forwardingHeaders();
    void direction_data();
    void direction();
    void wireKnowsNoObjectsAndNoNetwork_data();
    void wireKnowsNoObjectsAndNoNetwork();
    void noPrivateQtHeaders_data();
    void noPrivateQtHeaders();
    void qmlKnowsWhatUsersKnow_data();
    void qmlKnowsWhatUsersKnow();
};

namespace {

const QStringList rooms{QStringLiteral("base"),      QStringLiteral("wire"),
                        QStringLiteral("transport"), QStringLiteral("session"),
                        QStringLiteral("dispatch"),  QStringLiteral("endpoint")};

// The public headers, which lie in one directory.
const QHash<QString, QStringList> publicHeaders{
        {QStringLiteral("base"),
         {QStringLiteral("address"), QStringLiteral("counters"), QStringLiteral("error"),
          QStringLiteral("extension"), QStringLiteral("global"), QStringLiteral("limits"),
          QStringLiteral("loggable"), QStringLiteral("options"), QStringLiteral("testing")}},
        {QStringLiteral("wire"),
         {QStringLiteral("codec"), QStringLiteral("containercodec"), QStringLiteral("msgpack"),
          QStringLiteral("reader"), QStringLiteral("registertype"), QStringLiteral("scalarcodec"),
          QStringLiteral("typecodec"), QStringLiteral("writer")}},
        {QStringLiteral("transport"), {}},
        {QStringLiteral("session"),
         {QStringLiteral("caller"), QStringLiteral("calllisteners"), QStringLiteral("callstate"),
          QStringLiteral("coroutine"), QStringLiteral("dispatcher"), QStringLiteral("methodname"),
          QStringLiteral("pendingcall"), QStringLiteral("pendingcallwatcher"),
          QStringLiteral("responder"), QStringLiteral("session"), QStringLiteral("sessionhandle")}},
        {QStringLiteral("dispatch"),
         {QStringLiteral("acceptlist"), QStringLiteral("asyncresult"),
          QStringLiteral("boundfunction"), QStringLiteral("callcontext"),
          QStringLiteral("objectdispatcher")}},
        {QStringLiteral("endpoint"),
         {QStringLiteral("admission"), QStringLiteral("client"), QStringLiteral("cluster"),
          QStringLiteral("server"), QStringLiteral("serving"), QStringLiteral("sessionpool")}},
};

const QDir root(QStringLiteral(SOURCE_DIR));

QString contents(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        qFatal("cannot read %s", qPrintable(path));
    return QString::fromUtf8(file.readAll());
}

QString roomOfHeader(const QString &name)
{
    for (auto it = publicHeaders.cbegin(); it != publicHeaders.cend(); ++it) {
        if (it.value().contains(name))
            return it.key();
    }
    return {};
}

QStringList includesOf(const QString &path)
{
    static const QRegularExpression include(
            QStringLiteral("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"]"),
            QRegularExpression::MultilineOption);
    QStringList all;
    auto matches = include.globalMatch(contents(path));
    while (matches.hasNext())
        all.append(matches.next().captured(1));
    return all;
}

// The room that an include leads to; empty if it is none of ours.
QString roomOfInclude(const QString &include)
{
    const QString first = include.section(QLatin1Char('/'), 0, 0);
    if (first != QLatin1String("MsgpackRpc"))
        return rooms.contains(first) ? first : QString();
    const QString name = include.section(QLatin1Char('/'), 1);
    if (name.endsWith(QLatin1String(".h")))
        return roomOfHeader(name.chopped(2));
    const QStringList forwarded = includesOf(root.filePath(QStringLiteral("include/") + include));
    return forwarded.isEmpty() ? QString() : roomOfInclude(forwarded.first());
}

// The files of each room: its sources, and its public headers.
QStringList filesOf(const QString &room)
{
    QStringList all;
    QDirIterator it(root.filePath(QStringLiteral("src/") + room),
                    {QStringLiteral("*.h"), QStringLiteral("*.cpp")}, QDir::Files,
                    QDirIterator::Subdirectories);
    while (it.hasNext())
        all.append(it.next());
    for (const QString &name : publicHeaders.value(room))
        all.append(
                root.filePath(QStringLiteral("include/MsgpackRpc/") + name + QLatin1String(".h")));
    return all;
}

void addFiles(const QStringList &of)
{
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("room");

    for (const QString &room : of) {
        for (const QString &path : filesOf(room))
            QTest::newRow(qPrintable(root.relativeFilePath(path))) << path << room;
    }
}

} // namespace

void tst_Layers::everyHeaderHasARoom()
{
    const QStringList headers = QDir(root.filePath(QStringLiteral("include/MsgpackRpc")))
                                        .entryList({QStringLiteral("*.h")}, QDir::Files);
    QVERIFY(!headers.isEmpty());
    for (const QString &header : headers)
        QVERIFY2(!roomOfHeader(header.chopped(2)).isEmpty(), qPrintable(header));
    for (const QStringList &names : publicHeaders) {
        for (const QString &name : names)
            QVERIFY2(headers.contains(name + QLatin1String(".h")), qPrintable(name));
    }
    for (const QString &room : rooms)
        QVERIFY2(!filesOf(room).isEmpty(), qPrintable(room));
}

void tst_Layers::forwardingHeaders_data()
{
    QTest::addColumn<QString>("path");

    QDirIterator it(root.filePath(QStringLiteral("include/MsgpackRpc")), QDir::Files);
    while (it.hasNext()) {
        const QString path = it.next();
        if (!path.endsWith(QLatin1String(".h")))
            QTest::newRow(qPrintable(it.fileName())) << path;
    }
}

// <MsgpackRpc/Client> is one header of ours and nothing else.
void tst_Layers::forwardingHeaders()
{
    QFETCH(QString, path);
    const QStringList includes = includesOf(path);
    QCOMPARE(includes.size(), 1);
    QVERIFY(includes.first().endsWith(QLatin1String(".h")));
    QVERIFY(QFile::exists(root.filePath(QStringLiteral("include/") + includes.first())));
}

void tst_Layers::direction_data()
{
    addFiles(rooms);
}

void tst_Layers::direction()
{
    QFETCH(QString, path);
    QFETCH(QString, room);
    const QStringList includes = includesOf(path);
    for (const QString &include : includes) {
        const QString target = roomOfInclude(include);
        const bool isOurs = include.startsWith(QLatin1String("MsgpackRpc/"));
        QVERIFY2(!isOurs || !target.isEmpty(), qPrintable(include));
        QVERIFY2(target.isEmpty() || rooms.indexOf(target) <= rooms.indexOf(room),
                 qPrintable(include));
    }
}

void tst_Layers::wireKnowsNoObjectsAndNoNetwork_data()
{
    addFiles({QStringLiteral("wire")});
}

void tst_Layers::wireKnowsNoObjectsAndNoNetwork()
{
    QFETCH(QString, path);
    static const QRegularExpression unwanted(
            QStringLiteral("Qt(Network|Gui|Qml)/|/Q(Object|IODevice|Timer|Event|Thread|Pointer|"
                           "CoreApplication|EventLoop|LoggingCategory)$"));
    for (const QString &include : includesOf(path))
        QVERIFY2(!unwanted.match(include).hasMatch(), qPrintable(include));
    QVERIFY(!contents(path).contains(QLatin1String("Q_OBJECT")));
}

void tst_Layers::noPrivateQtHeaders_data()
{
    addFiles(rooms);
}

void tst_Layers::noPrivateQtHeaders()
{
    QFETCH(QString, path);
    for (const QString &include : includesOf(path)) {
        const bool isOurs = !roomOfInclude(include).isEmpty();
        QVERIFY2(isOurs
                         || !(include.contains(QLatin1String("private/"))
                              || include.endsWith(QLatin1String("_p.h"))),
                 qPrintable(include));
    }
}

// The QML module is a user of the library: public headers, and its own.
void tst_Layers::qmlKnowsWhatUsersKnow_data()
{
    QTest::addColumn<QString>("path");
    const QDir qml(root.filePath(QStringLiteral("qml")));
    const QStringList names = qml.entryList({QStringLiteral("*.h"), QStringLiteral("*.cpp")});
    QVERIFY(!names.isEmpty());
    for (const QString &name : names)
        QTest::newRow(qPrintable(name)) << qml.filePath(name);
}

void tst_Layers::qmlKnowsWhatUsersKnow()
{
    QFETCH(QString, path);
    static const QRegularExpression allowed(
            QStringLiteral("^(MsgpackRpc/[a-z]+\\.h|Qt(Core|Qml)/\\w+(\\.h)?|[a-z]+)$"));
    for (const QString &include : includesOf(path)) {
        const bool isOwn = QFile::exists(QFileInfo(path).dir().filePath(include));
        QVERIFY2(isOwn || allowed.match(include).hasMatch(), qPrintable(include));
    }
}

QTEST_GUILESS_MAIN(tst_Layers)

#include "tst_layers.moc"
