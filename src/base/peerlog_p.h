// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"

#include <QtCore/QLoggingCategory>
#include <QtCore/QMutex>

#include <memory>
#include <vector>

namespace MsgpackRpc {

/// Counts the lines of each category that are written in a second, and those that are left out beyond a number. Time is the
/// library's. Thread-safe.
class LogRate
{
public:
    /// So many lines are written in each second. A person reads no more, and whoever looks for a reason finds it in them.
    static constexpr int LinesPerSecond = 10;
    static constexpr std::chrono::milliseconds Window{1'000};

    enum Decision : quint8 {
        Write, ///< the line is to be written
        LeaveOut, ///< it is not; tellLeftOut() is to follow some time
        LeaveOutFirst ///< the same, and it is the first in this second
    };

    LogRate() = default;
    /// Tells what was left out.
    ~LogRate();

    /// What to do with a line of \a category.
    Decision decide(const QLoggingCategory &category);
    /// Writes a line for each category of which some were left out.
    void tellLeftOut();

private:
    struct Category
    {
        const QLoggingCategory *category;
        qint64 begin;
        int lines;
        quint64 leftOut;
    };

    QMutex m_mutex;
    std::vector<Category> m_categories;
    Q_DISABLE_COPY_MOVE(LogRate)
};

/// Keeps what peers can provoke from flooding the log: one for each server, pool or session that connects. What is left
/// out is told when the second is over. Lives in the thread of its owner.
class PeerLog
{
public:
    PeerLog();
    ~PeerLog();

    /// True if a line of \a category may be written. Without a log every line may.
    static bool admits(PeerLog *log, const QLoggingCategory &category)
    {
        return log == nullptr || log->admitsLine(category);
    }
    /// The same for other threads, to be asked for with every line: what is left out is told a second later.
    const std::shared_ptr<LogRate> &rate();

private:
    bool admitsLine(const QLoggingCategory &category);
    void watch();

    std::shared_ptr<LogRate> m_rate;
    std::unique_ptr<Timer> m_timer; // made in the thread that writes
    Q_DISABLE_COPY_MOVE(PeerLog)
};

} // namespace MsgpackRpc

/// A warning of \a category that a peer can provoke: written if \a log, a PeerLog or null, admits it.
#define peerWarning(log, category) \
    for (bool isAdmitted = MsgpackRpc::PeerLog::admits(log, category()); isAdmitted; \
         isAdmitted = false) \
    qCWarning(category).noquote()
