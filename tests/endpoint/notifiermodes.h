// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Server>

#include <QtTest/QTest>

/// \file
/// For suites that run in each NotifierMode: `initTestCase_data()` calls addNotifierModes(), and the clients and servers
/// are these.

/// The global rows.
inline void addNotifierModes()
{
    QTest::addColumn<MsgpackRpc::NotifierMode>("notifierMode");
    QTest::newRow("notifier per connection") << MsgpackRpc::NotifierMode::PerConnection;
    QTest::newRow("notifier per thread") << MsgpackRpc::NotifierMode::PerThread;
}

/// The row that runs.
inline MsgpackRpc::NotifierMode currentNotifierMode()
{
    QFETCH_GLOBAL(MsgpackRpc::NotifierMode, notifierMode);
    return notifierMode;
}

/// A client in the mode of the row.
class ModeClient : public MsgpackRpc::Client
{
public:
    explicit ModeClient(const QUrl &url = {}, QObject *parent = nullptr)
        : MsgpackRpc::Client(url, parent)
    {
        setNotifierMode(currentNotifierMode());
    }
};

/// A server in the mode of the row.
class ModeServer : public MsgpackRpc::Server
{
public:
    explicit ModeServer(QObject *parent = nullptr) : MsgpackRpc::Server(parent)
    {
        setNotifierMode(currentNotifierMode());
    }
};
