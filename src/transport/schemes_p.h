// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/logging_p.h"
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

/// Why QUrl cannot make anything of \a url; empty if it can. \a forms are what is expected.
inline QString checkForm(const QUrl &url, const QString &forms)
{
    if (url.isEmpty() || url.isValid())
        return {};
    QString why = url.errorString(); // which has all of what was given
    if (why.contains(QLatin1Char('@')))
        why.truncate(why.indexOf(QLatin1String("; source was")));
    return QStringLiteral("the URL is not valid: %1; expected %2").arg(why, forms);
}

/// What is wrong with a URL that has nothing to say but what \a form has, and whose path, unless it is a name, is \a path: a
/// part that nothing would heed, of which whoever has written it expects something. Empty if nothing is.
inline QString checkRest(const QUrl &url, const QString &form, const QString &path)
{
    const char *const what = !url.userInfo().isEmpty() ? "a user name or password"
                             : path.size() > 1         ? "a path" // a slash at the end is none
                             : url.hasQuery()          ? "a query"
                             : url.hasFragment()       ? "a fragment"
                                                       : nullptr;
    return what == nullptr ? QString()
                           : QStringLiteral("%1 has %2, which means nothing here; expected %3")
                                     .arg(shown(url), QLatin1String(what), form);
}

/// What is wrong with a `memory:` URL; empty if nothing is.
inline QString checkName(const QUrl &url)
{
    const QString form = QStringLiteral("memory:name");
    if (url.path().isEmpty() || !url.host().isEmpty())
        return QStringLiteral("%1 has no name; expected %2").arg(shown(url), form);
    return checkRest(url, form, {});
}

/// What is wrong with a `local:` URL; empty if nothing is.
inline QString checkPath(const QUrl &url)
{
    return LocalPath::of(url).error;
}

} // namespace MsgpackRpc
