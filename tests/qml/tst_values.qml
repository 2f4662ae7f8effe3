// SPDX-License-Identifier: Apache-2.0
import QtQml
import QtTest
import MsgpackRpc
import Tests

TestCase {
    id: test
    name: "values"

    property var seen // what a served function was given
    property Bench bench: Bench {}
    property RpcServer server: RpcServer {
        url: "memory:values"
        target: QtObject {
            function echo(value) { test.seen = value; return value }
            function give(name) { return test.given(name) }
        }
    }
    property RpcClient client: RpcClient { url: "memory:values" }
    property RpcClient cpp: RpcClient { url: "memory:native-values" }

    function initTestCase() { bench.newServer("native-values") }

    // The outcome of a promise: { value } or { error }.
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

    function same_data() {
        return [
            { tag: "zero", value: 0, type: "qlonglong" },
            { tag: "negative", value: -129, type: "qlonglong" },
            { tag: "int32", value: 2147483648, type: "qlonglong" },
            { tag: "2^53", value: 9007199254740992, type: "qlonglong" },
            { tag: "-2^53", value: -9007199254740992, type: "qlonglong" },
            { tag: "beyond 2^53 is a float", value: 9007199254740994, type: "double" },
            { tag: "fraction", value: 2.5, type: "double" },
            { tag: "infinity", value: Infinity, type: "double" },
            { tag: "true", value: true, type: "bool" },
            { tag: "null", value: null, type: "nothing" },
            { tag: "text", value: "añ€😀", type: "QString" },
            { tag: "empty text", value: "", type: "QString" },
            { tag: "array", value: [1, "x", [true, null]], type: "QVariantList" },
            { tag: "object", value: { a: 1, b: { c: [2] } }, type: "QVariantMap" },
            { tag: "empty object", value: {}, type: "QVariantMap" },
            { tag: "date", value: new Date(1700000000123), type: "QDateTime" },
            { tag: "enum", value: 7, type: "qlonglong" },
            { tag: "key __proto__", value: JSON.parse('{"__proto__": {"x": 1}, "a": 2}'), type: "QVariantMap" }
        ]
    }
    function test_same_data() { return same_data() }
    function test_same(row) {
        compare(result(client.remote.echo(row.value)), row.value)
        compare(seen, row.value)
        compare(result(client.call("echo", [[row.value, { x: row.value }]])), [row.value, { x: row.value }])
        compare(result(cpp.remote.echo(row.value)), row.value)
        compare(result(cpp.remote.typeOf(row.value)), row.type)
    }

    function test_undefinedIsNil() {
        compare(result(client.remote.echo(undefined)), null)
        compare(result(client.remote.echo([undefined, { a: undefined }])), [null, { a: null }])
        compare(result(cpp.remote.typeOf(undefined)), "nothing")
    }

    function test_nan() {
        verify(Number.isNaN(result(client.remote.echo(NaN))))
        compare(result(cpp.remote.typeOf(NaN)), "double")
    }

    function test_negativeZero() {
        compare(1 / result(client.remote.echo(-0)), -Infinity)
    }

    function test_enum() {
        compare(result(client.remote.echo(RpcError.RemoteError)), 11)
    }

    function test_prototypeIsNotTouched() {
        const value = result(cpp.remote.echo(JSON.parse('{"__proto__": {"polluted": 1}}')))
        compare(Object.keys(value), ["__proto__"])
        compare(value.polluted, undefined)
        compare({}.polluted, undefined)
    }

    function test_largeIntegers_data() {
        return [
            { tag: "2^53 + 1", digits: "9007199254740993", type: "qlonglong" },
            { tag: "-2^53 - 1", digits: "-9007199254740993", type: "qlonglong" },
            { tag: "largest", digits: "9223372036854775807", type: "qlonglong" },
            { tag: "smallest", digits: "-9223372036854775808", type: "qlonglong" },
            { tag: "largest unsigned", digits: "18446744073709551615", type: "qulonglong" }
        ]
    }
    function test_largeIntegers(row) {
        const value = Rpc.integer(row.digits)
        const back = result(cpp.remote.echo(value))
        compare(String(back), row.digits)
        compare(`${back}`, row.digits)
        compare(JSON.stringify([back]), '["' + row.digits + '"]')
        verify(back == value)
        verify(back === value)
        verify(back !== Rpc.integer("9007199254740995"))
        compare(result(cpp.remote.typeOf(value)), row.type)
        const nested = result(client.remote.echo([value, { x: value }]))
        compare(String(nested[0]), row.digits)
        compare(String(nested[1].x), row.digits)
        compare(String(seen[1].x), row.digits)
    }

    function test_integerFromText() {
        compare(Rpc.integer("42"), 42)
        compare(Rpc.integer("-9007199254740992"), -9007199254740992)
        for (const wrong of ["", "x", "1.5", "18446744073709551616", "-9223372036854775809"]) {
            let message = ""
            try { Rpc.integer(wrong) } catch (error) { message = error.message }
            verify(message.includes("digits"), wrong)
        }
    }

    property string text
    function test_integerAsText() {
        text = result(cpp.remote.addLong(Rpc.integer("9007199254740993"), 1))
        compare(text, "9007199254740994")
    }

    function test_buffers() {
        const bytes = new Uint8Array([0, 1, 254, 255])
        for (const value of [bytes.buffer, bytes, new DataView(bytes.buffer), new Int8Array(bytes.buffer)]) {
            const back = result(client.remote.echo(value))
            verify(back instanceof ArrayBuffer)
            compare(Array.from(new Uint8Array(back)), [0, 1, 254, 255])
        }
        const part = result(client.remote.echo(bytes.subarray(1, 3)))
        compare(Array.from(new Uint8Array(part)), [1, 254])
        compare(result(cpp.remote.typeOf(bytes.buffer)), "QByteArray")
        const large = result(client.remote.echo(new ArrayBuffer(300000)))
        compare(large.byteLength, 300000)
    }

    function test_maps() {
        const back = result(client.remote.echo(new Map([[1, "one"], ["two", 2], [null, [3]]])))
        verify(back instanceof Map)
        compare(back.get(1), "one")
        compare(back.get("two"), 2)
        compare(back.get(null), [3])
        // One with text keys only is an object.
        compare(result(client.remote.echo(new Map([["a", 1]]))), { a: 1 })
    }

    function test_extensions() {
        const value = Rpc.extension(-5, new Uint8Array([1, 2]).buffer)
        const back = result(client.remote.echo(value))
        compare(back.type, -5)
        compare(Array.from(new Uint8Array(back.data)), [1, 2])
        compare(String(back), "[extension -5 of 2 bytes]")
        compare(result(cpp.remote.typeOf(value)), "MsgpackRpc::Extension")
        let message = ""
        try { Rpc.extension(200, new ArrayBuffer(0)) } catch (error) { message = error.message }
        verify(message.includes("from -128 to 127"))
    }

    function test_boxed() {
        compare(result(client.remote.echo([new Number(3), new String("x"), new Boolean(false)])), [3, "x", false])
    }

    function test_sparseArray() {
        const sparse = [1]
        sparse[2] = 3
        compare(result(client.remote.echo(sparse)), [1, null, 3])
    }

    function cyclic() {
        const object = { inner: [] }
        object.inner.push(object)
        return object
    }
    function deep(levels) {
        let value = []
        for (let i = 0; i < levels; ++i)
            value = [value]
        return value
    }
    function test_refused_data() {
        return [
            { tag: "function", value: () => 1, why: "element 0: a function has no form on the wire" },
            { tag: "nested function", value: { a: [1, function() {}] },
              why: 'element 0: key "a": element 1: a function has no form on the wire' },
            { tag: "symbol", value: Symbol("x"), why: "element 0: a Symbol has no form on the wire" },
            { tag: "regular expression", value: /x/, why: "element 0: a RegExp has no form on the wire" },
            { tag: "cyclic", value: cyclic(), why: 'element 0: key "inner": element 0: it contains itself' },
            { tag: "too deep", value: deep(2000), why: "nested more than 126 deep" },
            { tag: "QObject", value: test, why: "has no form on the wire" },
            { tag: "promise", value: Promise.resolve(1), why: "a Promise has no form on the wire" },
            { tag: "promise of a call", value: client.remote.echo(1), why: "a Promise has no form on the wire" },
            { tag: "set", value: new Set([1]), why: "a Set has no form on the wire" },
            { tag: "colour", value: Qt.point(1, 2), why: "has no form on the wire" }
        ]
    }
    function test_refused(row) {
        for (const call of [() => client.remote.echo(row.value), () => client.call("echo", [row.value])]) {
            const error = outcome(call()).error
            verify(error, "no error")
            compare(error.code, RpcError.InvalidArguments)
            verify(error.message.includes(row.why), error.message)
        }
        compare(result(client.remote.echo(1)), 1)
    }

    function given(name) {
        return { function: () => 1, cyclic: cyclic(), object: test }[name]
    }
    function test_refusedResult_data() {
        return [
            { tag: "function", why: "give(name): the result: a function has no form" },
            { tag: "cyclic", why: "it contains itself" },
            { tag: "object", why: "an object of the class" }
        ]
    }
    function test_refusedResult(row) {
        const error = outcome(client.remote.give(row.tag)).error
        compare(error.code, RpcError.RemoteError)
        verify(error.message.includes(row.why), error.message)
    }

    // Accessors of objects are user code, which may do anything, calls included.
    function test_accessors() {
        let inner
        const value = { get x() { inner = client.remote.echo(2); return 1 } }
        compare(result(client.remote.echo(value)), { x: 1 })
        compare(result(inner), 2)
        const thrower = { get x() { throw new Error("no") } }
        verify(outcome(client.remote.echo(thrower)) !== undefined)
    }
}
