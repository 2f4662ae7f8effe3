// SPDX-License-Identifier: Apache-2.0
#include "dispatch/method_p.h"

#include "base/registration_p.h"

#include <algorithm>

namespace MsgpackRpc {

namespace {

constexpr size_t SlotSize = Parameter::TrivialSize;

size_t roundedUp(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

size_t alignmentOf(QMetaType type)
{
    return std::max(size_t(type.alignOf()), SlotSize);
}

bool needsNothing(QMetaType type)
{
    return !(type.flags() & (QMetaType::NeedsConstruction | QMetaType::NeedsDestruction));
}

bool isConstructible(QMetaType type)
{
    if (needsNothing(type))
        return true;
    void *value = type.create();
    type.destroy(value);
    return value != nullptr;
}

bool isFuture(QMetaType type)
{
    return QByteArrayView(type.name()).startsWith("QFuture<");
}

// What a problem calls a type: as \a written if it has no meta-type.
QString typeText(QMetaType type, const QByteArray &written)
{
    return QString::fromLatin1(type.isValid() ? QByteArray(type.name()) : written);
}

QString undecodableText(int index, QMetaType type, const QByteArray &written)
{
    return QStringLiteral("parameter %1 is of type %2, which cannot be decoded")
            .arg(index + 1)
            .arg(typeText(type, written));
}

QString unencodableText(QMetaType type, const QByteArray &written)
{
    return QStringLiteral("returns %1, which cannot be encoded").arg(typeText(type, written));
}

// The plan for a QFuture whose T is known at run time only. Qt registers, with the QFuture, a
// converter to QFuture<void>; T is found by its name.
QString planFuture(ResultPlan &plan)
{
    const QMetaType future = QMetaType::fromType<QFuture<void>>();
    plan.kind = ResultPlan::Future;
    if (plan.type == future)
        return {};
    registerWhole(plan.type);
    const QByteArrayView name(plan.type.name());
    const QByteArray inner =
            name.sliced(8, name.size() - 9).toByteArray(); // between "QFuture<" and ">"
    const QMetaType value = QMetaType::fromName(inner);
    if (!value.isValid() || !QMetaType::hasRegisteredConverterFunction(plan.type, future)) {
        return QStringLiteral("returns %1, and %2 is not known by name; call "
                              "qRegisterMetaType<%2>() before")
                .arg(QLatin1String(plan.type.name()), QLatin1String(inner));
    }
    plan.codec = typeCodec(value);
    if (plan.codec == nullptr)
        return unencodableText(plan.type, {});
    return {};
}

} // namespace

Method::Method(const std::shared_ptr<const Target> &target, const QMetaMethod &method,
               QString *problem)
    : m_isCloned(method.attributes() & QMetaMethod::Cloned), m_target(target)
{
    const QMetaObject *owner = method.enclosingMetaObject();
    m_staticMetacall = owner->d.static_metacall;
    m_index = method.methodIndex() - (m_staticMetacall != nullptr ? owner->methodOffset() : 0);
    *problem = planResult(method);
    if (problem->isEmpty())
        *problem = planParameters(method);
    finishLayout();
}

Method::Method(const std::shared_ptr<const Target> &target,
               std::unique_ptr<Detail::BoundFunction> function, QString *problem)
    : m_target(target), m_function(std::move(function))
{
    const Detail::FunctionType type = m_function->type();
    ResultPlan result;
    result.type = type.result;
    result.codec = type.resultCodec;
    result.toFuture = type.toFuture;
    if (type.toFuture != nullptr)
        result.kind = ResultPlan::Future;
    else if (type.result == QMetaType::fromType<AsyncResult>())
        result.kind = ResultPlan::Async;
    else if (type.resultCodec != nullptr)
        result.kind = ResultPlan::Value;
    setResult(result);
    if (!type.isResultKnown)
        *problem = unencodableText(type.result, {});
    for (size_t i = 0; i < type.parameters.size() && problem->isEmpty(); ++i) {
        const Detail::FunctionType::Parameter &parameter = type.parameters[i];
        const bool isKnown =
                parameter.codec != nullptr || parameter.type == QMetaType::fromType<Responder>();
        if (!isKnown || !addParameter(parameter.type, parameter.codec))
            *problem = undecodableText(int(i), parameter.type, {});
    }
    finishLayout();
}

void Method::setResult(const ResultPlan &result)
{
    m_result = result;
    if (result.kind == ResultPlan::Nothing)
        return;
    m_result.isTrivial = needsNothing(result.type);
    m_result.size = std::max(size_t(result.type.sizeOf()), SlotSize);
    m_storageSize = m_result.size;
    m_storageAlignment = std::max(m_storageAlignment, alignmentOf(result.type));
}

QString Method::planResult(const QMetaMethod &method)
{
    ResultPlan plan;
    plan.type = method.returnMetaType();
    QString problem;
    if (plan.type == QMetaType::fromType<void>()) {
        plan.kind = ResultPlan::Nothing;
    } else if (plan.type == QMetaType::fromType<AsyncResult>()) {
        plan.kind = ResultPlan::Async;
    } else if (plan.type.isValid() && isFuture(plan.type)) {
        problem = planFuture(plan);
    } else {
        plan.kind = ResultPlan::Value;
        plan.codec = plan.type.isValid() ? typeCodec(plan.type) : nullptr;
        if (plan.codec == nullptr || !isConstructible(plan.type))
            problem = unencodableText(plan.type, method.typeName());
    }
    if (problem.isEmpty())
        setResult(plan);
    return problem;
}

QString Method::planParameters(const QMetaMethod &method)
{
    const QList<QByteArray> written = method.parameterTypes();
    for (int i = 0; i < method.parameterCount(); ++i) {
        const QMetaType type = method.parameterMetaType(i);
        const bool isResponder = type == QMetaType::fromType<Responder>();
        const TypeCodec *codec = type.isValid() && !isResponder ? typeCodec(type) : nullptr;
        if ((codec == nullptr && !isResponder) || !addParameter(type, codec))
            return undecodableText(i, type, written.at(i));
    }
    return {};
}

bool Method::addParameter(QMetaType type, const TypeCodec *codec)
{
    if (!isConstructible(type))
        return false;
    Parameter parameter;
    parameter.type = type;
    parameter.codec = codec;
    parameter.isTrivial = needsNothing(type) && size_t(type.sizeOf()) <= SlotSize;
    parameter.offset = roundedUp(m_storageSize, alignmentOf(type));
    m_storageSize = parameter.offset + std::max(size_t(type.sizeOf()), SlotSize);
    m_storageAlignment = std::max(m_storageAlignment, alignmentOf(type));
    m_parameters.push_back(parameter);
    m_arity += codec != nullptr ? 1 : 0;
    return true;
}

void Method::finishLayout()
{
    m_storageSize = roundedUp(m_storageSize, SlotSize);
    m_isTrivial = m_result.isTrivial;
    for (const Parameter &parameter : m_parameters)
        m_isTrivial = m_isTrivial && parameter.isTrivial;
    m_isSmall = m_storageSize <= SmallSize && m_parameters.size() <= SmallCount
                && m_storageAlignment <= alignof(std::max_align_t);
    m_isPlain = !takesResponder()
                && (m_result.kind == ResultPlan::Nothing || m_result.kind == ResultPlan::Value);
}

void Method::invokeOther(QObject *object, void **argv) const
{
    if (m_function != nullptr)
        m_function->call(argv);
    else
        QMetaObject::metacall(object, QMetaObject::InvokeMetaMethod, m_index, argv);
}

QByteArray Method::parameterText() const
{
    QByteArray text;
    for (const Parameter &parameter : m_parameters) {
        if (parameter.codec == nullptr)
            continue;
        if (!text.isEmpty())
            text += ", ";
        text += parameter.type.name();
    }
    return text;
}

} // namespace MsgpackRpc
