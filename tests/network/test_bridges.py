# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Bridges, as docs/howto/bridges.md has them: a relay of the private network is one.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from onionp2p import OnionAddress
from onionp2p.errors import DialTimeout
from onionp2p.keys import Identity
from onionp2p.options import TorOptions
from onionp2p.testing import PrivateNetwork, RecordingFactory
from onionp2p.tor import pool

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "bridges"

Dial = Callable[..., Any]
Listen = Callable[..., Any]
Start = Callable[..., Any]


async def bridgeLine(
    network: PrivateNetwork, transport: str = "", number: int = 0
) -> tuple[str, str, int]:
    """
    Give a torrc's line for a relay as a bridge, its fingerprint, and its port.
    """
    control = network.relays[number].control
    fingerprint = await control.getInfo("fingerprint")
    address = (await control.getInfo("net/listeners/or")).strip('"')
    line = f"Bridge {transport} {address} {fingerprint}\n"
    return line, fingerprint, int(address.rpartition(":")[2])


async def firstHops(options: TorOptions) -> set[str]:
    """
    Give the fingerprints of the relays where the circuits of our tor begin.
    """
    lease = pool.leaseTor(reactor, options)
    try:
        tor = await lease.bootstrapped()
        circuits = await tor.control.getInfo("circuit-status")
    finally:
        lease.release()
    paths = [line.split()[2] for line in circuits.splitlines() if " BUILT $" in line]
    return {path[1:41] for path in paths}


@pytest.mark.deadline(60)
async def test_dialThroughABridge(
    tor_network: PrivateNetwork,
    tor_listen: Listen,
    tor_dial: Dial,
    tmp_path: Path,
) -> None:
    """
    With C{UseBridges} all circuits of our tor begin at the bridge, where not all did without.
    """
    guards = await firstHops(TorOptions())
    bridges = [await bridgeLine(tor_network, number=number) for number in range(5)]
    line, fingerprint, _ = next(bridge for bridge in bridges if {bridge[1]} != guards)
    torrc = tmp_path / "bridges.torrc"
    torrc.write_text(f"{Path(tor_network.torrc).read_text()}UseBridges 1\n{line}")
    options = TorOptions(torrc=str(torrc))
    port = await tor_listen(RecordingFactory(echoes=True))
    caller = await tor_dial(port.getHost(), RecordingFactory(), tor=options)
    caller.transport.write(b"hello")
    assert await caller.receives(5) == b"hello"
    assert await firstHops(options) == {fingerprint}
    await pool.shutdown(reactor)


@pytest.mark.deadline(60)
async def test_neverWithoutABridge(
    tor_network: PrivateNetwork, tor_dial: Dial, tmp_path: Path
) -> None:
    """
    Where no bridge answers, nothing is dialled in another way.
    """
    _, fingerprint, _ = await bridgeLine(tor_network)
    torrc = tmp_path / "bridges.torrc"
    torrc.write_text(
        f"{Path(tor_network.torrc).read_text()}UseBridges 1\nBridge 127.0.0.1:1 {fingerprint}\n"
    )
    options = TorOptions(torrc=str(torrc))
    nobody = OnionAddress.fromString(f"{Identity.generate().hostname}:7777")
    with pytest.raises(DialTimeout, match="waiting for tor"):
        await tor_dial(nobody, RecordingFactory(), tor=options, timeout=5)
    await pool.shutdown(reactor)


@pytest.mark.deadline(120)
async def test_page(
    start: Start, tor_network: PrivateNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The page's commands, with a pluggable transport that tor starts: an onion is served and pinged,
    and all goes through that transport.
    """
    line, _, port = await bridgeLine(tor_network, "plain")
    transport = tmp_path / "plaintransport.py"
    shutil.copy(Path(__file__).parent / "plaintransport.py", transport)
    (tmp_path / "bridges.torrc").write_text(
        f"{Path(tor_network.torrc).read_text()}UseBridges 1\n{line}"
        f"ClientTransportPlugin plain exec {sys.executable} {transport}\n"
    )
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    listener = start("/bin/sh", "-e", str(EXAMPLES / "listen.sh"), folder=tmp_path)
    where = (await listener.says("listening on /onion3/")).split()[-1]
    dialer = start("/bin/sh", "-e", str(EXAMPLES / "dial.sh"), where, folder=tmp_path)
    assert await dialer.ended == 0, dialer.output
    assert "3 received" in dialer.output
    carried = (tmp_path / "carried").read_text().split()
    assert len(carried) >= 2  # the listener's tor and the dialer's
    assert set(carried) == {str(port)}
    listener.signal("TERM")
    assert await listener.ended == -signal.SIGTERM
