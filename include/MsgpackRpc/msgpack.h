// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/codec.h>

#ifndef MSGPACK_NO_BOOST
#    define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

#include <type_traits>
#include <utility>

/// \file
/// Types with adaptors of msgpack-cxx as arguments and results. Needs msgpack-cxx where it is
/// included: link `MsgpackRpc::Msgpack`.

namespace MsgpackRpc {

namespace Detail {

template<typename T, typename = void>
struct HasMsgpackDefine : std::false_type
{
};
template<typename T>
struct HasMsgpackDefine<T, std::void_t<decltype(std::declval<const T &>().msgpack_pack(
                                   std::declval<msgpack::packer<Writer> &>()))>> : std::true_type
{
};

} // namespace Detail

/// True for types that cross the wire by their msgpack-cxx adaptor: those with MSGPACK_DEFINE or
/// MSGPACK_DEFINE_MAP. Specialise it as std::true_type for types whose adaptor stands outside of
/// them.
template<typename T>
struct UsesMsgpackAdaptor : Detail::HasMsgpackDefine<T>
{
};

/// Types with an adaptor of msgpack-cxx. What the adaptor writes is written as it is, in the modern
/// format too where the session writes Compatibility.
template<typename T>
struct Codec<T, std::enable_if_t<UsesMsgpackAdaptor<T>::value>>
{
    /// Decodes by the adaptor. It reports by exceptions what it does not take: these end here.
    static bool read(Reader &reader, T &value)
    {
        const Reader start = reader;
        QByteArrayView raw;
        if (!reader.readRaw(raw))
            return false;
        try {
            msgpack::unpack(raw.data(), size_t(raw.size())).get().convert(value);
            return true;
        } catch (...) { // msgpack::type_error, or what a constructor of the type throws
            reader.recover(start);
            return reader.fail("what the msgpack adaptor of the type takes");
        }
    }
    /// Encodes by the adaptor.
    static void write(Writer &writer, const T &value)
    {
        try {
            msgpack::pack(writer, value);
        } catch (...) {
            writer.fail(QStringLiteral("the msgpack adaptor of the type threw an exception"));
        }
    }
    /// Objects are arrays or maps.
    static bool isOwnKind(Reader::Kind kind)
    {
        return kind == Reader::Array || kind == Reader::Map;
    }
};

} // namespace MsgpackRpc
