# SPDX-License-Identifier: Apache-2.0
"""Connections and nodes for raw2010.py: MessagePack-RPC with OPTION and SESSION as it was in 2010."""
import inspect
import itertools
import socket
import struct
import threading
import zlib
from concurrent.futures import Future

import msgpack

REQUEST, RESPONSE, NOTIFY, SESSION, OPTION = range(5)
DEFLATE = 1


class RemoteError(Exception):
    """What a response has as its error."""


def new_unpacker():
    return msgpack.Unpacker(raw=True, use_list=False, strict_map_key=False,
                            max_buffer_size=128 * 1024 * 1024)


def packed(address):
    return struct.pack('>H', address[1]) + socket.inet_aton(address[0])


def unpacked(data):
    return socket.inet_ntoa(data[2:]), struct.unpack('>H', data[:2])[0]


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
        self.first = None
        self.deflater = self.inflater = None
        self.unpacker, self.fed = new_unpacker(), 0
        self.peer = None
        if session:
            self.send([SESSION, session])
        if option != (0, 0):
            self.send([OPTION, *option])
            self.set_option(*option)

    def start(self):
        """Reads from now on, and answers."""
        threading.Thread(target=self.read, daemon=True).start()
        return self

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
        self.first = self.first or message
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

    def __init__(self, plain=False, option=(0, 0)):
        self.plain, self.option = plain, option
        self.address = None  # of a node of a cluster
        self.accepted = []
        self.nodes = {}  # connections of our own, by the address of the other node
        self.lock = threading.Lock()
        self.count = 0
        self.callers = {}  # methods that take the connection too
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

    def listen(self, cluster):
        listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        if cluster:
            self.address = listener.getsockname()
            self.callers = {b'who': self.who, b'back': self.back}
        threading.Thread(target=self.accept, args=[listener], daemon=True).start()
        return listener.getsockname()

    def accept(self, listener):
        while True:
            connection = Connection(listener.accept()[0], self)
            self.accepted.append(connection)  # before anybody has an answer over it
            connection.start()

    def connect(self, address, option=None):
        sock = socket.create_connection(address, timeout=20)
        sock.settimeout(None)
        return Connection(sock, self, self.option if option is None else option,
                          self.address and packed(self.address)).start()

    def who(self, connection):
        return connection.peer and '%s:%d' % unpacked(connection.peer)

    def back(self, connection, value):
        if connection.peer is None:
            return connection.call('echo', value)
        with self.lock:
            node = self.nodes.get(connection.peer)
            if node is None or node.sock.fileno() < 0:
                node = self.nodes[connection.peer] = self.connect(unpacked(connection.peer))
        return node.call('echo', value)

    def invoke(self, connection, method, args):
        function = self.methods.get(method) or self.callers.get(method)
        if function is None:
            name = method if isinstance(method, bytes) else str(method).encode()
            raise RemoteError(b"method `" + name + b"' is not accepted")
        if not isinstance(args, tuple):
            raise RemoteError('the arguments are no array')
        if method in self.callers:
            args = (connection, *args)
        inspect.signature(function).bind(*args)
        return function(*args)

    def dispatch(self, connection, msgid, method, args):
        try:
            result = self.invoke(connection, method, args)
        except RemoteError as error:
            return self.answer(connection, msgid, error.args[0], None)
        except Exception as error:  # whatever a method throws is its answer
            return self.answer(connection, msgid, str(error) or repr(error), None)
        if isinstance(result, Future):
            result.add_done_callback(lambda future: self.answer_later(connection, msgid, future))
        else:
            self.answer(connection, msgid, None, result)

    def answer_later(self, connection, msgid, future):
        error = future.exception()
        if error is None:
            self.answer(connection, msgid, None, future.result())
        else:
            self.answer(connection, msgid, str(error), None)

    @staticmethod
    def answer(connection, msgid, error, result):
        if msgid is None:
            return
        try:
            connection.send([RESPONSE, msgid, error, result])
        except OSError:
            pass  # the caller is gone
