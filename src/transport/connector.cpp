// SPDX-License-Identifier: Apache-2.0
#include "transport/connector_p.h"

#include "transport/localconnector_p.h"
#include "transport/memoryconnector_p.h"
#include "transport/schemes_p.h"
#include "transport/tcpconnector_p.h"
#include "transport/tlsconnector_p.h"
#include "transport/transport_p.h"
#include "transport/udpconnector_p.h"

namespace MsgpackRpc {

namespace {

class UnusableConnector final : public Connector
{
public:
    explicit UnusableConnector(const QString &why) : m_why(why) {}

    bool isUsable() const override { return false; }
    void start() override
    {
        QMetaObject::invokeMethod(
                this, [this] { Q_EMIT failed(m_why); }, Qt::QueuedConnection);
    }
    bool waitForConnected(std::chrono::milliseconds) override { return false; }

private:
    QString m_why;
};

QString checkHost(const QUrl &url)
{
    const QString form = url.scheme() + QLatin1String("://host:port");
    if (url.host().isEmpty())
        return QStringLiteral("%1 names no host; expected %2").arg(shown(url), form);
    if (url.port(0) <= 0)
        return QStringLiteral("%1 names no port to connect to; expected %2").arg(shown(url), form);
    return checkRest(url, form, url.path());
}

struct Scheme
{
    QLatin1String name;
    QLatin1String form; // for people
    QString (*check)(const QUrl &url); // what is wrong with a URL of it
    std::unique_ptr<Connector> (*create)(const TransportSettings &settings);
};

template<typename Made>
std::unique_ptr<Connector> make(const TransportSettings &settings)
{
    return std::make_unique<Made>(settings);
}

constexpr Scheme schemes[] = {
        {QLatin1String("tcp"), QLatin1String("tcp://host:port"), checkHost, make<TcpConnector>},
        {QLatin1String("tls"), QLatin1String("tls://host:port"), checkHost, make<TlsConnector>},
        {QLatin1String("udp"), QLatin1String("udp://host:port"), checkHost, make<UdpConnector>},
#ifdef Q_OS_UNIX
        {QLatin1String("local"), QLatin1String("local:name"), checkPath, make<LocalConnector>},
#endif
        {QLatin1String("memory"), QLatin1String("memory:name"), checkName, make<MemoryConnector>},
};

} // namespace

QString Connector::check(const QUrl &url)
{
    if (url.isEmpty())
        return QStringLiteral("there is no URL to connect to");
    if (const QString wrong = checkForm(url, formsOf(schemes)); !wrong.isEmpty())
        return wrong;
    if (const Scheme *const scheme = schemeOf(schemes, url))
        return scheme->check(url);
    return QStringLiteral("%1 has no known scheme; expected %2").arg(shown(url), formsOf(schemes));
}

std::unique_ptr<Connector> Connector::create(const TransportSettings &settings)
{
    const QString wrong = check(settings.url);
    if (!wrong.isEmpty())
        return std::make_unique<UnusableConnector>(wrong);
    return schemeOf(schemes, settings.url)->create(settings);
}

} // namespace MsgpackRpc
