// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/typecodec.h>

#include <QtCore/QMetaType>

#include <cstddef>
#include <functional>
#include <memory>

namespace MsgpackRpc {

/// A value of a type that is known at run time only, for as long as the scope lasts; small ones on
/// the stack.
class ScopedValue
{
public:
    /// Default-constructs a value of \a type.
    explicit ScopedValue(QMetaType type)
        : m_type(type), m_data(fits(type) ? type.construct(m_buffer) : type.create())
    {
    }
    ~ScopedValue()
    {
        if (m_data == m_buffer)
            m_type.destruct(m_data);
        else
            m_type.destroy(m_data);
    }
    void *data() noexcept { return m_data; }

private:
    static constexpr size_t BufferSize = 64;
    static bool fits(QMetaType type)
    {
        return size_t(type.sizeOf()) <= BufferSize
               && size_t(type.alignOf()) <= alignof(std::max_align_t);
    }

    const QMetaType m_type;
    alignas(std::max_align_t) char m_buffer[BufferSize];
    void *const m_data;
    Q_DISABLE_COPY_MOVE(ScopedValue)
};

/// True if \a type has a default constructor, as decoding needs it.
bool canConstruct(QMetaType type);

/// Calls \a add for each type that has a Codec at compile time and is known without registration.
void addBuiltInCodecs(const std::function<void(QMetaType, std::unique_ptr<TypeCodec>)> &add);
/// The codec of an enum or of flags; by name too if they are declared with Q_ENUM or Q_FLAG.
std::unique_ptr<TypeCodec> makeEnumCodec(QMetaType type);
/// The codec of a Q_GADGET, by its properties; null if it has no meta-object.
std::unique_ptr<TypeCodec> makeGadgetCodec(QMetaType type);
/// The codec of a container that Qt can iterate over; null if it is none, or its elements have no
/// codec.
std::unique_ptr<TypeCodec> makeContainerCodec(QMetaType type);

} // namespace MsgpackRpc
