// SPDX-License-Identifier: Apache-2.0

// A server in a process of its own, for tests that kill it. Usage: testpeer URL [IDENTITY]; prints `listening URL`. IDENTITY is a
// file with certificate and key.
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QTextStream>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslKey>

class Peer : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    QVariant echo(const QVariant &value) { return value; }
    void poke() {}
    void note(const QString &text) { m_notes.append(text); }
    QStringList notes() const { return m_notes; }

public:
    /// Never answers.
    Q_INVOKABLE void hang(MsgpackRpc::Responder responder) { m_hanging.append(responder); }

private:
    QList<MsgpackRpc::Responder> m_hanging;
    QStringList m_notes;
};

static QSslConfiguration identityOf(const QString &path)
{
    QFile file(path);
    const QByteArray pem = file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    QSslConfiguration configuration = QSslConfiguration::defaultConfiguration();
    configuration.setLocalCertificate(QSslCertificate(pem));
    configuration.setPrivateKey(QSslKey(pem, QSsl::Ec));
    return configuration;
}

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    Peer peer;
    MsgpackRpc::Server server;
    MsgpackRpc::Limits limits;
    limits.requestsInWork = 1'000'000;
    server.setLimits(limits);
    if (app.arguments().size() > 2)
        server.setTlsConfiguration(identityOf(app.arguments().value(2)));
    if (!server.serve(&peer) || !server.listen(QUrl(app.arguments().value(1)))) {
        QTextStream(stderr) << server.error().message() << Qt::endl;
        return 1;
    }
    QTextStream(stdout) << "listening " << server.urls().constFirst().toString() << Qt::endl;
    return app.exec();
}

#include "testpeer.moc"
