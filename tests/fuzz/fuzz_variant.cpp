// SPDX-License-Identifier: Apache-2.0

// QVariants of any bytes: what is decoded is encoded, and comes back the same.
#include "fuzz.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QVariant>

#include <optional>

using namespace MsgpackRpc;

namespace {

QVariant decode(const QByteArray &bytes)
{
    Reader reader(bytes);
    QVariant value;
    Fuzz::require(Codec<QVariant>::read(reader, value) && reader.atEnd(), "it is read back",
                  bytes.toHex());
    return value;
}

std::optional<QByteArray> encode(const QVariant &value, WireFormat format)
{
    Writer writer(format);
    Codec<QVariant>::write(writer, value);
    return writer.hasFailed() ? std::nullopt : std::make_optional(writer.bytes());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz::Input input(data, size);
    const bool isOld = (input.byte() & 1) != 0;
    const QByteArrayView bytes = input.rest();
    Reader reader(bytes);
    QVariant value;
    if (!Codec<QVariant>::read(reader, value)) {
        Fuzz::require(!reader.failure().isEmpty(), "a failure says why");
        return 0;
    }
    const WireFormat format = isOld ? WireFormat::Compatibility : WireFormat::Modern;
    const std::optional<QByteArray> once = encode(value, format);
    if (!once) { // an extension or the like, to an old peer
        Fuzz::require(isOld, "what was read can be written", bytes.toByteArray().toHex());
        return 0;
    }
    // Old peers do not tell text from binary: what was binary is text when it is back, and a map may be of another kind.
    const QByteArray stable = isOld ? *encode(decode(*once), format) : *once;
    const std::optional<QByteArray> again = encode(decode(stable), format);
    Fuzz::require(again == stable, "it is the same when it is read back", stable.toHex());
    return 0;
}
