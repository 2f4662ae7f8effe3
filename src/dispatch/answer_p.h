// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/method_p.h"
#include "session/notificationlog_p.h"

#include <MsgpackRpc/dispatcher.h>

namespace MsgpackRpc {

/// The exception that is being handled, as an error. Only in a catch block.
Error currentError();

/// Writes \a value by \a codec, or nil if that is null; if it throws, \a writer fails.
inline void writeResult(Writer &writer, const TypeCodec *codec, const void *value)
{
    if (codec == nullptr)
        return writer.writeNil();
    try {
        codec->write(writer, value); // may be a function of the user's
    } catch (...) {
        writer.fail(currentError().message());
    }
}

/// Where the outcome of an invocation goes: straight to the call while that is on the stack,
/// through a responder later.
class Answer
{
public:
    /// The answer to \a call, as long as that lives.
    explicit Answer(IncomingCall &call) noexcept : m_call(&call) {}
    /// An answer that \a responder gives; it is not valid for a notification. Errors of
    /// notifications of \a method are told to \a log.
    Answer(const Responder &responder, const QString &method, const Detail::NotificationLog &log)
        : m_responder(responder), m_method(method), m_log(log)
    {
    }

    /// Answers with \a value by \a codec, or with nil if that is null.
    void result(const TypeCodec *codec, const void *value) const;
    /// Answers with an error.
    void error(const QVariant &value) const { giveError(value); }
    /// \overload
    void error(const Error &error) const { giveError(error); }
    /// A responder that gives the answer from now on; not valid for a notification.
    Responder takeOver();
    /// The same answer for when the call no longer is on the stack.
    Answer later();

private:
    template<typename E>
    void giveError(const E &error) const;

    IncomingCall *m_call = nullptr;
    Responder m_responder;
    QString m_method;
    Detail::NotificationLog m_log;
};

/// Answers with what a method has returned, now or when that is there. A QFuture is watched in the
/// thread of \a agent, and given up when that is destroyed. \a result is read only.
void answerResult(const ResultPlan &plan, const void *result, Answer &answer,
                  const std::shared_ptr<const Target> &agent);

} // namespace MsgpackRpc
