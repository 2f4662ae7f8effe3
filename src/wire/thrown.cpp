// SPDX-License-Identifier: Apache-2.0
#include <MsgpackRpc/codec.h>

#include <exception>

namespace MsgpackRpc {

QString Detail::thrownText()
{
    try {
        throw;
    } catch (const std::exception &exception) {
        return QString::fromUtf8(exception.what());
    } catch (...) {
        return QStringLiteral("an unknown exception");
    }
}

} // namespace MsgpackRpc
