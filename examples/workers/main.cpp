// SPDX-License-Identifier: Apache-2.0

// One client in the main thread, and workers that call through it: from the pool's threads, which wait for their
// answers, and from a std::thread, which waits for none. What they have found out is gathered in the main thread, whose
// event loop goes on all the while.
#include "backend.h"

#include <MsgpackRpc/Client>

#include <QtCore/QCoreApplication>
#include <QtCore/QDebug>
#include <QtCore/QThreadPool>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

using namespace std::chrono_literals;

namespace {

/// Runs \a work in a thread of the pool. What it throws is the future's failure.
QFuture<int> runInPool(const std::function<int()> &work)
{
    auto promise = std::make_shared<QPromise<int>>();
    promise->start();
    QThreadPool::globalInstance()->start([promise, work] {
        try {
            promise->addResult(work());
        } catch (...) {
            promise->setException(std::current_exception());
        }
        promise->finish();
    });
    return promise->future();
}

int sumOf(const QList<QFuture<int>> &parts)
{
    int sum = 0;
    for (const QFuture<int> &part : parts)
        sum += part.result(); // throws if that part has failed
    return sum;
}

} // namespace

/// What a window would be in a program with windows: lives in the main thread.
class Report : public QObject
{
    Q_OBJECT

public:
    explicit Report(const QUrl &url);
    ~Report() override;
    void startPool();
    void startThread();

    /// One more has finished; the last ends the program.
    void add(const char *who, int sum);
    void fail(const MsgpackRpc::Error &error);

private:
    std::unique_ptr<MsgpackRpc::Client> m_client;
    QTimer m_tick;
    QTimer m_poll;
    int m_ticks = 0;
    int m_running = 0;
    std::thread m_thread;
};

Report::Report(const QUrl &url) : m_client(std::make_unique<MsgpackRpc::Client>(url))
{
    // Counts how often the event loop comes around.
    connect(&m_tick, &QTimer::timeout, this, [this] { ++m_ticks; });
    m_tick.start(5ms);
    // Periodic work needs no thread.
    connect(&m_poll, &QTimer::timeout, this, [this] {
        m_client->call<int>("requests").then(this, [](int count) {
            qInfo() << "main: the server has had" << count << "requests";
        });
    });
    m_poll.start(40ms);
}

// Without the client every call ends, so that no worker waits any more.
Report::~Report()
{
    m_client.reset();
    QThreadPool::globalInstance()->waitForDone();
    if (m_thread.joinable())
        m_thread.join();
}

// Workers that wait: each blocks its own thread of the pool, and nothing else.
void Report::startPool()
{
    ++m_running;
    const MsgpackRpc::SessionHandle handle = m_client->handle();
    QList<QFuture<int>> parts;
    for (int number = 1; number <= 8; ++number) {
        parts += runInPool([this, handle, number] {
            const int square = handle.call<int>("square", number).result();
            // Queued invocations are the queue of tasks for the main thread, which any thread may add to.
            QMetaObject::invokeMethod(
                    this,
                    [number, square] {
                        qInfo() << "main: a worker has found that" << number << "squared is"
                                << square;
                    },
                    Qt::QueuedConnection);
            handle.notify("log", QStringLiteral("a worker is done with %1").arg(number));
            return square;
        });
    }
    QtFuture::whenAll(parts.begin(), parts.end())
            .then(this, [this](const QList<QFuture<int>> &all) { add("the pool", sumOf(all)); })
            .onFailed(this, [this](const MsgpackRpc::ErrorException &e) { fail(e.error()); });
}

// A worker that waits for nothing: it asks, says what is to be done with the answers and where, and ends.
void Report::startThread()
{
    ++m_running;
    m_thread = std::thread([this, handle = m_client->handle()] {
        QList<QFuture<int>> parts;
        for (int number = 1; number <= 100; ++number)
            parts += handle.call<int>("square", number);
        QtFuture::whenAll(parts.begin(), parts.end())
                .then(this,
                      [this](const QList<QFuture<int>> &all) { add("the thread", sumOf(all)); })
                .onFailed(this, [this](const MsgpackRpc::ErrorException &e) { fail(e.error()); });
    });
}

void Report::add(const char *who, int sum)
{
    qInfo().noquote() << "main: the sum of" << who << "is" << sum;
    if (--m_running > 0)
        return;
    qInfo().noquote() << "main: done; meanwhile the event loop came around"
                      << (m_ticks > 1 ? "many times" : "too seldom");
    QCoreApplication::exit(m_ticks > 1 ? 0 : 1);
}

void Report::fail(const MsgpackRpc::Error &error)
{
    qWarning() << error;
    QCoreApplication::exit(1);
}

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    Backend backend;
    std::unique_ptr<Report> report;
    backend.url()
            .then(&app,
                  [&report](const QUrl &url) {
                      report = std::make_unique<Report>(url);
                      report->startPool();
                      report->startThread();
                  })
            .onFailed(&app, [](const MsgpackRpc::ErrorException &e) {
                qWarning() << e.error();
                QCoreApplication::exit(1);
            });
    backend.start();
    return app.exec();
}

#include "main.moc"
