// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/address.h>
#include <MsgpackRpc/caller.h>
#include <MsgpackRpc/counters.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>
#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QObject>
#include <QtCore/QUrl>

#include <chrono>
#include <memory>
#include <optional>

QT_BEGIN_NAMESPACE
class QIODevice;
class QSslCertificate;
class QSslConfiguration;
QT_END_NAMESPACE

namespace MsgpackRpc {

class Dispatcher;
class SessionPrivate;

/// Calls to and from one peer. Sessions are symmetric: both ends call, notify and serve over one connection.
///
/// A session with a URL connects when something is to be sent, or with open(), and again after a loss. A session that a
/// Server has accepted (Server::sessionOpened()) lives as long as its connection.
///
/// A session and what belongs to it live in one thread and are used there; handle() is for other threads. Calls that are made
/// in another end with WrongThread; other functions do nothing there, and a warning names them and both threads. It may be
/// deleted at any time, also from within its own signals and callbacks: every open call then ends with Canceled.
class MSGPACKRPC_EXPORT Session : public QObject, public CallInterface<Session>
{
    Q_OBJECT
    Q_PROPERTY(QUrl url READ url WRITE setUrl NOTIFY urlChanged)
    Q_PROPERTY(MsgpackRpc::Session::State state READ state NOTIFY stateChanged)
    Q_PROPERTY(
            std::chrono::milliseconds timeout READ timeout WRITE setTimeout NOTIFY timeoutChanged)
    Q_PROPERTY(std::chrono::milliseconds connectTimeout READ connectTimeout WRITE setConnectTimeout
                       NOTIFY connectTimeoutChanged)
    Q_PROPERTY(bool congested READ isCongested NOTIFY congestedChanged)
    Q_PROPERTY(MsgpackRpc::Limits limits READ limits WRITE setLimits NOTIFY limitsChanged)
    Q_PROPERTY(MsgpackRpc::TransportOption transportOption READ transportOption WRITE
                       setTransportOption NOTIFY transportOptionChanged)
    Q_PROPERTY(MsgpackRpc::TransportOption acceptedOptions READ acceptedOptions WRITE
                       setAcceptedOptions NOTIFY acceptedOptionsChanged)
    Q_PROPERTY(MsgpackRpc::WireFormat wireFormat READ wireFormat WRITE setWireFormat NOTIFY
                       wireFormatChanged)
    Q_PROPERTY(MsgpackRpc::Reconnect reconnect READ reconnect WRITE setReconnect NOTIFY
                       reconnectChanged)
    Q_PROPERTY(std::chrono::seconds keepAlive READ keepAlive WRITE setKeepAlive NOTIFY
                       keepAliveChanged)
    Q_PROPERTY(MsgpackRpc::NotifierMode notifierMode READ notifierMode WRITE setNotifierMode NOTIFY
                       notifierModeChanged)

public:
    /// The state of the connection; of several, with different options (over()), the state of the one that is farthest.
    enum State {
        Unconnected, ///< there is no connection; the next call makes one
        Connecting, ///< one is being made, or the next attempt is waited for
        Connected, ///< one is there
        Closed ///< an accepted session whose connection has ended: it can't be made again
    };
    Q_ENUM(State)

    /// A session without a URL: set one before calling.
    explicit Session(QObject *parent = nullptr);
    /// A session with the peer at \a url: `tcp://host:port`, `tls://host:port`, `udp://host:port`, `local:name` (in the
    /// user's runtime folder), `local:/path` or `memory:name`. Does not connect yet.
    explicit Session(const QUrl &url, QObject *parent = nullptr);
    /// Ends every call with Canceled and closes like close().
    ~Session() override;

    /// Where to connect to; empty for accepted sessions.
    QUrl url() const;
    /// Connects to \a url from the next connection on. With one that cannot be connected to, which has no port or a user
    /// name, path, query or fragment for example, calls end with NotConnectable, and the error says what is wrong. An open connection stays until close(); that over a device or with
    /// a program is closed.
    void setUrl(const QUrl &url);
    /// Talks over \a device, which is open for reading and writing, sequential, and lives in this thread: a socket, a
    /// serial port, anything that is a stream. In place of the URL, until setUrl() is called; what there was before is
    /// closed, as by close(). False if \a device is of no use; calls then end with NotConnectable, which says why.
    ///
    /// The device stays the caller's. While it is in use only the session reads it and writes to it. It may be closed or
    /// deleted at any time, which is the loss of the connection: open calls end with ConnectionLost, later ones with
    /// NotConnectable. The session closes it when the connection ends on this side, by close(), the destructor, or a
    /// fault of the peer.
    ///
    /// Slots of yours at the device may run within close(), the destructor and every other function of the session that
    /// writes. They may do there what a callback may: call, close, delete the session. A socket whose read buffer has no
    /// bound is given one, of 256 KiB: it would fill up while the session does not read.
    ///
    /// There is one connection only: over() has no effect, transportOption() is the one of when this was called. Has no
    /// effect on accepted sessions.
    ///
    /// A device that tells of what has come by readyRead() only, and not within a slot of that, is not heard of in an
    /// event loop that user code runs. Those of Qt tell by channelReadyRead(), but QLocalSocket.
    bool setDevice(QIODevice *device);
    /// Connects now, rather than at the first call. Not needed for calling.
    void open();
    /// Ends every open call with Canceled and closes the connections. Notifications and answers that wait are sent
    /// first: blocks for at most Limits::closeTime, usually not at all; notificationDropped() tells of what could not be
    /// sent. The session can be used again.
    void close();
    /// The state of the connection. Changes before stateChanged() tells.
    State state() const;

    /// How long a call waits for its answer; it ends within 100 ms or a tenth after that. Default 10 s; negative, as -1 ms:
    /// without limit. Counts for calls made from now on.
    std::chrono::milliseconds timeout() const;
    /// \copydoc timeout()
    void setTimeout(std::chrono::milliseconds timeout);
    /// How long one attempt to connect may take. Default 5 s; negative, as -1 ms: as long as the system tries. For attempts
    /// that begin from now on.
    std::chrono::milliseconds connectTimeout() const;
    /// \copydoc connectTimeout()
    void setConnectTimeout(std::chrono::milliseconds timeout);
    /// The limits; what is received is held to those of when the connection was made, what is sent and called to those of
    /// now. Negative numbers count, and are told, as 0; so do negative times, but idleTime and datagramIdleTime.
    Limits limits() const;
    /// \copydoc limits()
    void setLimits(const Limits &limits);
    /// What calls use that do not say over(). Default: plain. For calls from now on, which may connect once more for it.
    TransportOption transportOption() const;
    /// \copydoc transportOption()
    void setTransportOption(TransportOption option);
    /// What the peer may ask for in an OPTION message: TxDeflate that we compress, RxDeflate that we decompress.
    /// Default both. Asking for more ends the connection. zlib takes some 300 KiB for each compressed connection. For new
    /// connections.
    TransportOption acceptedOptions() const;
    /// \copydoc acceptedOptions()
    void setAcceptedOptions(TransportOption options);
    /// What MessagePack is written. Default Modern; Compatibility for peers of 2010. Set it before the first call.
    WireFormat wireFormat() const;
    /// \copydoc wireFormat()
    void setWireFormat(WireFormat format);
    /// When and how often to connect. Default: on demand, 5 attempts. From the next failed attempt, or loss, on.
    Reconnect reconnect() const;
    /// \copydoc reconnect()
    void setReconnect(const Reconnect &reconnect);
    /// After so long without traffic the system probes whether the peer is still there; three unanswered probes, a
    /// quarter of this apart, end the connection (TCP keep-alive; elsewhere than on Linux in the system's own times).
    /// Default 60 s; 0, and negative: never; at most 32 767 s. For new connections.
    std::chrono::seconds keepAlive() const;
    /// \copydoc keepAlive()
    void setKeepAlive(std::chrono::seconds time);
    /// How the event loop watches TCP connections. Default PerConnection; PerThread for programs with many hundred
    /// sessions in one thread. For new connections. Has an effect on Linux only.
    NotifierMode notifierMode() const;
    /// \copydoc notifierMode()
    void setNotifierMode(NotifierMode mode);

    /// What `tls://` is done with: the authorities that are trusted, an own certificate with its key, how the peer is
    /// verified. Default QSslConfiguration::defaultConfiguration(): the peer's certificate must be for the URL's host and
    /// signed by an authority that the system trusts; otherwise calls end with NotConnectable, and the error says why.
    /// QSslSocket::VerifyNone gives that up, and with it what TLS is for. For new connections.
    QSslConfiguration tlsConfiguration() const;
    /// \copydoc tlsConfiguration()
    void setTlsConfiguration(const QSslConfiguration &configuration);

    /// A token that the peer asks for (Server::setToken()): it is told first on every connection, and nothing else before it
    /// was accepted. If it is not, or the peer asks for none, calls end with NotConnectable, and it is not tried again
    /// until the next call. At most 16 000 bytes; empty: none. Not over `udp://`. Whoever listens at url() learns it: use
    /// `tls://` where that could be another. For new connections.
    void setToken(const QByteArray &token);
    /// True if there is one.
    bool hasToken() const;

    /// What answers the peer's requests; not owned, and must outlive the session. Default: a NullDispatcher.
    Dispatcher *dispatcher() const;
    /// \copydoc dispatcher()
    void setDispatcher(Dispatcher *dispatcher);

    /// A weak handle that other threads may call through. To be asked for in the session's thread.
    SessionHandle handle() const;
    /// The address that this session connects to: that of url(), where it names a literal one. None for accepted
    /// sessions and for host names.
    std::optional<Address> address() const;
    /// The peer's address; none without a connection, or where it has none.
    std::optional<Address> peerAddress() const;
    /// The certificate by which the peer is known: one that it has shown over `tls://` and that was verified, null
    /// otherwise and without a connection. A server has to ask for it: QSslConfiguration::setPeerVerifyMode() with
    /// QSslSocket::VerifyPeer.
    QSslCertificate peerCertificate() const;
    /// The peer for people: its address, or its URL.
    QString peerName() const;
    /// Calls that wait for an answer.
    int pendingCalls() const;
    /// Requests of the peer that wait for our answer.
    int requestsInWork() const;
    /// Bytes that wait to be sent.
    qsizetype bytesToWrite() const;
    /// True while so much waits to be sent, with one transport option, that it would be better to wait: from an eighth of
    /// Limits::queuedBytes on, until less than a sixteenth is left. More can be called and notified up to that limit. Changes
    /// before congestedChanged() tells.
    bool isCongested() const;
    /// Datagrams over `udp://` that were dropped: what came was malformed, over a limit or not to be accepted, or what
    /// was to be sent was not taken by the system. 0 over anything else.
    quint64 datagramsDropped() const;
    /// What the session has done since it was made, over all connections.
    Counters counters() const;
    /// The msgid of the next request: 1 at first, over `udp://` random, so that nobody can guess it. To be set before the first call, by tests that compare bytes.
    void setNextMsgid(quint32 msgid);

    /// Internal: how CallInterface reaches this.
    Detail::CallTarget callTarget() noexcept { return {this, nullptr, {}, {}}; }

Q_SIGNALS:
    /// The state is another. Every change is told, from the event loop: state() may have gone on meanwhile.
    void stateChanged(MsgpackRpc::Session::State state);
    /// A connection could not be made, or was lost; \a error says why. Calls hear of it themselves. The session of a server
    /// tells once, before Server::sessionClosed(), unless this side has closed it: ConnectionLost where the peer has closed
    /// it or is gone, ProtocolViolation or LimitExceeded for what the peer has done, LimitExceeded for Limits::idleTime.
    void errorOccurred(const MsgpackRpc::Error &error);
    /// \a count notifications were not sent, because of \a error.
    void notificationDropped(int count, const MsgpackRpc::Error &error);
    /// isCongested() is another: false says that it is time to go on. Every change is told, from the event loop.
    void congestedChanged(bool isCongested);
    /// url() is another.
    void urlChanged();
    /// timeout() is another.
    void timeoutChanged();
    /// connectTimeout() is another.
    void connectTimeoutChanged();
    /// limits() are others.
    void limitsChanged();
    /// transportOption() is another.
    void transportOptionChanged();
    /// acceptedOptions() are others.
    void acceptedOptionsChanged();
    /// wireFormat() is another.
    void wireFormatChanged();
    /// reconnect() is another.
    void reconnectChanged();
    /// keepAlive() is another.
    void keepAliveChanged();
    /// notifierMode() is another.
    void notifierModeChanged();

protected:
    /// Internal.
    Session(std::unique_ptr<SessionPrivate> d, QObject *parent);
    /// Ends everything now: for subclasses, whose members go before the session does.
    void shutdown();

private:
    friend class Detail::CallBuilder;
    friend class SessionPrivate;
    std::unique_ptr<SessionPrivate> d;
};

} // namespace MsgpackRpc
