// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"

#include <QtCore/QPointer>

QT_BEGIN_NAMESPACE
class QLocalServer;
class QTcpServer;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// Takes the connections of a server of the user's, which may end at any time: a QTcpServer, a QLocalServer, or what is
/// derived from them.
class OwnListener : public Listener
{
    Q_OBJECT

public:
    void setPaused(bool paused) override;
    /// Leaves the server as it was.
    void close() override;

protected:
    OwnListener() = default;

    /// Takes \a server, which is of \a type, until close(): nobody else can. False, with an error, if it cannot be taken.
    bool take(QObject *server, const QString &type);
    /// Takes what waits, unless it is paused.
    void takePending();
    /// The next connection, which is the caller's; null if there is none.
    virtual std::unique_ptr<QIODevice> next() = 0;
    /// True if the server, which is there and lives in this thread, listens.
    virtual bool isServerListening() const = 0;
    /// Lets the server accept no more where it can, or go on.
    virtual void pauseServer(bool) {}

private:
    QPointer<QObject> m_taken;
    bool m_isPaused = false;
};

/// Takes the connections of a QTcpServer.
class OwnTcpListener final : public OwnListener
{
    Q_OBJECT

public:
    explicit OwnTcpListener(QTcpServer *server);
    ~OwnTcpListener() override;

    /// False if the server does not listen, lives elsewhere, or is somebody's already; the URL is not looked at.
    bool listen(const QUrl &url) override;
    QUrl url() const override;
    void close() override;

protected:
    std::unique_ptr<QIODevice> next() override;
    bool isServerListening() const override;
    void pauseServer(bool paused) override;

private:
    QPointer<QTcpServer> m_server;
};

/// Takes the connections of a QLocalServer.
class OwnLocalListener final : public OwnListener
{
    Q_OBJECT

public:
    explicit OwnLocalListener(QLocalServer *server);
    ~OwnLocalListener() override;

    /// False if the server does not listen, lives elsewhere, or is somebody's already; the URL is not looked at.
    bool listen(const QUrl &url) override;
    QUrl url() const override;
    void close() override;

protected:
    std::unique_ptr<QIODevice> next() override;
    bool isServerListening() const override;

private:
    QPointer<QLocalServer> m_server;
};

} // namespace MsgpackRpc
