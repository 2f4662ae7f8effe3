// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/responder.h>

namespace MsgpackRpc {

namespace Detail {
class AsyncResultState;
}

/// A result that comes later, as the return value of a served method: return it, keep a copy, and
/// answer with that. A copyable handle on shared state like Responder; all functions are
/// thread-safe.
class MSGPACKRPC_EXPORT AsyncResult
{
public:
    /// A result that is still to come.
    AsyncResult();

    /// The result. False if there was one already.
    template<typename T>
    bool result(const T &value) const
    {
        return answer([value](Writer &writer) { Codec<T>::write(writer, value); });
    }
    /// \overload
    bool result(const char *text) const { return result(QString::fromUtf8(text)); }
    /// The result is nil.
    bool result() const
    {
        return answer([](Writer &writer) { writer.writeNil(); });
    }
    /// The call fails with this text. False if there was an answer already.
    bool error(const QString &text) const { return error(QVariant(text)); }
    /// \overload
    bool error(const char *text) const { return error(QString::fromUtf8(text)); }
    /// The call fails with any error value.
    bool error(const QVariant &value) const;
    /// \overload
    bool error(const Error &error) const;

    /// True once answered.
    bool isAnswered() const;
    /// True if nobody waits any more. False before the method has returned.
    bool isCanceled() const;
    /// The responder that answers; invalid before the method has returned. For ResponderWatcher.
    Responder responder() const;

    /// Internal: the method has returned this; \a responder answers with it.
    void bind(const Responder &responder) const;

private:
    bool answer(std::function<void(Writer &)> write) const;
    std::shared_ptr<Detail::AsyncResultState> m_state;
};

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::AsyncResult)
