// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testcertificates.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtCore/QTemporaryDir>
#include <QtNetwork/QSslSocket>
#include <QtTest/QTest>

#include <optional>

/// \file
/// For suites that run over each road: `initTestCase_data()` calls addRoads(), and clients and servers are these.

enum class Road { Tcp, Local, Tls };
Q_DECLARE_METATYPE(Road)

/// The global rows: each road in each notifier mode that it has, or those that MSGPACKRPC_FAULT_ROAD names.
inline void addRoads()
{
    using MsgpackRpc::NotifierMode;
    QTest::addColumn<Road>("road");
    QTest::addColumn<NotifierMode>("notifierMode");
    const QString wanted = qEnvironmentVariable("MSGPACKRPC_FAULT_ROAD");
    const auto add = [&wanted](const char *name, Road road, const char *modeName,
                               NotifierMode mode) {
        if (wanted.isEmpty() || wanted == QLatin1String(name))
            QTest::addRow("%s%s", name, modeName) << road << mode;
    };
    add("tcp", Road::Tcp, ", notifier per connection", NotifierMode::PerConnection);
    add("tcp", Road::Tcp, ", notifier per thread", NotifierMode::PerThread);
    add("local", Road::Local, ", notifier per connection", NotifierMode::PerConnection);
    add("local", Road::Local, ", notifier per thread", NotifierMode::PerThread);
    if (QSslSocket::supportsSsl())
        add("tls", Road::Tls, "", NotifierMode::PerConnection);
}

/// The road of the row that runs.
inline Road currentRoad()
{
    QFETCH_GLOBAL(Road, road);
    return road;
}

/// The notifier mode of the row that runs.
inline MsgpackRpc::NotifierMode roadNotifierMode()
{
    QFETCH_GLOBAL(MsgpackRpc::NotifierMode, notifierMode);
    return notifierMode;
}

/// What all roads of a program need once: certificates, and a folder for sockets and keys.
class RoadWorks
{
public:
    static RoadWorks &instance()
    {
        static RoadWorks works;
        return works;
    }
    /// A path in the folder that nobody has used.
    QString newPath() { return m_folder.filePath(QStringLiteral("s%1").arg(++m_paths)); }
    QSslConfiguration ofServer() { return identities().server.trusting(authority()); }
    QSslConfiguration ofClient() { return TestIdentity().trusting(authority()); }
    /// A file with the certificate and the key of a server, for a process of its own.
    QString identityFile()
    {
        const QString path = m_folder.filePath(QStringLiteral("identity"));
        QFile file(path);
        if (file.exists())
            return path;
        const TestIdentity &server = identities().server;
        const QByteArray pem = server.certificate.toPem() + server.key.toPem();
        if (!file.open(QIODevice::WriteOnly) || file.write(pem) != pem.size())
            qFatal("cannot write %s", qPrintable(path));
        return path;
    }

private:
    struct Identities
    {
        TestAuthority authority;
        TestIdentity server =
                authority.sign(QStringLiteral("server"), QStringLiteral("IP:127.0.0.1"));
    };
    Identities &identities() { return m_identities ? *m_identities : m_identities.emplace(); }
    QSslCertificate authority() { return identities().authority.certificate(); }

    QTemporaryDir m_folder;
    std::optional<Identities> m_identities;
    int m_paths = 0;
};

/// Where a server of the row's road may listen: any port, or a path of its own.
inline QUrl freshUrl()
{
    switch (currentRoad()) {
    case Road::Tcp:
        break;
    case Road::Local:
        return QUrl(QStringLiteral("local:") + RoadWorks::instance().newPath());
    case Road::Tls:
        return QUrl(QStringLiteral("tls://127.0.0.1:0"));
    }
    return QUrl(QStringLiteral("tcp://127.0.0.1:0"));
}

/// A client that can take the row's road.
class RoadClient : public MsgpackRpc::Client
{
public:
    explicit RoadClient(const QUrl &url) : MsgpackRpc::Client(url)
    {
        setNotifierMode(roadNotifierMode());
        if (currentRoad() == Road::Tls)
            setTlsConfiguration(RoadWorks::instance().ofClient());
    }
};

/// A server that can listen on the row's road.
class RoadServer : public MsgpackRpc::Server
{
public:
    RoadServer()
    {
        setNotifierMode(roadNotifierMode());
        if (currentRoad() == Road::Tls)
            setTlsConfiguration(RoadWorks::instance().ofServer());
    }
    using MsgpackRpc::Server::listen;
    bool listen() { return listen(freshUrl()); }
    QUrl url() const { return urls().value(0); }
};
