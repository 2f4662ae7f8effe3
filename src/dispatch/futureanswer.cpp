// SPDX-License-Identifier: Apache-2.0
#include "dispatch/answer_p.h"

#include <QtCore/QFutureWatcher>
#include <QtCore/QVariant>

namespace MsgpackRpc {

namespace {

QFuture<void> untypedFuture(const ResultPlan &plan, const void *future)
{
    if (plan.toFuture != nullptr)
        return plan.toFuture(future);
    const QMetaType type = QMetaType::fromType<QFuture<void>>();
    if (plan.type == type)
        return *static_cast<const QFuture<void> *>(future);
    QFuture<void> untyped;
    QMetaType::convert(plan.type, future, type, &untyped);
    return untyped;
}

// The first result of a finished future. Somebody must hold the typed future: an untyped one does
// not keep results.
const void *firstResult(const QFuture<void> &future)
{
    const QFutureInterfaceBase state = QFutureInterfaceBase::get(future);
    const QMutexLocker lock(&state.mutex());
    const QtPrivate::ResultStoreBase &results = state.resultStoreBase();
    // The type does not matter: the address of the first of a batch is the same for any.
    return results.contains(0) ? results.resultAt(0).pointer<char>() : nullptr;
}

void answerFinished(QFuture<void> future, const TypeCodec *codec, const Answer &answer)
{
    try {
        future.waitForFinished(); // it has; throws what the future holds
    } catch (...) {
        return answer.error(currentError());
    }
    const void *result = codec != nullptr ? firstResult(future) : nullptr;
    if (future.isCanceled() || (codec != nullptr && result == nullptr))
        answer.error(QVariant(QStringLiteral("canceled")));
    else
        answer.result(codec, result);
}

// Any number of watchers may wait for a future; of continuations, only the last one set would run.
void watch(QObject *agent, const QFuture<void> &future, const QVariant &typed,
           const TypeCodec *codec, const Answer &answer)
{
    auto *watcher = new QFutureWatcher<void>(agent);
    QObject::connect(watcher, &QFutureWatcherBase::finished, watcher,
                     [watcher, typed, codec, answer] {
                         watcher->deleteLater();
                         answerFinished(watcher->future(), codec, answer);
                     });
    watcher->setFuture(future);
}

void answerFuture(const ResultPlan &plan, const void *result, Answer &answer,
                  const std::shared_ptr<const Target> &agent)
{
    const QFuture<void> future = untypedFuture(plan, result);
    if (future.isFinished())
        return answerFinished(future, plan.codec, answer);
    const QVariant typed(plan.type, result);
    if (QObject *here = agent->local())
        return watch(here, future, typed, plan.codec, answer.later());
    agent->post([agent, future, typed, codec = plan.codec, later = answer.later()] {
        if (QObject *here = agent->local())
            watch(here, future, typed, codec, later);
    });
}

} // namespace

void answerResult(const ResultPlan &plan, const void *result, Answer &answer,
                  const std::shared_ptr<const Target> &agent)
{
    switch (plan.kind) {
    case ResultPlan::Nothing:
        answer.result(nullptr, nullptr);
        break;
    case ResultPlan::Value:
        answer.result(plan.codec, result);
        break;
    case ResultPlan::Future:
        answerFuture(plan, result, answer, agent);
        break;
    case ResultPlan::Async:
        static_cast<const AsyncResult *>(result)->bind(answer.takeOver());
        break;
    }
}

} // namespace MsgpackRpc
