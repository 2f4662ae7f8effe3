// SPDX-License-Identifier: Apache-2.0
// A server and a client in one program, with nothing but what users get. Exits 0 when 20 + 22 came
// back as 42.

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Error>
#include <MsgpackRpc/Server>

#include <QCoreApplication>
#include <QDebug>
#include <QObject>
#include <QTimer>
#include <QUrl>

class Calculator : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
};

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);

    Calculator calculator;
    MsgpackRpc::Server server;
    server.serve(&calculator);
    if (!server.listen(QUrl(QStringLiteral("tcp://127.0.0.1:0")))) {
        qWarning() << server.error();
        return 1;
    }

    MsgpackRpc::Client client(server.urls().constFirst());
    client.call<int>("add", 20, 22)
            .then(&app, [](int sum) { QCoreApplication::exit(sum == 42 ? 0 : 2); })
            .onError(&app, [](const MsgpackRpc::Error &error) {
                qWarning() << error;
                QCoreApplication::exit(3);
            });

    QTimer::singleShot(20000, &app, [] { QCoreApplication::exit(4); });
    return app.exec();
}

#include "main.moc"
