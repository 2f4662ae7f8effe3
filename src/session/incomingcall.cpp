// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/dispatcher.h>

#include "session/notificationlog_p.h"
#include "session/responder_p.h"

#include <QtNetwork/QSslCertificate>

namespace MsgpackRpc {

Detail::NotificationLog Detail::AnswerPort::notificationLog() const
{
    return {};
}

std::shared_ptr<void> Detail::AnswerPort::beginWork()
{
    return nullptr;
}

QSslCertificate Detail::AnswerPort::peerCertificate() const
{
    return QSslCertificate();
}

Dispatcher::~Dispatcher() = default;

NullDispatcher::~NullDispatcher() = default;

void NullDispatcher::dispatch(IncomingCall &call)
{
    call.failNotAccepted();
}

QString IncomingCall::methodText() const
{
    return m_isNumber ? QString::number(m_number) : QString::fromUtf8(m_method);
}

QSslCertificate IncomingCall::peerCertificate() const
{
    return m_port->isOpen() ? m_port->peerCertificate() : QSslCertificate();
}

Writer *IncomingCall::beginReply()
{
    if (m_isNotification || m_answered)
        return nullptr;
    m_answered = true;
    return m_port->beginAnswer(m_msgid);
}

void IncomingCall::commitReply()
{
    m_port->commitAnswer(m_msgid);
}

Detail::NotificationLog IncomingCall::notificationLog() const
{
    return m_port->notificationLog();
}

void IncomingCall::fail(const QVariant &error)
{
    if (m_isNotification) {
        notificationLog().failed(methodText(), error.toString());
        return;
    }
    if (std::exchange(m_answered, true))
        return;
    m_port->answerError(m_msgid, Detail::sentError(error));
}

void IncomingCall::fail(const Error &error)
{
    fail(Detail::sentError(error));
}

void IncomingCall::failNotAccepted()
{
    fail(QStringLiteral("method `%1' is not accepted").arg(methodText()));
}

std::shared_ptr<void> IncomingCall::work()
{
    return m_isNotification ? m_port->beginWork() : nullptr;
}

Responder IncomingCall::responder()
{
    if (m_isNotification || std::exchange(m_answered, true))
        return {};
    return m_port->makeResponder(m_msgid);
}

} // namespace MsgpackRpc
