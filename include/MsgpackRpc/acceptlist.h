// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MsgpackRpc/methodname.h>

#include <QtCore/QByteArray>
#include <QtCore/QList>
#include <QtCore/QStringList>

#include <initializer_list>
#include <optional>
#include <type_traits>

namespace MsgpackRpc {

/// Which methods of an object are served, by their names and by integer ids. A value; an empty list, the default,
/// stands for all methods that may be served.
///
/// \code
/// server.serve(&calculator, {"add", "greet"});         // these, by name
/// server.serve(&calculator, {"add", {7, "greet"}});    // add by name, greet as the integer method 7 and only so
/// server.serve(&calculator, names);                    // a QStringList
/// \endcode
/// See doc/protocol, "Messages", for integer methods.
class AcceptList
{
    template<typename T>
    static constexpr bool isText =
            std::is_convertible_v<
                    const T &,
                    QByteArrayView> || std::is_convertible_v<const T &, QStringView> || std::is_same_v<T, QLatin1String> || std::is_same_v<T, std::string>;
    template<typename T>
    static constexpr bool
            isId = std::is_enum_v<T> || (std::is_integral_v<T> && !std::is_same_v<T, bool>);

public:
    /// One method, and whether it is served by its name or as an integer.
    class Entry
    {
    public:
        /// The method \a name, by its name: a literal, QByteArray, QString or std::string.
        template<typename Name, std::enable_if_t<isText<Name>, int> = 0>
        Entry(const Name &name) : m_method(Detail::MethodName(name).name().toByteArray())
        {
        }
        /// The method \a name, as the integer or enum \a id.
        template<typename Id, typename Name, std::enable_if_t<isId<Id> && isText<Name>, int> = 0>
        Entry(Id id, const Name &name)
            : m_method(Detail::MethodName(name).name().toByteArray()), m_id(qint64(id))
        {
        }

        /// The name of the method in its class, in UTF-8.
        const QByteArray &method() const noexcept { return m_method; }
        /// The integer that it is served as; none if it is served by its name.
        std::optional<qint64> id() const noexcept { return m_id; }

        friend bool operator==(const Entry &a, const Entry &b) noexcept
        {
            return a.m_method == b.m_method && a.m_id == b.m_id;
        }
        friend bool operator!=(const Entry &a, const Entry &b) noexcept { return !(a == b); }

    private:
        QByteArray m_method;
        std::optional<qint64> m_id;
    };

    /// All methods.
    AcceptList() = default;
    /// These.
    AcceptList(std::initializer_list<Entry> entries) : m_entries(entries) {}
    /// These, by their names; all if \a names is empty.
    AcceptList(const QStringList &names)
    {
        for (const QString &name : names)
            m_entries.append(Entry(name));
    }

    /// True if it stands for all methods.
    bool isEmpty() const noexcept { return m_entries.isEmpty(); }
    /// The entries, as they were given.
    const QList<Entry> &entries() const noexcept { return m_entries; }
    /// True if \a entry is listed.
    bool contains(const Entry &entry) const { return m_entries.contains(entry); }

private:
    QList<Entry> m_entries;
};

} // namespace MsgpackRpc
