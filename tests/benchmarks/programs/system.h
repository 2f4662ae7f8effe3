// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.h"
#include "run.h"

#include <QtCore/QObject>

#include <functional>
#include <memory>

namespace Benchmark {

/// The server of a system that is measured.
class ServerSide
{
public:
    ServerSide() = default;
    virtual ~ServerSide() = default;

    /// Listens; returns what the client needs to connect, empty if that failed.
    virtual QString listen() = 0;
    /// Calls \a function when a connection has ended.
    virtual void onConnectionEnded(const std::function<void()> &function) = 0;

private:
    Q_DISABLE_COPY_MOVE(ServerSide)
};

/// A connection of the client of a system that is measured.
class Channel : public QObject
{
public:
    explicit Channel(Run &run) : m_run(run) {}

    /// Returns when the connection can be used.
    virtual void connectNow() = 0;
    /// Sends \a count requests. Each answer is told by finished().
    virtual void issue(qint64 count) = 0;
    /// Makes \a count calls that are never answered while this lives, and waits until the server has them.
    virtual void hold(qint64 count);
    /// True if everything that was issued has left the process.
    virtual bool hasSentAll() const = 0;

protected:
    /// \a count requests were answered: sends as many new ones as are wanted.
    void finished(qint64 count)
    {
        if (const qint64 next = m_run.finished(count))
            issue(next);
    }
    Run &run() { return m_run; }

private:
    Run &m_run;
};

// Each system defines these.
std::unique_ptr<ServerSide> makeServer(const Options &options);
std::unique_ptr<Channel> makeChannel(const Options &options, Run &run);

/// Ends the program with \a message.
[[noreturn]] void fail(const QString &message);

} // namespace Benchmark
