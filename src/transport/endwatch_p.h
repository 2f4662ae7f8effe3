// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/epollset_p.h"

#include <QtCore/qglobal.h>

#include <functional>
#include <memory>

QT_BEGIN_NAMESPACE
class QIODevice;
QT_END_NAMESPACE

namespace MsgpackRpc {

#ifdef Q_OS_LINUX

/// Hears that the peer of a stream has ended it, where nobody reads what comes before the end: a notifier for reading is
/// off then.
class EndWatch final : private EpollClient
{
public:
    /// Calls \a ended once, from the event loop, when the peer of \a device has ended its stream, if it has already.
    /// Takes a descriptor: if \a device is closed first, its peer hears of that when this is deleted. Null where there is
    /// none to watch, or the system refuses one more.
    static std::unique_ptr<EndWatch> begin(const QIODevice *device, std::function<void()> ended);
    ~EndWatch();

private:
    EndWatch(int descriptor, std::shared_ptr<EpollSet> set, std::function<void()> ended);
    void ready(quint32 events) override;

    int m_descriptor;
    std::shared_ptr<EpollSet> m_set;
    std::function<void()> m_ended;
};

#else

/// There is nothing of the kind on this system: the end is noticed when it is read.
class EndWatch
{
public:
    static std::unique_ptr<EndWatch> begin(const QIODevice *, const std::function<void()> &)
    {
        return nullptr;
    }
};

#endif

} // namespace MsgpackRpc
