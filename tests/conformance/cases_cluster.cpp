// SPDX-License-Identifier: Apache-2.0

// A server that is a node of a cluster: it knows who calls, and calls back.
#include "run.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/Cluster>

using MsgpackRpc::Cluster;
using MsgpackRpc::PendingReply;
using MsgpackRpc::Session;
using MsgpackRpc::TransportOption;

namespace Conformance {

namespace {

/// A node of our own, which offers echo, and its session with the server.
class Node
{
public:
    explicit Node(Run &run, TransportOption option) : m_run(run)
    {
        run.needCluster();
        const QUrl &url = run.settings().url;
        m_cluster.setTimeout(run.settings().timeout);
        m_cluster.setTransportOption(option);
        m_cluster.setWireFormat(run.settings().format);
        m_cluster.bind("echo", [this](const RawValue &value) {
            const Session *caller = MsgpackRpc::CallContext::current().session().session();
            m_callers += caller->address() ? caller->address()->toString() : QString();
            return value;
        });
        const auto server = MsgpackRpc::Address::fromUrl(url);
        run.check(server.has_value(), QStringLiteral("the URL has no literal address"));
        m_serverName = server->toString();
        QUrl own = url;
        own.setPort(0);
        run.check(m_cluster.listen(own), m_cluster.error().message());
    }

    Session &server() { return *m_cluster.session(m_run.settings().url); }
    QString name() const { return m_cluster.address()->toString(); }
    /// Calls `back` \a count times at once, and checks that the node that calls back is the server.
    void checkBack(int count)
    {
        QList<PendingReply<QVariantList>> replies;
        const auto value = [](int i) { return QVariantList{i, QString(i, u'x')}; };
        for (int i = 0; i < count; ++i)
            replies += server().call<QVariantList>("back", value(i));
        for (int i = 0; i < count; ++i)
            m_run.check(m_run.result(replies.at(i), QStringLiteral("back(value)")) == value(i),
                        QStringLiteral("back(value) returns something else"));
        m_run.check(m_callers == QStringList(count, m_serverName),
                    QStringLiteral("echo was called by %1").arg(m_callers.join(u' ')));
        m_callers.clear();
    }

private:
    Run &m_run;
    Cluster m_cluster;
    QString m_serverName;
    QStringList m_callers;
};

void who(Run &run)
{
    Node node(run, run.settings().option);
    const auto name = run.result(node.server().call<QString>("who"), QStringLiteral("who()"));
    run.check(name == node.name(),
              QStringLiteral("who() returns %1, expected %2").arg(name, node.name()));
}

void whoPlain(Run &run)
{
    run.needCluster();
    const auto name = run.result(run.client().call<QVariant>("who"), QStringLiteral("who()"));
    run.check(!name.isValid(), QStringLiteral("a plain client is %1").arg(name.toString()));
}

void back(Run &run)
{
    Node node(run, run.settings().option);
    node.checkBack(1);
    node.checkBack(50);
}

void backPlain(Run &run)
{
    run.needCluster();
    int calls = 0;
    run.client().bind("echo", [&calls](const RawValue &value) {
        ++calls;
        return value;
    });
    const auto text = run.result(run.client().call<QString>("back", QStringLiteral("here")),
                                 QStringLiteral("back(\"here\")"));
    run.check(text == QLatin1String("here") && calls == 1,
              QStringLiteral("back(\"here\") returns %1 after %2 calls").arg(text).arg(calls));
    run.checkAlive(QStringLiteral("after a call back"));
}

void options(Run &run)
{
    for (const TransportOption option :
         {TransportOption::Deflate, TransportOption::TxDeflate, TransportOption::RxDeflate})
        Node(run, option).checkBack(20);
}

// Nodes come and go, each with an address of its own.
void nodes(Run &run)
{
    for (int i = 0; i < 5; ++i)
        Node(run, run.settings().option).checkBack(1);
    Node first(run, run.settings().option);
    Node second(run, run.settings().option);
    first.checkBack(1);
    second.checkBack(1);
    first.server().close();
    second.checkBack(5);
    first.checkBack(5);
}

} // namespace

QList<Case> clusterCases()
{
    return {
            {"cluster-who", "the address of a node that calls", who},
            {"cluster-who-plain", "nil for a client that is no node", whoPlain},
            {"cluster-back", "nodes are called back over a connection of the server's", back},
            {"cluster-back-plain", "others over the connection they made", backPlain},
            {"cluster-options", "nodes with compressed connections", options},
            {"cluster-nodes", "several nodes, and some that are gone", nodes},
    };
}

} // namespace Conformance
