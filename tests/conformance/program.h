// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QDeadlineTimer>
#include <QtCore/QProcess>
#include <QtCore/QUrl>

namespace Conformance {

/// A program in a process of its own, ended with this.
class Program
{
public:
    Program(const QString &program, const QStringList &arguments)
    {
        m_process.setStandardInputFile(QProcess::nullDevice());
        m_process.start(program, arguments);
    }
    ~Program()
    {
        if (m_process.state() == QProcess::NotRunning)
            return;
        m_process.terminate();
        if (!m_process.waitForFinished(5'000)) {
            m_process.kill();
            m_process.waitForFinished(5'000);
        }
    }

    QProcess &process() { return m_process; }
    /// The URL of its line `listening URL`; empty if it says no such thing.
    QUrl waitForUrl()
    {
        const QDeadlineTimer deadline(30'000);
        while (!deadline.hasExpired()) {
            while (m_process.canReadLine()) {
                const QString line = QString::fromUtf8(m_process.readLine()).trimmed();
                if (line.startsWith(QLatin1String("listening ")))
                    return QUrl(line.section(u' ', 1));
            }
            if (!m_process.waitForReadyRead(int(deadline.remainingTime())))
                break;
        }
        return {};
    }
    /// Waits for its end, and takes what it has written. False if it does not end in time.
    bool waitForEnd(int ms = 60'000)
    {
        if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(ms))
            return false;
        m_output += QString::fromUtf8(m_process.readAllStandardOutput());
        m_errors += QString::fromUtf8(m_process.readAllStandardError());
        return true;
    }
    int status() const
    {
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -1;
    }
    QStringList lines() const { return m_output.split(u'\n', Qt::SkipEmptyParts); }
    QString errors() const { return m_errors; }

private:
    QProcess m_process;
    QString m_output;
    QString m_errors;
};

} // namespace Conformance
