// SPDX-License-Identifier: Apache-2.0
#include "transport/tls_p.h"

#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslKey>
#include <QtNetwork/QSslSocket>

namespace MsgpackRpc {

QString Tls::problem()
{
    if (QSslSocket::supportsSsl())
        return {};
    return QStringLiteral(
                   "Qt has no TLS backend here (of %1): install the plugin that uses OpenSSL")
            .arg(QSslSocket::availableBackends().join(QStringLiteral(", ")));
}

QString Tls::serverProblem(const QSslConfiguration &configuration)
{
    if (configuration.localCertificate().isNull())
        return QStringLiteral("a server needs a certificate: setTlsConfiguration() has given none");
    if (configuration.privateKey().isNull())
        return QStringLiteral("a server needs the private key of its certificate: "
                              "setTlsConfiguration() has given none");
    return {};
}

QStringList Tls::texts(const QList<QSslError> &errors)
{
    QStringList all;
    for (const QSslError &error : errors)
        all.append(error.errorString());
    all.removeDuplicates();
    return all;
}

QByteArray Tls::alert()
{
    return QByteArrayLiteral("\x15\x03\x03\x00\x02\x02\x0a");
}

} // namespace MsgpackRpc
