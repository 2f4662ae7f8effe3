// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/error.h>
#include <MsgpackRpc/responder.h>
#include <MsgpackRpc/sessionhandle.h>

#include <QtCore/QByteArrayView>

#include <memory>

QT_BEGIN_NAMESPACE
class QSslCertificate;
QT_END_NAMESPACE

namespace MsgpackRpc {

class Session;

namespace Detail {

struct NotificationLog;

/// What an IncomingCall answers through: the session's side of it.
class MSGPACKRPC_EXPORT AnswerPort
{
public:
    /// Begins the answer `[1, msgid, nil, …`; null if the peer is gone. The result is to be written, then
    /// commitAnswer().
    virtual Writer *beginAnswer(quint32 msgid) = 0;
    /// Ends the answer. If the result could not be written, the answer is an error instead.
    virtual void commitAnswer(quint32 msgid) = 0;
    /// Takes a begun answer back.
    virtual void rollbackAnswer() = 0;
    /// Answers `[1, msgid, error, nil]`.
    virtual void answerError(quint32 msgid, const QVariant &error) = 0;
    /// A responder that will answer.
    virtual Responder makeResponder(quint32 msgid) = 0;
    /// What is work of the session's until it is destroyed, in any thread: a notification that is handled later.
    virtual std::shared_ptr<void> beginWork();
    /// The session.
    virtual Session *session() const = 0;
    /// A handle on the session.
    virtual SessionHandle handle() = 0;
    /// False once the session has been deleted or has lost this connection.
    virtual bool isOpen() const = 0;
    /// How failures of the peer's notifications are logged.
    virtual NotificationLog notificationLog() const;
    /// The certificate by which the peer is known; null if by none.
    virtual QSslCertificate peerCertificate() const;

protected:
    AnswerPort() = default;
    ~AnswerPort() = default;
};

} // namespace Detail

/// A request or notification that has arrived: what a Dispatcher is given. Lives on the stack for as long as
/// Dispatcher::dispatch() runs, and answers at most once; responder() takes the answer over for later.
///
/// Method and arguments point into the connection's buffer, which is left alone for as long as this lives, whatever event
/// loops run meanwhile.
class MSGPACKRPC_EXPORT IncomingCall
{
public:
    /// Internal.
    IncomingCall(Detail::AnswerPort *port, QByteArrayView method, qint64 number, bool isNumber,
                 QByteArrayView params, QByteArray *frame, quint32 msgid,
                 bool isNotification) noexcept
        : m_port(port),
          m_method(method),
          m_params(params),
          m_frame(frame),
          m_number(number),
          m_msgid(msgid),
          m_isNumber(isNumber),
          m_isNotification(isNotification)
    {
    }

    /// The method's name as it came, usually UTF-8; empty for a number.
    QByteArrayView method() const noexcept { return m_method; }
    /// The method's number.
    qint64 number() const noexcept { return m_number; }
    /// True if the method is an integer.
    bool isNumber() const noexcept { return m_isNumber; }
    /// The method for people: its name, or its number.
    QString methodText() const;
    /// True if no answer is wanted: then answers are dropped.
    bool isNotification() const noexcept { return m_isNotification; }
    /// The arguments: an array.
    Reader arguments() const noexcept { return Reader(m_params, m_frame); }
    /// The arguments as MessagePack, for those who pass them on.
    QByteArrayView rawArguments() const noexcept { return m_params; }
    /// The session that it came by; null once that has been deleted.
    Session *session() const { return m_port->isOpen() ? m_port->session() : nullptr; }
    /// A handle on that session.
    SessionHandle sessionHandle() const
    {
        return m_port->isOpen() ? m_port->handle() : SessionHandle();
    }

    /// The verified certificate of the peer that it came from; null if it has shown none, or is gone.
    QSslCertificate peerCertificate() const;

    /// Answers with \a value.
    template<typename T>
    void reply(const T &value)
    {
        if (Writer *writer = beginReply()) {
            Detail::writeValues(*writer, value);
            commitReply();
        }
    }
    /// Answers with nil.
    void reply()
    {
        if (Writer *writer = beginReply()) {
            writer->writeNil();
            commitReply();
        }
    }
    /// Answers with whatever is written to the result, which may be null; then commitReply() must follow at once.
    Writer *beginReply();
    /// Ends what beginReply() began.
    void commitReply();
    /// Answers with the error text \a text; for a notification, logs it.
    void fail(const QString &text) { fail(QVariant(text)); }
    /// Answers with any error value. nil and false would be no error (doc/protocol, "Errors") and are sent as text.
    void fail(const QVariant &error);
    /// Answers with data() of \a error if there is one, otherwise its message.
    void fail(const Error &error);
    /// The text for a method that is unknown or not exposed: ``method `x' is not accepted``.
    void failNotAccepted();
    /// Takes the answer over: from now on only the responder answers. For a notification it does nothing.
    Responder responder();
    /// Internal: where to tell that a notification has failed.
    Detail::NotificationLog notificationLog() const;
    /// For a notification that is handled later: counts as work until what this returns is destroyed, in any thread. A
    /// peer that has Limits::requestsInWork in work is not read from. For a request it does nothing: its responder counts.
    std::shared_ptr<void> work();
    /// True once answered or taken over.
    bool isAnswered() const noexcept { return m_answered; }

private:
    Detail::AnswerPort *m_port;
    QByteArrayView m_method;
    QByteArrayView m_params;
    QByteArray *m_frame;
    qint64 m_number;
    quint32 m_msgid;
    bool m_isNumber;
    bool m_isNotification;
    bool m_answered = false;

    Q_DISABLE_COPY_MOVE(IncomingCall)
};

/// Decides what happens to the requests and notifications of a session. Must outlive the sessions that use it.
class MSGPACKRPC_EXPORT Dispatcher
{
public:
    virtual ~Dispatcher();
    /// Handles \a call, in the session's thread. What is neither answered nor taken over when this returns is answered
    /// with an error. May run an event loop, and may delete the session.
    virtual void dispatch(IncomingCall &call) = 0;

protected:
    Dispatcher() = default;
    Q_DISABLE_COPY_MOVE(Dispatcher)
};

/// Accepts nothing: the dispatcher of a session that serves nothing.
class MSGPACKRPC_EXPORT NullDispatcher : public Dispatcher
{
public:
    NullDispatcher() = default;
    ~NullDispatcher() override;
    /// Answers that the method is not accepted.
    void dispatch(IncomingCall &call) override;
};

} // namespace MsgpackRpc
