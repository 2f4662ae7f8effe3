// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/epollset_p.h"
#include "transport/socketdevice_p.h"

#ifdef Q_OS_LINUX

namespace MsgpackRpc {

/// A SocketDevice over a descriptor in the thread's EpollSet: for TCP, and for local stream sockets.
class EpollSocket final : public SocketDevice, private EpollClient
{
public:
    /// Owns \a descriptor. Null if the system refuses to watch it, and \a why says why; the caller keeps it then.
    static std::unique_ptr<EpollSocket> create(int descriptor, QString *why);
    ~EpollSocket() override;

    std::optional<Address> peerAddress() const override { return m_peerAddress; }
    qintptr socketDescriptor() const override { return m_descriptor; }
    bool tellsOfEnd() const override { return true; }
    void tune(int keepAliveSeconds) override;

    bool isSequential() const override { return true; }
    /// What the system holds.
    qint64 bytesAvailable() const override;
    /// True if there is something to read, or the end of the stream. Emits no signal.
    bool waitForReadyRead(int milliseconds) override;
    /// True if write() takes something, or tells of an error. Emits no signal.
    bool waitForBytesWritten(int milliseconds) override;
    void close() override;

protected:
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

private:
    EpollSocket(int descriptor, std::shared_ptr<EpollSet> set);
    void findPeer();
    void ready(quint32 events) override;
    void setEnded(int error);
    void tellEndLater();

    int m_descriptor;
    std::shared_ptr<EpollSet> m_set;
    std::optional<Address> m_peerAddress;
    qint64 m_untold = 0; // bytes written that bytesWritten() has not told of
    bool m_isFull = false; // the system has taken less than it was given
    bool m_hasEnded = false; // the peer's stream has, or the connection
};

} // namespace MsgpackRpc

#endif
