# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One address, many machines: the real Onionbalance in front of two backends, as
docs/howto/scale-out.md has it.

It takes minutes, and a network of its own, whose authorities vote every 20 s: Onionbalance can't
do with less.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater

from onionp2p import shutdown
from onionp2p.keys import KeyFile
from onionp2p.testing import PrivateNetwork, RecordingFactory, RecordingProtocol

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "onionbalance"
PAGE = b"Only this backend says so: "

Start = Callable[..., Any]


@pytest.fixture(autouse=True)
def onTheNetwork(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Join a network that has a tor for Onionbalance.
    """
    network = PrivateNetwork(reactor, votingInterval=20, client=True)
    blockon(Deferred.fromCoroutine(network.start()))
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    yield
    blockon(shutdown(reactor))
    blockon(Deferred.fromCoroutine(network.stop()))


async def whoAnswers(frontend: str) -> str:
    """
    Dial over fresh circuits, and tell the name of the backend that answers.
    """
    protocol = RecordingProtocol(RecordingFactory())
    string = f"onionp2p:dial:addr={frontend}:port=80:isolate=dial:timeout=240"
    await connectProtocol(clientFromString(reactor, string), protocol)
    protocol.transport.write(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionClosed):
        await protocol.receives(1 << 30)
    return protocol.received.partition(PAGE)[2].decode()


@pytest.mark.deadline(400)
async def test_onionbalance(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Dials to the one address reach both backends; when one is killed, all reach the other.
    """
    keys = start("/bin/sh", "-e", str(EXAMPLES / "keys.sh"), folder=tmp_path)
    assert await keys.ended == 0, keys.output
    front = KeyFile(str(tmp_path / "front.key"))
    front.close()
    frontend = f"{front.identity.label}.onion"
    assert keys.output.splitlines()[0] == frontend
    monkeypatch.setenv("FRONTEND", frontend)
    backends = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_bytes(PAGE + name.encode())
        script = str(EXAMPLES / "backend.sh")
        backends[name] = start("/bin/sh", "-e", script, name, folder=tmp_path)
    for backend in backends.values():
        assert frontend[:56] not in await backend.says("listening on /onion3/")
    balance = start("/bin/sh", "-e", str(EXAMPLES / "balance.sh"), folder=tmp_path)
    await balance.says("Loaded onion " + frontend)

    answered: list[str] = []
    while len(answered) < 10 or len(set(answered)) < 2:
        answered.append(await whoAnswers(frontend))
    tors = backends["one"].tors()
    backends["one"].signal("KILL")
    await backends["one"].ended
    # Whom it is introduced to in its last moment waits for it as long as he can.
    while any(os.path.exists(f"/proc/{each}") for each in tors):
        await deferLater(reactor, 0.05)
    # Half of the introduction points are its for a while: dials try the others.
    assert [await whoAnswers(frontend) for _ in range(10)] == ["two"] * 10
    assert not balance.over, balance.output
