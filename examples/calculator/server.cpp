// SPDX-License-Identifier: Apache-2.0

// Serves a Calculator. Usage: calculator_server URL, for example tcp://127.0.0.1:18800
#include "calculator.h"

#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QTextStream>

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    const QUrl url(app.arguments().value(1, QStringLiteral("tcp://127.0.0.1:18800")));

    Calculator calculator;
    MsgpackRpc::Server server;
    server.serve(&calculator);
    server.bind("version", [] { return QStringLiteral("1.0"); });
    if (!server.listen(url)) {
        QTextStream(stderr) << server.error().message() << Qt::endl;
        return 1;
    }
    QTextStream(stdout) << "listening " << server.urls().constFirst().toString() << Qt::endl;
    return app.exec();
}
