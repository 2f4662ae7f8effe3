// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>
#include <MsgpackRpc/reader.h>
#include <MsgpackRpc/writer.h>

#include <QtCore/QMetaType>

#include <memory>

namespace MsgpackRpc {

/// How values of one QMetaType cross the wire, where the type is known at run time only: parameters
/// of served methods, properties of gadgets, values in a QVariant. Immutable; shared by all
/// threads.
class MSGPACKRPC_EXPORT TypeCodec
{
public:
    virtual ~TypeCodec();
    /// Decodes the next value into \a value, a constructed object of the type. False, and failure()
    /// of \a reader says why, if that is not possible without loss.
    virtual bool read(Reader &reader, void *value) const = 0;
    /// Encodes \a value; failure() of \a writer says why if it has no form on the wire.
    virtual void write(Writer &writer, const void *value) const = 0;
    /// True if a value of \a kind is of this type's own family on the wire: overloads are chosen by
    /// that.
    virtual bool isOwnKind(Reader::Kind kind) const = 0;

protected:
    TypeCodec() = default;
    Q_DISABLE_COPY_MOVE(TypeCodec)
};

/// The codec of \a type, or null if the type cannot cross the wire. Built in are the types of
/// doc/types; enums, gadgets and containers of such types are found by their meta-object; others
/// have been given to registerType(). Thread-safe. The codec lives as long as the process.
MSGPACKRPC_EXPORT const TypeCodec *typeCodec(QMetaType type);

/// Makes \a codec the codec of \a type from now on. Thread-safe. See registerType().
MSGPACKRPC_EXPORT void registerTypeCodec(QMetaType type, std::unique_ptr<TypeCodec> codec);

namespace Detail {

/// The same for a type that has no codec yet; \a codec is deleted if it has.
MSGPACKRPC_EXPORT void addTypeCodec(QMetaType type, std::unique_ptr<TypeCodec> codec);

} // namespace Detail

} // namespace MsgpackRpc
