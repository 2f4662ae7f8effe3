// SPDX-License-Identifier: Apache-2.0
#include "transport/pipedevice_p.h"

#ifdef Q_OS_UNIX

#    include "transport/ready_p.h"

#    include <QtCore/QPointer>
#    include <QtCore/QSocketNotifier>

#    include <algorithm>
#    include <atomic>
#    include <cerrno>
#    include <csignal>
#    include <fcntl.h>
#    include <sys/ioctl.h>
#    include <sys/stat.h>
#    include <unistd.h>
#    include <utility>

namespace MsgpackRpc {

namespace {

constexpr int Room = 256 * 1024; // of a pipe: as much as a connection writes at once

// What is neither a pipe nor a socket may belong to others too, who do not expect it not to block.
int makeNonBlocking(int descriptor)
{
    struct stat file = {};
    if (fstat(descriptor, &file) != 0 || (!S_ISFIFO(file.st_mode) && !S_ISSOCK(file.st_mode)))
        return -1;
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0)
        fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    return flags;
}

// A pipe whose other end is gone is an error of write(), not the end of the program. Qt's sockets and processes do the
// same, once.
void ignoreSigPipe()
{
    static std::atomic_flag isIgnored = ATOMIC_FLAG_INIT;
    if (!isIgnored.test_and_set())
        std::signal(SIGPIPE, SIG_IGN);
}

// Clear of the standard streams, which others replace.
int duplicate(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

} // namespace

PipeDevice::PipeDevice(int input, int output)
    : m_input(input),
      m_output(output),
      m_inputFlags(makeNonBlocking(input)),
      m_outputFlags(makeNonBlocking(output)),
      m_reading(new QSocketNotifier(input, QSocketNotifier::Read, this)),
      m_writing(new QSocketNotifier(output, QSocketNotifier::Write, this))
{
    ignoreSigPipe();
    m_writing->setEnabled(false);
    connect(m_reading, &QSocketNotifier::activated, this, &PipeDevice::onReadable);
    connect(m_writing, &QSocketNotifier::activated, this, &PipeDevice::onWritable);
    open(ReadWrite | Unbuffered);
}

PipeDevice::~PipeDevice()
{
    PipeDevice::close();
}

void PipeDevice::closeDescriptor(int descriptor)
{
    if (descriptor >= 0)
        ::close(descriptor);
}

PipeDevice::Pipes PipeDevice::makePipes()
{
    int ends[4] = {-1, -1, -1, -1};
    for (int *pair : {ends, ends + 2}) {
        int pipe[2] = {-1, -1};
        if (::pipe(pipe) != 0)
            continue;
#    ifdef F_SETPIPE_SZ
        fcntl(pipe[0], F_SETPIPE_SZ, Room); // where the system allows it
#    endif
        for (int i : {0, 1}) {
            pair[i] = duplicate(pipe[i]);
            ::close(pipe[i]);
        }
    }
    if (std::any_of(ends, ends + 4, [](int end) { return end < 0; })) {
        const int error = errno;
        std::for_each(ends, ends + 4, closeDescriptor);
        errno = error;
        return {};
    }
    return {std::make_unique<PipeDevice>(ends[0], ends[3]), ends[2], ends[1]};
}

namespace {

// Where a standard stream was closed when the program began, its number is somebody else's, as the event loop's.
QString problemOfStandardStreams()
{
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO}) {
        struct stat file = {};
        if (fstat(descriptor, &file) != 0)
            return qt_error_string(errno);
        if (!S_ISFIFO(file.st_mode) && !S_ISSOCK(file.st_mode) && !S_ISCHR(file.st_mode)
            && !S_ISREG(file.st_mode))
            return QStringLiteral("descriptor %1 is none: it was closed when the program began")
                    .arg(descriptor);
    }
    return {};
}

} // namespace

std::unique_ptr<PipeDevice> PipeDevice::takeStandardStreams(QString *why)
{
    const QString problem = problemOfStandardStreams();
    if (!problem.isEmpty()) {
        *why = QStringLiteral("the standard streams cannot be used: %1").arg(problem);
        return nullptr;
    }
    static std::atomic_flag areTaken = ATOMIC_FLAG_INIT;
    if (areTaken.test_and_set()) {
        *why = QStringLiteral("the standard streams are in use already");
        return nullptr;
    }
    const int input = duplicate(STDIN_FILENO);
    const int output = input < 0 ? -1 : duplicate(STDOUT_FILENO);
    const int nothing = output < 0 ? -1 : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0) {
        *why = QStringLiteral("the standard streams cannot be used: %1")
                       .arg(qt_error_string(errno));
        closeDescriptor(input);
        closeDescriptor(output);
        areTaken.clear();
        return nullptr;
    }
    ::dup2(nothing, STDIN_FILENO);
    ::close(nothing);
    if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        ::dup2(STDIN_FILENO, STDOUT_FILENO); // there is no standard error: writing fails
    return std::make_unique<PipeDevice>(input, output);
}

void PipeDevice::close()
{
    if (m_input < 0)
        return;
    for (QSocketNotifier *notifier : {m_reading, m_writing}) {
        notifier->setEnabled(false);
        notifier->disconnect(this);
        notifier->deleteLater(); // it may be telling
    }
    QIODevice::close();
    if (m_inputFlags >= 0)
        fcntl(m_input, F_SETFL, m_inputFlags);
    if (m_outputFlags >= 0)
        fcntl(m_output, F_SETFL, m_outputFlags);
    ::close(std::exchange(m_input, -1));
    ::close(std::exchange(m_output, -1));
}

qint64 PipeDevice::bytesAvailable() const
{
    int size = 0;
    if (m_input >= 0)
        ioctl(m_input, FIONREAD, &size);
    return size + QIODevice::bytesAvailable();
}

qint64 PipeDevice::readData(char *data, qint64 maxSize)
{
    if (maxSize == 0)
        return 0; // and read() would say the same at the end
    m_wasRead = true;
    if (m_inputFlags < 0 && !isReady(m_input, POLLIN, 0)) {
        m_reading->setEnabled(true);
        return 0;
    }
    for (;;) {
        const ssize_t size = ::read(m_input, data, size_t(maxSize));
        if (size < 0 && errno == EINTR)
            continue;
        if (size > 0 || (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))) {
            m_reading->setEnabled(true);
            return std::max<qint64>(size, 0);
        }
        m_reading->setEnabled(false);
        setEnded(size == 0 ? 0 : errno);
        return -1;
    }
}

qint64 PipeDevice::writeData(const char *data, qint64 size)
{
    constexpr qint64 AtOnce = 512; // goes into what is ready without blocking
    if (m_isFull || (m_outputFlags < 0 && !isReady(m_output, POLLOUT, 0)))
        size = 0;
    else if (m_outputFlags < 0)
        size = std::min(size, AtOnce);
    ssize_t written = 0;
    if (size > 0) {
        do
            written = ::write(m_output, data, size_t(size));
        while (written < 0 && errno == EINTR);
    }
    if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        setEnded(errno);
        return -1;
    }
    written = std::max<ssize_t>(written, 0);
    m_untold += written;
    m_isFull = written < size || size == 0 || m_outputFlags < 0;
    if (m_isFull)
        m_writing->setEnabled(true);
    return written;
}

// The first reason is the one: what follows from it says less.
void PipeDevice::setEnded(int error)
{
    if (std::exchange(m_hasEnded, true))
        return;
    setErrorString(error != 0 ? qt_error_string(error)
                              : QStringLiteral("the other side closed the stream"));
}

void PipeDevice::onReadable()
{
    const QPointer<PipeDevice> guard(this);
    m_wasRead = false;
    Q_EMIT readyRead();
    if (!guard || m_input < 0)
        return;
    if (!m_wasRead)
        m_reading->setEnabled(false); // until somebody reads
    else if (m_hasEnded)
        Q_EMIT readChannelFinished();
}

void PipeDevice::onWritable()
{
    m_writing->setEnabled(false);
    m_isFull = false;
    Q_EMIT bytesWritten(std::exchange(m_untold, 0));
}

bool PipeDevice::waitForReadyRead(int milliseconds)
{
    return m_input >= 0 && isReady(m_input, POLLIN, milliseconds);
}

bool PipeDevice::waitForBytesWritten(int milliseconds)
{
    if (m_output < 0 || !isReady(m_output, POLLOUT, milliseconds))
        return false;
    m_isFull = false;
    return true;
}

} // namespace MsgpackRpc

#endif
