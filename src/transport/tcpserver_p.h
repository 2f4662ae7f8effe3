// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"

#include <QtCore/QSocketNotifier>
#include <QtNetwork/QTcpServer>

#include <functional>
#include <memory>

namespace MsgpackRpc {

/// A QTcpServer that hands out descriptors instead of sockets, one at a time, so that whoever gets one may pause or delete
/// it. Where the system cannot accept, because it has no descriptors left, it rests for a while: by itself a QTcpServer
/// would be told of the waiting connection again and again.
class TcpServer final : public QTcpServer
{
    Q_OBJECT

public:
    /// Rests for so long when accepting has failed.
    static constexpr std::chrono::milliseconds RestTime{200};

    /// \a accept gets each descriptor, and owns it.
    explicit TcpServer(std::function<void(qintptr)> accept);

    /// Listens where \a url says; false, and \a why says why, if that is not possible.
    bool listenAt(const QUrl &url, QString *why);
    /// Takes over \a descriptor, which listens; false, and errorString() says why, if that is not possible.
    bool listenOn(qintptr descriptor);
    /// Ends.
    void close();
    /// Accepts no more, until this is called with false.
    void setPaused(bool paused);

Q_SIGNALS:
    /// A connection waits, and the system cannot accept it.
    void rested();

protected:
    void incomingConnection(qintptr descriptor) override;

private:
    void watch();
    void onReadable();
    void rest();
    void update();

    std::function<void(qintptr)> m_accept;
    std::unique_ptr<QSocketNotifier> m_notifier;
    Timer m_restTimer;
    qintptr m_descriptor = -1; // accepted, and not handed out yet
    bool m_isPaused = false;
};

} // namespace MsgpackRpc
