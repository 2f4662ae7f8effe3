// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rawvalue.h"

#include <MsgpackRpc/CallContext>
#include <MsgpackRpc/IncomingCall>
#include <MsgpackRpc/Responder>
#include <MsgpackRpc/Session>

#include <QtCore/QTimer>

namespace Conformance {

using MsgpackRpc::CallContext;
using MsgpackRpc::Error;
using MsgpackRpc::ErrorException;
using MsgpackRpc::IncomingCall;
using MsgpackRpc::Responder;
using MsgpackRpc::Session;

/// What conformance_server serves.
class Methods : public QObject
{
public:
    template<typename Endpoint>
    bool bindTo(Endpoint &endpoint)
    {
        endpoint.objectDispatcher().setFallback([this](IncomingCall &call) { return poke(call); });
        const auto echo = [](const RawValue &value) { return value; };
        return endpoint.bind("echo", echo) && endpoint.bind(7, echo)
               && endpoint.bind("add", this, &Methods::add)
               && endpoint.bind("sleep", this, &Methods::sleep)
               && endpoint.bind("fail", this, &Methods::fail)
               && endpoint.bind("notify_count", this, &Methods::notifyCount)
               && endpoint.bind("who", this, &Methods::who)
               && endpoint.bind("back", this, &Methods::back);
    }

private:
    qint64 add(qint64 a, qint64 b)
    {
        const qint64 sum = qint64(quint64(a) + quint64(b));
        if ((a < 0) == (b < 0) && (sum < 0) != (a < 0))
            throw ErrorException("the sum does not fit into 64 bits");
        return sum;
    }
    void sleep(int ms, const Responder &responder)
    {
        constexpr int Longest = 600'000;
        if (ms < 0 || ms > Longest)
            throw ErrorException("sleep(ms) takes 0 to 600000");
        QTimer::singleShot(ms, this, [ms, responder] { responder.result(ms); });
    }
    void fail(const QVariant &error) { CallContext::current().setError(error); }
    int notifyCount() const { return m_notifications; }
    static Session *caller() { return CallContext::current().session().session(); }
    QVariant who() const
    {
        const auto address = caller()->address();
        return address ? address->toString() : QVariant();
    }
    void back(const RawValue &value, const Responder &responder)
    {
        caller()->call<RawValue>("echo", value)
                .then(this, [responder](const RawValue &echoed) { responder.result(echoed); })
                .onError(this, [responder](const Error &error) { responder.error(error); });
    }
    // Takes any number of arguments, which no bound function does.
    bool poke(IncomingCall &call)
    {
        if (call.isNumber() || call.method() != "poke")
            return false;
        m_notifications += call.isNotification() ? 1 : 0;
        call.reply();
        return true;
    }

    int m_notifications = 0;
};

} // namespace Conformance
