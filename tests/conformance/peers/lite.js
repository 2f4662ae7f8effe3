#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

// msgpack-rpc-lite from npm. As a server it answers unknown notifications, with the id -1.
//
//   lite.js server          prints `listening URL`
//   lite.js client URL      prints `ok NAME` or `FAIL NAME why`
'use strict';
const rpc = require('msgpack-rpc-lite');
const { methods, runChecks, commonChecks } = require('./common.js');

const [role, url] = process.argv.slice(2);

function serve() {
    const server = rpc.createServer();
    for (const [name, method] of Object.entries(methods()))
        server.on(name, (params, callback) => method(params, callback || (() => {})));
    server.listen(0, '127.0.0.1', () =>
        console.log(`listening tcp://127.0.0.1:${server.address().port}`));
    server.on('connection', socket => socket.on('error', () => {}));
}

function connect() {
    const { hostname, port } = new URL(url);
    const client = rpc.createClient(Number(port), hostname);
    return {
        // The result, or an Error with the error value.
        call: (method, ...params) => new Promise((resolve, reject) =>
            client.request(method, ...params, (error, result) =>
                error === null ? resolve(result) : reject(Object.assign(Error('remote'), { value: error })))),
        notify: (method, ...params) => client.notify(method, ...params),
        close: () => client.close(),
    };
}

if (role === 'server')
    serve();
else
    runChecks(connect, commonChecks());
