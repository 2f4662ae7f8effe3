#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer as they were in 2010: it knows raw but neither str8 nor bin nor ext, counts its message
ids from 0, and understands OPTION (deflate) and SESSION. Sockets, zlib and msgpack, nothing else.

    raw2010.py server [--plain]                     prints `listening URL`
    raw2010.py client URL [--plain] [--deflate none|both|tx|rx]
                                                    prints `ok NAME` or `FAIL NAME why`

With --plain it closes the connection on SESSION and OPTION, as most implementations do.
"""
import argparse
import inspect
import itertools
import socket
import struct
import sys
import threading
import zlib
from concurrent.futures import Future

import msgpack

REQUEST, RESPONSE, NOTIFY, SESSION, OPTION = range(5)
DEFLATE = 1
OPTIONS = {'none': (0, 0), 'both': (1, 1), 'tx': (1, 0), 'rx': (0, 1)}


class RemoteError(Exception):
    """What a response has as its error."""


def new_unpacker():
    return msgpack.Unpacker(raw=True, use_list=False, strict_map_key=False,
                            max_buffer_size=128 * 1024 * 1024)


class Connection:
    """Either end of a connection. Each has a thread that reads."""

    ids = itertools.count()

    def __init__(self, sock, node, option=(0, 0), session=None):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.node = sock, node
        self.packer = msgpack.Packer(use_bin_type=False)
        self.lock = threading.Lock()
        self.pending = {}
        self.strays = []  # whatever was not asked for
        self.received = 0
        self.deflater = self.inflater = None
        self.unpacker, self.fed = new_unpacker(), 0
        self.peer = None
        if session:
            self.send([SESSION, session])
        if option != (0, 0):
            self.send([OPTION, *option])
            self.set_option(*option)
        threading.Thread(target=self.read, daemon=True).start()

    def set_option(self, tx, rx):
        if tx & DEFLATE and not self.deflater:
            self.deflater = zlib.compressobj()
        if rx & DEFLATE and not self.inflater:
            self.inflater = zlib.decompressobj()

    def send(self, message):
        with self.lock:
            data = self.packer.pack(message)
            if self.deflater:
                data = self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
            self.sock.sendall(data)

    def call(self, method, *args):
        """A Future."""
        future, msgid = Future(), next(self.ids) % 2**31
        self.pending[msgid] = future
        self.send([REQUEST, msgid, method, args])
        return future

    def notify(self, method, *args):
        self.send([NOTIFY, method, args])

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def read(self):
        try:
            while data := self.sock.recv(1 << 16):
                self.feed(data)
        except (OSError, ValueError, TypeError, zlib.error):
            pass  # not MessagePack-RPC, or a key that Python cannot have
        self.close()
        for future in list(self.pending.values()):
            if not future.done():
                future.set_exception(ConnectionError('the connection is lost'))

    def feed(self, data):
        while data:
            data = self.inflater.decompress(data) if self.inflater else data
            self.unpacker.feed(data)
            self.fed += len(data)
            data = self.take_messages(data)

    def take_messages(self, data):
        """Returns what has to be inflated yet: what follows an OPTION."""
        for message in self.unpacker:
            inflates = self.inflater is not None
            self.take(message)
            if self.inflater and not inflates:
                rest = data[len(data) - (self.fed - self.unpacker.tell()):]
                self.unpacker, self.fed = new_unpacker(), 0
                return rest
        return b''

    def take(self, message):
        if not isinstance(message, tuple) or not message:
            raise ValueError('not a message')
        self.received += 1
        kind, *rest = message
        if kind == REQUEST:
            self.node.dispatch(self, *rest)
        elif kind == RESPONSE:
            msgid, error, result = rest
            future = self.pending.pop(msgid, None)
            if future is None:
                self.strays.append(message)
            elif error is not None:
                future.set_exception(RemoteError(error))
            else:
                future.set_result(result)
        elif kind == NOTIFY:
            self.node.dispatch(self, None, *rest)
        elif kind == SESSION and not self.node.plain:
            if self.received == 1:
                self.peer = rest[0]
        elif kind == OPTION and not self.node.plain:
            tx, rx = rest
            self.set_option(rx, tx)
        else:
            self.strays.append(message)
            raise ValueError('unknown message type')


class Node:
    """The methods of the conformance tests."""

    def __init__(self, plain=False):
        self.plain = plain
        self.count = 0
        self.methods = {b'echo': lambda x: x, 7: lambda x: x, b'add': lambda a, b: a + b,
                        b'fail': self.fail, b'poke': self.poke, b'sleep': self.sleep,
                        b'notify_count': lambda: self.count}

    @staticmethod
    def fail(text):
        raise RemoteError(text)

    def poke(self, *args):
        self.count += 1

    @staticmethod
    def sleep(ms):
        future = Future()
        timer = threading.Timer(ms / 1000, future.set_result, [ms])
        timer.daemon = True
        timer.start()
        return future

    def invoke(self, method, args):
        function = self.methods.get(method)
        if function is None:
            name = method if isinstance(method, bytes) else str(method).encode()
            raise RemoteError(b"method `" + name + b"' is not accepted")
        if not isinstance(args, tuple):
            raise RemoteError('the arguments are no array')
        inspect.signature(function).bind(*args)
        return function(*args)

    def dispatch(self, connection, msgid, method, args):
        try:
            result = self.invoke(method, args)
        except RemoteError as error:
            return self.answer(connection, msgid, error.args[0], None)
        except Exception as error:  # whatever a method throws is its answer
            return self.answer(connection, msgid, str(error) or repr(error), None)
        if isinstance(result, Future):
            result.add_done_callback(
                lambda future: self.answer(connection, msgid, None, future.result()))
        else:
            self.answer(connection, msgid, None, result)

    @staticmethod
    def answer(connection, msgid, error, result):
        if msgid is None:
            return
        try:
            connection.send([RESPONSE, msgid, error, result])
        except OSError:
            pass  # the caller is gone


def serve(args):
    node = Node(args.plain)
    listener = socket.create_server(('127.0.0.1', 0), backlog=128)
    print('listening tcp://127.0.0.1:%d' % listener.getsockname()[1], flush=True)
    while True:
        Connection(listener.accept()[0], node)


class Checks:
    """What a client of 2010 expects of a server."""

    def __init__(self, args):
        host, port = args.url.rpartition('/')[2].rsplit(':', 1)
        self.address = (host.strip('[]'), int(port))
        self.plain, self.option = args.plain, OPTIONS[args.deflate]
        self.node = Node()

    def connect(self, option=None, session=None):
        sock = socket.create_connection(self.address, timeout=20)
        sock.settimeout(None)
        return Connection(sock, self.node, option or self.option, session)

    def run(self):
        failed = 0
        for name, check in inspect.getmembers(self, inspect.ismethod):
            if not name.startswith('check_'):
                continue
            name = name[6:].replace('_', '-')
            connection = self.connect()
            try:
                check(connection)
                assert connection.strays == [], 'not asked for: %r' % connection.strays
                print('ok', name, flush=True)
            except Exception as error:  # any kind of failure is reported
                failed += 1
                print('FAIL', name, repr(error), flush=True)
            connection.close()
        return 1 if failed else 0

    @staticmethod
    def error_of(future):
        error = future.exception(20)
        assert isinstance(error, RemoteError), 'no error but %r' % (error or future.result())
        return error.args[0]

    def check_echo(self, c):
        for value in [None, True, 0, -1, 127, 128, 255, 256, 65535, 65536, -32, -33, -128, -129,
                      2**32, 2**63 - 1, -2**63, 2**64 - 1, 1.5, -1e300, (), (1, (2, ())), {},
                      {b'a': 1, 2: b'two', None: (3,)}]:
            echoed = c.call('echo', value).result(20)
            assert echoed == value, '%r is not %r' % (echoed, value)

    def check_raw(self, c):
        for length in [0, 1, 31, 32, 255, 256, 65535, 65536, 1 << 20]:
            for byte in [b'a', b'\xff']:
                echoed = c.call('echo', byte * length).result(20)
                assert echoed == byte * length, '%d bytes' % length

    def check_add(self, c):
        calls = [c.call('add', i, 1000) for i in range(100)]
        assert [call.result(20) for call in calls] == list(range(1000, 1100))

    def check_integer_method(self, c):
        assert c.call(7, 'hello').result(20) == b'hello'

    def check_out_of_order(self, c):
        slow = c.call('sleep', 300)
        assert c.call('add', 1, 2).result(20) == 3
        assert not slow.done(), 'sleep(300) was answered first'
        assert slow.result(20) == 300

    def check_errors(self, c):
        text = 'boom, größer als 32 Bytes: eine lange Zeile'.encode()
        assert self.error_of(c.call('fail', text)) == text
        assert self.error_of(c.call('nope')) == b"method `nope' is not accepted"
        assert b'add' in self.error_of(c.call('add', 1))
        assert b'add' in self.error_of(c.call('add', 1, 2, 3))
        assert b'add' in self.error_of(c.call('add', {}, 'x'))
        assert c.call('add', 1, 2).result(20) == 3

    def check_notifications(self, c):
        before = c.call('notify_count').result(20)
        c.notify('poke')
        c.notify('poke', 1, 'x')
        c.notify('nope', 1)
        c.notify('add', 1)  # wrong, and not answered all the same
        assert c.call('notify_count').result(20) == before + 2

    def check_message_ids(self, c):
        Connection.ids = itertools.count(2**31 - 2)
        for i in range(4):  # across the wrap to 0
            assert c.call('echo', i).result(20) == i

    def check_options(self, c):
        if self.plain:
            return
        for option in [(1, 1), (1, 0), (0, 1)]:
            other = self.connect(option)
            calls = [other.call('echo', b'x' * 100 * i) for i in range(20)]
            assert [len(call.result(20)) for call in calls] == list(range(0, 2000, 100))
            assert self.error_of(other.call('fail', 'boom')) == b'boom'
            assert c.call('add', 2, 2).result(20) == 4
            other.close()

    def check_late_option(self, c):
        if self.plain or self.option != (0, 0):
            return
        assert c.call('echo', 'plain').result(20) == b'plain'
        c.send([OPTION, 1, 0])
        c.set_option(1, 0)
        assert c.call('echo', 'sent compressed').result(20) == b'sent compressed'

    def check_session(self, c):
        if self.plain:
            return
        other = self.connect(session=struct.pack('>H4B', 1, 127, 0, 0, 1))
        assert other.call('add', 3, 4).result(20) == 7
        other.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('role', choices=['server', 'client'])
    parser.add_argument('url', nargs='?')
    parser.add_argument('--plain', action='store_true')
    parser.add_argument('--deflate', choices=OPTIONS, default='none')
    args = parser.parse_args()
    sys.exit(serve(args) if args.role == 'server' else Checks(args).run())


main()
