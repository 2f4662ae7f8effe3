// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

// Deletions and calls where nobody expects them: in accessors, handlers and signals.
TestCase {
    id: test
    name: "attacks"

    property var log: []
    property Bench bench: Bench {}
    property Component clients: Component { RpcClient {} }
    property Component servers: Component { RpcServer {} }
    property Component declared: Component { RpcCall {} }
    property RpcServer server: RpcServer {
        id: server
        url: "memory:attacks"
        target: QtObject {
            function echo(x) { return x }
            function hold() { return new Promise(() => {}) }
        }
    }
    property RpcClient client: RpcClient { url: "memory:attacks" }

    function init() {
        log = []
        tryVerify(() => client.connected)
        bench.takeWarnings()
    }
    function note(name) { return x => log.push(name + " " + (x instanceof Error ? x.code : JSON.stringify(x))) }
    function roundTrip() {
        let isThere = false
        client.remote.echo(0).then(() => isThere = true)
        tryVerify(() => isThere)
    }
    function newClient() {
        const fresh = clients.createObject(test, { url: "memory:attacks" })
        tryVerify(() => fresh.connected)
        return fresh
    }

    function test_accessorDeletesTheClient() {
        for (const way of ["call", "remote", "request", "notify"]) {
            const fresh = newClient()
            const value = { get x() { bench.remove(fresh); return 1 } }
            if (way === "call")
                fresh.call("echo", [value]).then(note(way), note(way))
            else if (way === "remote")
                fresh.remote.echo(value).then(note(way), note(way))
            else if (way === "request")
                fresh.request("echo", [value])
            else
                compare(fresh.notify("echo", [value]), false)
        }
        tryVerify(() => log.length === 2)
        compare(log.slice().sort(), ["call " + RpcError.Canceled, "remote " + RpcError.Canceled])
        roundTrip()
    }

    function test_accessorOfADeclaredCall() {
        const call = createTemporaryObject(declared, test, { client, method: "echo" })
        call.failed.connect(note("failed"))
        call.finished.connect(note("finished"))
        call.args = [{ get x() { call.cancel(); return 1 } }]
        call.call()
        tryVerify(() => log.length === 1)
        compare(log, ["failed " + RpcError.Canceled])
        compare(call.running, false)
        let times = 0
        call.args = [{ get x() { if (++times < 3) call.call(); return times } }]
        call.call()
        tryVerify(() => log.length === 2)
        roundTrip()
        compare(log.length, 2)
        compare(call.running, false)
        const doomed = declared.createObject(test, { client, method: "echo" })
        doomed.args = [{ get x() { bench.remove(doomed); return 1 } }]
        doomed.call()
        roundTrip()
    }

    function test_accessorOfOptions() {
        const fresh = newClient()
        fresh.call("echo", [1], { get timeout() { bench.remove(fresh); return 100 } }).then(note("call"), note("call"))
        const other = newClient()
        const call = createTemporaryObject(declared, test, { client: other, method: "echo" })
        call.options = { get timeout() { bench.remove(other); return 100 } }
        call.call()
        tryVerify(() => log.length === 1)
        compare(log, ["call " + RpcError.Canceled])
        compare(call.running, false)
    }

    function test_accessorDeletesTheServer() {
        const fresh = servers.createObject(test, { url: "memory:attacked" })
        compare(fresh.notifyAll("x", [{ get x() { bench.remove(fresh); return 1 } }]), 0)
    }

    function test_throwingAccessor() {
        client.remote.echo({ get x() { throw new Error("in an accessor") } }).catch(error => log.push(error.message))
        tryVerify(() => log.length === 1)
        verify(log[0].includes("in an accessor"), log[0])
    }

    function test_clientsOfOneSource() {
        const other = bench.newServer("shared-" + Math.random())
        const source = bench.newClient("memory:" + bench.nameOf(other))
        const make = () => clients.createObject(test, { source })
        const watch = (made, name) => made.notification.connect(method => log.push(name + " " + method))
        const first = make()
        const second = make()
        const third = make()
        watch(second, "second")
        watch(third, "third")
        first.open()
        tryVerify(() => third.connected)
        bench.remove(first)
        bench.notifyClientsOf(other, "one", [])
        tryVerify(() => log.length === 2)
        bench.remove(third)
        bench.notifyClientsOf(other, "two", [])
        tryVerify(() => log.length === 3)
        bench.remove(second)
        const fourth = make()
        watch(fourth, "fourth")
        bench.notifyClientsOf(other, "three", [])
        tryVerify(() => log.length === 4)
        compare(log.slice().sort(), ["fourth three", "second one", "second two", "third one"])
        bench.remove(fourth)
    }

    function test_deletedInItsSignals() {
        const watched = (made, signal) => made[signal].connect(() => { log.push(signal); bench.remove(made) })
        for (const signal of ["urlsChanged", "errorOccurred", "errorChanged"]) {
            const fresh = servers.createObject(test)
            watched(fresh, signal)
            fresh.url = signal === "urlsChanged" ? "memory:in-signals" : "gopher://x"
        }
        for (const property of ["target", "accept", "objects"]) {
            const fresh = servers.createObject(test, { target: test.server })
            fresh.errorOccurred.connect(() => { log.push(property); bench.remove(fresh) })
            fresh[property] = { target: null, accept: ["nothing"], objects: { none: null } }[property]
            if (property === "target")
                bench.remove(fresh)
        }
        const failing = clients.createObject(test, { url: bench.deadUrl(), autoConnect: false })
        failing.remote.echo(1).catch(() => {})
        tryVerify(() => failing.error !== undefined, 20000)
        watched(failing, "errorChanged")
        failing.url = "memory:attacks"
        const moved = newClient()
        watched(moved, "stateChanged")
        moved.source = bench.newClient("memory:nobody")
        const source = bench.newClient("memory:attacks")
        const following = clients.createObject(test, { source })
        following.open()
        tryVerify(() => following.connected)
        watched(following, "connectedChanged")
        bench.remove(source)
        compare(log.length, 8)
        roundTrip()
    }

    function test_callerAfterTheEnd() {
        const fresh = createTemporaryObject(servers, test)
        const ends = Qt.createQmlObject("import QtQml; QtObject { property var server; property var log;"
            + "function who() { server.active = false; log.push(server.caller === null) }"
            + "function again() { const caller = server.caller; log.push(caller !== null) } }", test)
        ends.server = fresh
        ends.log = log
        fresh.target = ends
        fresh.url = "memory:caller-ends"
        for (let i = 0; i < 3; ++i) {
            fresh.active = true
            const made = createTemporaryObject(clients, test, { url: "memory:caller-ends", autoConnect: false })
            let ended = false
            made.remote.again().then(() => made.remote.who()).catch(() => ended = true)
            tryVerify(() => ended)
        }
        compare(ends.log, [true, true, true, true, true, true])
    }

    function test_callerIsDeleted() {
        const fresh = createTemporaryObject(servers, test, { url: "memory:caller-deleted" })
        const deletes = Qt.createQmlObject("import QtQml; QtObject { property var server; property var bench;"
            + "function go() { bench.remove(server.caller); return server.caller !== null } }", test)
        deletes.server = fresh
        deletes.bench = bench
        fresh.target = deletes
        const made = createTemporaryObject(clients, test, { url: "memory:caller-deleted" })
        made.remote.go().then(note("go"), note("go"))
        tryVerify(() => log.length === 1)
        compare(log, ["go true"])
    }

    function test_listensInASignalOfTheEnd() {
        const fresh = createTemporaryObject(servers, test, { url: "memory:turn-one" })
        const made = createTemporaryObject(clients, test, { url: "memory:turn-one" })
        tryVerify(() => made.connected)
        fresh.connectionsChanged.connect(() => { if (fresh.connections === 0) fresh.url = "memory:turn-three" })
        fresh.url = "memory:turn-two"
        compare(fresh.urls.map(String), ["memory:turn-three"])
        compare(fresh.error, undefined)
    }

    function test_longChains() {
        for (const method of ["echo", "nothing"]) {
            let promise = client.remote[method](1)
            for (let i = 0; i < 20000; ++i)
                promise = promise.then(x => x)
            promise.then(note("then"), note("catch"))
        }
        tryVerify(() => log.length === 2)
        compare(log.slice().sort(), ["catch " + RpcError.RemoteError, "then 1"])
    }

    function test_frozenError() {
        const promise = client.remote.echo(1)
        promise.then(() => { throw Object.freeze(new Error("frozen")) })
        promise.then(note("second"))
        tryVerify(() => log.length === 1)
        compare(bench.takeWarnings().length, 1)
    }

    function test_veryLongLists() {
        const endless = []
        endless.length = 4294967295
        client.call("echo", endless).catch(note("arguments"))
        client.call("echo", [endless]).catch(note("argument"))
        tryVerify(() => log.length === 2)
        compare(log, ["arguments " + RpcError.InvalidArguments, "argument " + RpcError.InvalidArguments])
    }

    function test_times() {
        for (const timeout of [NaN, 0.5, -2, "1"])
            client.call("echo", [1], { timeout }).catch(note("wrong"))
        client.call("echo", [1], { timeout: Infinity }).then(note("for ever"))
        client.call("echo", [1], { timeout: 4294967296 }).then(note("long"))
        tryVerify(() => log.length === 6)
        compare(log.filter(text => text === "wrong " + RpcError.InvalidArguments).length, 4)
        compare(log.filter(text => text.endsWith(" 1")).length, 2)
    }

    function test_wrongValues() {
        const thrown = work => { try { work() } catch (error) { return error.name } }
        for (const type of [5.7, 4294967301, NaN, "5", 128])
            compare(thrown(() => Rpc.extension(type, new ArrayBuffer(1))), "RangeError")
        compare(thrown(() => Rpc.extension(1, "text")), "TypeError")
        for (const number of [12345678901234567890, 1.5, NaN, null])
            compare(thrown(() => Rpc.integer(number)), "RangeError")
        compare(Rpc.integer(42), 42)
        for (const value of [Qt.locale(), client.remote, client.remote.echo])
            client.remote.echo(value).catch(note("refused"))
        tryVerify(() => log.length === 3)
    }

    function test_settingsOutliveASource() {
        const fresh = createTemporaryObject(clients, test, { token: "t", deflate: true, connectTimeout: 77 })
        fresh.source = bench.newClient("memory:attacks")
        fresh.source = null
        compare([fresh.token, fresh.deflate, fresh.connectTimeout], ["t", true, 77])
    }

    function test_declaredCallChangesItsClient() {
        const call = createTemporaryObject(declared, test, { client, method: "hold" })
        call.finished.connect(note("finished"))
        call.call()
        compare(call.running, true)
        call.client = newClient()
        compare(call.running, false)
        call.live = true
        call.client = null
        roundTrip()
        compare(bench.takeWarnings(), [])
        compare(log, [])
    }

    function test_liveCallThatTimedOutWaiting() {
        const url = "memory:comes-late"
        const fresh = createTemporaryObject(clients, test, { url, timeout: 20 })
        const call = createTemporaryObject(declared, test, { client: fresh, method: "echo", args: ["up"], live: true })
        tryVerify(() => call.error !== undefined)
        compare(call.error.code, RpcError.Timeout)
        const late = createTemporaryObject(servers, test, { target: test.server.target })
        late.url = url
        tryVerify(() => call.result === "up", 20000)
    }

    function test_cancelReachesWhatWasReturned() {
        const promise = client.remote.echo(1).then(() => client.remote.hold())
        promise.catch(note("canceled"))
        roundTrip()
        roundTrip()
        promise.cancel()
        tryVerify(() => log.length === 1)
        compare(log, ["canceled " + RpcError.Canceled])
    }
}
