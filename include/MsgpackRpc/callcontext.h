// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QString>
#include <QtCore/QVariant>

#include <memory>

QT_BEGIN_NAMESPACE
class QSslCertificate;
class QThread;
QT_END_NAMESPACE

namespace MsgpackRpc {

class IncomingCall;

namespace Detail {

class CallFrame;

/// What is known of a thread: one look into the thread's storage does for a whole call.
struct ThreadFrames
{
    CallFrame *innermost = nullptr;
    quint64 serial = 0;
    QThread *thread = nullptr;
};

/// That of the current thread.
MSGPACKRPC_EXPORT ThreadFrames &threadFrames() noexcept;

/// What a served method can learn of its call. Lives on the stack around the invocation, in the
/// thread of the method; CallContext finds the innermost one of the thread. Refers to what it is
/// made of.
class MSGPACKRPC_EXPORT CallFrame
{
public:
    /// Around an invocation in the session's thread, whose frames are \a here.
    CallFrame(ThreadFrames &here, const IncomingCall *call, bool isNotification) noexcept
        : m_here(here),
          m_outer(here.innermost),
          m_call(call),
          m_serial(++here.serial),
          m_isNotification(isNotification)
    {
        here.innermost = this;
    }
    /// Around an invocation in another thread.
    CallFrame(ThreadFrames &here, const SessionHandle *session, const QString *method,
              const QSslCertificate *certificate, bool isNotification) noexcept
        : CallFrame(here, nullptr, isNotification)
    {
        m_session = session;
        m_method = method;
        m_certificate = certificate;
    }
    ~CallFrame() { m_here.innermost = m_outer; }

    SessionHandle session() const;
    QString method() const;
    QSslCertificate peerCertificate() const;
    bool isNotification() const noexcept { return m_isNotification; }
    /// True if setError() was called.
    bool hasError() const noexcept { return m_error != nullptr; }
    QVariant error() const { return m_error ? *m_error : QVariant(); }
    void setError(const QVariant &value) { m_error = std::make_unique<QVariant>(value); }
    /// The frame that this one lies within.
    CallFrame *outer() const noexcept { return m_outer; }
    /// Tells this frame from others at the same address.
    quint64 serial() const noexcept { return m_serial; }

private:
    ThreadFrames &m_here;
    CallFrame *m_outer;
    const IncomingCall *m_call;
    const SessionHandle *m_session = nullptr;
    const QString *m_method = nullptr;
    const QSslCertificate *m_certificate = nullptr;
    std::unique_ptr<QVariant> m_error;
    quint64 m_serial;
    bool m_isNotification;
    Q_DISABLE_COPY_MOVE(CallFrame)
};

} // namespace Detail

/// Who calls, and what, for use inside a served method. Take it with current() while the method
/// runs, and use it in that thread; a handle from session() may be kept for longer. Once the method
/// has returned, a context is no longer valid.
class MSGPACKRPC_EXPORT CallContext
{
public:
    /// A context that is not valid.
    CallContext() noexcept = default;
    /// The call that the current thread is serving, the innermost one if an event loop runs within
    /// a served method; not valid elsewhere.
    static CallContext current() noexcept;

    /// True while the served method runs.
    bool isValid() const noexcept;
    /// The session of the caller: to call it back, or to notify it later.
    SessionHandle session() const;
    /// Who calls, over `tls://`: the certificate that the peer has shown and that was verified. Null if it has shown none,
    /// over anything else, and when the peer is gone. A server has to ask for it; see Session::peerCertificate().
    QSslCertificate peerCertificate() const;
    /// The name, or number, by which the method was called.
    QString method() const;
    /// True if the caller wants no answer.
    bool isNotification() const noexcept;
    /// Makes the call fail with \a value, whatever the method returns or throws. Ignored when the
    /// method has returned.
    void setError(const QVariant &value) const;
    /// \overload
    void setError(const QString &text) const { setError(QVariant(text)); }
    /// \overload
    void setError(const char *text) const { setError(QVariant(QString::fromUtf8(text))); }

private:
    explicit CallContext(Detail::CallFrame *frame) noexcept;
    Detail::CallFrame *live() const noexcept;

    Detail::CallFrame *m_frame = nullptr;
    quint64 m_serial = 0;
};

} // namespace MsgpackRpc
