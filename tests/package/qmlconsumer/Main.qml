// SPDX-License-Identifier: Apache-2.0
import QtQml
import MsgpackRpc

RpcClient {
    url: "memory:consumer"
    Component.onCompleted: remote.add(20, 22).then(sum => Qt.exit(sum === 42 ? 0 : 1), error => Qt.exit(1))

    property RpcServer server: RpcServer {
        url: "memory:consumer"
        target: QtObject { function add(a: int, b: int): int { return a + b } }
    }
}
