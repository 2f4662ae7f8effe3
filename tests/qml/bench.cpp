// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <QtCore/QDir>
#include <QtQml/QQmlEngine>

#include <malloc.h>

namespace {

QStringList warnings;
QtMessageHandler defaultHandler = nullptr;

void keepWarnings(QtMsgType type, const QMessageLogContext &context, const QString &text)
{
    if (type == QtWarningMsg || type == QtCriticalMsg)
        warnings.append(text);
    defaultHandler(type, context, text);
}

// Qt Test installs a handler of its own for each test function, and this one goes before it.
void installHandler()
{
    const QtMessageHandler handler = qInstallMessageHandler(keepWarnings);
    if (handler != keepWarnings)
        defaultHandler = handler;
}

} // namespace

Bench::Bench(QObject *parent) : QObject(parent) {}

Bench::~Bench() = default;

QUrl Bench::startPeer(const QUrl &url)
{
    m_peer = std::make_unique<PeerProcess>(url.toString());
    return m_peer->url();
}

void Bench::killPeer()
{
    m_peer.reset();
}

QUrl Bench::deadUrl() const
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(server.serverPort()));
}

QUrl Bench::startHostile(const QString &hex)
{
    m_bytes = hex.toLatin1();
    m_hostile = std::make_unique<QTcpServer>();
    connect(m_hostile.get(), &QTcpServer::newConnection, this, &Bench::serveHostile);
    m_hostile->listen(QHostAddress::LocalHost);
    return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_hostile->serverPort()));
}

void Bench::serveHostile()
{
    QTcpSocket *const socket = m_hostile->nextPendingConnection();
    connect(socket, &QTcpSocket::readyRead, socket, [this, socket] {
        const QByteArray request = socket->readAll();
        if (m_bytes.isEmpty())
            return socket->abort();
        // `94 00 msgid`: msgids of a byte are all that tests get to.
        QByteArray bytes = m_bytes;
        bytes.replace("MM", request.mid(2, 1).toHex());
        socket->write(QByteArray::fromHex(bytes));
    });
}

QStringList Bench::takeWarnings()
{
    installHandler();
    return std::exchange(warnings, {});
}

QObject *Bench::newClient(const QUrl &url)
{
    auto *const client = new MsgpackRpc::Client(url, this);
    QQmlEngine::setObjectOwnership(client, QQmlEngine::CppOwnership);
    return client;
}

QObject *Bench::newServer(const QString &name)
{
    auto *const server = new MsgpackRpc::Server(this);
    QQmlEngine::setObjectOwnership(server, QQmlEngine::CppOwnership);
    auto *const calculator = new Calculator;
    calculator->setParent(server);
    server->serve(calculator);
    if (!server->listen(QUrl(QStringLiteral("memory:") + name)))
        qFatal("%s", qPrintable(server->error().message()));
    return server;
}

QString Bench::nameOf(QObject *server) const
{
    return qobject_cast<MsgpackRpc::Server *>(server)->urls().constFirst().path();
}

void Bench::bindVersion(QObject *client)
{
    qobject_cast<MsgpackRpc::Client *>(client)->bind("version",
                                                     [] { return QStringLiteral("1.2"); });
}

void Bench::callClientOf(QObject *server, const QString &method, const QVariantList &arguments)
{
    MsgpackRpc::Session *const session =
            qobject_cast<MsgpackRpc::Server *>(server)->sessions().constFirst();
    session->callWithArguments(method, arguments)
            .then(this, [this](const QVariant &result) { Q_EMIT answered(result, QString()); })
            .onError(this, [this](const MsgpackRpc::Error &error) {
                Q_EMIT answered(QVariant(), error.message());
            });
}

void Bench::notifyClientsOf(QObject *server, const QString &method, const QVariantList &arguments)
{
    for (MsgpackRpc::Session *session : qobject_cast<MsgpackRpc::Server *>(server)->sessions())
        session->notifyWithArguments(method, arguments);
}

QObject *Bench::newCalculator()
{
    auto *const calculator = new Calculator;
    calculator->setParent(this);
    return calculator;
}

void Bench::remove(QObject *object)
{
    delete object;
}

double Bench::allocatedBytes() const
{
    return double(mallinfo2().uordblks);
}

void Bench::collectGarbage()
{
    qmlEngine(this)->collectGarbage();
}

int Bench::openDescriptors() const
{
    return int(QDir(QStringLiteral("/proc/self/fd")).entryList(QDir::Files | QDir::System).size());
}

int Bench::runningReplies() const
{
    int count = 0;
    for (const QObject *child : qmlEngine(this)->findChildren<QObject *>())
        count += child->inherits("MsgpackRpc::RpcReply") ? 1 : 0;
    return count;
}
