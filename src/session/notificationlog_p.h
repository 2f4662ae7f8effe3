// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/peerlog_p.h"

#include <QtCore/QString>

namespace MsgpackRpc::Detail {

/// How the failures of notifications of one peer are logged, from any thread: nobody else hears of them.
struct NotificationLog
{
    std::shared_ptr<LogRate> rate; // null: every one
    QString peer; // for people; empty if there is none

    /// One of \a method has failed, because of \a why.
    void failed(const QString &method, const QString &why) const;
};

} // namespace MsgpackRpc::Detail
