// SPDX-License-Identifier: Apache-2.0
#include "rpcclient_p.h"

#include "rpcreply_p.h"
#include "scriptcall_p.h"
#include "scriptmethod_p.h"
#include "scriptreader_p.h"
#include "scriptwriter_p.h"

#include <MsgpackRpc/loggable.h>

#include <QtQml/QQmlComponent>
#include <QtQml/QQmlContext>
#include <QtQml/QQmlEngine>
#include <QtQml/QQmlInfo>

#include <algorithm>
#include <limits>

namespace MsgpackRpc {

namespace {

// Those that use a session of somebody else's: several may use the same.
QList<RpcClient *> &sharers()
{
    static thread_local QList<RpcClient *> clients;
    return clients;
}

// A client of C++ may have a time that QML has no number for.
int toInt(std::chrono::milliseconds time)
{
    return int(std::clamp<qint64>(time.count(), -1, std::numeric_limits<int>::max()));
}

} // namespace

RpcClient::RpcClient(QObject *parent) : QObject(parent)
{
    m_dispatcher.setObserver(
            [this](const IncomingCall &call) { Q_EMIT notified(call.methodText()); });
    m_dispatcher.setFallback([this](IncomingCall &call) { return handle(call); });
    use(newClient());
}

// Whoever is destroyed together with the component of this is not called back (componentDestroyed()); others hear that
// their calls have ended.
RpcClient::~RpcClient()
{
    if (ScriptSupport *const support =
                qjsEngine(this) != nullptr ? ScriptSupport::of(this) : nullptr)
        support->cancelAll(this);
    // Replies go with the component. Otherwise they tell how their call has ended, and go then.
    const QList<RpcReply *> replies = std::exchange(m_replies, {});
    if (m_isOver)
        qDeleteAll(replies);
    leave();
}

// A client that is a component of its own may well be used by others.
void RpcClient::componentDestroyed()
{
    const QQmlContext *const context = qmlContext(this);
    m_isOver = context == nullptr || context->contextObject() != this;
    if (m_life.isObject())
        m_life.setProperty(QLatin1String(m_isOver ? "isOver" : "isQuiet"), true);
}

void RpcClient::classBegin()
{
    m_isComplete = false;
    // The attached object has no header of its own.
    connect(qmlAttachedPropertiesObject<QQmlComponent>(this), SIGNAL(destruction()), this,
            SLOT(componentDestroyed()));
}

void RpcClient::componentComplete()
{
    m_isComplete = true;
    if (m_autoConnect && m_isOwn && !url().isEmpty())
        open();
}

void RpcClient::use(Session *session)
{
    m_session = session;
    m_nextDispatcher = session->dispatcher();
    session->setDispatcher(&m_dispatcher);
    if (!m_isOwn)
        sharers().append(this);
    connect(session, &Session::stateChanged, this, &RpcClient::updateState);
    connect(session, &Session::errorOccurred, this, &RpcClient::sessionFailed);
    connect(session, &Session::urlChanged, this, &RpcClient::urlChanged);
    connect(session, &QObject::destroyed, this, [this] {
        const QPointer<RpcClient> self(this);
        m_nextDispatcher = nullptr;
        sharers().removeOne(this);
        updateState();
        if (self && !m_isOwn)
            Q_EMIT sourceChanged();
    });
    updateState();
}

// Gives the session back as it was, or to those who have begun to use it since.
void RpcClient::leave()
{
    sharers().removeOne(this);
    if (!m_session)
        return;
    m_session->disconnect(this);
    if (m_session->dispatcher() == &m_dispatcher)
        m_session->setDispatcher(m_nextDispatcher);
    for (RpcClient *other : std::as_const(sharers())) {
        if (other->m_nextDispatcher == &m_dispatcher)
            other->m_nextDispatcher = m_nextDispatcher;
    }
    Session *const session = m_session;
    m_session = nullptr;
    if (m_isOwn)
        delete session;
}

QUrl RpcClient::url() const
{
    return m_session ? m_session->url() : QUrl();
}

void RpcClient::setUrl(const QUrl &url)
{
    if (!m_isOwn) {
        qmlWarning(this) << "url belongs to source, and is set there";
        return;
    }
    if (this->url() == url)
        return;
    const QPointer<RpcClient> self(this);
    close();
    setError(QJSValue());
    if (!self || !ownClient())
        return;
    m_session->setUrl(url);
    if (self && m_isComplete)
        componentComplete();
}

int RpcClient::timeout() const
{
    return m_timeout ? *m_timeout : m_session ? toInt(m_session->timeout()) : -1;
}

void RpcClient::setTimeout(int timeout)
{
    if (m_timeout == timeout)
        return;
    m_timeout = timeout;
    Q_EMIT timeoutChanged();
}

int RpcClient::connectTimeout() const
{
    return m_session ? toInt(m_session->connectTimeout()) : -1;
}

void RpcClient::setConnectTimeout(int timeout)
{
    if (connectTimeout() == timeout || !m_session)
        return;
    m_connectTimeout = timeout;
    m_session->setConnectTimeout(std::chrono::milliseconds(timeout));
    Q_EMIT connectTimeoutChanged();
}

void RpcClient::setAutoConnect(bool on)
{
    if (m_autoConnect == on)
        return;
    m_autoConnect = on;
    if (ownClient() != nullptr)
        applyReconnect(*m_session);
    if (m_isComplete)
        componentComplete();
    Q_EMIT autoConnectChanged();
}

void RpcClient::applyReconnect(Session &session) const
{
    Reconnect reconnect = session.reconnect();
    reconnect.mode = m_autoConnect ? Reconnect::Always : Reconnect::OnDemand;
    session.setReconnect(reconnect);
}

bool RpcClient::deflate() const
{
    return m_deflate ? *m_deflate : m_session && m_session->transportOption() != TransportOption();
}

void RpcClient::setDeflate(bool on)
{
    if (m_deflate == on)
        return;
    m_deflate = on;
    if (ownClient() != nullptr)
        m_session->setTransportOption(optionFor(on));
    Q_EMIT deflateChanged();
}

void RpcClient::setToken(const QString &token)
{
    if (ownClient() == nullptr) {
        qmlWarning(this) << "token belongs to source, and is set there";
        return;
    }
    if (m_token == token)
        return;
    m_token = token;
    m_session->setToken(token.toUtf8());
    Q_EMIT tokenChanged();
}

QJSValue RpcClient::remote()
{
    if (m_remote.isUndefined())
        m_remote = object(QString());
    return m_remote;
}

const QJSValue &RpcClient::life(const ScriptSupport &support)
{
    if (m_life.isUndefined())
        m_life = support.newLife(m_isOver);
    return m_life;
}

QJSValue RpcClient::object(const QString &name, const QJSValue &options)
{
    const ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr)
        return {};
    const CallOptions checked = CallOptions::from(options);
    if (!checked.problem.isEmpty()) {
        support->engine()->throwError(QJSValue::TypeError, checked.problem);
        return {};
    }
    return support->remote(support->newTarget(this, life(*support), options),
                           name.isEmpty() ? QString() : name + QLatin1Char('.'));
}

void RpcClient::setSource(QObject *source)
{
    if (source == this->source())
        return;
    auto *const session = qobject_cast<Session *>(source);
    if (source != nullptr && session == nullptr) {
        qmlWarning(this) << "source is a Client or Session made in C++, not a "
                         << source->metaObject()->className();
        return;
    }
    leave();
    m_isOwn = session == nullptr;
    const QPointer<RpcClient> self(this);
    use(m_isOwn ? newClient() : session);
    for (const auto changed :
         {&RpcClient::sourceChanged, &RpcClient::urlChanged, &RpcClient::timeoutChanged,
          &RpcClient::connectTimeoutChanged, &RpcClient::deflateChanged}) {
        if (self)
            Q_EMIT(this->*changed)();
    }
}

// With what was set before.
Client *RpcClient::newClient()
{
    auto *const client = new Client(this);
    applyReconnect(*client);
    if (m_connectTimeout)
        client->setConnectTimeout(std::chrono::milliseconds(*m_connectTimeout));
    if (m_deflate)
        client->setTransportOption(optionFor(*m_deflate));
    client->setToken(m_token.toUtf8());
    return client;
}

void RpcClient::setHandlers(QObject *handlers)
{
    if (m_handlers == handlers)
        return;
    if (m_handlers)
        m_dispatcher.unserve(m_handlers);
    m_handlers = handlers;
    if (handlers != nullptr && !m_dispatcher.serve(QString(), handlers))
        qmlWarning(this) << Detail::loggable(m_dispatcher.error().message());
    Q_EMIT handlersChanged();
}

void RpcClient::updateState()
{
    const auto next = m_session ? State(m_session->state()) : Unconnected;
    if (next == m_state)
        return;
    const bool wasConnected = isConnected();
    const QPointer<RpcClient> self(this);
    m_state = next;
    if (isConnected())
        setError(QJSValue());
    if (self)
        Q_EMIT stateChanged();
    if (self && wasConnected != isConnected())
        Q_EMIT connectedChanged();
}

void RpcClient::sessionFailed(const Error &error)
{
    const ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr)
        return;
    const QJSValue value = support->toScript(error, QString(), url());
    const QPointer<RpcClient> self(this);
    setError(value);
    if (self)
        Q_EMIT errorOccurred(value);
}

void RpcClient::setError(const QJSValue &error)
{
    if (error.isUndefined() && m_error.isUndefined())
        return;
    m_error = error;
    Q_EMIT errorChanged();
}

// What neither handlers nor C++ has served.
bool RpcClient::handle(IncomingCall &call)
{
    const QPointer<RpcClient> self(this);
    ScriptSupport *const support = ScriptSupport::of(this);
    if (call.isNotification() && support != nullptr) {
        Reader reader(call.rawArguments()); // the arguments stay for whoever is next
        QJSValue arguments;
        if (readScriptValue(*support, reader, arguments))
            Q_EMIT notification(call.methodText(), arguments);
    }
    if (!self || m_isOwn || m_nextDispatcher == nullptr)
        return call.isNotification();
    m_nextDispatcher->dispatch(call);
    return true;
}

QJSValue RpcClient::call(const QJSValue &method, const QJSValue &arguments, const QJSValue &options)
{
    ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr)
        return {};
    const QPointer<RpcClient> self(this);
    const QUrl target = url();
    QJSValue promise = support->newPromise(life(*support));
    // These may run JavaScript.
    const ScriptMethod scriptMethod(method);
    const CallOptions checked = CallOptions::from(options);
    const ScriptArguments values(arguments);
    const Detail::CallStatePtr<PromiseCall> call(
            new PromiseCall(support, self, scriptMethod.text(), target, promise));
    promise.setProperty(QStringLiteral("id"), call->id());
    if (self)
        start(*support, *call, scriptMethod, values, checked);
    else
        call->finishWithError(Error(Error::Canceled, QStringLiteral("the client was destroyed")),
                              Detail::CallState::Later);
    return promise;
}

QJSValue RpcClient::callArray(const QJSValue &method, const QJSValue &arguments,
                              const QJSValue &options)
{
    if (arguments.isArray())
        return call(method, arguments, options);
    ScriptSupport *const support = ScriptSupport::of(this);
    if (support != nullptr)
        support->engine()->throwError(
                QJSValue::TypeError,
                QStringLiteral("the arguments of callArray() are an array, not %1")
                        .arg(arguments.toString()));
    return {};
}

RpcReply *RpcClient::request(const QJSValue &method, const QJSValue &arguments,
                             const QJSValue &options)
{
    ScriptSupport *const support = ScriptSupport::of(this);
    if (support == nullptr)
        return nullptr;
    const QPointer<RpcClient> self(this);
    const ScriptMethod scriptMethod(method);
    const ScriptArguments values(arguments);
    const CallOptions checked = CallOptions::from(options);
    return self ? RpcReply::start(*support, *this, scriptMethod, values, checked) : nullptr;
}

Detail::CallTarget RpcClient::callTarget(const CallOptions &options) const
{
    Detail::CallTarget target{m_session, nullptr, options.timeout, options.option};
    if (m_timeout && !target.timeout)
        target.timeout = std::chrono::milliseconds(*m_timeout);
    if (m_deflate && !target.option)
        target.option = optionFor(*m_deflate);
    return target;
}

void RpcClient::start(const ScriptSupport &support, ScriptCall &call, const ScriptMethod &method,
                      const ScriptArguments &arguments, const CallOptions &options)
{
    if (method.name() != nullptr)
        start(support, call, *method.name(), arguments, options);
    else
        call.finishWithError(method.error(), Detail::CallState::Later);
}

void RpcClient::start(const ScriptSupport &support, ScriptCall &call,
                      const Detail::MethodName &method, const ScriptArguments &arguments,
                      const CallOptions &options)
{
    const auto refuse = [&call](Error::Code code, const QString &why) {
        call.finishWithError(Error(code, why), Detail::CallState::Later);
    };
    if (Q_UNLIKELY(!options.problem.isEmpty()))
        return refuse(Error::InvalidArguments, options.problem);
    if (Q_UNLIKELY(!m_session))
        return refuse(Error::NotConnectable,
                      QStringLiteral("the source of the client is destroyed"));
    if (Q_LIKELY(arguments.isPlain())) {
        Detail::CallBuilder builder(callTarget(options), method, Detail::CallBuilder::Request);
        if (Writer *const writer = builder.writer())
            arguments.write(support, *writer, m_session->limits());
        return builder.finish(&call);
    }
    const QPointer<RpcClient> self(this);
    Writer apart(m_session->wireFormat());
    arguments.write(support, apart, m_session->limits());
    if (call.isFinished()) // by an accessor
        return;
    if (!self)
        return refuse(Error::Canceled, QStringLiteral("the client was destroyed"));
    if (const Error error = argumentsError(apart))
        return refuse(error.code(), error.message());
    Detail::CallBuilder builder(callTarget(options), method, Detail::CallBuilder::Request);
    if (Writer *const writer = builder.writer())
        writer->writeAll(apart);
    builder.finish(&call);
}

bool RpcClient::notify(const QJSValue &method, const QJSValue &arguments)
{
    const QPointer<RpcClient> self(this);
    const ScriptSupport *const support = ScriptSupport::of(this);
    const ScriptMethod scriptMethod(method);
    Error error = scriptMethod.error();
    if (!self)
        return false;
    if (support == nullptr || !m_session)
        error = Error(Error::NotConnectable, QStringLiteral("there is no session"));
    if (!error) {
        Writer apart(m_session->wireFormat());
        ScriptArguments(arguments).write(*support, apart, m_session->limits());
        if (!self)
            return false;
        error = argumentsError(apart);
        if (!error && m_session && notifyWith(callTarget({}), scriptMethod, apart))
            return true;
    }
    qmlWarning(this) << "a notification of " << Detail::loggable(scriptMethod.text())
                     << " was dropped: "
                     << (error ? Detail::loggable(error.message())
                               : QStringLiteral("it could not be queued"));
    return false;
}

void RpcClient::open()
{
    if (m_session)
        m_session->open();
}

void RpcClient::close()
{
    if (m_session)
        m_session->close();
}

} // namespace MsgpackRpc
