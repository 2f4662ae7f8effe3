// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QProcess>
#include <QtCore/QUrl>
#include <QtNetwork/QTcpServer>

/// A Neovim without a terminal that listens at url(), and does not outlive this.
class Neovim : public QProcess
{
    Q_OBJECT

public:
    Neovim()
    {
        // A port that is free now: whatever the system gives to a listener for a moment.
        QTcpServer listener;
        listener.listen(QHostAddress::LocalHost);
        m_port = listener.serverPort();
        setStandardInputFile(nullDevice());
        setProcessChannelMode(ForwardedErrorChannel);
    }
    ~Neovim() override { end(); }

    QUrl url() const { return QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(m_port)); }

    /// False if there is no Neovim to be started. It listens a little later.
    bool begin()
    {
        start(QStringLiteral("nvim"),
              {QStringLiteral("--headless"), QStringLiteral("--clean"), QStringLiteral("--listen"),
               QStringLiteral("127.0.0.1:%1").arg(m_port)});
        return waitForStarted();
    }

    /// Waits for Neovim to end by itself, but not for ever: false if it had to be killed.
    bool end()
    {
        if (state() == NotRunning || waitForFinished(5000))
            return true;
        kill();
        waitForFinished();
        return false;
    }

private:
    quint16 m_port = 0;
};
