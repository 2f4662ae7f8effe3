// SPDX-License-Identifier: Apache-2.0

// Calls a calculator_server in every way there is. Usage: calculator_client URL
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Coroutine>

#include <QtCore/QCoreApplication>
#include <QtCore/QTextStream>

using namespace std::chrono_literals;
using MsgpackRpc::Client;
using MsgpackRpc::Error;

namespace {

void print(const QString &step, const QString &result)
{
    static int number = 0;
    QTextStream(stdout) << QStringLiteral("%1. %2: %3").arg(++number).arg(step, result) << Qt::endl;
}

/// Every step begins when the one before has ended, each in another style.
class Tour : public QObject
{
    Q_OBJECT

public:
    explicit Tour(const QUrl &url) : m_client(url)
    {
        m_client.setTimeout(5s);
        m_client.bind("name", this,
                      [] { return qEnvironmentVariable("USER", QStringLiteral("you")); });
    }

    void typedCall()
    {
        m_client.call<int>("add", 1, 2)
                .then(this,
                      [this](int sum) {
                          print(QStringLiteral("typed call, add(1, 2)"), QString::number(sum));
                          watcher();
                      })
                .onError(this, &Tour::fail);
    }

Q_SIGNALS:
    void done(int status);

private:
    void watcher()
    {
        auto *watcher = new MsgpackRpc::PendingCallWatcher(m_client.call("version"), this);
        connect(watcher, &MsgpackRpc::PendingCallWatcher::failed, this, &Tour::fail);
        connect(watcher, &MsgpackRpc::PendingCallWatcher::finished, this,
                [this, watcher](const QVariant &result) {
                    print(QStringLiteral("signal of a watcher, version()"), result.toString());
                    watcher->deleteLater();
                    coroutine();
                });
    }

    MsgpackRpc::Task<> coroutine()
    {
        try {
            const int sum = co_await m_client.call<int>("add", 20, 1).inContext(this);
            const int twice = co_await m_client.call<int>("add", sum, sum).inContext(this);
            print(QStringLiteral("co_await, twice add(20, 1)"), QString::number(twice));
        } catch (const MsgpackRpc::ErrorException &e) {
            co_return fail(e.error());
        }
        remoteError();
    }

    void remoteError()
    {
        m_client.call<double>("divide", 1.0, 0.0).onError(this, [this](const Error &error) {
            print(QStringLiteral("error of the method, divide(1, 0)"), error.message());
            wrongArguments();
        });
    }

    void wrongArguments()
    {
        m_client.call<int>("add", 1, "two").onError(this, [this](const Error &error) {
            print(QStringLiteral("wrong argument, add(1, \"two\")"), error.message());
            timeout();
        });
    }

    void timeout()
    {
        m_client.withTimeout(200ms).call("ponder").onError(this, [this](const Error &error) {
            print(QStringLiteral("timeout of 200 ms, ponder()"), error.message());
            notification();
        });
    }

    void notification()
    {
        m_client.notify("remember", "milk");
        m_client.notify("remember", "bread");
        m_client.call<QStringList>("notes")
                .then(this,
                      [this](const QStringList &notes) {
                          print(QStringLiteral("two notifications, then notes()"),
                                notes.join(QStringLiteral(", ")));
                          callingBack();
                      })
                .onError(this, &Tour::fail);
    }

    void callingBack()
    {
        m_client.call<QString>("greet")
                .then(this,
                      [this](const QString &greeting) {
                          print(QStringLiteral("the server calls back while greet() is open"),
                                greeting);
                          asynchronousResult();
                      })
                .onError(this, &Tour::fail);
    }

    void asynchronousResult()
    {
        m_client.call<int>("square", 12)
                .then(this,
                      [this](int square) {
                          print(QStringLiteral("asynchronous result, square(12)"),
                                QString::number(square));
                          Q_EMIT done(0);
                      })
                .onError(this, &Tour::fail);
    }

    void fail(const Error &error)
    {
        print(QStringLiteral("failed"), error.message());
        Q_EMIT done(1);
    }

    Client m_client;
};

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    Tour tour(QUrl(app.arguments().value(1, QStringLiteral("tcp://127.0.0.1:18800"))));
    QObject::connect(&tour, &Tour::done, &app, &QCoreApplication::exit, Qt::QueuedConnection);
    tour.typedCall();
    return app.exec();
}

#include "client.moc"
