// SPDX-License-Identifier: Apache-2.0
#include "transport/processdevice_p.h"

#include "base/logging_p.h"
#include "transport/processend_p.h"

#include <utility>

namespace MsgpackRpc {

namespace {

// Of what a program writes to its standard error, so much is kept to tell why it has ended: the last line.
constexpr qsizetype MostKept = 1024;
constexpr qsizetype MostShown = 200;

QString howItEnded(int exitCode, QProcess::ExitStatus status)
{
    if (status != QProcess::CrashExit)
        return QStringLiteral("the program exited with code %1").arg(exitCode);
#ifdef Q_OS_UNIX
    if (exitCode > 0)
        return QStringLiteral("the program crashed, or was killed, by signal %1").arg(exitCode);
#endif
    return QStringLiteral("the program crashed");
}

} // namespace

ProcessDevice::ProcessDevice(std::unique_ptr<QProcess> process, std::unique_ptr<QIODevice> streams,
                             std::shared_ptr<ProcessObserver> observer,
                             std::chrono::milliseconds closeTime)
    : ForwardingDevice(streams ? streams.get() : process.get()),
      m_process(std::move(process)),
      m_streams(std::move(streams)),
      m_observer(std::move(observer)),
      m_grace([this] {
          end(QStringLiteral("the program has closed its standard streams") + lastWords());
      }),
      m_closeTime(closeTime)
{
    setObjectName(m_process->program());
    connect(m_process.get(), &QProcess::finished, this, &ProcessDevice::onFinished);
    connect(m_process.get(), &QProcess::readyReadStandardError, this,
            &ProcessDevice::onErrorOutput);
    // What it has written before, or that it has ended, nobody says again.
    QMetaObject::invokeMethod(this, &ProcessDevice::onErrorOutput, Qt::QueuedConnection);
    if (m_process->state() == QProcess::NotRunning)
        QMetaObject::invokeMethod(
                this,
                [this] {
                    if (m_process)
                        onFinished(m_process->exitCode(), m_process->exitStatus());
                },
                Qt::QueuedConnection);
}

ProcessDevice::~ProcessDevice()
{
    ProcessDevice::close();
}

void ProcessDevice::close()
{
    if (!isOpen())
        return;
    m_grace.stop();
    m_process->disconnect(this);
    if (!m_streams) { // they are the process, which is not to be closed but ended
        QIODevice::close();
    } else {
        ForwardingDevice::close();
    }
    ProcessEnd::begin(std::move(m_process), std::move(m_observer), m_closeTime);
}

// That the streams have ended is told with the reason, which is known when the child has ended.
void ProcessDevice::innerEnded(const QString &)
{
    if (!hasEnded() && !m_grace.isActive())
        m_grace.start(m_closeTime);
}

// Either may come from the event loop after the device was closed, when another tells.
void ProcessDevice::onFinished(int exitCode, QProcess::ExitStatus status)
{
    if (!m_process || !m_observer)
        return;
    m_grace.stop();
    onErrorOutput();
    std::exchange(m_observer, nullptr)->processFinished(exitCode, status);
    end(howItEnded(exitCode, status) + lastWords());
}

// A program says why it cannot go on before it ends, and who hears of the end may not have seen that.
QString ProcessDevice::lastWords() const
{
    const QByteArray text = m_errorOutput.trimmed();
    const QByteArray line = text.mid(text.lastIndexOf('\n') + 1).trimmed();
    return line.isEmpty() ? QString()
                          : QStringLiteral("; its last line of errors: %1")
                                    .arg(loggable(QString::fromLocal8Bit(line), MostShown));
}

void ProcessDevice::onErrorOutput()
{
    if (!m_process || !m_observer)
        return;
    const QByteArray bytes = m_process->readAllStandardError();
    if (bytes.isEmpty())
        return;
    m_errorOutput = (m_errorOutput + bytes.right(MostKept)).right(MostKept);
    m_observer->processErrorOutput(bytes);
}

} // namespace MsgpackRpc
