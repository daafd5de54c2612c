# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Dialing through a tor that already runs, and with a key to an onion that lets in only some.
"""

from __future__ import annotations

import os
from base64 import b32encode, b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs, eventAsText

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, TorOptions
from onionp2p.clients.keys import ClientKey
from onionp2p.errors import (
    ClientAuthRefused,
    ClientAuthRequired,
    ClientKeyConflict,
    ClientKeyError,
    DialTimeout,
    TorNotRunning,
    TorRefusedCommand,
)
from onionp2p.keys import Identity
from onionp2p.options import parseDial
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.testing.faketor import Refuse
from onionp2p.tor.launch import LaunchedTor
from onionp2p.tor.pool import TorLease, leaseTor

NOBODY = OnionAddress(Identity(bytes(32)).label, 7777)
METHOD, ACCEPTED, CONNECTED = b"\5\2", b"\1\0", b"\5\0\0\1\0\0\0\0\0\0"


class ScriptedSocks(Protocol):
    """
    Says one thing for each thing that it hears.
    """

    transport: Any = None

    def __init__(self, script: list[bytes]) -> None:
        self._script = list(script)

    def dataReceived(self, data: bytes) -> None:
        if self._script:
            self.transport.write(self._script.pop(0))


class ScriptedFactory(Factory):
    """
    Listens in place of a tor.
    """

    noisy = False

    def __init__(self, *script: bytes) -> None:
        self._script = list(script)
        self.protocols: list[ScriptedSocks] = []

    def buildProtocol(self, addr: object) -> ScriptedSocks:
        self.protocols.append(ScriptedSocks(self._script))
        return self.protocols[-1]


@pytest.fixture
def socketPath(tmp_path: Path) -> str:
    """
    Where a scripted tor listens.
    """
    return str(tmp_path / "socks")


def dial(
    reactor: MemoryReactor, options: DialOptions, factory: Factory | None = None
) -> Deferred[IProtocol]:
    """
    Begin to dial.
    """
    return OnionClientEndpoint(reactor, options).connect(factory or RecordingFactory())


@pytest.mark.parametrize("port", [None, 9050])
def test_running(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, socketPath: str, port: int | None
) -> None:
    """
    With C{socks=}, by a UNIX socket or a port of this machine, no tor is launched.
    """
    factory = ScriptedFactory(METHOD, ACCEPTED, CONNECTED + b"hello")
    if port is None:
        listening = memory_reactor.listenUNIX(socketPath, factory)
    else:
        listening = memory_reactor.listenTCP(port, factory, interface="127.0.0.1")
    protocol = memory_reactor.resultOf(
        dial(memory_reactor, DialOptions(NOBODY, socks=port or socketPath))
    )
    assert isinstance(protocol, RecordingProtocol)
    memory_reactor.advance(0)
    assert protocol.received == b"hello"
    assert protocol.transport.getPeer() == NOBODY
    protocol.transport.loseConnection()
    listening.stopListening()
    memory_reactor.advance(0)
    assert protocol.lost is not None
    assert fake_network.tors == []


def test_notRunning(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, socketPath: str
) -> None:
    """
    Where no tor runs, it fails at once and says where there is none; none is launched instead.
    """
    for socks in (9050, socketPath):
        with pytest.raises(TorNotRunning, match=f"{socks}") as caught:
            memory_reactor.resultOf(dial(memory_reactor, DialOptions(NOBODY, socks=socks)))
        assert isinstance(caught.value, ConnectError)
        assert caught.value.address == NOBODY.shortened
    assert fake_network.tors == []


def test_oneQueueForOneSocket(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, socketPath: str
) -> None:
    """
    All who dial by one running tor take turns.
    """
    factory = ScriptedFactory(METHOD, ACCEPTED)
    listening = memory_reactor.listenUNIX(socketPath, factory)
    several = [OnionAddress(Identity(bytes([n] * 32)).label, 1) for n in range(20)]
    dials = [
        dial(memory_reactor, DialOptions(each, socks=socketPath, timeout=5)) for each in several
    ]
    memory_reactor.advance(1)
    assert len(factory.protocols) == 16
    for each in dials:
        with pytest.raises(DialTimeout):
            memory_reactor.resultOf(each)
    listening.stopListening()
    memory_reactor.advance(0)


def test_whatNeedsControlSaysSo() -> None:
    """
    Options that need more than a SOCKS port are refused with it.
    """
    for name, value in {"auth": "k", "state": "s", "torrc": "t", "tor": "tor"}.items():
        keywords = {"addr": f"{NOBODY.hostname}:1", "socks": "9050", name: value}
        with pytest.raises(ValueError, match=f"{name}= has no use with socks="):
            parseDial(["dial"], keywords)


@pytest.mark.parametrize("bad", ["", "0", "65536", "tcp:127.0.0.1:9050", "localhost:9050", "a\n"])
def test_badSocks(bad: str) -> None:
    """
    C{socks=} takes a port or a path, and says so.
    """
    with pytest.raises(ValueError, match="socks="):
        parseDial(["dial"], {"addr": f"{NOBODY.hostname}:1", "socks": bad})


@given(
    script=st.lists(
        st.one_of(
            st.binary(max_size=40), st.sampled_from([METHOD, ACCEPTED, CONNECTED, b"\5\xf0"])
        ),
        max_size=6,
    ),
    pieceSize=st.sampled_from([1, None]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_hostileServer(script: list[bytes], pieceSize: int | None) -> None:
    """
    Whatever answers in tor's place, and in what pieces, the dial ends within its time with a
    protocol or one typed error, and leaves nothing.
    """
    reactor = MemoryReactor()
    reactor.start()
    if pieceSize:
        script = [bytes([byte]) for piece in script for byte in piece]
    listening = reactor.listenTCP(9050, ScriptedFactory(*script), interface="127.0.0.1")
    factory = RecordingFactory()
    connecting = dial(reactor, DialOptions(NOBODY, socks=9050, timeout=3), factory)
    try:
        protocol = reactor.resultOf(connecting)
    except (ConnectError, DialTimeout):
        assert factory.protocols == []
    else:
        assert [protocol] == factory.protocols
        factory.protocols[0].transport.loseConnection()
    assert factory.starts == 1
    listening.stopListening()
    reactor.advance(10)
    assert factory.stops == 1
    reactor.stop()
    reactor.advance(0)
    assert reactor.leftovers() == []


@pytest.fixture
def lease(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> TorLease:
    """
    The tor that the dials of a test share.
    """
    return leaseTor(memory_reactor, TorOptions())


@pytest.fixture
def closedOnion(memory_reactor: MemoryReactor, lease: TorLease, key: ClientKey) -> OnionAddress:
    """
    An onion that lets in nobody but who has L{key}, and its program.
    """
    tor = memory_reactor.resultOf(Deferred.fromCoroutine(lease.bootstrapped()))
    assert isinstance(tor, LaunchedTor)
    target = tor.newTarget().path
    memory_reactor.listenUNIX(target, RecordingFactory())
    identity = Identity.generate()
    command = (
        f"ADD_ONION ED25519-V3:{identity.expanded()} Flags=DiscardPK,V3Auth"
        f" ClientAuthV3={key.public} Port=7777,unix:{target}"
    )
    memory_reactor.resultOf(Deferred.fromCoroutine(tor.control.command(command)))
    memory_reactor.advance(60)
    return OnionAddress(identity.label, 7777)


@pytest.fixture
def key() -> ClientKey:
    """
    A key to an onion.
    """
    return ClientKey.generate()


def save(key: ClientKey, folder: Path, address: OnionAddress) -> str:
    """
    Write a key as tor keeps it.
    """
    path = folder / f"{key.public[:8]}.auth_private"
    private = b64decode(key.forTor())
    text = b32encode(private).decode("ascii").rstrip("=")
    path.touch(mode=0o600)
    path.write_text(f"{address.label}:descriptor:x25519:{text}\n")
    return str(path)


def keysOf(network: FakeNetwork, address: OnionAddress) -> str | None:
    """
    Give the public half of the key that tor has for an onion.
    """
    return network.tors[0].clientKeys.publicKey(address.label)


def test_auth(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    key: ClientKey,
    tmp_path: Path,
) -> None:
    """
    With our key we come in; tor has it for as long as a connection needs it.
    """
    with pytest.raises(ClientAuthRequired):
        memory_reactor.resultOf(dial(memory_reactor, DialOptions(closedOnion)))
    options = DialOptions(closedOnion, auth=save(key, tmp_path, closedOnion))
    one, two = (memory_reactor.resultOf(dial(memory_reactor, options)) for _ in range(2))
    for protocol in (one, two):
        assert isinstance(protocol, RecordingProtocol)
        assert keysOf(fake_network, closedOnion) == key.public
        protocol.transport.loseConnection()
        memory_reactor.advance(0)
    assert keysOf(fake_network, closedOnion) is None
    with pytest.raises(ClientAuthRequired):
        memory_reactor.resultOf(dial(memory_reactor, DialOptions(closedOnion)))


def test_wrongKey(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    tmp_path: Path,
) -> None:
    """
    A key that the onion does not know gives an error of its own, and tor does not keep it.
    """
    path = save(ClientKey.generate(), tmp_path, closedOnion)
    with pytest.raises(ClientAuthRefused):
        memory_reactor.resultOf(dial(memory_reactor, DialOptions(closedOnion, auth=path)))
    memory_reactor.advance(0)
    assert keysOf(fake_network, closedOnion) is None


def test_cancelledDialLeavesNoKey(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    key: ClientKey,
    tmp_path: Path,
) -> None:
    """
    Whenever a dial is cancelled, tor has its key no longer.
    """
    options = DialOptions(closedOnion, auth=save(key, tmp_path, closedOnion))
    for turns in range(50):
        connecting = dial(memory_reactor, options)
        for _ in range(turns):
            memory_reactor.iterate()
        if connecting.called:
            break
        connecting.cancel()
        with pytest.raises(ConnectingCancelledError):
            memory_reactor.resultOf(connecting)
        memory_reactor.advance(0)
        assert keysOf(fake_network, closedOnion) is None
    assert turns > 3


def test_twoKeys(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    key: ClientKey,
    tmp_path: Path,
) -> None:
    """
    A tor has one key for an onion: who brings another while it is in use is told what to do.
    """
    options = DialOptions(closedOnion, auth=save(key, tmp_path, closedOnion))
    memory_reactor.resultOf(dial(memory_reactor, options))
    other = DialOptions(closedOnion, auth=save(ClientKey.generate(), tmp_path, closedOnion))
    with pytest.raises(ClientKeyConflict, match="state="):
        memory_reactor.resultOf(dial(memory_reactor, other))
    assert keysOf(fake_network, closedOnion) == key.public


def test_torRefusesTheKey(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    key: ClientKey,
    tmp_path: Path,
) -> None:
    """
    Where tor does not take the key, the dial fails with what tor said; the next one tries anew.
    """
    options = DialOptions(closedOnion, auth=save(key, tmp_path, closedOnion))
    fake_network.on("ONION_CLIENT_AUTH_ADD", Refuse(551, "no room"), times=1)
    with pytest.raises(TorRefusedCommand, match="no room"):
        memory_reactor.resultOf(dial(memory_reactor, options))
    memory_reactor.resultOf(dial(memory_reactor, options))


def test_badKeyFile(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
) -> None:
    """
    A key that can't be read fails the dial before any tor is launched, and says why.
    """
    path = str(tmp_path / "missing")
    with pytest.raises(ClientKeyError, match="missing"):
        memory_reactor.resultOf(dial(memory_reactor, DialOptions(NOBODY, auth=path)))
    assert fake_network.tors == []
    assert not os.path.exists(path)


def test_noKeyInLogs(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    closedOnion: OnionAddress,
    key: ClientKey,
    tmp_path: Path,
) -> None:
    """
    The key is in no log and no error.
    """
    options = DialOptions(closedOnion, auth=save(key, tmp_path, closedOnion))
    fake_network.on("ONION_CLIENT_AUTH_ADD", Refuse(551, key.forTor()), times=1)
    with capturedLogs() as events, pytest.raises(TorRefusedCommand) as caught:
        memory_reactor.resultOf(dial(memory_reactor, options))
    said = repr([{**event, "text": eventAsText(event)} for event in events]) + str(caught.value)
    assert key.forTor() not in said
    assert key.forTor().rstrip("=") not in said
