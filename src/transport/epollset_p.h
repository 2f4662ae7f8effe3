// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/turn_p.h"

#include <QtCore/QObject>
#include <QtCore/QSocketNotifier>

#ifdef Q_OS_LINUX

#    include <sys/epoll.h>

#    include <array>
#    include <memory>

namespace MsgpackRpc {

/// Someone whose descriptor is in an EpollSet.
class EpollClient
{
public:
    /// Something has happened: bits of epoll_ctl(2). Runs user code, so it may delete this, and others in the set.
    virtual void ready(quint32 events) = 0;

protected:
    EpollClient() = default;
    ~EpollClient() = default;
    Q_DISABLE_COPY_MOVE(EpollClient)
};

/// The descriptors of one thread that its event loop watches through a single one. Everyone in it holds the same set.
///
/// Edge-triggered: each event is told once. So a connection costs no system call but to be added and removed, and one that
/// is not read from does not wake the thread again and again. What epoll_wait() has given is a queue that all levels of
/// nested event loops take from.
class EpollSet final : public QObject, private TurnClient
{
public:
    /// The one of the current thread. Null if the system refuses to make one, and \a why says why.
    static std::shared_ptr<EpollSet> current(QString *why);
    ~EpollSet() override;

    /// Everything that happens to a stream, told once each.
    static constexpr quint32 Everything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

    /// Watches \a descriptor for \a events. False, and errno says why, if the system refuses.
    bool add(int descriptor, EpollClient *client, quint32 events = Everything);
    /// Watches it no more; nothing is told to \a client any more.
    void remove(int descriptor, EpollClient *client) noexcept;

    /// So many events are taken from the system at a time.
    static constexpr size_t Batch = 64;

protected:
    bool event(QEvent *event) override;

private:
    explicit EpollSet(int descriptor);
    void endOfTurn() override;
    void run();
    void fetch();
    bool hasMore() const noexcept { return m_next < m_count; }

    int m_descriptor;
    QSocketNotifier m_notifier;
    std::shared_ptr<Turn> m_turn;
    std::weak_ptr<EpollSet> m_self;
    std::array<epoll_event, Batch> m_events;
    size_t m_next = 0; // of those, the first that was not told
    size_t m_count = 0;
    int m_depth = 0; // of run()
    bool m_continues = false; // an event to go on is posted
};

} // namespace MsgpackRpc

#endif
