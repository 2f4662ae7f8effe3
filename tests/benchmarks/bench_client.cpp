// SPDX-License-Identifier: Apache-2.0

// The client of the benchmarks. Prints one line of JSON.
#include "memory.h"

#include <MsgpackRpc/Client>

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QEventLoop>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QTextStream>
#include <QtCore/QTimer>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QTcpSocket>

#include <chrono>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int FrameSize = 12; // a request add(int, int) is as long
constexpr int BodySize = 1024 * 1024;

[[noreturn]] void fail(const QString &message)
{
    QTextStream(stderr) << "bench_client: " << message << Qt::endl;
    std::exit(1);
}

void print(const QJsonObject &object)
{
    QTextStream(stdout) << QJsonDocument(object).toJson(QJsonDocument::Compact) << Qt::endl;
}

/// Keeps a number of requests open: every answer makes room for the next.
class Run : public QObject
{
    Q_OBJECT

public:
    struct Times
    {
        qint64 elapsed; ///< ns
        qint64 processor; ///< ns that the processor worked for this program
    };

    /// Runs \a count requests with \a window of them open at a time.
    Times measure(qint64 count, qint64 window)
    {
        const std::clock_t processor = std::clock();
        m_toIssue = count;
        m_toFinish = count;
        const auto start = std::chrono::steady_clock::now();
        m_end = start;
        if (count > 0) {
            issue(takeToIssue(window));
            m_loop.exec();
        }
        return {std::chrono::nanoseconds(m_end - start).count(),
                qint64(double(std::clock() - processor) * 1e9 / CLOCKS_PER_SEC)};
    }

protected:
    /// Sends \a count requests.
    virtual void issue(qint64 count) = 0;

    /// As many as are left of \a count.
    qint64 takeToIssue(qint64 count)
    {
        const qint64 taken = qMin(count, m_toIssue);
        m_toIssue -= taken;
        return taken;
    }
    /// True if that were the last ones.
    bool takeFinished(qint64 count)
    {
        m_toFinish -= count;
        if (m_toFinish > 0)
            return false;
        m_end = std::chrono::steady_clock::now();
        m_loop.quit();
        return true;
    }

private:
    QEventLoop m_loop;
    std::chrono::steady_clock::time_point m_end;
    qint64 m_toIssue = 0;
    qint64 m_toFinish = 0;
};

/// Frames of a fixed length over a buffered QTcpSocket that is only written to, never flushed.
class BareRun : public Run
{
    Q_OBJECT

public:
    BareRun(quint16 port, qint64 frameSize, qint64 window)
        : m_frameSize(frameSize), m_frames(frameSize * window, 'x')
    {
        m_socket.connectToHost(QHostAddress::LocalHost, port);
        if (!m_socket.waitForConnected(5000))
            fail(m_socket.errorString());
        m_socket.setSocketOption(QAbstractSocket::LowDelayOption, 1);
        connect(&m_socket, &QIODevice::readyRead, this, &BareRun::read);
        connect(&m_socket, &QAbstractSocket::disconnected, this, [] { fail("disconnected"); });
    }
    ~BareRun() override { m_socket.disconnect(this); }

protected:
    void issue(qint64 count) override
    {
        if (count * m_frameSize == m_frames.size() && m_frameSize == BodySize)
            m_socket.write(m_frames);
        else
            m_socket.write(m_frames.constData(), count * m_frameSize);
    }

private:
    void read()
    {
        m_received += m_socket.readAll().size();
        const qint64 complete = m_received / m_frameSize;
        if (complete == 0)
            return;
        m_received -= complete * m_frameSize;
        if (takeFinished(complete))
            return;
        if (const qint64 next = takeToIssue(complete))
            issue(next);
    }

    QTcpSocket m_socket;
    qint64 m_frameSize;
    QByteArray m_frames;
    qint64 m_received = 0;
};

/// What calls of the library have in common.
class RpcRun : public Run
{
    Q_OBJECT

public:
    explicit RpcRun(quint16 port) : m_client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(port)))
    {
        connect(&m_client, &MsgpackRpc::Session::errorOccurred, this,
                [](const MsgpackRpc::Error &error) { fail(error.message()); });
    }

    /// Makes \a count calls that are not answered while this lives, and waits until the server has
    /// them.
    void hold(qint64 count)
    {
        MsgpackRpc::Caller patient = m_client.withTimeout(10min);
        for (qint64 i = 0; i < count; ++i)
            patient.call<int>("hold").then(this, [] { fail("an answer to hold()"); });
        QEventLoop loop;
        m_client.call<int>("add", 1, 2).then(this, [&loop] { loop.quit(); });
        loop.exec();
    }

protected:
    MsgpackRpc::Client &client() { return m_client; }
    void issue(qint64 count) override
    {
        for (qint64 i = 0; i < count; ++i)
            call();
    }
    virtual void call() = 0;
    void finished()
    {
        if (!takeFinished(1) && takeToIssue(1) == 1)
            call();
    }

private:
    MsgpackRpc::Client m_client;
};

/// Typed calls, each from the callback of the one before.
class TypedRun final : public RpcRun
{
    Q_OBJECT

public:
    using RpcRun::RpcRun;

protected:
    void call() override
    {
        const int a = ++m_counter & 63;
        client().call<int>("add", a, 2).then(this, [this, a](int sum) {
            if (sum != a + 2)
                fail("a wrong sum");
            finished();
        });
    }

private:
    int m_counter = 0;
};

/// Calls through QVariant.
class VariantRun final : public RpcRun
{
    Q_OBJECT

public:
    using RpcRun::RpcRun;

protected:
    void call() override
    {
        client().callWithArguments("add", QVariantList{1, 2})
                .then(this, [this](const QVariant &sum) {
                    if (sum.toInt() != 3)
                        fail("a wrong sum");
                    finished();
                });
    }
};

/// Typed calls that are not made from a callback, but from the event loop after it.
class OutsideRun final : public RpcRun
{
    Q_OBJECT

public:
    using RpcRun::RpcRun;

protected:
    void call() override
    {
        const int a = ++m_counter & 63;
        client().call<int>("add", a, 2).then(this, [this, a](int sum) {
            if (sum != a + 2)
                fail("a wrong sum");
            // What the last ones of a run owe is not to be made in the next.
            if (takeFinished(1) || takeToIssue(1) == 0)
                return;
            if (m_owed++ == 0)
                QMetaObject::invokeMethod(this, &OutsideRun::pay, Qt::QueuedConnection);
        });
    }

private:
    void pay() { issue(std::exchange(m_owed, 0)); }

    int m_counter = 0;
    qint64 m_owed = 0;
};

/// Calls with a big argument and result.
class EchoRun final : public RpcRun
{
    Q_OBJECT

public:
    using RpcRun::RpcRun;

protected:
    void call() override
    {
        client().call<QByteArray>("echo", m_body).then(this, [this](const QByteArray &body) {
            // All of it the first time; later that would be what is measured.
            if (body.size() != m_body.size() || (!m_isChecked && body != m_body))
                fail("another body");
            m_isChecked = true;
            finished();
        });
    }

private:
    const QByteArray m_body{BodySize, 'x'};
    bool m_isChecked = false;
};

/// The memory of calls that wait for an answer.
void measurePending(quint16 port, int count)
{
    MsgpackRpc::Client client(QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(port)));
    QObject context;
    QEventLoop loop;
    QObject::connect(&client, &MsgpackRpc::Session::stateChanged, &loop, [&] {
        if (client.state() == MsgpackRpc::Session::Connected)
            loop.quit();
    });
    client.open();
    loop.exec();

    // In portions, so that the output buffer is not what is measured.
    int left = count + 100;
    qint64 before = 0;
    const auto call = [&](int portion) {
        left -= portion;
        for (int i = 0; i < portion; ++i)
            client.call<int>("add", 1, 2).then(&context, [] { fail("an answer"); });
    };
    call(100);
    QTimer timer;
    QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
        if (client.bytesToWrite() > 0)
            return;
        if (before == 0)
            before = Benchmark::allocatedBytes();
        if (left == 0)
            loop.quit();
        else
            call(qMin(left, 100));
    });
    timer.start(0);
    loop.exec();
    const qint64 after = Benchmark::allocatedBytes();
    if (client.pendingCalls() != count + 100)
        fail("calls are missing");
    print({{"calls", count}, {"bytesPerCall", double(after - before) / count}});
}

/// Connections that do nothing, after one call each.
void holdConnections(quint16 port, int count, bool isBare)
{
    std::vector<std::unique_ptr<QObject>> clients;
    QEventLoop loop;
    for (int i = 0; i < count; ++i) {
        if (isBare) {
            auto socket = std::make_unique<QTcpSocket>();
            socket->connectToHost(QHostAddress::LocalHost, port);
            socket->write(QByteArray(FrameSize, 'x'));
            QObject::connect(socket.get(), &QIODevice::readyRead, &loop, &QEventLoop::quit);
            loop.exec();
            clients.push_back(std::move(socket));
        } else {
            auto client = std::make_unique<MsgpackRpc::Client>(
                    QUrl(QStringLiteral("tcp://127.0.0.1:%1").arg(port)));
            client->call<int>("add", 1, 2).then(&loop, [&loop] { loop.quit(); });
            loop.exec();
            clients.push_back(std::move(client));
        }
    }
    print({{"connections", count}});
    QTextStream(stdin).readLine();
}

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);

    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("The client of the benchmarks."));
    parser.addHelpOption();
    parser.addPositionalArgument(QStringLiteral("port"), QStringLiteral("What bench_server says."));
    parser.addPositionalArgument(
            QStringLiteral("mode"),
            QStringLiteral("bare; rpc: typed calls; rpc-variant: calls through QVariant; "
                           "rpc-outside: typed calls that are not made from a callback"));
    parser.addPositionalArgument(
            QStringLiteral("workload"),
            QStringLiteral("A: one request at a time; B: 100; C: 1 MiB there and back; pending: "
                           "memory of calls that wait (of bench_server sink); idle: connections "
                           "that are held until a line is read"));
    parser.addPositionalArgument(QStringLiteral("count"),
                                 QStringLiteral("How many requests, or connections."));
    const QCommandLineOption warmUp(QStringLiteral("warm-up"),
                                    QStringLiteral("Requests before those that are measured."),
                                    QStringLiteral("count"));
    const QCommandLineOption outstanding(QStringLiteral("outstanding"),
                                         QStringLiteral("Requests that are open at a time."),
                                         QStringLiteral("count"));
    const QCommandLineOption held(
            QStringLiteral("held"),
            QStringLiteral("Calls that are open beside these and never answered."),
            QStringLiteral("count"), QStringLiteral("0"));
    parser.addOptions({warmUp, outstanding, held});
    parser.process(app);
    const QStringList arguments = parser.positionalArguments();
    if (arguments.size() != 4)
        parser.showHelp(1);
    const quint16 port = arguments.at(0).toUShort();
    const QString mode = arguments.at(1);
    const QString workload = arguments.at(2);
    const int count = arguments.at(3).toInt();
    const bool isBare = mode == QLatin1String("bare");
    const bool isBig = workload == QLatin1String("C");

    if (workload == QLatin1String("pending")) {
        measurePending(port, count);
        return 0;
    }
    if (workload == QLatin1String("idle")) {
        holdConnections(port, count, isBare);
        return 0;
    }

    qint64 window = workload == QLatin1String("B") ? 100 : 1;
    if (parser.isSet(outstanding))
        window = parser.value(outstanding).toLongLong();
    const qint64 before = parser.isSet(warmUp) ? parser.value(warmUp).toLongLong()
                                               : qMax<qint64>(2 * window, count / 10);

    std::unique_ptr<Run> run;
    if (isBare) {
        run = std::make_unique<BareRun>(port, isBig ? BodySize : FrameSize, window);
    } else {
        std::unique_ptr<RpcRun> calls;
        if (isBig)
            calls = std::make_unique<EchoRun>(port);
        else if (mode == QLatin1String("rpc-variant"))
            calls = std::make_unique<VariantRun>(port);
        else if (mode == QLatin1String("rpc-outside"))
            calls = std::make_unique<OutsideRun>(port);
        else
            calls = std::make_unique<TypedRun>(port);
        if (const qint64 open = parser.value(held).toLongLong())
            calls->hold(open);
        run = std::move(calls);
    }

    run->measure(before, window);
    const Run::Times times = run->measure(count, window);
    print({{"mode", mode},
           {"workload", workload},
           {"calls", count},
           {"warmUp", before},
           {"elapsedNs", times.elapsed},
           {"nsPerCall", double(times.elapsed) / count},
           {"processorNsPerCall", double(times.processor) / count}});
    return 0;
}

#include "bench_client.moc"
