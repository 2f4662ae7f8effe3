#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

// msgpack5rpc and neovim from npm, whose sessions have the same interface. Both throw when a
// response comes that nobody waits for, and answer SESSION and OPTION with the id 0.
//
//   sessions.js msgpack5rpc|neovim server          prints `listening URL`
//   sessions.js msgpack5rpc|neovim client URL      prints `ok NAME` or `FAIL NAME why`
'use strict';
const net = require('net');
const { methods, runChecks, commonChecks } = require('./common.js');

const [library, role, url] = process.argv.slice(2);

function newSession(socket) {
    if (library === 'neovim') {
        const { Transport } = require('neovim/lib/utils/transport');
        return new Transport();
    }
    const Session = require('msgpack5rpc');
    const session = new Session();
    session._decoder.on('error', () => socket.destroy());
    return session;
}

function attach(socket, served) {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    const session = newSession(socket);
    session.on('request', (name, params, response) => {
        const method = served[name];
        if (!method)
            return response.send(`method \`${name}' is not accepted`, true);
        return method(params, (error, result) => response.send(error || result, Boolean(error)));
    });
    session.on('notification', (name, params) => {
        if (served[name])
            served[name](params, () => {});
    });
    session.attach(socket, socket);
    return session;
}

function serve() {
    const served = methods();
    const server = net.createServer(socket => attach(socket, served));
    server.listen(0, '127.0.0.1', () =>
        console.log(`listening tcp://127.0.0.1:${server.address().port}`));
}

function connect() {
    const { hostname, port } = new URL(url);
    const socket = net.connect({ host: hostname, port: Number(port) });
    const session = attach(socket, methods());
    return {
        call: (method, ...params) => new Promise((resolve, reject) =>
            session.request(method, params, (error, result) =>
                error === null ? resolve(result) : reject(Object.assign(Error('remote'), { value: error })))),
        notify: (method, ...params) => session.notify(method, params),
        close: () => socket.end(),
    };
}

if (role === 'server')
    serve();
else
    runChecks(connect, commonChecks());
