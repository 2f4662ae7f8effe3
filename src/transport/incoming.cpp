// SPDX-License-Identifier: Apache-2.0
#include "transport/incoming_p.h"

#include <MsgpackRpc/limits.h>

#include <QtCore/QIODevice>

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr qsizetype InflateStep = 64 * 1024;
constexpr int FirstOfDeflate = 0x78;

} // namespace

Incoming::Incoming(const Limits &limits, BlockPool &pool)
    : m_reader(limits, pool), m_mostInflated(std::max<qsizetype>(limits.inflatedBytes, 0))
{
}

void Incoming::startInflating()
{
    m_awaitsInflate = false;
    m_inflater = std::make_unique<Inflater>();
    m_inflater->add(m_reader.takeRest());
}

bool Incoming::beginsHere()
{
    if (m_reader.peek() != FirstOfDeflate)
        return false;
    startInflating();
    return true;
}

Incoming::Taken Incoming::read(QIODevice &device, bool givesAll)
{
    if (m_inflater)
        return inflate(device);
    const MessageReader::Space space = m_reader.space();
    const auto size = qsizetype(device.read(space.data, space.size));
    if (size > 0)
        m_reader.added(size);
    // Another device than a socket may have more, or only now say that it has ended.
    return {size, std::max<qsizetype>(size, 0), givesAll ? size < space.size : size <= 0};
}

// Reads compressed bytes as needed, once: it is no matter of course that they give any plain ones. The limit stops a message
// before it has grown.
Incoming::Taken Incoming::inflate(QIODevice &device)
{
    const qsizetype left = m_mostInflated - m_reader.partialSize();
    if (left <= 0) {
        m_isTooLarge = true;
        m_failure =
                QStringLiteral("a message that inflates to more than %1 bytes").arg(m_mostInflated);
        return {0, 0, false};
    }
    const MessageReader::Space space = m_reader.space();
    const qsizetype most = std::min({space.size, left, InflateStep});
    qsizetype size = m_inflater->read(space.data, most);
    qsizetype received = 0;
    if (size == 0) {
        QByteArray compressed(InflateStep, Qt::Uninitialized);
        received = qsizetype(device.read(compressed.data(), compressed.size()));
        if (received <= 0)
            return {received, 0, true};
        compressed.truncate(received);
        m_inflater->add(compressed);
        size = m_inflater->read(space.data, most);
    }
    if (size < 0)
        m_failure = m_inflater->error();
    if (size > 0)
        m_reader.added(size);
    return {std::max<qsizetype>(size, 0), received, false};
}

} // namespace MsgpackRpc
