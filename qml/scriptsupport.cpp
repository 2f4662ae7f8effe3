// SPDX-License-Identifier: Apache-2.0
#include "scriptsupport_p.h"

#include "remotemethod_p.h"
#include "rpcclient_p.h"
#include "rpcvalues_p.h"
#include "scriptcall_p.h"
#include "scriptfunction_p.h"
#include "scriptreader_p.h"

#include <MsgpackRpc/codec.h>
#include <MsgpackRpc/loggable.h>

#include <QtCore/QLoggingCategory>
#include <QtQml/QQmlEngine>

namespace MsgpackRpc {

namespace {
Q_LOGGING_CATEGORY(lcCall, "msgpackrpc.call") // the library's is its own
} // namespace

ScriptSupport::ScriptSupport(QJSEngine *engine) : QObject(engine), m_engine(engine)
{
    registerScriptTypes();
    QQmlEngine::setObjectOwnership(this, QQmlEngine::CppOwnership);
    // A module, not a script: V4 remembers where a module's names and properties are.
    const QJSValue module = engine->importModule(QStringLiteral(":/MsgpackRpc/support.mjs"));
    const QJSValue functions =
            module.property(QStringLiteral("make")).call({engine->newQObject(this)});
    Q_ASSERT_X(!functions.isError(), "MsgpackRpc", qPrintable(functions.toString()));
    m_makePromise = functions.property(QStringLiteral("makePromise"));
    m_resolve = functions.property(QStringLiteral("resolve"));
    m_reject = functions.property(QStringLiteral("reject"));
    m_remote = functions.property(QStringLiteral("remote"));
    m_describe = functions.property(QStringLiteral("describe"));
    m_makeError = functions.property(QStringLiteral("makeError"));
    m_makeMap = functions.property(QStringLiteral("makeMap"));
    m_define = functions.property(QStringLiteral("define"));
    m_follow = functions.property(QStringLiteral("follow"));
}

ScriptSupport::~ScriptSupport() = default;

ScriptSupport *ScriptSupport::of(QJSEngine *engine)
{
    if (engine == nullptr)
        return nullptr;
    auto *support = engine->findChild<ScriptSupport *>(QString(), Qt::FindDirectChildrenOnly);
    return support != nullptr ? support : new ScriptSupport(engine);
}

ScriptSupport *ScriptSupport::of(const QObject *object)
{
    return of(qjsEngine(object));
}

QJSValue ScriptSupport::newLife(bool isOver) const
{
    QJSValue life = m_engine->newObject();
    life.setProperty(QStringLiteral("isOver"), isOver);
    life.setProperty(QStringLiteral("isQuiet"), false);
    return life;
}

QJSValue ScriptSupport::newTarget(QObject *client, const QJSValue &life,
                                  const QJSValue &options) const
{
    QJSValue target = m_engine->newObject();
    target.setProperty(QStringLiteral("client"), m_engine->toScriptValue(client));
    target.setProperty(QStringLiteral("life"), life);
    target.setProperty(QStringLiteral("options"), options);
    return target;
}

QJSValue ScriptSupport::remote(const QJSValue &target, const QString &prefix) const
{
    return m_remote.call({target, prefix});
}

void ScriptSupport::follow(const QJSValue &thenable, ScriptAnswer *answer) const
{
    const QPointer<ScriptAnswer> guard(answer);
    const QJSValue outcome = m_follow.call({thenable, m_engine->newQObject(answer)});
    if (outcome.isError() && guard)
        guard->reject(outcome);
}

QJSValue ScriptSupport::toScript(const Error &error, const QString &method, const QUrl &url) const
{
    return m_makeError.call(
            {error.message(), int(error.code()), toScript(error.data()), method, url.toString()});
}

QJSValue ScriptSupport::toScript(const QVariant &value) const
{
    if (!value.isValid())
        return {};
    Writer writer;
    Codec<QVariant>::write(writer, value);
    const QByteArray bytes = writer.bytes();
    Reader reader(bytes);
    QJSValue converted;
    if (writer.hasFailed() || !readScriptValue(*this, reader, converted))
        return m_engine->toScriptValue(value);
    return converted;
}

quint64 ScriptSupport::add(PromiseCall *call)
{
    if (m_free.empty()) {
        m_free.push_back(quint32(m_calls.size()));
        m_calls.push_back(nullptr);
    }
    const quint32 place = m_free.back();
    m_free.pop_back();
    m_calls[place] = call;
    return ++m_count % (quint64(1) << 32) * Places + place;
}

void ScriptSupport::remove(quint64 id)
{
    const auto place = quint32(id % Places);
    m_calls[place] = nullptr;
    m_free.push_back(place);
}

PromiseCall *ScriptSupport::find(quint64 id) const
{
    const quint64 place = id % Places;
    PromiseCall *const call = place < m_calls.size() ? m_calls[place] : nullptr;
    return call != nullptr && call->id() == double(id) ? call : nullptr;
}

QObject *ScriptSupport::newMethod(QObject *client, const QString &name, const QJSValue &options)
{
    return new RemoteMethod(this, qobject_cast<RpcClient *>(client), name,
                            CallOptions::from(options));
}

void ScriptSupport::cancel(double id)
{
    if (PromiseCall *const call = find(quint64(id)))
        call->cancel();
}

void ScriptSupport::cancelAll(const QObject *client)
{
    std::vector<Detail::CallStatePtr<PromiseCall>> calls;
    for (PromiseCall *call : m_calls) {
        if (call != nullptr && call->client() == client)
            calls.emplace_back(call);
    }
    for (const auto &call : calls)
        call->cancel();
}

void ScriptSupport::unhandled(const QJSValue &error)
{
    if (error.property(QStringLiteral("name")).toString() != QLatin1String("RpcError")) {
        qCWarning(lcCall).noquote()
                << "a handler of a call threw, and nobody handles it:"
                << Detail::loggable(error.toString())
                << Detail::loggable(error.property(QStringLiteral("stack")).toString());
        return;
    }
    // Who cancels knows.
    if (error.property(QStringLiteral("code")).toInt() == Error::Canceled)
        return;
    qCWarning(lcCall).noquote()
            << "the call of"
            << Detail::loggable(error.property(QStringLiteral("method")).toString()) << "at"
            << Detail::loggable(error.property(QStringLiteral("url")).toString())
            << "failed and nobody handles it:"
            << Detail::loggable(error.property(QStringLiteral("message")).toString());
}

} // namespace MsgpackRpc
