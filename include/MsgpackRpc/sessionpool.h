// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/serving.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QList>
#include <QtCore/QObject>
#include <QtCore/QUrl>

#include <chrono>
#include <memory>

QT_BEGIN_NAMESPACE
class QSslConfiguration;
QT_END_NAMESPACE

namespace MsgpackRpc {

class SessionPoolPrivate;

/// The sessions with many peers, one for each address, made when they are asked for.
///
/// \code
/// MsgpackRpc::SessionPool pool;
/// pool.session(QUrl("tcp://127.0.0.1:18800"))->call<int>("add", 1, 2).then(this, [](int sum) { … });
/// \endcode
/// A session is keyed by its literal address and port, or by its host name in lower case and port. Names are looked up
/// at each connect, asynchronously. Sessions live as long as the pool, unless they are deleted before; an asked-for
/// session connects when it is first used.
///
/// What is given to serve() and bind() may be called back by all peers. A pool lives in one thread with its sessions;
/// deleting it ends them.
class MSGPACKRPC_EXPORT SessionPool : public QObject, public Serving<SessionPool>
{
    Q_OBJECT
    Q_PROPERTY(
            std::chrono::milliseconds timeout READ timeout WRITE setTimeout NOTIFY timeoutChanged)
    Q_PROPERTY(std::chrono::milliseconds connectTimeout READ connectTimeout WRITE setConnectTimeout
                       NOTIFY connectTimeoutChanged)
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

public:
    /// A pool without sessions.
    explicit SessionPool(QObject *parent = nullptr);
    /// Ends all sessions: their open calls end with Canceled.
    ~SessionPool() override;

    /// The session with the peer at \a url, made if there is none yet; never null. With a URL that cannot be connected to
    /// its calls end with NotConnectable. The pool owns it. In another thread than the pool's there is a warning, and what is
    /// returned refuses every call with WrongThread.
    Session *session(const QUrl &url);
    /// The same for `tcp://` and \a address.
    Session *session(const Address &address);
    /// The same for `tcp://` and \a host, a name or a literal address, with \a port.
    Session *session(const QString &host, quint16 port);
    /// The sessions that were made and not deleted, in no order.
    QList<Session *> sessions() const;
    /// Closes all sessions: open calls end with Canceled. The sessions stay and connect again when they are used.
    virtual void close();

    /// How long a call waits for its answer. Default 10 s; negative, as -1 ms: without limit. For sessions that are made from now on,
    /// like all settings here; each session has setters of its own.
    std::chrono::milliseconds timeout() const;
    /// \copydoc timeout()
    void setTimeout(std::chrono::milliseconds timeout);
    /// How long one attempt to connect may take. Default 5 s; negative: as long as the system tries.
    std::chrono::milliseconds connectTimeout() const;
    /// \copydoc connectTimeout()
    void setConnectTimeout(std::chrono::milliseconds timeout);
    /// The limits.
    Limits limits() const;
    /// \copydoc limits()
    void setLimits(const Limits &limits);
    /// What calls use that do not say over(). Default: plain.
    TransportOption transportOption() const;
    /// \copydoc transportOption()
    void setTransportOption(TransportOption option);
    /// What a peer that has connected may ask for; see Session::acceptedOptions(). Default both directions.
    TransportOption acceptedOptions() const;
    /// \copydoc acceptedOptions()
    void setAcceptedOptions(TransportOption options);
    /// What MessagePack is written. Default Modern.
    WireFormat wireFormat() const;
    /// \copydoc wireFormat()
    void setWireFormat(WireFormat format);
    /// When and how often to connect. Default: on demand, 5 attempts.
    Reconnect reconnect() const;
    /// \copydoc reconnect()
    void setReconnect(const Reconnect &reconnect);
    /// TCP keep-alive; see Session::keepAlive(). Default 60 s.
    std::chrono::seconds keepAlive() const;
    /// \copydoc keepAlive()
    void setKeepAlive(std::chrono::seconds time);

    /// What `tls://` is done with; see Session::tlsConfiguration().
    QSslConfiguration tlsConfiguration() const;
    /// \copydoc tlsConfiguration()
    void setTlsConfiguration(const QSslConfiguration &configuration);

    /// The token that peers ask for; see Session::setToken(). For sessions that are made from now on.
    virtual void setToken(const QByteArray &token);

    /// What peers may call back: what serve() and bind() add to.
    ObjectDispatcher &objectDispatcher();

Q_SIGNALS:
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

private:
    friend class SessionPoolPrivate;
    std::unique_ptr<SessionPoolPrivate> d;
};

} // namespace MsgpackRpc
