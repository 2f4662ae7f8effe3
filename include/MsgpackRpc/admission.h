// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/global.h>

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <functional>
#include <memory>
#include <optional>

QT_BEGIN_NAMESPACE
class QSslCertificate;
QT_END_NAMESPACE

namespace MsgpackRpc {

class AdmissionState;

/// The decision on one peer that has connected to a Server, which an Authenticator takes: at once or later. Until then
/// nothing that the peer sends is looked at, nobody is told of it, and it counts against
/// Limits::unauthenticatedConnections and Limits::authenticationTime.
///
/// A copyable handle on shared state: the first decision holds, and when the last copy goes undecided, the peer is refused.
/// Lives in the server's thread and is used there. What is decided happens from the event loop.
class MSGPACKRPC_EXPORT Admission
{
public:
    /// Decides on nobody.
    Admission() noexcept = default;
    /// Internal.
    explicit Admission(std::shared_ptr<AdmissionState> state) noexcept : m_state(std::move(state))
    {
    }

    /// Where the peer's connection comes from; none where the transport has no addresses.
    std::optional<Address> peerAddress() const;
    /// The peer for people and logs.
    QString peerName() const;
    /// The certificate by which the peer is known; null unless it was asked for and verified.
    QSslCertificate peerCertificate() const;
    /// What the peer has given to Session::setToken(), where the server asks for it; otherwise null.
    QByteArray token() const;

    /// Lets the peer in: Server::sessionOpened() follows.
    void accept() const;
    /// Closes its connection. \a reason is logged, and told to a peer that has sent a token.
    void refuse(const QString &reason = {}) const;
    /// True if it was decided, or the peer is gone or has waited for too long: nothing more can be done.
    bool isDecided() const;

private:
    std::shared_ptr<AdmissionState> m_state;
};

/// Decides on those who connect to a server. Called from the event loop, in the server's thread; one that throws refuses.
using Authenticator = std::function<void(const Admission &admission)>;

} // namespace MsgpackRpc
