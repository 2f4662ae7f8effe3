// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QEventLoop>

#include <chrono>
#include <memory>
#include <vector>

namespace Benchmark {

class Channel;

/// Keeps a number of requests open on each of its channels: every answer makes room for the next.
class Run
{
public:
    struct Times
    {
        qint64 requests = 0;
        qint64 elapsed = 0; ///< ns
        qint64 processor = 0; ///< ns that the processor worked for this program
    };

    Run();
    ~Run();

    void add(std::unique_ptr<Channel> channel);
    Channel &channel(size_t index) { return *m_channels[index]; }

    /// Makes \a count requests with \a window of them open at a time on each channel, and returns when all are
    /// answered.
    Times measure(qint64 count, qint64 window);
    /// The same with as many requests as take about so many seconds; \a before gets how many went before those.
    Times measureFor(double seconds, qint64 window, qint64 &before);

    /// \a count requests were answered. Returns how many are to be sent instead.
    qint64 finished(qint64 count)
    {
        m_toFinish -= count;
        if (Q_UNLIKELY(m_toFinish <= 0)) {
            end();
            return 0;
        }
        return takeToIssue(count);
    }

private:
    qint64 takeToIssue(qint64 count)
    {
        const qint64 taken = qMin(count, m_toIssue);
        m_toIssue -= taken;
        return taken;
    }
    void end();

    std::vector<std::unique_ptr<Channel>> m_channels;
    QEventLoop m_loop;
    std::chrono::steady_clock::time_point m_end;
    qint64 m_toIssue = 0;
    qint64 m_toFinish = 0;
};

} // namespace Benchmark
