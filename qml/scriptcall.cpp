// SPDX-License-Identifier: Apache-2.0
#include "scriptcall_p.h"

#include "scriptreader_p.h"

namespace MsgpackRpc {

ScriptCall::ScriptCall(ScriptSupport *support, const QString &method, const QUrl &url)
    : m_support(support), m_method(method), m_url(url)
{
    setHandled(); // a rejection that nobody handles is logged in JavaScript
    ref();
    addListener(this);
}

bool ScriptCall::decode(Reader &reader)
{
    if (m_support == nullptr || m_support->engine() == nullptr)
        return reader.skip(); // the engine is gone, and with it whoever waits
    QJSValue value;
    if (!readScriptValue(*m_support, reader, value))
        return false;
    m_value = value;
    return true;
}

void ScriptCall::finished(CallState &)
{
    if (m_support == nullptr || m_support->engine() == nullptr)
        return;
    if (hasSucceeded())
        succeeded(m_value);
    else
        failed(m_support->toScript(error(), m_method, m_url));
}

PromiseCall::PromiseCall(ScriptSupport *support, const QObject *client, const QString &method,
                         const QUrl &url, const QJSValue &promise)
    : ScriptCall(support, method, url),
      m_client(client),
      m_id(support->add(this)),
      m_promise(promise)
{
}

PromiseCall::~PromiseCall()
{
    if (support() != nullptr)
        support()->remove(m_id);
}

} // namespace MsgpackRpc
