// SPDX-License-Identifier: Apache-2.0

// A thermostat, served and controlled from QML: everything is in the .qml files.
#include <QtCore/QCommandLineParser>
#include <QtGui/QGuiApplication>
#include <QtQml/QQmlApplicationEngine>

int main(int argc, char *argv[])
{
    QGuiApplication app(argc, argv);
    QCommandLineParser options;
    options.addHelpOption();
    options.addOption({"url", "Where the device listens.", "url", "tcp://127.0.0.1:18820"});
    options.addOption({"screenshot",
                       "Show everything, save a picture, and exit: 0 if all went well.", "file"});
    options.process(app);

    QQmlApplicationEngine engine;
    engine.addImportPath(":/qt/qml");
    engine.addImportPath(MSGPACKRPC_QML_DIR);
    engine.setInitialProperties(
            {{"url", QUrl(options.value("url"))}, {"screenshot", options.value("screenshot")}});
    engine.load(QUrl("qrc:/qt/qml/Thermostat/Main.qml"));
    return engine.rootObjects().isEmpty() ? 1 : app.exec();
}
