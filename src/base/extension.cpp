// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/extension.h>

#include <QtCore/QDebug>

namespace MsgpackRpc {

QDebug operator<<(QDebug debug, const Extension &extension)
{
    constexpr qsizetype Shown = 32;
    const QDebugStateSaver saver(debug);
    debug.nospace().noquote() << "MsgpackRpc::Extension(" << int(extension.type) << ", "
                              << extension.data.left(Shown).toHex();
    if (extension.data.size() > Shown)
        debug << QStringLiteral("… (%1 bytes)").arg(extension.data.size());
    return debug << ')';
}

} // namespace MsgpackRpc
