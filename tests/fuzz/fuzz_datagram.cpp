// SPDX-License-Identifier: Apache-2.0

// DatagramReader: any datagram is a message or refused with a reason, inflates no more than the limit, and nothing for
// who may not ask for it.
#include "fuzz.h"

#include "wire/datagram_p.h"

using namespace MsgpackRpc;

namespace {

// The message after the prefix, compressed: random changes seldom make a stream that inflates.
QByteArray compressed(QByteArrayView prefix, QByteArrayView message)
{
    DatagramWriter writer(prefix.toByteArray(), true);
    writer.begin();
    writer.add(message.data(), message.size());
    return writer.finish();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz::Input input(data, size);
    const quint8 choice = input.byte();
    Limits limits;
    limits.inflatedBytes = (choice & 1) != 0 ? 100 : 100'000;
    const bool mayInflate = (choice & 2) != 0;
    const TransportOption accepted((choice & 4) != 0   ? TransportOption::RxDeflate
                                   : (choice & 8) != 0 ? TransportOption::Deflate
                                                       : TransportOption::Default);
    QByteArray bytes;
    if ((choice & 16) != 0) {
        const QByteArrayView prefix = input.take((choice & 32) != 0 ? 4 : 13);
        bytes = compressed(prefix, input.rest());
    } else {
        bytes = input.rest().toByteArray();
    }

    DatagramReader reader(limits);
    Message message;
    const DatagramReader::Result result = reader.read(bytes, message, accepted, mayInflate);
    const QByteArray text = bytes.toHex();
    Fuzz::require((result == DatagramReader::Complete) == reader.error().isEmpty(),
                  "a reason, or a message", text);
    Fuzz::require(reader.inflatedBytes() <= limits.inflatedBytes + 1, "no more is inflated", text);
    if (!mayInflate && !accepted.testFlag(TransportOption::RxDeflate))
        Fuzz::require(reader.inflatedBytes() == 0, "nothing is inflated unasked", text);
    if (result != DatagramReader::Complete)
        return 0;
    Fuzz::require(message.type != Message::Session && message.type != Message::Option
                          && message.fault != Message::Fatal,
                  "one message for those above", text);
    Fuzz::require(reader.inflatedBytes() == message.frame.size(), "a frame of its own", text);
    const qsizetype inflated = reader.inflatedBytes();
    Message again;
    Fuzz::require(reader.read(bytes, again, accepted, mayInflate) == result
                          && again.params == message.params && again.result == message.result
                          && reader.inflatedBytes() == inflated,
                  "the same again", text);
    return 0;
}
