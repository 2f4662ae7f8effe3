// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

TestCase {
    id: test
    name: "call"

    property int calls: 0
    property int temperature: 20
    property var held: []
    property Bench bench: Bench {}
    property RpcServer server: RpcServer {
        id: server
        url: "memory:call"
        target: QtObject {
            function sum(a, b, c = 0) { ++test.calls; return a + b + c }
            function temperature() { ++test.calls; return test.temperature }
            function fail() { ++test.calls; throw new Error("no sum") }
            function hold(x) { ++test.calls; return new Promise(resolve => test.held.push(() => resolve(x))) }
        }
    }
    property RpcClient client: RpcClient { id: client; url: "memory:call" }
    property Component clients: Component { RpcClient {} }
    property Component declared: Component {
        RpcCall {
            property var events: []
            client: test.client
            onFinished: result => events.push("finished " + JSON.stringify(result))
            onFailed: error => events.push("failed " + error.message)
            onRunningChanged: events.push("running " + running)
        }
    }
    property int first: 1
    property int second: 2
    property Component bound: Component {
        RpcCall { client: test.client; method: "sum"; args: [test.first, test.second]; live: true }
    }

    function init() {
        tryVerify(() => client.connected)
        calls = 0
        held = []
        bench.takeWarnings()
    }
    // Everything that was on its way has arrived afterwards.
    function roundTrip() {
        let isThere = false
        client.remote.sum(0, 0).then(() => isThere = true)
        tryVerify(() => isThere)
        --calls
    }

    function test_defaults() {
        const call = createTemporaryObject(declared, test)
        compare(call.method, undefined)
        compare(call.args, undefined)
        compare(call.options, undefined)
        compare(call.live, false)
        compare(call.refreshOn, [])
        compare(call.running, false)
        compare(call.result, undefined)
        compare(call.error, undefined)
        roundTrip()
        compare(call.events, [])
    }

    function test_call() {
        const call = createTemporaryObject(declared, test, { method: "sum", args: [1, 2] })
        roundTrip()
        compare(calls, 0) // not live
        call.call()
        compare(call.running, true)
        tryCompare(call, "running", false)
        compare(call.result, 3)
        compare(call.error, undefined)
        compare(call.events, ["running true", "running false", "finished 3"])
    }

    function test_error() {
        const call = createTemporaryObject(declared, test, { method: "fail" })
        call.call()
        tryCompare(call, "running", false)
        compare(call.result, undefined)
        compare(call.error.message, "no sum")
        compare(call.error.code, RpcError.RemoteError)
        compare(call.events, ["running true", "running false", "failed no sum"])
        compare(bench.takeWarnings(), []) // it is told by the property
        call.method = "sum"
        call.args = [1, 1]
        call.call()
        tryCompare(call, "result", 2)
        compare(call.error, undefined)
    }

    function test_badArguments() {
        const call = createTemporaryObject(declared, test, { method: "sum", args: [() => 1] })
        call.call()
        tryVerify(() => call.error !== undefined)
        compare(call.error.code, RpcError.InvalidArguments)
        call.method = {}
        call.call()
        tryVerify(() => call.error.message.includes("a method is a name or an integer"))
        call.method = "sum"
        call.options = { timeout: "x" }
        call.args = [1, 2]
        call.call()
        tryVerify(() => call.error.message.includes("the option timeout"))
    }

    function test_noClient() {
        const call = createTemporaryObject(declared, test, { client: null, method: "sum" })
        call.call()
        verify(bench.takeWarnings()[0].includes("there is no client to call sum"))
        compare(call.running, false)
    }

    function test_live() {
        const call = createTemporaryObject(bound, test)
        tryCompare(call, "result", 3)
        compare(calls, 1)
        first = 10
        second = 20
        first = 11 // all of one turn are one call
        tryCompare(call, "result", 31)
        compare(calls, 2)
        call.args = [5, 5]
        tryCompare(call, "result", 10)
        call.live = false
        call.args = [6, 6]
        roundTrip()
        compare(calls, 3)
        call.live = true
        tryCompare(call, "result", 12)
    }

    function test_staleAnswersAreDropped() {
        const call = createTemporaryObject(declared, test, { method: "hold", args: ["old"] })
        call.call()
        tryVerify(() => held.length === 1)
        call.args = ["new"]
        call.call()
        tryVerify(() => held.length === 2)
        held[1]()
        tryCompare(call, "result", "new")
        held[0]()
        roundTrip()
        compare(call.result, "new")
        compare(call.events, ["running true", "running false", 'finished "new"'])
    }

    function test_resultIsKept() {
        const call = createTemporaryObject(declared, test, { method: "sum", args: [1, 2] })
        call.call()
        tryCompare(call, "result", 3)
        call.method = "hold"
        call.args = ["later"]
        call.call()
        compare(call.result, 3)
        compare(call.running, true)
        call.cancel()
        tryCompare(call, "running", false)
        compare(call.error.code, RpcError.Canceled)
        compare(call.result, 3)
    }

    function test_timeout() {
        const call = createTemporaryObject(declared, test, { method: "hold", args: [1], options: { timeout: 20 } })
        call.call()
        tryVerify(() => call.error !== undefined)
        compare(call.error.code, RpcError.Timeout)
    }

    function test_refreshOn() {
        const call = createTemporaryObject(declared, test,
                                           { method: "temperature", refreshOn: "temperatureChanged", live: true })
        tryCompare(call, "result", 20)
        temperature = 25
        roundTrip()
        compare(call.result, 20)
        server.notifyAll("somethingElse")
        server.notifyAll("temperatureChanged", [25])
        server.notifyAll("temperatureChanged", [25])
        tryCompare(call, "result", 25)
        roundTrip()
        compare(calls, 2) // those of one turn are one
        temperature = 20
    }

    function test_refreshOnSeveral() {
        const call = createTemporaryObject(declared, test, { method: "temperature", refreshOn: ["a", "b"] })
        for (const name of ["a", "b", "c", "a"]) {
            server.notifyAll(name)
            roundTrip()
            roundTrip()
        }
        compare(calls, 3)
    }

    function test_refreshOnWithHandlers() {
        const fresh = createTemporaryObject(clients, test, { url: "memory:call", handlers: noter })
        const call = createTemporaryObject(declared, test, { client: fresh, method: "temperature", refreshOn: "noted" })
        tryVerify(() => fresh.connected)
        server.notifyAll("noted")
        tryCompare(call, "result", 20)
        compare(noter.notes, 1)
    }
    property QtObject noter: QtObject {
        id: noter
        property int notes: 0
        function noted() { ++notes }
    }

    function test_afterReconnecting() {
        const url = bench.startPeer()
        const fresh = createTemporaryObject(clients, test, { url })
        const call = createTemporaryObject(declared, test, { client: fresh, method: "notes", live: true })
        tryVerify(() => call.result !== undefined)
        compare(call.result, [])
        bench.killPeer()
        tryVerify(() => !fresh.connected)
        bench.startPeer(url)
        call.events = []
        tryVerify(() => fresh.connected, 20000)
        tryVerify(() => call.events.length === 3, 5000)
        compare(call.events, ["running true", "running false", "finished []"])
        bench.killPeer()
    }

    function test_clientChanges() {
        const call = createTemporaryObject(bound, test)
        tryCompare(call, "running", false)
        tryVerify(() => call.result !== undefined)
        const fresh = createTemporaryObject(clients, test, { url: "memory:call" })
        const before = calls
        call.client = fresh
        tryVerify(() => calls === before + 1)
        tryCompare(call, "running", false)
        fresh.destroy()
        tryCompare(call, "client", null)
        call.args = [1, 1]
        roundTrip()
        compare(calls, before + 1)
    }

    function test_destroyedWhileRunning() {
        const call = createTemporaryObject(declared, test, { method: "hold", args: [1] })
        const events = call.events
        call.call()
        tryVerify(() => held.length === 1)
        call.destroy()
        wait(0)
        held[0]()
        roundTrip()
        compare(events, ["running true"])
    }

    function test_handlersMayCallAgain() {
        const call = createTemporaryObject(declared, test, { method: "sum", args: [1, 2] })
        let times = 0
        call.finished.connect(() => { if (++times < 3) call.call() })
        call.call()
        tryVerify(() => times === 3)
        compare(call.running, false)
        compare(calls, 3)
    }
}
