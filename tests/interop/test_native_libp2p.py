# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p spoken natively: we ping nodes of other languages over onions, and they ping us.

A node knows nothing of Tor: C{onionp2p publish} and C{reach} carry it to the onion.  What is ours
needs none of that.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from onionp2p import OnionAddress
from onionp2p.forwarding import Place
from tests.interop.installed import HERE, pythonWith
from tests.interop.jsnodes import nodeCommand
from tests.interop.onions import served
from tests.programs import Program

Start = Callable[..., Program]

pytestmark = pytest.mark.deadline(120)

_TWISTD = ("twistd", "-n", "--pidfile=", "onionp2p", "ping", "--libp2p")
_LONG = ("-c", "25", "-i", "0.5")
"""Longer than the 10 s after which js-libp2p ends a stream of pings."""


_SOMEBODY_ELSE = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"


def pair(dialer: str, listener: str, *marks: pytest.MarkDecorator) -> object:
    """
    Give a pair for C{parametrize}, with its line of C{nox -s interop}.
    """
    line = pytest.mark.interop(f"libp2p: {dialer} -> {listener}")
    return pytest.param(dialer, listener, marks=[line, *marks], id=f"{dialer}-{listener}")


class Nodes:
    """
    Starts both ends of a pair.
    """

    def __init__(self, start: Start, folder: Path) -> None:
        self.start = start
        self.folder = folder
        self._road = ""

    def node(self, kind: str, role: str, *arguments: str) -> Program:
        """
        Start a node that is not ours.
        """
        if kind == "js-libp2p":
            command = nodeCommand(self.folder, f"{role}.mjs")
            return self.start(*command, *arguments, folder=self.folder)
        if shutil.which("cc") is None:
            pytest.skip("py-libp2p has to be compiled, and there is no C compiler here")
        script = str(HERE / "py" / f"{role}.py")
        return self.start(pythonWith("libp2p.txt"), script, *arguments)

    def place(self, kind: str) -> Place:
        """
        Find a place where it can listen: py-libp2p knows no UNIX sockets.
        """
        if kind == "js-libp2p":
            return Place(path=str(self.folder / "node.sock"))
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            return Place(host="127.0.0.1", port=free.getsockname()[1])

    async def listen(self, kind: str) -> OnionAddress:
        """
        Have one listen at an onion, and give its address, with its peer id.
        """
        if kind == "ours":
            return await served(self.start(*_TWISTD, "--listen=onionp2p:listen:port=4001"))
        place = self.place(kind)
        onion = await served(self.start("onionp2p", "publish", str(place), "--port", "4001"))
        where = str(place) if kind == "js-libp2p" else str(place.port)
        ready = await self.node(kind, "listen", where, str(onion)).says("ready: ")
        return OnionAddress.fromString(ready.split()[-1])

    async def dial(self, kind: str, onion: OnionAddress, *options: str) -> Program:
        """
        Have one ping what is at an onion, and end.
        """
        if kind == "ours":
            program = self.start("onionp2p", "ping", str(onion), *options)
        else:
            if not self._road:
                at = "tcp:127.0.0.1:0" if kind == "py-libp2p" else f"unix:{self.folder}/peer.sock"
                reach = self.start("onionp2p", "reach", str(onion), "--at", at)
                line = await reach.says("reachable")
                self._road = Place.fromString(line.split()[-1]).multiaddr
            program = self.node(kind, "dial", f"{self._road}/p2p/{onion.peerID}")
        return program


@pytest.fixture
def nodes(start: Start, tmp_path: Path) -> Nodes:
    """
    Both ends of a pair.
    """
    return Nodes(start, tmp_path)


@pytest.mark.parametrize(
    ("dialer", "listener"),
    [
        pair("ours", "ours", pytest.mark.slow),
        pair("ours", "js-libp2p"),
        pair("ours", "py-libp2p", pytest.mark.slow),
        pair("js-libp2p", "ours"),
        pair("py-libp2p", "ours", pytest.mark.slow),
    ],
)
async def test_pings(nodes: Nodes, dialer: str, listener: str) -> None:
    """
    Each pings the other over an onion; who expects another peer is refused.  Of ours nothing is
    told but the onion's address.
    """
    onion = await nodes.listen(listener)
    assert onion.peerID is not None
    pinging = await nodes.dial(dialer, onion, *_LONG)
    assert await pinging.ended == 0, pinging.output
    if dialer == "ours":
        assert pinging.output.count(f"32 bytes from {onion}: seq=") == 25, pinging.output
        assert "25 sent, 25 received, 0% loss" in pinging.output
    else:
        assert len(re.findall(r"ping: \d+ ms\n", pinging.output)) == 3
    if dialer == "js-libp2p":
        raw = f"/onion3/{onion.label}:{onion.port}"
        assert f'told {{"agentVersion":"onionp2p","listenAddrs":["{raw}"]' in pinging.output

    other = OnionAddress(onion.label, onion.port, _SOMEBODY_ELSE)
    refused = await nodes.dial(dialer, other, "-c", "1")
    assert await refused.ended != 0
    assert "bytes from" not in refused.output
    assert "ping: " not in refused.output
    if dialer == "ours":
        (sentence,) = refused.output.splitlines()
        assert "another peer" in sentence
        assert "check the id in the address" in sentence
