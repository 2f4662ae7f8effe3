// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock_p.h"
#include "base/threadcheck_p.h"
#include "session/calltable_p.h"
#include "session/responder_p.h"
#include "session/workelsewhere_p.h"
#include "transport/transport_p.h"

#include <MsgpackRpc/counters.h>
#include <MsgpackRpc/dispatcher.h>
#include <MsgpackRpc/session.h>

#include <QtCore/QMutex>
#include <QtCore/QPointer>

#include <array>
#include <functional>
#include <memory>
#include <unordered_map>

namespace MsgpackRpc {

class SessionResponder;

namespace Detail {

/// What SessionHandles share: the way to a session, for as long as there is one, from any thread.
class SessionAnchor
{
public:
    explicit SessionAnchor(Session *session) : m_session(session) {}

    /// Runs \a function in the session's thread, from its event loop, unless the session is gone before. False if it is
    /// gone already.
    bool post(std::function<void()> function);
    /// The session, if it lives in the current thread.
    Session *local() const;
    /// True while the session lives.
    bool isAlive() const;
    /// The session is about to end.
    void clear();
    WireFormat format() const noexcept { return m_format.load(std::memory_order_relaxed); }
    void setFormat(WireFormat format) noexcept
    {
        m_format.store(format, std::memory_order_relaxed);
    }

private:
    mutable QMutex m_mutex;
    Session *m_session;
    std::atomic<WireFormat> m_format{WireFormat::Modern};
};

} // namespace Detail

/// Decides to which session the calls of an accepted connection belong (doc/protocol, "Cluster").
class SessionBinder
{
public:
    /// Called with the first message on the connection of \a accepted: \a claimed is the address if it is a SESSION
    /// message. Returns the session that its calls belong to; \a accepted itself if it is none other's, and null if the
    /// connection is to be closed because of what \a refusal then says.
    virtual Session *bind(Session *accepted, const std::optional<Address> &claimed,
                          QString *refusal) = 0;

protected:
    SessionBinder() = default;
    ~SessionBinder() = default;
    Q_DISABLE_COPY_MOVE(SessionBinder)
};

/// Who gets what the peer of an accepted session sends, until it is let in.
class SessionGate
{
public:
    /// A message of the peer of \a session, which may be deleted.
    virtual void messageReceived(Session *session, const Message &message) = 0;

protected:
    SessionGate() = default;
    ~SessionGate() = default;
    Q_DISABLE_COPY_MOVE(SessionGate)
};

/// What a session is made of. Everything runs in the session's thread. sessionprivate.cpp has how it begins and ends and what
/// it has, sessioncalls.cpp the calls that it makes, sessionreceive.cpp what its peer sends, sessionreading.cpp
/// when that is read, and sessionstate.cpp what its connections tell.
class SessionPrivate final : public TransportOwner, public Detail::CallOwner
{
public:
    SessionPrivate();
    ~SessionPrivate();
    /// A session for an accepted connection.
    static std::unique_ptr<SessionPrivate> accepted(std::unique_ptr<QIODevice> device,
                                                    const TransportSettings &settings);

    static SessionPrivate *get(const Session *session) { return session->d.get(); }

    /// Marks that a function is running in which slots of a device that is the user's may run and delete the session:
    /// until the outermost has returned, this lives. So it does while a call is being packed.
    class Running
    {
    public:
        explicit Running(SessionPrivate *session) : m_session(session) { ++session->m_running; }
        ~Running()
        {
            --m_session->m_running;
            m_session->deleteIfOrphan();
        }

    private:
        SessionPrivate *m_session;
        Q_DISABLE_COPY_MOVE(Running)
    };

    void init(Session *session);
    /// The session ends: deletes \a session, or has it deleted when nothing of it runs.
    static void end(std::unique_ptr<SessionPrivate> session);
    void shutdown();
    void close(const Error &why);
    void open();

    // Calls
    Transport *transport(TransportOption option);
    /// True in the session's thread. Calls in another are refused, with a warning once.
    bool checkThread();
    /// The same for everything else, with a warning that names \a function.
    bool checkThread(const char *function) const { return isInThread(q, function); }
    void setFormat(WireFormat format);
    void setDispatcher(Dispatcher *wanted)
    {
        dispatcher = wanted != nullptr ? wanted : &m_nullDispatcher;
    }
    qsizetype bytesToWrite() const;
    void setUrl(const QUrl &url);
    /// Connects with what \a connector makes, rather than to the URL unless it is null, and only once at a time whatever the option. Ends
    /// the connection that there is, as close() does.
    void setConnector(std::function<std::unique_ptr<Connector>()> connector, const QString &name);
    quint64 datagramsDropped() const;
    /// What the session and its connections have done.
    Counters counted() const;
    /// Tells the user why the session has ended, once. Slots may delete it.
    void tellEndError();
    /// Adds that to what those that have ended have done, once.
    void settle();
    /// Counts \a count calls that have ended with \a error.
    void countFailed(const Error &error, size_t count)
    {
        counters.callsFailedBy[error.code()] += count;
    }
    /// Counts what was ever queued, to tell whether something was meanwhile.
    quint64 messagesQueued() const;
    void enter(Detail::CallState *state, quint32 msgid, qint64 timeout, Transport &transport,
               quint64 sequence);
    void cancelCall(Detail::CallState &state) override;
    void flushCalls() override;
    QThread *callThread() const override { return q->thread(); }
    void dropped(int count, const Error &error);
    void flushAndWait(std::chrono::milliseconds time);
    /// What may wait of Limits::queuedBytes before its sender should wait, and a peer that does not read is not read from.
    qsizetype backlog() const noexcept { return settings.limits.queuedBytes / 8; }
    /// To be called when \a transport has more to send.
    void outputGrown(const Transport &transport)
    {
        if (Q_UNLIKELY(transport.queue().size() > backlog()) && !isCongested)
            setCongested(true);
    }
    /// To be called when there is less to send.
    void outputShrunk()
    {
        if (Q_UNLIKELY(isCongested))
            updateCongestion();
    }
    void updateCongestion();
    /// To be called when the limits are others.
    void limitsChanged();

    /// One of openMessages was taken back: this may be deleted.
    void messageEnded();
    /// True once nothing can be sent any more, over any connection.
    bool isOver() const noexcept { return isShutDown || state == Session::Closed; }
    /// Sets the next msgid, unless that of a call that is being packed would come again.
    void setNextId(quint32 id) noexcept
    {
        if (openMessages == 0)
            calls.setNextId(id);
    }

    // Answers
    bool canAnswer(const Transport *transport, quint32 generation) const;
    Transport *transportAt(quint8 index) const { return m_transports[index].get(); }
    /// The connection with the session's own option, or else another that there is; null if there is none.
    const Connection *connection() const;
    static quint8 indexOf(const Transport &transport) noexcept
    {
        return transport.option().flags();
    }
    void answerAdded(Transport &transport);
    void workBegun(quint64 id, const std::shared_ptr<SessionResponder> &responder);
    void workEnded(quint64 id);
    /// A notification is handed to another thread: it is work until what this returns is destroyed.
    std::shared_ptr<void> workBegunElsewhere(Transport &transport);
    /// True while notifications wait in other threads.
    bool hasWorkElsewhere() const { return m_workElsewhere && m_workElsewhere->count() > 0; }
    /// Reads on where nothing is in the way any more.
    void resumeReading();
    int requestsInWork() const { return int(m_work.size()); }
    quint64 nextWorkId() { return ++m_lastWorkId; }
    /// Whose calls the peer makes: those of the session that this one is bound to, or its own.
    Session *caller() const { return m_boundTo != nullptr ? m_boundTo.data() : q; }
    const std::shared_ptr<Detail::SessionAnchor> &anchor();

    // TransportOwner
    void messageReceived(Transport &transport, Message &message) override;
    void connectionLost(Transport &transport, quint64 firstUnsent, const Error &error) override;
    void connectFailed(Transport &transport, const Error &error) override;
    void stateChanged(Transport &transport) override;
    void outputDrained(Transport &transport) override;

    Session *q = nullptr;
    TransportSettings settings;
    std::chrono::milliseconds timeout{10'000};
    TransportOption option;
    Session::State state = Session::Unconnected;
    Dispatcher *dispatcher;
    CallTable calls;
    bool isPassive = false;
    int openMessages = 0; // calls that are being packed: conversions of the user's may do anything
    bool isCongested = false;
    bool isShutDown = false;
    bool wasFlushed = false; // as far as is waited for: close() does not wait again
    bool isMsgidSet = false; // by setNextMsgid()
    SessionGate *gate = nullptr; // of an accepted session, until its peer is let in
    SessionBinder *binder = nullptr; // of an accepted session, until its first message
    Counters counters; // without what connections and queues count
    /// Of a server: what its sessions that have ended have done; null when this one was added.
    std::shared_ptr<Counters> ended;
    /// Why an accepted session has ended, until tellEndError().
    std::optional<Error> endError;
    /// Told once, from the event loop, that an accepted session has ended.
    std::function<void(const Error &)> onClosed;
    std::optional<Address> lastPeer;
    QString lastPeerName;

private:
    bool bind(Transport &transport, const Message &message);
    void responseReceived(Transport &transport, Message &message);
    void callReceived(Transport &transport, Message &message);
    void deleteIfOrphan()
    {
        if (Q_UNLIKELY(m_isOrphan) && m_running == 0 && openMessages == 0)
            delete this;
    }
    void setState(Session::State next);
    Session::State stateOfTransports() const;
    void tellClosed(const Error &why);
    std::vector<CallTable::Call> takeCalls(const Error &why);
    static void endCalls(const std::vector<CallTable::Call> &calls, const Error &error);
    void dropTransports();
    void emitLater(std::function<void()> emitter);
    void setCongested(bool isNow);
    void unqueue(const Detail::CallState &call);
    static bool isWritten(const Detail::CallState &call, quint64 firstUnsent);
    void watchDeadline(qint64 deadline);
    void onDeadline();
    std::vector<std::shared_ptr<SessionResponder>> takeWork(const Transport *transport);
    void updateReading(Transport &transport);
    bool hasEnoughWork() const;
    bool leavesAnswers(const Transport &transport) const;
    bool isHeldForWork(quint8 index);
    void holdForWork(Transport &transport);
    void watchStandstill();
    void onStandstill();

    // One for each option, indexed by its flags.
    std::array<std::unique_ptr<Transport>, 4> m_transports;
    qint8 m_only = -1; // the index of the transport that stands for all of them; -1 if none does
    QPointer<Session> m_boundTo;
    std::shared_ptr<Detail::SessionAnchor> m_anchor; // made when it is asked for
    NullDispatcher m_nullDispatcher;
    std::unique_ptr<Timer> m_deadlineTimer;
    qint64 m_nextDeadline = -1;
    std::unordered_map<quint64, std::weak_ptr<SessionResponder>>
            m_work; // requests that are answered later
    quint64 m_lastWorkId = 0;
    std::shared_ptr<WorkElsewhere> m_workElsewhere; // made when there is some
    std::array<bool, 4> m_isHeldForWork{}; // each transport: enough is in work, and came over it
    struct Standstill
    {
        Timer timer;
        // Of each transport:
        std::array<quint64, 4> sent; // bytes, when it was looked at last
        std::array<int, 4> looks; // at which it had taken nothing, since its peer leaves answers
    };
    std::unique_ptr<Standstill> m_standstill; // made when answers are left for the first time
    int m_running = 0; // see Running
    bool m_isOrphan = false; // its session is gone
};

} // namespace MsgpackRpc
