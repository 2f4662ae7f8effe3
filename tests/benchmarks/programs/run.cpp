// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include "system.h"

#include <ctime>

namespace Benchmark {

Run::Run() = default;
Run::~Run() = default;

void Run::add(std::unique_ptr<Channel> channel)
{
    m_channels.push_back(std::move(channel));
}

Run::Times Run::measure(qint64 count, qint64 window)
{
    const std::clock_t processor = std::clock();
    m_toIssue = count;
    m_toFinish = count;
    const auto start = std::chrono::steady_clock::now();
    for (const auto &channel : m_channels) {
        if (const qint64 first = takeToIssue(window))
            channel->issue(first);
    }
    if (m_toFinish > 0)
        m_loop.exec();
    return {count, std::chrono::nanoseconds(m_end - start).count(),
            qint64(double(std::clock() - processor) * 1e9 / CLOCKS_PER_SEC)};
}

Run::Times Run::measureFor(double seconds, qint64 window, qint64 &before)
{
    const qint64 atOnce = window * qint64(m_channels.size());
    // Twice as many each time, until it took long enough to tell the speed.
    qint64 count = 2 * atOnce;
    Times times = measure(count, window);
    before = count;
    while (double(times.elapsed) < seconds * 1e9 / 8) {
        count *= 2;
        times = measure(count, window);
        before += count;
    }
    // Whole windows: some systems answer a window at a time.
    const auto windows = qint64(seconds * 1e9 * double(count) / double(times.elapsed)) / atOnce;
    return measure(qMax<qint64>(2, windows) * atOnce, window);
}

void Run::end()
{
    m_end = std::chrono::steady_clock::now();
    m_loop.quit();
}

} // namespace Benchmark
