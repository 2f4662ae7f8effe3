// SPDX-License-Identifier: Apache-2.0
#include "transport/tcpserver_p.h"

#include "transport/listener_p.h"

#include <QtCore/QPointer>

#include <utility>

namespace MsgpackRpc {

namespace {

// Then others have their turn.
constexpr int MostPerTurn = 64;

} // namespace

TcpServer::TcpServer(std::function<void(qintptr)> accept)
    : m_accept(std::move(accept)), m_restTimer([this] { update(); })
{
}

bool TcpServer::listenAt(const QUrl &url, QString *why)
{
    const QHostAddress host = Listener::hostOf(url);
    if (host.isNull()) {
        *why = QStringLiteral("%1: expected a literal address to listen at, or localhost")
                       .arg(url.toString());
        return false;
    }
    if (!listen(host, quint16(url.port(0)))) {
        *why = QStringLiteral("%1: %2").arg(url.toString(), errorString());
        return false;
    }
    watch();
    return true;
}

bool TcpServer::listenOn(qintptr descriptor)
{
    if (!setSocketDescriptor(descriptor))
        return false;
    watch();
    return true;
}

// QTcpServer only listens. Its own notifier would not let this see that a connection waits and cannot be accepted: that
// error it takes for the one that there is none.
void TcpServer::watch()
{
    pauseAccepting();
    m_notifier = std::make_unique<QSocketNotifier>(socketDescriptor(), QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, &TcpServer::onReadable);
    update();
}

void TcpServer::close()
{
    m_notifier.reset();
    QTcpServer::close();
}

void TcpServer::setPaused(bool paused)
{
    m_isPaused = paused;
    update();
}

void TcpServer::update()
{
    if (m_notifier)
        m_notifier->setEnabled(isListening() && !m_isPaused && !m_restTimer.isActive());
}

void TcpServer::incomingConnection(qintptr descriptor)
{
    m_descriptor = descriptor;
    setMaxPendingConnections(0); // no more at once
}

// Who gets a descriptor may pause, close or delete this.
void TcpServer::onReadable()
{
    const QPointer<TcpServer> guard(this);
    const std::function<void(qintptr)> accept = m_accept;
    for (int i = 0; i < MostPerTurn && guard && isListening() && !m_isPaused; ++i) {
        setMaxPendingConnections(1);
        if (!waitForNewConnection(0))
            return; // none waits
        if (m_descriptor == -1)
            return rest();
        accept(std::exchange(m_descriptor, -1));
    }
}

void TcpServer::rest()
{
    m_restTimer.start(RestTime);
    update();
    Q_EMIT rested();
}

} // namespace MsgpackRpc
