// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QStringList>
#include <QtNetwork/QSslError>

QT_BEGIN_NAMESPACE
class QSslConfiguration;
QT_END_NAMESPACE

/// What both sides of TLS have in common.
namespace MsgpackRpc::Tls {

/// The first byte of each client of TLS, and of no message.
inline constexpr char HandshakeRecord = 0x16;

/// Why there is no TLS in this program; empty if there is.
QString problem();
/// What \a configuration lacks for a server; empty if nothing.
QString serverProblem(const QSslConfiguration &configuration);
/// What is wrong, for people.
QStringList texts(const QList<QSslError> &errors);
/// The alert to a peer that does not speak TLS: unexpected_message.
QByteArray alert();

} // namespace MsgpackRpc::Tls
