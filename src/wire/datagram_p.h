// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/deflate_p.h"
#include "wire/message_p.h"
#include "wire/scanner_p.h"

#include <MsgpackRpc/limits.h>

#include <memory>

namespace MsgpackRpc {

/// Makes a message of a datagram: a plain SESSION and a plain OPTION message, each of which may be missing, then exactly
/// one message, plain or as a zlib stream of its own. Knows no socket.
class DatagramReader
{
public:
    enum Result : quint8 {
        Complete,
        Malformed, ///< not a datagram of the protocol
        OverLimit, ///< more than one of the limits allows
        NotAccepted ///< its OPTION message asks for more than is accepted; nothing was inflated
    };

    explicit DatagramReader(const Limits &limits);

    /// Reads \a bytes. What \a message points to holds as long as they do; a compressed one has a frame of its own.
    /// An OPTION message may ask this side for \a accepted. \a mayInflate says whether a compressed message is expected
    /// though no OPTION message announces it.
    Result read(QByteArrayView bytes, Message &message, TransportOption accepted,
                bool mayInflate = false);
    /// What the last datagram's OPTION message asked for, from its sender's point of view.
    ExchangeOption option() const noexcept { return m_option; }
    /// The address in the last datagram's SESSION message; null if there was none.
    QByteArrayView address() const noexcept { return m_address; }
    /// What was wrong, after anything but Complete.
    QString error() const { return m_error; }
    /// Bytes that the last datagram was inflated to, whatever came of it: what reading it has cost.
    qsizetype inflatedBytes() const noexcept { return m_inflated; }

private:
    Result readPlain(QByteArrayView bytes, Message &message);
    Result readDeflated(QByteArrayView bytes, Message &message);
    Result grow(QByteArray &frame, qsizetype &size);
    Result accept(const char *data, Message &message);
    Result refuse(Result result, const QString &why);
    Result takePrefix(const Message &message, TransportOption accepted);

    Scanner m_scanner;
    std::unique_ptr<Inflater> m_inflater; // made when the first compressed message comes
    qsizetype m_maxInflated;
    qsizetype m_inflated = 0;
    ExchangeOption m_option;
    QByteArrayView m_address;
    QString m_error;
    bool m_hasOption = false;
};

/// Makes datagrams of messages.
class DatagramWriter
{
public:
    /// Each datagram begins with \a prefix; the message after it is compressed if \a deflates says so.
    DatagramWriter(const QByteArray &prefix, bool deflates);

    /// Begins a datagram.
    void begin();
    /// Adds \a size bytes of its message.
    void add(const char *data, qsizetype size);
    /// Ends it. The bytes hold until begin().
    const QByteArray &finish();

private:
    QByteArray m_prefix;
    QByteArray m_bytes;
    std::unique_ptr<Deflater> m_deflater;
};

} // namespace MsgpackRpc
