// SPDX-License-Identifier: Apache-2.0

// The server of QtDBus, peer to peer: no bus daemon between.
#include "system.h"

#include <QtCore/QCoreApplication>
#include <QtDBus/QDBusConnection>
#include <QtDBus/QDBusContext>
#include <QtDBus/QDBusServer>

namespace Benchmark {

namespace {

class Served : public QObject, protected QDBusContext
{
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "bench.Calls")

public:
    explicit Served(bool isQuiet) : m_isQuiet(isQuiet) {}

public Q_SLOTS:
    int add(int a, int b)
    {
        if (m_isQuiet)
            setDelayedReply(true);
        return a + b;
    }
    QByteArray echo(const QByteArray &data) { return data; }

private:
    const bool m_isQuiet;
};

class Server final : public ServerSide
{
public:
    explicit Server(const Options &options) : m_served(options.isQuiet)
    {
        m_server.setAnonymousAuthenticationAllowed(true);
        QObject::connect(&m_server, &QDBusServer::newConnection, &m_served,
                         [this](const QDBusConnection &connection) { accept(connection); });
    }

    QString listen() override { return m_server.isConnected() ? m_server.address() : QString(); }
    void onConnectionEnded(const std::function<void()> &function) override { m_ended = function; }

private:
    void accept(QDBusConnection connection)
    {
        m_connections.append(connection);
        connection.registerObject(QStringLiteral("/"), &m_served, QDBusConnection::ExportAllSlots);
        if (m_ended) {
            connection.connect(QString(), QStringLiteral("/org/freedesktop/DBus/Local"),
                               QStringLiteral("org.freedesktop.DBus.Local"),
                               QStringLiteral("Disconnected"), qApp, SLOT(quit()));
        }
    }

    Served m_served;
    QDBusServer m_server;
    QList<QDBusConnection> m_connections;
    std::function<void()> m_ended;
};

} // namespace

std::unique_ptr<ServerSide> makeServer(const Options &options)
{
    return std::make_unique<Server>(options);
}

} // namespace Benchmark

#include "dbusserver.moc"
