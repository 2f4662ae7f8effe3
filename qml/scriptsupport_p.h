// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/error.h>

#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QUrl>
#include <QtQml/QJSEngine>
#include <QtQml/QJSValue>

#include <vector>

namespace MsgpackRpc {

class PromiseCall;
class ScriptAnswer;

/// What the module has for each JavaScript engine: the functions of support.mjs, the calls that promises wait for, and
/// how errors look in JavaScript. A child of the engine, in whose thread everything happens.
class ScriptSupport final : public QObject
{
    Q_OBJECT

public:
    /// That of \a engine.
    static ScriptSupport *of(QJSEngine *engine);
    /// That of the engine that \a object was made by; null if there is none.
    static ScriptSupport *of(const QObject *object);
    ~ScriptSupport() override;

    /// The engine; null while it is being destroyed.
    QJSEngine *engine() const { return m_engine; }
    /// What says of promises whether anybody is to be called back: nobody once its `isOver` is true.
    QJSValue newLife(bool isOver) const;
    /// `{ client, life, options }` for the functions that make calls.
    QJSValue newTarget(QObject *client, const QJSValue &life, const QJSValue &options) const;
    /// An object whose methods are those of the peer of \a target that begin with \a prefix.
    QJSValue remote(const QJSValue &target, const QString &prefix) const;
    /// A promise; its handlers run unless \a life is over.
    QJSValue newPromise(const QJSValue &life) const { return m_makePromise.call({life, 0}); }
    /// Settles a promise, and runs its handlers.
    void resolve(const QJSValue &promise, const QJSValue &value) const
    {
        m_resolve.call({promise, value});
    }
    /// \copydoc resolve()
    void reject(const QJSValue &promise, const QJSValue &error) const
    {
        m_reject.call({promise, error});
    }
    /// `[kind, parts]` of an object (support.mjs).
    QJSValue describe(const QJSValue &object) const { return m_describe.call({object}); }
    /// A Map of `[key, value]` pairs.
    QJSValue makeMap(const QJSValue &entries) const { return m_makeMap.call({entries}); }
    /// Defines a property whose name means something to JavaScript, like __proto__.
    void define(const QJSValue &object, const QString &key, const QJSValue &value) const
    {
        m_define.call({object, key, value});
    }
    /// Has \a thenable settle \a answer, which is JavaScript's from now on.
    void follow(const QJSValue &thenable, ScriptAnswer *answer) const;
    /// The Error object for \a error.
    QJSValue toScript(const Error &error, const QString &method, const QUrl &url) const;
    /// Any value of the wire, nothing of it lost.
    QJSValue toScript(const QVariant &value) const;

    /// A promise waits for \a call; what to cancel it by.
    quint64 add(PromiseCall *call);
    /// Nobody waits for call \a id any more.
    void remove(quint64 id);
    /// Cancels what \a client has begun.
    void cancelAll(const QObject *client);

    /// For support.mjs: what makes calls of the method \a name of \a client, a RemoteMethod.
    Q_INVOKABLE QObject *newMethod(QObject *client, const QString &name, const QJSValue &options);
    /// For support.mjs: cancels it.
    Q_INVOKABLE void cancel(double id);
    /// For support.mjs: logs \a error, which nobody handles.
    Q_INVOKABLE void unhandled(const QJSValue &error);

private:
    explicit ScriptSupport(QJSEngine *engine);

    QPointer<QJSEngine> m_engine;
    QJSValue m_makePromise;
    QJSValue m_resolve;
    QJSValue m_reject;
    QJSValue m_remote;
    QJSValue m_describe;
    QJSValue m_makeError;
    QJSValue m_makeMap;
    QJSValue m_define;
    QJSValue m_follow;
    PromiseCall *find(quint64 id) const;

    // An id is the place of its call, and how many calls there have been, so that none comes twice.
    static constexpr quint64 Places = 1 << 21; // more than calls may wait
    std::vector<PromiseCall *> m_calls;
    std::vector<quint32> m_free; // places in m_calls
    quint64 m_count = 0;
};

} // namespace MsgpackRpc
