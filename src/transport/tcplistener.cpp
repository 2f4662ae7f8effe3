// SPDX-License-Identifier: Apache-2.0
#include "transport/tcplistener_p.h"

namespace MsgpackRpc {

bool TcpListener::listen(const QUrl &url)
{
    const QHostAddress host = hostOf(url);
    if (host.isNull()) {
        setError(QStringLiteral("%1: expected a literal address to listen at, or localhost")
                         .arg(url.toString()));
        return false;
    }
    if (!server().listen(host, quint16(url.port(0)))) {
        setError(QStringLiteral("%1: %2").arg(url.toString(), server().errorString()));
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
