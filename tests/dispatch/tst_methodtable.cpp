// SPDX-License-Identifier: Apache-2.0
#include "dispatch/methodtable_p.h"

#include <QtCore/QRandomGenerator>
#include <QtTest/QtTest>

#include <set>

using namespace MsgpackRpc;

class TestMethodTable : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void empty();
    void namesOfEveryLength();
    void namesThatAreAlike();
    void numbers();
    void againstASet();
};

static MethodKey named(const QByteArray &name)
{
    return {name, 0, false};
}

static MethodKey numbered(qint64 number)
{
    return {{}, number, true};
}

void TestMethodTable::empty()
{
    MethodTable table;
    QVERIFY(table.find(named("x")) == nullptr);
    QVERIFY(table.find(named("")) == nullptr);
    QVERIFY(table.find(numbered(0)) == nullptr);
    QVERIFY(table.take(named("x")) == nullptr);
    QVERIFY(table.entries().empty());
}

void TestMethodTable::namesOfEveryLength()
{
    MethodTable table;
    for (int length = 0; length < 100; ++length)
        table.insert(named(QByteArray(length, 'x')));
    QCOMPARE(table.entries().size(), size_t(100));
    for (int length = 0; length < 100; ++length) {
        // Within a longer buffer, as on the wire.
        const QByteArray buffer = 'x' + QByteArray(length, 'x') + 'x';
        const MethodEntry *entry = table.find({QByteArrayView(buffer).sliced(1, length), 0, false});
        QVERIFY(entry != nullptr);
        QCOMPARE(entry->name.size(), length);
    }
    QVERIFY(table.find(named(QByteArray(100, 'x'))) == nullptr);
}

void TestMethodTable::namesThatAreAlike()
{
    MethodTable table;
    const QByteArray base("abcdefghijklmnopqrstuvwxyz");
    for (qsizetype length = 1; length <= base.size(); ++length) {
        for (qsizetype i = 0; i < length; ++i) {
            QByteArray name = base.first(length);
            name[i] = '#';
            QVERIFY(table.find(named(name)) == nullptr);
            MethodEntry *entry = table.insert(named(name));
            QCOMPARE(table.insert(named(name)), entry);
            QCOMPARE(table.find(named(name)), entry);
        }
    }
}

void TestMethodTable::numbers()
{
    MethodTable table;
    table.insert(numbered(0));
    table.insert(numbered(-1));
    table.insert(numbered(std::numeric_limits<qint64>::max()));
    table.insert(named(""));
    QVERIFY(table.find(numbered(0)) != table.find(named("")));
    QCOMPARE(table.find(numbered(-1))->text(), "-1");
    QVERIFY(table.find(numbered(1)) == nullptr);
    QVERIFY(table.take(numbered(0)) != nullptr);
    QVERIFY(table.find(numbered(0)) == nullptr);
    QCOMPARE(table.entries().size(), size_t(3));
}

void TestMethodTable::againstASet()
{
    MethodTable table;
    std::set<QByteArray> set;
    QRandomGenerator random(1);
    for (int i = 0; i < 20000; ++i) {
        const QByteArray name = QByteArray::number(random.bounded(i < 10000 ? 1000 : 50));
        if (random.bounded(2) != 0) {
            table.insert(named(name));
            set.insert(name);
        } else {
            QCOMPARE(table.take(named(name)) != nullptr, set.erase(name) == 1);
        }
    }
    QCOMPARE(table.entries().size(), set.size());
    for (int i = 0; i < 1000; ++i) {
        const QByteArray name = QByteArray::number(i);
        QCOMPARE(table.find(named(name)) != nullptr, set.count(name) == 1);
    }
}

QTEST_GUILESS_MAIN(TestMethodTable)
#include "tst_methodtable.moc"
