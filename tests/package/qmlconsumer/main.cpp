// SPDX-License-Identifier: Apache-2.0
// Runs Main.qml, which ends the program with 0 when 20 + 22 came back as 42.

#include <QCoreApplication>
#include <QQmlApplicationEngine>

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    QQmlApplicationEngine engine(MAIN_QML);
    return engine.rootObjects().isEmpty() ? 1 : app.exec();
}
