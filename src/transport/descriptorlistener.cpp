// SPDX-License-Identifier: Apache-2.0
#include "transport/descriptorlistener_p.h"

#include "transport/socketdevice_p.h"
#include "transport/tcpsocket_p.h"
#include "transport/transport_p.h"

namespace MsgpackRpc {

DescriptorListener::DescriptorListener(Kind kind)
    : m_server([this](qintptr descriptor) { accept(descriptor); }), m_kind(kind)
{
    connect(&m_server, &TcpServer::rested, this, &Listener::acceptFailed);
}

void DescriptorListener::accept(qintptr descriptor)
{
    if (settings().notifierMode == NotifierMode::PerThread) {
        if (auto device = SocketDevice::create(descriptor, settings().log.get())) {
            if (m_kind == Tcp)
                device->tune(settings().keepAlive);
            device->setObjectName(m_url.toString()); // for those without an address
            offer(std::move(device));
            return;
        }
    }
    auto socket = std::make_unique<TcpSocket>();
    if (m_kind == Tcp ? !socket->accept(descriptor) : !socket->acceptLocal(descriptor))
        return;
    if (m_kind == Tcp)
        socket->tune(settings().keepAlive);
    socket->setObjectName(m_url.toString());
    offer(std::move(socket));
}

} // namespace MsgpackRpc
