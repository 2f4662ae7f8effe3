// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QByteArray>
#include <QtCore/QList>
#include <QtCore/QMetaType>
#include <QtCore/QVariant>

#include <utility>

namespace MsgpackRpc {

/// A MessagePack extension value: a type and its bytes. A value.
///
/// Type -1 is the timestamp: it arrives as QDateTime where nothing is lost by that, and as
/// Extension where it has more than milliseconds.
struct Extension
{
    /// -128 to 127; negative types are MessagePack's own.
    qint8 type = 0;
    /// The bytes.
    QByteArray data;

    friend bool operator==(const Extension &a, const Extension &b)
    {
        return a.type == b.type && a.data == b.data;
    }
    friend bool operator!=(const Extension &a, const Extension &b) { return !(a == b); }
};

/// A map whose keys are not all (distinct) text, as it came, in order: what such a map decodes to
/// where no type is known. Maps with text keys become QVariantMap. A value.
class AnyKeyMap : public QList<std::pair<QVariant, QVariant>>
{
public:
    using QList::QList;
    /// The value of the first entry with \a key, or \a defaultValue.
    QVariant value(const QVariant &key, const QVariant &defaultValue = {}) const
    {
        for (const auto &entry : *this) {
            if (entry.first == key)
                return entry.second;
        }
        return defaultValue;
    }
};

/// Prints type and bytes.
MSGPACKRPC_EXPORT QDebug operator<<(QDebug debug, const Extension &extension);

} // namespace MsgpackRpc

Q_DECLARE_METATYPE(MsgpackRpc::Extension)
Q_DECLARE_METATYPE(MsgpackRpc::AnyKeyMap)
