// SPDX-License-Identifier: Apache-2.0

// The methods of the conformance tests, and what clients in JavaScript expect of a server.
'use strict';
const { deepStrictEqual, ok, rejects } = require('assert');

// By name: function (params, callback(error, result)).
exports.methods = function () {
    let count = 0;
    const takes = (number, name, method) => (params, callback) => {
        if (!Array.isArray(params) || params.length !== number)
            return callback(`${name} takes ${number} arguments`);
        return method(callback, ...params);
    };
    const number = value => typeof value === 'number';
    const echo = takes(1, 'echo', (callback, value) => callback(null, value));
    return {
        echo,
        7: echo,
        add: takes(2, 'add', (callback, a, b) =>
            number(a) && number(b) ? callback(null, a + b) : callback('add takes numbers')),
        sleep: takes(1, 'sleep', (callback, ms) => setTimeout(() => callback(null, ms), ms)),
        fail: takes(1, 'fail', (callback, text) => callback(text)),
        notify_count: takes(0, 'notify_count', callback => callback(null, count)),
        poke: (params, callback) => {
            ++count;
            callback(null, null);
        },
    };
};

const failsWith = (promise, text) =>
    rejects(promise, error => {
        ok(String(error.value).includes(text), `${JSON.stringify(error.value)} lacks ${text}`);
        return true;
    });

const values = [null, true, false, 0, -1, 127, 128, 65536, -129, 2 ** 31, 2 ** 53 - 1, 1.5, -1e300, '',
    'ü'.repeat(100), 'a'.repeat(65536), Buffer.alloc(300, 0xff), [], [1, [2, []]], { a: 1, b: { c: [null] } }];

// By name: function (client).
exports.commonChecks = () => ({
    echo: async client => {
        for (const value of values) {
            const got = await client.call('echo', value);
            deepStrictEqual(Buffer.isBuffer(value) ? Buffer.from(got) : got, value);
        }
    },
    add: async client => {
        const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => client.call('add', i, 1000)));
        deepStrictEqual(sums, Array.from({ length: 100 }, (_, i) => i + 1000));
    },
    'integer-method': async client => deepStrictEqual(await client.call(7, 'hello'), 'hello'),
    'out-of-order': async client => {
        const order = [];
        const slow = client.call('sleep', 300).then(ms => order.push(ms));
        await client.call('add', 1, 2).then(sum => order.push(sum));
        await slow;
        deepStrictEqual(order, [3, 300]);
    },
    errors: async client => {
        await failsWith(client.call('fail', 'größer'), 'größer');
        await failsWith(client.call('nope'), "method `nope' is not accepted");
        await failsWith(client.call('add', 1), 'takes 2 arguments');
        await failsWith(client.call('add', 1, 2, 3), 'takes 2 arguments');
        await failsWith(client.call('add', {}, 1), 'argument 1');
        deepStrictEqual(await client.call('add', 1, 2), 3);
    },
    notifications: async client => {
        const before = await client.call('notify_count');
        client.notify('poke');
        client.notify('poke', 1, [null]);
        client.notify('nope', 1);
        client.notify('add', 1);
        deepStrictEqual(await client.call('notify_count'), before + 2);
    },
});

// Runs each check with a client of its own, and ends the process.
exports.runChecks = async function (connect, checks) {
    const limit = setTimeout(() => {
        console.log('FAIL time the checks do not come to an end');
        process.exit(1);
    }, 60000);
    let failed = 0;
    for (const [name, check] of Object.entries(checks)) {
        const client = connect();
        try {
            await check(client);
            console.log(`ok ${name}`);
        } catch (error) {
            ++failed;
            console.log(`FAIL ${name} ${String(error.message).replace(/\s+/g, ' ')}`);
        }
        client.close();
    }
    clearTimeout(limit);
    process.exitCode = failed ? 1 : 0;
};
