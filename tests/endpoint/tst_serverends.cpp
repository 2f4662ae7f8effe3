// SPDX-License-Identifier: Apache-2.0

// A server that is deleted or closed within what it tells: by its signals, those of its sessions, and its callbacks.
#include "tally.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Client>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtNetwork/QLocalServer>
#include <QtNetwork/QTcpServer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include <functional>

using namespace std::chrono_literals;
using MsgpackRpc::Admission;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Server;
using MsgpackRpc::Session;

class tst_ServerEnds : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void within_data();
    void within();
};

void tst_ServerEnds::within_data()
{
    QTest::addColumn<QByteArray>("road");
    QTest::addColumn<QByteArray>("place");
    QTest::addColumn<QByteArray>("action");
    for (const char *road :
         {"tcp://127.0.0.1:0", "memory:serverends", "local:tst-serverends", "QTcpServer"}) {
        for (const char *place : {"opened", "closed", "error", "state", "method", "notification",
                                  "authenticator", "authenticator, decided", "admitted"}) {
            for (const char *action : {"delete", "close", "close and listen", "session"})
                QTest::addRow("%s, %s, %s", road, place, action)
                        << QByteArray(road) << QByteArray(place) << QByteArray(action);
        }
    }
}

// Nobody hears of an end twice, and every call has one.
void tst_ServerEnds::within()
{
    QFETCH(const QByteArray, road);
    QFETCH(const QByteArray, place);
    QFETCH(const QByteArray, action);
#ifndef Q_OS_UNIX
    if (road.startsWith("local"))
        QSKIP("no local sockets");
#endif
    QTcpServer theirs;
    auto server = std::make_unique<Server>();
    const auto listen = [&] {
        if (road != "QTcpServer")
            return server->listen(QUrl(QString::fromLatin1(road)));
        return (theirs.isListening() || theirs.listen(QHostAddress::LocalHost))
               && server->listen(&theirs);
    };
    int happened = 0;
    const auto act = [&](Session *session) {
        if (++happened > 1)
            return; // what is done there tells again
        if (action == "delete") {
            server.reset();
        } else if (action == "session") {
            delete session;
        } else {
            server->close();
            QVERIFY(server->sessions().isEmpty());
            QVERIFY(!server->isListening());
            if (action != "close")
                QVERIFY(listen());
        }
    };
    const auto here = [&place](const char *name) { return place == name; };

    QHash<Session *, int> ends;
    QHash<Session *, int> closes;
    const auto open = [&](Session *session) {
        ends.remove(session); // the address may be that of one that is gone
        closes.remove(session);
        connect(session, &QObject::destroyed, this, [&, session] { ++ends[session]; });
        connect(session, &Session::errorOccurred, this, [&, session] {
            if (here("error"))
                act(session);
        });
        connect(session, &Session::stateChanged, this, [&, session] {
            if (here("state"))
                act(session);
        });
        if (here("opened"))
            act(session);
    };
    connect(server.get(), &Server::sessionOpened, this, open);
    connect(server.get(), &Server::sessionClosed, this, [&](Session *session) {
        ++closes[session];
        if (here("closed"))
            act(session);
    });
    const auto current = [&]() -> Session * {
        return MsgpackRpc::CallContext::current().session().session();
    };
    server->bind("add", [](int a, int b) { return a + b; });
    server->bind("act", [&] {
        if (here("method") || here("notification"))
            act(current());
        return 7;
    });
    QList<MsgpackRpc::Responder> hanging;
    server->bind("hang", [&](MsgpackRpc::Responder responder) { hanging.append(responder); });
    QList<Admission> admissions;
    if (place.startsWith("authenticator") || here("admitted")) {
        server->setAuthenticator([&](const Admission &admission) {
            admissions.append(admission);
            if (here("authenticator, decided"))
                admission.accept();
            if (here("admitted"))
                QMetaObject::invokeMethod(
                        this,
                        [&, admission] {
                            admission.accept();
                            act(nullptr);
                        },
                        Qt::QueuedConnection);
            else
                act(nullptr);
            if (!admission.isDecided())
                admission.accept();
        });
    }
    QVERIFY(listen());
    const QUrl url = server->urls().constFirst();

    Tally tally;
    int calls = 0;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(std::make_unique<Client>(url));
        Client &client = *clients.back();
        client.setReconnect({MsgpackRpc::Reconnect::OnDemand, 2, 1ms, 1ms});
        client.setTimeout(here("authenticator") || here("admitted") ? 30s : 20s);
        tally.watch(this, calls++, client.call("add", 1, 2));
        tally.watch(this, calls++, client.call("hang"));
        if (here("notification"))
            client.notify("act");
        else
            tally.watch(this, calls++, client.call("act"));
        tally.watch(this, calls++, client.call("add", 3, 4));
    }
    // Those are closed by their peers, once they are there; of the one that hangs, by closing.
    const auto areInWork = [&] { return happened > 0 || hanging.size() == 3; };
    QTRY_VERIFY_WITH_TIMEOUT(areInWork(), 30'000);
    clients[0]->close();
    QTRY_VERIFY_WITH_TIMEOUT(happened > 0, 30'000);
    for (const auto &client : clients)
        client->close();
    QTRY_COMPARE_WITH_TIMEOUT(tally.total(), calls, 30'000);
    QVERIFY(tally.eachOnce(calls));
    server.reset();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    for (const int count : std::as_const(closes))
        QCOMPARE(count, 1);
    for (const int count : std::as_const(ends))
        QCOMPARE(count, 1);
    for (const MsgpackRpc::Responder &responder : std::as_const(hanging))
        QVERIFY(responder.isCanceled());
}

QTEST_GUILESS_MAIN(tst_ServerEnds)

#include "tst_serverends.moc"
