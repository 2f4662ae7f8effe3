# SPDX-License-Identifier: Apache-2.0
"""Takes one sample of one case: starts its processes and reads what they print."""

import dataclasses
import os
import subprocess
import time

from . import processes
from .processes import Failure, number

CLIENT_TIME = 120  # seconds, at most, for one client


@dataclasses.dataclass
class Sample:
    value: float
    processor: float = None  # ns that processors worked, of both sides
    worst: float = None


class Bench:
    """Where the programs are, and how they are run."""

    def __init__(self, programs, core, seconds):
        self.programs = programs
        self.core = core
        self.seconds = seconds
        self.pin = processes.pinning(core)

    def command(self, system, *words, pin=None):
        return [*(self.pin if pin is None else pin), self.programs.of(system), *words]

    def apart(self):
        """Pins client and server to different cores, if the machine has two."""
        if self.core is None or (os.cpu_count() or 1) < 2:
            return self.pin, self.pin
        return processes.pinning(self.core), processes.pinning((self.core + 1) % os.cpu_count())

    def call(self, server, case, pin=None, *more):
        return processes.client(
            self.command(case.system, "call", server.address, "--seconds", self.seconds,
                         *case.client, *more, pin=pin), CLIENT_TIME)


def calls(bench, case):
    """The nanoseconds of a call."""
    with processes.server(bench.command(case.system, "serve", *case.server)) as server:
        before = server.processor_ns()
        result = bench.call(server, case)
        after = server.processor_ns()
    processor = None
    if None not in (before, after):
        processor = number(result["processorNsPerCall"]) + (after - before) / (
            result["calls"] + result["warmUp"])
    return Sample(number(result["nsPerCall"]) / case.divisor,
                  None if processor is None else processor / case.divisor)


def calls_beside_idle(bench, case):
    """The nanoseconds of a call while `case.idle` connections do nothing."""
    if case.idle == 0:
        return calls(bench, case)
    with processes.server(bench.command(case.system, "serve", *case.server)) as server:
        with processes.process(bench.command(case.system, "idle", server.address,
                                             "--connections", case.idle),
                               stdin=subprocess.PIPE) as holder:
            if not holder.stdout.readline():
                raise Failure("cannot hold %d connections" % case.idle)
            result = bench.call(server, case)
    return Sample(number(result["nsPerCall"]))


def pending_call(bench, case):
    """The bytes of a call that waits for its answer, in the client."""
    with processes.server(bench.command(case.system, "serve", "--quiet", *case.server)) as server:
        result = processes.client(bench.command(case.system, "pending", server.address,
                                                *case.client), CLIENT_TIME)
    return Sample(number(result["bytesPerCall"]))


def _idle_connection(bench, case, memory):
    with processes.server(bench.command(case.system, "serve", *case.server)) as server:
        before = memory(server)
        with processes.process(bench.command(case.system, "idle", server.address, "--connections",
                                             case.idle), stdin=subprocess.PIPE) as holder:
            if not holder.stdout.readline():
                raise Failure("cannot hold %d connections" % case.idle)
            after = memory(server)
    return Sample(number((after - before) / case.idle, may_be_zero=True))


def idle_connection_allocated(bench, case):
    """The bytes from malloc() of one idle connection, in the server."""
    return _idle_connection(bench, case, lambda server: server.ask("memory")["allocated"])


def idle_connection_resident(bench, case):
    """The resident bytes of one idle connection, in the server."""
    return _idle_connection(bench, case, processes.Server.resident_bytes)


def start_of_server(bench, case):
    """The milliseconds from the start of the server until it listens."""
    start = time.perf_counter()
    with processes.server(bench.command(case.system, "serve", *case.server)):
        return Sample((time.perf_counter() - start) * 1000)


def start_of_client(bench, case):
    """The milliseconds from the start of the client until it has its first answer."""
    with processes.server(bench.command(case.system, "serve", *case.server)) as server:
        start = time.perf_counter()
        with processes.process(bench.command(case.system, "first", server.address, *case.client),
                               stdin=subprocess.DEVNULL) as child:
            if not child.stdout.readline():
                raise Failure("no answer")
            return Sample((time.perf_counter() - start) * 1000)


def lateness(bench, case):
    """How late a timer of 16 ms is in one of the processes, which have a core each."""
    of_server, of_client = bench.apart()
    with processes.server(bench.command(case.system, "serve", *case.server,
                                        pin=of_server)) as server:
        server.ask("watch")
        result = bench.call(server, case, of_client, "--watch")
        watched = server.ask("watched") if case.side == "server" else result["watch"]
    return Sample(number(max(watched["medianLateMs"], 0), may_be_zero=True),
                  worst=number(max(watched["worstLateMs"], 0), may_be_zero=True))
