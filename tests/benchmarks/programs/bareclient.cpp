// SPDX-License-Identifier: Apache-2.0

// Frames of a fixed length over a buffered QTcpSocket that is only written to, never flushed.
#include "system.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QTcpSocket>

namespace Benchmark {

namespace {

class BareChannel final : public Channel
{
public:
    BareChannel(const Options &options, Run &run)
        : Channel(run), m_options(options), m_frames(options.size * options.window, 'x')
    {
        connect(&m_socket, &QIODevice::readyRead, this, &BareChannel::read);
        connect(&m_socket, &QAbstractSocket::disconnected, this,
                [] { fail(QStringLiteral("disconnected")); });
    }
    ~BareChannel() override { m_socket.disconnect(this); }

    void connectNow() override
    {
        m_socket.connectToHost(QHostAddress::LocalHost, m_options.address.toUShort());
        if (!m_socket.waitForConnected(5000))
            fail(m_socket.errorString());
        m_socket.setSocketOption(QAbstractSocket::LowDelayOption, 1);
    }
    void issue(qint64 count) override
    {
        // A body of its own is not copied by either.
        if (count * m_options.size == m_frames.size())
            m_socket.write(m_frames);
        else
            m_socket.write(m_frames.constData(), count * m_options.size);
    }
    bool hasSentAll() const override { return m_socket.bytesToWrite() == 0; }

private:
    void read()
    {
        m_received += m_socket.readAll().size();
        const qint64 answers = m_received / m_options.answerSize;
        if (answers == 0)
            return;
        m_received -= answers * m_options.answerSize;
        finished(answers * m_options.answerEvery);
    }

    const Options m_options;
    QTcpSocket m_socket;
    const QByteArray m_frames;
    qint64 m_received = 0;
};

} // namespace

std::unique_ptr<Channel> makeChannel(const Options &options, Run &run)
{
    return std::make_unique<BareChannel>(options, run);
}

} // namespace Benchmark
