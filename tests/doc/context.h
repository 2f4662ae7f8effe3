// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the blocks of code in the documentation may use without saying where it comes from.
#include <MsgpackRpc/Admission>
#include <MsgpackRpc/AsyncResult>
#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Cluster>
#include <MsgpackRpc/Codec>
#include <MsgpackRpc/Coroutine>
#include <MsgpackRpc/Error>
#include <MsgpackRpc/PendingCallWatcher>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/ResponderWatcher>
#include <MsgpackRpc/Server>
#include <MsgpackRpc/SessionPool>
#include <MsgpackRpc/Testing>

#include <QtCore/QCoreApplication>
#include <QtCore/QDebug>
#include <QtCore/QPromise>
#include <QtCore/QThread>
#include <QtCore/QThreadPool>
#include <QtCore/QTimer>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QSslKey>
#include <QtNetwork/QSslSocket>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

using namespace std::chrono_literals;

/// The object in whose member function statements stand.
class DocScope : public QObject
{
public:
    void showSum(int sum) { qInfo() << sum; }
    void showInbox(const QStringList &subjects) { qInfo() << subjects; }
    void showError(const MsgpackRpc::Error &error) { qInfo() << error; }

protected:
    MsgpackRpc::Client client{QUrl("memory:doc")};
    MsgpackRpc::Server server;
    QObject calculator;
    QSslKey serverKey;
    QByteArray secret;
};
