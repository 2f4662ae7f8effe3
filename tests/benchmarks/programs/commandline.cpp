// SPDX-License-Identifier: Apache-2.0
#include "commandline.h"

#include "system.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>

namespace Benchmark {

namespace {

struct Number
{
    const char *name;
    const char *description;
    qint64 Options::*member;
};

struct Flag
{
    const char *name;
    const char *description;
    bool Options::*member;
};

constexpr Number Numbers[] = {
        {"message-bytes", "Raise the limits for messages of so many bytes.",
         &Options::messageBytes},
        {"connections", "Of the client; the server raises its limits.", &Options::connections},
        {"request-size", "Bytes of a bare frame.", &Options::requestSize},
        {"answer-size", "Bytes of the bare frame that answers.", &Options::answerSize},
        {"answer-every", "So many bare frames get one answer.", &Options::answerEvery},
        {"requests-in-work", "Raise this limit, for calls that are held.",
         &Options::requestsInWork},
        {"size", "Bytes of a bare frame, or of the body that is echoed.", &Options::size},
        {"window", "Requests that are open at a time, on each connection.", &Options::window},
        {"count", "Requests; instead of --seconds.", &Options::count},
        {"warm-up", "Requests before those of --count.", &Options::warmUp},
        {"held", "Calls that are open beside these and never answered.", &Options::held},
};

constexpr Flag Flags[] = {
        {"watch", "Measure how late a timer of 16 ms is.", &Options::isWatching},
        {"quiet", "The server reads and never answers.", &Options::isQuiet},
        {"once", "The server exits when the first connection has ended.", &Options::isOnce},
        {"control", "The server answers questions of the standard input.", &Options::isControlled},
        {"deflate", "Compress in both directions.", &Options::isDeflating},
};

void addOptions(QCommandLineParser &parser)
{
    const auto text = [](const char *latin1) { return QString::fromLatin1(latin1); };
    for (const Number &number : Numbers)
        parser.addOption({text(number.name), text(number.description), QStringLiteral("number")});
    for (const Flag &flag : Flags)
        parser.addOption({text(flag.name), text(flag.description)});
    parser.addOption({QStringLiteral("method"), QStringLiteral("What is called, and how."),
                      QStringLiteral("name"), QStringLiteral("add")});
    parser.addOption({QStringLiteral("seconds"), QStringLiteral("How long to measure."),
                      QStringLiteral("number"), QStringLiteral("0.3")});
    parser.addOption({QStringLiteral("idle-waiting"),
                      QStringLiteral("How the server waits for idle connections."),
                      QStringLiteral("name")});
}

} // namespace

CommandLine readCommandLine(const QCoreApplication &app)
{
    QCommandLineParser parser;
    parser.addHelpOption();
    parser.addPositionalArgument(
            QStringLiteral("command"),
            QStringLiteral("serve: the server, prints `listening ADDRESS`; call: measures calls; "
                           "pending: the memory of calls to a quiet server; idle: holds "
                           "connections; first: makes one call"));
    parser.addPositionalArgument(QStringLiteral("address"), QStringLiteral("What serve says."),
                                 QStringLiteral("[address]"));
    addOptions(parser);
    parser.process(app);

    CommandLine line;
    line.command = parser.positionalArguments().value(0);
    line.options.address = parser.positionalArguments().value(1);
    static const char *const commands[] = {"serve", "call", "pending", "idle", "first"};
    const bool isKnown = std::any_of(std::begin(commands), std::end(commands), [&](const char *c) {
        return line.command == QLatin1String(c);
    });
    if (!isKnown || line.options.address.isEmpty() != (line.command == QLatin1String("serve")))
        parser.showHelp(1);
    for (const Number &number : Numbers) {
        const QString name = QString::fromLatin1(number.name);
        if (!parser.isSet(name))
            continue;
        bool isNumber = false;
        line.options.*number.member = parser.value(name).toLongLong(&isNumber);
        if (!isNumber)
            fail(QStringLiteral("--%1 wants a number").arg(name));
    }
    for (const Flag &flag : Flags)
        line.options.*flag.member = parser.isSet(QString::fromLatin1(flag.name));
    line.options.method = parser.value(QStringLiteral("method"));
    line.options.seconds = parser.value(QStringLiteral("seconds")).toDouble();
    line.options.idleWaiting = parser.value(QStringLiteral("idle-waiting"));
    return line;
}

} // namespace Benchmark
