// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/callstate.h>

#include <vector>

namespace MsgpackRpc {

/// The calls of a session that wait for an answer, by msgid: a ring that is indexed by the id's low bits, and twice as
/// large as what it held at its fullest. Holds a reference on each call.
class CallTable
{
public:
    using Call = Detail::CallStatePtr<Detail::CallState>;

    CallTable() = default;
    ~CallTable();

    /// The id that the next insert() will use; it is not in use.
    quint32 nextId();
    /// Sets the next id, from 0 to 2^31-1.
    void setNextId(quint32 id) noexcept { m_next = id; }
    /// Leaves out the id that nextId() has given to a call that is entered later than others.
    void skipId() noexcept;
    /// Enters \a state under \a id, which nextId() has given.
    void insert(quint32 id, Detail::CallState *state);
    /// The call with \a id; null if there is none.
    Detail::CallState *find(quint32 id) const noexcept;
    /// Takes the call with \a id out; it must be there.
    Call take(quint32 id);
    /// Takes all calls out for which \a predicate is true.
    template<typename Predicate>
    std::vector<Call> takeIf(Predicate predicate)
    {
        std::vector<Call> taken;
        for (Detail::CallState *state : m_slots) {
            if (state != nullptr && predicate(*state))
                taken.push_back(Call(state));
        }
        for (const Call &state : taken)
            take(state->msgid);
        return taken;
    }
    /// Calls \a visit with each call.
    template<typename Visit>
    void forEach(Visit visit) const
    {
        for (Detail::CallState *state : m_slots) {
            if (state != nullptr)
                visit(*state);
        }
    }
    /// How many calls wait.
    int size() const noexcept { return m_size; }

private:
    void resize(size_t capacity);
    void insertLate(quint32 id, Detail::CallState *state);

    std::vector<Detail::CallState *> m_slots; // a power of two
    quint32 m_mask = 0;
    quint32 m_next = 1;
    int m_size = 0;
    Q_DISABLE_COPY_MOVE(CallTable)
};

} // namespace MsgpackRpc
