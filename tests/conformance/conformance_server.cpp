// SPDX-License-Identifier: Apache-2.0

// Serves the methods that conformance_client calls: for those who write a client in another
// language. See doc/conformance.
#include "commandline.h"
#include "methods.h"
#include "quitonsignal.h"

#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Server>

#include <QtCore/QFile>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslKey>

using Conformance::Methods;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

namespace {

struct Settings
{
    QList<QUrl> urls;
    std::optional<TransportOption> deflate;
    bool isCluster = false;
    QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
    bool isChild = false; // over the standard streams
    WireFormat format = WireFormat::Modern;
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

bool listenAsChild(MsgpackRpc::Server &server)
{
    QObject::connect(&server, &MsgpackRpc::Server::standardStreamsEnded,
                     QCoreApplication::instance(), &QCoreApplication::quit);
    if (server.listenOnStandardStreams())
        return true;
    QTextStream(stderr) << server.error().message() << Qt::endl;
    return false;
}

int serve(const Settings &settings)
{
    if (settings.isCluster) {
        MsgpackRpc::Cluster cluster;
        cluster.setTransportOption(settings.deflate.value_or(TransportOption::Default));
        return serve(cluster, settings);
    }
    MsgpackRpc::Server server;
    server.setTlsConfiguration(settings.tls);
    server.setAcceptedOptions(settings.deflate.value_or(TransportOption::Deflate));
    if (settings.isChild && !listenAsChild(server))
        return EXIT_FAILURE;
    return serve(server, settings);
}

/// What `--identity` says: a file with a certificate and its private key; false if it is none.
bool readIdentity(const QString &path, QSslConfiguration &tls)
{
    QFile file(path);
    if (!file.open(QFile::ReadOnly))
        return false;
    const QByteArray pem = file.readAll();
    const QList<QSslCertificate> certificates = QSslCertificate::fromData(pem);
    tls.setLocalCertificateChain(certificates);
    for (const QSsl::KeyAlgorithm algorithm : {QSsl::Rsa, QSsl::Ec}) {
        const QSslKey key(pem, algorithm);
        if (!key.isNull())
            tls.setPrivateKey(key);
    }
    return !certificates.isEmpty() && !tls.privateKey().isNull();
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
    const QCommandLineOption child(
            QStringLiteral("child"),
            QStringLiteral("Serves whoever has started this, over its standard streams, until they "
                           "end. No URL is needed then."));
    const QCommandLineOption identity(
            QStringLiteral("identity"),
            QStringLiteral("For tls://: a file with a certificate and its private key, as PEM."),
            QStringLiteral("file"));
    parser.addOptions({deflate, cluster, compatibility, child, identity});
    parser.addPositionalArgument(QStringLiteral("URL…"),
                                 QStringLiteral("Where to listen: tcp://127.0.0.1:0"));
    if (!parser.parse(app.arguments()))
        return Conformance::usageError(parser, parser.errorText());
    if (parser.isSet(help))
        parser.showHelp();

    Settings settings;
    for (const QString &url : parser.positionalArguments())
        settings.urls += QUrl(url);
    settings.isChild = parser.isSet(child);
    if (settings.urls.isEmpty() && !settings.isChild)
        return Conformance::usageError(parser, QStringLiteral("A URL to listen at is missing."));
    settings.deflate = Conformance::deflateOption(parser.value(deflate));
    if (parser.isSet(deflate) && !settings.deflate)
        return Conformance::usageError(parser,
                                       QStringLiteral("--deflate takes none, both, tx or rx."));
    if (parser.isSet(identity) && !readIdentity(parser.value(identity), settings.tls))
        return Conformance::usageError(
                parser, QStringLiteral("--identity takes a file with a certificate and its key."));
    settings.isCluster = parser.isSet(cluster);
    if (settings.isCluster && settings.isChild)
        return Conformance::usageError(parser,
                                       QStringLiteral("--cluster and --child exclude each other."));
    if (parser.isSet(compatibility))
        settings.format = WireFormat::Compatibility;
    return serve(settings);
}
