// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/admission.h>
#include <MsgpackRpc/serving.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QList>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QUrl>

#include <chrono>
#include <memory>

QT_BEGIN_NAMESPACE
class QLocalServer;
class QSslConfiguration;
class QTcpServer;
QT_END_NAMESPACE

namespace MsgpackRpc {

class ServerPrivate;

/// Listens, and serves the same objects and functions to everyone who connects.
///
/// \code
/// MsgpackRpc::Server server;
/// server.serve(&calculator);
/// if (!server.listen(QUrl("tcp://127.0.0.1:18800")))
///     qWarning() << server.error();
/// \endcode
/// Each connection is a Session, over which the server can call and notify too. A server lives in one thread with its
/// sessions; deleting it ends them. It can be moved to another thread (QObject::moveToThread()) before it listens. Functions
/// that are called in another thread than its own do nothing: they return false, 0 or nothing, and a warning names the
/// function and both threads.
///
/// **TCP on the loopback interface is open to every user of the machine**, and on others to everyone who reaches them,
/// unless setToken(), setAuthenticator() or certificates (setTlsConfiguration()) say who may call. Nothing listens on all
/// interfaces unless `tcp://0.0.0.0:port` or `tcp://[::]:port` is written out.
class MSGPACKRPC_EXPORT Server : public QObject, public Serving<Server>
{
    Q_OBJECT
    Q_PROPERTY(
            std::chrono::milliseconds timeout READ timeout WRITE setTimeout NOTIFY timeoutChanged)
    Q_PROPERTY(MsgpackRpc::Limits limits READ limits WRITE setLimits NOTIFY limitsChanged)
    Q_PROPERTY(MsgpackRpc::TransportOption acceptedOptions READ acceptedOptions WRITE
                       setAcceptedOptions NOTIFY acceptedOptionsChanged)
    Q_PROPERTY(MsgpackRpc::WireFormat wireFormat READ wireFormat WRITE setWireFormat NOTIFY
                       wireFormatChanged)
    Q_PROPERTY(std::chrono::seconds keepAlive READ keepAlive WRITE setKeepAlive NOTIFY
                       keepAliveChanged)
    Q_PROPERTY(MsgpackRpc::NotifierMode notifierMode READ notifierMode WRITE setNotifierMode NOTIFY
                       notifierModeChanged)
    Q_PROPERTY(MsgpackRpc::LocalAccess localAccess READ localAccess WRITE setLocalAccess NOTIFY
                       localAccessChanged)

public:
    /// A server that serves nothing and listens nowhere.
    explicit Server(QObject *parent = nullptr);
    /// Ends all sessions.
    ~Server() override;

    /// Listens at \a url too: `tcp://address:port` with a literal address or localhost, where port 0 takes any free
    /// one, `tls://address:port` and `udp://address:port` likewise, `local:name`, or `memory:name`. False, and error() says
    /// why, if that is not possible; `tls://` needs a certificate. A URL without a port, or with a user name, path, query or
    /// fragment, is refused: nothing that it says is ignored. Any number of times.
    ///
    /// `local:name` is a socket in the user's runtime folder (QStandardPaths::RuntimeLocation), which nobody else can
    /// reach; `local:/path` is one at an absolute path, in a folder that exists, for those whom localAccess() allows.
    /// The socket of a server that is dead is replaced. That of one that lives, and a file that is no socket, are left
    /// as they are, and it is an error. The file is removed with close().
    bool listen(const QUrl &url);
    /// Takes the connections of \a server, which listens, too: one with settings of its own, or of a class derived from
    /// QTcpServer, such as QSslServer. False, and error() says why, if it does not listen, lives in another thread, or was
    /// taken already, by this or another Server.
    ///
    /// The server stays the caller's, who may close or delete it at any time: sessions that there are go on, and urls()
    /// tells of it no more. Connections are taken by QTcpServer::nextPendingConnection() and belong to their sessions. While
    /// there are as many as there may be, it is paused. With close() and the destructor nothing more is taken from it, and
    /// it is no longer paused: it goes on listening, and can be taken again.
    bool listen(QTcpServer *server);
    /// \overload
    /// For a QLocalServer, which cannot be paused: at the limit of connections, its own maxPendingConnections() holds.
    bool listen(QLocalServer *server);
    /// Serves whoever has started this program, over its standard streams: the other end of Client::startProcess(), and of
    /// whatever else writes to pipes. There is one session, which is opened from the event loop; urls() does not tell of
    /// it. False, and error() says why, if that is not possible: for the second time in a process, and on systems other
    /// than Unix.
    ///
    /// Nothing else can disturb the stream: what this program writes to its standard output from now on, with printf() for
    /// example, goes to its standard error, and its standard input is empty.
    bool listenOnStandardStreams();
    /// Where it listens, with the ports and the absolute paths that were found: what others connect to.
    QList<QUrl> urls() const;
    /// True if it listens anywhere that urls() tells of.
    bool isListening() const { return !urls().isEmpty(); }
    /// Stops listening and ends all sessions. What is served stays; listen() can be called again.
    void close();
    /// What the last listen() that failed has failed with.
    Error error() const;

    /// The open sessions, in the order in which they came.
    QList<Session *> sessions() const;
    /// Notifies every session. Returns how many it was queued for.
    template<typename Method, typename... Args>
    int notifyAll(const Method &method, const Args &...args)
    {
        int count = 0;
        const QList<Session *> all = sessions();
        for (const QPointer<Session> &session : QList<QPointer<Session>>(all.begin(), all.end()))
            count += session && session->notify(method, args...) ? 1 : 0;
        return count;
    }

    /// What all sessions of this server have done, those that have ended included, and the connections that came to
    /// nothing. Counts on after close().
    Counters counters() const;
    /// Datagrams over `udp://` that were dropped: malformed, over a limit, not to be accepted, without room for a
    /// session, or not to be sent. Counts on after close().
    quint64 datagramsDropped() const;

    /// How long calls to the clients wait for their answer. Default 10 s; negative, as -1 ms: without limit. For new
    /// sessions: those that there are have Session::setTimeout().
    std::chrono::milliseconds timeout() const;
    /// \copydoc timeout()
    void setTimeout(std::chrono::milliseconds timeout);
    /// The limits. Those on the number of connections and sessions, and idle times, hold at once; all others for new
    /// sessions. Negative numbers count, and are told, as 0; so do negative times, but idleTime and datagramIdleTime.
    Limits limits() const;
    /// \copydoc limits()
    void setLimits(const Limits &limits);
    /// What clients may ask for in an OPTION message; see Session::acceptedOptions(). Default both directions. For
    /// new sessions.
    TransportOption acceptedOptions() const;
    /// \copydoc acceptedOptions()
    void setAcceptedOptions(TransportOption options);
    /// What MessagePack is written. Default Modern. For new sessions.
    WireFormat wireFormat() const;
    /// \copydoc wireFormat()
    void setWireFormat(WireFormat format);
    /// TCP keep-alive of connections accepted from now on; see Session::keepAlive(). Default 60 s.
    std::chrono::seconds keepAlive() const;
    /// \copydoc keepAlive()
    void setKeepAlive(std::chrono::seconds time);
    /// How the event loop watches TCP connections accepted from now on. Default PerConnection. For a server
    /// with more than a few hundred connections, most of which are idle, PerThread; those are kept then without a
    /// QAbstractSocket. Has an effect on Linux only.
    NotifierMode notifierMode() const;
    /// \copydoc notifierMode()
    void setNotifierMode(NotifierMode mode);
    /// Who may connect to a `local:` socket, from the next listen() on. Default LocalAccess::User.
    LocalAccess localAccess() const;
    /// \copydoc localAccess()
    void setLocalAccess(LocalAccess access);

    /// What `tls://` is done with: the certificate and its key, without which listen() fails, and for
    /// QSslSocket::VerifyPeer the authorities that have to have signed the clients' certificates. Without that mode clients
    /// are asked for none; see Session::peerCertificate(). For connections accepted from now on.
    QSslConfiguration tlsConfiguration() const;
    /// \copydoc tlsConfiguration()
    void setTlsConfiguration(const QSslConfiguration &configuration);

    /// Only those who know \a token may call (Session::setToken()). It has to come first on each connection: until it was
    /// accepted nothing else is looked at, no session is opened, and the limits Limits::unauthenticatedConnections and
    /// Limits::authenticationTime hold. Whoever sends another one, or anything else, is answered with an error and closed.
    /// It is compared in a time that does not depend on it, and not kept, but for a digest. It protects against those who
    /// do not know it, not against those who can read the connection: use `tls://` across a network. At most 16 000 bytes;
    /// empty: none, the default. For new connections, and not over `udp://`: listen() refuses that.
    void setToken(const QByteArray &token);
    /// True if there is one.
    bool hasToken() const;
    /// What a peer has to send before an authenticator is asked.
    enum Credentials {
        NoCredentials, ///< nothing: it is asked at once, and decides by address or certificate
        TokenCredentials ///< what it has given to Session::setToken(), as its first message
    };
    /// Asks \a authenticator about everyone who connects, after the token of setToken() if there is one; null: nobody is
    /// asked, the default. The same as there holds until it has decided. For new connections, and not over `udp://`.
    /// \code
    /// server.setAuthenticator([](const MsgpackRpc::Admission &admission) {
    ///     isAllowed(admission.peerCertificate()) ? admission.accept() : admission.refuse();
    /// });
    /// \endcode
    void setAuthenticator(Authenticator authenticator, Credentials credentials = NoCredentials);

    /// What clients may call: what serve() and bind() add to.
    ObjectDispatcher &objectDispatcher();

Q_SIGNALS:
    /// Somebody has connected. The session may be called at once; it is deleted some time after sessionClosed().
    void sessionOpened(MsgpackRpc::Session *session);
    /// A connection has ended.
    void sessionClosed(MsgpackRpc::Session *session);
    /// The session of listenOnStandardStreams() has ended: usually whoever has started this program is gone, or wants it to
    /// end, so that this is to be connected to QCoreApplication::quit(). Not told after close().
    void standardStreamsEnded();
    /// timeout() is another.
    void timeoutChanged();
    /// limits() are others.
    void limitsChanged();
    /// acceptedOptions() are others.
    void acceptedOptionsChanged();
    /// wireFormat() is another.
    void wireFormatChanged();
    /// keepAlive() is another.
    void keepAliveChanged();
    /// notifierMode() is another.
    void notifierModeChanged();
    /// localAccess() is another.
    void localAccessChanged();

private:
    std::unique_ptr<ServerPrivate> d;
};

} // namespace MsgpackRpc
