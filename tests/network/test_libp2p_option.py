# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{protocol=} over real onion services: a listener, and dials to it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

from onionp2p import OnionAddress
from onionp2p.libp2p import Identity
from onionp2p.libp2p.errors import WrongPeer
from onionp2p.testing import RecordingFactory


@pytest.mark.deadline(60)
async def test_protocol(
    tor_listen: Callable[..., Any], tor_dial: Callable[..., Any], tmp_path: Path
) -> None:
    """
    Twenty dials at once are streams on one connection to the peer that the address names; another
    peer's id is refused, and two protocols share the onion.
    """
    options = {"key": str(tmp_path / "key"), "identity": str(tmp_path / "id")}
    echo = Factory.forProtocol(Echo)
    echo.noisy = False
    recorded = RecordingFactory(greeting=b"recorded")
    port = await tor_listen(echo, protocol="/echo/1.0", **options)
    other = await tor_listen(recorded, protocol="/record/1.0", **options)
    address = port.getHost()
    assert other.getHost() == address
    assert address.peerID == Identity.decode((tmp_path / "id").read_bytes()).peerID

    client = RecordingFactory(greeting=b"hello" * 10_000)
    shared = {"isolate": "one", "protocol": "/echo/1.0"}
    dials = [tor_dial(address, client, **shared) for _ in range(20)]
    await gatherResults(dials)
    for protocol in client.protocols:
        assert await protocol.receives(50_000) == client.greeting
        assert protocol.transport.getPeer() == address
    dialer = await tor_dial(address, RecordingFactory(), isolate="one", protocol="/record/1.0")
    assert await dialer.receives(8) == b"recorded"
    (peer,) = {protocol.transport.getPeer().peerID for protocol in recorded.protocols}
    assert peer == client.protocols[0].transport.getHost().peerID

    somebodyElse = OnionAddress(address.label, address.port, Identity.generate().peerID)
    with pytest.raises(WrongPeer):
        await tor_dial(somebodyElse, RecordingFactory(), protocol="/echo/1.0")
