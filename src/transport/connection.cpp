// SPDX-License-Identifier: Apache-2.0
#include "transport/connection_p.h"

#include "base/logging_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QEvent>

#include <utility>

namespace MsgpackRpc {

Connection::Connection(OutputQueue &queue, ConnectionHandler &handler)
    : m_turn(Turn::current()), m_queue(&queue), m_handler(&handler)
{
}

Connection::~Connection() = default;

void Connection::continueLater()
{
    if (m_continues)
        return;
    m_continues = true;
    QCoreApplication::postEvent(this, new QEvent(QEvent::User));
}

bool Connection::event(QEvent *event)
{
    if (event->type() != QEvent::User)
        return QObject::event(event);
    m_continues = false;
    proceed();
    return true;
}

void Connection::closeFor(Error::Code code, const QString &what)
{
    if (m_handler == nullptr)
        return;
    peerWarning(m_handler->peerLog(), lcTransport)
            << "closing the connection to" << loggable(m_peerName) + QLatin1String(": received")
            << loggable(what);
    lost(Error(
            code,
            QStringLiteral("the connection to %1 was closed: received %2").arg(m_peerName, what)));
}

void Connection::lost(const Error &reason)
{
    const Running running(this);
    if (ConnectionHandler *const handler = std::exchange(m_handler, nullptr)) {
        m_turn->unschedule(this);
        handler->connectionClosed(reason);
    }
}

void Connection::release()
{
    detach();
    end();
}

// One that has ended for a fault of the peer has no handler any more.
void Connection::detach(std::chrono::milliseconds lingering)
{
    if (m_handler != nullptr)
        m_lingering = lingering;
    m_handler = nullptr;
    m_queue = nullptr;
    m_turn->unschedule(this);
    ++m_depth; // whatever runs until end() has returned does not delete this
}

void Connection::end()
{
    endDevice();
    if (--m_depth == 0)
        delete this;
}

} // namespace MsgpackRpc
