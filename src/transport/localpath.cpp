// SPDX-License-Identifier: Apache-2.0
#include "transport/localpath_p.h"

#include "base/logging_p.h"

#include <QtCore/QFile>
#include <QtCore/QStandardPaths>

#ifdef Q_OS_UNIX
#    include <sys/un.h>
#endif

namespace MsgpackRpc {

namespace {

QString problemOf(const QUrl &url, const QString &path)
{
    if (!url.authority().isEmpty() || path.isEmpty())
        return QStringLiteral("there is no name; expected local:name or local:/path");
    if (url.hasQuery() || url.hasFragment() || path.contains(QChar(0)))
        return QStringLiteral(
                "this is not the name of a file; a ? or # in it is written as %3F or %23");
    if (path == QLatin1String(".") || path == QLatin1String("..") || path.endsWith(QLatin1Char('/'))
        || (path.contains(QLatin1Char('/')) && !path.startsWith(QLatin1Char('/'))))
        return QStringLiteral("this is neither a plain name nor an absolute path; expected "
                              "local:name or local:/path");
    return {};
}

#ifdef Q_OS_UNIX

QString tooLong(const QString &path)
{
    constexpr qsizetype Most = sizeof(sockaddr_un::sun_path) - 1;
    const qsizetype size = QFile::encodeName(path).size();
    return size <= Most ? QString()
                        : QStringLiteral(
                                  "the path %1 has %2 bytes, and that of a local socket at most %3")
                                  .arg(path)
                                  .arg(size)
                                  .arg(Most);
}

// Others cannot reach into the runtime folder. Several slashes at the beginning are as one, and no URL has them.
LocalPath placed(QString name)
{
    while (name.startsWith(QLatin1String("//")))
        name.remove(0, 1);
    if (name.startsWith(QLatin1Char('/')))
        return {name, tooLong(name)};
    const QString folder = QStandardPaths::writableLocation(QStandardPaths::RuntimeLocation);
    if (folder.isEmpty())
        return {{}, QStringLiteral("this user has no runtime folder; expected local:/path")};
    const QString path = folder + QLatin1Char('/') + name;
    return {path, tooLong(path)};
}

#else

LocalPath placed(const QString &name)
{
    return {name, {}};
}

#endif

} // namespace

LocalPath LocalPath::of(const QUrl &url)
{
    const QString name = url.path();
    const QString problem = problemOf(url, name);
    LocalPath found = problem.isEmpty() ? placed(name) : LocalPath{{}, problem};
    if (!found.error.isEmpty())
        found.error = QStringLiteral("%1: %2").arg(shown(url), found.error);
    return found;
}

QUrl LocalPath::toUrl(const QString &path)
{
    QUrl url;
    url.setScheme(QStringLiteral("local"));
    url.setPath(path, QUrl::DecodedMode);
    return url;
}

} // namespace MsgpackRpc
