// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Extension>
#include <MsgpackRpc/Limits>
#include <MsgpackRpc/TransportOption>

#include "base/logging_p.h"

#include <QtTest/QTest>

using namespace MsgpackRpc;

class tst_Options : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void transportOption();
    void exchangeOption();
    void limitsAreFinite();
    void limitsCompare();
    void reconnectCompares();
    void anyKeyMap();
    void debug_data();
    void debug();
    void loggingCategories();
};

void tst_Options::transportOption()
{
    QVERIFY(TransportOption() == TransportOption::Default);
    const TransportOption both = TransportOption::TxDeflate | TransportOption::RxDeflate;
    QVERIFY(both == TransportOption::Deflate);
    QVERIFY(both.testFlag(TransportOption::TxDeflate));
    QVERIFY(both.testFlag(TransportOption::RxDeflate));
    const TransportOption tx = TransportOption::TxDeflate;
    QVERIFY(tx != both);
    QVERIFY(!tx.testFlag(TransportOption::RxDeflate));
    QVERIFY(tx.exchange().tx.deflate());
    QVERIFY(!tx.exchange().rx.deflate());
    const TransportOption rx = TransportOption::RxDeflate;
    QVERIFY(!rx.exchange().tx.deflate());
    QVERIFY(rx.exchange().rx.deflate());
}

void tst_Options::exchangeOption()
{
    QVERIFY(ExchangeOption().isDefault());
    const ExchangeOption option = TransportOption(TransportOption::TxDeflate).exchange();
    QVERIFY(!option.isDefault());
    QVERIFY(option.reversed() != option);
    QVERIFY(option.reversed() == TransportOption(TransportOption::RxDeflate).exchange());
    QVERIFY(option.reversed().reversed() == option);
}

void tst_Options::limitsAreFinite()
{
    const Limits limits;
    QCOMPARE(limits.messageBytes, qsizetype(64 * 1024 * 1024));
    QCOMPARE(limits.depth, 128);
    QCOMPARE(limits.items, qint64(4'000'000));
    QCOMPARE(limits.inflatedBytes, qsizetype(64 * 1024 * 1024));
    QCOMPARE(limits.queuedBytes, qsizetype(128 * 1024 * 1024));
    QCOMPARE(limits.pendingCalls, 1'000'000);
    QCOMPARE(limits.requestsInWork, 1024);
    QCOMPARE(limits.connections, 512);
    QCOMPARE(limits.connectionsPerAddress, 512);
    QCOMPARE(limits.datagramSessions, 1024);
    QCOMPARE(limits.datagramIdleTime.count(), 60'000);
    QCOMPARE(limits.datagramReplyBytes, 1024);
    QCOMPARE(limits.clusterSessions, 512);
    QCOMPARE(limits.clusterIdleTime.count(), 60'000);
    QCOMPARE(limits.halfMessageTime.count(), 30'000);
    QCOMPARE(limits.tlsHandshakeTime.count(), 10'000);
    QCOMPARE(limits.idleTime, std::chrono::hours(24));
}

void tst_Options::limitsCompare()
{
    const auto differs = [](auto change) {
        Limits limits;
        change(limits);
        return limits != Limits();
    };
    QVERIFY(Limits() == Limits());
    QVERIFY(differs([](Limits &l) { ++l.messageBytes; }));
    QVERIFY(differs([](Limits &l) { ++l.depth; }));
    QVERIFY(differs([](Limits &l) { ++l.items; }));
    QVERIFY(differs([](Limits &l) { ++l.inflatedBytes; }));
    QVERIFY(differs([](Limits &l) { ++l.queuedBytes; }));
    QVERIFY(differs([](Limits &l) { ++l.pendingCalls; }));
    QVERIFY(differs([](Limits &l) { ++l.requestsInWork; }));
    QVERIFY(differs([](Limits &l) { ++l.connections; }));
    QVERIFY(differs([](Limits &l) { ++l.connectionsPerAddress; }));
    QVERIFY(differs([](Limits &l) { ++l.datagramSessions; }));
    QVERIFY(differs([](Limits &l) { ++l.datagramIdleTime; }));
    QVERIFY(differs([](Limits &l) { ++l.datagramReplyBytes; }));
    QVERIFY(differs([](Limits &l) { ++l.clusterSessions; }));
    QVERIFY(differs([](Limits &l) { ++l.clusterIdleTime; }));
    QVERIFY(differs([](Limits &l) { ++l.halfMessageTime; }));
    QVERIFY(differs([](Limits &l) { ++l.tlsHandshakeTime; }));
    QVERIFY(differs([](Limits &l) { ++l.idleTime; }));
    QVERIFY(differs([](Limits &l) { ++l.closeTime; }));
}

void tst_Options::reconnectCompares()
{
    Reconnect reconnect;
    QVERIFY(reconnect == Reconnect());
    reconnect.mode = Reconnect::Always;
    QVERIFY(reconnect != Reconnect());
}

void tst_Options::anyKeyMap()
{
    const AnyKeyMap map{{1, "one"}, {"a", 2}, {1, "again"}};
    QCOMPARE(map.value(1), QVariant("one"));
    QCOMPARE(map.value("a"), QVariant(2));
    QVERIFY(!map.value("b").isValid());
    QCOMPARE(map.value("b", 3), QVariant(3));
}

template<typename T>
static QString printed(const T &value)
{
    QString text;
    QDebug(&text) << value;
    return text.trimmed();
}

void tst_Options::debug_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");

    QTest::newRow("transport") << printed(TransportOption(TransportOption::Deflate))
                               << "MsgpackRpc::TransportOption(Deflate)";
    QTest::newRow("stream") << printed(StreamOption{StreamOption::DeflateFlag})
                            << "MsgpackRpc::StreamOption(Deflate)";
    QTest::newRow("unknown bits") << printed(StreamOption{5})
                                  << "MsgpackRpc::StreamOption(Deflate|0x4)";
    QTest::newRow("exchange") << printed(TransportOption(TransportOption::TxDeflate).exchange())
                              << "MsgpackRpc::ExchangeOption(tx Deflate, rx None)";
    QTest::newRow("notifiers") << printed(NotifierMode::PerThread)
                               << "MsgpackRpc::NotifierMode::PerThread";
    QTest::newRow("user") << printed(LocalAccess::User) << "MsgpackRpc::LocalAccess::User";
    QTest::newRow("group") << printed(LocalAccess::Group) << "MsgpackRpc::LocalAccess::Group";
    QTest::newRow("everyone") << printed(LocalAccess::Everyone)
                              << "MsgpackRpc::LocalAccess::Everyone";
    QTest::newRow("format") << printed(WireFormat::Compatibility)
                            << "MsgpackRpc::WireFormat::Compatibility";
    QTest::newRow("reconnect") << printed(Reconnect())
                               << "MsgpackRpc::Reconnect(OnDemand, 5 attempts, 50 to 5000 ms)";
    QTest::newRow("extension") << printed(Extension{-5, "ab"}) << "MsgpackRpc::Extension(-5, 6162)";
    QTest::newRow("large extension")
            << printed(Extension{1, QByteArray(1000, 'a')})
            << "MsgpackRpc::Extension(1, " + QString("61").repeated(32) + u"… (1000 bytes))"_qs;
    QVERIFY(printed(Limits()).contains("depth 128"));
    QVERIFY(printed(Limits()).contains("closeTime 1000 ms"));
}

void tst_Options::debug()
{
    QFETCH(QString, text);
    QTEST(text, "expected");
}

void tst_Options::loggingCategories()
{
    const std::pair<const QLoggingCategory *, const char *> categories[] = {
            {&lcBase(), "base"},         {&lcWire(), "wire"}, {&lcTransport(), "transport"},
            {&lcSession(), "session"},   {&lcCall(), "call"}, {&lcDispatch(), "dispatch"},
            {&lcEndpoint(), "endpoint"},
    };
    for (const auto &[category, room] : categories) {
        QCOMPARE(QByteArray(category->categoryName()), QByteArray("msgpackrpc.") + room);
        QVERIFY(!category->isDebugEnabled());
        QVERIFY(category->isInfoEnabled());
    }
}

QTEST_APPLESS_MAIN(tst_Options)
#include "tst_options.moc"
