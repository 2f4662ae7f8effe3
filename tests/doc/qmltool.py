#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the QML of README.md and doc/ to the module.

    extract ROOT OUTPUT     makes a file of every block of code that is marked qml, and prints their names
    readme RUNNER ROOT      runs server.qml and client.qml of the README as two processes

A block with imports is a file as it is. Any other stands in an Item beside a client and a server, with the imports
below. URLs of TCP become names in memory, so that nothing listens: doctest.cpp puts DocServer.qml there where the block
has no server of its own, makes what is described, and waits until all calls have ended.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from doctool import START_TIME, documents, fail, free_port, listens, write  # noqa: E402

FENCE = re.compile(r"^```qml\n(.*?)^```$", re.M | re.S)
TCP = re.compile(r'"tcp://[^"]*"')
IMPORTS = "import QtQuick\nimport QtQuick.Controls\nimport MsgpackRpc\n"
PORT_LITERAL = "tcp://127.0.0.1:18800"


def wrapped(code, url):
    if re.search(r"^import ", code, re.M):
        return code
    extras = ""
    if re.search(r"\bclient\b", code) and "id: client" not in code:
        extras += "    RpcClient { id: client; url: %s }\n" % url
    indented = re.sub(r"^(?=.)", "    ", code, flags=re.M)
    return "%s\nItem {\n%s%s}\n" % (IMPORTS, extras, indented)


def blocks(path):
    text = path.read_text()
    return [(text.count("\n", 0, match.start(1)) + 1, match.group(1)) for match in FENCE.finditer(text)]


def extract(root, output):
    server = pathlib.Path(__file__).resolve().parent / "DocServer.qml"
    write(output / server.name, server.read_text())
    names = []
    for path in documents(root):
        stem = re.sub(r"\W", "_", str(path.relative_to(root).with_suffix(""))).title().replace("_", "")
        for line, code in blocks(path):
            file = output / ("%s%03d.qml" % (stem, line))
            url = '"memory:%s"' % file.stem
            kept = [url for url in TCP.findall(code)]
            text = TCP.sub(url, wrapped(code, url))
            write(file, "// %s, line %d%s\n%s" % (path.relative_to(root), line, "" if not kept else ", in memory", text))
            names.append(file)
    for stale in set(output.glob("*.qml")) - {*names, output / server.name}:
        stale.unlink()
    print(";".join(str(name) for name in names))


def program(root, name):
    for _, code in blocks(root / "README.md"):
        if code.startswith("// %s\n" % name):
            return code
    fail("README.md has no %s" % name)


def readme(runner, root):
    port = free_port()
    environment = {**os.environ, "QT_FORCE_STDERR_LOGGING": "1"}
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for name in ["server.qml", "client.qml"]:
            code = program(root, name)
            if PORT_LITERAL not in code:
                fail("%s in README.md does not use %s" % (name, PORT_LITERAL))
            files.append(pathlib.Path(directory) / name)
            files[-1].write_text(code.replace(PORT_LITERAL, "tcp://127.0.0.1:%d" % port))
        server = subprocess.Popen([runner, files[0]], env=environment)
        try:
            if not listens(port, server):
                fail("the README's server.qml does not listen")
            client = subprocess.run([runner, files[1]], env=environment, text=True, timeout=START_TIME,
                                    stderr=subprocess.PIPE)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(START_TIME)
    if client.returncode != 0 or client.stderr.strip() != "qml: 3":
        fail("the README's client.qml: expected 3, got status %d and %r" % (client.returncode, client.stderr))
    print("the README's client.qml prints 3")


if __name__ == "__main__":
    command, first, second = sys.argv[1:]
    if command == "extract":
        extract(pathlib.Path(first).resolve(), pathlib.Path(second).resolve())
    else:
        readme(first, pathlib.Path(second).resolve())
