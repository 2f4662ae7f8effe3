// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

TestCase {
    id: test
    name: "server"

    property Bench bench: Bench {}
    property var log: []
    property Component servers: Component { RpcServer {} }
    property Component clients: Component { RpcClient {} }
    property QtObject adder: QtObject {
        id: adder
        property int value: 5
        signal changed(int value)
        function add(a: int, b: int): int { return a + b }
        function sub(a: int, b: int): int { return a - b }
        function _secret() { return "secret" }
        function withDefault(a, b = 10) { return a + b }
    }
    property QtObject other: QtObject { id: other; function add(a, b) { return "other " + a + b } }

    function init() {
        log = []
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
    function connected(url) {
        const client = createTemporaryObject(clients, test, { url })
        tryVerify(() => client.connected)
        return client
    }

    function test_defaults() {
        const server = createTemporaryObject(servers, test)
        compare(server.url, "")
        compare(server.active, true)
        compare(server.listening, false)
        compare(server.urls, [])
        compare(server.target, null)
        compare(server.objects, {})
        compare(server.accept, [])
        compare(server.connections, 0)
        compare(server.error, undefined)
        compare(server.caller, null)
    }

    function test_listens() {
        const server = createTemporaryObject(servers, test, { url: "tcp://127.0.0.1:0", target: adder })
        compare(server.listening, true)
        compare(server.urls.length, 1)
        const client = connected(server.urls[0])
        compare(server.connections, 1)
        compare(result(client.remote.add(1, 2)), 3)
        let changes = 0
        server.urlsChanged.connect(() => ++changes)
        const pending = client.remote.add(3, 4)
        server.active = false
        compare(changes, 1)
        compare(server.listening, false)
        compare(server.urls, [])
        compare(server.connections, 0)
        tryVerify(() => !client.connected)
        outcome(pending) // whichever came first
        server.active = true
        compare(server.listening, true)
        compare(changes, 2)
    }

    function test_urlChanges() {
        const server = createTemporaryObject(servers, test, { url: "memory:server-one", target: adder })
        compare(result(connected("memory:server-one").remote.add(1, 2)), 3)
        server.url = "memory:server-two"
        compare(result(connected("memory:server-two").remote.add(1, 2)), 3)
        compare(server.urls.map(String), ["memory:server-two"])
        server.url = ""
        compare(server.listening, false)
        compare(server.error, undefined)
    }

    function test_cannotListen_data() {
        return [{ tag: "scheme", url: "gopher://x", why: "has no known scheme" },
                { tag: "host", url: "tcp://example.invalid:1", why: "expected a literal address" },
                { tag: "taken", url: "", why: "" }]
    }
    function test_cannotListen(row) {
        const first = createTemporaryObject(servers, test, { url: "tcp://127.0.0.1:0" })
        const server = createTemporaryObject(servers, test)
        let told
        server.errorOccurred.connect(error => told = error)
        server.url = row.url || first.urls[0]
        compare(server.listening, false)
        verify(server.error.message.includes(row.why), server.error.message)
        compare(server.error.code, RpcError.NotConnectable)
        compare(told.message, server.error.message)
        verify(bench.takeWarnings()[0].includes(row.why))
        server.url = "memory:can-listen"
        compare(server.listening, true)
        compare(server.error, undefined)
    }

    function test_exposesNothingElse_data() {
        return ["value", "setValue", "changed", "valueChanged", "_secret", "destroy", "deleteLater", "toString",
                "objectName", "rpc.x", "", "add ", "Add"].map(name => ({ tag: name || "empty", name }))
    }
    function test_exposesNothingElse(row) {
        createTemporaryObject(servers, test, { url: "memory:exposes", target: adder })
        const error = outcome(connected("memory:exposes").call(row.name, [1])).error
        compare(error.message, "method `" + row.name + "' is not accepted")
    }

    function test_accept() {
        const server = createTemporaryObject(servers, test, { url: "memory:accept", target: adder, accept: ["add"] })
        const client = connected("memory:accept")
        compare(result(client.remote.add(1, 2)), 3)
        verify(outcome(client.remote.sub(1, 2)).error)
        server.accept = ["sub"]
        compare(result(client.remote.sub(1, 2)), -1)
        verify(outcome(client.remote.add(1, 2)).error)
        server.accept = ["sub", "nothing"]
        verify(server.error.message.includes("nothing"), server.error.message)
        compare(result(client.remote.sub(1, 2)), -1)
        server.accept = []
        compare(server.error, undefined)
        compare(result(client.remote.add(1, 2)), 3)
    }

    function test_targetChanges() {
        const server = createTemporaryObject(servers, test, { url: "memory:target", target: adder })
        const client = connected("memory:target")
        server.target = other
        compare(result(client.remote.add(1, 2)), "other 12")
        verify(outcome(client.remote.sub(1, 2)).error)
        server.target = null
        verify(outcome(client.remote.add(1, 2)).error)
    }

    function test_targetIsDestroyed() {
        const target = Qt.createQmlObject("import QtQml; QtObject { function add(a, b) { return a + b } }", test)
        createTemporaryObject(servers, test, { url: "memory:destroyed", target })
        const client = connected("memory:destroyed")
        compare(result(client.remote.add(1, 2)), 3)
        bench.remove(target)
        compare(outcome(client.remote.add(1, 2)).error.message, "method `add' is not accepted")
    }

    function test_targetDestroysItself() {
        const target = Qt.createQmlObject("import QtQml; QtObject { property var bench; function add(a, b) {"
                                          + " const sum = a + b; bench.remove(this); return sum } }", test)
        target.bench = bench
        createTemporaryObject(servers, test, { url: "memory:destroys", target })
        const client = connected("memory:destroys")
        compare(result(client.remote.add(1, 2)), 3)
        verify(outcome(client.remote.add(1, 2)).error)
    }

    function test_objects() {
        const server = createTemporaryObject(servers, test, { url: "memory:objects", target: adder,
                                                              objects: { other, more: adder } })
        const client = connected("memory:objects")
        compare(result(client.remote.add(1, 2)), 3)
        compare(result(client.remote.other.add(1, 2)), "other 12")
        compare(result(client.remote.more.sub(1, 2)), -1)
        server.objects = { rpc: adder }
        verify(server.error.message.includes("rpc"), server.error.message)
    }

    function test_objectOfCpp() {
        createTemporaryObject(servers, test, { url: "memory:cpp", target: bench.newCalculator() })
        const client = connected("memory:cpp")
        compare(result(client.remote.add(1, 2)), 3)
        const error = outcome(client.remote.add("x", 2)).error
        verify(error.message.includes("add(int, int): argument 1"), error.message)
        compare(String(result(client.remote.addLong(Rpc.integer("9007199254740993"), 1))), "9007199254740994")
    }

    function test_typesInheritFunctions() {
        const target = Qt.createQmlObject("Served { function extra() { return 'extra' } }",
                                          test, Qt.resolvedUrl("inline.qml"))
        createTemporaryObject(servers, test, { url: "memory:inherit", target })
        const client = connected("memory:inherit")
        compare(result(client.remote.extra()), "extra")
        compare(result(client.remote.base()), "base")
    }

    function test_defaultParameters() {
        createTemporaryObject(servers, test, { url: "memory:parameters", target: adder })
        const client = connected("memory:parameters")
        compare(result(client.remote.withDefault(1)), 11)
        compare(result(client.remote.withDefault(1, 2)), 3)
        compare(outcome(client.remote.withDefault()).error.message, "withDefault(a, b) takes 1 to 2 arguments, got 0")
    }

    property RpcServer talker: RpcServer {
        id: talker
        url: "memory:talker"
        target: QtObject {
            function register() {
                const caller = talker.caller
                test.log.push(caller !== null, talker.caller === caller)
                caller.notify("registered", ["you"])
                return caller.remote.question(20).then(answer => answer + 1)
            }
        }
        onClientConnected: client => test.log.push("connected " + (client instanceof RpcClient))
        onClientDisconnected: client => test.log.push("disconnected")
    }
    property QtObject asked: QtObject {
        id: asked
        function question(x) { return x * 2 }
        function registered(name) { test.log.push("registered " + name) }
    }
    function test_caller() {
        const client = connected("memory:talker")
        client.handlers = asked
        compare(result(client.remote.register()), 41)
        compare(talker.caller, null)
        compare(log, ["connected true", true, true, "registered you"])
        client.close()
        tryVerify(() => log.length === 5)
        compare(log[4], "disconnected")
    }

    function test_notifyAll() {
        const server = createTemporaryObject(servers, test, { url: "memory:all" })
        const all = [connected("memory:all"), connected("memory:all"), connected("memory:all")]
        for (const client of all)
            client.notification.connect((method, args) => test.log.push(method + JSON.stringify(args)))
        tryCompare(server, "connections", 3)
        compare(server.notifyAll("changed", [1, { a: 2 }]), 3)
        tryVerify(() => log.length === 3)
        compare(log, ['changed[1,{"a":2}]', 'changed[1,{"a":2}]', 'changed[1,{"a":2}]'])
        compare(server.notifyAll("changed", [() => 1]), 0)
        compare(server.notifyAll({}), 0)
        compare(bench.takeWarnings().length, 2)
    }

    function test_promises() {
        const target = Qt.createQmlObject("import QtQml; QtObject {"
            + "property var never: new Promise(() => {});"
            + "function later() { return new Promise(resolve => Qt.callLater(resolve, 'late')) }"
            + "function rejects() { return Promise.reject(new Error('rejected')) }"
            + "function rejectsText() { return Promise.reject('as text') }"
            + "function bad() { return Promise.resolve(() => 1) }"
            + "function thenable() { return { then(resolve) { resolve('thenable') } } }"
            + "function throwsInThen() { return { then() { throw new Error('thrown in then') } } }"
            + "function forgotten() { return new Promise(() => {}) } }", test)
        createTemporaryObject(servers, test, { url: "memory:later", target })
        const client = connected("memory:later")
        compare(result(client.remote.later()), "late")
        compare(outcome(client.remote.rejects()).error.message, "rejected")
        compare(outcome(client.remote.rejectsText()).error.message, "as text")
        verify(outcome(client.remote.bad()).error.message.includes("the result: a function has no form"))
        compare(result(client.remote.thenable()), "thenable")
        compare(outcome(client.remote.throwsInThen()).error.message, "thrown in then")
        // A promise that nothing can settle any more.
        let error
        client.remote.forgotten().catch(e => error = e)
        tryVerify(() => { bench.collectGarbage(); return error !== undefined })
        compare(error.code, RpcError.RemoteError)
        client.notify("rejects")
        result(client.remote.later())
        verify(bench.takeWarnings()[0].includes("rejects() failed: Error: rejected"))
    }

    function test_token() {
        const server = createTemporaryObject(servers, test, { token: "secret", url: "memory:token", target: adder })
        compare(server.token, "secret")
        const right = createTemporaryObject(clients, test, { token: "secret", url: "memory:token" })
        compare(result(right.remote.add(1, 2)), 3)
        for (const token of ["", "wrong"]) {
            const wrong = createTemporaryObject(clients, test, { token, url: "memory:token", autoConnect: false })
            verify(outcome(wrong.remote.add(1, 2)).error)
        }
        compare(server.connections, 1)
    }

    function test_destroyedWithConnections() {
        const server = createTemporaryObject(servers, test, { url: "memory:ends", target: adder })
        const client = connected("memory:ends")
        bench.remove(server)
        tryVerify(() => !client.connected)
    }
}
