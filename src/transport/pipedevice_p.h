// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QIODevice>

#include <memory>

QT_BEGIN_NAMESPACE
class QSocketNotifier;
QT_END_NAMESPACE

#ifdef Q_OS_UNIX

namespace MsgpackRpc {

/// A stream over two descriptors, of pipes usually: one to read from, one to write to. Like TcpSocket it has no buffers.
///
/// readyRead() tells once that something has come, not again while it is unread; it is emitted within a slot of itself.
/// write() may take less than it is given, or nothing; bytesWritten() tells when more is taken. The end of either stream
/// is told by readChannelFinished(); what came before can still be read.
class PipeDevice final : public QIODevice
{
    Q_OBJECT

public:
    /// Two open ends of two pipes: what is written to one is read by the other. The second is for another process: its
    /// descriptors are not those of the standard streams, and are closed in other programs.
    struct Pipes
    {
        std::unique_ptr<PipeDevice> device;
        int input = -1; ///< what the other reads from
        int output = -1; ///< what the other writes to
    };

    /// Owns both descriptors, which may be the same socket under two numbers.
    PipeDevice(int input, int output);
    ~PipeDevice() override;

    /// Makes two pipes. Without a device, and errno says why, if that is not possible.
    static Pipes makePipes();
    /// Takes the standard streams of this process, once, and puts others into their place: what the program writes to its
    /// standard output afterwards goes to its standard error, and there is nothing to be read. Null, and \a why says why,
    /// if that is not possible.
    static std::unique_ptr<PipeDevice> takeStandardStreams(QString *why);
    /// Closes a descriptor of makePipes().
    static void closeDescriptor(int descriptor);

    bool isSequential() const override { return true; }
    qint64 bytesAvailable() const override;
    bool waitForReadyRead(int milliseconds) override;
    bool waitForBytesWritten(int milliseconds) override;
    void close() override;
    /// Where it reads from.
    int inputDescriptor() const noexcept { return m_input; }

protected:
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

private:
    void onReadable();
    void onWritable();
    void setEnded(int error);

    int m_input;
    int m_output;
    int m_inputFlags; // as they were; -1 if it stays as it is, and may block
    int m_outputFlags;
    QSocketNotifier *m_reading;
    QSocketNotifier *m_writing;
    qint64 m_untold = 0; // bytes taken since the last bytesWritten()
    bool m_isFull = false;
    bool m_wasRead = false;
    bool m_hasEnded = false;
};

} // namespace MsgpackRpc

#endif
