// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/method_p.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace MsgpackRpc {

/// What a method is called: a name or a number. Refers to the bytes of the name.
struct MethodKey
{
    QByteArrayView name;
    qint64 number = 0;
    bool isNumber = false;
};

/// All that is served by one name: overloads in the order of their declaration, all of one target.
struct MethodEntry
{
    explicit MethodEntry(const MethodKey &key)
        : isNumber(key.isNumber), number(key.number), name(key.name.toByteArray())
    {
    }
    void setOverloads(std::vector<std::shared_ptr<const Method>> methods)
    {
        overloads = std::move(methods);
        target = overloads.front()->target().get();
        only = overloads.size() == 1 ? overloads.front().get() : nullptr;
    }
    /// True if the object that it belongs to is destroyed.
    bool isGone() const { return target != nullptr && target->isGone(); }
    /// The name, or the number, for people.
    QString text() const;

    bool isNumber;
    qint64 number;
    QByteArray name;
    const Target *target = nullptr; // null: none is needed
    const Method *only = nullptr; // if there is but one
    std::vector<std::shared_ptr<const Method>> overloads;
};

/// Entries by key: open addressing, so that looking up a name that lies in a buffer costs a hash, a
/// comparison, and no allocation.
class MethodTable
{
public:
    MethodTable();
    ~MethodTable();

    /// The entry for \a key; null if there is none. Valid until it is taken.
    MethodEntry *find(const MethodKey &key) const noexcept
    {
        const quint32 hash = hashOf(key);
        for (size_t i = hash & m_mask;; i = (i + 1) & m_mask) {
            const Slot &slot = m_slots[i];
            if (slot.entry == nullptr || (slot.hash == hash && matches(*slot.entry, key)))
                return slot.entry.get();
        }
    }
    /// The entry for \a key, which is made if there is none.
    MethodEntry *insert(const MethodKey &key);
    /// Takes the entry for \a key out; null if there is none.
    std::unique_ptr<MethodEntry> take(const MethodKey &key);
    /// All entries, in no order.
    std::vector<MethodEntry *> entries() const;

private:
    struct Slot
    {
        std::unique_ptr<MethodEntry> entry; // null: free
        quint32 hash = 0;
    };
    static quint32 hashOf(const MethodKey &key) noexcept;
    template<typename Word>
    static Word load(const char *bytes) noexcept
    {
        Word word;
        std::memcpy(&word, bytes, sizeof word);
        return word;
    }
    static quint64 mixed(quint64 hash) noexcept { return hash ^ hash >> 32; }
    static bool matches(const MethodEntry &entry, const MethodKey &key) noexcept;
    void grow();

    std::vector<Slot> m_slots; // a power of two, at most half of them used
    size_t m_mask;
    size_t m_count = 0;

    Q_DISABLE_COPY_MOVE(MethodTable)
};

inline bool MethodTable::matches(const MethodEntry &entry, const MethodKey &key) noexcept
{
    if (Q_UNLIKELY(key.isNumber))
        return entry.isNumber && entry.number == key.number;
    return !entry.isNumber && entry.name.size() == key.name.size()
           && std::memcmp(entry.name.constData(), key.name.data(), size_t(key.name.size())) == 0;
}

// Names are chosen by who serves, so nobody else can make this table slow: what is looked up passes
// at most the names that are in it.
inline quint32 MethodTable::hashOf(const MethodKey &key) noexcept
{
    constexpr quint64 Multiplier = 0x9e3779b97f4a7c15u;
    if (Q_UNLIKELY(key.isNumber))
        return quint32((quint64(key.number) * Multiplier) >> 32);
    const char *const bytes = key.name.data();
    const size_t size = size_t(key.name.size());
    quint64 hash = quint64(size) * Multiplier;
    if (Q_LIKELY(size >= 4)) {
        // Words that overlap at the end: no byte is looked at alone.
        for (size_t i = 0; i + 8 < size; i += 8)
            hash = mixed(hash ^ load<quint64>(bytes + i)) * Multiplier;
        const size_t last = size >= 8 ? size - 8 : 0;
        hash ^= size >= 8 ? load<quint64>(bytes + last)
                          : quint64(load<quint32>(bytes)) << 32 | load<quint32>(bytes + size - 4);
    } else if (size > 0) {
        hash ^= quint64(uchar(bytes[0])) << 16 | quint64(uchar(bytes[size / 2])) << 8
                | uchar(bytes[size - 1]);
    }
    return quint32((hash * Multiplier) >> 32);
}

} // namespace MsgpackRpc
