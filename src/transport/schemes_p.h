// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "transport/localpath_p.h"

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

/// What is wrong with a `memory:` URL; empty if nothing is.
inline QString checkName(const QUrl &url)
{
    return url.path().isEmpty()
                   ? QStringLiteral("%1 has no name; expected memory:name").arg(url.toString())
                   : QString();
}

/// What is wrong with a `local:` URL; empty if nothing is.
inline QString checkPath(const QUrl &url)
{
    return LocalPath::of(url).error;
}

} // namespace MsgpackRpc
