// SPDX-License-Identifier: Apache-2.0

// The client of QtDBus, peer to peer: asynchronous calls, and a watcher for each.
#include "system.h"

#include <QtCore/QVariantList>
#include <QtDBus/QDBusConnection>
#include <QtDBus/QDBusMessage>
#include <QtDBus/QDBusPendingCallWatcher>
#include <QtDBus/QDBusPendingReply>

namespace Benchmark {

namespace {

class DBusChannel : public Channel
{
public:
    DBusChannel(const Options &options, Run &run)
        : Channel(run), m_address(options.address), m_connection(QString())
    {
    }
    ~DBusChannel() override { QDBusConnection::disconnectFromPeer(m_connection.name()); }

    void connectNow() override
    {
        static int counter = 0;
        m_connection =
                QDBusConnection::connectToPeer(m_address, QStringLiteral("bench%1").arg(++counter));
        if (!m_connection.isConnected())
            fail(m_connection.lastError().message());
    }
    // Qt's thread for D-Bus has it at once.
    bool hasSentAll() const override { return true; }

protected:
    /// Calls \a method, then \a function with the result.
    template<typename T, typename Function>
    void call(const QString &method, const QVariantList &arguments, Function function)
    {
        QDBusMessage message = QDBusMessage::createMethodCall(
                QString(), QStringLiteral("/"), QStringLiteral("bench.Calls"), method);
        message.setArguments(arguments);
        auto *const watcher = new QDBusPendingCallWatcher(m_connection.asyncCall(message), this);
        connect(watcher, &QDBusPendingCallWatcher::finished, this,
                [function](QDBusPendingCallWatcher *done) {
                    const QDBusPendingReply<T> reply = *done;
                    if (reply.isError())
                        fail(reply.error().message());
                    done->deleteLater();
                    function(reply.value());
                });
    }

private:
    const QString m_address;
    QDBusConnection m_connection;
};

class AddChannel final : public DBusChannel
{
public:
    using DBusChannel::DBusChannel;
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            const int a = ++m_counter & 63;
            call<int>(QStringLiteral("add"), {a, 2}, [this, a](int sum) {
                if (sum != a + 2)
                    fail(QStringLiteral("a wrong answer"));
                finished(1);
            });
        }
    }

private:
    int m_counter = 0;
};

class EchoChannel final : public DBusChannel
{
public:
    EchoChannel(const Options &options, Run &run)
        : DBusChannel(options, run), m_body(options.size, 'x')
    {
    }
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            call<QByteArray>(QStringLiteral("echo"), {m_body}, [this](const QByteArray &body) {
                if (body.size() != m_body.size())
                    fail(QStringLiteral("a wrong answer"));
                finished(1);
            });
        }
    }

private:
    const QByteArray m_body;
};

} // namespace

std::unique_ptr<Channel> makeChannel(const Options &options, Run &run)
{
    if (options.method == QLatin1String("add"))
        return std::make_unique<AddChannel>(options, run);
    if (options.method == QLatin1String("echo"))
        return std::make_unique<EchoChannel>(options, run);
    fail(QStringLiteral("no such method: ") + options.method);
}

} // namespace Benchmark
