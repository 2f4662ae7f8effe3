// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/extension.h>

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtQml/QJSEngine>
#include <QtQml/QJSValue>
#include <QtQml/qqml.h>

namespace MsgpackRpc {

/// An integer that a JavaScript number cannot hold: beyond 2^53 in either direction. A value.
///
/// It is text wherever text is wanted, with all its digits, and goes back over the wire as the integer that it is.
/// Compared with `===` it equals the same integer. Arithmetic is JavaScript's own: `Number(value)` rounds. Rpc.integer()
/// makes one.
class RpcInteger
{
    Q_GADGET
    QML_VALUE_TYPE(rpcInteger)

public:
    RpcInteger() = default;
    /// The integer with these 64 \a bits: of a qint64 if it \a isNegative, else of a quint64.
    RpcInteger(quint64 bits, bool isNegative) : m_bits(bits), m_isNegative(isNegative) {}

    /// True if a double has room for such an integer and all its neighbours.
    static bool isExact(quint64 bits, bool isNegative)
    {
        return (isNegative ? 0 - bits : bits) <= (quint64(1) << 53);
    }

    /// The digits.
    Q_INVOKABLE QString toString() const;
    /// The digits, as text: JSON readers round numbers.
    Q_INVOKABLE QString toJSON(const QString & = {}) const { return toString(); }
    /// A qlonglong, or a qulonglong from 2^63 on.
    QVariant toVariant() const
    {
        return m_isNegative || qint64(m_bits) >= 0 ? QVariant(qlonglong(m_bits))
                                                   : QVariant(qulonglong(m_bits));
    }

    friend bool operator==(const RpcInteger &a, const RpcInteger &b)
    {
        return a.m_bits == b.m_bits && a.m_isNegative == b.m_isNegative;
    }
    friend bool operator!=(const RpcInteger &a, const RpcInteger &b) { return !(a == b); }

private:
    quint64 m_bits = 0;
    bool m_isNegative = false;
};

/// A MessagePack extension value. Rpc.extension() makes one.
class RpcExtension
{
    Q_GADGET
    QML_VALUE_TYPE(rpcExtension)
    /// -128 to 127; negative types are MessagePack's own.
    Q_PROPERTY(int type READ type CONSTANT)
    /// Its bytes.
    Q_PROPERTY(QByteArray data READ data CONSTANT)

public:
    RpcExtension() = default;
    explicit RpcExtension(const Extension &extension) : m_extension(extension) {}
    int type() const { return m_extension.type; }
    QByteArray data() const { return m_extension.data; }
    /// Type and size, for people.
    Q_INVOKABLE QString toString() const;
    Extension extension() const { return m_extension; }

    friend bool operator==(const RpcExtension &a, const RpcExtension &b)
    {
        return a.m_extension == b.m_extension;
    }
    friend bool operator!=(const RpcExtension &a, const RpcExtension &b) { return !(a == b); }

private:
    Extension m_extension;
};

/// Makes the values of the wire that JavaScript has no literal for.
class Rpc : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    QML_SINGLETON

public:
    explicit Rpc(QObject *parent = nullptr) : QObject(parent) {}

    /// The integer with these \a digits, from -2^63 to 2^64-1: a number where that is exact, else an rpcInteger. Throws
    /// a RangeError for other text. A number is taken as well, if it is an integer below 2^53: others may be rounded already.
    Q_INVOKABLE QJSValue integer(const QJSValue &digits);
    /// The extension with this \a type, -128 to 127, and \a data, an ArrayBuffer. Throws a RangeError for other types.
    Q_INVOKABLE QJSValue extension(const QJSValue &type, const QJSValue &data);
};

/// Makes the types above known to the wire. Once, from anywhere.
void registerScriptTypes();

} // namespace MsgpackRpc
