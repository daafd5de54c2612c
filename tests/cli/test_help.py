# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What every command says of itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from onionp2p.cli import COMMANDS, main
from onionp2p.cli.explained import Command, Group
from onionp2p.keys import Passphrase
from onionp2p.tap import Options

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PUBLIC = "R6SIFAALKRVNSZZ5FMKFWGAVXELP5SXFKX2MLJLCRKXHFEPCSRJA"


def commands(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """
    Give every command and group there is, with the words that lead to it.
    """
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


ALL = dict(commands())


def asPossible(example: str) -> list[str]:
    """
    Give the words of the last program of an example, with addresses and keys that are some.
    """
    command = example.partition(" > ")[0].partition(" >> ")[0].rpartition(" | ")[2]
    return shlex.split(re.sub(r"\bKEY\b", PUBLIC, re.sub(r"\bX\b", LABEL, command)))


def parse(words: list[str]) -> None:
    """
    Have click parse a command line, and run nothing.
    """
    assert words[0] == "onionp2p"
    context = main.make_context("onionp2p", words[1:])
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0])
        assert found is not None, rest[0]
        command, rest = found, rest[1:]
    command.make_context(command.name, rest, parent=context)


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Read no passphrase from standard input.
    """
    monkeypatch.setattr(Passphrase, "fromDescriptor", lambda number: Passphrase(b"secret"))


def test_all() -> None:
    """
    All are looked at.
    """
    assert {path[0] for path in ALL if path} == set(COMMANDS)
    assert ("key", "new") in ALL


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help(path: tuple[str, ...]) -> None:
    """
    The help tells what a command does, fits on 80 columns, and ends with examples, unbroken.
    """
    command = ALL[path]
    result = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].endswith(".")
    assert isinstance(command, Command | Group)
    examples = [f"  {each}" for each in command.examples]
    assert 1 <= len(examples) <= 3
    assert lines[-len(examples) - 1 :] == ["Examples:", *examples]
    assert "  --debug  " in result.output
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name


@pytest.mark.parametrize(
    "example",
    [each for command in ALL.values() for each in getattr(command, "examples", ())],
)
def test_examples(example: str) -> None:
    """
    Each example is a right command line; an example of a command is of that command.
    """
    words = asPossible(example)
    if words[0] == "twistd":
        twistd(words)
    else:
        parse(words)


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_ownExamples(path: tuple[str, ...]) -> None:
    """
    The first example of a command is of that command, or of one in that group.
    """
    examples = ALL[path].examples  # type: ignore[attr-defined]
    assert f"onionp2p {' '.join(path)} " in f"{examples[0]} "


@pytest.mark.parametrize(
    "wrong", ["onionp2p pong", "onionp2p key new", "onionp2p ping X.onion:1 --nope"]
)
def test_wrongExamples(wrong: str) -> None:
    """
    A wrong command line would be noticed.
    """
    with pytest.raises((click.UsageError, AssertionError)):
        parse(asPossible(wrong))


def twistd(words: list[str]) -> None:
    """
    Parse a command line of twistd's, and run nothing.
    """
    Options().parseOptions(words[words.index("onionp2p") + 1 :])  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", [None, *(row[0] for row in Options.subCommands)])
def test_twistd(name: str | None) -> None:
    """
    So it is with the commands of twistd.
    """
    kind = next((row[2] for row in Options.subCommands if row[0] == name), Options)
    assert kind.examples
    for example in kind.examples:
        assert len(example) <= 78
        assert f"onionp2p {name or 'ping'} " in example
        twistd(asPossible(example))
    usage = kind().getUsage(80)
    lines = usage.rstrip("\n").splitlines()
    assert lines[-len(kind.examples) - 1] == "Examples:"
    assert lines[-1] == f"  {kind.examples[-1]}"
    assert (
        kind().getSynopsis()
        == f"Usage: twistd [twistd's options] onionp2p {name or 'COMMAND'} [options]\n"
    )


def test_twistdsExamplesOnce() -> None:
    """
    What is printed before a wrong use's error ends with the examples of that command, and with no
    others.
    """
    options = Options()  # type: ignore[no-untyped-call]
    options.parseOptions(["ping", "--listen", "tcp:0"])  # type: ignore[no-untyped-call]
    usage = options.getUsage(80)
    assert usage.count("Examples:") == 1
    assert usage.rstrip("\n").endswith(options.subCommands[0][2].examples[-1])
