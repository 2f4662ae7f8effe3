// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/client.h>

#include <QtCore/QMetaMethod>

namespace MsgpackRpc {

class ClientPrivate
{
public:
    ObjectDispatcher dispatcher;
};

Client::Client(QObject *parent) : Session(parent), d(std::make_unique<ClientPrivate>())
{
    setDispatcher(&d->dispatcher);
    d->dispatcher.setFallback([this](IncomingCall &call) { return handleUnknown(call); });
}

Client::Client(const QUrl &url, QObject *parent) : Client(parent)
{
    setUrl(url);
}

Client::~Client()
{
    shutdown();
}

ObjectDispatcher &Client::objectDispatcher()
{
    return d->dispatcher;
}

bool Client::handleUnknown(IncomingCall &call)
{
    static const QMetaMethod signal = QMetaMethod::fromSignal(&Client::notificationReceived);
    if (!call.isNotification() || !isSignalConnected(signal))
        return false;
    QVariantList arguments;
    Reader reader = call.arguments();
    if (!Codec<QVariantList>::read(reader, arguments))
        return false;
    Q_EMIT notificationReceived(call.methodText(), arguments);
    return true;
}

} // namespace MsgpackRpc
