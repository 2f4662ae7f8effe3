// SPDX-License-Identifier: Apache-2.0

// The client of this library. What is called, and how, is a class each: nothing is decided per call.
#include "person.h"
#include "system.h"

#include <MsgpackRpc/Client>

#include <QtCore/QEventLoop>

#include <chrono>
#include <cstring>
#include <utility>

using namespace std::chrono_literals;

namespace Benchmark {

namespace {

class RpcChannel : public Channel
{
public:
    RpcChannel(const Options &options, Run &run) : Channel(run), m_client(QUrl(options.address))
    {
        connect(&m_client, &MsgpackRpc::Session::errorOccurred, this,
                [](const MsgpackRpc::Error &error) { fail(error.message()); });
        if (options.isDeflating)
            m_client.setTransportOption(MsgpackRpc::TransportOption::Deflate);
        if (options.messageBytes > 0) {
            MsgpackRpc::Limits limits = m_client.limits();
            limits.messageBytes = options.messageBytes;
            limits.queuedBytes = 2 * options.messageBytes;
            m_client.setLimits(limits);
        }
        if (options.messageBytes > 0 || options.isDeflating || options.connections > 1)
            m_client.setTimeout(10min);
    }
    ~RpcChannel() override { m_client.disconnect(this); }

    void connectNow() override
    {
        QEventLoop loop;
        connect(&m_client, &MsgpackRpc::Session::stateChanged, &loop, [this, &loop] {
            if (m_client.state() == MsgpackRpc::Session::Connected)
                loop.quit();
        });
        m_client.open();
        loop.exec();
    }
    void hold(qint64 count) override
    {
        MsgpackRpc::Caller patient = m_client.withTimeout(10min);
        for (qint64 i = 0; i < count; ++i)
            patient.call<int>("hold").then(this, [] { fail(QStringLiteral("an answer")); });
        QEventLoop loop;
        m_client.call<int>("add", 1, 2).then(this, [&loop] { loop.quit(); });
        loop.exec();
    }
    bool hasSentAll() const override { return m_client.bytesToWrite() == 0; }

protected:
    MsgpackRpc::Client &client() { return m_client; }
    static void check(bool isRight)
    {
        if (Q_UNLIKELY(!isRight))
            fail(QStringLiteral("a wrong answer"));
    }

private:
    MsgpackRpc::Client m_client;
};

/// Typed calls, each from the callback of the one before. Like most of these, no longer than it is in a user's code.
class AddChannel final : public RpcChannel
{
public:
    AddChannel(const Options &options, Run &run, const char *method)
        : RpcChannel(options, run), m_method(method)
    {
    }
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            const int a = ++m_counter & 63;
            client().call<int>(m_method, a, 2).then(this, [this, a](int sum) {
                check(sum == a + 2);
                finished(1);
            });
        }
    }

private:
    const QByteArray m_method;
    int m_counter = 0;
};

/// Typed calls that are not made from a callback, but from the event loop after it.
class OutsideChannel final : public RpcChannel
{
    Q_OBJECT

public:
    using RpcChannel::RpcChannel;
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            const int a = ++m_counter & 63;
            client().call<int>("add", a, 2).then(this, [this, a](int sum) {
                check(sum == a + 2);
                if (run().finished(1) == 1 && m_owed++ == 0)
                    QMetaObject::invokeMethod(this, &OutsideChannel::pay, Qt::QueuedConnection);
            });
        }
    }

private:
    void pay() { issue(std::exchange(m_owed, 0)); }

    int m_counter = 0;
    qint64 m_owed = 0;
};

/// Calls without types.
class VariantChannel final : public RpcChannel
{
public:
    using RpcChannel::RpcChannel;
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            client().callWithArguments("add", QVariantList{1, 2})
                    .then(this, [this](const QVariant &sum) {
                        check(sum.toInt() == 3);
                        finished(1);
                    });
        }
    }
};

/// Notifications; the last of each window is a call, so that it is seen when they have arrived.
class NotifyChannel final : public RpcChannel
{
public:
    using RpcChannel::RpcChannel;
    void issue(qint64 count) override
    {
        for (qint64 i = 1; i < count; ++i)
            client().notify("add", 1, 2);
        client().call<int>("add", 1, 2).then(this, [this, count] { finished(count); });
    }
};

/// Calls with an argument of some type that comes back.
template<typename T>
class EchoChannel final : public RpcChannel
{
public:
    EchoChannel(const Options &options, Run &run, const char *method, const T &value)
        : RpcChannel(options, run), m_method(method), m_value(value)
    {
    }
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i) {
            client().call<T>(m_method, m_value).then(this, [this](const T &value) {
                // All of it the first time; later that would be what is measured.
                check(m_isChecked || isSame(value, m_value));
                m_isChecked = true;
                finished(1);
            });
        }
    }

private:
    static bool isSame(const T &a, const T &b)
    {
        constexpr qsizetype Most = 16 * 1024 * 1024; // more would take longer than a frame
        if constexpr (std::is_same_v<T, Person>)
            return a.name == b.name && a.age == b.age && a.active == b.active;
        else if constexpr (std::is_same_v<T, QByteArray>)
            return a.size() == b.size()
                   && std::memcmp(a.constData(), b.constData(), size_t(qMin(Most, a.size()))) == 0;
        else
            return a == b;
    }

    const QByteArray m_method;
    const T m_value;
    bool m_isChecked = false;
};

/// Text as programs send it: names and numbers that repeat, and do not.
QString text(qint64 size)
{
    QString result;
    for (quint32 i = 1; result.size() < size; i = i * 1664525 + 1013904223)
        result += QStringLiteral("{\"name\": \"user %1\", \"balance\": %2, \"active\": true}, ")
                          .arg(i % 1000)
                          .arg(i);
    result.truncate(size);
    return result;
}

} // namespace

std::unique_ptr<Channel> makeChannel(const Options &options, Run &run)
{
    const QString &method = options.method;
    if (method == QLatin1String("add"))
        return std::make_unique<AddChannel>(options, run, "add");
    if (method == QLatin1String("lambda"))
        return std::make_unique<AddChannel>(options, run, "sum");
    if (method == QLatin1String("outside"))
        return std::make_unique<OutsideChannel>(options, run);
    if (method == QLatin1String("variant"))
        return std::make_unique<VariantChannel>(options, run);
    if (method == QLatin1String("notify"))
        return std::make_unique<NotifyChannel>(options, run);
    if (method == QLatin1String("echo")) {
        return std::make_unique<EchoChannel<QByteArray>>(options, run, "echo",
                                                         QByteArray(options.size, 'x'));
    }
    if (method == QLatin1String("text"))
        return std::make_unique<EchoChannel<QString>>(options, run, "text", text(options.size));
    if (method == QLatin1String("gadget")) {
        return std::make_unique<EchoChannel<Person>>(
                options, run, "person", Person{QStringLiteral("Ada Lovelace"), 36, true});
    }
    if (method == QLatin1String("list")) {
        return std::make_unique<EchoChannel<QList<int>>>(
                options, run, "list",
                QList<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    }
    fail(QStringLiteral("no such method: ") + method);
}

} // namespace Benchmark

#include "rpcclient.moc"
