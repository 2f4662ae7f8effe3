// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/counters.h>

#include <QtCore/QDebug>
#include <QtCore/QMetaEnum>

namespace MsgpackRpc {

namespace {

struct Plain
{
    const char *name;
    quint64 Counters::*counter;
};

constexpr Plain plains[] = {
        {"bytesReceived", &Counters::bytesReceived},
        {"bytesSent", &Counters::bytesSent},
        {"messagesReceived", &Counters::messagesReceived},
        {"messagesSent", &Counters::messagesSent},
        {"callsMade", &Counters::callsMade},
        {"callsAnswered", &Counters::callsAnswered},
        {"notificationsMade", &Counters::notificationsMade},
        {"requestsReceived", &Counters::requestsReceived},
        {"notificationsReceived", &Counters::notificationsReceived},
        {"errorsAnswered", &Counters::errorsAnswered},
        {"badCalls", &Counters::badCalls},
        {"violations", &Counters::violations},
        {"limitsPassed", &Counters::limitsPassed},
        {"datagramsDropped", &Counters::datagramsDropped},
        {"connectionsOpened", &Counters::connectionsOpened},
};

constexpr std::array<const char *, Counters::Rejections> rejections = {
        "TooManyFromAddress", "HandshakeFailed", "NotAuthenticated", "SystemRefused"};

template<typename Combine>
void combine(Counters &to, const Counters &other, Combine with)
{
    for (const Plain &plain : plains)
        with(to.*plain.counter, other.*plain.counter);
    for (size_t i = 0; i < to.callsFailedBy.size(); ++i)
        with(to.callsFailedBy[i], other.callsFailedBy[i]);
    for (size_t i = 0; i < to.connectionsRejectedBy.size(); ++i)
        with(to.connectionsRejectedBy[i], other.connectionsRejectedBy[i]);
}

} // namespace

Counters &Counters::operator+=(const Counters &other) noexcept
{
    combine(*this, other, [](quint64 &to, quint64 from) { to += from; });
    return *this;
}

Counters &Counters::operator-=(const Counters &other) noexcept
{
    combine(*this, other, [](quint64 &to, quint64 from) { to -= from; });
    return *this;
}

bool operator==(const Counters &a, const Counters &b) noexcept
{
    for (const Plain &plain : plains) {
        if (a.*plain.counter != b.*plain.counter)
            return false;
    }
    return a.callsFailedBy == b.callsFailedBy && a.connectionsRejectedBy == b.connectionsRejectedBy;
}

QDebug operator<<(QDebug debug, const Counters &counters)
{
    const QDebugStateSaver saver(debug);
    debug.nospace() << "MsgpackRpc::Counters(";
    const char *separator = "";
    const auto print = [&](const char *group, const char *name, quint64 count) {
        if (count == 0)
            return;
        debug << separator << group << name << ' ' << count;
        separator = ", ";
    };
    for (const Plain &plain : plains)
        print("", plain.name, counters.*plain.counter);
    const QMetaEnum codes = QMetaEnum::fromType<Error::Code>();
    for (size_t i = 0; i < counters.callsFailedBy.size(); ++i)
        print("callsFailed ", codes.valueToKey(int(i)), counters.callsFailedBy[i]);
    for (size_t i = 0; i < rejections.size(); ++i)
        print("connectionsRejected ", rejections[i], counters.connectionsRejectedBy[i]);
    debug << ')';
    return debug;
}

} // namespace MsgpackRpc
