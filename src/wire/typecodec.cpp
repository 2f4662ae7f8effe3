// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/typecodec.h>

#include "wire/metatypecodecs_p.h"

#include <QtCore/QHash>

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

namespace MsgpackRpc {

TypeCodec::~TypeCodec() = default;

namespace {

// The codecs by type id, which are small and dense. Looking one up takes no lock: codecs are found
// while calls are decoded, in every thread. They are never freed, not even when replaced, since
// there may be pointers to them anywhere.
class Registry
{
public:
    static Registry &instance()
    {
        static Registry *const registry =
                new Registry; // outlives static destructors that still make calls
        return *registry;
    }

    const TypeCodec *find(int id)
    {
        if (Q_LIKELY(uint(id) < ChunkCount * ChunkSize)) {
            const Chunk *chunk = m_chunks[uint(id) / ChunkSize].load(std::memory_order_acquire);
            return chunk != nullptr ? (*chunk)[uint(id) % ChunkSize].load(std::memory_order_acquire)
                                    : nullptr;
        }
        const std::lock_guard lock(m_mutex);
        return m_others.value(id);
    }

    void set(int id, std::unique_ptr<TypeCodec> codec)
    {
        const std::lock_guard lock(m_mutex);
        store(id, std::move(codec));
    }

    // The codec that another thread may have added meanwhile comes first.
    const TypeCodec *addIfNew(int id, std::unique_ptr<TypeCodec> codec)
    {
        const std::lock_guard lock(m_mutex);
        if (!m_all.count(id))
            store(id, std::move(codec));
        return m_all.value(id).back();
    }

private:
    static constexpr uint ChunkSize = 256;
    static constexpr uint ChunkCount = 1024; // Qt's own types and the first 190 000 of the program
    using Chunk = std::array<std::atomic<const TypeCodec *>, ChunkSize>;

    Registry()
    {
        addBuiltInCodecs([this](QMetaType type, std::unique_ptr<TypeCodec> codec) {
            set(type.id(), std::move(codec));
        });
    }

    void store(int id, std::unique_ptr<TypeCodec> codec)
    {
        const TypeCodec *added = codec.release();
        m_all[id].push_back(added);
        if (uint(id) >= ChunkCount * ChunkSize) {
            m_others.insert(id, added);
            return;
        }
        std::atomic<Chunk *> &chunk = m_chunks[uint(id) / ChunkSize];
        if (chunk.load(std::memory_order_relaxed) == nullptr)
            chunk.store(new Chunk{}, std::memory_order_release);
        (*chunk.load(std::memory_order_relaxed))[uint(id) % ChunkSize].store(
                added, std::memory_order_release);
    }

    std::array<std::atomic<Chunk *>, ChunkCount> m_chunks{};
    std::mutex m_mutex;
    QHash<int, const TypeCodec *> m_others; // beyond the chunks
    QHash<int, std::vector<const TypeCodec *>> m_all;
};

std::unique_ptr<TypeCodec> makeCodec(QMetaType type)
{
    const QMetaType::TypeFlags flags = type.flags();
    if (flags.testFlag(QMetaType::IsPointer))
        return nullptr;
    if (flags.testFlag(QMetaType::IsEnumeration))
        return makeEnumCodec(type);
    if (flags.testFlag(QMetaType::IsGadget))
        return makeGadgetCodec(type);
    return makeContainerCodec(type);
}

} // namespace

const TypeCodec *typeCodec(QMetaType type)
{
    const int id = type.id(); // registers the type, too
    Registry &registry = Registry::instance();
    if (const TypeCodec *codec = registry.find(id); Q_LIKELY(codec != nullptr))
        return codec;
    if (id == QMetaType::UnknownType)
        return nullptr;
    // What has none is asked again each time: it may be registered later.
    std::unique_ptr<TypeCodec> codec = makeCodec(type);
    return codec ? registry.addIfNew(id, std::move(codec)) : nullptr;
}

void registerTypeCodec(QMetaType type, std::unique_ptr<TypeCodec> codec)
{
    if (type.isValid() && codec)
        Registry::instance().set(type.id(), std::move(codec));
}

void Detail::addTypeCodec(QMetaType type, std::unique_ptr<TypeCodec> codec)
{
    if (type.isValid() && codec)
        Registry::instance().addIfNew(type.id(), std::move(codec));
}

} // namespace MsgpackRpc
