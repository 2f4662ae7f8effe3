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

protected:
    OwnListener() = default;

    /// Takes what waits, unless it is paused.
    void takePending();
    /// The next connection, which is the caller's; null if there is none.
    virtual std::unique_ptr<QIODevice> next() = 0;
    /// Lets the server accept no more where it can, or go on.
    virtual void pauseServer(bool) {}

private:
    bool m_isPaused = false;
};

/// Takes the connections of a QTcpServer.
class OwnTcpListener final : public OwnListener
{
    Q_OBJECT

public:
    explicit OwnTcpListener(QTcpServer *server);

    /// False if the server does not listen; the URL is not looked at.
    bool listen(const QUrl &url) override;
    QUrl url() const override;
    void close() override;

protected:
    std::unique_ptr<QIODevice> next() override;
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

    /// False if the server does not listen; the URL is not looked at.
    bool listen(const QUrl &url) override;
    QUrl url() const override;
    void close() override;

protected:
    std::unique_ptr<QIODevice> next() override;

private:
    QPointer<QLocalServer> m_server;
};

} // namespace MsgpackRpc
