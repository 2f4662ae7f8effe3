// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/client.h>

#include "session/session_p.h"
#include "transport/processconnector_p.h"

#include <QtCore/QMetaMethod>

#include <cstdio>
#include <functional>

namespace MsgpackRpc {

namespace {

/// Tells a client of its child, from the event loop, for as long as there is a client.
class ClientObserver final : public ProcessObserver
{
public:
    ClientObserver(Client *client, std::function<bool()> isListenedTo)
        : m_client(client), m_isListenedTo(std::move(isListenedTo))
    {
    }

    /// The client is about to end.
    void clear() { m_client = nullptr; }
    void processFinished(int exitCode, QProcess::ExitStatus status) override
    {
        post([client = m_client, exitCode, status] {
            Q_EMIT client->processFinished(exitCode, status);
        });
    }
    void processErrorOutput(const QByteArray &bytes) override
    {
        if (m_client == nullptr)
            return; // who would have listened is gone
        if (m_isListenedTo())
            post([client = m_client, bytes] { Q_EMIT client->processErrorOutput(bytes); });
        else
            std::fwrite(bytes.constData(), 1, size_t(bytes.size()), stderr);
    }

private:
    template<typename Function>
    void post(Function function)
    {
        if (m_client != nullptr)
            QMetaObject::invokeMethod(m_client, std::move(function), Qt::QueuedConnection);
    }

    Client *m_client;
    std::function<bool()> m_isListenedTo;
};

} // namespace

class ClientPrivate
{
public:
    explicit ClientPrivate(Client *client) : dispatcher(client) {}

    ObjectDispatcher dispatcher;
    std::shared_ptr<ClientObserver> observer;
};

Client::Client(QObject *parent) : Session(parent), d(std::make_unique<ClientPrivate>(this))
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
    if (d->observer)
        d->observer->clear();
    shutdown();
}

void Client::startProcess(const QString &program, const QStringList &arguments,
                          const QString &workingDirectory, const QProcessEnvironment &environment)
{
    SessionPrivate *const session = SessionPrivate::get(this);
    if (!session->checkThread("Client::startProcess()"))
        return;
    if (!d->observer)
        d->observer = std::make_shared<ClientObserver>(this, [this] {
            static const QMetaMethod signal = QMetaMethod::fromSignal(&Client::processErrorOutput);
            return isSignalConnected(signal);
        });
    const ProcessSettings settings{program, arguments, workingDirectory, environment};
    const QPointer<Client> guard(this);
    session->setConnector(
            [session, settings, observer = d->observer] {
                return std::make_unique<ProcessConnector>(settings, observer,
                                                          session->settings.limits.closeTime);
            },
            program);
    if (guard)
        open();
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
