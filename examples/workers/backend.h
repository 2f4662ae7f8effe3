// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Server>

#include <QtCore/QFuture>
#include <QtCore/QPromise>
#include <QtCore/QThread>
#include <QtCore/QTimer>

/// The server of this example, in a thread of its own; usually it is another program.
class Backend : public QThread
{
public:
    Backend() { m_url.start(); }
    ~Backend() override
    {
        quit();
        wait();
    }
    /// Where it listens.
    QFuture<QUrl> url() const { return m_url.future(); }

protected:
    void run() override
    {
        MsgpackRpc::Server server; // lives in the thread that makes it
        int requests = 0;
        QObject here;
        server.bind("requests", [&requests] { return requests; });
        server.bind("log", [](const QString &line) { qInfo().noquote() << "server:" << line; });
        // Takes a while, and does not hold up the others: the answer follows.
        server.bind("square", &here, [&](int x, MsgpackRpc::Responder responder) {
            ++requests;
            QTimer::singleShot(50, &here, [responder, x] { responder.result(x * x); });
        });
        if (server.listen(QUrl("tcp://127.0.0.1:0")))
            m_url.addResult(server.urls().constFirst());
        else
            m_url.setException(MsgpackRpc::ErrorException(server.error()));
        m_url.finish();
        exec();
    }

private:
    QPromise<QUrl> m_url;
};
