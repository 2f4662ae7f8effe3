// SPDX-License-Identifier: Apache-2.0
#include "transport/epollset_p.h"

#ifdef Q_OS_LINUX

#    include <QtCore/QCoreApplication>
#    include <QtCore/QElapsedTimer>
#    include <QtCore/QEvent>

#    include <unistd.h>

namespace MsgpackRpc {

namespace {

// Each connection has bounds of its own for a turn; this is for all of them, before the event loop has its turn again.
constexpr qint64 TimePerTurn = 8; // ms

} // namespace

std::shared_ptr<EpollSet> EpollSet::current(QString *why)
{
    static thread_local std::weak_ptr<EpollSet> ofThread;
    std::shared_ptr<EpollSet> set = ofThread.lock();
    if (set)
        return set;
    const int descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) {
        *why = qt_error_string(errno);
        return nullptr;
    }
    // The last one to hold it may go within run(), which the notifier calls.
    set.reset(new EpollSet(descriptor), [](EpollSet *last) {
        if (last->m_depth > 0)
            last->deleteLater();
        else
            delete last;
    });
    set->m_self = set;
    ofThread = set;
    return set;
}

EpollSet::EpollSet(int descriptor)
    : m_descriptor(descriptor),
      m_notifier(descriptor, QSocketNotifier::Read),
      m_turn(Turn::current())
{
    connect(&m_notifier, &QSocketNotifier::activated, this, &EpollSet::run);
}

EpollSet::~EpollSet()
{
    m_turn->unschedule(this);
    m_notifier.setEnabled(false);
    ::close(m_descriptor);
}

bool EpollSet::add(int descriptor, EpollClient *client, quint32 events)
{
    epoll_event event = {};
    event.events = events;
    event.data.ptr = client;
    return epoll_ctl(m_descriptor, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EpollSet::remove(int descriptor, EpollClient *client) noexcept
{
    epoll_ctl(m_descriptor, EPOLL_CTL_DEL, descriptor, nullptr);
    for (size_t i = m_next; i < m_count; ++i) {
        if (m_events[i].data.ptr == client)
            m_events[i].data.ptr = nullptr;
    }
}

void EpollSet::fetch()
{
    const int count = epoll_wait(m_descriptor, m_events.data(), int(m_events.size()), 0);
    m_next = 0;
    m_count = count > 0 ? size_t(count) : 0; // interrupted by a signal: the notifier tells again
}

void EpollSet::run()
{
    const std::shared_ptr<EpollSet> self = m_self.lock();
    if (!self)
        return; // nobody is left
    ++m_depth;
    if (!hasMore())
        fetch();
    QElapsedTimer timer;
    while (hasMore()) {
        const epoll_event event = m_events[m_next++];
        if (hasMore()) {
            // An event loop that runs within ready(), or the next turn of this one, takes the rest up.
            m_turn->schedule(this);
            if (!timer.isValid())
                timer.start();
        }
        if (event.data.ptr != nullptr)
            static_cast<EpollClient *>(event.data.ptr)->ready(event.events);
        if (hasMore() && timer.isValid() && timer.elapsed() >= TimePerTurn) {
            m_turn->schedule(this);
            break;
        }
    }
    if (self.use_count() > 1)
        --m_depth;
}

void EpollSet::endOfTurn()
{
    if (!hasMore() || m_continues)
        return;
    m_continues = true;
    QCoreApplication::postEvent(this, new QEvent(QEvent::User));
}

bool EpollSet::event(QEvent *event)
{
    if (event->type() != QEvent::User)
        return QObject::event(event);
    m_continues = false;
    run();
    return true;
}

} // namespace MsgpackRpc

#endif
