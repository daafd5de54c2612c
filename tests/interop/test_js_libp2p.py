# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
js-libp2p and py-libp2p over onions: nodes that know nothing of Tor, and C{onionp2p publish} and
C{reach}.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from onionp2p import OnionAddress
from onionp2p.forwarding import Place
from onionp2p.libp2p.wire import Message
from tests.interop.installed import HERE, pythonWith
from tests.interop.jsnodes import nodeCommand
from tests.interop.onions import served
from tests.programs import Program

Start = Callable[..., Program]
Node = Callable[..., Program]

pytestmark = [pytest.mark.interop("js-libp2p"), pytest.mark.deadline(120)]

ELSEWHERE = OnionAddress("vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd", 4001)
DIALS = 12
ANY_PORT = "tcp:127.0.0.1:0"
PINGS = re.compile(r"ping: \d+ ms\n")


@pytest.fixture
def node(start: Start, tmp_path: Path) -> Node:
    """
    Start a script of Node.js, in the test's own folder.
    """

    def startNode(script: str, *arguments: object) -> Program:
        command = nodeCommand(tmp_path, script)
        return start(*command, *map(str, arguments), folder=tmp_path)

    return startNode


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """
    A free place for a node to listen.
    """
    if getattr(request, "param", "unix") == "unix":
        return Place(path=str(tmp_path / "node.sock"))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return Place(host="127.0.0.1", port=free.getsockname()[1])


async def published(start: Start, place: Place) -> OnionAddress:
    """
    Have an onion lead to where a node listens, or will.
    """
    return await served(start("onionp2p", "publish", str(place), "--port", "4001"))


async def reached(start: Start, onion: OnionAddress, listener: Program, at: str) -> str:
    """
    Give the multiaddr by which a node on this side of the onion is to dial C{listener}.
    """
    reach = start("onionp2p", "reach", str(onion), "--at", at)
    ready, reachable = await gatherResults([listener.says("ready: "), reach.says("reachable at ")])
    peer = OnionAddress.fromString(ready.split()[-1])
    return f"{Place.fromString(reachable.split()[-1]).multiaddr}/p2p/{peer.peerID}"


async def heard(program: Program, introduction: str) -> Any:
    """
    Give what a peer has told of itself.
    """
    line = await program.says(introduction)
    return json.loads(line.partition(introduction)[2])


@pytest.mark.parametrize(
    "place", ["unix", pytest.param("tcp", marks=pytest.mark.slow)], indirect=True
)
async def test_nodesPingEachOther(start: Start, node: Node, tmp_path: Path, place: Place) -> None:
    """
    Over an onion a node answers another's pings, and twelve that dial at once all stay; of itself
    it tells its onion's address, and none of this machine.
    """
    onion = await published(start, place)
    listener = node("listen.mjs", place, onion)
    at = f"unix:{tmp_path}/peer.sock" if place.path else ANY_PORT
    road = await reached(start, onion, listener, at)

    dialer = node("dial.mjs", road)
    assert await dialer.ended == 0, dialer.output
    assert len(PINGS.findall(dialer.output)) == 3
    told = await heard(dialer, "the peer told")
    observed = told.pop("observedAddr", "")
    assert told == {"agentVersion": "libp2p", "listenAddrs": [str(onion)]}
    told = await heard(listener, "a peer told")
    observed += told.pop("observedAddr", "")
    assert told == {"agentVersion": "libp2p", "listenAddrs": []}
    # What a node says of the other's address is that of its own side: with TCP, a port.
    assert bool(observed) == bool(place.port)
    assert set(re.findall(r"/ip4/[^/]+", observed)) <= {"/ip4/127.0.0.1"}

    burst = node("burst.mjs", road, DIALS)
    assert await burst.ended == 0, burst.output
    assert await burst.says("alive: ") == f"alive: {DIALS}", burst.output


async def test_reachingSomebodyElse(node: Node, place: Place) -> None:
    """
    Who was told the peer id notices that another answers.
    """
    await node("listen.mjs", place, ELSEWHERE).says("ready: ")
    other = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
    dialer = node("dial.mjs", f"{place.multiaddr}/p2p/{other}")
    assert await dialer.ended != 0
    assert "ping: " not in dialer.output
    assert "does not match expected remote identity key" in dialer.output


async def test_whatIdentifyTells(node: Node, place: Place) -> None:
    """
    Of all that a node answers to identify, nothing but the announced address is of this machine.
    """
    await node("listen.mjs", place, ELSEWHERE).says("ready: ")
    line = await node("heard.mjs", place.multiaddr).says("heard: ")
    identify = Message(bytes.fromhex(line.split()[-1]))
    assert identify.all(2) == [ELSEWHERE.toBytes()]
    assert identify.texts(3) == ["/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"]
    assert identify.all(4) == []
    assert (identify.texts(5), identify.texts(6)) == (["ipfs/0.1.0"], ["libp2p"])
    # The same again, signed: an envelope, and a record in it.
    record = Message(Message(identify.all(8)[0]).all(3)[0])
    assert [Message(each).all(1) for each in record.all(3)] == [[ELSEWHERE.toBytes()]]


async def test_falseAddresses(node: Node) -> None:
    """
    By default a node follows the addresses that a peer has told, and looks its names up: anywhere,
    past Tor.  One that is made as the documentation has it does neither.
    """
    default, onion = node("trap.mjs", "default"), node("trap.mjs", "onion")
    assert await default.ended == 0, default.output
    assert re.findall("led to: (.*)", default.output) == ["a name", "an address"]
    assert await onion.ended == 0, onion.output
    assert onion.output == "failed: DialDeniedError\n"


async def test_nothingToAnnounce(node: Node, place: Place) -> None:
    """
    A node that would tell where it listens is not made.
    """
    refused = node("listen.mjs", place, "")
    assert await refused.ended == 1
    assert "nothing to announce" in refused.output


@pytest.mark.slow
@pytest.mark.interop("py-libp2p")
@pytest.mark.parametrize("place", ["tcp"], indirect=True)
@pytest.mark.parametrize(("dialer", "listener"), [("py", "js"), ("js", "py"), ("py", "py")])
async def test_nodesInPython(
    start: Start, node: Node, place: Place, listener: str, dialer: str
) -> None:
    """
    So do nodes of py-libp2p, each other and those of js-libp2p.
    """
    if shutil.which("cc") is None:
        pytest.skip("py-libp2p has to be compiled, and there is no C compiler on this machine")
    python = pythonWith("libp2p.txt")
    scripts = HERE / "py"
    onion = await published(start, place)
    if listener == "js":
        listening = node("listen.mjs", place, onion)
    else:
        listening = start(python, str(scripts / "listen.py"), str(place.port), str(onion))
    road = await reached(start, onion, listening, ANY_PORT)
    if dialer == "js":
        dialing = node("dial.mjs", road)
    else:
        dialing = start(python, str(scripts / "dial.py"), road)
    assert await dialing.ended == 0, dialing.output
    assert len(PINGS.findall(dialing.output)) == 3
