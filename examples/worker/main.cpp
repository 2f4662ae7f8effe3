// SPDX-License-Identifier: Apache-2.0

// Work in a child process: what crashes there leaves the program as it is. This one starts itself again with the
// argument `child` and calls it over its standard streams. Usage: worker
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QDebug>

#include <cstdio>
#include <cstdlib>

/// What the child does.
class Worker : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    /// How many primes there are below \a end. Tells the parent how far it is.
    int countPrimes(int end)
    {
        const auto parent = MsgpackRpc::CallContext::current().session();
        int count = 0;
        for (int n = 2; n < end; ++n) {
            if (n % (end / 4) == 0)
                parent.notify("progress", 100.0 * n / end);
            count += isPrime(n) ? 1 : 0;
        }
        std::printf("printf() does not disturb the stream: it goes to standard error\n");
        std::fflush(stdout);
        return count;
    }
    /// A bug.
    void crash() { std::abort(); }

private:
    static bool isPrime(int n)
    {
        for (int i = 2; i * i <= n; ++i) {
            if (n % i == 0)
                return false;
        }
        return true;
    }
};

namespace {

int runChild(QCoreApplication &app)
{
    Worker worker;
    MsgpackRpc::Server server;
    server.serve(&worker);
    // The parent is gone, or has closed us.
    QObject::connect(&server, &MsgpackRpc::Server::standardStreamsEnded, &app,
                     &QCoreApplication::quit);
    if (!server.listenOnStandardStreams()) {
        qWarning() << server.error();
        return EXIT_FAILURE;
    }
    return app.exec();
}

int runParent(QCoreApplication &app)
{
    MsgpackRpc::Client worker;
    worker.bind("progress", &app, [](double percent) { qInfo() << "parent:" << percent << "%"; });
    QObject::connect(&worker, &MsgpackRpc::Client::processErrorOutput, &app,
                     [](const QByteArray &text) { qInfo() << "parent: the child says" << text; });
    QObject::connect(&worker, &MsgpackRpc::Client::processFinished, &app,
                     [] { qInfo() << "parent: the child has ended"; });
    worker.startProcess(QCoreApplication::applicationFilePath(), {QStringLiteral("child")});

    // A call that comes later starts another child.
    const auto again = [&] {
        worker.call<int>("countPrimes", 100'000)
                .then(&app,
                      [&app](int primes) {
                          qInfo() << "parent:" << primes << "primes";
                          app.exit(primes == 9592 ? EXIT_SUCCESS : EXIT_FAILURE);
                      })
                .onError(&app, [&app](const MsgpackRpc::Error &error) {
                    qWarning() << error;
                    app.exit(EXIT_FAILURE);
                });
    };
    worker.call<int>("countPrimes", 10'000)
            .then(&app,
                  [&worker](int primes) {
                      qInfo() << "parent:" << primes << "primes; now a crash";
                      return worker.call<void>("crash");
                  })
            .onError(&app, [again](const MsgpackRpc::Error &error) {
                qInfo().noquote() << "parent:" << error.message();
                again();
            });
    return app.exec();
}

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    return app.arguments().value(1) == QLatin1String("child") ? runChild(app) : runParent(app);
}

#include "main.moc"
