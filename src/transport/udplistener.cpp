// SPDX-License-Identifier: Apache-2.0
#include "transport/udplistener_p.h"

#include "transport/transport_p.h"
#include "transport/turn_p.h"
#include "transport/turnbudget_p.h"

#include <QtCore/QVariant>

namespace MsgpackRpc {

namespace {

constexpr int ReceiveBuffer = 1024 * 1024;

} // namespace

UdpPeer::UdpPeer(UdpListener *listener, std::shared_ptr<QUdpSocket> socket, const UdpSource &source)
    : m_listener(listener), m_socket(std::move(socket)), m_source(source)
{
}

UdpPeer::~UdpPeer()
{
    UdpPeer::close();
}

// Not only when it is deleted, which a handler that runs puts off: what comes from the source now is for another session.
void UdpPeer::close()
{
    if (const QPointer<UdpListener> listener = std::exchange(m_listener, nullptr))
        listener->forget(m_source);
    DatagramDevice::close();
}

bool UdpPeer::send(const QByteArray &datagram)
{
    return m_socket->writeDatagram(datagram, m_source.host, m_source.port) == datagram.size();
}

void UdpPeer::drop(DatagramDrops::Reason reason, const QString &what)
{
    m_drops.addSilently();
    if (m_listener)
        m_listener->drop(reason, m_source, what);
}

// The last who holds the socket may let go of it within one of its signals.
UdpListener::UdpListener()
    : m_socket(new QUdpSocket, [](QUdpSocket *socket) {
          socket->close();
          socket->deleteLater();
      })
{
    connect(m_socket.get(), &QIODevice::channelReadyRead, this, &UdpListener::onReadyRead);
}

UdpListener::~UdpListener()
{
    m_socket->disconnect(this);
}

bool UdpListener::listen(const QUrl &url)
{
    const QHostAddress host = hostOf(url);
    if (host.isNull()) {
        setError(QStringLiteral("%1: expected a literal address to listen at, or localhost")
                         .arg(url.toString()));
        return false;
    }
    if (!m_socket->bind(host, quint16(url.port(0)), QAbstractSocket::DontShareAddress)) {
        setError(QStringLiteral("%1: %2").arg(url.toString(), m_socket->errorString()));
        return false;
    }
    m_socket->setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, ReceiveBuffer);
    m_url = url;
    m_url.setPort(m_socket->localPort());
    return true;
}

void UdpListener::close()
{
    m_socket->disconnect(this);
    m_url.clear();
}

void UdpListener::drop(DatagramDrops::Reason reason, const UdpSource &source, const QString &what)
{
    m_drops.add(reason, Address(source.host, source.port).toString(), what);
}

// Reads at least once: only that lets the socket tell again. What is left over, it tells of again too.
void UdpListener::onReadyRead()
{
    const std::shared_ptr<Turn> turn = Turn::current();
    if (turn->isDeepest())
        return turn->whenShallower(this, &UdpListener::onReadyRead);
    const Turn::Handling handling(*turn);
    const QPointer<UdpListener> guard(this);
    const std::shared_ptr<QUdpSocket> socket = m_socket;
    TurnBudget budget;
    QByteArray buffer(DatagramDevice::MostIPv6 + 1, Qt::Uninitialized);
    qsizetype inflated = 0;
    do {
        UdpSource source;
        const qint64 size =
                socket->readDatagram(buffer.data(), buffer.size(), &source.host, &source.port);
        inflated = size >= 0 ? read(QByteArrayView(buffer.constData(), size), source) : 0;
    } while (guard && !m_url.isEmpty() && budget.takeMessage() && budget.takeBytes(inflated)
             && socket->hasPendingDatagrams());
}

// Read here to know whose it is; a session is made for a whole message only. Returns how many bytes were inflated.
qsizetype UdpListener::read(QByteArrayView datagram, UdpSource source)
{
    if (!m_reader)
        m_reader = std::make_unique<DatagramReader>(settings().limits);
    Message message;
    const DatagramReader::Result result = m_reader->read(datagram, message, settings().accepted);
    const qsizetype inflated = m_reader->inflatedBytes();
    source.option = m_reader->option();
    if (result == DatagramReader::Complete)
        route(message, datagram.size(), source); // may delete this
    else
        drop(DatagramDrops::reasonFor(result), source, m_reader->error());
    return inflated;
}

void UdpListener::route(Message &message, qsizetype bytes, const UdpSource &source)
{
    UdpPeer *peer = m_peers.value(source);
    if (peer == nullptr) {
        // An answer is not asked for by anyone that is not known any more.
        if (message.type == Message::Response)
            return drop(DatagramDrops::NotAccepted, source, QStringLiteral("a response to nobody"));
        auto made = std::make_unique<UdpPeer>(this, m_socket, source);
        m_peers.insert(source, made.get());
        const QPointer<UdpListener> guard(this);
        offer(std::move(made));
        if (!guard)
            return;
        peer = m_peers.value(source);
        if (peer == nullptr)
            return drop(DatagramDrops::NoRoom, source,
                        QStringLiteral("there is no room for another session"));
    }
    peer->take(message, bytes);
}

} // namespace MsgpackRpc
