// SPDX-License-Identifier: Apache-2.0
#include "transport/processend_p.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QThread>

#include <algorithm>

namespace MsgpackRpc {

namespace {

// How long the system may take to end a child that was killed, before it is left to it.
constexpr std::chrono::milliseconds LongestReaping(1'000);

} // namespace

void ProcessEnd::begin(std::unique_ptr<QProcess> process, std::shared_ptr<ProcessObserver> observer,
                       std::chrono::milliseconds time)
{
    auto *const end = new ProcessEnd(std::move(process), std::move(observer), time);
    // This may be within a signal of the process.
    if (end->m_process->state() == QProcess::NotRunning)
        end->onFinished();
    else if (QThread::currentThread()->loopLevel() > 0 && !QCoreApplication::closingDown())
        end->watch();
    else
        delete end;
}

ProcessEnd::ProcessEnd(std::unique_ptr<QProcess> process, std::shared_ptr<ProcessObserver> observer,
                       std::chrono::milliseconds time)
    : m_process(std::move(process)),
      m_observer(std::move(observer)),
      m_time(time),
      m_timer([this] { nextStep(); })
{
    QCoreApplication *const app = QCoreApplication::instance();
    if (app != nullptr && app->thread() == thread())
        setParent(app); // which deletes it, if no event loop comes any more
    m_process->disconnect();
    m_process->closeWriteChannel();
    connect(m_process.get(), &QProcess::finished, this, &ProcessEnd::onFinished);
    connect(m_process.get(), &QProcess::errorOccurred, this, &ProcessEnd::onError);
    connect(m_process.get(), &QProcess::readyReadStandardError, this, &ProcessEnd::onErrorOutput);
    connect(m_process.get(), &QProcess::readyReadStandardOutput, m_process.get(),
            [process = m_process.get()] { process->readAllStandardOutput(); });
}

// Whatever ends first: the child, the application, the thread, or the patience.
ProcessEnd::~ProcessEnd()
{
    endNow();
    m_process->disconnect(this); // which the process would still tell of its end
}

void ProcessEnd::watch()
{
    if (parent() != nullptr)
        connect(QCoreApplication::instance(), &QCoreApplication::aboutToQuit, this,
                [this] { delete this; });
    connect(
            QThread::currentThread(), &QThread::finished, this, [this] { delete this; },
            Qt::DirectConnection);
    m_timer.start(timeOfStep());
}

// Half of the time to end of itself, a quarter when it was asked to, and the rest for the system to end it.
std::chrono::milliseconds ProcessEnd::timeOfStep() const
{
    return m_step == Closed ? m_time / 2 : m_time / 4;
}

void ProcessEnd::nextStep()
{
    if (m_step == Closed) {
        m_step = Terminated;
        m_process->terminate();
        m_timer.start(timeOfStep());
    } else if (m_step == Terminated) {
        m_step = Killed;
        m_process->kill();
    }
}

void ProcessEnd::onFinished()
{
    m_timer.stop();
    onErrorOutput();
    if (m_observer)
        m_observer->processFinished(m_process->exitCode(), m_process->exitStatus());
    m_observer.reset();
    deleteLater();
}

// It has never run, so that it does not end either.
void ProcessEnd::onError(QProcess::ProcessError error)
{
    if (error != QProcess::FailedToStart)
        return;
    m_timer.stop();
    m_observer.reset();
    deleteLater();
}

void ProcessEnd::onErrorOutput()
{
    const QByteArray bytes = m_process->readAllStandardError();
    if (m_observer && !bytes.isEmpty())
        m_observer->processErrorOutput(bytes);
}

void ProcessEnd::endNow()
{
    m_timer.stop();
    while (m_process->state() != QProcess::NotRunning) {
        const auto time = m_step == Killed ? std::max(timeOfStep(), LongestReaping) : timeOfStep();
        if (m_process->waitForFinished(waitingTime(time)))
            break;
        if (m_step == Killed)
            break; // the system has it
        nextStep();
        m_timer.stop();
    }
}

} // namespace MsgpackRpc
