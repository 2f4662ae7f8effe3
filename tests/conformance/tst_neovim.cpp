// SPDX-License-Identifier: Apache-2.0

// Against Neovim: a foreign peer that answers with large nested values and extension types, has
// errors of its own form, notifies, and calls back while a call is open.
#include "nvim.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Extension>
#include <MsgpackRpc/Responder>

#include <QtTest/QtTest>

#include <functional>

using namespace std::chrono_literals;
using Conformance::Nvim;
using MsgpackRpc::Client;
using MsgpackRpc::Error;
using MsgpackRpc::Extension;
using MsgpackRpc::PendingReply;
using MsgpackRpc::Responder;

// Waits for a reply and checks that it is a result.
#define VERIFY_RESULT(reply) \
    do { \
        const MsgpackRpc::PendingCall verified = reply; \
        QVERIFY(verified.waitForFinished()); \
        QVERIFY2(!verified.error(), qPrintable(verified.error().message())); \
    } while (false)

struct ApiFunction
{
    Q_GADGET
    Q_PROPERTY(QString name MEMBER name)
    Q_PROPERTY(bool method MEMBER isMethod)
    Q_PROPERTY(QList<QStringList> parameters MEMBER parameters)
    Q_PROPERTY(QString return_type MEMBER returnType)

public:
    QString name;
    bool isMethod = false;
    QList<QStringList> parameters;
    QString returnType;
    // For moc, which compares what it sets.
    friend bool operator==(const ApiFunction &a, const ApiFunction &b) { return a.name == b.name; }
    friend bool operator!=(const ApiFunction &a, const ApiFunction &b) { return !(a == b); }
};

struct Api
{
    Q_GADGET
    Q_PROPERTY(QVariantMap version MEMBER version)
    Q_PROPERTY(QList<ApiFunction> functions MEMBER functions)
    Q_PROPERTY(QMap<QString, QVariantMap> types MEMBER types)

public:
    QVariantMap version;
    QList<ApiFunction> functions;
    QMap<QString, QVariantMap> types;
};

class tst_Neovim : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();

    void apiAsVariants();
    void apiAsTypes();
    void editsBuffer();
    void largeLine();
    void handles();
    void boundChanges();
    void signalledChanges();
    void errors_data();
    void errors();

    void answersRequest();
    void failsRequest();
    void nestedEventLoops();
    void nestedFutures();
    void outOfOrder();

    void killed();
    void killedWhileAsking();
    void restarted();
    void staleAnswer_data();
    void staleAnswer();

private:
    Extension createBuffer();
    PendingReply<QVariant> lua(const QString &code);

    std::unique_ptr<Nvim> m_nvim;
    std::unique_ptr<Client> m_client;
    QList<std::pair<QString, QVariantList>> m_notifications; // those that are not bound
    QList<Error> m_errors; // of killed(), whose calls may outlive it if it fails
    int m_channel = 0;
};

void tst_Neovim::initTestCase()
{
    if (Nvim::program().isEmpty())
        QSKIP("nvim is not installed");
}

void tst_Neovim::init()
{
    m_nvim = std::make_unique<Nvim>();
    QVERIFY(m_nvim->start());
    m_client = std::make_unique<Client>(m_nvim->url());
    m_client->setTimeout(30s);
    MsgpackRpc::Reconnect patience; // it takes a while until Neovim listens
    patience.attempts = 1000;
    patience.maximumDelay = 50ms;
    m_client->setReconnect(patience);
    m_notifications.clear();
    connect(m_client.get(), &Client::notificationReceived, this,
            [this](const QString &method, const QVariantList &arguments) {
                m_notifications.append({method, arguments});
            });
    const auto info = m_client->call<std::pair<int, QVariant>>("nvim_get_api_info");
    VERIFY_RESULT(info);
    m_channel = info.result().first;
}

void tst_Neovim::cleanup()
{
    m_client.reset();
    m_nvim.reset();
}

Extension tst_Neovim::createBuffer()
{
    const auto buffer = m_client->call<Extension>("nvim_create_buf", true, false);
    buffer.waitForFinished();
    return buffer.result();
}

// In \a code, `...` is the channel.
PendingReply<QVariant> tst_Neovim::lua(const QString &code)
{
    return m_client->call("nvim_exec_lua", code, QVariantList{m_channel});
}

void tst_Neovim::apiAsVariants()
{
    const auto reply = m_client->call("nvim_get_api_info");
    VERIFY_RESULT(reply);
    const QVariantList info = reply.result().toList();
    QCOMPARE(info.size(), 2);
    QCOMPARE(info.at(0).toInt(), m_channel);

    QCOMPARE(info.at(1).typeId(), int(QMetaType::QVariantMap));
    const QVariantMap api = info.at(1).toMap();
    QVERIFY(api.value("version").toMap().value("api_level").toInt() >= 9);
    const QVariantMap buffer = api.value("types").toMap().value("Buffer").toMap();
    QCOMPARE(buffer, (QVariantMap{{"id", 0}, {"prefix", "nvim_buf_"}}));
    const QVariantList functions = api.value("functions").toList();
    QVERIFY2(functions.size() > 200, qPrintable(QString::number(functions.size())));
    for (const QVariant &function : functions) {
        const QVariantMap map = function.toMap();
        QVERIFY(!map.value("name").toString().isEmpty());
        QVERIFY(!map.value("return_type").toString().isEmpty());
        QCOMPARE(map.value("parameters").typeId(), int(QMetaType::QVariantList));
    }
}

void tst_Neovim::apiAsTypes()
{
    const auto reply = m_client->call<std::pair<int, Api>>("nvim_get_api_info");
    const auto untyped = m_client->call<std::pair<int, QVariantMap>>("nvim_get_api_info");
    VERIFY_RESULT(reply);
    VERIFY_RESULT(untyped);
    const Api api = reply.result().second;
    QCOMPARE(reply.result().first, m_channel);
    QCOMPARE(api.types.value("Tabpage").value("id").toInt(), 2);
    QCOMPARE(api.version, untyped.result().second.value("version").toMap());

    const QVariantList maps = untyped.result().second.value("functions").toList();
    QCOMPARE(api.functions.size(), maps.size());
    for (qsizetype i = 0; i < maps.size(); ++i)
        QCOMPARE(api.functions.at(i).name, maps.at(i).toMap().value("name").toString());
    const auto setLines =
            std::find_if(api.functions.begin(), api.functions.end(),
                         [](const ApiFunction &f) { return f.name == "nvim_buf_set_lines"; });
    QVERIFY(setLines != api.functions.end());
    QVERIFY(setLines->isMethod);
    QCOMPARE(setLines->returnType, QString("void"));
    QCOMPARE(setLines->parameters.size(), 5);
    QCOMPARE(setLines->parameters.at(0), QStringList({"Buffer", "buffer"}));
}

void tst_Neovim::editsBuffer()
{
    const QStringList lines{"one", "", QString::fromUtf8("drei \u00fc \u2192 \U0001F600")};
    const Extension buffer = createBuffer();
    const auto set = m_client->call<void>("nvim_buf_set_lines", buffer, 0, -1, true, lines);
    VERIFY_RESULT(set);
    const auto get = m_client->call<QStringList>("nvim_buf_get_lines", buffer, 0, -1, true);
    VERIFY_RESULT(get);
    QCOMPARE(get.result(), lines);
    const auto count = m_client->call<int>("nvim_buf_line_count", buffer);
    VERIFY_RESULT(count);
    QCOMPARE(count.result(), 3);

    // Many at once, in order.
    QList<PendingReply<QString>> replies;
    for (int i = 0; i < 1000; ++i) {
        m_client->notify("nvim_buf_set_lines", buffer, 0, 1, true, QStringList{QString::number(i)});
        replies += m_client->call<QString>("nvim_exec_lua",
                                           "return vim.api.nvim_buf_get_lines(..., 0, 1, true)[1]",
                                           QVariantList{QVariant::fromValue(buffer)});
    }
    for (int i = 0; i < replies.size(); ++i) {
        VERIFY_RESULT(replies.at(i));
        QCOMPARE(replies.at(i).result(), QString::number(i));
    }
}

void tst_Neovim::largeLine()
{
    QString line(1024 * 1024, QLatin1Char('x'));
    for (int i = 0; i < line.size(); i += 7)
        line[i] = QLatin1Char(char('a' + i % 26));
    QList<QStringList> changes;
    m_client->bind("nvim_buf_lines_event",
                   [&changes](const Extension &, const QVariant &, int, int,
                              const QStringList &lines, bool) { changes += lines; });
    const Extension buffer = createBuffer();
    VERIFY_RESULT(m_client->call<bool>("nvim_buf_attach", buffer, false, QVariantMap()));
    VERIFY_RESULT(
            m_client->call<void>("nvim_buf_set_lines", buffer, 0, -1, true, QStringList{line}));
    const auto typed = m_client->call<QStringList>("nvim_buf_get_lines", buffer, 0, -1, true);
    const auto untyped = m_client->call("nvim_buf_get_lines", buffer, 0, -1, true);
    VERIFY_RESULT(typed);
    VERIFY_RESULT(untyped);
    QVERIFY(typed.result() == QStringList{line});
    QVERIFY(untyped.result() == QVariant(QVariantList{line}));
    QCOMPARE(changes.size(), 1);
    QVERIFY(changes.constFirst() == QStringList{line});
}

void tst_Neovim::handles()
{
    const auto buffer = m_client->call<Extension>("nvim_create_buf", true, false);
    const auto window = m_client->call<Extension>("nvim_get_current_win");
    const auto tabpage = m_client->call<Extension>("nvim_get_current_tabpage");
    VERIFY_RESULT(buffer);
    VERIFY_RESULT(window);
    VERIFY_RESULT(tabpage);
    QCOMPARE(int(buffer.result().type), 0);
    QCOMPARE(int(window.result().type), 1);
    QCOMPARE(int(tabpage.result().type), 2);

    VERIFY_RESULT(m_client->call<void>("nvim_win_set_buf", window.result(), buffer.result()));
    const auto shown = m_client->call<Extension>("nvim_win_get_buf", window.result());
    const auto windows =
            m_client->call<QList<Extension>>("nvim_tabpage_list_wins", tabpage.result());
    const auto buffers = m_client->call("nvim_list_bufs");
    VERIFY_RESULT(shown);
    VERIFY_RESULT(windows);
    VERIFY_RESULT(buffers);
    QCOMPARE(shown.result(), buffer.result());
    QCOMPARE(windows.result(), QList<Extension>{window.result()});

    // Untyped, within a list, and back again.
    const QVariant last = buffers.result().toList().constLast();
    QCOMPARE(last.value<Extension>(), buffer.result());
    const auto valid = m_client->callWithArguments("nvim_buf_is_valid", {last});
    VERIFY_RESULT(valid);
    QCOMPARE(valid.result(), QVariant(true));
    VERIFY_RESULT(m_client->callWithArguments("nvim_buf_delete", {last, QVariantMap()}));
    const auto gone = m_client->call<bool>("nvim_buf_is_valid", buffer.result());
    VERIFY_RESULT(gone);
    QVERIFY(!gone.result());
}

void tst_Neovim::boundChanges()
{
    struct Change
    {
        Extension buffer;
        int first;
        int last;
        QStringList lines;
    };
    QList<Change> changes;
    QList<Extension> detached;
    m_client->bind("nvim_buf_lines_event", [&](const Extension &buffer, const QVariant &, int first,
                                               int last, const QStringList &lines, bool) {
        changes.append(Change{buffer, first, last, lines});
    });
    m_client->bind("nvim_buf_detach_event", [&](const Extension &buffer) { detached += buffer; });
    const Extension buffer = createBuffer();
    const auto attached = m_client->call<bool>("nvim_buf_attach", buffer, true, QVariantMap());
    VERIFY_RESULT(attached);
    QVERIFY(attached.result());
    // Asked for: the whole buffer first.
    QTRY_COMPARE(changes.size(), 1);
    QCOMPARE(changes.at(0).buffer, buffer);
    QCOMPARE(changes.at(0).first, 0);
    QCOMPARE(changes.at(0).last, -1);
    QCOMPARE(changes.at(0).lines, QStringList{""});

    // Neovim tells of a change before it answers the call that made it, and so do we.
    VERIFY_RESULT(m_client->call<void>("nvim_buf_set_lines", buffer, 0, -1, true,
                                       QStringList{"c", "b", "a"}));
    QCOMPARE(changes.size(), 2);
    QCOMPARE(changes.at(1).lines, QStringList({"c", "b", "a"}));
    VERIFY_RESULT(m_client->call<void>("nvim_set_current_buf", buffer));
    VERIFY_RESULT(m_client->call<void>("nvim_command", "2delete"));
    QCOMPARE(changes.size(), 3);
    QCOMPARE(changes.at(2).first, 1);
    QCOMPARE(changes.at(2).last, 2);
    QCOMPARE(changes.at(2).lines, QStringList());

    VERIFY_RESULT(m_client->call<bool>("nvim_buf_detach", buffer));
    QTRY_COMPARE(detached, QList<Extension>{buffer});
    VERIFY_RESULT(m_client->call<void>("nvim_command", "sort!"));
    QCOMPARE(changes.size(), 3);
}

void tst_Neovim::signalledChanges()
{
    const Extension buffer = createBuffer();
    VERIFY_RESULT(m_client->call<bool>("nvim_buf_attach", buffer, false, QVariantMap()));
    VERIFY_RESULT(
            m_client->call<void>("nvim_buf_set_lines", buffer, 0, -1, true, QStringList{"new"}));
    // Neovim tells of changes without lines too.
    QStringList names;
    QVariantList arguments;
    for (const auto &[name, values] : qAsConst(m_notifications)) {
        names += name;
        if (name == "nvim_buf_lines_event")
            arguments = values;
    }
    QCOMPARE(names.count("nvim_buf_lines_event"), 1);
    QCOMPARE(arguments.size(), 6);
    QCOMPARE(arguments.at(0).value<Extension>(), buffer);
    QVERIFY(arguments.at(1).toInt() > 0); // b:changedtick
    QCOMPARE(arguments.mid(2), (QVariantList{0, 1, QVariantList{"new"}, false}));
}

void tst_Neovim::errors_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("message");

    const int exception = 0;
    const int validation = 1;
    QTest::newRow("unknown function") << "nvim_make_coffee" << QVariantList{} << exception
                                      << "Invalid method: nvim_make_coffee";
    QTest::newRow("unknown method")
            << "rpc" << QVariantList{1, 2} << exception << "Invalid method: rpc";
    QTest::newRow("too few") << "nvim_buf_get_lines" << QVariantList{0} << exception
                             << "Wrong number of arguments: expecting 4 but got 1";
    QTest::newRow("too many") << "nvim_get_mode" << QVariantList{0} << exception
                              << "Wrong number of arguments: expecting 0 but got 1";
    QTest::newRow("wrong type") << "nvim_buf_line_count" << QVariantList{"text"} << exception
                                << "Wrong type for argument 1 when calling nvim_buf_line_count, "
                                   "expecting Buffer";
    QTest::newRow("invalid value") << "nvim_buf_line_count" << QVariantList{12345} << validation
                                   << "Invalid buffer id: 12345";
    QTest::newRow("command") << "nvim_command" << QVariantList{"bake"} << exception
                             << "Vim:E492: Not an editor command: bake";
    QTest::newRow("lua") << "nvim_exec_lua" << QVariantList{"error('oops', 0)", QVariantList{}}
                         << exception << "Error executing lua: oops";
}

void tst_Neovim::errors()
{
    QFETCH(const QString, method);
    QFETCH(const QVariantList, arguments);
    QFETCH(const int, code);
    QFETCH(const QString, message);

    const auto reply = m_client->callWithArguments(method, arguments);
    QVERIFY(reply.waitForFinished());
    const Error error = reply.error();
    QCOMPARE(error.code(), Error::RemoteError);
    const QVariantList data = error.data().toList(); // as it came
    QCOMPARE(data.size(), 2);
    QCOMPARE(data.at(0).toInt(), code);
    // Later versions of Neovim add to the text.
    QVERIFY2(data.at(1).toString().startsWith(message), qPrintable(data.at(1).toString()));
    QCOMPARE(error.message(), data.at(1).toString());
    QVERIFY(!reply.result().isValid());

    // Nothing of that hurts the connection.
    const auto next = m_client->call<int>("nvim_eval", "1 + 1");
    VERIFY_RESULT(next);
    QCOMPARE(next.result(), 2);
}

void tst_Neovim::answersRequest()
{
    m_client->bind("join", [](const QString &a, int b, const QVariantMap &c) {
        return QVariantList{a, b, c};
    });
    const auto reply = lua("return vim.rpcrequest(..., 'join', 'text', -7, {key = {true}})");
    VERIFY_RESULT(reply);
    QCOMPARE(reply.result(),
             QVariant(QVariantList{"text", -7, QVariantMap{{"key", QVariantList{true}}}}));

    // Not at the same time: Neovim would ask the second before it has read the answer to the first,
    // and close the connection because of that answer (see outOfOrder).
    for (int i = 0; i < 100; ++i) {
        const auto each =
                lua(QString("return vim.rpcrequest(..., 'join', '', %1, {a = 1})[2]").arg(i));
        VERIFY_RESULT(each);
        QCOMPARE(each.result().toInt(), i);
    }
}

void tst_Neovim::failsRequest()
{
    m_client->bind("fail", [](int) -> int { throw MsgpackRpc::ErrorException("no such cup"); });
    const auto error = [this](const QString &request) {
        const auto reply =
                lua(QString("local ok, text = pcall(vim.rpcrequest, ..., %1); return {ok, text}")
                            .arg(request));
        reply.waitForFinished();
        const QVariantList result = reply.result().toList();
        return result.value(0) == QVariant(false) ? result.value(1).toString() : QString();
    };
    QVERIFY2(error("'fail', 1").contains("no such cup"), qPrintable(error("'fail', 1")));
    QVERIFY2(error("'fail', 'x'").contains("fail"), qPrintable(error("'fail', 'x'")));
    QVERIFY2(error("'bake'").contains("method `bake' is not accepted"),
             qPrintable(error("'bake'")));
}

// Neovim accepts answers in last-in-first-out order only. Served methods that wait, each in an
// event loop within the one of the other, give them in that order.
void tst_Neovim::nestedEventLoops()
{
    QStringList events;
    m_client->bind("outer", [this, &events](int value) {
        events += "outer begins";
        const auto reply = lua("return 1 + vim.rpcrequest(..., 'inner', 1)");
        reply.waitForFinished();
        events += "outer ends";
        return value + reply.result().toInt();
    });
    m_client->bind("inner", [this, &events](int value) {
        events += "inner begins";
        const auto reply = m_client->call<int>("nvim_eval", "20 + 20");
        reply.waitForFinished();
        events += "inner ends";
        return value + reply.result();
    });
    const auto reply = lua("return 1000 * vim.rpcrequest(..., 'outer', 100)");
    VERIFY_RESULT(reply);
    QCOMPARE(reply.result().toInt(), 1000 * (100 + (1 + (1 + 40))));
    QCOMPARE(events, QStringList({"outer begins", "inner begins", "inner ends", "outer ends"}));

    const auto next = m_client->call<int>("nvim_eval", "1");
    VERIFY_RESULT(next);
}

void tst_Neovim::nestedFutures()
{
    int depth = 0;
    int deepest = 0;
    m_client->bind("factorial", [&](int n) {
        deepest = qMax(deepest, ++depth);
        const auto lower =
                n < 2 ? m_client->call<int>("nvim_eval", "1")
                      : m_client->call<int>("nvim_exec_lua",
                                            "local channel, n = ...; "
                                            "return vim.rpcrequest(channel, 'factorial', n)",
                                            QVariantList{m_channel, n - 1});
        return lower
                .then(this,
                      [&depth, n](int result) {
                          --depth;
                          return n * result;
                      })
                .toFuture();
    });
    const auto reply = lua("return vim.rpcrequest(..., 'factorial', 10)");
    VERIFY_RESULT(reply);
    QCOMPARE(reply.result().toInt(), 3628800);
    QCOMPARE(deepest, 10);
    QCOMPARE(depth, 0);
}

// An answer out of order: Neovim closes the connection. Nothing hangs, and the next call connects
// again.
void tst_Neovim::outOfOrder()
{
    QList<Responder> requests;
    m_client->bind("ask", [&requests](Responder responder) { requests += responder; });
    const auto first = lua("return vim.rpcrequest(..., 'ask')");
    QTRY_COMPARE(requests.size(), 1);
    const auto second = lua("return vim.rpcrequest(..., 'ask')");
    QTRY_COMPARE(requests.size(), 2);
    requests.at(0).result(1);
    QVERIFY(first.waitForFinished());
    QVERIFY(second.waitForFinished());
    QCOMPARE(first.error().code(), Error::ConnectionLost);
    QCOMPARE(second.error().code(), Error::ConnectionLost);
    QVERIFY(requests.at(1).isCanceled());

    VERIFY_RESULT(m_client->call<int>("nvim_eval", "1"));
}

void tst_Neovim::killed()
{
    bool asleep = false;
    m_client->bind("asleep", [&asleep] { asleep = true; });
    m_errors.clear();
    const auto collect = [this](const Error &error) { m_errors += error; };
    // From now on Neovim does nothing but sleep.
    lua("vim.rpcnotify(..., 'asleep'); vim.loop.sleep(60000)").onError(this, collect);
    QTRY_VERIFY(asleep);
    QList<PendingReply<int>> replies;
    for (int i = 0; i < 100; ++i)
        replies += m_client->call<int>("nvim_eval", "1").onError(this, collect);
    QTRY_COMPARE(m_client->bytesToWrite(), 0);
    QCOMPARE(m_client->pendingCalls(), 101);
    QVERIFY(m_errors.isEmpty());

    QSignalSpy failures(m_client.get(), &Client::errorOccurred);
    m_nvim->kill();
    QTRY_COMPARE(m_errors.size(), 101);
    for (const Error &error : qAsConst(m_errors))
        QCOMPARE(error.code(), Error::ConnectionLost);
    for (const auto &reply : qAsConst(replies))
        QVERIFY(reply.isFinished());
    QTRY_COMPARE(failures.size(), 1);
    QCOMPARE(failures.at(0).at(0).value<Error>().code(), Error::ConnectionLost);
    QCOMPARE(m_client->pendingCalls(), 0);
    QCOMPARE(m_client->state(), Client::Unconnected);
    QCOMPARE(m_errors.size(), 101);
}

void tst_Neovim::killedWhileAsking()
{
    QList<Responder> requests;
    m_client->bind("ask", [&requests](Responder responder) { requests += responder; });
    const auto reply = lua("return vim.rpcrequest(..., 'ask')");
    QTRY_COMPARE(requests.size(), 1);
    QCOMPARE(m_client->requestsInWork(), 1);
    MsgpackRpc::ResponderWatcher watcher(requests.constFirst());
    QSignalSpy canceled(&watcher, &MsgpackRpc::ResponderWatcher::canceled);
    QVERIFY(!requests.constFirst().isCanceled());

    m_nvim->kill();
    QVERIFY(reply.waitForFinished());
    QCOMPARE(reply.error().code(), Error::ConnectionLost);
    QTRY_COMPARE(canceled.size(), 1);
    QVERIFY(requests.constFirst().isCanceled());
    QCOMPARE(m_client->requestsInWork(), 0);

    // A late answer goes nowhere: Neovim would close the connection because of it.
    QVERIFY(m_nvim->start());
    const auto next = m_client->call<int>("nvim_eval", "40 + 2");
    requests.constFirst().result(1);
    VERIFY_RESULT(next);
    QCOMPARE(next.result(), 42);
    VERIFY_RESULT(m_client->call<int>("nvim_eval", "1"));
}

void tst_Neovim::restarted()
{
    int changes = 0;
    m_client->bind("nvim_buf_lines_event", [&changes](const Extension &, const QVariant &, int, int,
                                                      const QStringList &, bool) { ++changes; });
    QSignalSpy states(m_client.get(), &Client::stateChanged);
    for (int i = 0; i < 3; ++i) {
        m_nvim->kill();
        QTRY_COMPARE(m_client->state(), Client::Unconnected);
        QVERIFY(m_nvim->start());
        const auto next = m_client->call<int>("nvim_eval", "40 + 2"); // no setting up again
        VERIFY_RESULT(next);
        QCOMPARE(next.result(), 42);
        QCOMPARE(m_client->state(), Client::Connected);

        const Extension buffer = createBuffer();
        VERIFY_RESULT(m_client->call<bool>("nvim_buf_attach", buffer, true, QVariantMap()));
        QTRY_COMPARE(changes, i + 1);
    }
    QTRY_COMPARE(states.size(), 9);
    QCOMPARE(states.at(0).at(0).value<Client::State>(), Client::Unconnected);
    QCOMPARE(states.at(1).at(0).value<Client::State>(), Client::Connecting);
    QCOMPARE(states.at(2).at(0).value<Client::State>(), Client::Connected);
}

void tst_Neovim::staleAnswer_data()
{
    QTest::addColumn<int>("megabytes");
    QTest::newRow("more than sockets hold") << 12;
    // A peer that does not read this much is not read from until it does.
    QTest::newRow("more than an eighth of Limits::queuedBytes") << 32;
}

// An answer that waited to be sent when the connection was lost is not sent to the next Neovim,
// which never asked.
void tst_Neovim::staleAnswer()
{
    QFETCH(const int, megabytes);
    bool asleep = false;
    QList<Responder> requests;
    m_client->bind("asleep", [&asleep] { asleep = true; });
    m_client->bind("ask", [&requests](Responder responder) { requests += responder; });
    const auto first = lua("return vim.rpcrequest(..., 'ask')");
    QTRY_COMPARE(requests.size(), 1);
    const auto second = lua("vim.rpcnotify(..., 'asleep'); vim.loop.sleep(60000)");
    QTRY_VERIFY(asleep);
    m_client->notify("nvim_set_var", "large", QByteArray(megabytes * 1024 * 1024, 'x'));
    requests.constFirst().result(1); // goes behind that
    QVERIFY(m_client->bytesToWrite() > 0);
    QSignalSpy states(m_client.get(), &Client::stateChanged);

    m_nvim->kill();
    QVERIFY(first.waitForFinished());
    QVERIFY(second.waitForFinished());
    QCOMPARE(first.error().code(), Error::ConnectionLost);
    QCOMPARE(second.error().code(), Error::ConnectionLost);
    QCOMPARE(m_client->bytesToWrite(), 0);
    QTRY_COMPARE(states.size(), 1);
    QCOMPARE(states.at(0).at(0).value<Client::State>(), Client::Unconnected);
    QVERIFY(m_nvim->start());
    VERIFY_RESULT(m_client->call<int>("nvim_eval", "1"));
    VERIFY_RESULT(m_client->call<int>("nvim_eval", "1"));
}

QTEST_GUILESS_MAIN(tst_Neovim)

#include "tst_neovim.moc"
