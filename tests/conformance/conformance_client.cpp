// SPDX-License-Identifier: Apache-2.0

// Checks a server that offers the methods of conformance_server: for those who write one in another
// language. See doc/conformance.
#include "commandline.h"
#include "methods.h"
#include "run.h"

#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QEventLoop>
#include <QtCore/QLoggingCategory>
#include <QtCore/QRegularExpression>
#include <QtCore/QTimer>

using Conformance::Case;
using Conformance::Run;
using Conformance::Settings;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using namespace std::chrono_literals;

namespace {

constexpr int CannotConnect = 3;

QList<Case> allCases()
{
    return Conformance::echoCases() + Conformance::callCases() + Conformance::optionCases()
           + Conformance::clusterCases() + Conformance::wireCases();
}

/// Names of cases, with wildcards.
class Selection
{
public:
    explicit Selection(const QString &names)
    {
        for (const QString &name : names.split(u',', Qt::SkipEmptyParts))
            m_patterns += QRegularExpression::fromWildcard(name.trimmed());
    }
    bool isEmpty() const { return m_patterns.isEmpty(); }
    bool contains(const Case &one) const
    {
        return std::any_of(m_patterns.cbegin(), m_patterns.cend(), [&one](const auto &pattern) {
            return pattern.match(QLatin1String(one.name)).hasMatch();
        });
    }
    /// A name that is no case's.
    QString unknown() const
    {
        const QList<Case> cases = allCases();
        for (const QRegularExpression &pattern : m_patterns) {
            const auto matches = [&pattern](const Case &one) {
                return pattern.match(QLatin1String(one.name)).hasMatch();
            };
            if (std::none_of(cases.cbegin(), cases.cend(), matches))
                return pattern.pattern();
        }
        return {};
    }

private:
    QList<QRegularExpression> m_patterns;
};

/// Empty if a connection can be made, otherwise why not.
QString connectionProblem(const Settings &settings)
{
    if (!settings.program.isEmpty())
        return {}; // each case starts it
    Client client(settings.url);
    client.setTlsConfiguration(settings.tls);
    client.setConnectTimeout(settings.timeout);
    QString why = QStringLiteral("no connection within the timeout");
    QEventLoop loop;
    QTimer::singleShot(settings.timeout, &loop, &QEventLoop::quit);
    QObject::connect(&client, &Client::errorOccurred, &loop, [&](const Error &error) {
        why = error.message();
        loop.quit();
    });
    QObject::connect(&client, &Client::stateChanged, &loop, [&](Client::State state) {
        if (state == Client::Connected)
            loop.quit();
    });
    client.open();
    loop.exec();
    return client.state() == Client::Connected ? QString() : why;
}

/// The server of a memory: URL.
class InProcess
{
public:
    bool listen(const Settings &settings)
    {
        m_server.setWireFormat(settings.format);
        return m_methods.bindTo(m_server) && m_server.listen(settings.url);
    }

private:
    Conformance::Methods m_methods;
    MsgpackRpc::Server m_server;
};

/// Runs cases and prints what comes of them.
class Report
{
public:
    void run(const Case &one, const Settings &settings)
    {
        try {
            Run run(settings);
            one.run(run);
            print("ok", one, {});
        } catch (const Conformance::Skipped &skipped) {
            print("skip", one, skipped.why);
        } catch (const Conformance::Failure &failure) {
            ++m_failures;
            print("FAIL", one, failure.why);
        }
    }
    void skip(const Case &one, const QString &why) { print("skip", one, why); }
    int failures() const { return m_failures; }

private:
    void print(const char *outcome, const Case &one, QString why)
    {
        why.replace(QRegularExpression(QStringLiteral("[^[:print:]]")), QStringLiteral("?"));
        m_out << outcome << ' ' << one.name << (why.isEmpty() ? "" : " ") << why << Qt::endl;
    }

    QTextStream m_out{stdout};
    int m_failures = 0;
};

int list()
{
    QTextStream out(stdout);
    for (const Case &one : allCases())
        out << one.name << '\t' << one.what << '\n';
    return EXIT_SUCCESS;
}

/// The options of the command line.
class CommandLine
{
public:
    CommandLine()
    {
        parser.setApplicationDescription(QStringLiteral(
                "Calls a server that offers echo, add, sleep, fail, poke, notify_count and the "
                "method 7, and prints `ok NAME`, `skip NAME why` or `FAIL NAME why` for each case. "
                "The exit status is 0 if no case fails, 1 if one does, 2 if the command line is "
                "wrong, 3 if there is no connection."));
        parser.addOptions({skip, only, deflate, timeout, compatibility, noInt, noOptions, cluster,
                           program, authority, listing});
        parser.addPositionalArgument(
                QStringLiteral("URL"),
                QStringLiteral("The server: tcp://127.0.0.1:18800. With a memory: URL this program "
                               "serves itself. With --program: a program and its arguments."));
    }
    /// What is wrong; empty if nothing is.
    QString parse(const QStringList &arguments)
    {
        if (!parser.parse(arguments))
            return parser.errorText();
        if (parser.isSet(help) || parser.isSet(listing))
            return {};
        if (parser.isSet(program)) {
            settings.program = parser.positionalArguments();
            if (settings.program.isEmpty())
                return QStringLiteral("A program is needed.");
        } else if (parser.positionalArguments().size() == 1) {
            settings.url = QUrl(parser.positionalArguments().constFirst());
        } else {
            return QStringLiteral("One URL is needed.");
        }
        const auto option = Conformance::deflateOption(parser.value(deflate));
        if (!option)
            return QStringLiteral("--deflate takes none, both, tx or rx.");
        settings.option = *option;
        settings.options = !parser.isSet(noOptions);
        if (!settings.options && settings.option != MsgpackRpc::TransportOption::Default)
            return QStringLiteral("--deflate and --no-options exclude each other.");
        settings.isCluster = parser.isSet(cluster);
        if (!settings.options && settings.isCluster)
            return QStringLiteral("--cluster and --no-options exclude each other.");
        if (settings.isCluster && parser.isSet(program))
            return QStringLiteral("--program and --cluster exclude each other.");
        if (parser.isSet(authority)) {
            const auto trusted = QSslCertificate::fromPath(parser.value(authority));
            if (trusted.isEmpty())
                return QStringLiteral("--authority takes a file with certificates.");
            settings.tls.setCaCertificates(trusted);
        }
        settings.integerMethods = !parser.isSet(noInt);
        if (parser.isSet(compatibility))
            settings.format = MsgpackRpc::WireFormat::Compatibility;
        bool isNumber = false;
        settings.timeout = std::chrono::milliseconds(parser.value(timeout).toInt(&isNumber));
        if (!isNumber || settings.timeout < 1s)
            return QStringLiteral("--timeout takes at least 1000 ms.");
        const QString unknown = skipped().unknown() + selected().unknown();
        return unknown.isEmpty() ? QString()
                                 : QStringLiteral("There is no case %1; see --list.").arg(unknown);
    }
    Selection skipped() const { return Selection(parser.value(skip)); }
    Selection selected() const { return Selection(parser.value(only)); }

    Settings settings;
    QCommandLineParser parser;
    const QCommandLineOption help = parser.addHelpOption();
    const QCommandLineOption skip{QStringLiteral("skip"),
                                  QStringLiteral("Cases to leave out; * and ? are wildcards."),
                                  QStringLiteral("names")};
    const QCommandLineOption only{QStringLiteral("only"),
                                  QStringLiteral("Cases to run; all without this option."),
                                  QStringLiteral("names")};
    const QCommandLineOption deflate{
            QStringLiteral("deflate"),
            QStringLiteral("All cases over a connection with this option: none (the default), "
                           "both, tx (that the client compresses) or rx (that the server does)."),
            QStringLiteral("option"), QStringLiteral("none")};
    const QCommandLineOption timeout{QStringLiteral("timeout"),
                                     QStringLiteral("How long a call may take (default 10000)."),
                                     QStringLiteral("ms"), QStringLiteral("10000")};
    const QCommandLineOption compatibility{
            QStringLiteral("compatibility"),
            QStringLiteral("Writes the MessagePack of 2010 in all cases.")};
    const QCommandLineOption noInt{QStringLiteral("no-int"),
                                   QStringLiteral("The server has no methods with numbers.")};
    const QCommandLineOption noOptions{
            QStringLiteral("no-options"),
            QStringLiteral("Never sends OPTION or SESSION, which many servers do not survive.")};
    const QCommandLineOption cluster{
            QStringLiteral("cluster"),
            QStringLiteral("The server is a node of a cluster, and offers who and back too.")};
    const QCommandLineOption program{
            QStringLiteral("program"),
            QStringLiteral("Starts the server for each client, and talks to it over its standard "
                           "streams. Its own options follow --.")};
    const QCommandLineOption authority{
            QStringLiteral("authority"),
            QStringLiteral("For tls://: a file with the certificates of those who may have signed "
                           "the server's (default: those that the system trusts)."),
            QStringLiteral("file")};
    const QCommandLineOption listing{QStringLiteral("list"),
                                     QStringLiteral("Lists the cases and what they check.")};
};

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("conformance_client"));
    CommandLine line;
    const QString wrong = line.parse(app.arguments());
    if (!wrong.isEmpty())
        return Conformance::usageError(line.parser, wrong);
    if (line.parser.isSet(line.help))
        line.parser.showHelp();
    if (line.parser.isSet(line.listing))
        return list();

    InProcess inProcess;
    if (line.settings.url.scheme() == QLatin1String("memory") && !inProcess.listen(line.settings))
        return EXIT_FAILURE;
    const QString problem = connectionProblem(line.settings);
    if (!problem.isEmpty()) {
        QTextStream(stderr) << line.settings.url.toString() << ": " << problem << Qt::endl;
        return CannotConnect;
    }
    const Selection selected = line.selected();
    const Selection skipped = line.skipped();
    // What fails is in the report.
    QLoggingCategory::setFilterRules(QStringLiteral("msgpackrpc.*.warning=false"));
    Report report;
    for (const Case &one : allCases()) {
        if (!selected.isEmpty() && !selected.contains(one))
            continue;
        if (skipped.contains(one))
            report.skip(one, QStringLiteral("--skip"));
        else
            report.run(one, line.settings);
    }
    return report.failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
