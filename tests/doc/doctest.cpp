// SPDX-License-Identifier: Apache-2.0

#include <QtCore/QDir>
#include <QtGui/QGuiApplication>
#include <QtQml/QQmlComponent>
#include <QtQml/QQmlEngine>
#include <QtTest/QTest>

#include <memory>

namespace {

QStringList warnings;

void keepWarnings(QtMsgType type, const QMessageLogContext &, const QString &text)
{
    if (type != QtDebugMsg && type != QtInfoMsg)
        warnings.append(text);
}

QByteArray textOf(const QString &file)
{
    QFile source(file);
    return source.open(QIODevice::ReadOnly) ? source.readAll() : QByteArray();
}

// Of those below \a root, it included.
QObjectList objectsOf(QObject *root, const QByteArray &className)
{
    QObjectList found;
    for (QObject *object : QObjectList{root} + root->findChildren<QObject *>()) {
        if (object->inherits(className.constData()))
            found.append(object);
    }
    return found;
}

} // namespace

/// Makes what each QML block of the documentation describes, with a server where it has none, and fails if something is
/// said to be wrong: by the engine, by a handler that throws, or by a call that fails and is not handled.
class DocTest : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void block_data();
    void block();

private:
    static void wait(const QObjectList &clients);
};

void DocTest::block_data()
{
    QTest::addColumn<QString>("file");
    const QDir directory(QStringLiteral(SNIPPETS));
    const QStringList files = directory.entryList({QStringLiteral("*.qml")});
    for (const QString &file : files) {
        if (file != QLatin1String("DocServer.qml")
            && !textOf(directory.filePath(file)).contains("import QtTest"))
            QTest::newRow(qPrintable(file)) << directory.filePath(file);
    }
}

// An answer comes behind those to all that was called before; a chain takes as many rounds as it has calls.
void DocTest::wait(const QObjectList &clients)
{
    for (int round = 0; round < 5; ++round) {
        for (QObject *client : clients) {
            if (client->property("url").toUrl().isEmpty())
                continue; // it has nobody to talk to
            QTRY_VERIFY2(client->property("connected").toBool(),
                         qPrintable(client->property("url").toString()));
            QVERIFY(QMetaObject::invokeMethod(client, "notify", Q_ARG(QJSValue, "fence")));
        }
        QCoreApplication::sendPostedEvents();
        QCoreApplication::processEvents();
    }
    QCoreApplication::processEvents();
}

void DocTest::block()
{
    QFETCH(QString, file);
    warnings.clear();
    const auto restore = qScopeGuard(
            [before = qInstallMessageHandler(keepWarnings)] { qInstallMessageHandler(before); });
    QQmlEngine engine;
    engine.addImportPath(QStringLiteral(QML_IMPORT));
    connect(&engine, &QQmlEngine::quit, this, [] {}); // wanted by Qt, which warns otherwise
    QQmlComponent component(&engine, QUrl::fromLocalFile(file));
    QVERIFY2(component.isReady(), qPrintable(component.errorString()));

    QQmlComponent serverComponent(&engine,
                                  QUrl::fromLocalFile(QStringLiteral(SNIPPETS "/DocServer.qml")));
    QVERIFY2(serverComponent.isReady(), qPrintable(serverComponent.errorString()));
    std::unique_ptr<QObject> server;
    if (!textOf(file).contains("RpcServer {")) {
        const QUrl url(QStringLiteral("memory:") + QFileInfo(file).baseName());
        server.reset(serverComponent.createWithInitialProperties({{QStringLiteral("url"), url}}));
        QVERIFY(server && server->property("listening").toBool());
    }
    {
        const std::unique_ptr<QObject> root(component.create());
        QVERIFY2(root, qPrintable(component.errorString()));
        wait(objectsOf(root.get(), "MsgpackRpc::RpcClient"));
        const QObjectList calls = objectsOf(root.get(), "MsgpackRpc::RpcCall");
        for (const QObject *call : calls)
            QTRY_VERIFY(!call->property("running").toBool());
    }
    QVERIFY2(warnings.isEmpty(), qPrintable(warnings.join(QLatin1Char('\n'))));
}

QTEST_MAIN(DocTest)

#include "doctest.moc"
