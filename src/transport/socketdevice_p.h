// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/peerlog_p.h"

#include <MsgpackRpc/address.h>

#include <QtCore/QIODevice>
#include <QtNetwork/QSslCertificate>

#include <memory>
#include <optional>

QT_BEGIN_NAMESPACE
class QAbstractSocket;
QT_END_NAMESPACE

namespace MsgpackRpc {

/// A connected stream that is no QAbstractSocket: a socket without a notifier of its own, where the event loop of a thread
/// watches one descriptor for all of them (doc/decisions/idle-connections), or a TlsDevice.
///
/// readyRead() tells once that something has come, not again while it is unread. A read() that gives less than it was
/// asked for has taken everything. write() may take less than it is given, or nothing; bytesWritten() tells when it takes
/// more. The end of the peer's stream, even if only that direction has ended, is told by readChannelFinished(); what came
/// before can still be read.
class SocketDevice : public QIODevice
{
    Q_OBJECT

public:
    /// A device without a notifier that owns the connected \a descriptor. Null, and the descriptor stays the caller's, where there is no such
    /// device, or the system has no room for one more.
    static std::unique_ptr<SocketDevice> create(qintptr descriptor, PeerLog *log = nullptr);
    /// A device for the connection of \a socket, which is of no use afterwards and ends from the event loop. Null, and
    /// nothing has changed, as for create().
    static std::unique_ptr<SocketDevice> takeOver(QAbstractSocket &socket, PeerLog *log = nullptr);

    /// The peer's address; none if it has no IP address.
    virtual std::optional<Address> peerAddress() const = 0;
    /// The socket's; -1 if it is closed.
    virtual qintptr socketDescriptor() const = 0;
    /// True if it tells of the end of the stream even while it is not read from, so that no EndWatch is needed.
    virtual bool tellsOfEnd() const { return false; }
    /// True if slots of the user's may run in its functions.
    virtual bool isUsers() const { return false; }
    /// Gives to the system what write() has taken and holds; called after it where slots of the user's may run.
    virtual void push() {}
    /// As TcpSocket::tune().
    virtual void tune(int keepAliveSeconds) = 0;
    /// The certificate of the peer, if it has shown one that was verified; otherwise null.
    virtual QSslCertificate peerCertificate() const { return QSslCertificate(); }

protected:
    SocketDevice() = default;
};

} // namespace MsgpackRpc
