// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rawvalue.h"

#include <MsgpackRpc/Client>

#include <QtCore/QDeadlineTimer>
#include <QtNetwork/QSslConfiguration>

namespace Conformance {

/// What is to be tested, and how.
struct Settings
{
    QUrl url;
    QStringList program; ///< with its arguments: a child to be started, in place of the URL
    QSslConfiguration tls = QSslConfiguration::defaultConfiguration(); ///< for a URL of tls://
    MsgpackRpc::TransportOption option;
    MsgpackRpc::WireFormat format = MsgpackRpc::WireFormat::Modern;
    bool integerMethods = true;
    bool options = true;
    bool isCluster = false;
    /// For each call; the longest that a case may take is a few of it.
    std::chrono::milliseconds timeout{10'000};
};

/// Thrown by a case that fails.
struct Failure
{
    QString why;
};

/// Thrown by a case that does not apply.
struct Skipped
{
    QString why;
};

/// One run of one case: a client of its own, and the time that is left.
class Run
{
public:
    explicit Run(const Settings &settings);

    const Settings &settings() const { return m_settings; }
    MsgpackRpc::Client &client() { return *m_client; }
    /// A further client with the same settings.
    std::unique_ptr<MsgpackRpc::Client> newClient() const;
    /// How often client() has lost its connection.
    int losses() const { return m_losses; }
    /// The time that is left to the case.
    std::chrono::milliseconds remaining() const
    {
        return std::chrono::milliseconds(m_deadline.remainingTime());
    }

    /// Fails the case unless \a condition holds.
    void check(bool condition, const QString &why) const
    {
        if (!condition)
            throw Failure{why};
    }
    /// The result of \a reply, called \a what in messages.
    template<typename T>
    T result(const MsgpackRpc::PendingReply<T> &reply, const QString &what) const
    {
        waitFor(reply, what);
        if (const MsgpackRpc::Error error = reply.error())
            throw Failure{QStringLiteral("%1: %2").arg(what, text(error))};
        return reply.result();
    }
    /// The error that \a reply must end with, and which must have come from the other side.
    MsgpackRpc::Error remoteError(const MsgpackRpc::PendingCall &reply, const QString &what) const;
    /// Waits until \a reply is finished.
    void waitFor(const MsgpackRpc::PendingCall &reply, const QString &what) const;

    /// Checks that \a value comes back from `echo`, over \a target.
    template<typename T, typename Target>
    void echoOver(Target &&target, const T &value) const
    {
        const RawValue sent = RawValue::of(value, m_settings.format);
        const QString what = QStringLiteral("echo of %1").arg(describe(sent));
        needRoom(sent.bytes.size());
        const auto got = result(target.template call<RawValue>("echo", sent), what);
        const QString wrong =
                difference(sent, got, m_settings.format == MsgpackRpc::WireFormat::Compatibility);
        check(wrong.isEmpty(), QStringLiteral("%1: %2").arg(what, wrong));
    }
    template<typename T>
    void echo(const T &value)
    {
        echoOver(*m_client, value);
    }
    /// Checks that a call works, over the connection that there was.
    void checkAlive(const QString &after);
    /// Throws Skipped in the format without bin and ext.
    void needModern(const QString &what) const;
    /// Throws Skipped if OPTION must not be sent.
    void needOptions() const;
    /// Throws Skipped if so many bytes do not go into one message: over UDP it is a datagram.
    void needRoom(qsizetype bytes) const;
    /// Throws Skipped if each client has a server of its own.
    void needOneServer() const;
    /// Throws Skipped if the server is no node of a cluster.
    void needCluster() const;

private:
    static QString text(const MsgpackRpc::Error &error);

    const Settings &m_settings;
    QDeadlineTimer m_deadline;
    std::unique_ptr<MsgpackRpc::Client> m_client;
    int m_losses = 0;
};

/// Something that a server must do.
struct Case
{
    const char *name;
    const char *what;
    void (*run)(Run &);
};

QList<Case> echoCases();
QList<Case> callCases();
QList<Case> optionCases();
QList<Case> clusterCases();
QList<Case> wireCases();

} // namespace Conformance
