// SPDX-License-Identifier: Apache-2.0

// Starts Neovim, edits in it, watches it, and answers what it asks. Usage: neovim_tour
#include "api.h"

#include <MsgpackRpc/Client>
#include <MsgpackRpc/Coroutine>
#include <MsgpackRpc/Extension>

#include <QtCore/QCoreApplication>
#include <QtCore/QTextStream>

using MsgpackRpc::Client;
using MsgpackRpc::ErrorException;
using MsgpackRpc::Extension;
using MsgpackRpc::PendingReply;
using MsgpackRpc::Task;

namespace {

void print(const QString &text)
{
    QTextStream(stdout) << text << Qt::endl;
}

void printStep(const QString &step)
{
    static int number = 0;
    print(QStringLiteral("%1. %2").arg(++number).arg(step));
}

void printResult(const QString &result)
{
    print(QStringLiteral("   ") + result);
}

QString quoted(const QStringList &lines)
{
    return QStringLiteral("\"%1\"").arg(lines.join(QStringLiteral("\", \"")));
}

class Tour : public QObject
{
    Q_OBJECT

public:
    Tour()
    {
        // A child of ours, without a terminal, which is called over its standard streams.
        m_nvim.startProcess(QStringLiteral("nvim"),
                            {QStringLiteral("--embed"), QStringLiteral("--headless"),
                             QStringLiteral("--clean")});
        connect(&m_nvim, &Client::processFinished, this, [this] { Q_EMIT done(m_status); });

        // What Neovim may call, and what becomes of its other notifications.
        m_nvim.bind("nvim_buf_lines_event", this, &Tour::showChange);
        m_nvim.bind("double", this, &Tour::twice);
        connect(&m_nvim, &Client::notificationReceived, this, [](const QString &method) {
            printResult(QStringLiteral("we are told ") + method);
        });
    }

    Task<> run()
    {
        try {
            const int channel = co_await describe();
            const Extension buffer = co_await edit();
            co_await watch(buffer);
            co_await answer(channel);
            co_await fail(buffer);
        } catch (const ErrorException &e) {
            printResult(QStringLiteral("failed: ") + e.error().message());
            m_status = 1;
        }
        if (m_nvim.state() == Client::Connected)
            m_nvim.notify("nvim_command", "qa!"); // it ends, and so does the tour
        else
            Q_EMIT done(m_status);
    }

Q_SIGNALS:
    void done(int status);

private:
    // Neovim describes its whole API in one large, nested answer, which is read into types of ours.
    Task<int> describe()
    {
        printStep(QStringLiteral("What can you do?"));
        const auto [channel, api] =
                co_await m_nvim.call<std::pair<int, Api>>("nvim_get_api_info").inContext(this);
        const ApiVersion version = api.version;
        printResult(QStringLiteral("Neovim %1.%2.%3, API level %4, %5 functions; we are channel %6")
                            .arg(version.majorNumber)
                            .arg(version.minorNumber)
                            .arg(version.patchNumber)
                            .arg(version.level)
                            .arg(api.functions.size())
                            .arg(channel));
        co_return channel;
    }

    // A buffer is a handle: an extension value that is Neovim's business, and goes back as it came.
    Task<Extension> edit()
    {
        printStep(QStringLiteral("Edit a new buffer"));
        const auto buffer =
                co_await m_nvim.call<Extension>("nvim_create_buf", true, false).inContext(this);
        printResult(QStringLiteral("its handle is an extension of type %1: 0x%2")
                            .arg(buffer.type)
                            .arg(QLatin1String(buffer.data.toHex())));

        const QStringList lines{QStringLiteral("one"), QStringLiteral("two"),
                                QStringLiteral("three")};
        co_await m_nvim.call<void>("nvim_buf_set_lines", buffer, 0, -1, true, lines)
                .inContext(this);
        const auto last =
                co_await m_nvim.call<QStringList>("nvim_buf_get_lines", buffer, -3, -1, true)
                        .inContext(this);
        printResult(QStringLiteral("its last two lines: %1").arg(quoted(last)));
        co_return buffer;
    }

    // From now on Neovim notifies us of changes, whoever makes them.
    Task<> watch(Extension buffer)
    {
        printStep(QStringLiteral("Watch the buffer, while Neovim sorts it and adds a line"));
        co_await m_nvim.call<bool>("nvim_buf_attach", buffer, false, QVariantMap()).inContext(this);
        co_await m_nvim.call<void>("nvim_set_current_buf", buffer).inContext(this);
        co_await m_nvim.call<void>("nvim_command", "sort").inContext(this);
        co_await m_nvim.call<void>("nvim_command", "normal! Gofour").inContext(this);
        co_await m_nvim.call<bool>("nvim_buf_detach", buffer).inContext(this);
    }

    void showChange(const Extension &, const QVariant &, int first, int last,
                    const QStringList &lines, bool)
    {
        printResult(QStringLiteral("lines %1 to %2 are now: %3")
                            .arg(first)
                            .arg(last)
                            .arg(quoted(lines)));
    }

    // While a call of ours is open, Neovim calls us; while that is open, we call Neovim. The
    // answers go back in the opposite order, which Neovim insists on.
    Task<> answer(int channel)
    {
        printStep(QStringLiteral("Run Lua code that asks us for double(21)"));
        const QVariantList arguments{channel}; // by name: GCC 12 fails on a list in a co_await
        const auto result =
                co_await m_nvim
                        .call<int>("nvim_exec_lua", "return vim.rpcrequest(..., 'double', 21)",
                                   arguments)
                        .inContext(this);
        printResult(QStringLiteral("the Lua code returns %1").arg(result));
    }

    QFuture<int> twice(int number)
    {
        printResult(QStringLiteral("Neovim asks for double(%1); we ask Neovim back").arg(number));
        return m_nvim.call<int>("nvim_eval", QStringLiteral("%1 + %1").arg(number))
                .then(this,
                      [](int sum) {
                          printResult(QStringLiteral("Neovim says %1; we answer that").arg(sum));
                          return sum;
                      })
                .toFuture();
    }

    Task<> fail(Extension buffer)
    {
        printStep(QStringLiteral("What does not work, Neovim says clearly"));
        co_await showError(m_nvim.call("nvim_make_coffee"));
        co_await showError(m_nvim.call("nvim_buf_get_lines", "not a buffer", 0, -1, true));
        co_await showError(m_nvim.call("nvim_buf_get_lines", buffer));
        co_await showError(m_nvim.call("nvim_command", "bake a cake"));
    }

    // Neovim's errors are [code, text]: message() is the text, data() is both.
    Task<> showError(PendingReply<QVariant> reply)
    {
        try {
            co_await reply.inContext(this);
        } catch (const ErrorException &e) {
            const QVariant code = e.error().data().toList().value(0);
            printResult(QStringLiteral("%1 (code %2)").arg(e.error().message(), code.toString()));
        }
    }

    Client m_nvim;
    int m_status = 0;
};

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    Tour tour;
    QObject::connect(&tour, &Tour::done, &app, &QCoreApplication::exit, Qt::QueuedConnection);
    tour.run();
    return app.exec();
}

#include "main.moc"
