# SPDX-License-Identifier: Apache-2.0
"""Builds the programs of the systems that are compared."""

import pathlib
import shutil
import subprocess
import sys

from .processes import Failure

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The system, and the Debian package that its program is built with.
PEERS = {"qml": "qt6-declarative-dev", "remoteobjects": "qt6-remoteobjects-dev", "dbus": "qt6-base-dev"}
SYSTEMS = ["bare", "rpc", *PEERS]
TITLES = {
    "bare": "bare QTcpSocket",
    "rpc": "this library",
    "qml": "this library in QML",
    "remoteobjects": "Qt Remote Objects",
    "dbus": "QtDBus peer to peer",
}


def add_arguments(parser):
    parser.add_argument("--build-dir", metavar="DIR", type=pathlib.Path,
                        default=ROOT / "build" / "release",
                        help="where to build, default build/release")
    parser.add_argument("--programs", metavar="DIR", type=pathlib.Path,
                        help="builds nothing; the programs are in DIR")
    parser.add_argument("--system", action="append", choices=SYSTEMS,
                        help="only this one, and bare; can be given several times")


def shell(command, *arguments):
    """Runs a command of bash in the source tree, with what tests/setup.sh offers."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", ". tests/setup.sh\n" + command, "bash",
                           *map(str, arguments)],
                          cwd=ROOT, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failure("failed: " + command.strip().splitlines()[-1])


def install_valgrind():
    if not shutil.which("valgrind"):
        shell("setup_install valgrind")


class Programs:
    """The programs there are, built as the arguments say."""

    def __init__(self, arguments):
        wanted = ["bare", *(s for s in SYSTEMS[1:] if s in (arguments.system or SYSTEMS))]
        if arguments.programs:
            self.directory = arguments.programs
        else:
            self.directory = arguments.build_dir.resolve() / "bin"
            self._build(arguments.build_dir.resolve(), wanted)
        self.systems = [system for system in wanted if self.of(system).exists()]
        self.missing = [system for system in wanted if system not in self.systems]
        for system in self.missing:
            if system not in PEERS:
                raise Failure("%s is missing" % self.of(system))
            print("skipped: %s, there is no %s" % (TITLES[system], self.of(system).name),
                  file=sys.stderr)

    def of(self, system):
        return self.directory / ("bench_" + system)

    @staticmethod
    def _build(directory, systems):
        shell("setup_packages")
        for system in systems:
            if system in PEERS:
                try:
                    shell('setup_install "$1"', PEERS[system])
                except Failure as failure:
                    print(failure, file=sys.stderr)
        shell("""cmake --preset release -B "$1"
cmake --build "$1" --target benchmarks -j "$(setup_jobs)"
""", directory)
