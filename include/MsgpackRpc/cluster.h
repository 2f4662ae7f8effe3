// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/sessionpool.h>

#include <functional>
#include <memory>
#include <optional>

namespace MsgpackRpc {

class ClusterPrivate;

/// A node among others: it listens, and has one session with each other node, which is keyed by the address that the
/// other listens at (doc/protocol, "Cluster").
///
/// \code
/// MsgpackRpc::Cluster node;
/// node.serve(&service);
/// node.listen(QUrl("tcp://127.0.0.1:18800"));
/// node.session(QUrl("tcp://127.0.0.1:18801"))->call<int>("add", 1, 2).then(this, [](int sum) { … });
/// \endcode
/// A node says who it is when it connects to another one. There, what it calls belongs to the session with its address:
/// CallContext::session() is that session, and calls through it go back over the other's own connection. Whoever
/// connects without saying so is a plain client, with a session of its own.
///
/// Settings are those of the pool; they hold for sessions that connect and for connections that are accepted. A cluster
/// lives in one thread with its sessions; deleting it ends them.
class MSGPACKRPC_EXPORT Cluster : public SessionPool
{
    Q_OBJECT

public:
    /// Whether a peer may be the node at \a claimed; \a peer is the address that its connection comes from. Must not run
    /// an event loop.
    using AddressCheck = std::function<bool(const Address &claimed, const Address &peer)>;

    /// A node that does not listen yet: to others it is a plain client.
    explicit Cluster(QObject *parent = nullptr);
    /// Ends all sessions.
    ~Cluster() override;

    /// Listens at \a url, `tcp://address:port` with a literal address or localhost. The first one decides address():
    /// where \a url leads to, with the port that was found for port 0. False, and error() says why, if that is not
    /// possible: 0.0.0.0 and [::] are no address of a node, advertise one then. Connections that are open already stay
    /// those of a plain client.
    bool listen(const QUrl &url);
    /// The same, telling other nodes that they reach this one at \a advertised, which is connectable and is not
    /// 0.0.0.0 or [::].
    bool listen(const QUrl &url, const Address &advertised);
    /// Where it listens, with the ports that were found.
    QList<QUrl> urls() const;
    /// True if it listens anywhere.
    bool isListening() const { return !urls().isEmpty(); }
    /// What the last listen() that failed has failed with.
    Error error() const;
    /// Who this node is to others; none before listen().
    std::optional<Address> address() const;
    /// The sessions of those who have connected without saying that they are nodes.
    QList<Session *> clients() const;
    /// Stops listening, ends the sessions of clients, and closes all others: open calls end with Canceled. What is
    /// served stays; listen() can be called again, also with another address.
    void close() override;

    /// The token that all nodes share: this one asks for it, of nodes and of clients, and tells it to those that it
    /// connects to. See Server::setToken() and Session::setToken(). Before listen().
    void setToken(const QByteArray &token) override;
    /// Who may claim to be the node at an address. A claim that is refused ends its connection. Default, and with a null
    /// \a check: only a peer whose connection comes from the claimed host, with a port that can be connected to. A check
    /// that throws refuses. This keeps hosts apart, not the programs of
    /// one host: an address is no proof of identity.
    void setAddressCheck(AddressCheck check);

Q_SIGNALS:
    /// A plain client has sent its first message, or a node has introduced itself for which there was no session yet. Told
    /// from the event loop: its first calls may have been answered.
    void sessionOpened(MsgpackRpc::Session *session);
    /// The connection of a client has ended, or the session with a node that has introduced itself was idle for
    /// Limits::clusterIdleTime. The session is deleted some time after. Not told of sessions that are deleted by others,
    /// and of those that session() was asked for: they stay.
    void sessionClosed(MsgpackRpc::Session *session);

private:
    std::unique_ptr<ClusterPrivate> d;
};

} // namespace MsgpackRpc
