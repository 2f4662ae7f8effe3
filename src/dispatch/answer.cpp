// SPDX-License-Identifier: Apache-2.0
#include "dispatch/answer_p.h"

namespace MsgpackRpc {

Error currentError()
{
    try {
        throw;
    } catch (const ErrorException &exception) {
        if (const Error error = exception.error())
            return error;
        return Error(Error::RemoteError, QString::fromUtf8(exception.what()));
    } catch (const std::exception &exception) {
        return Error(Error::RemoteError, QString::fromUtf8(exception.what()));
    } catch (...) {
        return Error(Error::RemoteError, QStringLiteral("an unknown exception"));
    }
}

namespace {

QString errorText(const QVariant &value)
{
    return value.toString();
}

QString errorText(const Error &error)
{
    return error.message();
}

} // namespace

void Answer::result(const TypeCodec *codec, const void *value) const
{
    if (m_call == nullptr) {
        m_responder.answer([codec, value](Writer &writer) { writeResult(writer, codec, value); });
    } else if (Q_LIKELY(!m_call->isNotification())) {
        if (Writer *writer = m_call->beginReply()) {
            writeResult(*writer, codec, value);
            m_call->commitReply();
        }
    }
}

template<typename E>
void Answer::giveError(const E &error) const
{
    if (m_call != nullptr)
        m_call->fail(error);
    else if (m_responder.isValid())
        m_responder.error(error);
    else
        m_log.failed(m_method, errorText(error));
}

template void Answer::giveError(const QVariant &) const;
template void Answer::giveError(const Error &) const;

Responder Answer::takeOver()
{
    if (m_call != nullptr && !m_call->isNotification()) {
        m_responder = m_call->responder();
        m_call = nullptr;
    }
    return m_responder;
}

Answer Answer::later()
{
    if (m_call == nullptr)
        return Answer(m_responder, m_method, m_log);
    const QString method = m_call->methodText();
    const Detail::NotificationLog log =
            m_call->isNotification() ? m_call->notificationLog() : Detail::NotificationLog();
    return Answer(takeOver(), method, log);
}

} // namespace MsgpackRpc
