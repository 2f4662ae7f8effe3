// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

TestCase {
    id: test
    name: "reply"

    property var held: []
    property Bench bench: Bench {}
    property RpcServer server: RpcServer {
        url: "memory:reply"
        target: QtObject {
            function echo(x) { return x }
            function fail(text) { throw new Error(text) }
            function hold(x) { return new Promise(resolve => test.held.push(() => resolve(x))) }
        }
    }
    property RpcClient client: RpcClient { id: client; url: "memory:reply" }
    property Component clients: Component { RpcClient { url: "memory:reply" } }

    function init() {
        tryVerify(() => client.connected)
        held = []
        bench.takeWarnings()
    }
    function roundTrip() {
        let isThere = false
        client.remote.echo(0).then(() => isThere = true)
        tryVerify(() => isThere)
    }
    function watch(reply) {
        const events = []
        reply.finished.connect(result => events.push("finished " + JSON.stringify(result)))
        reply.failed.connect(error => events.push("failed " + error.message))
        reply.runningChanged.connect(() => events.push("running " + reply.running))
        reply.resultChanged.connect(() => events.push("result"))
        reply.errorChanged.connect(() => events.push("error"))
        return events
    }

    function test_result() {
        const reply = client.request("echo", ["x"])
        const events = watch(reply)
        compare(reply.running, true)
        compare(reply.result, undefined)
        compare(reply.error, undefined)
        tryCompare(reply, "running", false)
        compare(reply.result, "x")
        compare(reply.error, undefined)
        compare(events, ["result", "running false", 'finished "x"'])
        reply.cancel() // too late, and nothing
        compare(reply.result, "x")
    }

    function test_error() {
        const reply = client.request("fail", ["bad"])
        const events = watch(reply)
        tryCompare(reply, "running", false)
        compare(reply.error.message, "bad")
        compare(reply.error.code, RpcError.RemoteError)
        compare(reply.result, undefined)
        compare(events, ["error", "running false", "failed bad"])
    }

    function test_refused() {
        const reply = client.request({}, [])
        const events = watch(reply)
        compare(reply.running, true) // never before the event loop
        tryCompare(reply, "running", false)
        compare(reply.error.code, RpcError.InvalidArguments)
        compare(events.length, 3)
    }

    function test_cancel() {
        const reply = client.request("hold", [1])
        const events = watch(reply)
        tryVerify(() => held.length === 1)
        reply.cancel()
        tryCompare(reply, "running", false)
        compare(reply.error.code, RpcError.Canceled)
        compare(events, ["error", "running false", "failed the call was cancelled"])
    }

    function test_options() {
        const reply = client.request("hold", [1], { timeout: 20 })
        tryCompare(reply, "running", false)
        compare(reply.error.code, RpcError.Timeout)
    }

    // Nothing refers to it but its handler.
    function test_keptUntilFinished() {
        let result
        client.request("hold", ["kept"]).finished.connect(value => result = value)
        tryVerify(() => held.length === 1)
        for (let i = 0; i < 3; ++i) {
            bench.collectGarbage()
            wait(0)
        }
        held[0]()
        tryVerify(() => result === "kept")
    }

    function test_collectedAfterwards() {
        for (let i = 0; i < 10; ++i)
            client.request("echo", [i])
        compare(bench.runningReplies(), 10)
        roundTrip()
        tryVerify(() => bench.runningReplies() === 0)
        const reply = client.request("echo", ["still"])
        tryCompare(reply, "running", false)
        bench.collectGarbage()
        wait(0)
        compare(reply.result, "still")
    }

    function test_clientIsDestroyed() {
        const fresh = createTemporaryObject(clients, test)
        const reply = fresh.request("hold", [1])
        const events = watch(reply)
        tryVerify(() => held.length === 1)
        bench.remove(fresh)
        compare(events, []) // never before the event loop
        tryVerify(() => events.length === 3)
        held[0]()
        roundTrip()
        compare(events, ["error", "running false", "failed the session was deleted"])
        compare(reply.error.code, RpcError.Canceled)
    }

    function test_deletedInItsHandler() {
        const fresh = createTemporaryObject(clients, test)
        let isTold = 0
        fresh.request("echo", [1]).finished.connect(() => { ++isTold; bench.remove(fresh) })
        fresh.request("echo", [2]).finished.connect(() => ++isTold)
        tryVerify(() => isTold > 0)
        roundTrip()
        compare(isTold, 1)
    }
}
