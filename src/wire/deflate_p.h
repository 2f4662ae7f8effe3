// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <memory>

struct z_stream_s;

namespace MsgpackRpc {

/// One direction of a compressed connection, sending: a zlib stream (RFC 1950) that lives as long as the connection,
/// with a sync flush at the end of each message (doc/protocol, "Deflate").
class Deflater
{
public:
    Deflater();
    ~Deflater();

    /// Compresses \a size bytes of a message.
    void write(const char *data, qsizetype size);
    /// Ends the message: what was written can be decompressed by the peer.
    void flush();
    /// Begins a new stream.
    void reset();
    /// Compressed bytes, to be taken by the caller.
    QByteArray &output() { return m_output; }

private:
    void run(int flush);
    struct End
    {
        void operator()(z_stream_s *stream) const;
    };
    std::unique_ptr<z_stream_s, End> m_stream;
    QByteArray m_output;
};

/// One direction of a compressed connection, receiving.
class Inflater
{
public:
    /// Whether the peer may end its stream.
    enum StreamEnd : quint8 { MayNotEnd, MayEnd };
    explicit Inflater(StreamEnd end = MayNotEnd);
    ~Inflater();

    /// Begins a new stream, without input.
    void reset();

    /// Gives compressed bytes.
    void add(const QByteArray &bytes);
    /// Decompresses at most \a most bytes to \a to. Returns how many; 0 if more input is needed, or the stream has ended
    /// where it may; -1 on bad data, or if the peer has ended a stream that must not end, after what came before that.
    qsizetype read(char *to, qsizetype most);
    /// True if read() may have more to give.
    bool hasInput() const noexcept { return m_position < m_input.size() || m_mayHaveOutput; }
    /// True if everything given was used up, and the stream has ended or ends as a sync flush leaves it.
    bool isComplete() const noexcept;
    /// What was wrong, after -1.
    QString error() const { return m_error; }

private:
    struct End
    {
        void operator()(z_stream_s *stream) const;
    };
    std::unique_ptr<z_stream_s, End> m_stream;
    QByteArray m_input;
    qsizetype m_position = 0;
    bool m_mayHaveOutput = false;
    bool m_mayEnd;
    bool m_hasEnded = false;
    QString m_error;
};

} // namespace MsgpackRpc
