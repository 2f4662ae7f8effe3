// SPDX-License-Identifier: Apache-2.0

// A child to be started over its standard streams. Usage: testchild [serve | stubborn | deaf | closed | exit CODE].
// When it was asked something: testchild say HEX [exit] | drip HEX | babble SEED | close-input | close-output.
// To be killed, when it has started a child: testchild parent [busy]; prints `child PID`.
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
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

    /// Notifications and calls of what nobody serves.
    void floodUnknown(int count)
    {
        const auto caller = MsgpackRpc::CallContext::current().session();
        for (int i = 0; i < count; ++i) {
            caller.notify("unknown", i);
            caller.session()->call("unknown", i);
        }
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

namespace {

void write(const QByteArray &bytes)
{
    for (qsizetype written = 0; written < bytes.size();) {
        const ssize_t size =
                ::write(STDOUT_FILENO, bytes.constData() + written, size_t(bytes.size() - written));
        if (size <= 0)
            ::_exit(1); // nobody reads
        written += size;
    }
}

// One that is no peer, once it was asked something; false if there is no such mode.
bool misbehave(const QStringList &arguments)
{
    const QString mode = arguments.value(1);
    if (!QStringList{"say", "drip", "babble", "close-input", "close-output"}.contains(mode))
        return false;
    char buffer[1000];
    if (::read(STDIN_FILENO, buffer, sizeof buffer) <= 0)
        return true;
    if (mode == QLatin1String("close-input")) {
        ::close(STDIN_FILENO);
    } else if (mode == QLatin1String("close-output")) {
        ::close(STDOUT_FILENO);
    } else if (mode == QLatin1String("babble")) {
        std::srand(unsigned(arguments.value(2).toInt()));
        for (;;) {
            for (char &byte : buffer)
                byte = char(std::rand());
            write(QByteArray(buffer, sizeof buffer));
        }
    } else {
        const QByteArray bytes = QByteArray::fromHex(arguments.value(2).toLatin1());
        write(bytes);
        // One byte more for each time that it hears something.
        while (mode == QLatin1String("drip") && ::read(STDIN_FILENO, buffer, sizeof buffer) > 0)
            write("x");
    }
    if (arguments.value(3) != QLatin1String("exit"))
        ::pause();
    return true;
}

// Goes on calling, if it is busy, until it is killed.
int beParent(QCoreApplication &app, bool isBusy)
{
    MsgpackRpc::Client client;
    client.startProcess(QCoreApplication::applicationFilePath());
    client.call<qint64>("pid").then(&app, [&](qint64 pid) {
        QTextStream(stdout) << "child " << pid << Qt::endl;
        if (isBusy)
            client.notify("flood", 2'000'000);
    });
    return app.exec();
}

} // namespace

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
    if (mode == QLatin1String("parent"))
        return beParent(app, app.arguments().value(2) == QLatin1String("busy"));
    if (misbehave(app.arguments()))
        return 0;
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
