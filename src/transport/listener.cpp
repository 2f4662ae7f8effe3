// SPDX-License-Identifier: Apache-2.0
#include "transport/listener_p.h"

#include "transport/locallistener_p.h"
#include "transport/memorydevice_p.h"
#include "transport/schemes_p.h"
#include "transport/tcplistener_p.h"
#include "transport/tlslistener_p.h"
#include "transport/udplistener_p.h"

namespace MsgpackRpc {

namespace {

QString checkHost(const QUrl &url)
{
    const QString form = url.scheme() + QLatin1String("://address:port");
    if (url.host().isEmpty())
        return QStringLiteral("%1 names no address to listen at; expected %2")
                .arg(shown(url), form);
    if (url.port() < 0)
        return QStringLiteral(
                       "%1 names no port to listen at; expected %2, where port 0 is any free one")
                .arg(shown(url), form);
    return checkRest(url, form, url.path());
}

struct Scheme
{
    QLatin1String name;
    QLatin1String form; // for people
    QString (*check)(const QUrl &url); // what is wrong with a URL of it
    std::unique_ptr<Listener> (*create)();
};

template<typename Made>
std::unique_ptr<Listener> make()
{
    return std::make_unique<Made>();
}

constexpr Scheme schemes[] = {
        {QLatin1String("tcp"), QLatin1String("tcp://address:port"), checkHost, make<TcpListener>},
        {QLatin1String("tls"), QLatin1String("tls://address:port"), checkHost, make<TlsListener>},
        {QLatin1String("udp"), QLatin1String("udp://address:port"), checkHost, make<UdpListener>},
#ifdef Q_OS_UNIX
        {QLatin1String("local"), QLatin1String("local:name"), checkPath, make<LocalListener>},
#endif
        {QLatin1String("memory"), QLatin1String("memory:name"), checkName, make<MemoryListener>},
};

} // namespace

QHostAddress Listener::hostOf(const QUrl &url)
{
    if (url.host() == QLatin1String("localhost"))
        return QHostAddress(QHostAddress::LocalHost);
    return QHostAddress(url.host());
}

std::unique_ptr<Listener> Listener::create(const QUrl &url, const TransportSettings &settings,
                                           QString *why)
{
    const Scheme *const scheme = schemeOf(schemes, url);
    *why = checkForm(url, formsOf(schemes));
    if (why->isEmpty())
        *why = scheme != nullptr ? scheme->check(url)
                                 : QStringLiteral("\"%1\" has no known scheme; expected %2")
                                           .arg(shown(url), formsOf(schemes));
    if (!why->isEmpty())
        return nullptr;
    std::unique_ptr<Listener> listener = scheme->create();
    listener->setSettings(settings);
    return listener;
}

} // namespace MsgpackRpc
