// SPDX-License-Identifier: Apache-2.0
#include "transport/locallistener_p.h"

#ifdef Q_OS_UNIX

#    include "transport/localpath_p.h"
#    include "transport/transport_p.h"

namespace MsgpackRpc {

LocalListener::~LocalListener()
{
    LocalListener::close();
}

bool LocalListener::listen(const QUrl &url)
{
    const QString path = LocalPath::of(url).path;
    const int descriptor = m_socket.listen(path, settings().localAccess);
    if (descriptor < 0) {
        setError(QStringLiteral("%1: %2").arg(LocalPath::toUrl(path).toString(), m_socket.error()));
        return false;
    }
    if (!server().listenOn(descriptor)) {
        setError(QStringLiteral("%1: %2").arg(url.toString(), server().errorString()));
        m_socket.abandon(descriptor);
        return false;
    }
    setUrl(LocalPath::toUrl(path));
    return true;
}

// The file first: who finds it may connect until then, and nobody finds one at which nobody listens.
void LocalListener::close()
{
    m_socket.remove();
    server().close();
    setUrl({});
}

} // namespace MsgpackRpc

#endif
