// SPDX-License-Identifier: Apache-2.0

// The client of Qt Remote Objects: a replica of a type that is known when it is compiled, and a watcher for each call.
#include "rep_bench_replica.h"
#include "system.h"

#include <QtNetwork/QTcpSocket>
#include <QtRemoteObjects/QRemoteObjectNode>
#include <QtRemoteObjects/QRemoteObjectPendingCallWatcher>

namespace Benchmark {

namespace {

class ReplicaChannel : public Channel
{
public:
    ReplicaChannel(const Options &options, Run &run) : Channel(run), m_url(options.address) {}

    void connectNow() override
    {
        if (!m_node.connectToNode(m_url))
            fail(QStringLiteral("cannot connect"));
        m_replica.reset(m_node.acquire<BenchReplica>(QStringLiteral("bench")));
        if (!m_replica->waitForSource(5000))
            fail(QStringLiteral("no source"));
        m_sockets = m_node.findChildren<QTcpSocket *>();
    }
    bool hasSentAll() const override
    {
        for (const QTcpSocket *socket : m_sockets) {
            if (socket->bytesToWrite() > 0)
                return false;
        }
        return true;
    }

protected:
    BenchReplica &replica() { return *m_replica; }

    /// Calls \a function with the reply of \a call.
    template<typename T, typename Function>
    void watch(const QRemoteObjectPendingReply<T> &call, Function function)
    {
        auto *const watcher = new QRemoteObjectPendingCallWatcher(call, this);
        connect(watcher, &QRemoteObjectPendingCallWatcher::finished, this,
                [function](QRemoteObjectPendingCallWatcher *done) {
                    if (done->error() != QRemoteObjectPendingCall::NoError)
                        fail(QStringLiteral("a call failed"));
                    done->deleteLater();
                    function(done->returnValue().value<T>());
                });
    }

private:
    const QUrl m_url;
    QRemoteObjectNode m_node;
    std::unique_ptr<BenchReplica> m_replica;
    QList<QTcpSocket *> m_sockets;
};

class AddChannel final : public ReplicaChannel
{
public:
    using ReplicaChannel::ReplicaChannel;
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            const int a = ++m_counter & 63;
            watch(replica().add(a, 2), [this, a](int sum) {
                if (sum != a + 2)
                    fail(QStringLiteral("a wrong answer"));
                finished(1);
            });
        }
    }

private:
    int m_counter = 0;
};

class EchoChannel final : public ReplicaChannel
{
public:
    EchoChannel(const Options &options, Run &run)
        : ReplicaChannel(options, run), m_body(options.size, 'x')
    {
    }
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            watch(replica().echo(m_body), [this](const QByteArray &body) {
                if (body.size() != m_body.size())
                    fail(QStringLiteral("a wrong answer"));
                finished(1);
            });
        }
    }

private:
    const QByteArray m_body;
};

} // namespace

std::unique_ptr<Channel> makeChannel(const Options &options, Run &run)
{
    if (options.method == QLatin1String("add"))
        return std::make_unique<AddChannel>(options, run);
    if (options.method == QLatin1String("echo"))
        return std::make_unique<EchoChannel>(options, run);
    fail(QStringLiteral("no such method: ") + options.method);
}

} // namespace Benchmark
