// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/responder.h>

#include "session/responder_p.h"

#include <QtCore/QMutex>

namespace MsgpackRpc {

namespace Detail {

QVariant sentError(const QVariant &error)
{
    const bool isNoError = !error.isValid()
                           || error.metaType() == QMetaType::fromType<std::nullptr_t>()
                           || (error.metaType() == QMetaType::fromType<bool>() && !error.toBool());
    return isNoError ? QVariant(QStringLiteral("an error without a value")) : error;
}

QVariant sentError(const Error &error)
{
    return error.data().isValid() ? sentError(error.data()) : QVariant(error.message());
}

} // namespace Detail

bool Responder::answer(const std::function<void(Writer &)> &write) const
{
    return m_state && m_state->answer(write);
}

bool Responder::error(const QVariant &value) const
{
    return m_state && m_state->fail(Detail::sentError(value));
}

bool Responder::error(const Error &error) const
{
    return m_state && m_state->fail(Detail::sentError(error));
}

bool Responder::isAnswered() const
{
    return m_state && m_state->isAnswered();
}

bool Responder::isCanceled() const
{
    return m_state && m_state->isCanceled();
}

namespace {

/// The way from a responder, in any thread, to a watcher, while that lives.
struct WatcherLink
{
    QMutex mutex;
    ResponderWatcher *watcher;
};

} // namespace

class ResponderWatcherPrivate
{
public:
    std::shared_ptr<WatcherLink> link;
};

ResponderWatcher::ResponderWatcher(const Responder &responder, QObject *parent)
    : QObject(parent), d(std::make_unique<ResponderWatcherPrivate>())
{
    d->link = std::make_shared<WatcherLink>();
    d->link->watcher = this;
    if (!responder.m_state)
        return;
    responder.m_state->onCanceled([link = d->link] {
        const QMutexLocker lock(&link->mutex);
        if (link->watcher != nullptr)
            QMetaObject::invokeMethod(link->watcher, &ResponderWatcher::canceled,
                                      Qt::QueuedConnection);
    });
}

ResponderWatcher::~ResponderWatcher()
{
    const QMutexLocker lock(&d->link->mutex);
    d->link->watcher = nullptr;
}

} // namespace MsgpackRpc
