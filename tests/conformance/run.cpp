// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <QtCore/QMetaEnum>

using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::PendingCall;

namespace Conformance {

Run::Run(const Settings &settings)
    : m_settings(settings), m_deadline(3 * settings.timeout), m_client(newClient())
{
    QObject::connect(
            m_client.get(), &Client::stateChanged, m_client.get(),
            [this](Client::State state) { m_losses += state == Client::Unconnected ? 1 : 0; });
}

std::unique_ptr<Client> Run::newClient() const
{
    auto client = std::make_unique<Client>(m_settings.url);
    client->setTlsConfiguration(m_settings.tls);
    client->setTimeout(m_settings.timeout);
    client->setTransportOption(m_settings.option);
    client->setWireFormat(m_settings.format);
    if (!m_settings.program.isEmpty())
        client->startProcess(m_settings.program.constFirst(), m_settings.program.mid(1));
    return client;
}

void Run::waitFor(const PendingCall &reply, const QString &what) const
{
    if (!reply.waitForFinished(remaining()))
        throw Failure{QStringLiteral("%1: not finished in the time of the case").arg(what)};
}

Error Run::remoteError(const PendingCall &reply, const QString &what) const
{
    waitFor(reply, what);
    const Error error = reply.error();
    check(bool(error), QStringLiteral("%1: a result instead of an error").arg(what));
    check(error.code() == Error::RemoteError, QStringLiteral("%1: %2").arg(what, text(error)));
    return error;
}

void Run::checkAlive(const QString &after)
{
    const QString what = QStringLiteral("add(20, 22) %1").arg(after);
    check(result(m_client->call<int>("add", 20, 22), what) == 42,
          QStringLiteral("%1: not 42").arg(what));
    check(m_losses == 0, QStringLiteral("the connection was lost %1").arg(after));
}

void Run::needModern(const QString &what) const
{
    if (m_settings.format == MsgpackRpc::WireFormat::Compatibility)
        throw Skipped{QStringLiteral("the compatibility format has no %1").arg(what)};
}

void Run::needOptions() const
{
    if (!m_settings.options)
        throw Skipped{QStringLiteral("--no-options")};
}

void Run::needCluster() const
{
    if (!m_settings.isCluster)
        throw Skipped{QStringLiteral("for --cluster")};
}

void Run::needOneServer() const
{
    if (!m_settings.program.isEmpty())
        throw Skipped{QStringLiteral("each client starts a server of its own")};
}

void Run::needRoom(qsizetype bytes) const
{
    constexpr qsizetype Most = 65'000; // what IPv4 has room for, less what goes around a value
    if (m_settings.url.scheme() == QLatin1String("udp") && bytes > Most)
        throw Skipped{QStringLiteral("%1 bytes do not go into a datagram").arg(bytes)};
}

QString Run::text(const Error &error)
{
    return QStringLiteral("%1: %2").arg(
            QLatin1String(QMetaEnum::fromType<Error::Code>().valueToKey(error.code())),
            error.message());
}

} // namespace Conformance
