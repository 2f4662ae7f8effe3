// SPDX-License-Identifier: Apache-2.0
#include "dispatch/callstorage_p.h"

#include <new>

namespace MsgpackRpc {

void CallStorage::allocate()
{
    const size_t alignment = m_method.storageAlignment();
    const size_t argvSize = (m_method.parameters().size() + 1) * sizeof(void *);
    const size_t offset = (argvSize + alignment - 1) / alignment * alignment;
    m_heap = ::operator new(offset + m_method.storageSize(), std::align_val_t(alignment));
    m_argv = static_cast<void **>(m_heap);
    m_bytes = static_cast<std::byte *>(m_heap) + offset;
}

void CallStorage::setResponder(const Responder &responder)
{
    const std::vector<Parameter> &parameters = m_method.parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
        if (parameters[i].codec == nullptr)
            *static_cast<Responder *>(m_argv[i + 1]) = responder;
    }
}

void CallStorage::clean()
{
    if (m_hasResult)
        m_method.result().type.destruct(m_bytes);
    for (size_t i = 0; i < m_constructed; ++i) {
        const Parameter &parameter = m_method.parameters()[i];
        if (!parameter.isTrivial)
            parameter.type.destruct(m_argv[i + 1]);
    }
    if (m_heap != nullptr)
        ::operator delete(m_heap, std::align_val_t(m_method.storageAlignment()));
}

} // namespace MsgpackRpc
