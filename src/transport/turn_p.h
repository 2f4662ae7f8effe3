// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/messagereader_p.h"

#include <QtCore/QObject>

#include <memory>
#include <vector>

QT_BEGIN_NAMESPACE
class QAbstractEventDispatcher;
QT_END_NAMESPACE

namespace MsgpackRpc {

class Turn;

/// Someone who has something to do at the end of the event loop's turn.
class TurnClient
{
public:
    /// Called once for each Turn::schedule(). Must not run user code.
    virtual void endOfTurn() = 0;

protected:
    TurnClient() = default;
    virtual ~TurnClient();

private:
    friend class Turn;
    Turn *m_turn = nullptr; // where this is scheduled
    size_t m_place = 0; // in its list
    Q_DISABLE_COPY_MOVE(TurnClient)
};

/// The turns of the event loop of one thread, and what its connections share. Every connection of a thread holds the
/// same one.
///
/// The dispatcher tells when it is about to wait, in nested event loops too: what was written during a turn leaves then,
/// in one piece, without an event posted for it.
class Turn final : public QObject
{
    Q_OBJECT

public:
    /// The one of the current thread.
    static std::shared_ptr<Turn> current();
    ~Turn() override;

    /// Calls endOfTurn() of \a client once, at the end of this turn.
    void schedule(TurnClient *client)
    {
        if (client->m_turn == nullptr)
            add(client);
    }
    /// Forgets \a client.
    void unschedule(TurnClient *client) noexcept;

    /// The buffers of the thread's connections.
    BlockPool &blocks() noexcept { return m_blocks; }

protected:
    bool event(QEvent *event) override;

private:
    Turn();
    void add(TurnClient *client);
    void attach();
    void end();

    std::vector<TurnClient *> m_clients;
    std::vector<TurnClient *> m_ending;
    BlockPool m_blocks;
    QAbstractEventDispatcher *m_dispatcher = nullptr;
};

} // namespace MsgpackRpc
