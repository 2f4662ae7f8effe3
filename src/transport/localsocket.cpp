// SPDX-License-Identifier: Apache-2.0
#include "transport/localsocket_p.h"

#ifdef Q_OS_UNIX

#    include <QtCore/QElapsedTimer>
#    include <QtCore/QFile>
#    include <QtCore/QFileInfo>
#    include <QtCore/QThread>

#    include <cerrno>
#    include <cstring>
#    include <fcntl.h>
#    include <sys/file.h>
#    include <sys/socket.h>
#    include <sys/stat.h>
#    include <sys/un.h>
#    include <unistd.h>
#    include <utility>

namespace MsgpackRpc {

namespace {

constexpr int Backlog = 128;
constexpr int LongestLock = 500; // ms

int makeSocket()
{
#    ifdef SOCK_CLOEXEC
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#    else
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor >= 0) {
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        fcntl(descriptor, F_SETFL, O_NONBLOCK);
    }
    return descriptor;
#    endif
}

sockaddr_un addressOf(const QString &path)
{
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const QByteArray name = QFile::encodeName(path);
    std::memcpy(address.sun_path, name.constData(),
                std::min(size_t(name.size()), sizeof address.sun_path - 1));
    return address;
}

mode_t modeOf(LocalAccess access)
{
    switch (access) {
    case LocalAccess::User:
        return 0600;
    case LocalAccess::Group:
        return 0660;
    case LocalAccess::Everyone:
        return 0666;
    }
    return 0600;
}

/// Holds the folder of a socket against others who begin to listen there. Without it, of two who find the file of a dead
/// server, one could remove the new file of the other.
class FolderLock
{
public:
    explicit FolderLock(const QString &path)
        : m_descriptor(::open(QFile::encodeName(QFileInfo(path).absolutePath()).constData(),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    {
        QElapsedTimer timer;
        timer.start();
        while (m_descriptor >= 0 && flock(m_descriptor, LOCK_EX | LOCK_NB) != 0) {
            if ((errno != EWOULDBLOCK && errno != EINTR) || timer.hasExpired(LongestLock)) {
                ::close(std::exchange(m_descriptor, -1));
                return;
            }
            QThread::msleep(2);
        }
    }
    ~FolderLock()
    {
        if (m_descriptor >= 0)
            ::close(m_descriptor);
    }
    bool isHeld() const noexcept { return m_descriptor >= 0; }

private:
    int m_descriptor;
    Q_DISABLE_COPY_MOVE(FolderLock)
};

} // namespace

LocalSocket::~LocalSocket()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

LocalSocket::Outcome LocalSocket::connectTo(const QString &path)
{
    if (m_descriptor < 0)
        m_descriptor = makeSocket();
    const sockaddr_un address = addressOf(path);
    if (m_descriptor >= 0
        && (::connect(m_descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address)
                    == 0
            || errno == EISCONN))
        return Connected;
    m_error = errno;
    // EAGAIN: the queue of the one who listens is full.
    return m_error == EAGAIN || m_error == EINTR || m_error == EINPROGRESS || m_error == EALREADY
                   ? Busy
                   : Failed;
}

QString LocalSocket::error() const
{
    return m_error == ENOENT || m_error == ECONNREFUSED ? QStringLiteral("nobody listens there")
                                                        : qt_error_string(m_error);
}

bool LocalSocket::isStale() const noexcept
{
    return m_error == ECONNREFUSED;
}

LocalListeningSocket::~LocalListeningSocket()
{
    remove();
}

int LocalListeningSocket::listen(const QString &path, LocalAccess access)
{
    if (!QFileInfo(QFileInfo(path).absolutePath()).isDir()) {
        m_error = QStringLiteral("there is no folder %1").arg(QFileInfo(path).absolutePath());
        return -1;
    }
    // Whoever may read the folder can lock it, for as long as they like: that is not to keep us from a new file.
    const FolderLock lock(path);
    const bool isFree = lock.isHeld() ? makeRoom(path) : isNew(path);
    return isFree ? bindTo(path, access) : -1;
}

bool LocalListeningSocket::isNew(const QString &path)
{
    const int error = errno; // of the lock
    struct stat file = {};
    if (lstat(QFile::encodeName(path).constData(), &file) != 0 && errno == ENOENT)
        return true;
    m_error = QStringLiteral(
                      "there is a file already, which could only be removed if it were that of a "
                      "server that is "
                      "gone, and while nobody else holds the folder %1, which cannot be locked: %2")
                      .arg(QFileInfo(path).absolutePath(), qt_error_string(error));
    return false;
}

// Only the socket of one who does not listen any more goes: nothing that is something else, or may be.
bool LocalListeningSocket::makeRoom(const QString &path)
{
    const QByteArray name = QFile::encodeName(path);
    struct stat file = {};
    if (lstat(name.constData(), &file) != 0)
        return errno == ENOENT || fail(-1) >= 0;
    if (!S_ISSOCK(file.st_mode)) {
        m_error = QStringLiteral("there is a file that is no socket, which is left as it is");
        return false;
    }
    LocalSocket probe;
    if (probe.connectTo(path) != LocalSocket::Failed) {
        m_error = QStringLiteral("somebody listens there already: it is in use");
        return false;
    }
    if (!probe.isStale()) {
        m_error = QStringLiteral("there is a socket that may be in use: %1").arg(probe.error());
        return false;
    }
    return ::unlink(name.constData()) == 0 || errno == ENOENT || fail(-1) >= 0;
}

// Nobody can connect before listen(), and the mode is right by then.
int LocalListeningSocket::bindTo(const QString &path, LocalAccess access)
{
    const QByteArray name = QFile::encodeName(path);
    const sockaddr_un address = addressOf(path);
    const int descriptor = makeSocket();
    if (descriptor < 0
        || ::bind(descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        return fail(descriptor);
    struct stat file = {};
    if (::chmod(name.constData(), modeOf(access)) != 0 || lstat(name.constData(), &file) != 0
        || ::listen(descriptor, Backlog) != 0) {
        const int error = errno;
        ::unlink(name.constData());
        errno = error;
        return fail(descriptor);
    }
    m_path = path;
    m_device = quint64(file.st_dev);
    m_inode = quint64(file.st_ino);
    return descriptor;
}

int LocalListeningSocket::fail(int descriptor)
{
    m_error = qt_error_string(errno);
    if (descriptor >= 0)
        ::close(descriptor);
    return -1;
}

void LocalListeningSocket::abandon(int descriptor)
{
    remove();
    ::close(descriptor);
}

// Without the lock: nobody takes the place of one who still listens.
void LocalListeningSocket::remove()
{
    if (m_path.isEmpty())
        return;
    const QByteArray name = QFile::encodeName(std::exchange(m_path, QString()));
    struct stat file = {};
    if (lstat(name.constData(), &file) == 0 && quint64(file.st_dev) == m_device
        && quint64(file.st_ino) == m_inode)
        ::unlink(name.constData());
}

} // namespace MsgpackRpc

#endif
