// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/connector_p.h"

#include <QtCore/QPointer>

namespace MsgpackRpc {

/// "Connects" to a device that somebody has opened.
class DeviceConnector final : public Connector
{
    Q_OBJECT

public:
    explicit DeviceConnector(QIODevice *device);

    /// Why \a device, which may be null, is of no use; empty if it is.
    static QString problemOf(const QIODevice *device);

    bool isUsable() const override;
    void start() override;
    bool waitForConnected(std::chrono::milliseconds time) override;

private:
    void connectNow();

    QPointer<QIODevice> m_user;
    bool m_isDone = false;
};

} // namespace MsgpackRpc
