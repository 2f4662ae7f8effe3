// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtQuick
import QtTest
import MsgpackRpc
import Tests

// Components that are destroyed with calls in flight: nothing is told to them, and nothing is left of them.
TestCase {
    id: test
    name: "lifetime"

    property int told: 0
    property int canceled: 0
    property var held: []
    property Bench bench: Bench {}
    property RpcServer server: RpcServer {
        id: server
        url: "memory:lifetime"
        target: QtObject {
            function echo(x) { return x }
            function hold(x = 0) { return new Promise(resolve => test.held.push(resolve)) }
        }
    }
    property RpcClient client: RpcClient { id: outer; url: "memory:lifetime" }

    // A component that has everything of its own, and calls in all ways.
    Component {
        id: whole
        Item {
            id: page
            property string text
            function hear(x) { ++test.told; page.text = x }
            function callAll(method) {
                own.remote[method]("x").then(hear, hear)
                own.call(method, ["x"]).then(hear, hear)
                own.request(method, ["x"]).finished.connect(hear)
                declared.method = method
                declared.call()
            }
            RpcClient { id: own; url: "memory:lifetime"; onErrorOccurred: ++test.told }
            RpcCall { id: declared; client: own; args: ["x"]; onFinished: x => page.hear(x); onFailed: x => page.hear(x) }
            RpcServer { url: "memory:inner-" + Math.random(); target: QtObject { function f() { return 1 } } }
            property alias client: own
        }
    }
    Loader { id: loader; active: false; sourceComponent: whole }

    function init() {
        told = 0
        canceled = 0
        held = []
        bench.takeWarnings()
    }
    // Everything that was on its way has arrived afterwards.
    function roundTrip() {
        let isThere = false
        outer.remote.echo(0).then(() => isThere = true)
        tryVerify(() => isThere)
    }
    function releaseAll() {
        for (const resolve of held)
            resolve("late")
        held = []
        roundTrip()
        roundTrip()
    }

    function test_aCompletePage() {
        loader.active = true
        loader.item.callAll("echo")
        tryCompare(test, "told", 4)
        compare(loader.item.text, "x")
        loader.active = false
        tryCompare(server, "connections", 1)
    }

    function test_destroyedBeforeItIsConnected() {
        loader.active = true
        const page = loader.item
        page.callAll("echo")
        loader.active = false // at the end of the turn, unless
        bench.remove(page)
        roundTrip()
        tryCompare(server, "connections", 1)
        compare(told, 0)
        compare(bench.takeWarnings(), [])
    }

    function test_destroyedWithCallsInFlight() {
        loader.active = true
        loader.item.callAll("hold")
        tryVerify(() => held.length === 4)
        loader.active = false
        tryCompare(server, "connections", 1)
        releaseAll()
        compare(told, 0)
        compare(bench.takeWarnings(), [])
    }

    function test_destroyedInAHandler() {
        loader.active = true
        const page = loader.item
        for (let i = 0; i < 10; ++i)
            page.client.remote.echo(i).then(page.hear)
        page.client.remote.echo("last").then(() => { loader.active = false; bench.remove(page) })
        for (let i = 0; i < 10; ++i)
            page.client.remote.echo(i).then(page.hear)
        tryCompare(loader, "active", false)
        roundTrip()
        compare(told, 10)
        compare(bench.takeWarnings(), [])
    }

    function test_createdAndDestroyedDynamically() {
        const page = whole.createObject(test)
        page.callAll("hold")
        tryVerify(() => held.length === 4)
        page.destroy()
        tryCompare(server, "connections", 1)
        releaseAll()
        compare(told, 0)
        compare(bench.takeWarnings(), [])
    }

    // Who calls and goes, while the client stays: what it has bound to is gone, and its handlers fail on their own.
    Component {
        id: caller
        Item {
            id: mine
            property string text
            RpcCall { client: outer; method: "hold"; live: true; onFinished: ++test.told; onFailed: ++test.told }
        }
    }
    function test_callerIsDestroyed() {
        const item = caller.createObject(test)
        tryVerify(() => held.length === 1)
        item.destroy()
        wait(0)
        releaseAll()
        compare(told, 0)
    }

    // The client alone: whoever called hears that nothing will come.
    Component { id: clients; RpcClient { url: "memory:lifetime" } }
    function test_clientAloneIsDestroyed() {
        const fresh = clients.createObject(null)
        const errors = []
        fresh.remote.hold().catch(error => errors.push(error.code))
        fresh.call("hold").catch(error => errors.push(error.code))
        tryVerify(() => held.length === 2)
        const remote = fresh.remote
        bench.remove(fresh)
        tryVerify(() => errors.length === 2)
        compare(errors, [RpcError.Canceled, RpcError.Canceled])
        remote.echo(1).catch(error => errors.push(error.code))
        tryVerify(() => errors.length === 3)
        compare(errors[2], RpcError.NotConnectable)
        releaseAll()
    }

    // A component that is a client: its own handlers find nothing of it any more, and nothing is said of that.
    Component {
        id: rooted
        RpcClient {
            id: root
            property string text
            url: "memory:lifetime"
            function go() { root.remote.hold().then(x => root.text = x, error => { root.text = "x"; ++test.told }) }
        }
    }
    function test_rootedClientIsDestroyed() {
        const fresh = rooted.createObject(null)
        fresh.go()
        tryVerify(() => held.length === 1)
        bench.remove(fresh)
        releaseAll()
        compare(told, 0)
        compare(bench.takeWarnings(), [])
    }

    function test_promisesAreForgotten() {
        loader.active = true
        for (let i = 0; i < 100; ++i)
            loader.item.client.remote.hold().then(loader.item.hear)
        tryVerify(() => held.length === 100)
        loader.active = false
        tryCompare(server, "connections", 1)
        releaseAll()
        compare(told, 0)
    }

    // A thousand pages, each with calls in flight when it goes; memory, descriptors and connections are back where they
    // were after the first two hundred.
    function test_loaderToggledAThousandTimes() {
        let allocated = 0
        let descriptors = 0
        for (let i = 0; i < 1000; ++i) {
            loader.active = true
            loader.item.callAll(i % 2 ? "echo" : "hold")
            if (i % 3 === 0)
                roundTrip()
            loader.active = false
            if (i % 200 === 199) {
                releaseAll()
                tryCompare(server, "connections", 1)
                bench.collectGarbage()
                wait(0)
                bench.collectGarbage()
                allocated = i < 200 ? bench.allocatedBytes() : allocated
                descriptors = i < 200 ? bench.openDescriptors() : descriptors
            }
        }
        compare(bench.openDescriptors(), descriptors)
        const grown = bench.allocatedBytes() - allocated
        console.log("grown by", grown, "bytes in 800 rounds")
        verify(grown < 400 * 1024, "grown by " + grown + " bytes") // half a KiB for each
        compare(bench.takeWarnings(), [])
    }
}
