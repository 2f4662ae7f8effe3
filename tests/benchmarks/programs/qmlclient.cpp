// SPDX-License-Identifier: Apache-2.0

// The client of this library in QML, which calls as its users do; the server is that of this library in C++.
#include "system.h"

#include <QtCore/QCoreApplication>
#include <QtQml/QQmlComponent>
#include <QtQml/QQmlEngine>

namespace Benchmark {

namespace {

// issue() makes `count` calls and tells `bench` when all are answered: it has the whole window at once, so that what
// is counted is not the way back into C++.
const char Source[] = R"(
import QtQml
import MsgpackRpc

QtObject {
    id: root
    property string url
    property var bench
    readonly property bool connected: client.connected
    property int open: 0
    property int total: 0
    property int a: 0

    readonly property RpcClient client: RpcClient {
        id: client
        url: root.url
        onErrorOccurred: error => root.bench.fail(error.message)
    }
    readonly property RpcCall declared: RpcCall {
        id: declared
        client: root.client
        method: "add"
        args: [root.a, 2]
        onFinished: result => root.answered(root.a, result)
        onFailed: error => root.bench.fail(error.message)
    }
    function answered(a: int, sum: int) {
        if (sum !== a + 2)
            root.bench.fail("a wrong answer")
        if (--root.open === 0)
            root.bench.answered(root.total)
    }
    function counter(count: int): var {
        let left = count
        return sum => {
            if (sum !== 3)
                root.bench.fail("a wrong answer")
            if (--left === 0)
                root.bench.answered(count)
        }
    }
    function issueRemote(count: int) {
        const answered = counter(count)
        for (let i = 0; i < count; ++i)
            client.remote.add(1, 2).then(answered)
    }
    function issueCall(count: int) {
        const answered = counter(count)
        for (let i = 0; i < count; ++i)
            client.call("add", [1, 2]).then(answered)
    }
    function issueDeclared(count: int) {
        root.open = root.total = count
        root.a = (root.a + 1) & 63
        declared.call()
    }
}
)";

class QmlChannel final : public Channel
{
    Q_OBJECT

public:
    QmlChannel(const Options &options, Run &run)
        : Channel(run), m_function("issue" + options.method.toLatin1())
    {
        m_engine.addImportPath(QStringLiteral(QML_IMPORT));
        QQmlComponent component(&m_engine);
        component.setData(Source, QUrl(QStringLiteral("qrc:/qmlclient.qml")));
        if (!component.isReady())
            Benchmark::fail(component.errorString());
        m_root.reset(component.createWithInitialProperties(
                {{QStringLiteral("url"), options.address},
                 {QStringLiteral("bench"), QVariant::fromValue<QObject *>(this)}}));
        if (m_root == nullptr)
            Benchmark::fail(component.errorString());
    }

    void connectNow() override
    {
        while (!m_root->property("connected").toBool())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    void issue(qint64 count) override
    {
        if (!QMetaObject::invokeMethod(m_root.get(), m_function.constData(),
                                       Q_ARG(int, int(count))))
            Benchmark::fail(QStringLiteral("no such method: ") + QString::fromLatin1(m_function));
    }
    bool hasSentAll() const override { return true; }

    Q_INVOKABLE void answered(int count) { finished(count); }
    Q_INVOKABLE void fail(const QString &message) { Benchmark::fail(message); }

private:
    const QByteArray m_function;
    QQmlEngine m_engine;
    std::unique_ptr<QObject> m_root;
};

} // namespace

std::unique_ptr<Channel> makeChannel(const Options &options, Run &run)
{
    return std::make_unique<QmlChannel>(options, run);
}

} // namespace Benchmark

#include "qmlclient.moc"
