// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QProcess>
#include <QtCore/QProcessEnvironment>
#include <QtCore/QString>
#include <QtCore/QStringList>

namespace MsgpackRpc {

/// Who hears of a child. Called from the event loop, or while the child is being ended; must not run user code.
class ProcessObserver
{
public:
    virtual ~ProcessObserver() = default;
    /// The child has ended.
    virtual void processFinished(int exitCode, QProcess::ExitStatus status) = 0;
    /// The child has written this to its standard error.
    virtual void processErrorOutput(const QByteArray &bytes) = 0;

protected:
    ProcessObserver() = default;
    Q_DISABLE_COPY_MOVE(ProcessObserver)
};

/// What a child is started with.
struct ProcessSettings
{
    QString program;
    QStringList arguments;
    QString workingDirectory; // empty: that of this process
    QProcessEnvironment environment{QProcessEnvironment::InheritFromParent};
};

} // namespace MsgpackRpc
