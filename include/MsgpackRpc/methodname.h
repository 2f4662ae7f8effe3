// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/global.h>

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <string>
#include <type_traits>

namespace MsgpackRpc::Detail {

template<typename T>
constexpr bool dependentFalse = false;

/// A method as callers write it: a literal, QByteArray, QString, QLatin1String, std::string, an integer or an enum.
/// Refers to what it was made of, except for UTF-16 text, which it holds as UTF-8.
class MethodName
{
public:
    template<typename T>
    explicit MethodName(const T &method)
    {
        using D = std::decay_t<T>;
        if constexpr (std::is_enum_v<D>) {
            m_number = qint64(method);
            m_isNumber = true;
        } else if constexpr (std::is_integral_v<
                                     D> && !std::is_same_v<D, bool> && !std::is_same_v<D, char>) {
            m_number = qint64(method);
            m_isNumber = true;
        } else if constexpr (std::is_same_v<D, const char *> || std::is_same_v<D, char *>) {
            m_name = QByteArrayView(static_cast<const char *>(method));
        } else if constexpr (std::is_same_v<D, std::string>) {
            m_name = QByteArrayView(method.data(), qsizetype(method.size()));
        } else if constexpr (std::is_same_v<D, QLatin1String>) {
            m_utf8 = QString(method).toUtf8();
            m_name = m_utf8;
        } else if constexpr (std::is_convertible_v<const T &, QByteArrayView>) {
            m_name = QByteArrayView(method);
        } else if constexpr (std::is_convertible_v<const T &, QStringView>) {
            m_utf8 = QStringView(method).toUtf8();
            m_name = m_utf8;
        } else {
            static_assert(dependentFalse<T>, "a method is a literal, QByteArray, QString, "
                                             "std::string, an integer or an enum");
        }
    }
    MethodName(const MethodName &) = delete;
    MethodName &operator=(const MethodName &) = delete;

    /// The name as UTF-8; empty for a number.
    QByteArrayView name() const noexcept { return m_name; }
    /// The number.
    qint64 number() const noexcept { return m_number; }
    /// True if the method is an integer.
    bool isNumber() const noexcept { return m_isNumber; }

private:
    QByteArrayView m_name;
    QByteArray m_utf8;
    qint64 m_number = 0;
    bool m_isNumber = false;
};

} // namespace MsgpackRpc::Detail
