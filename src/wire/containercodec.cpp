// SPDX-License-Identifier: Apache-2.0
#include "wire/metatypecodecs_p.h"

#include "base/registration_p.h"

#include <MsgpackRpc/codec.h>

#include <QtCore/QAssociativeIterable>
#include <QtCore/QMetaAssociation>
#include <QtCore/QMetaSequence>
#include <QtCore/QSequentialIterable>

namespace MsgpackRpc {

namespace {

// The elements of a container, through the interface that Qt has made for it.
class ElementIterator
{
public:
    ElementIterator(const QMetaContainer &container, const void *data)
        : m_container(container), m_at(container.constBegin(data)), m_end(container.constEnd(data))
    {
    }
    ~ElementIterator()
    {
        m_container.destroyConstIterator(m_at);
        m_container.destroyConstIterator(m_end);
    }
    bool atEnd() const { return m_container.compareConstIterator(m_at, m_end); }
    void advance() { m_container.advanceConstIterator(m_at, 1); }
    const void *get() const { return m_at; }

private:
    const QMetaContainer &m_container;
    void *m_at;
    void *m_end;
    Q_DISABLE_COPY_MOVE(ElementIterator)
};

class SequenceTypeCodec final : public TypeCodec
{
public:
    explicit SequenceTypeCodec(const QMetaSequence &sequence)
        : m_sequence(sequence), m_valueType(sequence.valueMetaType())
    {
    }

    bool read(Reader &reader, void *container) const override
    {
        const Reader::Nesting nesting(reader);
        quint32 count = 0;
        if (!nesting || !Detail::readArrayOrEmptyMap(reader, count))
            return false;
        const TypeCodec *codec = typeCodec(m_valueType);
        m_sequence.clear(container);
        for (quint32 i = 0; i < count; ++i) {
            ScopedValue value(m_valueType);
            if (!codec->read(reader, value.data()))
                return reader.failedIn(i);
            m_sequence.addValue(container, value.data());
        }
        return true;
    }

    void write(Writer &writer, const void *container) const override
    {
        const Writer::Nesting nesting(writer);
        if (!nesting || writer.hasFailed())
            return;
        const TypeCodec *codec = typeCodec(m_valueType);
        writer.writeArray(Detail::wireCount(writer, size_t(m_sequence.size(container))));
        ScopedValue value(m_valueType);
        qsizetype index = 0;
        for (ElementIterator it(m_sequence, container); !it.atEnd(); it.advance(), ++index) {
            m_sequence.valueAtConstIterator(it.get(), value.data());
            codec->write(writer, value.data());
            if (Q_UNLIKELY(writer.hasFailed()))
                return writer.failedIn(index);
        }
    }

    bool isOwnKind(Reader::Kind kind) const override { return kind == Reader::Array; }

private:
    const QMetaSequence m_sequence;
    const QMetaType m_valueType;
};

class AssociationTypeCodec final : public TypeCodec
{
public:
    explicit AssociationTypeCodec(const QMetaAssociation &association)
        : m_association(association),
          m_keyType(association.keyMetaType()),
          m_valueType(association.mappedMetaType())
    {
    }

    bool read(Reader &reader, void *container) const override
    {
        const Reader::Nesting nesting(reader);
        quint32 count = 0;
        if (!nesting || !Detail::readMapOrEmptyArray(reader, count))
            return false;
        m_association.clear(container);
        for (quint32 i = 0; i < count; ++i) {
            if (!readEntry(reader, container))
                return false;
        }
        return true;
    }

    void write(Writer &writer, const void *container) const override
    {
        const Writer::Nesting nesting(writer);
        if (!nesting || writer.hasFailed())
            return;
        const TypeCodec *keyCodec = typeCodec(m_keyType);
        const TypeCodec *valueCodec = typeCodec(m_valueType);
        writer.writeMap(Detail::wireCount(writer, size_t(m_association.size(container))));
        ScopedValue key(m_keyType);
        ScopedValue value(m_valueType);
        for (ElementIterator it(m_association, container); !it.atEnd() && !writer.hasFailed();
             it.advance()) {
            m_association.keyAtConstIterator(it.get(), key.data());
            keyCodec->write(writer, key.data());
            m_association.mappedAtConstIterator(it.get(), value.data());
            valueCodec->write(writer, value.data());
        }
    }

    bool isOwnKind(Reader::Kind kind) const override { return kind == Reader::Map; }

private:
    bool readEntry(Reader &reader, void *container) const
    {
        const Reader start = reader;
        ScopedValue key(m_keyType);
        ScopedValue value(m_valueType);
        if (!typeCodec(m_keyType)->read(reader, key.data()))
            return false;
        if (!typeCodec(m_valueType)->read(reader, value.data()))
            return reader.failedIn(start);
        m_association.setMappedAtKey(container, key.data(), value.data());
        return true;
    }

    const QMetaAssociation m_association;
    const QMetaType m_keyType;
    const QMetaType m_valueType;
};

bool isUsable(QMetaType elementType)
{
    return typeCodec(elementType) != nullptr && canConstruct(elementType);
}

std::unique_ptr<TypeCodec> makeSequenceCodec(const QMetaSequence &sequence)
{
    const bool isComplete = sequence.canClear() && sequence.canAddValue() && sequence.hasSize()
                            && sequence.hasConstIterator() && sequence.canGetValueAtConstIterator();
    if (!isComplete || !isUsable(sequence.valueMetaType()))
        return nullptr;
    return std::make_unique<SequenceTypeCodec>(sequence);
}

std::unique_ptr<TypeCodec> makeAssociationCodec(const QMetaAssociation &association)
{
    const bool isComplete = association.canClear() && association.canSetMappedAtKey()
                            && association.hasSize() && association.hasConstIterator()
                            && association.canGetKeyAtConstIterator()
                            && association.canGetMappedAtConstIterator();
    if (!isComplete || !isUsable(association.keyMetaType())
        || !isUsable(association.mappedMetaType()))
        return nullptr;
    return std::make_unique<AssociationTypeCodec>(association);
}

} // namespace

bool canConstruct(QMetaType type)
{
    void *value = type.create();
    if (value == nullptr)
        return false;
    type.destroy(value);
    return true;
}

std::unique_ptr<TypeCodec> makeContainerCodec(QMetaType type)
{
    registerWhole(type);
    const auto sequential = QMetaType::fromType<QSequentialIterable>();
    const auto associative = QMetaType::fromType<QAssociativeIterable>();
    const bool isSequence = QMetaType::canView(type, sequential);
    if ((!isSequence && !QMetaType::canView(type, associative)) || !canConstruct(type))
        return nullptr;
    // The interface of the container is reached through a view of any value of it.
    ScopedValue value(type);
    if (isSequence) {
        QSequentialIterable view;
        QMetaType::view(type, value.data(), sequential, &view);
        return makeSequenceCodec(view.metaContainer());
    }
    QAssociativeIterable view;
    QMetaType::view(type, value.data(), associative, &view);
    return makeAssociationCodec(view.metaContainer());
}

} // namespace MsgpackRpc
