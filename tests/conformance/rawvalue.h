// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/Codec>

namespace Conformance {

/// One MessagePack value as its bytes, so that it is echoed as it came.
struct RawValue
{
    QByteArray bytes;

    /// \a value as it is written in \a format.
    template<typename T>
    static RawValue of(const T &value, MsgpackRpc::WireFormat format)
    {
        MsgpackRpc::Writer writer(format);
        MsgpackRpc::Codec<T>::write(writer, value);
        return {writer.bytes()};
    }
};

/// What is wrong with \a got if \a sent was expected; empty if they are the same value. Numbers are
/// compared by what they are worth, and entries of maps in any order: which bytes a value is
/// written in is the sender's business. With \a textIsBinary str and bin are one type.
QString difference(const RawValue &sent, const RawValue &got, bool textIsBinary);

/// \a value for people, shortly.
QString describe(const RawValue &value);

} // namespace Conformance

template<>
struct MsgpackRpc::Codec<Conformance::RawValue>
{
    static bool read(Reader &reader, Conformance::RawValue &value)
    {
        QByteArrayView bytes;
        if (!reader.readRaw(bytes))
            return false;
        value.bytes = bytes.toByteArray();
        return true;
    }
    static void write(Writer &writer, const Conformance::RawValue &value)
    {
        writer.writeRaw(value.bytes);
    }
    static bool isOwnKind(Reader::Kind) { return true; }
};
