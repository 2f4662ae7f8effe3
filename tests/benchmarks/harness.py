# SPDX-License-Identifier: Apache-2.0
"""What the commands `run` and `instructions` have in common."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIME = 30  # seconds for a server to listen, under valgrind too
END_TIME = 10  # seconds for a process to end when asked to


class Failure(Exception):
    """Told to the user, without a traceback."""


def add_build_arguments(parser):
    parser.add_argument("--build-dir", metavar="DIR", type=pathlib.Path,
                        default=ROOT / "build" / "release",
                        help="where to build, default build/release")
    parser.add_argument("--programs", metavar="DIR", type=pathlib.Path,
                        help="builds nothing; bench_server and bench_client are in DIR")


def shell(command, *arguments):
    """Runs a command of bash in the source tree, with what tests/setup.sh offers."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", ". tests/setup.sh\n" + command, "bash",
                           *map(str, arguments)],
                          cwd=ROOT, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failure("failed: " + command.strip().splitlines()[-1])


def programs(arguments):
    """The directory of the programs, built as `arguments` say."""
    if arguments.programs:
        return arguments.programs
    shell("""setup_packages
cmake --preset release -B "$1"
cmake --build "$1" --target bench_server bench_client -j "$(setup_jobs)"
""", arguments.build_dir.resolve())
    return arguments.build_dir / "bin"


def pinning(core):
    """The words before a command that pin it to a core; none if `core` is None."""
    if core is None:
        return []
    if not shutil.which("taskset"):
        print("taskset is missing: not pinned", file=sys.stderr)
        return []
    return ["taskset", "-c", str(core)]


@contextlib.contextmanager
def process(command, **options):
    """A process that is ended by its id, whatever happens."""
    child = subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE, **options)
    try:
        yield child
    finally:
        for end in (child.terminate, child.kill):
            if child.poll() is None:
                end()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(END_TIME)
        for stream in (child.stdin, child.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


@contextlib.contextmanager
def server(command, **options):
    """A bench_server, and the port on which it listens."""
    with process(command, stdin=options.pop("stdin", subprocess.DEVNULL), **options) as child:
        # It either prints the line or exits.
        words = child.stdout.readline().split()
        if len(words) != 2 or words[0] != "listening":
            raise Failure("the server does not listen: " + " ".join(map(str, command)))
        yield child, words[1]


def client(command, timeout):
    """Runs a bench_client and returns what it prints."""
    with process(command, stdin=subprocess.DEVNULL) as child:
        try:
            output, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failure("no end within %d s: %s"
                          % (timeout, " ".join(map(str, command)))) from None
        if child.returncode != 0:
            raise Failure("failed: " + " ".join(map(str, command)))
        return json.loads(output)


def resident_bytes(pid):
    """The resident memory of a process; None where that can't be told."""
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def processor_ns(pid):
    """How long processors have worked for a process; None where that can't be told."""
    try:
        with open("/proc/%d/schedstat" % pid, encoding="ascii") as file:
            return int(file.read().split()[0])
    except OSError:
        return None


def judge(value, must, moonshot, less_is_better=True):
    """What is to be said about a value with these targets."""
    def reached(target):
        return value <= target if less_is_better else value >= target
    if reached(moonshot):
        return "moonshot"
    return "ok" if reached(must) else "not reached"


def print_table(header, rows):
    """Prints rows of text, the first column to the left."""
    table = [header] + [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()


def main(function):
    try:
        sys.exit(function())
    except Failure as failure:
        print(pathlib.Path(sys.argv[0]).name + ":", failure, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
