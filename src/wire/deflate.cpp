// SPDX-License-Identifier: Apache-2.0
#include "wire/deflate_p.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace MsgpackRpc {

namespace {

constexpr qsizetype Step = 16 * 1024;

uInt chunk(qsizetype size)
{
    return uInt(std::min<qsizetype>(size, std::numeric_limits<int>::max()));
}

const Bytef *zbytes(const char *data)
{
    return reinterpret_cast<const Bytef *>(data);
}

} // namespace

void Deflater::End::operator()(z_stream_s *stream) const
{
    deflateEnd(stream);
    delete stream;
}

Deflater::Deflater()
{
    auto stream = std::make_unique<z_stream>();
    if (deflateInit(stream.get(), Z_DEFAULT_COMPRESSION) != Z_OK)
        throw std::bad_alloc();
    m_stream.reset(stream.release());
}

Deflater::~Deflater() = default;

void Deflater::run(int flush)
{
    do {
        const qsizetype before = m_output.size();
        m_output.resize(before + Step);
        m_stream->next_out = reinterpret_cast<Bytef *>(m_output.data() + before);
        m_stream->avail_out = uInt(Step);
        deflate(m_stream.get(),
                flush); // can't fail: the stream is sound, and there is room for output
        m_output.truncate(before + Step - qsizetype(m_stream->avail_out));
    } while (m_stream->avail_out == 0);
}

void Deflater::write(const char *data, qsizetype size)
{
    while (size > 0) {
        const uInt taken = chunk(size);
        m_stream->next_in = zbytes(data);
        m_stream->avail_in = taken;
        run(Z_NO_FLUSH);
        data += taken;
        size -= taken;
    }
}

void Deflater::flush()
{
    m_stream->next_in = nullptr;
    m_stream->avail_in = 0;
    run(Z_SYNC_FLUSH);
}

void Deflater::reset()
{
    deflateReset(m_stream.get());
    m_output.clear();
}

void Inflater::End::operator()(z_stream_s *stream) const
{
    inflateEnd(stream);
    delete stream;
}

Inflater::Inflater(StreamEnd end) : m_mayEnd(end == MayEnd)
{
    auto stream = std::make_unique<z_stream>();
    if (inflateInit(stream.get()) != Z_OK)
        throw std::bad_alloc();
    m_stream.reset(stream.release());
}

Inflater::~Inflater() = default;

void Inflater::reset()
{
    inflateReset(m_stream.get());
    m_input.clear();
    m_position = 0;
    m_mayHaveOutput = false;
    m_hasEnded = false;
}

// A sync flush ends with an empty block.
bool Inflater::isComplete() const noexcept
{
    return m_position == m_input.size()
           && (m_hasEnded || m_input.endsWith(QByteArrayView("\0\0\xff\xff", 4)));
}

void Inflater::add(const QByteArray &bytes)
{
    if (m_position == m_input.size()) {
        m_input = bytes;
    } else {
        m_input.remove(0, m_position);
        m_input.append(bytes);
    }
    m_position = 0;
}

qsizetype Inflater::read(char *to, qsizetype most)
{
    const uInt room = chunk(most);
    const uInt available = chunk(m_input.size() - m_position);
    m_stream->next_in = zbytes(m_input.constData() + m_position);
    m_stream->avail_in = available;
    m_stream->next_out = reinterpret_cast<Bytef *>(to);
    m_stream->avail_out = room;
    const int status = inflate(m_stream.get(), Z_SYNC_FLUSH);
    m_position += available - m_stream->avail_in;
    m_mayHaveOutput = m_stream->avail_out == 0;
    m_hasEnded = status == Z_STREAM_END;
    // Z_BUF_ERROR only says that there was nothing to do.
    const auto size = qsizetype(room - m_stream->avail_out);
    if (status == Z_OK || status == Z_BUF_ERROR || (status == Z_STREAM_END && m_mayEnd))
        return size;
    // What was good comes first, however it was cut on its way; zlib says the same again next time.
    if (size > 0)
        return size;
    m_error = status == Z_STREAM_END
                      ? QStringLiteral("the peer ended its compressed stream")
                      : QStringLiteral("bad compressed data (%1)")
                                .arg(QLatin1String(m_stream->msg != nullptr ? m_stream->msg
                                                                            : "zlib"));
    return -1;
}

} // namespace MsgpackRpc
