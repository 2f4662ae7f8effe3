// SPDX-License-Identifier: Apache-2.0
#include "session/calltable_p.h"

#include <utility>

namespace MsgpackRpc {

namespace {

constexpr size_t FirstCapacity = 16;
constexpr size_t KeptCapacity = 4096;
// Ids go from 1 to this and then from 1 again (doc/protocol, "Message ids"): replies that others send unasked with 0
// or -1 never meet a call.
constexpr quint32 LastId = 0x7fffffff;

quint32 after(quint32 id)
{
    return id >= LastId ? 1 : id + 1;
}

} // namespace

CallTable::~CallTable()
{
    for (Detail::CallState *state : m_slots) {
        if (state != nullptr)
            state->deref();
    }
}

quint32 CallTable::nextId()
{
    if (Q_UNLIKELY(size_t(m_size) * 4 >= m_slots.size() * 3))
        resize(m_slots.empty() ? FirstCapacity : m_slots.size() * 2);
    // At most three quarters are in use, so a free slot is near; an id in use keeps its slot, so it is never given out.
    while (m_slots[m_next & m_mask] != nullptr)
        m_next = after(m_next);
    return m_next;
}

void CallTable::skipId() noexcept
{
    m_next = after(m_next);
}

// Calls that were begun later were entered before, and one has its slot: its id is another, and differs in some bit.
void CallTable::insertLate(quint32 id, Detail::CallState *state)
{
    while (m_slots[id & m_mask] != nullptr)
        resize(m_slots.size() * 2);
    insert(id, state);
}

void CallTable::insert(quint32 id, Detail::CallState *state)
{
    Detail::CallState *&slot = m_slots[id & m_mask];
    if (Q_UNLIKELY(slot != nullptr))
        return insertLate(id, state);
    state->ref();
    slot = state;
    if (Q_LIKELY(m_next == id)) // not after skipId()
        m_next = after(id);
    ++m_size;
}

Detail::CallState *CallTable::find(quint32 id) const noexcept
{
    if (m_size == 0)
        return nullptr;
    Detail::CallState *const state = m_slots[id & m_mask];
    return state != nullptr && state->msgid == id ? state : nullptr;
}

CallTable::Call CallTable::take(quint32 id)
{
    Detail::CallState *&slot = m_slots[id & m_mask];
    Call call = Call::adopt(std::exchange(slot, nullptr));
    call->setOwner(nullptr); // who cancels it from now on must not look for it here
    if (--m_size == 0 && m_slots.size() > KeptCapacity)
        resize(FirstCapacity);
    return call;
}

// Ids that differ in their low bits go on differing in more of them.
void CallTable::resize(size_t capacity)
{
    std::vector<Detail::CallState *> old(capacity, nullptr);
    old.swap(m_slots);
    m_mask = quint32(capacity - 1);
    for (Detail::CallState *state : old) {
        if (state != nullptr)
            m_slots[state->msgid & m_mask] = state;
    }
}

} // namespace MsgpackRpc
