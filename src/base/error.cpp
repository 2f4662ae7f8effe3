// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/error.h>

#include <QtCore/QDebug>
#include <QtCore/QJsonDocument>
#include <QtCore/QMetaEnum>
#include <QtCore/QStringDecoder>

#include <optional>

namespace MsgpackRpc {

/// What an Error that is one holds.
class ErrorData : public QSharedData
{
public:
    Error::Code code = Error::NoError;
    QString message;
    QVariant data;
    QVariant result;
};

namespace {

// Text, also as binary: some peers send their messages so.
std::optional<QString> textOf(const QVariant &value)
{
    if (value.typeId() == QMetaType::QString)
        return value.toString();
    if (value.typeId() != QMetaType::QByteArray)
        return std::nullopt;
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
    QString text = decoder(value.toByteArray());
    return decoder.hasError() ? std::nullopt : std::optional(text);
}

std::optional<QString> messageIn(const QVariant &data)
{
    if (data.typeId() == QMetaType::QVariantList) {
        const QVariantList list = data.toList();
        return list.size() == 2 ? textOf(list.at(1)) : std::nullopt;
    }
    if (data.typeId() == QMetaType::QVariantMap)
        return textOf(data.toMap().value(QStringLiteral("message")));
    return textOf(data);
}

QString described(const QVariant &data)
{
    constexpr qsizetype Shown = 200;
    const bool isContainer =
            data.typeId() == QMetaType::QVariantList || data.typeId() == QMetaType::QVariantMap;
    QString text = isContainer ? QString::fromUtf8(
                           QJsonDocument::fromVariant(data).toJson(QJsonDocument::Compact))
                               : data.toString();
    if (text.size() > Shown)
        text = text.left(Shown) + QChar(0x2026);
    if (text.isEmpty())
        return QStringLiteral("the other side answered with an error of type %1")
                .arg(QLatin1String(data.isValid() ? data.typeName() : "nil"));
    return QStringLiteral("the other side answered with the error %1").arg(text);
}

} // namespace

Error::Error() noexcept = default;

Error::Error(Code code, const QString &message, const QVariant &data, const QVariant &result)
{
    if (code == NoError)
        return;
    d = new ErrorData;
    d->code = code;
    d->message = message;
    d->data = data;
    d->result = result;
}

Error::Error(const Error &other) noexcept = default;
Error::Error(Error &&other) noexcept = default;
Error &Error::operator=(const Error &other) noexcept = default;
Error &Error::operator=(Error &&other) noexcept = default;
Error::~Error() = default;

Error Error::fromRemote(const QVariant &data, const QVariant &result)
{
    const std::optional<QString> message = messageIn(data);
    return Error(RemoteError, message && !message->isEmpty() ? *message : described(data), data,
                 result);
}

Error::Code Error::code() const noexcept
{
    return d ? d->code : NoError;
}

QString Error::message() const
{
    return d ? d->message : QString();
}

QVariant Error::data() const
{
    return d ? d->data : QVariant();
}

QVariant Error::result() const
{
    return d ? d->result : QVariant();
}

bool Error::isTimeout() const noexcept
{
    return code() == Timeout || code() == ConnectFailed;
}

bool operator==(const Error &a, const Error &b)
{
    if (a.d == b.d)
        return true;
    return a.d && b.d && a.d->code == b.d->code && a.d->message == b.d->message
           && a.d->data == b.d->data && a.d->result == b.d->result;
}

QDebug operator<<(QDebug debug, const Error &error)
{
    const QDebugStateSaver saver(debug);
    const auto *code = QMetaEnum::fromType<Error::Code>().valueToKey(error.code());
    debug.nospace().noquote() << "MsgpackRpc::Error(" << code;
    if (error)
        debug << ", " << error.message();
    return debug << ')';
}

ErrorException::ErrorException(const Error &error)
    : m_error(error), m_what(error.message().toUtf8())
{
}

ErrorException::ErrorException(const QString &message)
    : ErrorException(Error(Error::RemoteError, message))
{
}

ErrorException::ErrorException(const char *message) : ErrorException(QString::fromUtf8(message)) {}

ErrorException::~ErrorException() = default;

const char *ErrorException::what() const noexcept
{
    return m_what.constData();
}

void ErrorException::raise() const
{
    throw *this;
}

ErrorException *ErrorException::clone() const
{
    return new ErrorException(*this);
}

} // namespace MsgpackRpc
