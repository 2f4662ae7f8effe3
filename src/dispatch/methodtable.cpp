// SPDX-License-Identifier: Apache-2.0
#include "dispatch/methodtable_p.h"

namespace MsgpackRpc {

QString MethodEntry::text() const
{
    return isNumber ? QString::number(number) : QString::fromUtf8(name);
}

MethodTable::MethodTable() : m_slots(16), m_mask(m_slots.size() - 1) {}

MethodTable::~MethodTable() = default;

MethodEntry *MethodTable::insert(const MethodKey &key)
{
    if (MethodEntry *entry = find(key))
        return entry;
    if (2 * (m_count + 1) > m_slots.size())
        grow();
    const quint32 hash = hashOf(key);
    size_t i = hash & m_mask;
    while (m_slots[i].entry != nullptr)
        i = (i + 1) & m_mask;
    m_slots[i].hash = hash;
    m_slots[i].entry = std::make_unique<MethodEntry>(key);
    ++m_count;
    return m_slots[i].entry.get();
}

std::unique_ptr<MethodEntry> MethodTable::take(const MethodKey &key)
{
    const MethodEntry *wanted = find(key);
    if (wanted == nullptr)
        return nullptr;
    size_t hole = hashOf(key) & m_mask;
    while (m_slots[hole].entry.get() != wanted)
        hole = (hole + 1) & m_mask;
    std::unique_ptr<MethodEntry> taken = std::move(m_slots[hole].entry);
    --m_count;
    // Those that come after it move up, unless that would be before the place that they are looked
    // for first.
    for (size_t i = (hole + 1) & m_mask; m_slots[i].entry != nullptr; i = (i + 1) & m_mask) {
        const size_t home = m_slots[i].hash & m_mask;
        if (((i - home) & m_mask) >= ((i - hole) & m_mask)) {
            m_slots[hole] = std::move(m_slots[i]);
            hole = i;
        }
    }
    return taken;
}

std::vector<MethodEntry *> MethodTable::entries() const
{
    std::vector<MethodEntry *> entries;
    entries.reserve(m_count);
    for (const Slot &slot : m_slots) {
        if (slot.entry != nullptr)
            entries.push_back(slot.entry.get());
    }
    return entries;
}

void MethodTable::grow()
{
    std::vector<Slot> old(m_slots.size() * 2);
    old.swap(m_slots);
    m_mask = m_slots.size() - 1;
    for (Slot &slot : old) {
        if (slot.entry == nullptr)
            continue;
        size_t i = slot.hash & m_mask;
        while (m_slots[i].entry != nullptr)
            i = (i + 1) & m_mask;
        m_slots[i] = std::move(slot);
    }
}

} // namespace MsgpackRpc
