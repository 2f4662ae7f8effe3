// SPDX-License-Identifier: Apache-2.0
#include "transport/turn_p.h"

#include <QtCore/QAbstractEventDispatcher>
#include <QtCore/QCoreApplication>
#include <QtCore/QEvent>

namespace MsgpackRpc {

TurnClient::~TurnClient()
{
    if (m_turn != nullptr)
        m_turn->unschedule(this);
}

std::shared_ptr<Turn> Turn::current()
{
    static thread_local std::weak_ptr<Turn> ofThread;
    std::shared_ptr<Turn> turn = ofThread.lock();
    if (!turn) {
        turn.reset(new Turn, &Turn::dispose);
        ofThread = turn;
    }
    return turn;
}

// The last one to hold it may go within end().
void Turn::dispose(Turn *turn)
{
    if (turn->m_ends > 0)
        turn->deleteLater();
    else
        delete turn;
}

Turn::Turn()
{
    attach();
}

Turn::~Turn()
{
    for (TurnClient *const client : m_clients) {
        if (client != nullptr)
            client->m_turn = nullptr;
    }
}

// A thread that runs no event loop yet has no dispatcher: an event tells when there is one.
void Turn::attach()
{
    m_dispatcher = QAbstractEventDispatcher::instance();
    if (m_dispatcher == nullptr)
        return;
    connect(m_dispatcher, &QAbstractEventDispatcher::aboutToBlock, this, &Turn::end);
    connect(m_dispatcher, &QAbstractEventDispatcher::awake, this, &Turn::end);
    connect(m_dispatcher, &QObject::destroyed, this, [this] { m_dispatcher = nullptr; });
}

void Turn::add(TurnClient *client)
{
    client->m_turn = this;
    client->m_place = m_clients.size();
    m_clients.push_back(client);
    if (Q_UNLIKELY(m_dispatcher == nullptr) && m_clients.size() == 1)
        QCoreApplication::postEvent(this, new QEvent(QEvent::User));
}

void Turn::unschedule(TurnClient *client) noexcept
{
    if (client->m_turn == nullptr)
        return;
    client->m_turn = nullptr;
    for (std::vector<TurnClient *> *list : {&m_clients, &m_ending}) {
        if (client->m_place < list->size() && (*list)[client->m_place] == client)
            (*list)[client->m_place] = nullptr;
    }
}

bool Turn::event(QEvent *event)
{
    if (event->type() != QEvent::User)
        return QObject::event(event);
    if (m_dispatcher == nullptr)
        attach();
    end();
    return true;
}

void Turn::end()
{
    if (m_clients.empty() && m_next == m_ending.size())
        return;
    ++m_ends;
    // A device of the user's may run an event loop while it is written to: its turn's end goes on where this one is.
    endScheduled();
    m_ending.swap(m_clients);
    endScheduled();
    --m_ends;
    // The loop may be about to wait: what was scheduled by these must not wait with it.
    if (!m_clients.empty())
        QCoreApplication::postEvent(this, new QEvent(QEvent::User));
}

void Turn::endScheduled()
{
    while (m_next < m_ending.size()) {
        TurnClient *const client = m_ending[m_next++];
        if (client == nullptr)
            continue;
        client->m_turn = nullptr;
        client->endOfTurn();
    }
    m_ending.clear();
    m_next = 0;
}

} // namespace MsgpackRpc
