// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

// That the promise of a call does what a Promise does.
TestCase {
    id: test
    name: "promises"

    property Bench bench: Bench {}
    property RpcServer server: RpcServer {
        url: "memory:promises"
        target: QtObject {
            function echo(value) { return value }
            function fail(message) { throw new Error(message) }
        }
    }
    property RpcClient client: RpcClient { url: "memory:promises" }
    property var log: []

    function init() {
        tryVerify(() => client.connected)
        log = []
        bench.takeWarnings()
    }
    function logged(count) {
        tryVerify(() => test.log.length >= count, 5000, "logged: " + test.log)
        roundTrip()
        return test.log
    }
    // Everything that was on its way has been told afterwards.
    function roundTrip() {
        let isThere = false
        client.remote.echo(0).then(() => isThere = true)
        tryVerify(() => isThere)
    }
    function note(name) { return value => { log.push(name + " " + (value instanceof Error ? value.message : JSON.stringify(value))); return value } }

    function test_isAPromise() {
        const promise = client.remote.echo(1)
        verify(promise instanceof Promise)
        verify(promise.then() instanceof Promise)
        compare(typeof promise.cancel, "function")
        compare(String(promise), "[object Promise]")
    }

    function test_handlersRunFromTheEventLoop() {
        client.remote.echo(1).then(note("first"))
        log.push("after")
        compare(logged(2), ["after", "first 1"])
    }

    function test_chain() {
        client.remote.echo(1).then(value => value + 1).then(value => client.remote.echo(value * 10)).then(note("got"))
        compare(logged(1), ["got 20"])
    }

    function test_errorsPass() {
        client.remote.fail("bad").then(note("never")).then(note("never")).catch(note("caught")).then(note("then"))
        const seen = logged(2)
        compare(seen[0], "caught bad")
        compare(seen.length, 2)
    }

    function test_returnedRejection() {
        client.remote.echo(1).then(() => client.remote.fail("inner")).catch(note("caught"))
        client.remote.echo(1).then(() => Promise.reject(new Error("plain"))).catch(note("caught"))
        logged(2)
        compare(log.sort(), ["caught inner", "caught plain"])
        compare(bench.takeWarnings(), [])
    }

    function test_unhandledReturnedRejection() {
        client.remote.echo(1).then(() => client.remote.fail("inner"))
        roundTrip()
        roundTrip()
        const warnings = bench.takeWarnings()
        compare(warnings.length, 1)
        verify(warnings[0].includes("inner"))
    }

    function test_severalHandlers() {
        const promise = client.remote.echo(5)
        promise.then(note("a"))
        promise.then(note("b"))
        promise.then(note("c"), note("never"))
        compare(logged(3), ["a 5", "b 5", "c 5"])
    }

    function test_lateHandler() {
        const promise = client.remote.echo(5)
        promise.then(note("early"))
        logged(1)
        promise.then(note("late"))
        compare(log.length, 1) // never before the event loop
        tryCompare(log, "length", 2)
        compare(log[1], "late 5")
        const failed = client.remote.fail("bad")
        failed.catch(note("early"))
        tryCompare(log, "length", 3)
        failed.catch(note("late"))
        tryCompare(log, "length", 4)
        compare(log[3], "late bad")
    }

    function test_finally() {
        client.remote.echo(1).finally(note("finally")).then(note("value"))
        client.remote.fail("bad").finally(note("finally")).catch(note("error"))
        logged(4)
        compare(log.slice().sort(), ["error bad", "finally undefined", "finally undefined", "value 1"])
    }

    function test_withOtherPromises() {
        Promise.all([client.remote.echo(1), 2, Promise.resolve(3), client.remote.echo(4)]).then(note("all"))
        Promise.race([new Promise(() => {}), client.remote.echo(5)]).then(note("race"))
        Promise.resolve(client.remote.echo(6)).then(note("resolve"))
        new Promise(resolve => resolve(client.remote.echo(7))).then(note("adopted"))
        Promise.resolve().then(() => client.remote.echo(8)).then(note("returned"))
        Promise.all([client.remote.echo(1), client.remote.fail("one of them")]).catch(note("all"))
        logged(6)
        compare(log.slice().sort(), ["adopted 7", "all [1,2,3,4]", "all one of them", "race 5", "resolve 6",
                                     "returned 8"])
        compare(bench.takeWarnings(), [])
    }

    function test_valuesPassWhatIsNoFunction() {
        client.remote.echo(9).then(undefined).then(null, 5).then("x").then(note("got"))
        compare(logged(1), ["got 9"])
    }

    function test_cannotWaitForItself() {
        const promise = client.remote.echo(1).then(() => promise)
        promise.catch(note("caught"))
        compare(logged(1), ["caught a promise cannot wait for itself"])
    }

    function test_badThenable() {
        client.remote.echo(1).then(() => ({ then() { throw new Error("in then") } })).catch(note("caught"))
        client.remote.echo(1).then(() => ({ then(resolve) { resolve(1); resolve(2); throw new Error("ignored") } }))
              .then(note("once"))
        logged(2)
        compare(log.slice().sort(), ["caught in then", "once 1"])
    }

    function test_handlersMayCall() {
        client.remote.echo(1).then(value => {
            note("outer")(value)
            client.remote.echo(2).then(note("inner"))
        })
        compare(logged(2), ["outer 1", "inner 2"])
    }

    function test_tenThousand() {
        let sum = 0
        for (let i = 0; i < 10000; ++i)
            client.remote.echo(i).then(value => sum += value)
        tryVerify(() => sum === 49995000)
    }
}
