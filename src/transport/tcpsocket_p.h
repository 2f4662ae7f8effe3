// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtNetwork/QAbstractSocket>
#include <QtNetwork/QHostAddress>

namespace MsgpackRpc {

/// A TCP socket, or a connected local one, without buffers of its own: what is read goes from the system straight into the reader's buffer, and
/// what is written leaves at once (doc/decisions/unbuffered-sockets). A QTcpSocket that is accepted is always buffered.
class TcpSocket final : public QAbstractSocket
{
    Q_OBJECT

public:
    explicit TcpSocket(QObject *parent = nullptr)
        : QAbstractSocket(QAbstractSocket::TcpSocket, parent)
    {
    }

    /// Begins to connect.
    void connectTo(const QString &host, quint16 port)
    {
        connectToHost(host, port, ReadWrite | Unbuffered);
    }
    /// Takes an accepted connection.
    bool accept(qintptr descriptor)
    {
        return setSocketDescriptor(descriptor, ConnectedState, ReadWrite | Unbuffered);
    }
    /// Takes a connected local socket. It has no addresses; Qt makes some of the bytes of its path.
    bool acceptLocal(qintptr descriptor)
    {
        if (!accept(descriptor))
            return false;
        setLocalAddress({});
        setLocalPort(0);
        setPeerAddress({});
        setPeerPort(0);
        return true;
    }
    /// As QIODevice has it. QAbstractSocket's does not come back, not even in time, while there is something that nobody
    /// reads (Qt 6.4, unbuffered).
    bool waitForBytesWritten(int milliseconds) override;
    /// Sets what every connection of ours has: no delay for small segments, and keep-alive probes after so many
    /// seconds without traffic (0: none).
    void tune(int keepAliveSeconds);
    /// When to probe, on the descriptor \a socket, where the system lets us say.
    static void setKeepAliveTimes(qintptr socket, int seconds);
};

} // namespace MsgpackRpc
