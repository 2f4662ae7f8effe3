// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

TestCase {
    id: test
    name: "client"

    property int calls: 0 // that the server has got
    property list<string> methods: []
    property Bench bench: Bench { onAnswered: (result, error) => test.answer = { result, error } }
    property var answer
    property var held: []
    property RpcServer server: RpcServer {
        id: server
        url: "tcp://127.0.0.1:0"
        target: QtObject {
            function add(a: int, b: int): int { ++test.calls; return a + b }
            function count(args = null) { ++test.calls; return args === null ? "none" : "some" }
            function fail(message) { throw new Error(message) }
            function failWith(data) { const error = new Error("with data"); error.data = data; throw error }
            function throwText() { throw "just text" }
            function throwNothing() { throw null }
            function note(text) { test.methods.push("note " + text) }
            function hold() { return new Promise((resolve, reject) => test.held.push({ resolve, reject })) }
        }
        objects: ({ calc: calculator, "deep.er": calculator })
    }
    property QtObject calculator: QtObject {
        id: calculator
        function mul(a: real, b: real): real { ++test.calls; return a * b }
        function call(x) { return "called " + x }
        function name() { return "the name" }
    }
    property Component clients: Component { RpcClient {} }
    property RpcClient client: RpcClient {
        id: client
        url: server.urls[0]
        handlers: QtObject {
            function greet(name) { return "hello " + name }
            function slow() { return new Promise(resolve => Qt.callLater(resolve, "late")) }
            function handled(x) { test.methods.push("handled " + x) }
        }
        onNotification: (method, args) => test.methods.push(method + " " + JSON.stringify(args))
    }

    function init() {
        tryVerify(() => client.connected)
        calls = 0
        methods = []
        held = []
        bench.takeWarnings()
    }
    function outcome(promise) {
        let result
        promise.then(value => result = { value }, error => result = { error })
        tryVerify(() => result !== undefined)
        return result
    }
    function result(promise) {
        const ended = outcome(promise)
        if (ended.error)
            fail("an error: " + ended.error.message)
        return ended.value
    }

    function test_defaults() {
        const fresh = createTemporaryObject(clients, test)
        compare(fresh.url, "")
        compare(fresh.timeout, 10000)
        compare(fresh.connectTimeout, 5000)
        compare(fresh.autoConnect, true)
        compare(fresh.deflate, false)
        compare(fresh.connected, false)
        compare(fresh.state, RpcClient.Unconnected)
        compare(fresh.error, undefined)
        compare(fresh.source, null)
        compare(fresh.handlers, null)
        const error = outcome(fresh.remote.add(1, 2)).error
        compare(error.code, RpcError.NotConnectable)
    }

    function test_state() {
        const fresh = createTemporaryObject(clients, test)
        const states = []
        const connected = []
        fresh.stateChanged.connect(() => states.push(fresh.state))
        fresh.connectedChanged.connect(() => connected.push(fresh.connected))
        fresh.url = server.urls[0]
        tryVerify(() => fresh.connected)
        compare(fresh.state, RpcClient.Connected)
        fresh.close()
        tryVerify(() => !fresh.connected)
        fresh.open()
        tryVerify(() => fresh.connected)
        compare(connected, [true, false, true])
        compare(states, [RpcClient.Connecting, RpcClient.Connected, RpcClient.Unconnected, RpcClient.Connecting,
                         RpcClient.Connected])
    }

    function test_connectsByItself() {
        const before = server.connections
        const eager = createTemporaryObject(clients, test, { url: server.urls[0] })
        tryVerify(() => eager.connected)
        const lazy = createTemporaryObject(clients, test, { url: server.urls[0], autoConnect: false })
        compare(result(client.remote.add(1, 2)), 3) // a round trip: it would be there by now
        compare(lazy.connected, false)
        compare(server.connections, before + 1)
        compare(result(lazy.remote.add(1, 2)), 3)
        compare(lazy.connected, true)
        lazy.autoConnect = true
    }

    function test_changes() {
        const fresh = createTemporaryObject(clients, test)
        const changes = []
        for (const name of ["url", "timeout", "connectTimeout", "autoConnect", "deflate", "source", "handlers"])
            fresh[name + "Changed"].connect(() => changes.push(name))
        fresh.timeout = 5
        fresh.timeout = 5
        fresh.connectTimeout = 6
        fresh.autoConnect = false
        fresh.deflate = true
        fresh.handlers = calculator
        fresh.url = "memory:nobody"
        compare(changes, ["timeout", "connectTimeout", "autoConnect", "deflate", "handlers", "url"])
        compare([fresh.timeout, fresh.connectTimeout, fresh.autoConnect, fresh.deflate], [5, 6, false, true])
    }

    function test_call() {
        compare(result(client.call("add", [1, 2])), 3)
        compare(result(client.callArray("add", [1, 2])), 3)
        compare(result(client.call("count")), "none")
        compare(result(client.call("count", [])), "none")
        compare(result(client.call("count", 5)), "some") // the one argument
        compare(result(client.call("count", [[1, 2]])), "some")
        compare(result(client.call("count", { a: 1 })), "some")
    }

    function test_callArrayTakesArrays() {
        let message = ""
        try { client.callArray("add", 1) } catch (error) { message = error.message }
        verify(message.includes("are an array, not 1"), message)
    }

    function test_badMethod_data() {
        return [{ tag: "undefined", method: undefined }, { tag: "object", method: {} }, { tag: "1.5", method: 1.5 },
                { tag: "null", method: null }, { tag: "1e300", method: 1e300 }, { tag: "NaN", method: NaN }]
    }
    function test_badMethod(row) {
        const error = outcome(client.call(row.method, [])).error
        compare(error.code, RpcError.InvalidArguments)
        verify(error.message.includes("a method is a name or an integer, not"), error.message)
        compare(client.notify(row.method, []), false)
        verify(bench.takeWarnings()[0].includes("a method is a name or an integer"))
    }

    function test_integerMethod() {
        const error = outcome(client.call(7, [])).error
        compare(error.code, RpcError.RemoteError)
        verify(error.message.includes("7"), error.message)
    }

    function test_badOptions_data() {
        return [{ tag: "timeout", options: { timeout: "x" }, why: "the option timeout is a number of milliseconds" },
                { tag: "deflate", options: { deflate: 1 }, why: "the option deflate is true or false" },
                { tag: "number", options: 5, why: "the options are an object, not 5" }]
    }
    function test_badOptions(row) {
        const error = outcome(client.call("add", [1, 2], row.options)).error
        compare(error.code, RpcError.InvalidArguments)
        verify(error.message.includes(row.why), error.message)
        let message = ""
        try { client.object("calc", row.options) } catch (thrown) { message = thrown.message }
        verify(message.includes(row.why), message)
    }

    function test_timeout() {
        const error = outcome(client.call("hold", [], { timeout: 20 })).error
        compare(error.code, RpcError.Timeout)
        const fresh = createTemporaryObject(clients, test, { url: server.urls[0], timeout: 20 })
        compare(outcome(fresh.remote.hold()).error.code, RpcError.Timeout)
        compare(outcome(client.object("", { timeout: 20 }).hold()).error.code, RpcError.Timeout)
    }

    function test_deflate() {
        const before = server.connections
        const text = "x".repeat(10000)
        compare(result(client.call("count", [text], { deflate: true })), "some")
        compare(server.connections, before + 1) // one for each option
        const fresh = createTemporaryObject(clients, test, { url: server.urls[0], deflate: true })
        compare(result(fresh.remote.count(text)), "some")
        tryVerify(() => fresh.connected)
    }

    function test_remote() {
        compare(result(client.remote.add(1, 2)), 3)
        compare(result(client.remote["add"](1, 2)), 3)
        const add = client.remote.add
        compare(result(add(20, 22)), 42)
        verify(client.remote.add === add)
        compare(result(client.remote.calc.mul(3, 4)), 12)
        compare(result(client.remote.deep.er.mul(3, 5)), 15)
        compare(result(client.object("calc").mul(3, 6)), 18)
        compare(result(client.object("deep").er.mul(3, 7)), 21)
        compare(result(client.call("calc.mul", [3, 8])), 24)
    }

    // Names that a function has of its own are remote methods all the same.
    function test_remoteNames() {
        compare(result(client.remote.calc.call("x")), "called x")
        compare(result(client.remote.calc.name()), "the name")
        compare(outcome(client.remote.calc.apply()).error.method, "calc.apply")
        compare(outcome(client.remote.calc.length()).error.method, "calc.length")
        compare(outcome(client.remote.calc.prototype()).error.method, "calc.prototype")
        compare(outcome(client.remote.hasOwnProperty("x")).error.method, "hasOwnProperty")
        for (const name of ["bind", "arguments", "caller", "isPrototypeOf", "propertyIsEnumerable", "__proto__x"])
            compare(outcome(client.remote.calc[name]()).error.method, "calc." + name)
    }

    // What JavaScript does with any object sends nothing.
    function test_remoteIsNoCall() {
        const remote = client.remote
        const method = remote.add
        const touched = [String(remote), `${remote}`, JSON.stringify(remote), JSON.stringify([method]), remote + "",
                         remote.then, remote.toJSON(), typeof remote.valueOf(), remote[Symbol.iterator], remote == 5,
                         Object.keys(remote), "x" in remote, String(method), remote[Symbol.toPrimitive]]
        for (const name in remote)
            touched.push(name)
        console.log(remote, method)
        let isResolved = false
        Promise.resolve(remote).then(value => isResolved = value === remote)
        tryVerify(() => isResolved)
        compare(result(remote.add(1, 1)), 2)
        compare(calls, 1)
        compare(touched.length, 14)
    }

    function test_remoteCannotBeAssigned() {
        let message = ""
        try { client.remote.add2 = 5 } catch (error) { message = error.message }
        verify(message.includes("add2 cannot be assigned"), message)
        compare(outcome(client.remote.add2()).error.code, RpcError.RemoteError)
    }

    function test_manyNames() {
        for (let i = 0; i < 5000; ++i)
            client.remote["unused" + i]
        compare(result(client.remote.add(1, 2)), 3)
        compare(outcome(client.remote.unused4999()).error.method, "unused4999")
    }

    function test_error() {
        const error = outcome(client.remote.fail("on purpose")).error
        verify(error instanceof Error)
        compare(error.name, "RpcError")
        compare(error.code, RpcError.RemoteError)
        compare(error.message, "on purpose")
        compare(error.data, "on purpose")
        compare(error.method, "fail")
        compare(error.url, String(server.urls[0]))
        compare(outcome(client.remote.throwText()).error.message, "just text")
        compare(outcome(client.remote.failWith({ code: 5, message: "five" })).error.data, { code: 5, message: "five" })
        compare(outcome(client.remote.failWith([1, Rpc.integer("9007199254740993")])).error.data.map(String),
                ["1", "9007199254740993"])
        verify(outcome(client.remote.throwNothing()).error)
        compare(outcome(client.remote.nothing()).error.message, "method `nothing' is not accepted")
    }

    function test_wrongArguments_data() {
        return [
            { tag: "type", args: ["x", 2], why: 'add(a: int, b: int): argument 1: expected an integer' },
            { tag: "fraction", args: [1, 2.5], why: "argument 2" },
            { tag: "range", args: [1, 4294967296], why: "argument 2" },
            { tag: "too few", args: [1], why: "add(a: int, b: int) takes 2 arguments, got 1" },
            { tag: "too many", args: [1, 2, 3], why: "takes 2 arguments, got 3" }
        ]
    }
    function test_wrongArguments(row) {
        const error = outcome(client.call("add", row.args)).error
        compare(error.code, RpcError.RemoteError)
        verify(error.message.includes(row.why), error.message)
        compare(calls, 0)
    }

    function test_codes() {
        const names = ["Timeout", "ConnectFailed", "NotConnectable", "ConnectionLost", "Canceled", "LimitExceeded",
                       "ProtocolViolation", "InvalidArguments", "InvalidResult", "WrongThread", "RemoteError"]
        compare(names.map(name => RpcError[name]), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    }

    function test_notify() {
        compare(client.notify("note", ["one"]), true)
        compare(client.notify("note", "two"), true)
        tryCompare(test.methods, "length", 2)
        compare(test.methods, ["note one", "note two"])
        compare(client.notify("note", [() => 1]), false)
        verify(bench.takeWarnings()[0].includes("a function has no form on the wire"))
    }

    function test_cancel() {
        const promise = client.remote.hold()
        let error
        promise.then(undefined, e => error = e)
        tryCompare(test.held, "length", 1)
        promise.cancel()
        compare(error, undefined) // never before the event loop
        tryVerify(() => error !== undefined)
        compare(error.code, RpcError.Canceled)
        held[0].resolve(1)
        promise.cancel()
        compare(result(client.remote.add(1, 2)), 3)
        compare(bench.takeWarnings(), [])
    }

    function test_cancelOfWhatFollows() {
        let error
        client.remote.hold().then(value => value).catch(e => error = e).cancel()
        tryVerify(() => error !== undefined)
        compare(error.code, RpcError.Canceled)
    }

    function test_handlers() {
        const other = bench.newServer("handlers-" + Math.random())
        const fresh = createTemporaryObject(clients, test, { url: "memory:" + bench.nameOf(other), handlers: client.handlers })
        fresh.notification.connect((method, args) => test.methods.push(method + " " + JSON.stringify(args)))
        tryVerify(() => fresh.connected)
        const ask = (method, args) => {
            test.answer = undefined
            bench.callClientOf(other, method, args)
            tryVerify(() => test.answer !== undefined)
            return test.answer
        }
        compare(ask("greet", ["you"]).result, "hello you")
        compare(ask("slow", []).result, "late")
        compare(ask("greet", []).error, "greet(name) takes 1 argument, got 0")
        compare(ask("nothing", []).error, "method `nothing' is not accepted")
        bench.notifyClientsOf(other, "handled", [1])
        bench.notifyClientsOf(other, "unhandled", [1, "x"])
        tryCompare(test.methods, "length", 2)
        compare(test.methods, ["handled 1", 'unhandled [1,"x"]'])
        fresh.handlers = null
        compare(ask("greet", ["you"]).error, "method `greet' is not accepted")
    }

    function test_source() {
        const other = bench.newServer("source-" + Math.random())
        const cpp = bench.newClient("memory:" + bench.nameOf(other))
        bench.bindVersion(cpp)
        const fresh = createTemporaryObject(clients, test, { source: cpp, handlers: client.handlers })
        compare(fresh.source, cpp)
        compare(String(fresh.url), "memory:" + bench.nameOf(other))
        compare(result(fresh.remote.add(4, 5)), 9)
        compare(fresh.connected, true)
        test.answer = undefined
        bench.callClientOf(other, "greet", ["source"])
        tryVerify(() => test.answer !== undefined)
        compare(test.answer.result, "hello source")
        // What C++ has bound still answers.
        test.answer = undefined
        bench.callClientOf(other, "version", [])
        tryVerify(() => test.answer !== undefined)
        compare(test.answer.result, "1.2")
        fresh.source = null
        compare(fresh.source, null)
        test.answer = undefined
        bench.callClientOf(other, "greet", ["source"])
        tryVerify(() => test.answer !== undefined)
        compare(test.answer.error, "method `greet' is not accepted")
    }

    function test_sourceIsDestroyed() {
        const other = bench.newServer("gone-" + Math.random())
        const cpp = bench.newClient("memory:" + bench.nameOf(other))
        const fresh = createTemporaryObject(clients, test, { source: cpp })
        compare(result(fresh.remote.add(4, 5)), 9)
        bench.remove(cpp)
        compare(fresh.connected, false)
        compare(fresh.source, null)
        const error = outcome(fresh.remote.add(1, 2)).error
        compare(error.code, RpcError.NotConnectable)
        compare(error.message, "the source of the client is destroyed")
    }

    function test_wrongSource() {
        const fresh = createTemporaryObject(clients, test, { source: calculator })
        compare(fresh.source, null)
        verify(bench.takeWarnings()[0].includes("source is a Client or Session made in C++"))
    }

    function test_urlChange() {
        bench.newServer("other-url")
        const fresh = createTemporaryObject(clients, test, { url: server.urls[0] })
        compare(result(fresh.remote.calc.mul(1, 2)), 2)
        const pending = fresh.remote.hold()
        fresh.url = "memory:other-url"
        compare(outcome(pending).error.code, RpcError.Canceled)
        compare(result(fresh.remote.echo("x")), "x")
    }

    function test_unhandledIsToldOnce() {
        client.remote.fail("nobody")
        client.call("fail", ["nobody"])
        client.remote.fail("nobody").then(() => {})
        client.remote.fail("nobody").then(() => {}).then(() => {})
        const shared = client.remote.fail("nobody")
        shared.then(() => {})
        shared.then(() => {})
        client.remote.fail("handled").catch(() => {})
        client.remote.fail("handled").then(() => {}).catch(() => {})
        client.remote.fail("handled").then(() => {}, () => {})
        compare(result(client.remote.add(1, 2)), 3)
        const warnings = bench.takeWarnings()
        compare(warnings.length, 5)
        for (const warning of warnings)
            compare(warning, "the call of fail at " + server.urls[0]
                    + " failed and nobody handles it: nobody")
    }

    function test_throwingHandlerIsTold() {
        client.remote.add(1, 2).then(() => { throw new Error("in a handler") })
        compare(result(client.remote.add(1, 2)), 3)
        const warnings = bench.takeWarnings()
        compare(warnings.length, 1)
        verify(warnings[0].includes("in a handler"), warnings[0])
        let caught
        client.remote.add(1, 2).then(() => { throw new Error("in a handler") }).catch(error => caught = error)
        tryVerify(() => caught !== undefined)
        compare(bench.takeWarnings(), [])
    }
}
