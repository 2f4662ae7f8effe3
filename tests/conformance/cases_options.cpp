// SPDX-License-Identifier: Apache-2.0

// Compressed connections beside the plain one, and the format of old peers.
#include "run.h"

using MsgpackRpc::PendingReply;
using MsgpackRpc::TransportOption;
using MsgpackRpc::WireFormat;

namespace Conformance {

namespace {

void checkOption(Run &run, TransportOption option)
{
    run.needOptions();
    MsgpackRpc::Caller caller = run.client().over(option);
    run.echoOver(caller, QStringLiteral("hello"));
    run.echoOver(caller, QString(300, u'a'));
    run.echoOver(caller, QVariantList{1, QVariant(), QString(70'000, u'b')});
    const auto sum = run.result(caller.call<int>("add", 1, 2), QStringLiteral("add(1, 2)"));
    run.check(sum == 3, QStringLiteral("add(1, 2): %1").arg(sum));
    run.remoteError(caller.call("fail", "boom"), QStringLiteral("fail(\"boom\")"));

    QList<PendingReply<int>> replies;
    for (int i = 0; i < 100; ++i)
        replies += caller.call<int>("add", i, i);
    for (int i = 0; i < replies.size(); ++i)
        run.check(run.result(replies.at(i), QStringLiteral("add")) == 2 * i,
                  QStringLiteral("a wrong sum in a pipeline"));
}

void both(Run &run)
{
    checkOption(run, TransportOption::Deflate);
}

void txOnly(Run &run)
{
    checkOption(run, TransportOption::TxDeflate);
}

void rxOnly(Run &run)
{
    checkOption(run, TransportOption::RxDeflate);
}

void besidePlain(Run &run)
{
    run.needOptions();
    MsgpackRpc::Caller plain = run.client().over(TransportOption::Default);
    MsgpackRpc::Caller compressed = run.client().over(TransportOption::Deflate);
    QList<PendingReply<QString>> replies;
    const auto text = [](int i) { return QStringLiteral("text %1").arg(i).repeated(100); };
    for (int i = 0; i < 40; ++i)
        replies += (i % 2 == 0 ? plain : compressed).call<QString>("echo", text(i));
    for (int i = 0; i < replies.size(); ++i)
        run.check(run.result(replies.at(i), QStringLiteral("echo")) == text(i),
                  QStringLiteral("call %1 got the answer of another").arg(i));
}

void largeCompressed(Run &run)
{
    run.needOptions();
    MsgpackRpc::Caller caller = run.client().over(TransportOption::Deflate);
    const QString text = QStringLiteral("0123456789abcdef").repeated(256 * 1024); // 4 MiB
    run.check(run.result(caller.call<QString>("echo", text), QStringLiteral("echo of 4 MiB"))
                      == text,
              QStringLiteral("4 MiB of text came back as something else"));
}

void reconnectCompressed(Run &run)
{
    run.needOptions();
    for (int i = 0; i < 3; ++i) {
        run.echoOver(run.client().over(TransportOption::Deflate), QString(100, u'r'));
        run.client().close(); // the streams start afresh
    }
}

// Text of all lengths, in the format without str8.
void compatibility(Run &run)
{
    Settings settings = run.settings();
    settings.format = WireFormat::Compatibility;
    Run old(settings);
    for (const int length : {0, 31, 32, 255, 256, 65'535, 65'536})
        old.echo(QString(length, u'c'));
    old.echo(QVariantList{1, QStringLiteral("ä"), QVariantMap{{QString(40, u'k'), 1.5}}});
    old.checkAlive(QStringLiteral("in the compatibility format"));
}

// Bytes that are not UTF-8, as old peers send binary.
void compatibilityBinary(Run &run)
{
    Settings settings = run.settings();
    settings.format = WireFormat::Compatibility;
    Run old(settings);
    for (const int length : {1, 31, 32, 255, 256, 65'536})
        old.echo(QByteArray(length, '\xfe'));
}

} // namespace

QList<Case> optionCases()
{
    return {
            {"option-both", "compressed both ways", both},
            {"option-tx", "requests compressed, answers plain", txOnly},
            {"option-rx", "requests plain, answers compressed", rxOnly},
            {"option-beside-plain", "a compressed connection beside a plain one", besidePlain},
            {"option-large", "4 MiB compressed both ways", largeCompressed},
            {"option-reconnect", "compressed connections closed and made again",
             reconnectCompressed},
            {"compatibility", "text in the MessagePack of 2010", compatibility},
            {"compatibility-bin", "binary in the MessagePack of 2010", compatibilityBinary},
    };
}

} // namespace Conformance
