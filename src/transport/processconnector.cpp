// SPDX-License-Identifier: Apache-2.0
#include "transport/processconnector_p.h"

#include "base/clock_p.h"
#include "transport/pipedevice_p.h"
#include "transport/processdevice_p.h"
#include "transport/processend_p.h"

#include <QtCore/QDir>
#include <QtCore/QStandardPaths>

#ifdef Q_OS_UNIX
#    include <unistd.h>
#endif

namespace MsgpackRpc {

ProcessConnector::ProcessConnector(const ProcessSettings &settings,
                                   std::shared_ptr<ProcessObserver> observer,
                                   std::chrono::milliseconds closeTime)
    : m_process(std::make_unique<QProcess>()),
      m_observer(std::move(observer)),
      m_closeTime(closeTime)
{
    m_process->setProgram(settings.program);
    m_process->setArguments(settings.arguments);
    m_process->setWorkingDirectory(settings.workingDirectory);
    m_process->setProcessEnvironment(settings.environment);
    // Queued: what is found at once is told after start() has returned.
    connect(m_process.get(), &QProcess::started, this, &ProcessConnector::onStarted,
            Qt::QueuedConnection);
    connect(m_process.get(), &QProcess::errorOccurred, this, &ProcessConnector::onError,
            Qt::QueuedConnection);
}

// The attempt was given up: the child, if there is one already, has nobody to talk to. It is told of all the same.
ProcessConnector::~ProcessConnector()
{
    closeChildEnds();
    m_streams.reset();
    if (m_process && m_process->state() != QProcess::NotRunning)
        ProcessEnd::begin(std::move(m_process), m_observer, m_closeTime);
}

void ProcessConnector::start()
{
    const QString missing = whatIsMissing();
    m_isMissing = !missing.isEmpty();
    if (m_isMissing)
        return failLater(missing);
    if (!openStreams())
        return failLater(qt_error_string(errno));
    m_process->start(QIODevice::ReadWrite);
    closeChildEnds();
}

// Looked for before: a start that fails costs a QProcess of Qt 6.4 a descriptor.
QString ProcessConnector::whatIsMissing() const
{
    const QString program = m_process->program();
    const QDir directory(m_process->workingDirectory());
    if (!directory.exists())
        return QStringLiteral("there is no directory %1 to start it in").arg(directory.path());
    if (!program.contains(QLatin1Char('/')))
        return QStandardPaths::findExecutable(program).isEmpty()
                       ? QStringLiteral("there is no such program in the PATH")
                       : QString();
    const QFileInfo file(directory, program);
    return !file.exists()        ? QStringLiteral("there is no such program")
           : file.isDir()        ? QStringLiteral("it is a directory")
           : file.isExecutable() ? QString()
                                 : QStringLiteral("it is not executable");
}

void ProcessConnector::failLater(const QString &why)
{
    m_isDone = true;
    QMetaObject::invokeMethod(
            this, [this, why] { fail(why); }, Qt::QueuedConnection);
}

void ProcessConnector::fail(const QString &why)
{
    Q_EMIT failed(QStringLiteral("cannot start %1: %2").arg(m_process->program(), why));
}

#ifdef Q_OS_UNIX

// Pipes of ours, rather than those of QProcess, which reads what comes into a buffer without a bound.
bool ProcessConnector::openStreams()
{
    PipeDevice::Pipes pipes = PipeDevice::makePipes();
    if (!pipes.device)
        return false;
    m_streams = std::move(pipes.device);
    m_childInput = pipes.input;
    m_childOutput = pipes.output;
    m_process->setStandardInputFile(QProcess::nullDevice());
    m_process->setStandardOutputFile(QProcess::nullDevice());
    // In the child, before the program begins.
    m_process->setChildProcessModifier([input = pipes.input, output = pipes.output] {
        ::dup2(input, STDIN_FILENO);
        ::dup2(output, STDOUT_FILENO);
    });
    return true;
}

void ProcessConnector::closeChildEnds()
{
    PipeDevice::closeDescriptor(std::exchange(m_childInput, -1));
    PipeDevice::closeDescriptor(std::exchange(m_childOutput, -1));
}

#else

bool ProcessConnector::openStreams()
{
    return true;
}

void ProcessConnector::closeChildEnds() {}

#endif

bool ProcessConnector::waitForConnected(std::chrono::milliseconds time)
{
    if (!m_isDone && m_process && m_process->waitForStarted(waitingTime(time)))
        onStarted();
    return m_isDone && !m_process;
}

void ProcessConnector::onStarted()
{
    if (std::exchange(m_isDone, true))
        return;
    m_process->disconnect(this);
    m_device = std::make_unique<ProcessDevice>(std::move(m_process), std::move(m_streams),
                                               m_observer, m_closeTime);
    Q_EMIT connected();
}

void ProcessConnector::onError(QProcess::ProcessError error)
{
    if (error != QProcess::FailedToStart || std::exchange(m_isDone, true))
        return;
    m_isMissing = true;
    fail(m_process->errorString());
}

} // namespace MsgpackRpc
