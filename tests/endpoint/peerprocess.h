// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QProcess>
#include <QtCore/QUrl>

#include <csignal>

/// The program testpeer, listening; ended with this.
class PeerProcess
{
public:
    /// Over `tls:`, \a identity is a file with certificate and key.
    explicit PeerProcess(const QString &url = QStringLiteral("tcp://127.0.0.1:0"),
                         const QString &identity = {})
    {
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_process.start(QStringLiteral(TESTPEER),
                        identity.isEmpty() ? QStringList{url} : QStringList{url, identity});
        while (m_url.isEmpty() && m_process.waitForReadyRead(20'000)) {
            if (m_process.canReadLine())
                m_url = QUrl(QString::fromUtf8(m_process.readLine()).section(u' ', 1).trimmed());
        }
    }
    ~PeerProcess() { kill(); }

    /// Where it listens; empty if it could not be started.
    QUrl url() const { return m_url; }
    /// Of the process.
    qint64 processId() const { return m_process.processId(); }
#ifdef Q_OS_UNIX
    /// Sends a signal, and does not wait for what it does.
    void signal(int number)
    {
        ::kill(pid_t(m_process.processId()), number);
    }
#endif
    /// SIGKILL.
    void kill()
    {
        m_process.kill();
        m_process.waitForFinished(30'000);
    }

private:
    QProcess m_process;
    QUrl m_url;
};
