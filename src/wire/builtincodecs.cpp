// SPDX-License-Identifier: Apache-2.0
#include "wire/metatypecodecs_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QByteArrayList>

namespace MsgpackRpc {

namespace {

using Add = std::function<void(QMetaType, std::unique_ptr<TypeCodec>)>;

// The result of methods that have none.
class VoidCodec final : public TypeCodec
{
public:
    bool read(Reader &reader, void *) const override { return reader.readNil(); }
    void write(Writer &writer, const void *) const override { writer.writeNil(); }
    bool isOwnKind(Reader::Kind kind) const override { return kind == Reader::Nil; }
};

template<typename... Ts>
void addTypes(const Add &add)
{
    (add(QMetaType::fromType<Ts>(), std::make_unique<Detail::StaticTypeCodec<Ts>>()), ...);
}

// A type with the containers of it that are common in interfaces.
template<typename... Ts>
void addWithContainers(const Add &add)
{
    addTypes<Ts...>(add);
    addTypes<QList<Ts>...>(add);
    addTypes<std::vector<Ts>...>(add);
    addTypes<QMap<QString, Ts>...>(add);
    addTypes<QHash<QString, Ts>...>(add);
}

} // namespace

void addBuiltInCodecs(const Add &add)
{
    add(QMetaType::fromType<void>(), std::make_unique<VoidCodec>());
    addTypes<std::nullptr_t, char, signed char, uchar, short, ushort, long, ulong, char16_t,
             char32_t>(add);
    addTypes<Extension, AnyKeyMap>(add);
    addWithContainers<bool, int, uint, qlonglong, qulonglong, float, double>(add);
    addWithContainers<QString, QByteArray, std::string, QVariant>(add);
    addTypes<QDateTime, QDate, QTime, QUrl, QUuid>(add);
    addTypes<QList<QDateTime>, QList<QUrl>, QList<QUuid>>(add);
}

} // namespace MsgpackRpc
