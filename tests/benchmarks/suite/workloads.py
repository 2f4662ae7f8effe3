# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what it is compared with."""

import dataclasses
import typing

from . import measuring
from .building import TITLES

KIB = 1024
MIB = 1024 * 1024


# Other ways of the server to wait for idle connections.
IDLE_WAYS = (("rpc", ", a notifier per thread", ("--idle-waiting", "per-thread")),)


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of a table. Its ratio is to the case that is labelled `base`."""
    system: str
    label: str
    base: str
    client: tuple = ()
    server: tuple = ()
    targets: tuple = None  # must, moonshot
    divisor: int = 1  # of the value, for costs of parts of a call
    idle: int = 0
    side: str = ""


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    unit: str
    cases: tuple
    sample: typing.Callable = measuring.calls
    # The ratio: of times (less is better), or of what is done in a time (more is better).
    is_rate: bool = False
    # What the targets are for: "ratio", "value", or "above", the value beyond the base's.
    judged: str = "ratio"


def _bare(label="", size=12, answer=None, every=1, client=()):
    answer = size if answer is None else answer
    shape = ("--answer-size", answer, "--answer-every", every)
    return Case("bare", TITLES["bare"] + label, TITLES["bare"] + label,
                ("--size", size, *shape, *client), ("--request-size", size, *shape))


def _case(system, base, method="add", client=(), how="", **more):
    return Case(system, TITLES[system] + how, base.label, ("--method", method, *client), **more)


def _raised(size):
    """The options that raise the limits for a body of `size` bytes, where that is needed."""
    return ("--message-bytes", 2 * size) if size > 32 * MIB else ()


def _echo(system, base, size, how="", **more):
    return _case(system, base, "echo", ("--size", size, *_raised(size)), how,
                 server=_raised(size), divisor=more.pop("divisor", 1), **more)


def _calls(window, targets):
    """Small calls in all ways of calling, `window` at a time."""
    open_ones = ("--window", window)
    bare = _bare(client=open_ones)
    cases = [bare]
    for method, how in (("add", ""), ("lambda", ", bound lambda"), ("variant", ", QVariant calls"),
                        ("outside", ", called from outside")):
        cases.append(_case("rpc", bare, method, open_ones, how, targets=targets.get(method)))
    cases += [_case(system, bare, client=open_ones) for system in ("remoteobjects", "dbus")]
    return tuple(cases)


def _large():
    bare = _bare(size=MIB)
    return (bare, *(_echo(system, bare, MIB, targets=(0.85, 1.1) if system == "rpc" else None)
                    for system in ("rpc", "remoteobjects", "dbus")))


def _sizes(sizes):
    cases = []
    for size in sizes:
        how = ", %d %s" % ((size // MIB, "MiB") if size >= MIB else (size // KIB, "KiB"))
        bare = dataclasses.replace(_bare(how, size), divisor=size // KIB)
        cases += [bare, _echo("rpc", bare, size, how, divisor=size // KIB)]
    return tuple(cases)


def _windows(windows):
    cases = []
    for window in windows:
        how = ", %d at a time" % window
        bare = _bare(how, client=("--window", window))
        cases += [bare, _case("rpc", bare, client=("--window", window), how=how)]
    return tuple(cases)


def _types():
    # Bytes of request and answer on the wire, without those of the msgid.
    cases = []
    for method, how, request, answer in (
            ("text", ", QString", 38, 33), ("gadget", ", Q_GADGET", 46, 39),
            ("list", ", QList<int>", 32, 27)):
        size = 24 if method == "text" else 12
        bare = _bare(how, request, answer, client=("--window", 100))
        cases += [bare, _case("rpc", bare, method, ("--window", 100, "--size", size), how)]
    return tuple(cases)


def _qml(window):
    open_ones = ("--window", window)
    bare = _bare(client=open_ones)
    cases = [bare, _case("rpc", bare, client=open_ones, how=", C++")]
    for method, how in (("Remote", ", remote.add()"), ("Call", ", call()"), ("Declared", ", RpcCall")):
        # There is one call of an RpcCall at a time.
        if method != "Declared" or window == 1:
            cases.append(_case("qml", bare, method, open_ones, how))
    return tuple(cases)


def _notifications():
    every = 1000
    bare = _bare(size=9, every=every, client=("--window", every))
    return (bare, _case("rpc", bare, "notify", ("--window", every)))


def _deflate(size):
    bare = _bare(size=size)
    text = ("--size", size)
    return (bare, _case("rpc", bare, "text", text, ", plain"),
            _case("rpc", bare, "text", (*text, "--deflate"), ", deflate"))


def _clients(counts):
    cases = []
    for count in counts:
        how = ", %d %s" % (count, "client" if count == 1 else "clients")
        many = ("--connections", count)
        bare = _bare(how, client=many)
        cases += [bare, _case("rpc", bare, client=many, how=how, server=many)]
    return tuple(cases)


def _beside_idle(counts, ways):
    cases = []
    for system, how, options in (("bare", "", ()), ("rpc", "", ()), *ways):
        base = None
        for count in counts:
            case = Case(system, "%s%s, %d idle" % (TITLES[system], how, count), "",
                        server=("--connections", count, *options), idle=count)
            base = base or case.label
            cases.append(dataclasses.replace(case, base=base))
    return tuple(cases)


def _outstanding(counts):
    """Calls beside others that are never answered, and so many at a time that all are."""
    cases = []
    for how, client, server in (
            (", 100 at a time, %d more never answered", lambda n: ("--window", 100, "--held", n),
             lambda n: ("--requests-in-work", n + 1000)),
            (", %d at a time", lambda n: ("--window", n), lambda n: ())):
        base = TITLES["rpc"] + how % counts[0]
        for count in counts:
            targets = None if count == counts[0] else (1.2, 1.05)
            cases.append(Case("rpc", TITLES["rpc"] + how % count, base, client(count),
                              server(count), targets))
    return tuple(cases)


def _memory(count_of_calls=0, idle=0, targets=None):
    client = ("--count", count_of_calls) if count_of_calls else ()
    bare = TITLES["bare"]
    cases = [Case(system, TITLES[system], bare, client, ("--connections", idle) if idle else (),
                  targets if system == "rpc" else None, idle=idle)
             for system in ("bare", "rpc", "remoteobjects", "dbus")]
    # A bare socket has no calls.
    return tuple(dataclasses.replace(case, base="") for case in cases[1:]) if count_of_calls \
        else tuple(cases)


def _starts():
    bare = TITLES["bare"]
    return tuple(Case(system, TITLES[system], bare) for system in TITLES if system != "qml")


def _turns(size):
    cases = []
    for side in ("client", "server"):
        cases.append(Case("rpc", "calls, 100 at a time: " + side, "", ("--window", 100),
                          targets=(16, 2), side=side))
    for side in ("client", "server"):
        cases.append(Case("rpc", "echo of %d MiB: %s" % (size // MIB, side), "",
                          ("--method", "echo", "--size", size, *_raised(size)), _raised(size),
                          (16, 2), side=side))
    return tuple(cases)


def workloads(is_quick, descriptors, idle_ways=IDLE_WAYS):
    """All of them. In quick ones there is less of everything."""
    def few(*counts, quick=(1, 20)):
        return tuple(quick) if is_quick else counts

    idle = tuple(min(n, descriptors - 100) for n in few(0, 1_000, 5_000, quick=(0, 20)))
    return (
        Workload("A", "A: add(int, int), one call at a time", "ns per call",
                 _calls(1, {"add": (1.0, 0.80)})),
        Workload("B", "B: add(int, int), 100 outstanding", "ns per call",
                 _calls(100, {"add": (0.35, 0.55), "variant": (0.20, 0.35)}), is_rate=True),
        Workload("C", "C: echo of 1 MiB, one at a time", "ns per call", _large(), is_rate=True),
        Workload("windows", "Calls with more or less outstanding", "ns per call",
                 _windows(few(1, 10, 100, 1_000, 10_000)), is_rate=True),
        Workload("sizes", "Echo of other sizes, one at a time", "ns per KiB",
                 _sizes(few(KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB, quick=(KIB, MIB))),
                 is_rate=True),
        Workload("types", "Other arguments and results, 100 outstanding", "ns per call", _types(),
                 is_rate=True),
        Workload("qml-one", "Calls from QML, one at a time", "ns per call", _qml(1)),
        Workload("qml", "Calls from QML, 100 outstanding", "ns per call", _qml(100), is_rate=True),
        Workload("notify", "Notifications, one way", "ns each", _notifications(), is_rate=True),
        Workload("deflate", "Echo of 16 KiB of text, compressed", "ns per call",
                 _deflate(16 * KIB), is_rate=True),
        Workload("clients", "Clients at once, each with one call at a time", "ns per call",
                 _clients(few(1, 10, 100, 1_000)), is_rate=True),
        Workload("idle", "A call beside idle connections", "ns per call",
                 _beside_idle(idle, idle_ways), sample=measuring.calls_beside_idle),
        Workload("outstanding", "The cost of a call with many outstanding", "ns per call",
                 _outstanding(few(100, 1_000, 100_000, quick=(10, 100)))),
        Workload("pending-memory", "Memory of a pending call, in the client", "bytes",
                 _memory(count_of_calls=1_000 if is_quick else 10_000, targets=(200, 100)),
                 sample=measuring.pending_call, judged="value"),
        Workload("idle-memory", "Memory from malloc() of an idle connection, in the server",
                 "bytes", _memory(idle=20 if is_quick else 400, targets=(8 * KIB, 2 * KIB)),
                 sample=measuring.idle_connection_allocated, judged="above"),
        Workload("idle-resident", "Resident memory of an idle connection, in the server", "bytes",
                 _memory(idle=20 if is_quick else 400, targets=(8 * KIB, 2 * KIB)),
                 sample=measuring.idle_connection_resident, judged="above"),
        Workload("start-server", "From the start of a server until it listens", "ms", _starts(),
                 sample=measuring.start_of_server),
        Workload("start-client", "From the start of a client until its first answer", "ms",
                 _starts(), sample=measuring.start_of_client),
        Workload("turns", "How late a timer of 16 ms is, median", "ms",
                 _turns(2 * MIB if is_quick else 256 * MIB), sample=measuring.lateness,
                 judged="value"),
    )
