# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Connections carried for programs that know nothing of Tor, through real tors.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater

from onionp2p import DialOptions, ListenOptions
from onionp2p.forwarding import Limits, publish, reach
from onionp2p.testing import RecordingFactory

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "forwarding"

Start = Callable[..., Any]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingFactory]:
    """
    A program that echoes, at F{app.sock}.
    """
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    factory = RecordingFactory(echoes=True)
    endpoint = UNIXServerEndpoint(reactor, str(tmp_path / "app.sock"))
    port = blockon(endpoint.listen(factory))
    yield factory
    blockon(Deferred.fromCoroutine(untilAlone(factory)))
    blockon(port.stopListening())


async def untilAlone(factory: RecordingFactory) -> None:
    """
    Wait until tor has closed all that it brought.
    """
    while any(each.lost is None for each in factory.protocols):
        await deferLater(reactor, 0.01)


async def ask(path: Path, data: bytes = b"is anybody there?") -> Any:
    """
    Say something at a socket, and wait for its echo.
    """
    peer: Any = await UNIXClientEndpoint(reactor, str(path)).connect(RecordingFactory())
    peer.transport.write(data)
    assert await peer.receives(len(data)) == data
    return peer


def example(start: Start, name: str, *arguments: str, folder: Path) -> Any:
    """
    Start an example, with its program in the shell's place: it gets our signals.
    """
    text = (EXAMPLES / name).read_text()
    return start("/bin/sh", "-ec", f"exec {text}", "sh", *arguments, folder=folder)


async def leave(*peers: Any) -> None:
    """
    Close connections.
    """
    for peer in peers:
        peer.transport.abortConnection()
    await deferLater(reactor, 0)


async def untilAnswered(path: Path, *, answered: bool = True) -> None:
    """
    Wait until a socket takes connections, or refuses them.
    """
    while True:
        try:
            peer: Any = await UNIXClientEndpoint(reactor, str(path)).connect(RecordingFactory())
        except ConnectError:
            if not answered:
                return
        else:
            await leave(peer)
            if answered:
                return
        await deferLater(reactor, 0.1)


async def test_carried(program: RecordingFactory, tmp_path: Path) -> None:
    """
    What two programs say to each other goes through an onion, though neither knows of one: also of
    twelve that come at once, and of much at a time.
    """
    target, place = tmp_path / "app.sock", tmp_path / "friend.sock"
    port: Any = await publish(reactor, f"unix:{target}", ListenOptions(4001))
    reaching = await reach(reactor, DialOptions(port.getHost()), f"unix:{place}")
    try:
        peers = await gatherResults([Deferred.fromCoroutine(ask(place)) for _ in range(12)])
        await leave(*peers)
        await leave(await ask(place, bytes(range(256)) * 4096))
    finally:
        await reaching.stop()
        await port.stopListening()
    assert reaching.counts.accepted == 13
    assert reaching.counts.failed == 0


@pytest.mark.slow
async def test_comesBack(program: RecordingFactory, start: Start, tmp_path: Path) -> None:
    """
    When the onion goes away, the place is shut; when it is back, so is the place, and the program
    behind it never stopped.
    """
    place = tmp_path / "friend.sock"
    publisher = example(start, "publish.sh", folder=tmp_path)
    address = (await publisher.says("listening on /onion3/")).split()[-1]
    arguments = ("--at", f"unix:{place}", "--warm", "2")
    reacher = start("onionp2p", "reach", address, *arguments)
    assert await reacher.says("reachable at") == f"reachable at unix:{place}"
    await leave(await ask(place))
    publisher.signal("TERM")
    assert await publisher.ended == 0
    assert "refuses connections until the onion answers again" in await reacher.says("refuses")
    await untilAnswered(place, answered=False)
    publisher = example(start, "publish.sh", folder=tmp_path)
    assert address in await publisher.says("listening on /onion3/")
    assert await reacher.says("again") is not None
    await untilAnswered(place)
    await leave(await ask(place))
    label = address.removeprefix("/onion3/").partition(":")[0]
    assert label not in reacher.output
    for each in (reacher, publisher):
        each.signal("INT")
        assert await each.ended == 0
    assert not place.exists()


@pytest.mark.slow
@pytest.mark.deadline(180)
async def test_torDies(program: RecordingFactory, start: Start, tmp_path: Path) -> None:
    """
    A published program is there again, at the same address, when tor was killed; and so is who
    reaches it when his was.
    """
    publisher = start("onionp2p", "publish", f"unix:{tmp_path}/app.sock", "--port", "4001")
    address = (await publisher.says("listening on /onion3/")).split()[-1]
    place = tmp_path / "friend.sock"
    reacher = start("onionp2p", "reach", address, "--at", f"unix:{place}", "--warm", "2")
    await reacher.says("reachable at")
    for each in (publisher, reacher):
        (tor,) = each.tors()
        os.kill(tor, signal.SIGKILL)
        await untilAnswered(place, answered=False)
        await untilAnswered(place)
        await leave(await ask(place))


@pytest.mark.slow
async def test_manyAtOnce(program: RecordingFactory, tmp_path: Path) -> None:
    """
    Five hundred connections are carried at a time.
    """
    target, place = tmp_path / "app.sock", tmp_path / "friend.sock"
    port: Any = await publish(reactor, f"unix:{target}", ListenOptions(4001))
    options = DialOptions(port.getHost())
    limits = Limits(connections=500)
    reaching = await reach(reactor, options, f"unix:{place}", warm=None, limits=limits)
    try:
        peers = await gatherResults([Deferred.fromCoroutine(ask(place)) for _ in range(500)])
        await leave(*peers)
    finally:
        await reaching.stop()
        await port.stopListening()
    assert reaching.counts.refused == reaching.counts.failed == 0


@pytest.mark.slow
async def test_forward(program: RecordingFactory, start: Start, tmp_path: Path) -> None:
    """
    An onion, with what only a listener of ours has, is carried to a program.
    """
    forwarder = example(start, "forward.sh", folder=tmp_path)
    address = (await forwarder.says("listening on /onion3/")).split()[-1]
    place = tmp_path / "friend.sock"
    reacher = example(start, "reach.sh", address, folder=tmp_path)
    await reacher.says("reachable at unix:")
    await leave(await ask(place))


@pytest.mark.slow
async def test_operators(program: RecordingFactory, start: Start, tmp_path: Path) -> None:
    """
    A friend who was invited reaches a program that only some may enter; operators see how it is.
    """
    for command in (
        "key new app.key",
        "client invite friends alice --key app.key --port 4001",
    ):
        assert await start("onionp2p", *command.split(), folder=tmp_path).ended == 0
    publisher = example(start, "operators.sh", folder=tmp_path)
    address = (await publisher.says("listening on /onion3/")).split()[-1]
    host = address.removeprefix("/onion3/").replace(":", ".onion:")
    reacher = example(start, "friends.sh", host, folder=tmp_path)
    await reacher.says("reachable at unix:")
    await leave(await ask(tmp_path / "friend.sock"))
    status = start("onionp2p", "status", str(tmp_path / "app.status"), "--json")
    assert await status.ended == 0
    assert json.loads(status.output)["level"] == "OK"


@pytest.mark.slow
async def test_fromPython(program: RecordingFactory, start: Start, tmp_path: Path) -> None:
    """
    A program does the same for another one.
    """
    carrier = start(sys.executable, str(EXAMPLES / "carry.py"), folder=tmp_path)
    await carrier.says("listening on /onion3/")
    await carrier.says("reachable at unix:")
    await leave(await ask(tmp_path / "friend.sock"))
    carrier.signal("INT")
    await carrier.ended
    assert not (tmp_path / "friend.sock").exists()
