// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/pendingcallwatcher.h>
#include <MsgpackRpc/serving.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QUrl>
#include <QtCore/QVariant>

#include <memory>

namespace MsgpackRpc {

class ClientPrivate;

/// A Session that is made by a program of its own accord, and what it serves to the other side.
///
/// \code
/// MsgpackRpc::Client client(QUrl("tcp://127.0.0.1:18800"));
/// client.call<int>("add", 1, 2).then(this, [](int sum) { … });
/// \endcode
/// The other side can call and notify what is given to bind() and serve(), over the same connection.
class MSGPACKRPC_EXPORT Client : public Session, public Serving<Client>
{
    Q_OBJECT

public:
    /// A client without a URL: set one before calling.
    explicit Client(QObject *parent = nullptr);
    /// A client of the server at \a url. It connects with the first call, or with open().
    explicit Client(const QUrl &url, QObject *parent = nullptr);
    ~Client() override;

    /// What the other side may call: what serve() and bind() add to.
    ObjectDispatcher &objectDispatcher();

Q_SIGNALS:
    /// The other side has notified a method that is not bound or served here. Integer methods come as their digits.
    void notificationReceived(const QString &method, const QVariantList &arguments);

private:
    bool handleUnknown(IncomingCall &call);
    std::unique_ptr<ClientPrivate> d;
};

} // namespace MsgpackRpc
