// SPDX-License-Identifier: Apache-2.0

// Serves the methods that conformance_client calls: for those who write a client in another
// language. See doc/conformance.
#include "commandline.h"
#include "quitonsignal.h"
#include "rawvalue.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QTimer>

using Conformance::RawValue;
using MsgpackRpc::CallContext;
using MsgpackRpc::Error;
using MsgpackRpc::ErrorException;
using MsgpackRpc::IncomingCall;
using MsgpackRpc::Responder;
using MsgpackRpc::Session;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

namespace {

struct Settings
{
    QList<QUrl> urls;
    std::optional<TransportOption> deflate;
    bool isCluster = false;
    WireFormat format = WireFormat::Modern;
};

class Methods : public QObject
{
public:
    template<typename Endpoint>
    bool bindTo(Endpoint &endpoint)
    {
        endpoint.objectDispatcher().setFallback([this](IncomingCall &call) { return poke(call); });
        const auto echo = [](const RawValue &value) { return value; };
        return endpoint.bind("echo", echo) && endpoint.bind(7, echo)
               && endpoint.bind("add", this, &Methods::add)
               && endpoint.bind("sleep", this, &Methods::sleep)
               && endpoint.bind("fail", this, &Methods::fail)
               && endpoint.bind("notify_count", this, &Methods::notifyCount)
               && endpoint.bind("who", this, &Methods::who)
               && endpoint.bind("back", this, &Methods::back);
    }

private:
    qint64 add(qint64 a, qint64 b)
    {
        const qint64 sum = qint64(quint64(a) + quint64(b));
        if ((a < 0) == (b < 0) && (sum < 0) != (a < 0))
            throw ErrorException("the sum does not fit into 64 bits");
        return sum;
    }
    void sleep(int ms, const Responder &responder)
    {
        constexpr int Longest = 600'000;
        if (ms < 0 || ms > Longest)
            throw ErrorException("sleep(ms) takes 0 to 600000");
        QTimer::singleShot(ms, this, [ms, responder] { responder.result(ms); });
    }
    void fail(const QVariant &error) { CallContext::current().setError(error); }
    int notifyCount() const { return m_notifications; }
    static Session *caller() { return CallContext::current().session().session(); }
    QVariant who() const
    {
        const auto address = caller()->address();
        return address ? address->toString() : QVariant();
    }
    void back(const RawValue &value, const Responder &responder)
    {
        caller()->call<RawValue>("echo", value)
                .then(this, [responder](const RawValue &echoed) { responder.result(echoed); })
                .onError(this, [responder](const Error &error) { responder.error(error); });
    }
    // Takes any number of arguments, which no bound function does.
    bool poke(IncomingCall &call)
    {
        if (call.isNumber() || call.method() != "poke")
            return false;
        m_notifications += call.isNotification() ? 1 : 0;
        call.reply();
        return true;
    }

    int m_notifications = 0;
};

template<typename Endpoint>
bool listen(Endpoint &endpoint, const QList<QUrl> &urls)
{
    for (const QUrl &url : urls) {
        if (!endpoint.listen(url)) {
            QTextStream(stderr) << url.toString() << ": " << endpoint.error().message() << Qt::endl;
            return false;
        }
    }
    QTextStream out(stdout);
    for (const QUrl &url : endpoint.urls())
        out << "listening " << url.toString() << Qt::endl;
    return true;
}

template<typename Endpoint>
int serve(Endpoint &endpoint, const Settings &settings)
{
    Methods methods;
    endpoint.setWireFormat(settings.format);
    if (!methods.bindTo(endpoint)) {
        QTextStream(stderr) << endpoint.objectDispatcher().error().message() << Qt::endl;
        return EXIT_FAILURE;
    }
    if (!listen(endpoint, settings.urls))
        return EXIT_FAILURE;
    return QCoreApplication::exec();
}

int serve(const Settings &settings)
{
    if (settings.isCluster) {
        MsgpackRpc::Cluster cluster;
        cluster.setTransportOption(settings.deflate.value_or(TransportOption::Default));
        return serve(cluster, settings);
    }
    MsgpackRpc::Server server;
    server.setAcceptedOptions(settings.deflate.value_or(TransportOption::Deflate));
    return serve(server, settings);
}

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("conformance_server"));
    Conformance::quitOnSignal();

    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral(
            "Serves echo, add, sleep, fail, poke, notify_count, who, back and the method 7 until "
            "SIGTERM. "
            "Prints `listening URL` for each URL, with the port that was found for port 0."));
    const QCommandLineOption help = parser.addHelpOption();
    const QCommandLineOption deflate(
            QStringLiteral("deflate"),
            QStringLiteral(
                    "none, both, tx or rx: what clients may ask for in an OPTION message, tx "
                    "that this server compresses, rx that it decompresses (default both). "
                    "With --cluster what it asks of other nodes (default none)."),
            QStringLiteral("option"));
    const QCommandLineOption cluster(
            QStringLiteral("cluster"),
            QStringLiteral(
                    "Is a node of a cluster: calls nodes back over connections of its own."));
    const QCommandLineOption compatibility(
            QStringLiteral("compatibility"),
            QStringLiteral("Writes the MessagePack of 2010. Echoed values are left as they come."));
    parser.addOptions({deflate, cluster, compatibility});
    parser.addPositionalArgument(QStringLiteral("URL…"),
                                 QStringLiteral("Where to listen: tcp://127.0.0.1:0"));
    if (!parser.parse(app.arguments()))
        return Conformance::usageError(parser, parser.errorText());
    if (parser.isSet(help))
        parser.showHelp();

    Settings settings;
    for (const QString &url : parser.positionalArguments())
        settings.urls += QUrl(url);
    if (settings.urls.isEmpty())
        return Conformance::usageError(parser, QStringLiteral("A URL to listen at is missing."));
    settings.deflate = Conformance::deflateOption(parser.value(deflate));
    if (parser.isSet(deflate) && !settings.deflate)
        return Conformance::usageError(parser,
                                       QStringLiteral("--deflate takes none, both, tx or rx."));
    settings.isCluster = parser.isSet(cluster);
    if (parser.isSet(compatibility))
        settings.format = WireFormat::Compatibility;
    return serve(settings);
}
