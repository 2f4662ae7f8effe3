// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/options.h>

#include <QtCore/QString>
#include <QtCore/qglobal.h>

#ifdef Q_OS_UNIX

namespace MsgpackRpc {

/// One that connects to a local socket, until somebody takes it. Never blocks.
class LocalSocket
{
public:
    enum Outcome {
        Connected, ///< take() has it
        Busy, ///< the one who listens has no room at present
        Failed ///< error() says why
    };

    LocalSocket() = default;
    ~LocalSocket();

    /// Tries to connect to \a path.
    Outcome connectTo(const QString &path);
    /// The descriptor, which is this one's until take().
    int descriptor() const noexcept { return m_descriptor; }
    /// Somebody else has the descriptor now.
    void take() noexcept { m_descriptor = -1; }
    /// Why it has failed, for people.
    QString error() const;
    /// True if it has failed because nobody listens there any more.
    bool isStale() const noexcept;

private:
    int m_descriptor = -1;
    int m_error = 0;
    Q_DISABLE_COPY_MOVE(LocalSocket)
};

/// One that listens, and its file, which is removed with it.
class LocalListeningSocket
{
public:
    LocalListeningSocket() = default;
    ~LocalListeningSocket();

    /// Listens at \a path. What a dead server has left there is replaced, and nothing else. -1, and error() says why, if
    /// that is not possible; otherwise the descriptor, which is the caller's.
    int listen(const QString &path, LocalAccess access);
    /// Ends what listen() has begun: \a descriptor was of no use to the caller.
    void abandon(int descriptor);
    /// Removes the file, if it still is the one of listen().
    void remove();
    /// Why listen() has failed, for people.
    QString error() const { return m_error; }

private:
    bool makeRoom(const QString &path);
    bool isNew(const QString &path);
    int bindTo(const QString &path, LocalAccess access);
    int fail(int descriptor);

    QString m_path;
    QString m_error;
    quint64 m_device = 0;
    quint64 m_inode = 0;
    Q_DISABLE_COPY_MOVE(LocalListeningSocket)
};

} // namespace MsgpackRpc

#endif
