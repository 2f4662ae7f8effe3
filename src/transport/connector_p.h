// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QIODevice>
#include <QtCore/QObject>
#include <QtCore/QUrl>

#include <chrono>
#include <memory>

namespace MsgpackRpc {

struct TransportSettings;

/// One attempt to open a connection. Deleting it gives the attempt up.
class Connector : public QObject
{
    Q_OBJECT

public:
    /// A connector for the URL of \a settings, which are of no use to it afterwards. One that is not usable fails with
    /// what check() says.
    static std::unique_ptr<Connector> create(const TransportSettings &settings);
    /// What is wrong with \a url; empty if it can be connected to.
    static QString check(const QUrl &url);

    /// False if there is no use in trying again: the URL is wrong.
    virtual bool isUsable() const { return true; }
    /// Begins. One of the signals follows, never before this has returned.
    virtual void start() = 0;
    /// Blocks until the connection is there, for at most \a time; runs no event loop. True if connected() was emitted.
    virtual bool waitForConnected(std::chrono::milliseconds time) = 0;
    /// Gives the open device away, once connected() is emitted.
    std::unique_ptr<QIODevice> takeDevice() { return std::move(m_device); }

Q_SIGNALS:
    /// takeDevice() has it.
    void connected();
    /// It did not work, because of \a reason.
    void failed(const QString &reason);

protected:
    Connector() = default;
    std::unique_ptr<QIODevice> m_device;
};

} // namespace MsgpackRpc
