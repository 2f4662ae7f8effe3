// SPDX-License-Identifier: Apache-2.0
#include "transport/foreignsocket_p.h"

#include "transport/tcpsocket_p.h"

#include <QtNetwork/QAbstractSocket>
#include <QtNetwork/QLocalSocket>

namespace MsgpackRpc {

namespace {

constexpr qint64 ReadBuffer = 256 * 1024;

template<typename Socket>
void bound(Socket *socket)
{
    if (socket->readBufferSize() == 0)
        socket->setReadBufferSize(ReadBuffer);
}

} // namespace

bool isForeign(const QIODevice *device)
{
    return qobject_cast<const QLocalSocket *>(device) != nullptr
           || (qobject_cast<const QAbstractSocket *>(device) != nullptr
               && qobject_cast<const TcpSocket *>(device) == nullptr);
}

void flushSocket(QIODevice *device)
{
    if (auto *const socket = qobject_cast<QAbstractSocket *>(device))
        socket->flush();
    else if (auto *const local = qobject_cast<QLocalSocket *>(device))
        local->flush();
}

void boundSocket(QIODevice *device)
{
    if (auto *const socket = qobject_cast<QAbstractSocket *>(device))
        bound(socket);
    else if (auto *const local = qobject_cast<QLocalSocket *>(device))
        bound(local);
}

} // namespace MsgpackRpc
