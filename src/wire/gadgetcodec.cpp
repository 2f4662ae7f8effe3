// SPDX-License-Identifier: Apache-2.0
#include "wire/metatypecodecs_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QMetaProperty>

#include <vector>

namespace MsgpackRpc {

namespace {

// A property, prepared so that its value passes from the wire to the gadget without a QVariant:
// moc's function takes and gives values of the property's own type.
struct GadgetProperty
{
    using Access = QMetaObject::Data::StaticMetacallFunction;

    explicit GadgetProperty(const QMetaProperty &property)
        : name(property.name()),
          type(property.metaType()),
          access(property.enclosingMetaObject()->d.static_metacall),
          index(property.relativePropertyIndex()),
          isUsable(canConstruct(type)),
          isRead(property.isReadable() && property.isStored()),
          isWritten(property.isWritable())
    {
    }

    void call(QMetaObject::Call what, void *gadget, void *value) const
    {
        int status = -1;
        int flags = 0;
        void *arguments[] = {value, nullptr, &status, &flags};
        access(static_cast<QObject *>(gadget), what, index, arguments);
    }

    QByteArray name;
    QMetaType type;
    Access access;
    int index;
    bool isUsable;
    bool isRead; // from the gadget, to be sent
    bool isWritten; // to the gadget, when received
};

class GadgetCodec final : public TypeCodec
{
public:
    explicit GadgetCodec(QMetaType type) : m_name(QString::fromLatin1(type.name()))
    {
        const QMetaObject *metaObject = type.metaObject();
        for (int i = 0; i < metaObject->propertyCount(); ++i) {
            const GadgetProperty property(metaObject->property(i));
            if (property.access == nullptr || !(property.isRead || property.isWritten))
                continue;
            m_readCount += property.isRead ? 1 : 0;
            m_properties.push_back(property);
        }
    }

    bool read(Reader &reader, void *gadget) const override
    {
        const Reader::Nesting nesting(reader);
        quint32 count = 0;
        if (!nesting || !Detail::readMapOrEmptyArray(reader, count))
            return false;
        size_t next = 0; // where the next key is found if the properties come in order
        for (quint32 i = 0; i < count; ++i) {
            const GadgetProperty *property = readKey(reader, next);
            if (property != nullptr ? !readProperty(reader, gadget, *property) : !reader.skip())
                return property != nullptr ? reader.failedIn(QByteArrayView(property->name))
                                           : false;
        }
        return true;
    }

    void write(Writer &writer, const void *gadget) const override
    {
        const Writer::Nesting nesting(writer);
        if (!nesting || writer.hasFailed())
            return;
        writer.writeMap(m_readCount);
        for (const GadgetProperty &property : m_properties) {
            if (!property.isRead)
                continue;
            writer.writeString(QByteArrayView(property.name));
            writeProperty(writer, gadget, property);
            if (Q_UNLIKELY(writer.hasFailed()))
                return writer.failedIn(QString::fromUtf8(property.name));
        }
    }

    bool isOwnKind(Reader::Kind kind) const override { return kind == Reader::Map; }

private:
    // Takes a key. The property that it names, if there is one that can be set.
    const GadgetProperty *readKey(Reader &reader, size_t &next) const
    {
        const Reader::Kind kind = reader.kind();
        QByteArrayView key;
        if (kind != Reader::String && kind != Reader::Binary) {
            reader.skip();
            return nullptr;
        }
        reader.readBytesView(key);
        for (size_t i = 0; i < m_properties.size(); ++i) {
            const size_t at = next < m_properties.size() ? next : 0;
            next = at + 1;
            const GadgetProperty &property = m_properties[at];
            if (key == QByteArrayView(property.name))
                return property.isWritten ? &property : nullptr;
        }
        return nullptr;
    }

    bool readProperty(Reader &reader, void *gadget, const GadgetProperty &property) const
    {
        const TypeCodec *codec = property.isUsable ? typeCodec(property.type) : nullptr;
        if (codec == nullptr)
            return reader.fail(noForm(property));
        ScopedValue value(property.type);
        if (!codec->read(reader, value.data()))
            return false;
        property.call(QMetaObject::WriteProperty, gadget, value.data());
        return true;
    }

    void writeProperty(Writer &writer, const void *gadget, const GadgetProperty &property) const
    {
        const TypeCodec *codec = property.isUsable ? typeCodec(property.type) : nullptr;
        if (codec == nullptr) {
            writer.fail(noForm(property));
            return;
        }
        ScopedValue value(property.type);
        property.call(QMetaObject::ReadProperty, const_cast<void *>(gadget), value.data());
        codec->write(writer, value.data());
    }

    QString noForm(const GadgetProperty &property) const
    {
        return QStringLiteral(
                       "a registered type for property %1 of %2 (%3 has no form on the wire)")
                .arg(QString::fromUtf8(property.name), m_name,
                     QString::fromLatin1(property.type.name()));
    }

    const QString m_name;
    std::vector<GadgetProperty> m_properties;
    quint32 m_readCount = 0;
};

} // namespace

std::unique_ptr<TypeCodec> makeGadgetCodec(QMetaType type)
{
    return type.metaObject() != nullptr ? std::make_unique<GadgetCodec>(type) : nullptr;
}

} // namespace MsgpackRpc
