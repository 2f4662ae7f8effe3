// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/pendingcallwatcher.h>
#include <MsgpackRpc/serving.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QProcess>
#include <QtCore/QProcessEnvironment>
#include <QtCore/QStringList>
#include <QtCore/QUrl>
#include <QtCore/QVariant>

#include <memory>

namespace MsgpackRpc {

class ClientPrivate;

/// A Session that is made by a program of its own accord, and what it serves to the other side.
///
/// \code
/// MsgpackRpc::Client client(QUrl("tcp://127.0.0.1:18800"));
/// client.call<int>("add", 1, 2).then(this, [](int sum) { … });
/// \endcode
/// The other side can call and notify what is given to bind() and serve(), over the same connection.
class MSGPACKRPC_EXPORT Client : public Session, public Serving<Client>
{
    Q_OBJECT

public:
    /// A client without a URL: set one before calling.
    explicit Client(QObject *parent = nullptr);
    /// A client of the server at \a url. It connects with the first call, or with open().
    explicit Client(const QUrl &url, QObject *parent = nullptr);
    ~Client() override;

    /// Starts \a program, which is looked for in the PATH, and talks to it over its standard streams: what it serves there
    /// can be called, and it can call what is served here. In place of a URL, until setUrl() is called; what there was
    /// before is closed, as by close(). No URL starts a program.
    /// \code
    /// client.startProcess("nvim", {"--embed", "--headless"});
    /// client.call<QStringList>("nvim_list_bufs")
    /// \endcode
    /// It is started from the event loop, in \a workingDirectory (empty: that of this program) with \a environment
    /// (default: that of this program). If it cannot be started, calls end with NotConnectable, which says why. When the
    /// program ends, open calls end with ConnectionLost, which tells its exit code, or that it has crashed, and the last line
    /// that it has written to its standard error; never its arguments and environment. It is started again when something
    /// is to be sent, or as reconnect() says.
    ///
    /// close() and the destructor end it: its standard input is closed, after half of Limits::closeTime it is asked to
    /// end (QProcess::terminate()), after another quarter it is killed. While an event loop runs nobody waits for that,
    /// otherwise these functions do. As with setDevice() there is one connection only.
    void startProcess(const QString &program, const QStringList &arguments = {},
                      const QString &workingDirectory = {},
                      const QProcessEnvironment &environment =
                              QProcessEnvironment(QProcessEnvironment::InheritFromParent));

    /// What the other side may call: what serve() and bind() add to.
    ObjectDispatcher &objectDispatcher();

Q_SIGNALS:
    /// The other side has notified a method that is not bound or served here. Integer methods come as their digits.
    void notificationReceived(const QString &method, const QVariantList &arguments);
    /// The program of startProcess() has ended: by itself, or because of close(). With QProcess::CrashExit \a exitCode is
    /// of no use.
    void processFinished(int exitCode, QProcess::ExitStatus status);
    /// The program of startProcess() has written \a text to its standard error; at most 64 KiB or so at a time, and not
    /// always whole lines. If nobody is connected it goes to the standard error of this program.
    void processErrorOutput(const QByteArray &text);

private:
    bool handleUnknown(IncomingCall &call);
    std::unique_ptr<ClientPrivate> d;
};

} // namespace MsgpackRpc
