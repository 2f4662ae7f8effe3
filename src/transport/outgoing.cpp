// SPDX-License-Identifier: Apache-2.0
#include "transport/outgoing_p.h"

#include <algorithm>
#include <utility>

namespace MsgpackRpc {

namespace {

constexpr qsizetype CopyStep = 256 * 1024;
constexpr qsizetype CompressStep = 256 * 1024;
constexpr qsizetype CompressedSlice = 64 * 1024;

} // namespace

void Outgoing::startDeflating()
{
    if (m_queue.isFrontPartial()) {
        for (qsizetype left = m_queue.frontMessageSize(); left > 0;) {
            const Writer::Segment segment = m_queue.front();
            const qsizetype size = std::min(segment.size, left);
            m_raw.append(segment.data, size);
            m_queue.sent(size);
            left -= size;
        }
    }
    m_deflater = std::make_unique<Deflater>();
    m_isPrepared = true;
}

Writer::Segment Outgoing::frontPrepared()
{
    if (m_raw.isEmpty() && !m_queue.isEmpty()) {
        if (m_deflater)
            compressSome();
        else
            copySome();
    }
    return {m_raw.constData() + m_rawSent, m_raw.size() - m_rawSent};
}

void Outgoing::sentPrepared(qsizetype size)
{
    m_rawSent += size;
    if (m_rawSent == m_raw.size()) {
        m_raw.clear();
        m_rawSent = 0;
    }
}

void Outgoing::copySome()
{
    const Writer::Segment segment = m_queue.front();
    const qsizetype size = std::min(segment.size, CopyStep);
    m_raw.append(segment.data, size);
    m_queue.sent(size);
}

// Each message is ended by a sync flush, until there is a good deal to write. Of a large one zlib may keep what it got.
void Outgoing::compressSome()
{
    qsizetype taken = 0;
    while (!m_queue.isEmpty() && m_deflater->output().size() < CompressedSlice
           && taken < CompressStep) {
        const Writer::Segment segment = m_queue.front();
        const qsizetype size = std::min({segment.size, m_queue.frontMessageSize(), CompressStep});
        const bool endsMessage = size == m_queue.frontMessageSize();
        m_deflater->write(segment.data, size);
        if (endsMessage)
            m_deflater->flush();
        m_queue.sent(size);
        taken += size;
    }
    m_raw = std::exchange(m_deflater->output(), QByteArray());
}

} // namespace MsgpackRpc
