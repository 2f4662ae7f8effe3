# SPDX-License-Identifier: Apache-2.0
"""Starts servers and clients as processes, and ends them, by their ids."""

import contextlib
import json
import math
import os
import pathlib
import resource
import shutil
import subprocess
import sys

START_TIME = 30  # seconds for a server to listen, under valgrind too
END_TIME = 10  # seconds for a process to end when asked to


class Failure(Exception):
    """Told to the user, without a traceback."""


def main(function):
    try:
        sys.exit(function())
    except Failure as failure:
        print(pathlib.Path(sys.argv[0]).name + ":", failure, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def pinning(core):
    """The words before a command that pin it to a core; none if `core` is None."""
    if core is None:
        return []
    if not shutil.which("taskset"):
        print("taskset is missing: not pinned", file=sys.stderr)
        return []
    return ["taskset", "-c", str(core)]


def raise_descriptor_limit(wanted):
    """Lets this process and those that it starts open so many descriptors; how many they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _close(stream):
    if stream:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


@contextlib.contextmanager
def process(command, **options):
    """A process that is ended by its id, whatever happens."""
    child = subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE, **options)
    try:
        yield child
    finally:
        ends = [child.terminate, child.kill]
        if child.stdin:
            # Those that read their input end with it, and tidy up.
            ends.insert(0, lambda: _close(child.stdin))
        for end in ends:
            if child.poll() is None:
                end()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(END_TIME)
        _close(child.stdin)
        _close(child.stdout)


class Server:
    """A server that listens at `address`."""

    def __init__(self, child, address):
        self.child = child
        self.address = address

    def ask(self, question):
        """What it answers."""
        self.child.stdin.write(question + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline() or "null")

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.child.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_ns(self):
        """How long processors have worked for all threads; None where that can't be told."""
        try:
            return sum(int((task / "schedstat").read_text().split()[0])
                       for task in pathlib.Path("/proc/%d/task" % self.child.pid).iterdir())
        except OSError:
            return None


@contextlib.contextmanager
def server(command):
    """A server that answers questions, and ends when it is left."""
    with process([*command, "--control"], stdin=subprocess.PIPE) as child:
        # It either prints the line or exits.
        words = child.stdout.readline().split(None, 1)
        if len(words) != 2 or words[0] != "listening":
            raise Failure("does not listen: " + " ".join(map(str, command)))
        yield Server(child, words[1].strip())


def client(command, timeout):
    """What a client prints, which is JSON; it may take `timeout` seconds."""
    with process(command, stdin=subprocess.DEVNULL) as child:
        try:
            output, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failure("not done after %d s: %s"
                          % (timeout, " ".join(map(str, command)))) from None
        if child.returncode != 0:
            raise Failure("failed: " + " ".join(map(str, command)))
        return json.loads(output)


def number(value, may_be_zero=False):
    if (not isinstance(value, (int, float)) or not math.isfinite(value)
            or (not may_be_zero and value <= 0)):
        raise Failure("not a number of anything: %r" % (value,))
    return value
