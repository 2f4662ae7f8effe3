// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/caller.h>

#include <MsgpackRpc/session.h>

namespace MsgpackRpc {

Caller::Caller(const Detail::CallTarget &target)
    : m_session(target.session),
      m_prefix(target.prefix != nullptr ? *target.prefix : QByteArray()),
      m_timeout(target.timeout),
      m_option(target.option)
{
}

Detail::CallTarget Caller::callTarget() const
{
    return {static_cast<Session *>(m_session.data()), m_prefix.isEmpty() ? nullptr : &m_prefix,
            m_timeout, m_option};
}

void Caller::setObject(const Detail::MethodName &name)
{
    m_prefix += name.isNumber() ? QByteArray::number(name.number()) : name.name().toByteArray();
    m_prefix += '.';
}

} // namespace MsgpackRpc
