// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/callcontext.h>

#include <MsgpackRpc/dispatcher.h>

#include <QtCore/QThread>
#include <QtNetwork/QSslCertificate>

namespace MsgpackRpc {

namespace Detail {

ThreadFrames &threadFrames() noexcept
{
    // Constant-initialised and without a destructor, so that an access needs no guard.
    thread_local ThreadFrames frames;
    if (Q_UNLIKELY(frames.thread == nullptr))
        frames.thread = QThread::currentThread();
    return frames;
}

SessionHandle CallFrame::session() const
{
    return m_call != nullptr ? m_call->sessionHandle() : *m_session;
}

QString CallFrame::method() const
{
    return m_call != nullptr ? m_call->methodText() : *m_method;
}

QSslCertificate CallFrame::peerCertificate() const
{
    return m_call != nullptr ? m_call->peerCertificate() : *m_certificate;
}

} // namespace Detail

CallContext::CallContext(Detail::CallFrame *frame) noexcept
    : m_frame(frame), m_serial(frame != nullptr ? frame->serial() : 0)
{
}

CallContext CallContext::current() noexcept
{
    return CallContext(Detail::threadFrames().innermost);
}

// The frame, if it is still on this thread's stack.
Detail::CallFrame *CallContext::live() const noexcept
{
    for (Detail::CallFrame *frame = Detail::threadFrames().innermost; frame != nullptr;
         frame = frame->outer()) {
        if (frame == m_frame)
            return frame->serial() == m_serial ? frame : nullptr;
    }
    return nullptr;
}

bool CallContext::isValid() const noexcept
{
    return live() != nullptr;
}

SessionHandle CallContext::session() const
{
    const Detail::CallFrame *frame = live();
    return frame != nullptr ? frame->session() : SessionHandle();
}

QSslCertificate CallContext::peerCertificate() const
{
    const Detail::CallFrame *frame = live();
    return frame != nullptr ? frame->peerCertificate() : QSslCertificate();
}

QString CallContext::method() const
{
    const Detail::CallFrame *frame = live();
    return frame != nullptr ? frame->method() : QString();
}

bool CallContext::isNotification() const noexcept
{
    const Detail::CallFrame *frame = live();
    return frame != nullptr && frame->isNotification();
}

void CallContext::setError(const QVariant &value) const
{
    if (Detail::CallFrame *frame = live())
        frame->setError(value);
}

} // namespace MsgpackRpc
