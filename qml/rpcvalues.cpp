// SPDX-License-Identifier: Apache-2.0
#include "rpcvalues_p.h"

#include <MsgpackRpc/codec.h>

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

QJSValue Rpc::integer(const QString &digits)
{
    QJSEngine *const engine = qjsEngine(this);
    bool isSigned = false;
    bool isUnsigned = false;
    const qint64 number = digits.toLongLong(&isSigned);
    const quint64 large = digits.toULongLong(&isUnsigned);
    if (!isSigned && !isUnsigned) {
        engine->throwError(
                QJSValue::RangeError,
                QStringLiteral("expected the digits of an integer from -2^63 to 2^64-1, got \"%1\"")
                        .arg(digits));
        return {};
    }
    const quint64 bits = isSigned ? quint64(number) : large;
    const bool isNegative = isSigned && number < 0;
    if (RpcInteger::isExact(bits, isNegative))
        return QJSValue(double(number));
    return engine->toScriptValue(RpcInteger(bits, isNegative));
}

QJSValue Rpc::extension(int type, const QByteArray &data)
{
    QJSEngine *const engine = qjsEngine(this);
    if (type < std::numeric_limits<qint8>::min() || type > std::numeric_limits<qint8>::max()) {
        engine->throwError(
                QJSValue::RangeError,
                QStringLiteral("the type of an extension is from -128 to 127, not %1").arg(type));
        return {};
    }
    return engine->toScriptValue(RpcExtension(Extension{qint8(type), data}));
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
