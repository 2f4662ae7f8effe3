// SPDX-License-Identifier: Apache-2.0

// The server of the benchmarks. Prints `listening PORT`.
#include "memory.h"

#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTextStream>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <functional>

namespace {

class Served : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    QByteArray echo(const QByteArray &data) { return data; }

public:
    // Never answers.
    Q_INVOKABLE void hold(const MsgpackRpc::Responder &responder) { m_held.append(responder); }

private:
    QList<MsgpackRpc::Responder> m_held;
};

/// What the library is compared with: a buffered QTcpSocket that is written to what was read.
class BareServer : public QTcpServer
{
    Q_OBJECT

public:
    explicit BareServer(bool isEchoing)
    {
        connect(this, &QTcpServer::newConnection, this, [this, isEchoing] {
            QTcpSocket *const socket = nextPendingConnection();
            socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
            connect(socket, &QIODevice::readyRead, socket, [socket, isEchoing] {
                const QByteArray data = socket->readAll();
                if (isEchoing)
                    socket->write(data);
            });
            connect(socket, &QAbstractSocket::disconnected, this, [this, socket] {
                socket->deleteLater();
                Q_EMIT closed();
            });
        });
    }

Q_SIGNALS:
    void closed();
};

void print(const QString &line)
{
    QTextStream(stdout) << line << Qt::endl;
}

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);

    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("The server of the benchmarks."));
    parser.addHelpOption();
    parser.addPositionalArgument(
            QStringLiteral("mode"),
            QStringLiteral("rpc; bare: echo over a QTcpSocket; sink: read and never answer"));
    const QCommandLineOption once(QStringLiteral("once"),
                                  QStringLiteral("Exit when the first connection has ended."));
    const QCommandLineOption control(
            QStringLiteral("control"),
            QStringLiteral("Print the bytes from malloc() for each line of the standard input, and "
                           "exit at its end."));
    const QCommandLineOption work(
            QStringLiteral("requests-in-work"),
            QStringLiteral("Raise this limit, for clients that call a method without an answer."),
            QStringLiteral("count"));
    parser.addOptions({once, control, work});
    parser.process(app);
    const QString mode = parser.positionalArguments().value(0);

    Served served;
    MsgpackRpc::Server server;
    BareServer bare(mode == QLatin1String("bare"));
    quint16 port = 0;
    if (mode == QLatin1String("rpc")) {
        if (parser.isSet(work)) {
            MsgpackRpc::Limits limits = server.limits();
            limits.requestsInWork = parser.value(work).toInt();
            server.setLimits(limits);
        }
        server.serve(&served);
        if (server.listen(QUrl(QStringLiteral("tcp://127.0.0.1:0"))))
            port = quint16(server.urls().constFirst().port());
        if (parser.isSet(once)) {
            QObject::connect(&server, &MsgpackRpc::Server::sessionClosed, &app,
                             &QCoreApplication::quit, Qt::QueuedConnection);
        }
    } else if (mode == QLatin1String("bare") || mode == QLatin1String("sink")) {
        bare.setListenBacklogSize(512);
        if (bare.listen(QHostAddress::LocalHost))
            port = bare.serverPort();
        if (parser.isSet(once)) {
            QObject::connect(&bare, &BareServer::closed, &app, &QCoreApplication::quit,
                             Qt::QueuedConnection);
        }
    } else {
        parser.showHelp(1);
    }
    if (port == 0) {
        QTextStream(stderr) << "cannot listen" << Qt::endl;
        return 1;
    }

    std::unique_ptr<QSocketNotifier> input;
    if (parser.isSet(control)) {
        input = std::make_unique<QSocketNotifier>(0, QSocketNotifier::Read);
        QObject::connect(input.get(), &QSocketNotifier::activated, &app, [] {
            QTextStream stream(stdin);
            if (stream.readLine().isNull())
                QCoreApplication::quit();
            else
                print(QString::number(Benchmark::allocatedBytes()));
        });
    }

    print(QStringLiteral("listening %1").arg(port));
    return app.exec();
}

#include "bench_server.moc"
