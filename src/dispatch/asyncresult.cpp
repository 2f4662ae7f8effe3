// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/asyncresult.h>

#include <QtCore/QMutex>

namespace MsgpackRpc {

namespace Detail {

// An answer and a responder meet here, whichever comes first.
class AsyncResultState
{
public:
    using Answer = std::function<void(const Responder &)>;

    bool answer(const Answer &give)
    {
        QMutexLocker lock(&m_mutex);
        if (m_isAnswered)
            return false;
        m_isAnswered = true;
        if (!m_isBound) {
            m_answer = give;
            return true;
        }
        const Responder responder = m_responder;
        lock.unlock();
        give(responder);
        return true;
    }

    void bind(const Responder &responder)
    {
        QMutexLocker lock(&m_mutex);
        if (m_isBound) {
            lock.unlock();
            responder.error("the method returned an AsyncResult that belongs to another call");
            return;
        }
        m_isBound = true;
        m_responder = responder;
        const Answer give = std::exchange(m_answer, nullptr);
        lock.unlock();
        if (give)
            give(responder);
    }

    bool isAnswered() const
    {
        const QMutexLocker lock(&m_mutex);
        return m_isAnswered;
    }

    Responder responder() const
    {
        const QMutexLocker lock(&m_mutex);
        return m_responder;
    }

private:
    mutable QMutex m_mutex;
    Answer m_answer; // given before the responder was known
    Responder m_responder;
    bool m_isAnswered = false;
    bool m_isBound = false;
};

} // namespace Detail

AsyncResult::AsyncResult() : m_state(std::make_shared<Detail::AsyncResultState>()) {}

bool AsyncResult::answer(std::function<void(Writer &)> write) const
{
    return m_state->answer(
            [write = std::move(write)](const Responder &responder) { responder.answer(write); });
}

bool AsyncResult::error(const QVariant &value) const
{
    return m_state->answer([value](const Responder &responder) { responder.error(value); });
}

bool AsyncResult::error(const Error &error) const
{
    return m_state->answer([error](const Responder &responder) { responder.error(error); });
}

bool AsyncResult::isAnswered() const
{
    return m_state->isAnswered();
}

bool AsyncResult::isCanceled() const
{
    return m_state->responder().isCanceled();
}

Responder AsyncResult::responder() const
{
    return m_state->responder();
}

void AsyncResult::bind(const Responder &responder) const
{
    m_state->bind(responder);
}

} // namespace MsgpackRpc
