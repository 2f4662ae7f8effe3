// SPDX-License-Identifier: Apache-2.0
#include "rpcvalues_p.h"

#include <MsgpackRpc/codec.h>

#include <cmath>
#include <limits>
#include <optional>

namespace MsgpackRpc {

namespace {

std::optional<RpcInteger> integerFrom(const QVariant &value)
{
    if (value.typeId() == QMetaType::LongLong)
        return RpcInteger(quint64(value.toLongLong()), value.toLongLong() < 0);
    if (value.typeId() == QMetaType::ULongLong)
        return RpcInteger(value.toULongLong(), false);
    return std::nullopt;
}

} // namespace

QString RpcInteger::toString() const
{
    return m_isNegative ? QString::number(qint64(m_bits)) : QString::number(m_bits);
}

QString RpcExtension::toString() const
{
    return QStringLiteral("[extension %1 of %2 bytes]").arg(type()).arg(data().size());
}

QJSValue Rpc::integer(const QJSValue &digits)
{
    constexpr double Safe = 9007199254740991.0; // 2^53 - 1
    QJSEngine *const engine = qjsEngine(this);
    if (digits.isNumber() && std::abs(digits.toNumber()) <= Safe
        && digits.toNumber() == std::trunc(digits.toNumber()))
        return digits;
    bool isSigned = false;
    bool isUnsigned = false;
    const QString text = digits.toString();
    const qint64 number = text.toLongLong(&isSigned);
    const quint64 large = text.toULongLong(&isUnsigned);
    if (!digits.isString() || !(isSigned || isUnsigned)) {
        engine->throwError(QJSValue::RangeError,
                           QStringLiteral("expected the digits of an integer from -2^63 to 2^64-1 "
                                          "as text, got %1%2%1")
                                   .arg(QLatin1String(digits.isString() ? "\"" : ""), text));
        return {};
    }
    const quint64 bits = isSigned ? quint64(number) : large;
    const bool isNegative = isSigned && number < 0;
    if (RpcInteger::isExact(bits, isNegative))
        return QJSValue(double(number));
    return engine->toScriptValue(RpcInteger(bits, isNegative));
}

QJSValue Rpc::extension(const QJSValue &type, const QJSValue &data)
{
    QJSEngine *const engine = qjsEngine(this);
    const double number = type.isNumber() ? type.toNumber() : std::nan("");
    if (!(number >= std::numeric_limits<qint8>::min()
          && number <= std::numeric_limits<qint8>::max())
        || number != std::trunc(number)) {
        engine->throwError(QJSValue::RangeError,
                           QStringLiteral("the type of an extension is from -128 to 127, not %1")
                                   .arg(type.toString()));
        return {};
    }
    const QVariant bytes = data.toVariant(QJSValue::RetainJSObjects);
    if (bytes.typeId() != QMetaType::QByteArray) {
        engine->throwError(QJSValue::TypeError,
                           QStringLiteral("the data of an extension is an ArrayBuffer, not %1")
                                   .arg(data.toString()));
        return {};
    }
    return engine->toScriptValue(RpcExtension(Extension{qint8(number), bytes.toByteArray()}));
}

void registerScriptTypes()
{
    static const bool once = [] {
        registerType<RpcInteger>([](const RpcInteger &integer) { return integer.toVariant(); },
                                 &integerFrom);
        registerType<RpcExtension>(
                [](const RpcExtension &value) { return value.extension(); },
                [](const Extension &extension) { return RpcExtension(extension); });
        QMetaType::registerConverter<RpcInteger, QString>(&RpcInteger::toString);
        return true;
    }();
    Q_UNUSED(once)
}

} // namespace MsgpackRpc
