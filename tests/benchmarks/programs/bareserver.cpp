// SPDX-License-Identifier: Apache-2.0

// What everything is compared with: a buffered QTcpSocket that is written to what was read.
#include "system.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

namespace Benchmark {

namespace {

/// Answers what comes over one connection.
class BareSocket : public QObject
{
public:
    BareSocket(QTcpSocket *socket, const Options &options)
        : QObject(socket), m_socket(socket), m_options(options)
    {
        socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
        connect(socket, &QIODevice::readyRead, this, &BareSocket::read);
    }

private:
    void read()
    {
        const QByteArray data = m_socket->readAll();
        if (m_options.isQuiet)
            return;
        if (m_options.requestSize == m_options.answerSize && m_options.answerEvery == 1) {
            m_socket->write(data);
            return;
        }
        m_received += data.size();
        const qint64 answered = m_options.requestSize * m_options.answerEvery;
        if (const qint64 answers = m_received / answered) {
            m_received -= answers * answered;
            m_socket->write(QByteArray(answers * m_options.answerSize, 'x'));
        }
    }

    QTcpSocket *m_socket;
    const Options m_options;
    qint64 m_received = 0;
};

class BareServer final : public ServerSide
{
public:
    explicit BareServer(const Options &options) : m_options(options)
    {
        m_server.setListenBacklogSize(512);
        QObject::connect(&m_server, &QTcpServer::newConnection, &m_server, [this] { accept(); });
    }

    QString listen() override
    {
        return m_server.listen(QHostAddress::LocalHost) ? QString::number(m_server.serverPort())
                                                        : QString();
    }
    void onConnectionEnded(const std::function<void()> &function) override { m_ended = function; }

private:
    void accept()
    {
        while (QTcpSocket *const socket = m_server.nextPendingConnection()) {
            new BareSocket(socket, m_options);
            QObject::connect(socket, &QAbstractSocket::disconnected, &m_server, [this, socket] {
                socket->deleteLater();
                if (m_ended)
                    m_ended();
            });
        }
    }

    const Options m_options;
    QTcpServer m_server;
    std::function<void()> m_ended;
};

} // namespace

std::unique_ptr<ServerSide> makeServer(const Options &options)
{
    return std::make_unique<BareServer>(options);
}

} // namespace Benchmark
