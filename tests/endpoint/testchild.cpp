// SPDX-License-Identifier: Apache-2.0

// A child to be started over its standard streams. Usage: testchild [serve | stubborn | deaf | closed | exit CODE].
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QDir>
#include <QtCore/QTextStream>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

class Child : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    QByteArray echo(const QByteArray &bytes) { return bytes; }
    qint64 pid() { return QCoreApplication::applicationPid(); }
    QString directory() { return QDir::currentPath(); }
    QString variable(const QString &name) { return qEnvironmentVariable(qPrintable(name)); }
    void leave(int code) { QCoreApplication::exit(code); }
    void crash() { ::raise(SIGKILL); }
    /// What would break the protocol if it went where it is meant for.
    void print(const QString &text)
    {
        std::printf("%s\n", qPrintable(text));
        std::fflush(stdout);
        QTextStream(stdout) << text << Qt::endl;
        qDebug().noquote() << text;
    }
    int inputByte() { return std::getchar(); }
    void complain(int bytes)
    {
        const QByteArray text(bytes, 'e');
        std::fwrite(text.constData(), 1, size_t(text.size()), stderr);
    }
    void flood(int count)
    {
        const auto caller = MsgpackRpc::CallContext::current().session();
        for (int i = 0; i < count; ++i)
            caller.notify("note", i);
    }

    /// Another way to this process, for whoever leaves it idle for a moment only.
    QUrl listenForHurried()
    {
        MsgpackRpc::Limits limits;
        limits.idleTime = std::chrono::milliseconds(10);
        m_server->setLimits(limits);
        m_server->listen(QUrl(QStringLiteral("tcp://127.0.0.1:0")));
        return m_server->urls().value(0);
    }

public:
    void setServer(MsgpackRpc::Server *server) { m_server = server; }
    Q_INVOKABLE void hang(MsgpackRpc::Responder responder) { m_hanging.append(responder); }
    /// Asks the parent.
    Q_INVOKABLE QFuture<int> back(int x)
    {
        return MsgpackRpc::CallContext::current().session().call<int>("twice", x);
    }

private:
    MsgpackRpc::Server *m_server = nullptr;
    QList<MsgpackRpc::Responder> m_hanging;
};

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    const QString mode = app.arguments().value(1, QStringLiteral("serve"));
    if (mode == QLatin1String("exit"))
        return app.arguments().value(2).toInt();
    if (mode == QLatin1String("deaf"))
        return ::pause();
    if (mode == QLatin1String("closed")) {
        ::close(STDIN_FILENO);
        ::close(STDOUT_FILENO);
        return ::pause();
    }
    Child child;
    MsgpackRpc::Server server; // goes first, so that nothing is answered because it is deleted
    child.setServer(&server);
    if (mode == QLatin1String("stubborn"))
        std::signal(SIGTERM, SIG_IGN);
    else
        QObject::connect(&server, &MsgpackRpc::Server::standardStreamsEnded, &app,
                         &QCoreApplication::quit);
    if (!server.serve(&child) || !server.listenOnStandardStreams()) {
        QTextStream(stderr) << server.error().message() << Qt::endl;
        return 1;
    }
    if (server.listenOnStandardStreams() || server.error().message().isEmpty())
        return 2; // only once
    return app.exec();
}

#include "testchild.moc"
