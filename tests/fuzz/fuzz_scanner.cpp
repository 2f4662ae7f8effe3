// SPDX-License-Identifier: Apache-2.0

// Scanner, in one piece and in many, against the parser of msgpack-cxx: the same bytes are a message to both. What the
// limits refuse is more than they allow.
#include "fuzz.h"

#include "wire/message_p.h"
#include "wire/scanner_p.h"

#include <msgpack.hpp>

#include <vector>

using namespace MsgpackRpc;

namespace {

// What msgpack-cxx says, and what the limits are about.
struct Oracle : msgpack::null_visitor
{
    explicit Oracle(QByteArrayView bytes)
    {
        msgpack::parse(bytes.data(), size_t(bytes.size()), end, *this);
    }
    bool start_array(uint32_t values) { return open(values); }
    bool end_array() { return close(); }
    bool start_map(uint32_t entries) { return open(2 * quint64(entries)); }
    bool end_map() { return close(); }
    void parse_error(size_t, size_t) { isMalformed = true; }
    void insufficient_bytes(size_t, size_t) { isCut = true; }

    bool open(quint64 values)
    {
        items += qint64(values);
        containers.push_back(values > 0);
        nesting += values > 0 ? 1 : 0;
        depth = std::max(depth, nesting);
        return true;
    }
    bool close()
    {
        nesting -= containers.back() ? 1 : 0;
        containers.pop_back();
        return true;
    }

    size_t end = 0;
    bool isMalformed = false;
    bool isCut = false;
    qint64 items = 0;
    int nesting = 0;
    int depth = 0;
    std::vector<bool> containers; // which are not empty
};

struct Outcome
{
    Scanner::Result result = Scanner::NeedMore;
    qsizetype size = 0;
};

Outcome scan(Scanner &scanner, QByteArrayView bytes, qsizetype mostAtOnce, quint8 seed)
{
    Outcome outcome;
    Fuzz::Cuts cuts(seed);
    while (outcome.result == Scanner::NeedMore && outcome.size < bytes.size()) {
        const qsizetype size = std::min(cuts.next(mostAtOnce), bytes.size() - outcome.size);
        const char *pos = bytes.data() + outcome.size;
        const char *const end = pos + size;
        outcome.result = scanner.scan(pos, end);
        outcome.size = pos - bytes.data();
        if (outcome.result == Scanner::NeedMore)
            Fuzz::require(pos == end && scanner.missing() > 0, "it stopped but wants more");
    }
    return outcome;
}

bool beginsAMessage(QByteArrayView bytes)
{
    const auto first = uchar(bytes.front());
    if ((first & 0xf0) == 0x90)
        return first != 0x90;
    if (first != 0xdc && first != 0xdd)
        return false;
    const QByteArrayView length =
            bytes.sliced(1).first(std::min<qsizetype>(first == 0xdc ? 2 : 4, bytes.size() - 1));
    return length.size() < (first == 0xdc ? 2 : 4)
           || std::any_of(length.begin(), length.end(), [](char byte) { return byte != 0; });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz::Input input(data, size);
    const quint8 choice = input.byte();
    const quint8 seed = input.byte();
    const QByteArrayView bytes = input.rest();
    if (bytes.isEmpty())
        return 0;
    Limits limits;
    if ((choice & 1) != 0)
        limits.depth = 3;
    if ((choice & 2) != 0)
        limits.items = 20;
    if ((choice & 4) != 0)
        limits.messageBytes = 50;

    const Oracle oracle(bytes);
    Scanner scanner(limits);
    const Outcome whole = scan(scanner, bytes, 1'000'000, 0);
    Scanner slow(limits);
    const Outcome pieces = scan(slow, bytes, 9, seed);
    const QByteArray text = bytes.toByteArray().toHex();
    Fuzz::require(whole.result == pieces.result, "the same in pieces", text);
    Fuzz::require(whole.result == Scanner::Failed || whole.size == pieces.size,
                  "it ends at the same byte in pieces", text);
    // One that is both malformed and too large is refused for what is noticed first.
    Fuzz::require(oracle.isMalformed || scanner.exceedsLimit() == slow.exceedsLimit(),
                  "the same reason", text);

    const bool exceeds = oracle.items > limits.items || oracle.depth > limits.depth
                         || qsizetype(oracle.end) > limits.messageBytes;
    if (!beginsAMessage(bytes)) {
        Fuzz::require(whole.result == Scanner::Failed, "only an array is a message", text);
    } else if (whole.result == Scanner::Failed && scanner.exceedsLimit()) {
        Fuzz::require(exceeds || oracle.isCut || oracle.isMalformed, "a limit is passed", text);
    } else if (oracle.isMalformed) {
        Fuzz::require(whole.result == Scanner::Failed, "malformed", text);
    } else if (oracle.isCut) {
        Fuzz::require(whole.result == Scanner::NeedMore, "cut", text);
    } else {
        Fuzz::require(!exceeds && whole.result == Scanner::Complete
                              && whole.size == qsizetype(oracle.end),
                      "complete", text);
        Message message;
        message.parse(bytes.data(), scanner);
        Message again;
        again.parse(bytes.data(), slow);
        Fuzz::require(message.fault == again.fault && message.type == again.type
                              && message.params == again.params && message.error == again.error
                              && message.result == again.result,
                      "the same message in pieces", text);
        Fuzz::require(message.fault == Message::None || !message.faultText.isEmpty(),
                      "a fault says what is wrong", text);
    }
    return 0;
}
