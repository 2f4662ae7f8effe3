// SPDX-License-Identifier: Apache-2.0
// What the QML module does in JavaScript, once for each engine: promises for calls, objects whose methods are those of
// a peer, and a look at values that C++ cannot tell apart. `native` is the engine's ScriptSupport.
//
// V4 counts: an object that is written down with all its properties costs a quarter of one whose constructor adds them,
// and a tenth of a Promise; more than seven properties need a second allocation (doc/decisions/qml-promises.md).
export function make(native) {
    const setPrototypeOf = Object.setPrototypeOf

    // A promise for a call: a Promise to whoever uses it, whose handlers run from the event loop. Settled by C++. Nobody
    // is called back once `life.isOver`, and nothing is logged once `life.isQuiet`: handlers of a destroyed component
    // throw.
    const pending = 0
    const fulfilled = 1
    const rejected = 2
    const promises = Object.create(Promise.prototype)

    function makePromise(life, id) {
        return setPrototypeOf({ state: pending, value: undefined, life, id, next: undefined, onFulfilled: undefined,
                                onRejected: undefined }, promises)
    }

    // V4 says nothing of rejections that nobody handles; these are told, once.
    const told = new WeakSet()
    function tell(error) {
        if (error instanceof Object) {
            if (told.has(error))
                return
            told.add(error)
        }
        native.unhandled(error)
    }

    function adopt(promise, thenable) {
        let isDone = false
        const once = state => value => {
            if (!isDone) {
                isDone = true
                settle(promise, state, value)
            }
        }
        try {
            if (thenable === promise)
                throw new TypeError("a promise cannot wait for itself")
            if (promises.isPrototypeOf(thenable))
                promise.id = thenable.id // what cancel() ends from now on
            thenable.then(once(fulfilled), once(rejected))
        } catch (error) {
            once(rejected)(error)
        }
    }

    // A chain of promises is gone along in a loop, since it may be longer than the stack is deep.
    function settle(promise, state, value) {
        for (;;) {
            if (promise.state !== pending)
                return
            promise.state = state
            promise.value = value
            const life = promise.life
            const next = promise.next
            if (life.isOver)
                return
            if (next === undefined) {
                if (state === rejected && !life.isQuiet)
                    tell(value)
                return
            }
            if (promise.branches !== undefined) {
                for (const branch of promise.branches)
                    settle(branch, state, value)
                return
            }
            const handler = state === fulfilled ? promise.onFulfilled : promise.onRejected
            if (typeof handler === "function") {
                try {
                    value = handler(value)
                    state = fulfilled
                } catch (error) {
                    value = error
                    state = rejected
                }
                if (state === fulfilled && value instanceof Object && typeof value.then === "function")
                    return adopt(next, value)
            }
            promise = next
        }
    }

    // What then() attaches to a promise that has something attached already, or is settled: as if to one of its own.
    function makeBranch(promise, onFulfilled, onRejected, next) {
        const branch = makePromise(promise.life, promise.id)
        branch.onFulfilled = onFulfilled
        branch.onRejected = onRejected
        branch.next = next
        return branch
    }

    function attach(promise, onFulfilled, onRejected, next) {
        const branch = makeBranch(promise, onFulfilled, onRejected, next)
        if (promise.state !== pending) {
            Promise.resolve().then(() => settle(branch, promise.state, promise.value))
            return
        }
        if (promise.branches === undefined)
            promise.branches = [makeBranch(promise, promise.onFulfilled, promise.onRejected, promise.next)]
        promise.branches.push(branch)
    }

    const methods = {
        then(onFulfilled, onRejected) {
            const next = makePromise(this.life, this.id)
            if (this.next === undefined && this.state === pending) {
                this.next = next
                this.onFulfilled = onFulfilled
                this.onRejected = onRejected
            } else {
                attach(this, onFulfilled, onRejected, next)
            }
            return next
        },
        catch(onRejected) { return this.then(undefined, onRejected) },
        finally(callback) {
            return this.then(value => Promise.resolve(callback()).then(() => value),
                             error => Promise.resolve(callback()).then(() => { throw error }))
        },
        cancel() { native.cancel(this.id) },
        toString() { return "[object Promise]" },
        toJSON() { return undefined }
    }
    for (const name of Object.keys(methods))
        Object.defineProperty(promises, name, { value: methods[name] })
    Object.defineProperty(promises, "constructor", { value: Promise })

    // A peer's methods. One that is not known yet is looked up in the ancestors, which make it an own property: the next
    // use finds it there. What JavaScript itself asks objects for is never remote.
    const site = Symbol("site") // { target, prefix, names }: whose methods an object has
    const kept = Symbol("kept")
    const mostNames = 4096
    const local = {
        toString() {
            const prefix = this[site].prefix
            return "[remote methods" + (prefix ? " of " + prefix.slice(0, -1) : "") + "]"
        },
        valueOf() { return this },
        toJSON() { return undefined },
        constructor: Object
    }

    function lookUp(object, name) {
        const { target, prefix } = object[site]
        const method = remoteMethod(target, prefix + name)
        if (++object[site].names <= mostNames)
            Object.defineProperty(object, name, { value: method })
        return method
    }

    const ancestors = Object.create(new Proxy({}, {
        get(_, name, receiver) {
            return typeof name === "string" && name !== "then" ? lookUp(receiver, name) : undefined
        },
        set(_, name, value, receiver) {
            throw new TypeError("the remote method " + receiver[site].prefix + String(name) + " cannot be assigned")
        },
        has() { return false }
    }))
    // V4 looks past a Proxy for names that Function.prototype and Object.prototype have.
    for (const name of [...Object.getOwnPropertyNames(Function.prototype), ...Object.getOwnPropertyNames(Object.prototype)]) {
        if (!local.hasOwnProperty(name))
            Object.defineProperty(ancestors, name, { get() { return lookUp(this, name) }, configurable: true })
    }
    for (const name of Object.keys(local))
        Object.defineProperty(ancestors, name, { value: local[name] })

    function remote(target, prefix) {
        return Object.defineProperty(Object.create(ancestors), site, { value: { target, prefix, names: 0 } })
    }

    // remote.calc can be called, and has methods: remote.calc.add is the method `calc.add`.
    function remoteMethod(target, name) {
        const method = native.newMethod(target.client, name, target.options)
        const start = method.start // looked up once: V4 makes a function object each time
        const life = target.life
        const call = (...args) => {
            const promise = makePromise(life, 0)
            promise.id = start(promise, args, args.length)
            return promise
        }
        delete call.name
        delete call.length
        call[kept] = method // start() alone does not keep it
        call[site] = { target, prefix: name + ".", names: 0 }
        return setPrototypeOf(call, ancestors)
    }

    // What C++ cannot see in an object: [kind, parts].
    function describe(value) {
        if (ArrayBuffer.isView(value))
            return ["binary", value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)]
        if (value instanceof Map)
            return ["map", Array.from(value)]
        if (value[site] !== undefined)
            return ["other", "set of remote methods"]
        if (value instanceof Error)
            return ["value", { message: value.message }]
        if (value instanceof Boolean || value instanceof Number || value instanceof String)
            return ["value", value.valueOf()]
        for (const [type, name] of [[Promise, "Promise"], [Set, "Set"], [WeakMap, "WeakMap"], [WeakSet, "WeakSet"]]) {
            if (value instanceof type)
                return ["other", name]
        }
        return ["object", Object.keys(value)]
    }

    function makeError(message, code, data, method, url) {
        const error = new Error(message)
        for (const [key, value] of [["name", "RpcError"], ["code", code], ["data", data], ["method", method], ["url", url]])
            Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
        return error
    }

    return {
        makePromise,
        describe,
        makeError,
        resolve: (promise, value) => settle(promise, fulfilled, value),
        reject: (promise, error) => settle(promise, rejected, error),
        remote,
        makeMap: entries => new Map(entries),
        define: (object, key, value) => Object.defineProperty(
            object, key, { value, enumerable: true, configurable: true, writable: true }),
        // Not the functions of `answer` itself, which do not keep it.
        follow: (thenable, answer) => { thenable.then(value => answer.resolve(value), error => answer.reject(error)) }
    }
}
