// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/calllisteners.h>
#include <MsgpackRpc/codec.h>

#include "base/currentthread_p.h"
#include "base/logging_p.h"
#include "base/peerlog_p.h"

#include <QtCore/QAbstractEventDispatcher>
#include <QtCore/QThread>

#include <memory>

namespace MsgpackRpc::Detail {

namespace {

// A call belongs to nobody any more when it says this: one limit for all of a thread.
bool isToBeLogged()
{
    static thread_local LogRate rate;
    return rate.decide(lcCall()) == LogRate::Write;
}

} // namespace

void runLater(std::function<void()> function)
{
    // The dispatcher is an object that lives as long as the event loop can run; events that it never comes to are
    // deleted with it.
    if (QObject *const dispatcher = QAbstractEventDispatcher::instance()) {
        QMetaObject::invokeMethod(dispatcher, std::move(function), Qt::QueuedConnection);
        return;
    }
    auto *const relay = new QObject;
    QMetaObject::invokeMethod(
            relay,
            [relay, function = std::move(function)] {
                relay->deleteLater();
                function();
            },
            Qt::QueuedConnection);
}

Error callbackError(std::exception_ptr exception)
{
    QString what = QStringLiteral("an unknown exception");
    Error error;
    try {
        std::rethrow_exception(exception);
    } catch (const ErrorException &e) {
        error = e.error();
        what = error.message();
    } catch (const std::exception &e) {
        what = QString::fromLocal8Bit(e.what());
    } catch (...) { // what it was stays unknown
    }
    if (isToBeLogged())
        qCWarning(lcCall).noquote() << "a callback threw:" << loggable(what);
    return error ? error
                 : Error(Error::InvalidResult, QStringLiteral("a callback threw: %1").arg(what));
}

CallState::~CallState()
{
    while (CallListener *const listener = m_listeners) {
        m_listeners = listener->m_next;
        listener->release();
    }
    if (m_status != Failed)
        return;
    const std::unique_ptr<Error> error(m_link.error);
    // Who cancels knows; every other failure is told to somebody, if only to the log.
    if (!m_isHandled && error->code() != Error::Canceled && isToBeLogged())
        qCWarning(lcCall).noquote()
                << "a call failed and nobody handles it:" << loggable(error->message());
}

void CallState::cancel()
{
    if (isFinished())
        return;
    setHandled();
    if (m_follows)
        m_link.source->cancel();
    else if (m_link.owner != nullptr)
        m_link.owner->cancelCall(*this);
    else
        finishWithError(Error(Error::Canceled, QStringLiteral("the call was cancelled")), Later);
}

void CallState::flush()
{
    if (isFinished() || m_link.owner == nullptr)
        return;
    if (m_follows)
        m_link.source->flush();
    else
        m_link.owner->flushCalls();
}

QThread *CallState::thread() const
{
    if (isFinished() || m_link.owner == nullptr)
        return QThread::currentThread();
    return m_follows ? m_link.source->thread() : m_link.owner->callThread();
}

void CallState::addListener(CallListener *listener)
{
    CallListener **end = &m_listeners;
    while (*end != nullptr)
        end = &(*end)->m_next;
    *end = listener;
    if (!isFinished())
        return;
    deliverImmediately();
    if (m_listeners != nullptr)
        runLater([self = CallStatePtr<CallState>(this)] { self->deliver(); });
}

void CallState::finishWithResult(Reader &reader)
{
    // Whoever has started it does not know it any more: a conversion of the user's may cancel it, or end the session.
    m_link.owner = nullptr;
    bool isDecoded = false;
    try {
        isDecoded = decode(reader);
    } catch (...) {
        return finishWithError(
                Error(Error::InvalidResult, QStringLiteral("the result: %1").arg(thrownText())),
                Now);
    }
    if (Q_UNLIKELY(isFinished()))
        return;
    if (Q_LIKELY(isDecoded))
        finish(Succeeded, Now);
    else
        finishWithError(
                Error(Error::InvalidResult, QStringLiteral("the result: %1").arg(reader.failure())),
                Now);
}

void CallState::finishWithError(const Error &error, Delivery delivery)
{
    if (isFinished())
        return;
    m_link.error = new Error(error);
    finish(Failed, delivery);
}

void CallState::finishWithValue(Delivery delivery)
{
    if (!isFinished())
        finish(Succeeded, delivery);
}

void CallState::finish(quint8 status, Delivery delivery)
{
    m_status = status;
    m_follows = false;
    if (m_listeners == nullptr)
        return;
    if (delivery == Now)
        return deliver();
    deliverImmediately();
    if (m_listeners != nullptr)
        runLater([self = CallStatePtr<CallState>(this)] { self->deliver(); });
}

// A listener may do anything: run an event loop, add listeners, drop every handle but the one held here.
void CallState::deliver()
{
    const CallStatePtr<CallState> self(this);
    while (CallListener *const listener = m_listeners) {
        m_listeners = listener->m_next;
        listener->finished(*this);
        listener->release();
    }
}

void CallState::deliverImmediately()
{
    const CallStatePtr<CallState> self(this);
    CallListener **link = &m_listeners;
    while (CallListener *const listener = *link) {
        if (!listener->isImmediate()) {
            link = &listener->m_next;
            continue;
        }
        *link = listener->m_next;
        listener->finished(*this);
        listener->release();
    }
}

namespace {

/// Stands for a context that lives in another thread, in that thread.
class ContextRelay final : public QObject
{
public:
    explicit ContextRelay(QObject *object) : context(object) { moveToThread(object->thread()); }
    const QPointer<QObject> context;
};

} // namespace

ContextLink::ContextLink(QObject *context)
{
    if (context == nullptr)
        return;
    m_kind = context->thread() == currentThread() ? Here : Elsewhere;
    m_object = m_kind == Here ? context : new ContextRelay(context);
}

ContextLink::~ContextLink()
{
    if (m_kind != Elsewhere)
        return;
    // A thread that has ended runs no deleteLater().
    if (m_object->thread() == nullptr || m_object->thread()->isFinished())
        delete m_object.data();
    else
        m_object->deleteLater();
}

void ContextLink::post(std::function<void(bool)> work)
{
    auto *const relay = static_cast<ContextRelay *>(m_object.data());
    m_kind = None; // it goes when it has run this
    QMetaObject::invokeMethod(
            relay,
            [relay, work = std::move(work)] {
                relay->deleteLater();
                work(!relay->context.isNull());
            },
            Qt::QueuedConnection);
}

HomeReturn::HomeReturn(CallState *state) : m_state(state), m_home(new QObject) {}

HomeReturn::~HomeReturn()
{
    if (m_home == nullptr)
        return;
    finish([state = m_state] {
        state->finishWithError(Error(Error::Canceled, QStringLiteral("the context object is gone")),
                               CallState::Now);
    });
}

void HomeReturn::finish(std::function<void()> work)
{
    QObject *const home = std::exchange(m_home, nullptr);
    QMetaObject::invokeMethod(
            home,
            [home, work = std::move(work), keep = m_state] {
                home->deleteLater();
                work();
            },
            Qt::QueuedConnection);
}

} // namespace MsgpackRpc::Detail
