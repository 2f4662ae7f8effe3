#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds README.md and doc/ to the code.

Every block of code that is marked cpp is compiled. How it is wrapped is said by a comment in the line
before it, and guessed where there is none:

    <!-- snippet: statements -->    in a member function of a QObject; the default
    <!-- snippet: coroutine -->     the same in a coroutine that returns a Task<>; if it has co_await
    <!-- snippet: declarations -->  in a namespace of its own; if a line begins with class, struct,
                                    namespace, template or Q_
    <!-- snippet: program -->       a file of its own, named in its first line; if it has `int main`

Lines with #include go to the top of the file. context.h says what a block may use beside that.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import zlib

PORT_LITERAL = 'QUrl("tcp://127.0.0.1:18800")'
PORT_LOOKUP = 'QUrl(qEnvironmentVariable("README_URL"))'
FENCE = re.compile(r"^```cpp\n(.*?)^```$", re.M | re.S)
KIND = re.compile(r"<!-- snippet: (\w+) -->\n$")
DECLARES = re.compile(r"^(class|struct|namespace|template|enum|Q_)\b|^\s*Q_(OBJECT|GADGET)\b", re.M)
START_TIME = 20  # seconds


def documents(root):
    return [root / "README.md", *sorted((root / "doc").rglob("*.md"))]


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(1)


# ---- extract


class Block:
    def __init__(self, path, text, match):
        self.path = path
        self.code = match.group(1)
        self.line = text.count("\n", 0, match.start(1)) + 1
        marked = KIND.search(text[:match.start()])
        self.kind = marked.group(1) if marked else self.guess()

    def guess(self):
        if "int main(" in self.code:
            return "program"
        if DECLARES.search(self.code):
            return "declarations"
        return "coroutine" if re.search(r"\bco_(await|return)\b", self.code) else "statements"

    def body(self):
        """The code without its #include lines, which leave empty ones."""
        return re.sub(r"^#include.*$", "", self.code, flags=re.M)

    def includes(self):
        return re.findall(r"^#include.*$", self.code, flags=re.M)

    def wrapped(self, number):
        line = '#line %d "%s"\n' % (self.line, self.path)
        if self.kind == "declarations":
            return "namespace block%d {\n%s%s}\n" % (number, line, self.body())
        if self.kind not in ("statements", "coroutine"):
            fail("%s:%d: unknown kind of snippet: %s" % (self.path, self.line, self.kind))
        result = "void" if self.kind == "statements" else "MsgpackRpc::Task<>"
        end = "" if self.kind == "statements" else "\nco_return;"
        return ("namespace block%d {\nclass Scope : public DocScope\n{\npublic:\n%s run();\n};\n"
                "%s Scope::run()\n{\n%s%s%s\n}\n}\n"
                % (number, result, result, line, self.body(), end))


def write(path, text):
    """Leaves what has not changed as it is, so that it is not compiled again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def unit(path, blocks, name):
    includes = sorted({line for block in blocks for line in block.includes()})
    text = '#include "context.h"\n%s\n' % "\n".join(includes)
    # Before the namespace: what moc makes of them is included where they are known.
    text += "".join(block.wrapped(i) for i, block in enumerate(blocks))
    text = "%s\nint %s() { return %d; }\n" % (text, name, len(blocks))
    if any("Q_OBJECT" in block.code or "Q_GADGET" in block.code or "Q_NAMESPACE" in block.code
           for block in blocks):
        text += '#include "%s.moc"\n' % path.stem
    return text.replace("namespace block", "namespace %s_block" % name)


def extract(root, output):
    units = []
    names = []
    for path in documents(root):
        text = path.read_text()
        blocks = [Block(path, text, match) for match in FENCE.finditer(text)]
        name = re.sub(r"\W", "_", str(path.relative_to(root).with_suffix(""))).lower()
        rest = [block for block in blocks if block.kind != "program"]
        for block in blocks:
            if block.kind == "program":
                file = re.match(r"// (\S+\.cpp)\n", block.code)
                if not file:
                    fail("%s:%d: a program names its file in its first line" % (path, block.line))
                write(output / name / file.group(1), block.code.replace(PORT_LITERAL, PORT_LOOKUP))
        if rest:
            file = output / (name + ".cpp")
            write(file, unit(file, rest, name))
            units.append(file)
            names.append(name)
    main = "#include <cstdio>\n%s\nint main()\n{\n    return std::printf(\"%%d blocks of code\\n\", %s) < 0;\n}\n" % (
        "\n".join("int %s();" % name for name in names), " + ".join("%s()" % name for name in names))
    write(output / "main.cpp", main)
    print(";".join(str(file) for file in [*units, output / "main.cpp"]))


# ---- readme


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port, server):
    end = time.monotonic() + START_TIME
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def readme(server_program, client_program):
    port = free_port()
    environment = {**os.environ, "README_URL": "tcp://127.0.0.1:%d" % port,
                   "QT_FORCE_STDERR_LOGGING": "1"}
    server = subprocess.Popen([server_program], env=environment)
    try:
        if not listens(port, server):
            fail("the README's server does not listen")
        client = subprocess.run([client_program], env=environment, text=True, timeout=START_TIME,
                                stderr=subprocess.PIPE)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(START_TIME)
    if client.returncode != 0 or client.stderr.strip() != "3":
        fail("the README's client: expected 3, got status %d and %r"
             % (client.returncode, client.stderr))
    print("the README's client prints 3")


# ---- links


def anchors(path):
    """As they are made of headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(root):
    problems = []
    count = 0
    for path in documents(root):
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists():
                problems.append("%s: %s does not exist" % (path, target))
            elif anchor and anchor not in anchors(linked):
                problems.append("%s: %s has no such heading" % (path, target))
    finish(problems, "%d links" % count)


# ---- facts


def facts(root):
    """Names in the documents that stand for something in the code, and the reverse."""
    problems = []

    def mentions(document, names, what):
        text = (root / document).read_text()
        problems.extend("%s does not mention %s `%s`" % (document, what, name)
                        for name in names if "`%s`" % name not in text)

    def found(file, pattern):
        names = re.findall(pattern, (root / file).read_text(), re.M)
        if not names:
            problems.append("%s: nothing found, look at doctool.py" % file)
        return names

    mentions("doc/limits.md", found("include/MsgpackRpc/limits.h",
                                    r"^    (?:qsizetype|int|qint64|std::chrono::milliseconds) (\w+)[ {]"),
             "the limit")
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \| [^|]* \| [^|]* \|$", (root / "doc/limits.md").read_text(), re.M)
    problems += ["doc/limits.md: %s has two rows" % name for name in sorted(set(rows)) if rows.count(name) > 1]
    codes = re.search(r"enum Code \{(.*?)\};", (root / "include/MsgpackRpc/error.h").read_text(), re.S)
    mentions("doc/guide.md", re.findall(r"^\s+(\w+),? ///<", codes.group(1), re.M)[1:], "the error")
    mentions("doc/guide.md", found("src/base/logging.cpp", r'"(msgpackrpc\.\w+)"'), "the category")

    tests = {path.stem: path.read_text() for path in (root / "tests").rglob("tst_*.cpp")}
    for path in documents(root):
        text = path.read_text()
        for test, function in re.findall(r"`(tst_\w+)(?:::(\w+))?`", text):
            if test not in tests:
                problems.append("%s: there is no %s" % (path, test))
            elif function and not re.search(r"void %s\(\);" % function, tests[test]):
                problems.append("%s: there is no %s::%s" % (path, test, function))
        for name in re.findall(r"`((?:src|include|tests|examples|doc)/[\w./-]+)`", text):
            if not (root / name).exists():
                problems.append("%s: there is no %s" % (path, name))
    finish(problems, "names of limits, errors, categories, tests and files")


# ---- vectors


def section(text, heading):
    """What stands between a heading and the next one of its level or above."""
    start = re.search(r"^(#+) %s\n" % re.escape(heading), text, re.M)
    if not start:
        fail("there is no heading `%s`" % heading)
    rest = text[start.end():]
    end = re.search(r"^#{1,%d} " % len(start.group(1)), rest, re.M)
    return rest[:end.start() if end else len(rest)]


def listed_vectors(text):
    """{(name, key): hex}; lines that begin with a space continue the one above."""
    vectors = {}
    for line in re.search(r"^```text\n(.*?)^```$", text, re.M | re.S).group(1).replace("\n ", " ").split("\n"):
        if line:
            name, *words = line.split()
            key = words.pop(0) if not re.fullmatch(r"[0-9a-f]+", words[0]) else "hex"
            vectors[name, key] = "".join(words)
    return vectors


def compressed_tables(text):
    """The rows of each table whose first two cells are bytes: (compressed, plain)."""
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    rows = [re.findall(r"^\| `([0-9a-f]+)` \| `([0-9a-f]+)` \|", table, re.M) for table in tables]
    return [table for table in rows if table]


def vectors(root):
    """The bytes in doc/protocol.md are those of tests/data/goldens.json, and inflate to what is said."""
    text = (root / "doc/protocol.md").read_text()
    goldens = json.loads((root / "tests/data/goldens.json").read_text())
    keys = re.compile(r"hex|reply|(.*_)?(c2s|s2c)")
    wanted = {(name, key): value for name, entry in goldens.items() for key, value in entry.items()
              if keys.fullmatch(key) and value}
    listed = listed_vectors(section(text, "Test vectors"))
    problems = ["the vector %s %s is not listed" % key for key in sorted(wanted.keys() - listed.keys())]
    problems += ["there is no golden %s %s" % key for key in sorted(listed.keys() - wanted.keys())]
    problems += ["the vector %s %s is another" % key
                 for key in sorted(wanted.keys() & listed.keys()) if wanted[key] != listed[key]]

    known = set(wanted.values())
    examples = re.findall(r"\| `([0-9a-f ]+)` \|$", section(text, "Messages").split("###")[0], re.M)
    problems += ["the message %s is no golden" % example
                 for example in examples if example.replace(" ", "") not in known]

    tables = compressed_tables(section(text, "A compressed connection, byte by byte"))
    for table in tables:
        inflater = zlib.decompressobj()
        problems += ["%s does not inflate to %s" % row for row in table
                     if inflater.decompress(bytes.fromhex(row[0])).hex() != row[1]]
    if len(examples) < 7 or len(tables) != 2:
        problems.append("doc/protocol.md: examples are missing, look at doctool.py")
    finish(problems, "%d vectors, %d messages" % (len(listed), len(examples)))


def finish(problems, what):
    if problems:
        fail("\n".join(problems))
    print("checked:", what)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"extract": extract, "readme": readme, "links": links, "facts": facts,
     "vectors": vectors}[command](
        *([pathlib.Path(argument).resolve() for argument in arguments]))
