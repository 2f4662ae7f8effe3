#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer as they were in 2010: it knows raw but neither str8 nor bin nor ext, counts its message
ids from 0, and understands OPTION (deflate) and SESSION. Sockets, zlib and msgpack, nothing else.

    raw2010.py server [--plain | --cluster] [--deflate none|both|tx|rx]
                                    prints `listening URL`
    raw2010.py client URL [--plain | --cluster] [--deflate none|both|tx|rx]
                                    prints `ok NAME` or `FAIL NAME why`

--deflate is what it asks for where it connects. With --cluster it is a node: it says so where it
connects, and calls back over connections of its own. With --plain it closes the connection on SESSION and OPTION, as most implementations do.
"""
import argparse
import inspect
import itertools
import socket
import sys
import threading

sys.dont_write_bytecode = True  # nothing into the source
from node2010 import OPTION, SESSION, Connection, Node, RemoteError, packed

OPTIONS = {'none': (0, 0), 'both': (1, 1), 'tx': (1, 0), 'rx': (0, 1)}


class Skip(Exception):
    """A check that does not apply."""


def serve(args):
    address = Node(args.plain, OPTIONS[args.deflate]).listen(args.cluster)
    print('listening tcp://%s:%d' % address, flush=True)
    threading.Event().wait()


class Checks:
    """What a client of 2010 expects of a server."""

    def __init__(self, args):
        host, port = args.url.rpartition('/')[2].rsplit(':', 1)
        self.address = (host.strip('[]'), int(port))
        self.plain, self.cluster, self.option = args.plain, args.cluster, OPTIONS[args.deflate]
        self.node = Node(args.plain, self.option)
        if self.cluster:
            self.node.listen(True)

    def connect(self, option=None):
        return self.node.connect(self.address, option)

    def open(self, node, **settings):
        """A connection that is not as those of the node usually are."""
        sock = socket.create_connection(self.address, timeout=20)
        sock.settimeout(None)
        return Connection(sock, node, **settings).start()

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
            except Skip as why:
                print('skip', name, why, flush=True)
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
            raise Skip('--plain')
        for option in [(1, 1), (1, 0), (0, 1)]:
            other = self.connect(option)
            calls = [other.call('echo', b'x' * 100 * i) for i in range(20)]
            assert [len(call.result(20)) for call in calls] == list(range(0, 2000, 100))
            assert self.error_of(other.call('fail', 'boom')) == b'boom'
            assert c.call('add', 2, 2).result(20) == 4
            other.close()

    def check_late_option(self, c):
        if self.plain or self.option != (0, 0):
            raise Skip('not with --plain and --deflate')
        assert c.call('echo', 'plain').result(20) == b'plain'
        c.send([OPTION, 1, 0])
        c.set_option(1, 0)
        assert c.call('echo', 'sent compressed').result(20) == b'sent compressed'

    def check_session(self, c):
        if self.plain or self.cluster:
            raise Skip('not with --plain and --cluster')
        other = self.open(self.node, session=packed(('127.0.0.1', 1)))
        assert other.call('add', 3, 4).result(20) == 7
        other.close()

    def check_who(self, c):
        if not self.cluster:
            raise Skip('for --cluster')
        assert c.call('who').result(20) == b'%s:%d' % (b'127.0.0.1', self.node.address[1])

    def check_back(self, c):
        if not self.cluster:
            raise Skip('for --cluster')
        calls = [c.call('back', (i, b'x' * i)) for i in range(50)]
        assert [call.result(20) for call in calls] == [(i, b'x' * i) for i in range(50)]
        assert len(self.node.accepted) == 1, 'not one connection of its own'
        assert self.node.accepted[0].first == (SESSION, packed(self.address))

    def check_back_to_nobody(self, c):
        """A node that is not there: the call fails, and the caller hears of it."""
        if not self.cluster:
            raise Skip('for --cluster')
        other = self.open(self.node, session=packed(('127.0.0.1', 1)))
        self.error_of(other.call('back', 1))
        other.close()

    def check_plain_client(self, c):
        """Whoever does not say who they are is called over the connection they made."""
        if not self.cluster:
            raise Skip('for --cluster')
        other = self.open(Node())
        assert other.call('who').result(20) is None
        assert other.call('back', 'x').result(20) == b'x'
        other.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('role', choices=['server', 'client'])
    parser.add_argument('url', nargs='?')
    parser.add_argument('--plain', action='store_true')
    parser.add_argument('--cluster', action='store_true')
    parser.add_argument('--deflate', choices=OPTIONS, default='none')
    args = parser.parse_args()
    sys.exit(serve(args) if args.role == 'server' else Checks(args).run())


main()
