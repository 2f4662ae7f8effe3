// SPDX-License-Identifier: Apache-2.0
#include "session/notificationlog_p.h"

#include "base/logging_p.h"

namespace MsgpackRpc::Detail {

void NotificationLog::failed(const QString &method, const QString &why) const
{
    if (rate && rate->decide(lcDispatch()) != LogRate::Write)
        return;
    const QString from = peer.isEmpty() ? QString() : QLatin1String(" from ") + loggable(peer);
    qCWarning(lcDispatch).noquote()
            << "a notification of" << loggable(method) + from << "failed:" << loggable(why);
}

} // namespace MsgpackRpc::Detail
