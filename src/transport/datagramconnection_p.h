// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connection_p.h"
#include "transport/datagramdevice_p.h"
#include "wire/datagram_p.h"

#include <MsgpackRpc/limits.h>
#include <MsgpackRpc/options.h>

#include <memory>

namespace MsgpackRpc {

/// What each datagram to one peer is like.
struct DatagramForm
{
    QByteArray prefix; // an OPTION message, or nothing
    bool deflates = false;
    qsizetype maximum = DatagramDevice::MostIPv4;

    /// The one of a side that asks its peer for \a option.
    static DatagramForm asking(ExchangeOption option, qsizetype maximum);
    /// What is wrong with the size of the message that is open in \a queue; empty if it fits into a datagram.
    QString problem(const OutputQueue &queue) const;
};

/// Messages over datagrams, one each (doc/protocol, "UDP"). Nothing that arrives can end it: what is not right is
/// dropped and counted. What the system does not take is lost, as it may be on the way.
class DatagramConnection final : public Connection, private DatagramReceiver
{
    Q_OBJECT

public:
    /// Takes \a device. An active side sends \a option with each datagram; a passive one has what its peer asked for.
    DatagramConnection(std::unique_ptr<DatagramDevice> device, Role role, ExchangeOption option,
                       const Limits &limits, OutputQueue &queue, ConnectionHandler &handler);
    ~DatagramConnection() override;

    void flush() override;
    bool flushAndWait(std::chrono::milliseconds time) override;
    qsizetype bytesToWrite() const override;
    /// Requests and notifications that come while it is paused are dropped; answers are not.
    void setReadingPaused(bool paused) override { m_isPaused = paused; }
    QString sizeProblem() const override { return m_form.problem(*m_queue); }
    Traffic traffic() const override;
    qint64 lastHeard() const override { return m_lastHeard; }

private:
    qsizetype datagramReceived(QByteArrayView datagram) override;
    void datagramRead(Message &message) override;
    void sendNext();
    bool isHeldBack() const;
    void endDevice() override;
    void proceed() override { flush(); }
    void endOfTurn() override { flush(); }

    std::unique_ptr<DatagramDevice> m_device;
    DatagramForm m_form;
    DatagramReader m_reader;
    DatagramWriter m_writer;
    Role m_role;
    bool m_mayInflate;
    qsizetype m_replyBytes; // for each datagram of a peer that may be somebody else
    qsizetype m_credit = 0;
    qint64 m_lastHeard;
};

} // namespace MsgpackRpc
