// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtCore/QString>
#include <QtCore/QUrl>

namespace MsgpackRpc {

/// Where a `local:` URL leads to. A value.
struct LocalPath
{
    /// The socket's absolute path; where a system has no such paths, the name.
    QString path;
    /// What is wrong with the URL; empty if nothing is.
    QString error;

    /// A plain name lies in the user's runtime folder, an absolute path is taken as it is.
    static LocalPath of(const QUrl &url);
    /// The URL that leads to \a path.
    static QUrl toUrl(const QString &path);
};

} // namespace MsgpackRpc
