// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/Error>
#include <MsgpackRpc/ErrorException>

#include <QtCore/QMetaProperty>
#include <QtTest/QTest>

using namespace MsgpackRpc;

class tst_Error : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void defaultIsNoError();
    void holdsWhatItWasMadeOf();
    void noErrorCodeIsNoError();
    void equality();
    void isTimeout_data();
    void isTimeout();
    void fromRemote_data();
    void fromRemote();
    void longValuesAreShortened();
    void asException();
    void asGadget();
    void debug();
};

void tst_Error::defaultIsNoError()
{
    const Error error;
    QVERIFY(!error);
    QCOMPARE(error.code(), Error::NoError);
    QVERIFY(error.message().isEmpty());
    QVERIFY(!error.data().isValid());
    QVERIFY(!error.result().isValid());
}

void tst_Error::holdsWhatItWasMadeOf()
{
    const Error error(Error::RemoteError, "broken", 7, 8);
    const Error copy = error;
    QVERIFY(bool(copy));
    QCOMPARE(copy.code(), Error::RemoteError);
    QCOMPARE(copy.message(), "broken");
    QCOMPARE(copy.data(), QVariant(7));
    QCOMPARE(copy.result(), QVariant(8));
}

void tst_Error::noErrorCodeIsNoError()
{
    const Error error(Error::NoError, "ignored");
    QVERIFY(!error);
    QVERIFY(error.message().isEmpty());
    QCOMPARE(error, Error());
}

void tst_Error::equality()
{
    const Error error(Error::Timeout, "late", 1, 2);
    QCOMPARE(error, Error(Error::Timeout, "late", 1, 2));
    QVERIFY(error != Error());
    QVERIFY(error != Error(Error::Canceled, "late", 1, 2));
    QVERIFY(error != Error(Error::Timeout, "later", 1, 2));
    QVERIFY(error != Error(Error::Timeout, "late", 3, 2));
    QVERIFY(error != Error(Error::Timeout, "late", 1, 3));
}

void tst_Error::isTimeout_data()
{
    QTest::addColumn<Error::Code>("code");
    const auto codes = QMetaEnum::fromType<Error::Code>();
    QCOMPARE(codes.keyCount(), 12);
    for (int i = 0; i < codes.keyCount(); ++i)
        QTest::newRow(codes.key(i)) << Error::Code(codes.value(i));
}

void tst_Error::isTimeout()
{
    QFETCH(Error::Code, code);
    QCOMPARE(Error(code, "x").isTimeout(), code == Error::Timeout || code == Error::ConnectFailed);
}

void tst_Error::fromRemote_data()
{
    QTest::addColumn<QVariant>("data");
    QTest::addColumn<QString>("message");

    const QString unclear = "the other side answered with ";
    QTest::newRow("text") << QVariant("boom") << "boom";
    QTest::newRow("text as binary") << QVariant(QByteArray("b\xc3\xb6se")) << u"böse"_qs;
    QTest::newRow("code and text") << QVariant(QVariantList{1, "not found"}) << "not found";
    QTest::newRow("code and binary") << QVariant(QVariantList{1, QByteArray("no")}) << "no";
    QTest::newRow("map") << QVariant(QVariantMap{{"message", "no user"}, {"code", 4}}) << "no user";
    QTest::newRow("map without message")
            << QVariant(QVariantMap{{"code", 4}}) << unclear + "the error {\"code\":4}";
    QTest::newRow("message is no text")
            << QVariant(QVariantMap{{"message", 4}}) << unclear + "the error {\"message\":4}";
    QTest::newRow("three values") << QVariant(QVariantList{1, "a", "b"})
                                  << unclear + "the error [1,\"a\",\"b\"]";
    QTest::newRow("two numbers") << QVariant(QVariantList{1, 2}) << unclear + "the error [1,2]";
    QTest::newRow("integer") << QVariant(-32601) << unclear + "the error -32601";
    QTest::newRow("true") << QVariant(true) << unclear + "the error true";
    QTest::newRow("empty text") << QVariant("") << unclear + "an error of type QString";
    QTest::newRow("not UTF-8") << QVariant(QByteArray("\xff")) << unclear + u"the error \ufffd"_qs;
    QTest::newRow("nothing") << QVariant() << unclear + "an error of type nil";
}

void tst_Error::fromRemote()
{
    QFETCH(QVariant, data);
    QFETCH(QString, message);
    const Error error = Error::fromRemote(data, 42);
    QCOMPARE(error.code(), Error::RemoteError);
    QCOMPARE(error.message(), message);
    QCOMPARE(error.data(), data);
    QCOMPARE(error.result(), QVariant(42));
}

void tst_Error::longValuesAreShortened()
{
    const QVariantList many(10000, 1);
    const Error error = Error::fromRemote(many);
    QVERIFY(error.message().size() < 300);
    QCOMPARE(error.data().toList().size(), 10000);
}

void tst_Error::asException()
{
    const Error error(Error::Canceled, u"aufgehört – ende"_qs);
    try {
        ErrorException(error).raise();
        QFAIL("raise() throws");
    } catch (const std::exception &exception) {
        QCOMPARE(QString::fromUtf8(exception.what()), error.message());
        const auto *typed = dynamic_cast<const ErrorException *>(&exception);
        QVERIFY(typed != nullptr);
        QCOMPARE(typed->error(), error);
        const std::unique_ptr<ErrorException> clone(typed->clone());
        QCOMPARE(clone->error(), error);
    }
    QCOMPARE(ErrorException("no such user").error(), Error(Error::RemoteError, "no such user"));
    QCOMPARE(ErrorException(u"no such user"_qs).error(), Error(Error::RemoteError, "no such user"));
}

void tst_Error::asGadget()
{
    const Error error(Error::Timeout, "late", 5);
    const auto &metaObject = Error::staticMetaObject;
    const auto read = [&](const char *name) {
        return metaObject.property(metaObject.indexOfProperty(name)).readOnGadget(&error);
    };
    QCOMPARE(read("code").value<Error::Code>(), Error::Timeout);
    QCOMPARE(read("message"), QVariant("late"));
    QCOMPARE(read("data"), QVariant(5));
    QVERIFY(QVariant::fromValue(error).value<Error>() == error);
}

void tst_Error::debug()
{
    QString text;
    QDebug(&text) << Error(Error::Timeout, "late") << Error();
    QCOMPARE(text.simplified(), "MsgpackRpc::Error(Timeout, late) MsgpackRpc::Error(NoError)");
}

QTEST_APPLESS_MAIN(tst_Error)
#include "tst_error.moc"
