// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "transport/forwardingdevice_p.h"
#include "transport/processsettings_p.h"

#include <chrono>
#include <memory>

namespace MsgpackRpc {

/// The standard streams of a child. Tells that they have ended when the child has, and why it has. Closing ends the
/// child.
class ProcessDevice final : public ForwardingDevice
{
    Q_OBJECT

public:
    /// \a process runs; \a streams are its other ends, null if they are \a process itself. Within about \a closeTime
    /// after closing the child has ended, or was killed.
    ProcessDevice(std::unique_ptr<QProcess> process, std::unique_ptr<QIODevice> streams,
                  std::shared_ptr<ProcessObserver> observer, std::chrono::milliseconds closeTime);
    ~ProcessDevice() override;

    void close() override;

protected:
    void innerEnded(const QString &reason) override;

private:
    void onFinished(int exitCode, QProcess::ExitStatus status);
    void onErrorOutput();
    QString lastWords() const;

    std::unique_ptr<QProcess> m_process;
    std::unique_ptr<QIODevice> m_streams;
    std::shared_ptr<ProcessObserver> m_observer; // until it was told of the end
    Timer m_grace; // for a child that has closed its streams and lives on
    std::chrono::milliseconds m_closeTime;
    QByteArray m_errorOutput; // the end of what came
};

} // namespace MsgpackRpc
