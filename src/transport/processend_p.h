// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "transport/processsettings_p.h"

#include <QtCore/QObject>

#include <chrono>
#include <memory>

namespace MsgpackRpc {

/// Ends a child whose streams were closed: waits for it to end of itself, then asks it to, then kills it. While an event
/// loop runs that happens within it, and nobody waits; without one, or when the application ends, here.
class ProcessEnd final : public QObject
{
    Q_OBJECT

public:
    /// Ends \a process within about \a time, and tells \a observer, which is null if it knows already.
    static void begin(std::unique_ptr<QProcess> process, std::shared_ptr<ProcessObserver> observer,
                      std::chrono::milliseconds time);
    ~ProcessEnd() override;

private:
    enum Step { Closed, Terminated, Killed };
    ProcessEnd(std::unique_ptr<QProcess> process, std::shared_ptr<ProcessObserver> observer,
               std::chrono::milliseconds time);
    void watch();
    void nextStep();
    std::chrono::milliseconds timeOfStep() const;
    void onFinished();
    void onError(QProcess::ProcessError error);
    void onErrorOutput();
    void endNow();

    std::unique_ptr<QProcess> m_process;
    std::shared_ptr<ProcessObserver> m_observer;
    std::chrono::milliseconds m_time;
    Timer m_timer;
    Step m_step = Closed;
};

} // namespace MsgpackRpc
