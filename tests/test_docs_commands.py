# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Every command and every endpoint string that a page prints is one that we understand.

Most of them are run as well, by the tests of their pages; here nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.scripts._twistd_unix import ServerOptions

from onionp2p.cli import main
from onionp2p.keys import Passphrase
from onionp2p.tap import Options
from tests.proofs import TOP
from tests.test_docs import PAGES

LABEL = "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead"
PEER = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB"

# What stands for something in a line of documentation, and something that it may stand for.
STANDS_FOR = [
    (r"/p2p/(?:12D3…|<peer id>|ID)", f"/p2p/{PEER}"),
    (r"/onion3/(?:…|X|<56>|<56 characters>)", f"/onion3/{LABEL}"),
    (r"\b(?:X|<56>|<56 characters>)\.onion|….onion", f"{LABEL}.onion"),
    (r'"\$FRONTEND"|\$FRONTEND', f"{LABEL}.onion"),
    (r"addr=(?:\$1|ADDR|…)", f"addr={LABEL}.onion:80"),
    (r"frontend=ADDR", f"frontend={LABEL}.onion"),
    (r"onionp2p:(listen|dial):\$1", r"onionp2p:\1:…"),
    (r"addr=\{address\}", f"addr={LABEL}.onion:80"),
    (r"\{port\.getHost\(\)\.hostname\}", f"{LABEL}.onion"),
    (r"\{number\}", "7777"),
    (r'"\$1"|\$ADDRESS|\bADDRESS\b', f"/onion3/{LABEL}:80"),
    (r"\$\{CONTROL:-(\d+)\}", r"\1"),
    (r"\$\{?[A-Z_]+\}?", "/run/app"),
    (r"\$2", "8080"),
    (r"\$1", "web"),
    (r'"\$\(cat my\.public\)"', "A6RXZPAUECJ4RN2V3QNRB2DMWQTDOSWRNKUFH3IL37ALFODNDR6A"),
]


def plain(text: str) -> str:
    """
    Put something in the place of each placeholder.
    """
    for pattern, value in STANDS_FOR:
        text = re.sub(pattern, value, text)
    return text


def code(page: Path) -> Iterator[str]:
    """
    Give the lines of a page that show what to type: of its blocks, fenced or indented.
    """
    text = re.sub(r" *\\\n *", " ", page.read_text(encoding="utf-8"))
    fence: str | None = None
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip()[3:] if fence is None else None
        elif fence in {"sh", "console", "ini"} or (fence is None and line.startswith("    ")):
            yield line.strip()


START = re.compile(r"(?:^|[\s=(/])(?P<command>(?:onionp2p|twistd) [^|;&)]*)")
PROMPT = re.compile(r"^\w*\$ ")


def typed(line: str) -> Iterator[list[str]]:
    """
    Give the words of our commands in a line; what is said about them, after two blanks, is none.
    """
    line = plain(PROMPT.sub("", line))
    for match in START.finditer(line):
        before = line[: match.start("command")]
        if before.strip() and not re.search(r"(?:[|;&=(/$]|exec|run --|\$)\s*$", before):
            continue
        command = re.sub(r" \d?[<>].*", "", match["command"])
        yield shlex.split(re.split(r"  +(?!-)", command)[0], comments=True)


COMMANDS = {
    shlex.join(words): words for page in PAGES for line in code(page) for words in typed(line)
}


def parseClick(command: click.Command, words: list[str], parent: click.Context | None) -> None:
    """
    Parse a command line as click does, and run nothing.
    """
    with command.make_context(words[0], words[1:], parent=parent) as context:
        if isinstance(command, click.Group):
            given = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, given)
            assert found is not None
            parseClick(found, [str(name), *rest], context)


# Twisted's own, of what its web server imports.
@pytest.mark.filterwarnings("ignore:twisted.web.resource:DeprecationWarning")
@pytest.mark.deadline(10)
@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: line[:60])
def test_commandsParse(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A command on a page is one that its program takes.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Passphrase, "fromDescriptor", lambda descriptor: Passphrase(b"correct"))
    words = COMMANDS[line]
    if words[0] == "onionp2p":
        parseClick(main, words, None)
    else:
        ServerOptions().parseOptions(words[1:])


SERVING = {line: words for line, words in COMMANDS.items() if "--path" in words}


@pytest.mark.parametrize("line", SERVING, ids=lambda line: line[:60])
def test_noFolderIsServedWithItsKey(line: str) -> None:
    """
    A web server on a page does not offer the onion's key, or whatever else is beside it, to all.
    """
    words = SERVING[line]
    served = Path("/here", words[words.index("--path") + 1])
    string = words[words.index("--listen") + 1]
    secrets = [Path("/here"), *(Path("/here", x) for x in re.findall(r":key=([^:]+)", string))]
    assert [secret for secret in secrets if secret.is_relative_to(served)] == []


STRING = re.compile(r"onionp2p:(?:listen|dial):[^\s\"'`]*[^\s\"'`.,;:)(]")
STRINGS = {
    string
    for page in PAGES
    for found in STRING.findall(plain(page.read_text(encoding="utf-8")))
    # One with an ellipsis is about what stands before it.
    if "…" not in (string := found.rstrip("\\"))
}


@pytest.mark.parametrize("string", sorted(STRINGS))
def test_stringsParse(string: str) -> None:
    """
    An endpoint string on a page is one that the parsers take.
    """
    if "/p2p/" in string and "protocol=" not in string:
        string += ":protocol=/ipfs/ping/1.0.0"  # as --libp2p does
    if string.startswith("onionp2p:listen:"):
        serverFromString(MemoryReactorClock(), string)
    else:
        clientFromString(MemoryReactorClock(), string)


INLINE = re.compile(r"`((?:onionp2p|twistd onionp2p) [^`]+)`")
MENTIONED = {found: page for page in PAGES for found in INLINE.findall(page.read_text())}
OPTIONS_OF_TWISTD = {"-n", "-ny", "--pidfile", "--uid", "--reactor", "--nodaemon"}


@pytest.mark.parametrize("line", sorted(MENTIONED))
def test_mentionedCommandsExist(line: str) -> None:
    """
    A command that is named in a sentence exists, and has the options that it is named with.
    """
    if line.startswith("twistd"):
        commands = {name: kind for name, _, kind, _ in Options.subCommands}
        words = line.split()[2:]
        known = {*commands, "COMMAND", "…"}
        assert not words or words[0] in known
        if words and words[0] in commands:
            kind = commands[words[0]]()
            options = {name.rstrip("=") for name in kind.longOpt}
            assert {word[2:] for word in words if word.startswith("--")} <= options
        return
    command: click.Command | None = main
    context = click.Context(main, info_name="onionp2p")
    words = line.split(" -- ", maxsplit=1)[0].split()[1:]
    while isinstance(command, click.Group) and words and words[0][:1].islower():
        command = command.get_command(context, words.pop(0))
    assert command is not None
    options = {name for each in command.get_params(context) for name in each.opts}
    assert {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= options


def test_variablesAreNamed() -> None:
    """
    Every variable of the environment that is ours is in the table of the page about commands.
    """
    code = "".join(path.read_text() for path in (TOP / "onionp2p").rglob("*.py"))
    table = (TOP / "docs" / "reference" / "commands.md").read_text().partition("## The env")[2]
    # The last is between click and the shell.
    ours = set(re.findall(r"\bONIONP2P_[A-Z_]*[A-Z]\b", code)) - {"ONIONP2P_COMPLETE"}
    assert ours == set(re.findall(r"`(ONIONP2P_\w+)`", table))


def test_commandsAreFound() -> None:
    """
    The pages are read as their authors mean them: much is found.
    """
    assert len(COMMANDS) > 40
    assert len(STRINGS) > 30
    assert len(MENTIONED) > 20
