// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/listener_p.h"

namespace MsgpackRpc {

/// "Accepts" whoever has started this program, over its standard streams.
class StandardListener final : public Listener
{
    Q_OBJECT

public:
    StandardListener() = default;

    /// False if they cannot be used, or are in use already; the URL is not looked at.
    bool listen(const QUrl &url) override;
    /// There is none: nobody else can connect.
    QUrl url() const override { return {}; }
    bool keepsIdle() const override { return true; }
    void close() override { m_device.reset(); }
    void setPaused(bool paused) override;

Q_SIGNALS:
    /// The connection has ended. From the event loop, unless this was deleted before.
    void ended();

private:
    void accept();

    std::unique_ptr<QIODevice> m_device; // until it is accepted
    bool m_isPaused = false;
};

} // namespace MsgpackRpc
