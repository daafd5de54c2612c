# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two subjects of the contract suite: the fake tor, and the real one.

The real one is launched as our own tors are, with one directory authority, at a closed port of this
machine: it can reach nobody, and asks nobody else.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet.defer import Deferred

from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Ignore
from onionp2p.testing.wire import ControlWire, SocksWire
from onionp2p.tor.program import findTor
from onionp2p.tor.torrc import renderTorrc

NOWHERE = """\
TestingTorNetwork 1
DirAuthority nobody orport=1 v3ident=1111111111111111111111111111111111111111 127.0.0.1:1 \
2222222222222222222222222222222222222222
UseDefaultFallbackDirs 0
ReachableAddresses 127.0.0.0/8:*
"""


Expected = Sequence[str | re.Pattern[str]]
Case = list[tuple[str, Expected]]


class Subject:
    """
    A tor to be asked.

    @ivar fake: the fake tor, if it is that.
    """

    def __init__(
        self, reactor: Any, folder: str, controlPath: str, socksPath: str, fake: FakeTor | None
    ) -> None:
        self.reactor = reactor
        self.folder = folder
        self.controlPath = controlPath
        self.socksPath = socksPath
        self.fake = fake

    @asynccontextmanager
    async def control(self, *, authenticated: bool = True) -> AsyncIterator[ControlWire]:
        """
        Give a control connection.
        """
        wire = await ControlWire.connect(self.reactor, self.controlPath)
        try:
            if authenticated:
                assert await wire.ask("AUTHENTICATE") == ["250 OK"]
            yield wire
        finally:
            await wire.close()

    async def check(self, case: Case, *, authenticated: bool = True) -> None:
        """
        Have a conversation, and compare the answers with what is written.
        """
        async with self.control(authenticated=authenticated) as wire:
            for command, expected in case:
                self.compare(command, await wire.ask(command), expected)

    @staticmethod
    def compare(command: str, answer: list[str], expected: Expected) -> None:
        """
        Compare an answer's lines with what is written.
        """
        same = len(answer) == len(expected) and all(
            line == wanted if isinstance(wanted, str) else wanted.fullmatch(line)
            for line, wanted in zip(answer, expected, strict=True)
        )
        assert same, f"{command[:60]}\ngave {answer}\nand not {expected}"

    @asynccontextmanager
    async def socks(self) -> AsyncIterator[SocksWire]:
        """
        Give a SOCKS connection.
        """
        wire = await SocksWire.connect(self.reactor, self.socksPath)
        try:
            yield wire
        finally:
            await wire.close()


async def launchFake(held: ExitStack) -> Subject:
    """
    Give the fake.
    """
    from twisted.internet import reactor

    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="fake-"))
    network = FakeNetwork(reactor)
    network.on("BOOTSTRAP", Ignore())
    tor = FakeTor(reactor, network, folder, torrc(folder))
    tor.start()
    held.callback(lambda: blockon(Deferred.fromCoroutine(tor.end())))
    return Subject(reactor, folder, f"{folder}/control", f"{folder}/socks", tor)


async def launchReal(held: ExitStack) -> Subject:
    """
    Give the real one.
    """
    from twisted.internet import reactor

    from onionp2p.tor.control import TorControl
    from onionp2p.tor.process import TorProcess

    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="real-"))
    socksPath = os.path.join(folder, "socks")
    controlPath = os.path.join(folder, "control")

    def torrc(descriptor: int) -> str:
        ours = renderTorrc(
            stateDirectory=os.path.join(folder, "state"),
            socksPath=socksPath,
            owningDescriptor=descriptor,
        )
        return ours + NOWHERE

    clock: Any = reactor
    control = TorControl(clock)
    process = TorProcess(clock, findTor(None), torrc, control)
    held.callback(lambda: blockon(Deferred.fromCoroutine(process.end())))
    await control.ready()
    await control.command(f'SETCONF ControlPort="unix:{controlPath}"')
    return Subject(reactor, folder, controlPath, socksPath, None)


@pytest.fixture(scope="session")
def fake_subject() -> Iterator[Subject]:
    """
    The fake tor, on real UNIX sockets.
    """
    with ExitStack() as held:
        yield blockon(Deferred.fromCoroutine(launchFake(held)))


@pytest.fixture(scope="session")
def real_subject() -> Iterator[Subject]:
    """
    The real tor.
    """
    with ExitStack() as held:
        yield blockon(Deferred.fromCoroutine(launchReal(held)))


def torrc(folder: str) -> dict[str, str]:
    """
    Give the configuration of a fake that is like the real one's.
    """
    return {
        "ControlPort": f"unix:{folder}/control",
        "SocksPort": f"unix:{folder}/socks OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors",
        "SafeSocks": "1",
        "TestingTorNetwork": "1",
        "__ReloadTorrcOnSIGHUP": "0",
    }


def memorySubject(kind: type[FakeTor] = FakeTor) -> Subject:
    """
    Give another fake, in memory.
    """
    reactor = MemoryReactor()
    reactor.start()
    network = FakeNetwork(reactor)
    network.on("BOOTSTRAP", Ignore())
    tor = kind(reactor, network, "/fake", torrc("/fake"))
    tor.start()
    return Subject(reactor, "/fake", "/fake/control", "/fake/socks", tor)


@pytest.fixture
def makeFake() -> Callable[..., Subject]:
    """
    Makes another fake, in memory.
    """
    return memorySubject


@pytest.fixture(params=[launchFake, launchReal])
def mortal(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """
    One tor after the other, for a test that may break it.
    """
    with ExitStack() as held:
        yield blockon(Deferred.fromCoroutine(request.param(held)))


@pytest.fixture(params=["fake", "real"])
def tor(request: pytest.FixtureRequest, fake_subject: Subject, real_subject: Subject) -> Subject:
    """
    One tor after the other.
    """
    # Asked for by name alone, they would begin within a test, which has to leave nothing behind.
    return fake_subject if request.param == "fake" else real_subject
