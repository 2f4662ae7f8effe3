// SPDX-License-Identifier: Apache-2.0
#include "transport/endwatch_p.h"

#ifdef Q_OS_LINUX

#    include "transport/forwardingdevice_p.h"
#    include "transport/pipedevice_p.h"
#    include "transport/socketdevice_p.h"

#    include <QtNetwork/QAbstractSocket>
#    include <QtNetwork/QLocalSocket>

#    include <fcntl.h>
#    include <unistd.h>
#    include <utility>

namespace MsgpackRpc {

namespace {

qintptr descriptorOf(const QIODevice *device)
{
    if (auto *const socket = qobject_cast<const QAbstractSocket *>(device))
        return socket->socketDescriptor();
    if (auto *const local = qobject_cast<const QLocalSocket *>(device))
        return local->socketDescriptor();
    if (auto *const own = qobject_cast<const SocketDevice *>(device))
        return own->tellsOfEnd() ? -1 : own->socketDescriptor();
    if (auto *const pipes = qobject_cast<const PipeDevice *>(device))
        return pipes->inputDescriptor();
    if (auto *const forwarding = qobject_cast<const ForwardingDevice *>(device))
        return descriptorOf(forwarding->inner());
    return -1;
}

} // namespace

// A descriptor of its own: the device may close its one at any time, whose number is somebody else's then.
std::unique_ptr<EndWatch> EndWatch::begin(const QIODevice *device, std::function<void()> ended)
{
    const auto watched = int(descriptorOf(device));
    QString why;
    std::shared_ptr<EpollSet> set = watched >= 0 ? EpollSet::current(&why) : nullptr;
    const int descriptor = set ? fcntl(watched, F_DUPFD_CLOEXEC, 0) : -1;
    if (descriptor < 0)
        return nullptr;
    std::unique_ptr<EndWatch> watch(new EndWatch(descriptor, std::move(set), std::move(ended)));
    return watch->m_set->add(descriptor, watch.get(), EPOLLRDHUP | EPOLLET) ? std::move(watch)
                                                                            : nullptr;
}

EndWatch::EndWatch(int descriptor, std::shared_ptr<EpollSet> set, std::function<void()> ended)
    : m_descriptor(descriptor), m_set(std::move(set)), m_ended(std::move(ended))
{
}

EndWatch::~EndWatch()
{
    m_set->remove(m_descriptor, this);
    ::close(m_descriptor);
}

// Last: it may delete this.
void EndWatch::ready(quint32)
{
    if (const auto ended = std::exchange(m_ended, nullptr))
        ended();
}

} // namespace MsgpackRpc

#endif
