// SPDX-License-Identifier: Apache-2.0

// What the benchmark programs of all systems have in common: each is server and client, as its first argument says.
#include "commandline.h"
#include "memory.h"
#include "system.h"
#include "watch.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTextStream>
#include <QtCore/QTimer>

namespace Benchmark {

void fail(const QString &message)
{
    QTextStream(stderr) << QCoreApplication::applicationName() << ": " << message << Qt::endl;
    std::exit(1);
}

void Channel::hold(qint64)
{
    fail(QStringLiteral("this system cannot hold calls"));
}

namespace {

void print(const QString &line)
{
    QTextStream(stdout) << line << Qt::endl;
}

void print(const QJsonObject &object)
{
    print(QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact)));
}

/// Answers `memory`, `watch` (from now on) and `watched`, and ends the program with its input.
void answerQuestion(Watch &watch)
{
    QTextStream stream(stdin);
    const QString question = stream.readLine();
    if (question.isNull()) {
        QCoreApplication::quit();
    } else if (question == QLatin1String("memory")) {
        print({{QStringLiteral("allocated"), allocatedBytes()}});
    } else if (question == QLatin1String("watch")) {
        watch.start();
        print(QJsonObject());
    } else if (question == QLatin1String("watched")) {
        print(watch.result());
    } else {
        fail(QStringLiteral("an unknown question: ") + question);
    }
}

int serve(const Options &options)
{
    const std::unique_ptr<ServerSide> server = makeServer(options);
    if (options.isOnce) {
        server->onConnectionEnded([] {
            QMetaObject::invokeMethod(qApp, &QCoreApplication::quit, Qt::QueuedConnection);
        });
    }
    const QString address = server->listen();
    if (address.isEmpty())
        fail(QStringLiteral("cannot listen"));
    Watch watch;
    std::unique_ptr<QSocketNotifier> input;
    if (options.isControlled) {
        input = std::make_unique<QSocketNotifier>(0, QSocketNotifier::Read);
        QObject::connect(input.get(), &QSocketNotifier::activated, &watch,
                         [&watch] { answerQuestion(watch); });
    }
    print(QStringLiteral("listening ") + address);
    return QCoreApplication::exec();
}

void connectChannels(Run &run, const Options &options)
{
    for (qint64 i = 0; i < options.connections; ++i) {
        std::unique_ptr<Channel> channel = makeChannel(options, run);
        channel->connectNow();
        run.add(std::move(channel));
    }
}

QJsonObject measureCalls(const Options &options)
{
    Run run;
    connectChannels(run, options);
    if (options.held > 0)
        run.channel(0).hold(options.held);
    Watch watch;
    if (options.isWatching)
        watch.start();
    qint64 before = options.warmUp;
    Run::Times times;
    if (options.count > 0) {
        if (before > 0)
            run.measure(before, options.window);
        times = run.measure(options.count, options.window);
    } else {
        times = run.measureFor(options.seconds, options.window, before);
    }
    QJsonObject result{
            {QStringLiteral("calls"), times.requests},
            {QStringLiteral("warmUp"), before},
            {QStringLiteral("nsPerCall"), double(times.elapsed) / double(times.requests)},
            {QStringLiteral("processorNsPerCall"),
             double(times.processor) / double(times.requests)}};
    if (options.isWatching)
        result.insert(QStringLiteral("watch"), watch.result());
    return result;
}

/// The memory of calls that wait for an answer; of a quiet server.
QJsonObject measurePending(const Options &options)
{
    Run run;
    connectChannels(run, options);
    // In portions, so that the output buffer is not what is measured.
    constexpr qint64 Portion = 100;
    Channel &channel = run.channel(0);
    channel.issue(Portion);
    qint64 left = options.count;
    qint64 before = 0;
    QEventLoop loop;
    QTimer timer;
    QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
        if (!channel.hasSentAll())
            return;
        if (before == 0)
            before = allocatedBytes();
        if (left == 0)
            return loop.quit();
        const qint64 portion = qMin(left, Portion);
        left -= portion;
        channel.issue(portion);
    });
    timer.start(0);
    loop.exec();
    return {{QStringLiteral("calls"), options.count},
            {QStringLiteral("bytesPerCall"),
             double(allocatedBytes() - before) / double(options.count)}};
}

/// Connections that do nothing, after one call each, until the standard input ends.
void holdConnections(const Options &options)
{
    Run run;
    connectChannels(run, options);
    run.measure(options.connections, 1);
    print({{QStringLiteral("connections"), options.connections}});
    QTextStream(stdin).readLine();
}

void answerOnce(const Options &options)
{
    Run run;
    connectChannels(run, options);
    run.measure(1, 1);
    print({{QStringLiteral("answered"), true}});
}

} // namespace
} // namespace Benchmark

int main(int argc, char *argv[])
{
    using namespace Benchmark;
    QCoreApplication app(argc, argv);

    const CommandLine line = readCommandLine(app);
    if (line.command == QLatin1String("serve"))
        return serve(line.options);
    if (line.command == QLatin1String("call"))
        print(measureCalls(line.options));
    else if (line.command == QLatin1String("pending"))
        print(measurePending(line.options));
    else if (line.command == QLatin1String("idle"))
        holdConnections(line.options);
    else
        answerOnce(line.options);
    return 0;
}
