// SPDX-License-Identifier: Apache-2.0
import QtQml
import MsgpackRpc

// What the examples of the documentation call.
RpcServer {
    id: server

    target: QtObject {
        function add(a: int, b: int): int { return a + b }
        function sum(a: int, b: int): int { return a + b }
        function log(text: string) {}
        function login(name: string): int { return 7 }
        function inbox(user: int) { return ["hello"] }
        function divide(a: int, b: int) {
            if (b === 0)
                throw new Error("division by zero")
            return a / b
        }
        function status() { return { temperature: 18.5 } }
        function find(text: string) { return [text] }
        function echo(value) { return value }
        function fence() { server.notifyAll("changed", [{ temperature: 19 }]) }
    }
    objects: ({ calc: calculator })
    property QtObject calculator: QtObject {
        function add(a: int, b: int): int { return a + b }
    }
}
