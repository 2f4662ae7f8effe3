// SPDX-License-Identifier: Apache-2.0

// Addresses of bytes and of URLs, and what is said about URLs to connect to and to listen at.
#include "fuzz.h"

#include "transport/connector_p.h"
#include "transport/listener_p.h"
#include "transport/transport_p.h"

#include <MsgpackRpc/address.h>

#include <QtCore/QUrl>

using namespace MsgpackRpc;

namespace {

void checkBytes(QByteArrayView bytes)
{
    const std::optional<Address> address = Address::fromBytes(bytes);
    Fuzz::require(address.has_value() == (bytes.size() == 6 || bytes.size() == 18),
                  "6 or 18 bytes");
    if (!address)
        return;
    Fuzz::require(address->toBytes() == bytes, "the bytes come back");
    Fuzz::require(!address->toString().isEmpty(), "it can be shown");
    const QUrl url = address->toUrl(QStringLiteral("tcp"));
    const std::optional<Address> again = Address::fromUrl(url);
    Fuzz::require(again && again->port() == address->port(), "the URL is one of an address",
                  url.toString().toUtf8());
    // What is IPv4 mapped into IPv6 comes back as IPv4.
    Fuzz::require(again->host().isEqual(address->host(), QHostAddress::TolerantConversion),
                  "the host comes back", url.toString().toUtf8());
    Fuzz::require((address->port() == 0) == !Connector::check(url).isEmpty(),
                  "it can be connected to unless its port is 0", url.toString().toUtf8());
}

void checkUrl(const QUrl &url)
{
    const QString wrong = Connector::check(url);
    QString why;
    static const TransportSettings settings;
    const std::unique_ptr<Listener> listener = Listener::create(url, settings, &why);
    Fuzz::require((listener == nullptr) == !why.isEmpty(), "a listener, or a reason");
    // But for TLS, where a server needs a certificate.
    Fuzz::require(!wrong.isEmpty() || listener || url.scheme() == QLatin1String("tls"),
                  "who can be connected to can listen", url.toString().toUtf8());
    Listener::hostOf(url);
    if (const std::optional<Address> address = Address::fromUrl(url))
        checkBytes(address->toBytes());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool isQuiet = [] {
        Fuzz::beQuiet();
        return true;
    }();
    Q_UNUSED(isQuiet)
    Fuzz::Input input(data, size);
    const quint8 choice = input.byte();
    if ((choice & 3) == 0) {
        checkBytes(input.rest());
        return 0;
    }
    const QString text = QString::fromUtf8(input.rest());
    checkUrl(QUrl(text, (choice & 1) != 0 ? QUrl::TolerantMode : QUrl::StrictMode));
    return 0;
}
