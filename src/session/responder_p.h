// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/responder.h>

namespace MsgpackRpc::Detail {

/// What the copies of a Responder share. All functions are thread-safe. The destructor of an implementation answers
/// with an error if nothing was answered.
class ResponderState
{
public:
    virtual ~ResponderState() = default;
    /// Answers with what \a write writes; false if answered already.
    virtual bool answer(const std::function<void(Writer &)> &write) = 0;
    /// Answers with an error value; false if answered already.
    virtual bool fail(const QVariant &error) = 0;
    virtual bool isAnswered() const = 0;
    virtual bool isCanceled() const = 0;
    /// Calls \a callback once when the caller is gone, at once if that has happened, from any thread.
    virtual void onCanceled(std::function<void()> callback) = 0;
};

/// The value that is sent for \a error: nil and false would be no error (doc/protocol, "Errors"), so they are sent as
/// text.
QVariant sentError(const QVariant &error);
/// The value that is sent for \a error: its data, otherwise its message.
QVariant sentError(const Error &error);

} // namespace MsgpackRpc::Detail
