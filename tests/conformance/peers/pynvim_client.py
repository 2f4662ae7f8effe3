#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pynvim's session, which works with any server of MessagePack-RPC. It begins with a notification
whose method is binary, and answers requests that it cannot handle with the id 0.

    pynvim_client.py client URL         prints `ok NAME` or `FAIL NAME why`
"""
import sys

from pynvim.msgpack_rpc import tcp_session

VALUES = [None, True, 0, -1, 255, 65536, 2**63 - 1, -2**63, 2**64 - 1, 1.5, '', 'ü' * 100,
          'a' * 65536, b'\xff' * 300, [], [1, [2, []]], {'a': 1, 'b': {'c': [None]}}]


def error_of(session, method, *args):
    try:
        result = session.request(method, *args)
    except Exception as error:  # what pynvim makes of an error
        return str(error)
    raise AssertionError('no error but %r' % result)


def check_echo(session):
    for value in VALUES:
        echoed = session.request('echo', value)
        assert echoed == value and type(echoed) is type(value), '%r' % (echoed,)


def check_add(session):
    assert [session.request('add', i, 1) for i in range(100)] == list(range(1, 101))


def check_binary_name(session):
    assert session.request(b'add', 1, 2) == 3


def check_integer_method(session):
    assert session.request(7, 'hello') == 'hello'


def check_errors(session):
    # Of an error it takes the second element: what it knows is Neovim's `[code, text]`.
    assert error_of(session, 'fail', [0, 'größer']) == 'größer'
    error_of(session, 'nope')
    error_of(session, 'add', 1)
    error_of(session, 'add', 1, 2, 3)
    assert session.request('add', 1, 2) == 3


def check_notifications(session):
    before = session.request('notify_count')
    session.request('poke', 1, async_=True)
    session.request('nope', async_=True)
    session.request('add', 1, async_=True)
    assert session.request('notify_count') == before + 1


def main():
    host, port = sys.argv[2].rpartition('/')[2].rsplit(':', 1)
    failed = False
    for name, check in sorted(globals().items()):
        if not name.startswith('check_'):
            continue
        name = name[6:].replace('_', '-')
        session = tcp_session(host, int(port))
        session.error_wrapper = lambda error: RuntimeError(error[1])  # as in pynvim.Nvim
        try:
            check(session)
            print('ok', name, flush=True)
        except Exception as error:  # any kind of failure is reported
            failed = True
            print('FAIL', name, repr(error), flush=True)
        session.close()
    sys.exit(failed)


main()
