// SPDX-License-Identifier: Apache-2.0
#include "transport/lingering_p.h"

#ifdef Q_OS_UNIX

#    include "base/clock_p.h"

#    include <QtCore/QAbstractEventDispatcher>
#    include <QtCore/QCoreApplication>
#    include <QtCore/QDeadlineTimer>
#    include <QtCore/QSocketNotifier>
#    include <QtCore/QThreadStorage>

#    include <algorithm>
#    include <array>
#    include <cerrno>
#    include <fcntl.h>
#    include <functional>
#    include <memory>
#    include <optional>
#    include <poll.h>
#    include <sys/socket.h>
#    include <unistd.h>
#    include <utility>
#    include <vector>

namespace MsgpackRpc {

namespace {

constexpr int ReadsPerTurn = 4;

/// One of them.
class End
{
public:
    End(int descriptor, std::chrono::milliseconds time)
        : m_descriptor(descriptor), m_time(time), m_latest(time)
    {
    }
    ~End()
    {
        if (m_notifier) {
            m_notifier->setEnabled(false);
            if (m_isTelling)
                m_notifier.release()->deleteLater();
        }
        m_notifier.reset();
        ::close(m_descriptor);
    }

    int descriptor() const noexcept { return m_descriptor; }
    /// Milliseconds by the system's clock; none for those who have to wait for it.
    qint64 timeLeft() const { return m_latest.remainingTime(); }

    /// Throws away what has come; true if that was all, or as much as it may be.
    bool isOver()
    {
        std::array<char, 16 * 1024> bytes;
        for (int i = 0; i < ReadsPerTurn; ++i) {
            const ssize_t size = ::recv(m_descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (size < 0)
                return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
            m_received += size;
            if (size == 0 || m_received > Lingering::MostBytes)
                return true;
        }
        return false;
    }

    /// Calls \a over, from the event loop, when that is so, or the time is.
    void watch(const std::function<void(End *)> &over)
    {
        m_timer.emplace([this, over] { over(this); });
        m_timer->start(m_time);
        m_notifier = std::make_unique<QSocketNotifier>(m_descriptor, QSocketNotifier::Read);
        QObject::connect(m_notifier.get(), &QSocketNotifier::activated, m_notifier.get(),
                         [this, over] {
                             m_isTelling = true;
                             if (isOver())
                                 return over(this);
                             m_isTelling = false;
                         });
    }

private:
    int m_descriptor;
    std::chrono::milliseconds m_time;
    QDeadlineTimer m_latest;
    qint64 m_received = 0;
    std::optional<Timer> m_timer;
    std::unique_ptr<QSocketNotifier> m_notifier;
    bool m_isTelling = false; // the notifier is
    Q_DISABLE_COPY_MOVE(End)
};

/// Those of a thread.
class Ends
{
public:
    Ends() = default;
    ~Ends() { wait(); }

    void add(std::unique_ptr<End> end)
    {
        if (m_ends.size() >= Lingering::Most)
            m_ends.erase(m_ends.begin());
        // A thread that runs no event loop has nobody who would tell.
        if (QAbstractEventDispatcher::instance() != nullptr)
            end->watch([this](End *over) { remove(over); });
        m_ends.push_back(std::move(end));
    }
    /// Blocks until all are over, or their time is.
    void wait()
    {
        std::vector<pollfd> polled;
        while (!m_ends.empty()) {
            polled.clear();
            qint64 left = m_ends.front()->timeLeft();
            for (const auto &end : m_ends) {
                left = std::min(left, end->timeLeft());
                polled.push_back({end->descriptor(), POLLIN, 0});
            }
            ::poll(polled.data(), nfds_t(polled.size()),
                   waitingTime(std::chrono::milliseconds(left)));
            m_ends.erase(std::remove_if(m_ends.begin(), m_ends.end(),
                                        [](const std::unique_ptr<End> &end) {
                                            return end->isOver() || end->timeLeft() == 0;
                                        }),
                         m_ends.end());
        }
    }
    std::size_t count() const noexcept { return m_ends.size(); }

private:
    void remove(const End *over)
    {
        m_ends.erase(std::find_if(m_ends.begin(), m_ends.end(),
                                  [over](const auto &end) { return end.get() == over; }));
    }

    std::vector<std::unique_ptr<End>> m_ends;
    Q_DISABLE_COPY_MOVE(Ends)
};

// Never destroyed: threads may end after the statics. What it holds ends with its thread, in QThread::wait(), and that of
// the main thread with the application.
QThreadStorage<Ends *> &ofThreads()
{
    static auto *const storage = new QThreadStorage<Ends *>;
    return *storage;
}

} // namespace

int Lingering::copyOf(qintptr descriptor)
{
    return descriptor >= 0 ? fcntl(int(descriptor), F_DUPFD_CLOEXEC, 0) : -1;
}

void Lingering::begin(int descriptor, std::chrono::milliseconds time)
{
    if (descriptor < 0)
        return;
    auto end = std::make_unique<End>(descriptor, std::chrono::milliseconds(waitingTime(time)));
    if (::shutdown(descriptor, SHUT_WR) != 0 || end->isOver())
        return;
    if (QCoreApplication::instance() == nullptr) {
        Ends ends;
        ends.add(std::move(end));
        return ends.wait();
    }
    QThreadStorage<Ends *> &storage = ofThreads();
    if (!storage.hasLocalData())
        storage.setLocalData(new Ends);
    storage.localData()->add(std::move(end));
}

std::size_t Lingering::count()
{
    return ofThreads().hasLocalData() ? ofThreads().localData()->count() : 0;
}

} // namespace MsgpackRpc

#else

namespace MsgpackRpc {

int Lingering::copyOf(qintptr)
{
    return -1;
}

void Lingering::begin(int, std::chrono::milliseconds) {}

std::size_t Lingering::count()
{
    return 0;
}

} // namespace MsgpackRpc

#endif
