// SPDX-License-Identifier: Apache-2.0
#include "wire/metatypecodecs_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QMetaEnum>

#include <cstring>

namespace MsgpackRpc {

namespace {

// The enumerator of a type called `Scope::Name`, or `QFlags<Scope::Name>` for flags.
QMetaEnum metaEnumOf(QMetaType type)
{
    const QMetaObject *metaObject = type.metaObject();
    if (metaObject == nullptr)
        return {};
    QByteArray name = type.name();
    const bool isFlags = name.startsWith("QFlags<") && name.endsWith('>');
    if (isFlags)
        name = name.mid(7, name.size() - 8);
    name = name.mid(name.lastIndexOf(':') + 1);
    for (int i = metaObject->enumeratorOffset(); i < metaObject->enumeratorCount(); ++i) {
        const QMetaEnum candidate = metaObject->enumerator(i);
        if (candidate.isFlag() == isFlags
            && (name == candidate.enumName() || name == candidate.name()))
            return candidate;
    }
    return {};
}

// Enums and flags of any size: integers, or what Q_ENUM and Q_FLAG call them. Flags are written as
// bits, without sign: whether the compiler counts them as int or unsigned is not to be seen on the
// wire. They are taken either way.
class EnumCodec final : public TypeCodec
{
public:
    explicit EnumCodec(QMetaType type)
        : m_metaEnum(metaEnumOf(type)),
          m_size(size_t(type.sizeOf())),
          m_isFlags(QByteArrayView(type.name()).startsWith("QFlags<")),
          m_isUnsigned(m_isFlags || type.flags().testFlag(QMetaType::IsUnsignedEnumeration)),
          m_expected(describeExpected(m_metaEnum, QString::fromLatin1(type.name())))
    {
    }

    bool read(Reader &reader, void *value) const override
    {
        const Reader start = reader;
        const bool taken = reader.kind() == Reader::String || reader.kind() == Reader::Binary
                                   ? readName(reader, value)
                                   : readNumber(reader, value);
        if (Q_LIKELY(taken))
            return true;
        reader.recover(start);
        return reader.fail(m_expected);
    }

    void write(Writer &writer, const void *value) const override
    {
        if (m_isUnsigned)
            visit(const_cast<void *>(value), [&writer](auto *typed) {
                writer.writeUnsigned(std::make_unsigned_t<std::decay_t<decltype(*typed)>>(*typed));
            });
        else
            visit(const_cast<void *>(value),
                  [&writer](auto *typed) { writer.writeSigned(*typed); });
    }

    bool isOwnKind(Reader::Kind kind) const override { return kind == Reader::Integer; }

private:
    // Calls \a function with the value as an integer of its size.
    template<typename Function>
    void visit(void *value, Function function) const
    {
        switch (m_size) {
        case 1:
            return function(static_cast<qint8 *>(value));
        case 2:
            return function(static_cast<qint16 *>(value));
        case 4:
            return function(static_cast<qint32 *>(value));
        default:
            return function(static_cast<qint64 *>(value));
        }
    }

    bool readNumber(Reader &reader, void *value) const
    {
        const Reader start = reader;
        bool taken = false;
        visit(value, [&](auto *typed) {
            using Signed = std::decay_t<decltype(*typed)>;
            using Unsigned = std::make_unsigned_t<Signed>;
            taken = m_isUnsigned
                            ? Codec<Unsigned>::read(reader, *reinterpret_cast<Unsigned *>(typed))
                            : Codec<Signed>::read(reader, *typed);
            if (!taken && m_isFlags) {
                reader.recover(start);
                taken = Codec<Signed>::read(reader, *typed);
            }
        });
        return taken;
    }

    bool readName(Reader &reader, void *value) const
    {
        QByteArrayView name;
        if (!m_metaEnum.isValid() || !reader.readBytesView(name) || name.isEmpty())
            return false;
        const QByteArray key = name.toByteArray();
        bool known = false;
        const int number = m_metaEnum.isFlag() ? m_metaEnum.keysToValue(key.constData(), &known)
                                               : m_metaEnum.keyToValue(key.constData(), &known);
        if (!known || key.contains('\0'))
            return false;
        visit(value, [number, this](auto *typed) {
            using Signed = std::decay_t<decltype(*typed)>;
            *typed = m_isUnsigned ? Signed(uint(number)) : Signed(number);
        });
        return true;
    }

    static QString describeExpected(const QMetaEnum &metaEnum, const QString &typeName)
    {
        constexpr int Shown = 20;
        QStringList names;
        for (int i = 0; i < qMin(metaEnum.keyCount(), Shown); ++i)
            names.append(QString::fromLatin1(metaEnum.key(i)));
        if (metaEnum.keyCount() > Shown)
            names.append(QString(QChar(0x2026)));
        if (names.isEmpty())
            return QStringLiteral("an integer that fits %1").arg(typeName);
        const auto form =
                metaEnum.isFlag()
                        ? QStringLiteral("names of %1 (%2) joined by |, or an integer that fits it")
                        : QStringLiteral("a name of %1 (%2), or an integer that fits it");
        return form.arg(typeName, names.join(QLatin1String(", ")));
    }

    const QMetaEnum m_metaEnum;
    const size_t m_size;
    const bool m_isFlags;
    const bool m_isUnsigned;
    const QString m_expected;
};

} // namespace

std::unique_ptr<TypeCodec> makeEnumCodec(QMetaType type)
{
    const auto size = type.sizeOf();
    if (size != 1 && size != 2 && size != 4 && size != 8)
        return nullptr;
    return std::make_unique<EnumCodec>(type);
}

} // namespace MsgpackRpc
