// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/error.h>

#include <QtCore/QMetaType>
#include <QtCore/QObject>

#include <functional>
#include <memory>

namespace MsgpackRpc {

class ResponderWatcherPrivate;

namespace Detail {
class ResponderState;
}

/// The right to answer one request, later and from any thread: take it as a parameter of a served method.
/// A copyable handle on shared state; all copies are one responder. The first answer wins, further ones are ignored;
/// when the last copy goes unanswered, the caller gets an error. All functions are thread-safe.
class MSGPACKRPC_EXPORT Responder
{
public:
    /// Answers nobody.
    Responder() noexcept = default;
    /// Internal.
    explicit Responder(std::shared_ptr<Detail::ResponderState> state) noexcept
        : m_state(std::move(state))
    {
    }

    /// Answers with \a value. False if it had been answered already.
    template<typename T>
    bool result(const T &value) const
    {
        return answer(
                [&value](Writer &writer) { Codec<std::decay_t<const T &>>::write(writer, value); });
    }
    /// Answers with nil.
    bool result() const
    {
        return answer([](Writer &writer) { writer.writeNil(); });
    }
    /// Answers with an error of text. False if it had been answered already.
    bool error(const QString &text) const { return error(QVariant(text)); }
    /// \overload
    bool error(const char *text) const { return error(QString::fromUtf8(text)); }
    /// Answers with any error value.
    bool error(const QVariant &value) const;
    /// Answers with data() of \a error if there is one, otherwise its message.
    bool error(const Error &error) const;

    /// True once answered.
    bool isAnswered() const;
    /// True if nobody waits any more: the caller's connection is gone. Work for it can be given up.
    bool isCanceled() const;
    /// True if this can answer: a request, not a notification or default-constructed.
    bool isValid() const noexcept { return m_state != nullptr; }

    /// Internal: answers with what \a write writes.
    bool answer(const std::function<void(Writer &)> &write) const;

    friend bool operator==(const Responder &a, const Responder &b) noexcept
    {
        return a.m_state == b.m_state;
    }
    friend bool operator!=(const Responder &a, const Responder &b) noexcept { return !(a == b); }

private:
    friend class ResponderWatcher;
    std::shared_ptr<Detail::ResponderState> m_state;
};

/// Tells by a signal when the caller that a Responder would answer is gone. Lives in the thread that made it.
class MSGPACKRPC_EXPORT ResponderWatcher : public QObject
{
    Q_OBJECT

public:
    /// Watches \a responder, without keeping it alive.
    explicit ResponderWatcher(const Responder &responder, QObject *parent = nullptr);
    ~ResponderWatcher() override;

Q_SIGNALS:
    /// The caller is gone: emitted once, from the event loop; also if that had happened before.
    void canceled();

private:
    std::unique_ptr<ResponderWatcherPrivate> d;
};

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Responder)
