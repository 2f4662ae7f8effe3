// SPDX-License-Identifier: Apache-2.0
#include "transport/tcplistener_p.h"

namespace MsgpackRpc {

bool TcpListener::listen(const QUrl &url)
{
    QString why;
    if (!server().listenAt(url, &why)) {
        setError(why);
        return false;
    }
    QUrl found = url;
    found.setPort(server().serverPort());
    setUrl(found);
    return true;
}

void TcpListener::close()
{
    server().close();
    setUrl({});
}

} // namespace MsgpackRpc
