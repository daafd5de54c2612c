# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Every row of the tables of docs/reference/options.md: its commands are run as they stand, and show
what it says.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore, TimeoutError

from onionp2p import shutdown
from onionp2p.options import parseDial, parseListen
from onionp2p.testing.clienttor import ClientTor
from onionp2p.tor.program import findTor

DOCS = Path(__file__).parent.parent.parent / "docs"
EXAMPLES = DOCS / "examples" / "options"
SECTIONS = re.split(
    r"^## `onionp2p:(listen|dial):`$",
    (DOCS / "reference" / "options.md").read_text(),
    flags=re.MULTILINE,
)

# A signal to the session reaches what the shell runs too.
IN_A_SESSION = "import os, sys; os.setsid(); os.execv('/bin/sh', ['sh', '-euc', sys.argv[1]])"

Start = Callable[..., Any]


class Row(NamedTuple):
    """
    A row of a table.
    """

    mode: str
    options: str
    oneShell: str
    another: str
    shows: str


def rows() -> list[Row]:
    """
    Read the tables.
    """
    found = []
    for mode, text in zip(SECTIONS[1::2], SECTIONS[2::2], strict=True):
        for line in re.findall(r"^\|( .*) \|$", text, re.MULTILINE)[1:]:
            options, *commands = (cell.strip() for cell in re.split(r" \|(?= |$)", line))
            found.append(Row(mode, options, *(cell.strip("`") for cell in commands)))
    return found


@pytest.mark.parametrize(("mode", "parse"), [("listen", parseListen), ("dial", parseDial)])
def test_everyOptionHasARow(mode: str, parse: Callable[..., object]) -> None:
    """
    The tables have the options that the parsers know, no more and no fewer.
    """
    with pytest.raises(ValueError, match="it takes") as caught:
        parse([mode], {"nonsense": "x"})
    known = str(caught.value).partition("it takes ")[2].split(", ")
    shown = [
        name for row in rows() if row.mode == mode for name in re.findall(r"(\w+)=", row.options)
    ]
    assert set(shown) == set(known)


@pytest.fixture(scope="module")
def clientTor(
    _network_environment: tuple[Any, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """
    The tor that C{onionp2p testnet run --client} adds.
    """
    _, variables = _network_environment
    folder = str(tmp_path_factory.mktemp("client"))
    tor = ClientTor(reactor, findTor(None), folder, Path(variables["ONIONP2P_TORRC"]).read_text())
    blockon(Deferred.fromCoroutine(tor.start()))
    yield tor.environment
    blockon(Deferred.fromCoroutine(tor.stop()))


@pytest.fixture
def noTorOfOurs() -> None:
    """
    End the tor of this process, which these tests have no use for: its watchdog works in the
    reactor, every 30 s.
    """
    blockon(shutdown(reactor))


class Shells:
    """
    Two shells in a folder where everything is prepared, for one row.
    """

    def __init__(self, start: Start, folder: Path) -> None:
        self._start = start
        self._folder = folder
        self._programs: list[Any] = []

    def run(self, script: str) -> Any:
        """
        Run what is typed.
        """
        program = self._start(sys.executable, "-Ic", IN_A_SESSION, script, folder=self._folder)
        self._programs.append(program)
        return program

    async def show(self, row: Row) -> None:
        """
        Run the commands of a row until they show what it says.
        """
        prepared = self.run(f"sh -eu {shlex.quote(str(EXAMPLES / 'prepare.sh'))}")
        assert await prepared.ended == 0, prepared.output
        functions = f". {shlex.quote(str(EXAMPLES / 'functions.sh'))}\n"
        shown = one = self.run(functions + row.oneShell)
        if row.another:
            await one.says("ready: ")
            another = self.run(functions + row.another)
            shown = one if row.shows.startswith("here comes") else another
        line = await shown.says(row.shows.partition("…")[0])
        assert re.search(re.escape(row.shows).replace("…", "[a-z2-7]{56}"), line), line

    async def close(self) -> None:
        """
        End what still runs.
        """
        for program in self._programs:
            if not program.over:
                os.killpg(program.pid, signal.SIGTERM)
            await program.ended


@pytest.mark.slow
@pytest.mark.usefixtures("noTorOfOurs")
@pytest.mark.deadline(200)
@pytest.mark.parametrize("mode", ["listen", "dial"])
async def test_rows(
    mode: str,
    start: Start,
    tmp_path: Path,
    clientTor: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The commands of every row show what it says.
    """
    monkeypatch.setenv("EXAMPLES", str(EXAMPLES))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    for name, value in clientTor.items():
        monkeypatch.setenv(name, value)
    some = DeferredSemaphore(4)
    wrong = {}

    async def check(row: Row) -> None:
        async with some:
            folder = Path(mkdtemp(dir=tmp_path))
            shells = Shells(start, folder)
            showing = Deferred.fromCoroutine(shells.show(row)).addTimeout(60, reactor)
            try:
                await showing
            except (AssertionError, TimeoutError) as problem:
                wrong[row] = problem
            finally:
                await shells.close()

    checks = [Deferred.fromCoroutine(check(row)) for row in rows() if row.mode == mode]
    for succeeded, failure in await DeferredList(checks, consumeErrors=True):
        assert succeeded, failure
    assert wrong == {}
