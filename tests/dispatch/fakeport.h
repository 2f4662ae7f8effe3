// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session/responder_p.h"

#include <MsgpackRpc/dispatcher.h>
#include <MsgpackRpc/methodname.h>
#include <MsgpackRpc/objectdispatcher.h>

#include <QtCore/QHash>
#include <QtCore/QMutex>

#include <memory>

namespace DispatchTest {

using namespace MsgpackRpc;

/// What a call was answered with.
struct Outcome
{
    int answers = 0; // how often
    bool isError = false;
    QVariant value; // of the result or of the error

    friend bool operator==(const Outcome &a, const Outcome &b)
    {
        return a.answers == b.answers && a.isError == b.isError && a.value == b.value;
    }
};

inline char *toString(const Outcome &outcome)
{
    const QString kind = outcome.answers == 0 ? "no answer"
                         : outcome.isError    ? "error "
                                              : "result ";
    return qstrdup(qPrintable(kind + outcome.value.toString()));
}

/// The answers of a port and of its responders, from all threads.
class AnswerLog
{
public:
    void add(quint32 msgid, bool isError, const QVariant &value)
    {
        const QMutexLocker lock(&m_mutex);
        Outcome &outcome = m_outcomes[msgid];
        ++outcome.answers;
        outcome.isError = isError;
        outcome.value = value;
        m_order += msgid;
    }
    void addWritten(quint32 msgid, const Writer &writer)
    {
        if (writer.hasFailed())
            return add(msgid, true, QString("the result cannot be sent: " + writer.failure()));
        const QByteArray bytes = writer.bytes();
        Reader reader(bytes);
        QVariant value;
        if (Codec<QVariant>::read(reader, value) && reader.atEnd())
            add(msgid, false, value);
        else
            add(msgid, true, QString("not one value"));
    }
    Outcome outcome(quint32 msgid) const
    {
        const QMutexLocker lock(&m_mutex);
        return m_outcomes.value(msgid);
    }
    QList<quint32> order() const
    {
        const QMutexLocker lock(&m_mutex);
        return m_order;
    }

private:
    mutable QMutex m_mutex;
    QHash<quint32, Outcome> m_outcomes;
    QList<quint32> m_order;
};

/// A responder that writes to the log.
class FakeResponder final : public Detail::ResponderState
{
public:
    FakeResponder(std::shared_ptr<AnswerLog> log, quint32 msgid)
        : m_log(std::move(log)), m_msgid(msgid)
    {
    }
    ~FakeResponder() override { fail("the method ended without an answer"); }
    bool answer(const std::function<void(Writer &)> &write) override
    {
        if (!begin())
            return false;
        Writer writer;
        write(writer);
        m_log->addWritten(m_msgid, writer);
        return true;
    }
    bool fail(const QVariant &error) override
    {
        if (!begin())
            return false;
        m_log->add(m_msgid, true, error);
        return true;
    }
    bool isAnswered() const override
    {
        const QMutexLocker lock(&m_mutex);
        return m_isAnswered;
    }
    bool isCanceled() const override { return false; }
    void onCanceled(std::function<void()>) override {}

private:
    bool begin()
    {
        const QMutexLocker lock(&m_mutex);
        return !std::exchange(m_isAnswered, true);
    }
    const std::shared_ptr<AnswerLog> m_log;
    const quint32 m_msgid;
    mutable QMutex m_mutex;
    bool m_isAnswered = false;
};

/// The session's side of a call, without a session.
class FakePort final : public Detail::AnswerPort
{
public:
    ~FakePort() = default;
    Writer *beginAnswer(quint32) override
    {
        m_writer.clear();
        m_writer.clearFailure();
        return isClosed ? nullptr : &m_writer;
    }
    void commitAnswer(quint32 msgid) override { log->addWritten(msgid, m_writer); }
    void rollbackAnswer() override { m_writer.clear(); }
    void answerError(quint32 msgid, const QVariant &error) override
    {
        log->add(msgid, true, error);
    }
    Responder makeResponder(quint32 msgid) override
    {
        return Responder(std::make_shared<FakeResponder>(log, msgid));
    }
    Session *session() const override { return nullptr; }
    SessionHandle handle() override { return anchor; }
    bool isOpen() const override { return !isClosed; }

    std::shared_ptr<AnswerLog> log = std::make_shared<AnswerLog>();
    SessionHandle anchor;
    bool isClosed = false;

private:
    Writer m_writer;
};

/// A dispatcher with a caller.
class Harness
{
public:
    /// Calls, and returns the msgid.
    template<typename Method, typename... Args>
    quint32 send(const Method &method, const Args &...args)
    {
        const quint32 msgid = ++m_msgid;
        dispatch(method, msgid, false, args...);
        return msgid;
    }
    /// Calls, and returns what the answer is when the call returns.
    template<typename Method, typename... Args>
    Outcome call(const Method &method, const Args &...args)
    {
        return outcome(send(method, args...));
    }
    template<typename Method, typename... Args>
    void notify(const Method &method, const Args &...args)
    {
        dispatch(method, 0, true, args...);
    }
    Outcome outcome(quint32 msgid) const { return port.log->outcome(msgid); }
    QList<quint32> order() const { return port.log->order(); }
    ObjectDispatcher &operator*() { return *dispatcher; }
    ObjectDispatcher *operator->() { return dispatcher.get(); }

    FakePort port;
    std::unique_ptr<ObjectDispatcher> dispatcher = std::make_unique<ObjectDispatcher>();

private:
    template<typename Method, typename... Args>
    void dispatch(const Method &method, quint32 msgid, bool isNotification, const Args &...args)
    {
        Writer writer;
        writer.writeArray(sizeof...(Args));
        (Codec<std::decay_t<const Args &>>::write(writer, args), ...);
        QByteArray frame = writer.bytes();
        const Detail::MethodName name(method);
        IncomingCall call(&port, name.name(), name.number(), name.isNumber(), frame, &frame, msgid,
                          isNotification);
        dispatcher->dispatch(call);
    }

    quint32 m_msgid = 0;
};

inline Outcome result(const QVariant &value)
{
    return {1, false, value};
}

inline Outcome error(const QString &text)
{
    return {1, true, text};
}

inline Outcome notAccepted(const QString &method)
{
    return error("method `" + method + "' is not accepted");
}

} // namespace DispatchTest
