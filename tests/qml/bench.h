// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "endpoint/peerprocess.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QVariant>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

#include <memory>

/// A C++ object that is served from QML, and the methods of a server in C++.
class Calculator : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    int add(int a, int b) { return a + b; }
    qint64 addLong(qint64 a, qint64 b) { return a + b; }
    /// The type that arrived, for those who ask what a value becomes in C++.
    QString typeOf(const QVariant &value)
    {
        return QString::fromLatin1(value.isValid() ? value.typeName() : "nothing");
    }
    QVariant echo(const QVariant &value) { return value; }
};

/// What tests in QML need of C++: other programs, hostile ones, what was logged, and what was left behind.
class Bench : public QObject
{
    Q_OBJECT

public:
    explicit Bench(QObject *parent = nullptr);
    ~Bench() override;

    /// Starts a server in a process of its own, at \a url or any port; returns where it listens.
    Q_INVOKABLE QUrl startPeer(const QUrl &url = QUrl(QStringLiteral("tcp://127.0.0.1:0")));
    /// SIGKILL.
    Q_INVOKABLE void killPeer();
    /// A URL where nobody listens.
    Q_INVOKABLE QUrl deadUrl() const;
    /// Starts a server that answers each message, whatever it is, with the bytes of \a hex, in which MM stands for
    /// the msgid; with nothing it closes the connection instead.
    Q_INVOKABLE QUrl startHostile(const QString &hex);
    /// What was logged as a warning since the last time.
    Q_INVOKABLE QStringList takeWarnings();
    /// A client made in C++, whose owner this is.
    Q_INVOKABLE QObject *newClient(const QUrl &url);
    /// A server in C++ with add() and others, at `memory:` \a name.
    Q_INVOKABLE QObject *newServer(const QString &name);
    /// The name in the URL of \a server.
    Q_INVOKABLE QString nameOf(QObject *server) const;
    /// Binds `version` in \a client, in C++.
    Q_INVOKABLE void bindVersion(QObject *client);
    /// Calls \a method of the only client of \a server; answered() tells how it went.
    Q_INVOKABLE void callClientOf(QObject *server, const QString &method,
                                  const QVariantList &arguments);
    /// Notifies all clients of \a server.
    Q_INVOKABLE void notifyClientsOf(QObject *server, const QString &method,
                                     const QVariantList &arguments);
    /// A Calculator.
    Q_INVOKABLE QObject *newCalculator();
    Q_INVOKABLE void remove(QObject *object);
    /// How many RpcReplys are waiting for their end.
    Q_INVOKABLE int runningReplies() const;
    /// Bytes from malloc() that are in use.
    Q_INVOKABLE double allocatedBytes() const;
    /// Has JavaScript collect what nothing refers to.
    Q_INVOKABLE void collectGarbage();
    /// Open descriptors of this process.
    Q_INVOKABLE int openDescriptors() const;

Q_SIGNALS:
    /// The outcome of callClientOf().
    void answered(const QVariant &result, const QString &error);

private:
    void serveHostile();

    std::unique_ptr<PeerProcess> m_peer;
    std::unique_ptr<QTcpServer> m_hostile;
    QByteArray m_bytes;
};
