// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"

#include <QtCore/QByteArray>
#include <QtCore/QIODevice>
#include <QtCore/QPointer>

#include <memory>
#include <utility>

namespace MsgpackRpc {

/// One end of a connection within the process: what is written here is read there. Both ends live in one thread.
class MemoryDevice final : public QIODevice
{
    Q_OBJECT

public:
    /// Two open ends.
    static std::pair<std::unique_ptr<MemoryDevice>, std::unique_ptr<MemoryDevice>>
    makePair(const QString &name);
    ~MemoryDevice() override;

    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override { return m_input.size() + QIODevice::bytesAvailable(); }
    qint64 bytesToWrite() const override { return m_output.size(); }
    bool waitForBytesWritten(int msecs) override;
    void close() override;

    /// How many bytes the other end may have unread before writing is held back, like a socket's buffers.
    static constexpr qsizetype Capacity = 1024 * 1024;

protected:
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

private:
    MemoryDevice() = default;
    void pass();
    void notify();
    void peerClosed();

    QPointer<MemoryDevice> m_peer;
    QByteArray m_input;
    QByteArray m_output;
    bool m_notified = false;
    bool m_isPeerClosed = false;
};

/// Listens at a name within the process.
class MemoryListener final : public Listener
{
    Q_OBJECT

public:
    MemoryListener() = default;
    ~MemoryListener() override;

    bool listen(const QUrl &url) override;
    QUrl url() const override { return m_url; }
    void close() override;
    void setPaused(bool paused) override;

    /// Connects to whoever listens at \a name; null if nobody does.
    static std::unique_ptr<QIODevice> connectTo(const QString &name);

private:
    QUrl m_url;
    std::vector<std::unique_ptr<QIODevice>> m_waiting;
    bool m_isPaused = false;
};

} // namespace MsgpackRpc
