# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tutorial, walked as a newcomer would: three terminals in an empty folder, every command as
printed.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

TOP = Path(__file__).parent.parent.parent
PAGE = (TOP / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
PROGRAMS = re.findall(r"```python\n# (docs/\S+)\n", PAGE)
PROMPT = re.compile(r"(\w+)\$ (.*)")
ONION = r"/onion3/[a-z2-7]{56}:\d+"
# What differs each time.
VOLATILE = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}",
    "milliseconds": r"\d+\.\d(?=/| ms)",
    "folder": r"/\S*/onionp2p-net-\w+",
    "onion": ONION,
}


class Terminal(ProcessProtocol):
    """
    A shell on a terminal.

    @ivar name: what its prompt is.
    @ivar ended: fires when the shell has ended.
    """

    transport: Any

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended: Deferred[None] = Deferred()
        self._text = ""
        self._awaited: tuple[re.Pattern[str], Deferred[re.Match[str]]] | None = None

    @property
    def output(self) -> str:
        """
        What is on the screen since the last command, which stands in the first line.
        """
        text = self._text.replace("\r\n", "\n")
        text = re.sub(r"\x1b\[(?!1A|2K)[0-9;?]*[A-Za-z]", "", text)  # colours
        text = re.sub(r".*\n\r?\x1b\[1A\x1b\[2K", "", text)  # a progress bar that is over
        return re.sub(r"(?m)^.*\r(?:\x1b\[2K)?", "", text)  # what it has written over

    def type(self, text: str) -> None:
        """
        Type something, on an empty screen.
        """
        self._text = ""
        self.transport.write(text.encode())

    def shows(self, pattern: str) -> Deferred[re.Match[str]]:
        """
        Wait until what is on the screen, from its beginning, is like C{pattern}.
        """

        def giveUp(found: Deferred[re.Match[str]]) -> None:
            self._awaited = None
            found.errback(AssertionError(f"not like {pattern}:\n{self.output}"))

        found: Deferred[re.Match[str]] = Deferred(giveUp)
        self._awaited = (re.compile(pattern), found)
        self._look()
        return found

    async def prompts(self, times: int = 1) -> None:
        """
        Wait for the prompt.
        """
        await self.shows(rf"(?s)(?:.*{self.name}\$ ){{{times}}}$")

    async def stop(self) -> None:
        """
        See that no program runs: press Ctrl-C and wait for the prompt.
        """
        if not self.output.endswith(f"{self.name}$ "):
            self.type("\x03")
            await self.prompts()

    def outReceived(self, data: bytes) -> None:
        self._text += data.decode()
        self._look()

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)
        if self._awaited is not None:
            self._awaited[1].errback(AssertionError(f"{self.name} ended:\n{self.output}"))

    def _look(self) -> None:
        if self._awaited is not None:
            pattern, found = self._awaited
            match = pattern.match(self.output)
            if match:
                self._awaited = None
                found.callback(match)


Open = Callable[[str], Terminal]


@pytest.fixture(autouse=True)
def onTheNetwork() -> None:
    """
    Start no network: the page does.
    """


@pytest.fixture
def openTerminal(tmp_path: Path) -> Iterator[Open]:
    """
    Open terminals in an empty folder, as a user who never was here.
    """
    terminals = []
    (tmp_path / "home").mkdir()
    (tmp_path / "folder").mkdir()
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
        # Until the page says otherwise, what starts a tor by mistake stays offline.
        "ONIONP2P_TORRC": str(TOP / "tests" / "offline.torrc"),
    }

    def openTerminal(name: str) -> Terminal:
        terminal = Terminal(name)
        reactor.spawnProcess(
            terminal,
            "/bin/bash",
            ["bash", "--noprofile", "--norc", "--noediting", "-i"],
            env={**environment, "PS1": f"{name}$ "},
            path=str(tmp_path / "folder"),
            usePTY=True,
        )
        terminals.append(terminal)
        return terminal

    yield openTerminal
    for terminal in terminals:
        if not terminal.ended.called:
            terminal._awaited = None
            os.killpg(os.tcgetpgrp(terminal.transport.fd), signal.SIGTERM)
            terminal.transport.signalProcess("HUP")
            blockon(terminal.ended)


def shape(line: str, addresses: dict[str, str]) -> str:
    """
    Give a pattern for a line of output as the page shows it.

    @param addresses: what the page's addresses are called here.
    """
    if line == "…":
        return r"(?:.*\n)*?"
    pattern = ""
    names = "|".join(f"(?P<{name}>{each})" for name, each in VOLATILE.items())
    end = 0
    for match in re.finditer(names, line):
        pattern += re.escape(line[end : match.start()])
        known = addresses.get(match[0])
        pattern += f"({ONION})" if match["onion"] else VOLATILE[match.lastgroup or ""]
        if known is not None:
            pattern = pattern.removesuffix(f"({ONION})") + re.escape(known)
        end = match.end()
    return pattern + re.escape(line[end:]) + r"\n"


def commands() -> Iterator[tuple[str, str, list[str]]]:
    """
    Give the commands of the page: in which terminal, what, and what is shown then.
    """
    for block in BLOCKS:
        lines = block.splitlines()
        while lines:
            prompt = PROMPT.fullmatch(lines.pop(0))
            assert prompt, block
            shown = []
            while lines and not PROMPT.fullmatch(lines[0]):
                shown.append(lines.pop(0))
            yield prompt[1], prompt[2], shown


def mistyped(address: str) -> str:
    """
    Give the address with its first character wrong.
    """
    start, first, rest = re.fullmatch("(/onion3/)(.)(.*)", address).groups()  # type: ignore[union-attr]
    return f"{start}{'a' if first == 'b' else 'b'}{rest}"


async def follow(terminals: dict[str, Terminal]) -> dict[str, str]:
    """
    Type every command, and see that what is shown is like what the page shows.

    @return: what the page's addresses are called here.
    """
    addresses: dict[str, str] = {}
    for name, printed, shown in commands():
        terminal, command = terminals[name], printed
        await terminal.stop()
        for old, new in addresses.items():
            command = command.replace(old, new)
        terminal.type(f"{command}\n")
        pattern = re.escape(command) + r"\n" + "".join(shape(line, addresses) for line in shown)
        if name == "dialer":  # whose commands end by themselves
            pattern += r"dialer\$ $"
        match = await terminal.shows(pattern)
        for address in re.findall(ONION, "\n".join(shown)):
            addresses.setdefault(address, match[match.lastindex or 0])
        if name == "net":
            exports = re.findall("export .*\n", terminal.output)
            for other in ("listener", "dialer"):
                terminals[other].type("".join(exports))
                await terminals[other].prompts(len(exports))
    return addresses


@pytest.mark.deadline(120)
async def test_everyCommand(openTerminal: Open, tmp_path: Path) -> None:
    """
    Every command shows what the page shows, but for addresses, times and folders; and what it says
    of mistakes is so.
    """
    for program in PROGRAMS:
        (tmp_path / "folder" / Path(program).name).write_text((TOP / program).read_text())
    terminals = {name: openTerminal(name) for name in ("net", "listener", "dialer")}
    for terminal in terminals.values():
        await terminal.prompts()
    address = [*(await follow(terminals)).values()][-1]
    dialer = terminals["dialer"]
    for command, message in [
        (f"onionp2p ping {mistyped(address)}", "has a wrong checksum"),
        ("ONIONP2P_TOR=/nowhere onionp2p ping $ADDRESS", "There is no tor program here"),
        ("onionp2p ping tcp:127.0.0.1:1", "Connection was refused"),
    ]:
        assert f"| `{message}" in PAGE
        dialer.type(f"{command}\n")
        await dialer.prompts()
        assert message in " ".join(dialer.output.split())
        assert "Traceback" not in dialer.output
    for terminal in reversed(terminals.values()):
        await terminal.stop()
        terminal.type("exit\n")
        await terminal.ended
