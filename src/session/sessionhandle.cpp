// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/sessionhandle.h>

#include "session/session_p.h"

#include <QtCore/QThread>

namespace MsgpackRpc {

namespace Detail {

bool SessionAnchor::post(std::function<void()> function)
{
    const QMutexLocker lock(&m_mutex);
    return m_session != nullptr
           && QMetaObject::invokeMethod(m_session, std::move(function), Qt::QueuedConnection);
}

Session *SessionAnchor::local() const
{
    const QMutexLocker lock(&m_mutex);
    return m_session != nullptr && m_session->thread() == QThread::currentThread() ? m_session
                                                                                   : nullptr;
}

bool SessionAnchor::isAlive() const
{
    const QMutexLocker lock(&m_mutex);
    return m_session != nullptr;
}

void SessionAnchor::clear()
{
    const QMutexLocker lock(&m_mutex);
    m_session = nullptr;
}

namespace {

/// The call of a SessionHandle: what comes back goes, undecoded, to a callback.
class RawCallState final : public CallState
{
public:
    explicit RawCallState(RawCallback callback) : m_callback(std::move(callback)) {}
    QVariant toVariant() const override { return {}; }
    void fail(const Error &error) { m_callback(nullptr, error); }

protected:
    bool decode(Reader &reader) override
    {
        m_callback(&reader, Error());
        return true;
    }

private:
    RawCallback m_callback;
};

class RawErrorListener final : public CallListener
{
public:
    bool isImmediate() const override { return true; }
    void finished(CallState &state) override
    {
        if (!state.hasSucceeded())
            static_cast<RawCallState &>(state).fail(state.error());
    }
    void release() override { delete this; }
};

/// A method's name that outlives what it was made of, for the way to another thread.
struct OwnedMethod
{
    explicit OwnedMethod(const MethodName &method)
        : name(method.name().toByteArray()), number(method.number()), isNumber(method.isNumber())
    {
    }
    template<typename Use>
    auto use(Use &&with) const
    {
        return isNumber ? with(MethodName(number)) : with(MethodName(name));
    }
    QByteArray name;
    qint64 number;
    bool isNumber;
};

void callNow(Session *session, const MethodName &method, const Writer &arguments,
             const RawCallback &callback)
{
    const CallStatePtr<RawCallState> state(new RawCallState(callback));
    state->addListener(new RawErrorListener);
    CallBuilder builder(session->callTarget(), method, CallBuilder::Request);
    if (Writer *const writer = builder.writer())
        writer->writeAll(arguments);
    builder.finish(state.get());
}

bool notifyNow(Session *session, const MethodName &method, const Writer &arguments)
{
    CallBuilder builder(session->callTarget(), method, CallBuilder::Notification);
    if (Writer *const writer = builder.writer())
        writer->writeAll(arguments);
    return builder.finishNotification();
}

} // namespace

WireFormat anchorFormat(const std::shared_ptr<SessionAnchor> &anchor)
{
    return anchor ? anchor->format() : WireFormat::Modern;
}

void postCall(const std::shared_ptr<SessionAnchor> &anchor, const MethodName &method,
              Writer arguments, RawCallback callback)
{
    if (arguments.hasFailed())
        return callback(nullptr,
                        Error(Error::InvalidArguments,
                              QStringLiteral("the arguments: %1").arg(arguments.failure())));
    if (Session *const session = anchor ? anchor->local() : nullptr)
        return callNow(session, method, arguments, callback);
    const auto packed = std::make_shared<Writer>(std::move(arguments));
    // Should the session end before it comes to this, the callback is destroyed and its promise fails.
    const bool posted =
            anchor && anchor->post([anchor, owned = OwnedMethod(method), packed, callback] {
                if (Session *const session = anchor->local())
                    owned.use([&](const MethodName &name) {
                        callNow(session, name, *packed, callback);
                    });
            });
    if (!posted)
        callback(nullptr, Error(Error::Canceled, QStringLiteral("the session is gone")));
}

bool postNotify(const std::shared_ptr<SessionAnchor> &anchor, const MethodName &method,
                Writer arguments)
{
    if (!anchor || arguments.hasFailed())
        return false;
    if (Session *const session = anchor->local())
        return notifyNow(session, method, arguments);
    const auto packed = std::make_shared<Writer>(std::move(arguments));
    return anchor->post([anchor, owned = OwnedMethod(method), packed] {
        if (Session *const session = anchor->local())
            owned.use([&](const MethodName &name) { return notifyNow(session, name, *packed); });
    });
}

} // namespace Detail

Session *SessionHandle::session() const
{
    return m_anchor ? m_anchor->local() : nullptr;
}

bool SessionHandle::isValid() const
{
    return m_anchor && m_anchor->isAlive();
}

} // namespace MsgpackRpc
