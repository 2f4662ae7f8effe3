// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QIODevice>
#include <QtCore/QPointer>

namespace MsgpackRpc {

/// Passes everything on to a device that belongs to somebody else, who may close or delete it at any time. Closing this
/// closes it.
class ForwardingDevice : public QIODevice
{
    Q_OBJECT

public:
    /// \a inner is open and sequential.
    explicit ForwardingDevice(QIODevice *inner);
    ~ForwardingDevice() override;

    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override;
    qint64 bytesToWrite() const override;
    bool waitForBytesWritten(int milliseconds) override;
    void close() override;
    /// What everything is passed on to; null once it is gone.
    QIODevice *inner() const { return m_inner; }
    /// Has a socket send what was written to it.
    void flush();

protected:
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

    /// The inner device has nothing more to read, or can't be written to any more, because of \a reason.
    virtual void innerEnded(const QString &reason) { end(reason); }
    /// Says once that the stream has ended, because of \a reason. What has come can still be read.
    void end(const QString &reason);
    bool hasEnded() const noexcept { return m_hasEnded; }

private:
    void connectInner();
    void endLater(const QString &reason);
    void failed();

    QPointer<QIODevice> m_inner;
    bool m_hasEnded = false;
    bool m_hasFailed = false; // reading or writing has: the end follows
};

} // namespace MsgpackRpc
