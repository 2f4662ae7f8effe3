// SPDX-License-Identifier: Apache-2.0
#include "session/calltable_p.h"

#include <QtCore/QRandomGenerator>
#include <QtTest/QTest>

using MsgpackRpc::CallTable;
using State = MsgpackRpc::Detail::TypedCallState<void>;
using StatePtr = MsgpackRpc::Detail::CallStatePtr<State>;

class tst_CallTable : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void idsCount();
    void idsWrap();
    void idsInUseAreNotGivenOut();
    void enteredLater();
    void takeIf();
    void againstAModel();
};

namespace {

quint32 insert(CallTable &table, const StatePtr &state)
{
    state->msgid = table.nextId();
    table.insert(state->msgid, state.get());
    return state->msgid;
}

} // namespace

void tst_CallTable::idsCount()
{
    CallTable table;
    for (quint32 i = 1; i < 100; ++i)
        QCOMPARE(insert(table, StatePtr(new State)), i);
    QCOMPARE(table.size(), 99);
    QCOMPARE(table.find(0), nullptr);
    QCOMPARE(table.find(100), nullptr);
    QVERIFY(table.find(99) != nullptr);
    table.setNextId(0);
    CallTable fresh;
    fresh.setNextId(0);
    QCOMPARE(insert(fresh, StatePtr(new State)), 0U);
    QCOMPARE(insert(fresh, StatePtr(new State)), 1U);
}

void tst_CallTable::idsWrap()
{
    CallTable table;
    table.setNextId(0x7ffffffe);
    QCOMPARE(insert(table, StatePtr(new State)), 0x7ffffffeU);
    QCOMPARE(insert(table, StatePtr(new State)), 0x7fffffffU);
    QCOMPARE(insert(table, StatePtr(new State)), 1U); // 0 is for tests only
}

void tst_CallTable::idsInUseAreNotGivenOut()
{
    CallTable table;
    const StatePtr longCall(new State);
    const quint32 id = insert(table, longCall);
    table.setNextId(id);
    QVERIFY(table.nextId() != id);
    QSet<quint32> given{id};
    for (int i = 0; i < 1000; ++i) {
        const quint32 next = insert(table, StatePtr(new State));
        QVERIFY(!given.contains(next));
        given.insert(next);
    }
    QCOMPARE(table.find(id), longCall.get());
}

// A call that has its id before others, and is entered after them: neither takes the place of another.
void tst_CallTable::enteredLater()
{
    CallTable table;
    const StatePtr early(new State);
    early->msgid = table.nextId();
    table.skipId();
    std::vector<StatePtr> waiting;
    for (int i = 0; i < 1000; ++i) {
        const StatePtr state(new State);
        QVERIFY(insert(table, state) != early->msgid);
        if (i % 16 == 15) // has the slot of the early one in a small table
            waiting.push_back(state);
        else
            table.take(state->msgid);
    }
    const quint32 next = table.nextId();
    table.insert(early->msgid, early.get());
    QCOMPARE(table.size(), int(waiting.size()) + 1);
    QCOMPARE(table.find(early->msgid), early.get());
    for (const StatePtr &state : waiting)
        QCOMPARE(table.find(state->msgid), state.get());
    QCOMPARE(table.nextId(), next); // not an id that was used a moment ago
}

void tst_CallTable::takeIf()
{
    CallTable table;
    for (int i = 0; i < 100; ++i)
        insert(table, StatePtr(new State));
    const auto even = table.takeIf([](const auto &state) { return state.msgid % 2 == 0; });
    QCOMPARE(even.size(), size_t(50));
    QCOMPARE(table.size(), 50);
    QCOMPARE(table.find(2), nullptr);
    QVERIFY(table.find(3) != nullptr);
    const auto rest = table.takeIf([](const auto &) { return true; });
    QCOMPARE(rest.size(), size_t(50));
    QCOMPARE(table.size(), 0);
}

// Random insertions and removals, against a hash: nothing is lost, nothing is found twice.
void tst_CallTable::againstAModel()
{
    QRandomGenerator random(4711);
    CallTable table;
    QHash<quint32, State *> model;
    for (int step = 0; step < 200'000; ++step) {
        const bool grow = random.bounded(1000) < (step / 20'000 % 2 == 0 ? 600 : 400);
        if (grow || model.isEmpty()) {
            const StatePtr state(new State);
            const quint32 id = insert(table, state);
            QVERIFY(!model.contains(id));
            model.insert(id, state.get());
        } else {
            const auto it = std::next(model.cbegin(), random.bounded(qMin(8, int(model.size()))));
            const quint32 id = it.key();
            QCOMPARE(table.find(id), it.value());
            QCOMPARE(table.take(id).get(), it.value());
            QCOMPARE(table.find(id), nullptr);
            model.erase(it);
        }
        QCOMPARE(table.size(), int(model.size()));
    }
    for (auto it = model.cbegin(); it != model.cend(); ++it)
        QCOMPARE(table.find(it.key()), it.value());
}

QTEST_APPLESS_MAIN(tst_CallTable)
#include "tst_calltable.moc"
