// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"
#include "transport/processsettings_p.h"

namespace MsgpackRpc {

/// Starts a program and connects to its standard streams.
class ProcessConnector final : public Connector
{
    Q_OBJECT

public:
    /// Whoever ends the connection gives the child \a closeTime to end.
    ProcessConnector(const ProcessSettings &settings, std::shared_ptr<ProcessObserver> observer,
                     std::chrono::milliseconds closeTime);
    ~ProcessConnector() override;

    bool isUsable() const override { return !m_isMissing; }
    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    bool openStreams();
    void onStarted();
    void onError(QProcess::ProcessError error);
    void closeChildEnds();
    QString whatIsMissing() const;
    void failLater(const QString &why);
    void fail(const QString &why);

    std::unique_ptr<QProcess> m_process;
    std::unique_ptr<QIODevice> m_streams;
    std::shared_ptr<ProcessObserver> m_observer;
    std::chrono::milliseconds m_closeTime;
    int m_childInput = -1;
    int m_childOutput = -1;
    bool m_isDone = false;
    bool m_isMissing = false; // it cannot be started: there is no use in trying again
};

} // namespace MsgpackRpc
