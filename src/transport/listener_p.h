// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QIODevice>
#include <QtCore/QObject>
#include <QtCore/QUrl>
#include <QtNetwork/QHostAddress>

#include <functional>
#include <memory>

namespace MsgpackRpc {

struct TransportSettings;

/// Who counts connections that are not open yet, by the host that they come from.
class ConnectionPlaces
{
public:
    /// One more from \a host; false if there is no place for it.
    virtual bool takePlace(const QHostAddress &host, const QString &peerName) = 0;
    /// One that takePlace() has counted is gone.
    virtual void givePlace(const QHostAddress &host) = 0;
    /// One that takePlace() has counted is what is offered next: it keeps its place.
    virtual void passPlace(const QHostAddress &host) = 0;

protected:
    ConnectionPlaces() = default;
    ~ConnectionPlaces() = default;
    Q_DISABLE_COPY_MOVE(ConnectionPlaces)
};

/// Waits for connections at one URL and hands their open devices over.
class Listener : public QObject
{
    Q_OBJECT

public:
    /// A listener for the scheme of \a url; null, and \a why says what is wrong with it, if there is none. \a settings
    /// are as for setSettings().
    static std::unique_ptr<Listener> create(const QUrl &url, const TransportSettings &settings,
                                            QString *why);

    /// The literal address that \a url says to listen at; null if it names none. localhost is 127.0.0.1.
    static QHostAddress hostOf(const QUrl &url);

    /// Begins; false, and error() says why, if that is not possible.
    virtual bool listen(const QUrl &url) = 0;
    /// Where it listens, with the port that was found for port 0.
    virtual QUrl url() const = 0;
    /// Ends; connections stay.
    virtual void close() = 0;
    /// Accepts no more, until this is called with false: new connections wait with the system.
    virtual void setPaused(bool paused) = 0;
    /// Why listen() has failed.
    QString error() const { return m_error; }

    /// Who gets the devices. May delete this.
    void setAcceptor(std::function<void(std::unique_ptr<QIODevice>)> acceptor)
    {
        m_acceptor = std::move(acceptor);
    }
    /// Who counts connections for which more than accepting has to be done. Must outlive this.
    void setPlaces(ConnectionPlaces &places) { m_places = &places; }
    /// What accepted connections are like, read for each of them. Must outlive this; before listen().
    void setSettings(const TransportSettings &settings) { m_settings = &settings; }
    /// True if what it accepts takes no place that others could have.
    virtual bool keepsIdle() const { return false; }
    /// Datagrams that were dropped; none where there are no datagrams.
    virtual quint64 datagramsDropped() const { return 0; }

Q_SIGNALS:
    /// A connection waits, and the system cannot accept it; it is tried again after a while.
    void acceptFailed();
    /// A connection that was accepted came to nothing: it is not offered.
    void handshakeFailed();

protected:
    Listener() = default;
    void setError(const QString &error) { m_error = error; }
    // A copy: it may delete this.
    void offer(std::unique_ptr<QIODevice> device)
    {
        const auto acceptor = m_acceptor;
        acceptor(std::move(device));
    }
    bool takePlace(const QHostAddress &host, const QString &peerName)
    {
        return m_places == nullptr || m_places->takePlace(host, peerName);
    }
    void givePlace(const QHostAddress &host)
    {
        if (m_places != nullptr)
            m_places->givePlace(host);
    }
    void passPlace(const QHostAddress &host)
    {
        if (m_places != nullptr)
            m_places->passPlace(host);
    }
    const TransportSettings &settings() const { return *m_settings; }

private:
    const TransportSettings *m_settings = nullptr;
    ConnectionPlaces *m_places = nullptr;
    std::function<void(std::unique_ptr<QIODevice>)> m_acceptor;
    QString m_error;
};

} // namespace MsgpackRpc
