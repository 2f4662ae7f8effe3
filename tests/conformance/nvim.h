// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QProcess>
#include <QtCore/QStandardPaths>
#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>

namespace Conformance {

/// A Neovim that listens on a port of its own, the same after each start().
class Nvim
{
public:
    static QString program() { return QStandardPaths::findExecutable(QStringLiteral("nvim")); }

    Nvim()
    {
        QTcpServer listener; // is given a port that is free now
        listener.listen(QHostAddress::LocalHost);
        m_port = listener.serverPort();
        m_process.setStandardInputFile(QProcess::nullDevice());
        m_process.setStandardOutputFile(QProcess::nullDevice());
        m_process.setStandardErrorFile(QProcess::nullDevice());
    }
    ~Nvim() { kill(); }

    QUrl url() const { return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_port)); }

    /// It listens a little later: a client's attempts to connect wait for that.
    bool start()
    {
        m_process.start(program(),
                        {QStringLiteral("--headless"), QStringLiteral("--clean"),
                         QStringLiteral("--listen"), QStringLiteral("127.0.0.1:%1").arg(m_port)});
        return m_process.waitForStarted();
    }
    /// SIGKILL, where there is that.
    void kill()
    {
        if (m_process.state() == QProcess::NotRunning)
            return;
        m_process.kill();
        m_process.waitForFinished();
    }

private:
    QProcess m_process;
    quint16 m_port = 0;
};

} // namespace Conformance
