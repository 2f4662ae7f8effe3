// SPDX-License-Identifier: Apache-2.0
#include "dispatch/answer_p.h"
#include "dispatch/calltext_p.h"
#include "dispatch/objectdispatcher_p.h"
#include "transport/turn_p.h"

#include <MsgpackRpc/callcontext.h>

#include <QtCore/QVarLengthArray>
#include <QtNetwork/QSslCertificate>

#include <atomic>
#include <deque>

namespace MsgpackRpc {

using AgentTarget = std::shared_ptr<const Target>;

namespace {

// The method has thrown: to be called while that is handled.
void answerException(const Detail::CallFrame &frame, const Answer &answer)
{
    if (frame.hasError())
        answer.error(frame.error());
    else
        answer.error(currentError());
}

// Calls, and sees to the answer. User code may have deleted almost anything once invoke() returns.
void runInFrame(const Method &method, CallStorage &storage, QObject *object,
                Detail::CallFrame &frame, Answer &answer, const AgentTarget &agent)
{
    try {
        storage.invoke(object);
    } catch (...) {
        return answerException(frame, answer);
    }
    if (frame.hasError())
        answer.error(frame.error());
    else if (!method.takesResponder())
        answerResult(method.result(), storage.result(), answer, agent);
}

// The same where nothing but a value is returned.
void runPlain(const Method &method, CallStorage &storage, QObject *object, Detail::CallFrame &frame,
              IncomingCall &call)
{
    try {
        storage.invoke(object);
    } catch (...) {
        return answerException(frame, Answer(call));
    }
    if (Q_UNLIKELY(frame.hasError()))
        return call.fail(frame.error());
    if (Writer *writer = call.beginReply()) {
        writeResult(*writer, method.result().codec, storage.result());
        call.commitReply();
    }
}

// Why the arguments could not be decoded, if a conversion of the user's has thrown: to be called
// while that is handled.
QString exceptionText(const MethodEntry &entry, const Method &method)
{
    return signatureText(entry, method) + QStringLiteral(": ") + currentError().message();
}

// Decodes the arguments. False, and \a texts says why, if they do not fit.
bool decode(const MethodEntry &entry, const Method &method, CallStorage &storage, Reader reader,
            QStringList *texts)
{
    try {
        if (storage.decode(reader))
            return true;
        *texts += argumentText(entry, method, storage, reader);
    } catch (...) {
        *texts += exceptionText(entry, method);
    }
    return false;
}

// Calls that a thread runs for others, one within an event loop that another runs. As for connections, there is a bottom.
struct PostedLevels
{
    int levels = 0;
    std::deque<std::shared_ptr<Waiting>> waiting; // for the lowest one
};

PostedLevels &postedLevels()
{
    static thread_local PostedLevels levels;
    return levels;
}

// A conversion of the user's may have deleted the object whose method is to be called.
bool isGone(const MethodEntry &entry, const QObject *object)
{
    return object != nullptr && !entry.target->isStillHere();
}

using Candidates = QVarLengthArray<const std::shared_ptr<const Method> *, 8>;

// The overloads that take as many arguments, in the order in which they are tried: those first for
// which every argument is of the parameter's own family.
Candidates candidates(const MethodEntry &entry, Reader arguments, quint32 count)
{
    QVarLengthArray<Reader::Kind, 16> kinds;
    for (quint32 i = 0; i < count && i < 256; ++i) {
        kinds.append(arguments.kind());
        arguments.skip();
    }
    const auto isOwn = [&kinds](const Method &method) {
        qsizetype i = 0;
        for (const Parameter &parameter : method.parameters()) {
            if (parameter.codec != nullptr && !parameter.codec->isOwnKind(kinds[i++]))
                return false;
        }
        return true;
    };
    Candidates own;
    Candidates others;
    for (const auto &method : entry.overloads) {
        if (method->arity() == count && count <= 256)
            (isOwn(*method) ? own : others).append(&method);
    }
    for (const auto *method : others)
        own.append(method);
    return own;
}

} // namespace

/// A call that waits for its turn in another thread. Destroyed there, or wherever it is dropped.
struct ObjectDispatcherPrivate::PostedCall final : public Waiting,
                                                   public std::enable_shared_from_this<PostedCall>
{
    PostedCall(const Overload &overload, const AgentTarget &agentTarget)
        : method(overload), agent(agentTarget), storage(*method)
    {
    }
    ~PostedCall() override { end(QStringLiteral("the object of `%1' was destroyed")); }
    // The one who makes it true has the call.
    bool begin() { return !hasBegun.exchange(true); }
    void end(const QString &why)
    {
        if (begin())
            Answer(responder, name, log).error(QVariant(why.arg(name)));
        work.reset();
    }
    void giveUp() override { end(QStringLiteral("the thread of the object of `%1' has ended")); }
    void take(IncomingCall &call)
    {
        name = call.methodText();
        session = call.sessionHandle();
        certificate = call.peerCertificate();
        isNotification = call.isNotification();
        work = call.work();
        if (isNotification)
            log = call.notificationLog();
        if (!isNotification)
            responder = call.responder();
    }
    void run() override
    {
        PostedLevels &here = postedLevels();
        if (here.levels >= Turn::MostLevels) {
            here.waiting.push_back(shared_from_this());
            return;
        }
        ++here.levels;
        runHere();
        // Before what the event loop has: that is younger.
        while (here.levels == Turn::MostLevels && !here.waiting.empty()) {
            const std::shared_ptr<Waiting> next = std::move(here.waiting.front());
            here.waiting.pop_front();
            static_cast<PostedCall *>(next.get())->runHere();
        }
        --here.levels;
    }
    void runHere()
    {
        QObject *const object = method->target()->local();
        if (object == nullptr || !begin())
            return;
        Detail::CallFrame frame(Detail::threadFrames(), &session, &name, &certificate,
                                isNotification);
        Answer answer(responder, name, log);
        if (method->takesResponder())
            storage.setResponder(responder);
        runInFrame(*method, storage, object, frame, answer, agent);
    }

    const Overload method;
    const AgentTarget agent;
    CallStorage storage;
    SessionHandle session;
    QSslCertificate certificate;
    Responder responder;
    QString name;
    Detail::NotificationLog log;
    std::shared_ptr<void> work;
    bool isNotification = false;
    std::atomic<bool> hasBegun = true; // nothing to answer for as yet
};

void ObjectDispatcherPrivate::dispatch(IncomingCall &call)
{
    const MethodEntry *entry = table.find({call.method(), call.number(), call.isNumber()});
    if (Q_UNLIKELY(entry == nullptr))
        return dispatchUnknown(call);
    Detail::ThreadFrames &here = Detail::threadFrames();
    QObject *object = nullptr;
    const Target::Place place =
            entry->target != nullptr ? entry->target->place(here.thread, &object) : Target::Here;
    if (Q_UNLIKELY(place == Target::Gone))
        return dispatchUnknown(call);
    const Activity activity(this);
    if (Q_UNLIKELY(place == Target::Elsewhere))
        callElsewhere(*entry, call);
    else if (Q_LIKELY(entry->only != nullptr))
        callHere(*entry, object, call, here);
    else
        callOverloadHere(*entry, object, call, here);
}

void ObjectDispatcherPrivate::dispatchUnknown(IncomingCall &call)
{
    if (const auto handler = fallback) { // a copy: it may set another one
        try {
            if ((*handler)(call))
                return;
        } catch (...) {
            if (call.isAnswered()) // it has begun to be, and what is written of it is to be taken back
                throw;
            return call.fail(currentError());
        }
    }
    call.failNotAccepted();
}

void ObjectDispatcherPrivate::run(const Method &method, CallStorage &storage, QObject *object,
                                  IncomingCall &call, Detail::ThreadFrames &here) const
{
    Detail::CallFrame frame(here, &call, call.isNotification());
    if (Q_LIKELY(method.isPlain()))
        return runPlain(method, storage, object, frame, call);
    Answer answer(call);
    if (method.takesResponder())
        storage.setResponder(answer.takeOver());
    runInFrame(method, storage, object, frame, answer, m_agentTarget);
}

void ObjectDispatcherPrivate::callHere(const MethodEntry &entry, QObject *object,
                                       IncomingCall &call, Detail::ThreadFrames &here) const
{
    const Method &method = *entry.only;
    Reader reader = call.arguments();
    quint32 count = 0;
    if (Q_UNLIKELY(!reader.readArray(count) || count != method.arity()))
        return call.fail(arityText(entry, count));
    CallStorage storage(method);
    try {
        if (Q_UNLIKELY(!storage.decode(reader)))
            return call.fail(argumentText(entry, method, storage, reader));
    } catch (...) {
        return call.fail(exceptionText(entry, method));
    }
    if (Q_UNLIKELY(isGone(entry, object)))
        return call.failNotAccepted();
    run(method, storage, object, call, here);
}

void ObjectDispatcherPrivate::callOverloadHere(const MethodEntry &entry, QObject *object,
                                               IncomingCall &call, Detail::ThreadFrames &here) const
{
    Reader arguments = call.arguments();
    quint32 count = 0;
    arguments.readArray(count);
    QStringList texts;
    for (const auto *overload : candidates(entry, arguments, count)) {
        const Method &method = **overload;
        CallStorage storage(method);
        if (!decode(entry, method, storage, arguments, &texts))
            continue;
        return isGone(entry, object) ? call.failNotAccepted()
                                     : run(method, storage, object, call, here);
    }
    call.fail(texts.isEmpty() ? arityText(entry, count) : overloadsText(entry, texts));
}

void ObjectDispatcherPrivate::callElsewhere(const MethodEntry &entry, IncomingCall &call) const
{
    Reader arguments = call.arguments();
    quint32 count = 0;
    arguments.readArray(count);
    QStringList texts;
    for (const auto *overload : candidates(entry, arguments, count)) {
        const auto posted = std::make_shared<PostedCall>(*overload, m_agentTarget);
        if (!decode(entry, *posted->method, posted->storage, arguments, &texts))
            continue;
        posted->take(call);
        posted->hasBegun = false;
        posted->method->target()->post(posted);
        return;
    }
    call.fail(texts.isEmpty() ? arityText(entry, count) : overloadsText(entry, texts));
}

} // namespace MsgpackRpc
