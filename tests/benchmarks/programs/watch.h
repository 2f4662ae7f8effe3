// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QElapsedTimer>
#include <QtCore/QJsonObject>
#include <QtCore/QObject>
#include <QtCore/QTimer>

#include <vector>

namespace Benchmark {

/// A timer of 16 ms, as an animation has it, and how late it was: what a user interface in the same thread would see of
/// the work that goes on there.
class Watch : public QObject
{
public:
    Watch();

    /// Forgets what was.
    void start();
    /// The median and the worst time between two timeouts beyond 16 ms, in ms; also counts the time since the last
    /// timeout.
    QJsonObject result();

private:
    void add();

    static constexpr int Frame = 16; // ms
    QTimer m_timer;
    QElapsedTimer m_elapsed;
    std::vector<double> m_late;
};

} // namespace Benchmark
