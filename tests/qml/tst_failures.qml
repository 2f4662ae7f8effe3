// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

// The server that is not there, comes later, dies, restarts, or is hostile.
TestCase {
    id: test
    name: "failures"

    property Bench bench: Bench {}
    property Component clients: Component { RpcClient {} }
    property Component declared: Component { RpcCall {} }

    function init() { bench.takeWarnings() }
    function cleanup() { bench.killPeer() }
    function outcome(promise, time) {
        let result
        promise.then(value => result = { value }, error => result = { error })
        tryVerify(() => result !== undefined, time || 20000)
        return result
    }

    // The same call in all ways; each ends once, with this code.
    function checkAll(client, method, args, code, options) {
        const told = []
        const note = name => error => told.push(name + " " + (error instanceof Error ? error.code : "result"))
        client.object("", options)[method](...args).then(note("remote"), note("remote"))
        client.call(method, args, options).then(note("call"), note("call"))
        const reply = client.request(method, args, options)
        reply.failed.connect(note("reply"))
        reply.finished.connect(note("reply"))
        const call = createTemporaryObject(declared, test, { client, method, args, options })
        call.failed.connect(note("declared"))
        call.finished.connect(note("declared"))
        call.call()
        return { told, codes: ["call " + code, "declared " + code, "remote " + code, "reply " + code], reply, call }
    }
    function verifyAll(calls) {
        tryVerify(() => calls.told.length >= 4, 20000)
        compare(calls.told.slice().sort(), calls.codes)
        compare(calls.reply.running, false)
        compare(calls.call.running, false)
    }

    function test_nobodyThere() {
        const client = createTemporaryObject(clients, test, { url: bench.deadUrl(), autoConnect: false })
        const errors = []
        client.errorOccurred.connect(error => errors.push(error))
        verifyAll(checkAll(client, "add", [1, 2], RpcError.ConnectFailed))
        verify(errors.length > 0)
        compare(client.error.code, RpcError.ConnectFailed)
        verify(client.error.message.includes("refused"), client.error.message)
        compare(client.connected, false)
    }

    function test_wrongUrl_data() {
        return [{ tag: "none", url: "" }, { tag: "scheme", url: "gopher://x" }, { tag: "no port", url: "tcp://127.0.0.1" }]
    }
    function test_wrongUrl(row) {
        const client = createTemporaryObject(clients, test, { url: row.url })
        verifyAll(checkAll(client, "add", [1, 2], RpcError.NotConnectable))
    }

    function test_comesLater() {
        const url = bench.deadUrl()
        const client = createTemporaryObject(clients, test, { url })
        const call = createTemporaryObject(declared, test, { client, method: "add", args: [1, 2], live: true })
        tryVerify(() => client.error !== undefined, 20000)
        compare(client.state, RpcClient.Connecting)
        bench.startPeer(url)
        tryVerify(() => client.connected, 20000)
        compare(client.error, undefined)
        tryVerify(() => call.result === 3, 20000)
        compare(outcome(client.remote.add(4, 5)).value, 9)
    }

    function test_diesInMidCall() {
        const client = createTemporaryObject(clients, test, { url: bench.startPeer() })
        tryVerify(() => client.connected)
        const calls = checkAll(client, "hang", [], RpcError.ConnectionLost)
        compare(outcome(client.remote.add(1, 2)).value, 3)
        bench.killPeer()
        verifyAll(calls)
        compare(client.connected, false)
    }

    function test_restarts() {
        const url = bench.startPeer()
        const client = createTemporaryObject(clients, test, { url })
        for (let i = 0; i < 3; ++i) {
            tryVerify(() => client.connected, 20000)
            compare(outcome(client.remote.add(i, 2)).value, i + 2)
            bench.killPeer()
            tryVerify(() => !client.connected)
            bench.startPeer(url)
        }
        compare(outcome(client.remote.add(1, 2)).value, 3)
    }

    function test_closed() {
        const client = createTemporaryObject(clients, test, { url: bench.startPeer() })
        tryVerify(() => client.connected)
        const calls = checkAll(client, "hang", [], RpcError.Canceled)
        client.close()
        verifyAll(calls)
        compare(outcome(client.remote.add(1, 2)).value, 3) // it opens again
    }

    function test_timeout() {
        const client = createTemporaryObject(clients, test, { url: bench.startPeer() })
        tryVerify(() => client.connected)
        verifyAll(checkAll(client, "hang", [], RpcError.Timeout, { timeout: 20 }))
    }

    function test_tooLarge() {
        const client = createTemporaryObject(clients, test, { url: bench.startPeer() })
        const large = new ArrayBuffer(65 * 1024 * 1024)
        verifyAll(checkAll(client, "note", [large], RpcError.LimitExceeded))
        compare(outcome(client.remote.add(1, 2)).value, 3)
    }

    // Answers to the first request, in which MM stands for its msgid.
    function test_hostile_data() {
        return [
            { tag: "no MessagePack", bytes: "c1", code: RpcError.ProtocolViolation },
            { tag: "no message", bytes: "01", code: RpcError.ProtocolViolation },
            { tag: "wrong shape", bytes: "9301MMc0", code: RpcError.ProtocolViolation },
            { tag: "text", bytes: "48545450", code: RpcError.ProtocolViolation },
            { tag: "announces 4 GiB", bytes: "9401MMc0c6ffffffff", code: RpcError.LimitExceeded },
            { tag: "announces 4 billion elements", bytes: "9401MMc0ddffffffff", code: RpcError.LimitExceeded },
            { tag: "too deep", bytes: "9401MMc0" + "91".repeat(500), code: RpcError.LimitExceeded },
            { tag: "closes", bytes: "", code: RpcError.ConnectionLost },
            { tag: "error of a number", bytes: "9401MM05c0", code: RpcError.RemoteError },
            { tag: "error true", bytes: "9401MMc3c0", code: RpcError.RemoteError },
            { tag: "error and result", bytes: "9401MMa37778790a", code: RpcError.RemoteError },
            { tag: "text that is no UTF-8", bytes: "9401MMc0a2fffe", buffer: 2 },
            { tag: "unknown extension", bytes: "9401MMc0d4050a", extension: 5 },
            { tag: "timestamp of nanoseconds", bytes: "9401MMc0d7ff0000000400000001", extension: -1 },
            { tag: "keys that are equal", bytes: "9401MMc082a16101a16102", keys: "a" },
            { tag: "key __proto__", bytes: "9401MMc081a95f5f70726f746f5f5f81a17801", keys: "__proto__" },
            { tag: "key then", bytes: "9401MMc081a47468656e01", keys: "then" },
            { tag: "twice", bytes: "9401MMc0019401MMc002", value: 1 },
            { tag: "answer to nobody first", bytes: "94017fc0019401MMc002", value: 2 }
        ]
    }
    function test_hostile(row) {
        const client = createTemporaryObject(clients, test, { url: bench.startHostile(row.bytes), autoConnect: false })
        const { value, error } = outcome(client.remote.ask())
        if (row.code !== undefined) {
            verify(error, "no error, but " + value)
            compare(error.code, row.code, error.message)
        } else if (error) {
            fail(error.message)
        } else if (row.buffer !== undefined) {
            compare(value.byteLength, row.buffer)
        } else if (row.extension !== undefined) {
            compare(value.type, row.extension)
        } else if (row.keys !== undefined) {
            compare(Object.keys(value), [row.keys])
        } else {
            compare(value, row.value)
        }
        client.close()
        compare(outcome(client.remote.ask()).error === undefined, row.code === undefined)
    }
}
