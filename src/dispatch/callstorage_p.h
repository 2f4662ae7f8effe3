// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/method_p.h"

#include <MsgpackRpc/reader.h>

#include <cstddef>
#include <cstring>

namespace MsgpackRpc {

/// The arguments and the result of one call: within this object if they are small, otherwise on the
/// heap.
class CallStorage
{
public:
    /// Room for a call of \a method, which must outlive this.
    explicit CallStorage(const Method &method)
        : m_method(method), m_argv(m_smallArgv), m_bytes(m_smallBytes)
    {
        if (Q_UNLIKELY(!method.isSmall()))
            allocate();
    }
    ~CallStorage()
    {
        if (Q_UNLIKELY(!m_method.isTrivial() || m_heap != nullptr))
            clean();
    }

    /// Decodes the arguments that follow in \a reader. False if one cannot be: failed() tells
    /// which.
    bool decode(Reader &reader);
    /// Index of the parameter that could not be decoded.
    size_t failed() const noexcept { return m_failed; }
    /// Sets the parameters of type Responder.
    void setResponder(const Responder &responder);
    /// Calls the method. Lets exceptions through.
    void invoke(QObject *object);
    /// The result. Only after invoke() has returned.
    const void *result() const noexcept { return m_bytes; }

private:
    void allocate();
    void clean();

    const Method &m_method;
    void **m_argv;
    std::byte *m_bytes;
    void *m_heap = nullptr;
    size_t m_constructed = 0; // parameters; those of them that are trivial do not matter
    size_t m_failed = 0;
    bool m_hasResult = false; // it is constructed, and not trivial
    void *m_smallArgv[Method::SmallCount + 1];
    alignas(std::max_align_t) std::byte m_smallBytes[Method::SmallSize];

    Q_DISABLE_COPY_MOVE(CallStorage)
};

inline bool CallStorage::decode(Reader &reader)
{
    const Parameter *const first = m_method.parameters().data();
    const Parameter *const end = first + m_method.parameters().size();
    void **argv = m_argv;
    for (const Parameter *parameter = first; parameter != end; ++parameter) {
        void *const value = m_bytes + parameter->offset;
        *++argv = value;
        if (Q_LIKELY(parameter->isTrivial)) {
            std::memset(value, 0, Parameter::TrivialSize);
        } else {
            parameter->type.construct(value);
            m_constructed = size_t(parameter - first) + 1;
            if (parameter->codec == nullptr)
                continue;
        }
        if (Q_UNLIKELY(!parameter->codec->read(reader, value))) {
            m_failed = size_t(parameter - first);
            return false;
        }
    }
    return true;
}

inline void CallStorage::invoke(QObject *object)
{
    const ResultPlan &result = m_method.result();
    m_argv[0] = result.kind != ResultPlan::Nothing ? m_bytes : nullptr;
    if (Q_LIKELY(result.isTrivial)) {
        // A function of QML that throws leaves it as it is. Where there is no result, the first
        // argument is there.
        if (Q_LIKELY(result.size <= Parameter::TrivialSize)) {
            if (Q_LIKELY(result.kind != ResultPlan::Nothing))
                std::memset(m_bytes, 0, Parameter::TrivialSize);
        } else {
            std::memset(m_bytes, 0, result.size);
        }
        m_method.invoke(object, m_argv);
    } else if (m_method.isCallable()) {
        m_method.invoke(object, m_argv);
        m_hasResult = true;
    } else {
        result.type.construct(m_bytes);
        m_hasResult = true;
        m_method.invoke(object, m_argv);
    }
}

} // namespace MsgpackRpc
