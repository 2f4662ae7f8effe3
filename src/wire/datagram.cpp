// SPDX-License-Identifier: Apache-2.0
#include "wire/datagram_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

// What a zlib stream begins with, and no message does.
constexpr char ZlibByte = 0x78;
constexpr qsizetype FirstFrame = 4 * 1024;
constexpr qsizetype InflateStep = 64 * 1024;

} // namespace

DatagramReader::DatagramReader(const Limits &limits)
    : m_scanner(limits), m_maxInflated(limits.inflatedBytes)
{
}

DatagramReader::Result DatagramReader::refuse(Result result, const QString &why)
{
    m_error = why;
    return result;
}

// SESSION comes before OPTION, each once.
DatagramReader::Result DatagramReader::takePrefix(const Message &message, TransportOption accepted)
{
    if (message.type == Message::Session && m_address.isNull() && !m_hasOption) {
        m_address = message.address;
        return Complete;
    }
    if (message.type != Message::Option || m_hasOption)
        return refuse(Malformed,
                      QStringLiteral("SESSION and OPTION messages repeated or out of order"));
    m_hasOption = true;
    m_option = message.option;
    const ExchangeOption mine = m_option.reversed();
    if ((mine.rx.deflate() && !accepted.testFlag(TransportOption::RxDeflate))
        || (mine.tx.deflate() && !accepted.testFlag(TransportOption::TxDeflate)))
        return refuse(NotAccepted,
                      QStringLiteral("an OPTION message that asks for more than is accepted"));
    return Complete;
}

DatagramReader::Result DatagramReader::accept(const char *data, Message &message)
{
    message.parse(data, m_scanner);
    return message.fault == Message::Fatal ? refuse(Malformed, message.faultText) : Complete;
}

DatagramReader::Result DatagramReader::read(QByteArrayView bytes, Message &message,
                                            TransportOption accepted, bool mayInflate)
{
    m_inflated = 0;
    m_option = {};
    m_address = {};
    m_hasOption = false;
    m_error.clear();
    message.frame = QByteArray();
    for (;;) {
        if (!bytes.isEmpty() && bytes.front() == ZlibByte) {
            if (!mayInflate && !m_option.tx.deflate())
                return refuse(Malformed, QStringLiteral("a compressed message, unannounced"));
            return readDeflated(bytes, message);
        }
        const Result result = readPlain(bytes, message);
        const bool isPrefix = message.type == Message::Session || message.type == Message::Option;
        if (result != Complete)
            return result;
        if (!isPrefix) {
            const qsizetype rest = bytes.size() - m_scanner.size();
            return rest == 0 ? Complete
                             : refuse(Malformed,
                                      QStringLiteral("%1 bytes after the message").arg(rest));
        }
        const Result prefix = takePrefix(message, accepted);
        if (prefix != Complete)
            return prefix;
        bytes = bytes.sliced(m_scanner.size());
    }
}

DatagramReader::Result DatagramReader::readPlain(QByteArrayView bytes, Message &message)
{
    m_scanner.reset();
    const char *pos = bytes.data();
    switch (m_scanner.scan(pos, bytes.data() + bytes.size())) {
    case Scanner::Complete:
        return accept(bytes.data(), message);
    case Scanner::NeedMore:
        return refuse(Malformed,
                      QStringLiteral("an incomplete message of %1 bytes").arg(bytes.size()));
    case Scanner::Failed:
        break;
    }
    return refuse(m_scanner.exceedsLimit() ? OverLimit : Malformed, m_scanner.error());
}

// Makes room for more of an inflated message, within the limit.
DatagramReader::Result DatagramReader::grow(QByteArray &frame, qsizetype &size)
{
    const qsizetype wanted = std::min(std::max(FirstFrame, size * 2), m_maxInflated);
    if (wanted <= size)
        return refuse(
                OverLimit,
                QStringLiteral("a message that inflates to more than %1 bytes").arg(m_maxInflated));
    frame.resize(wanted);
    return Complete;
}

// Scanned as it is inflated: what comes after the end of a message, or can't be one, is not inflated to its own end.
DatagramReader::Result DatagramReader::readDeflated(QByteArrayView bytes, Message &message)
{
    if (m_inflater)
        m_inflater->reset();
    else
        m_inflater = std::make_unique<Inflater>(Inflater::MayEnd);
    m_inflater->add(bytes.toByteArray());
    m_scanner.reset();
    QByteArray frame;
    qsizetype size = 0;
    Scanner::Result scanned = Scanner::NeedMore;
    while (scanned == Scanner::NeedMore) {
        char probe;
        const bool isFull = size == m_maxInflated;
        if (!isFull && size == frame.size() && grow(frame, size) != Complete)
            return OverLimit;
        char *const to = isFull ? &probe : frame.data() + size;
        const qsizetype room = isFull ? 1 : std::min(frame.size() - size, InflateStep);
        const qsizetype inflated = m_inflater->read(to, room);
        m_inflated += std::max<qsizetype>(inflated, 0);
        if (inflated < 0)
            return refuse(Malformed, m_inflater->error());
        if (inflated == 0)
            return refuse(Malformed, QStringLiteral("an incomplete compressed message"));
        if (isFull)
            return refuse(OverLimit, QStringLiteral("a message that inflates to more than %1 bytes")
                                             .arg(m_maxInflated));
        const char *pos = to;
        scanned = m_scanner.scan(pos, to + inflated);
        size += inflated;
        if (scanned == Scanner::Complete && pos != to + inflated)
            return refuse(Malformed, QStringLiteral("bytes after the compressed message"));
    }
    if (scanned == Scanner::Failed)
        return refuse(m_scanner.exceedsLimit() ? OverLimit : Malformed, m_scanner.error());
    char probe;
    if (m_inflater->read(&probe, 1) != 0 || !m_inflater->isComplete())
        return refuse(Malformed, QStringLiteral("a compressed message without a proper end"));
    frame.truncate(size);
    message.frame = std::move(frame);
    const Result result = accept(message.frame.constData(), message);
    if (result == Complete && (message.type == Message::Session || message.type == Message::Option))
        return refuse(Malformed, QStringLiteral("a compressed SESSION or OPTION message"));
    return result;
}

DatagramWriter::DatagramWriter(const QByteArray &prefix, bool deflates)
    : m_prefix(prefix), m_deflater(deflates ? std::make_unique<Deflater>() : nullptr)
{
}

void DatagramWriter::begin()
{
    m_bytes.resize(0);
    m_bytes.append(m_prefix);
    if (m_deflater)
        m_deflater->reset();
}

void DatagramWriter::add(const char *data, qsizetype size)
{
    if (m_deflater)
        m_deflater->write(data, size);
    else
        m_bytes.append(data, size);
}

const QByteArray &DatagramWriter::finish()
{
    if (m_deflater) {
        m_deflater->flush();
        m_bytes.append(m_deflater->output());
    }
    return m_bytes;
}

} // namespace MsgpackRpc
