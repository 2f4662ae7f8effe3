// SPDX-License-Identifier: Apache-2.0

// QVariants of any bytes: what is decoded is encoded, and comes back the same.
#include "fuzz.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QVariant>

using namespace MsgpackRpc;

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
    Writer writer(isOld ? WireFormat::Compatibility : WireFormat::Modern);
    Codec<QVariant>::write(writer, value);
    if (writer.hasFailed()) { // an extension or the like, to an old peer
        Fuzz::require(isOld, "what was read can be written", writer.failure().toUtf8());
        return 0;
    }
    const QByteArray once = writer.bytes();
    Reader again(once);
    QVariant second;
    Fuzz::require(Codec<QVariant>::read(again, second) && again.atEnd(), "it is read back",
                  once.toHex());
    Writer twice(isOld ? WireFormat::Compatibility : WireFormat::Modern);
    Codec<QVariant>::write(twice, second);
    Fuzz::require(twice.bytes() == once, "it is the same when it is read back",
                  once.toHex() + " and " + twice.bytes().toHex());
    return 0;
}
