# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A network of fake tors, used by the endpoints of a reactor.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.task import deferLater

from onionp2p.keys.ed25519 import expand, publicKey
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import JoinFirstBytes


class TestNetwork:
    """
    Every endpoint of a reactor uses it.
    """

    async def use(self, reactor: Any) -> bytes:
        """
        Listen and dial by strings, and give what came.
        """
        server = RecordingFactory(greeting=b"hello")
        port = await serverFromString(reactor, "onionp2p:listen:port=7").listen(server)
        address: Any = port.getHost()
        dialing = clientFromString(reactor, f"onionp2p:dial:addr={address.hostname}:7")
        client = RecordingFactory()
        await dialing.connect(client)
        server.protocols[0].transport.loseConnection()
        while not client.protocols[0].lost:
            await deferLater(reactor, 0.001)
        stopped = port.stopListening()
        assert stopped is not None
        await stopped
        return client.protocols[0].received

    def test_inMemory(self) -> None:
        """
        In memory, nothing is left when it is left.
        """
        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor):
            assert reactor.resultOf(self.use(reactor)) == b"hello"
        assert reactor.leftovers() == []

    async def test_onTheRealReactor(self) -> None:
        """
        On a real reactor it uses real UNIX sockets, and leaves nothing either.
        """
        from twisted.internet import reactor

        async with FakeNetwork(reactor) as network:
            network.on("SOCKS CONNECT", JoinFirstBytes())
            network.pieceSize = 1
            assert await self.use(reactor) == b"hello"

    def test_leftWhileInUse(self) -> None:
        """
        Who leaves it while there are listeners and connections loses them.
        """
        reactor = MemoryReactor()
        reactor.start()
        server = RecordingFactory()
        with FakeNetwork(reactor) as network:
            reactor.resultOf(serverFromString(reactor, "onionp2p:listen:port=7").listen(server))
            (label,) = network.descriptors
            client = RecordingFactory()
            dialing = clientFromString(reactor, f"onionp2p:dial:addr={label}.onion:7")
            reactor.resultOf(dialing.connect(client))
        assert server.protocols[0].lost
        assert client.protocols[0].lost
        reactor.stop()
        reactor.advance(0)
        assert reactor.leftovers() == []


@given(st.binary(min_size=32, max_size=32))
def test_ed25519(seed: bytes) -> None:
    """
    Public keys are those of a library that is trusted.
    """
    theirs = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert publicKey(expand(seed)) == theirs


def test_light() -> None:
    """
    Importing the package imports no reactor, and nothing of tor.
    """
    code = (
        "import sys, onionp2p.testing as t; print('txtorcon' in sys.modules);"
        "t.FakeNetwork, t.MemoryReactor, t.RecordingFactory;"
        "print('twisted.internet.reactor' in sys.modules, 'txtorcon' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False", "False", "False"]


def test_unknownName() -> None:
    """
    What the package does not hold is an error as anywhere.
    """
    import onionp2p.testing

    with pytest.raises(AttributeError, match="has no attribute 'FakeTour'"):
        onionp2p.testing.FakeTour  # noqa: B018
