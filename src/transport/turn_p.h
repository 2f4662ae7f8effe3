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
    /// So many levels of handling are nested at most: a peer must not use up the stack.
    static constexpr int MostLevels = 100;

    /// Marks that messages are handled: user code may run event loops meanwhile, in which more of them are, a level
    /// deeper.
    class Handling
    {
    public:
        explicit Handling(Turn &turn) : m_turn(turn) { ++turn.m_levels; }
        ~Handling()
        {
            if (Q_UNLIKELY(--m_turn.m_levels == MostLevels - 1))
                Q_EMIT m_turn.shallower();
        }

    private:
        Turn &m_turn;
        Q_DISABLE_COPY_MOVE(Handling)
    };

    /// True if no more is to be handled before shallower() is emitted.
    bool isDeepest() const noexcept { return m_levels >= MostLevels; }
    /// Calls \a function of \a receiver once, from the event loop, when messages may be handled again.
    template<typename Receiver>
    void whenShallower(Receiver *receiver, void (Receiver::*function)())
    {
        connect(this, &Turn::shallower, receiver, function,
                Qt::ConnectionType(Qt::QueuedConnection | Qt::UniqueConnection
                                   | Qt::SingleShotConnection));
    }

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

Q_SIGNALS:
    /// Messages may be handled again. Slots run no user code.
    void shallower();

protected:
    bool event(QEvent *event) override;

private:
    Turn();
    void add(TurnClient *client);
    void attach();
    void end();
    void endScheduled();
    static void dispose(Turn *turn);

    std::vector<TurnClient *> m_clients;
    std::vector<TurnClient *> m_ending;
    size_t m_next = 0; // of m_ending
    int m_ends = 0; // end() that are on the stack
    int m_levels = 0; // Handling that are
    BlockPool m_blocks;
    QAbstractEventDispatcher *m_dispatcher = nullptr;
};

} // namespace MsgpackRpc
