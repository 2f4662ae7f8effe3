// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QString>
#include <QtCore/QUrl>

#include <cstddef>

namespace MsgpackRpc {

/// The entry of \a schemes, a table with a `name` in each entry, that \a url asks for; null if there is none.
template<typename Scheme, size_t Count>
const Scheme *schemeOf(const Scheme (&schemes)[Count], const QUrl &url)
{
    for (const Scheme &scheme : schemes) {
        if (url.scheme() == scheme.name)
            return &scheme;
    }
    return nullptr;
}

/// What the URLs of \a schemes look like, for people: the `form` of each entry.
template<typename Scheme, size_t Count>
QString formsOf(const Scheme (&schemes)[Count])
{
    QString forms = schemes[0].form;
    for (size_t i = 1; i < Count; ++i)
        forms += QLatin1String(i + 1 < Count ? ", " : " or ") + schemes[i].form;
    return forms;
}

} // namespace MsgpackRpc
