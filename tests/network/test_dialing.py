# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Dialing real onion services, many at a time, with what may go wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from base64 import b32encode, b64decode
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.error import ConnectingCancelledError, ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, TorOptions
from onionp2p.clients.keys import ClientKey
from onionp2p.errors import (
    ClientAuthRefused,
    ClientAuthRequired,
    DialTimeout,
    UnreachableTarget,
)
from onionp2p.events import Event, Retrying
from onionp2p.keys import Identity
from onionp2p.listening.listen import OnionPort
from onionp2p.testing import RecordingFactory, RecordingProtocol
from onionp2p.tor.pool import leaseTor

NOBODY = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"


async def listen(factory: RecordingFactory | None = None) -> OnionPort:
    """
    Serve a program that speaks first at port 7777 of an onion.
    """
    endpoint = serverFromString(reactor, "onionp2p:listen:port=7777")
    port = await endpoint.listen(factory or RecordingFactory(greeting=b"hello", echoes=True))
    assert isinstance(port, OnionPort)
    return port


def endpointOf(address: OnionAddress, options: str = "") -> IStreamClientEndpoint:
    """
    Give an endpoint to dial an onion by.
    """
    string = f"onionp2p:dial:addr={address.hostname}:{address.port}{options}"
    endpoint: IStreamClientEndpoint = clientFromString(reactor, string)
    return endpoint


async def greeted(endpoint: IStreamClientEndpoint) -> RecordingProtocol:
    """
    Dial, and wait for the greeting.
    """
    protocol = RecordingProtocol(RecordingFactory())
    await connectProtocol(endpoint, protocol)
    assert await protocol.receives(5) == b"hello"
    return protocol


async def close(*protocols: RecordingProtocol) -> None:
    """
    Close connections, and wait for their ends.
    """
    ends = [protocol.receives(sys.maxsize) for protocol in protocols]
    for protocol in protocols:
        protocol.transport.loseConnection()
    await gatherResults([end.addErrback(_isClean) for end in ends])


def _isClean(failure: Failure) -> None:
    failure.trap(ConnectionDone)


@pytest.mark.deadline(120)
@pytest.mark.parametrize("options", ["", ":isolate=dial"])
async def test_manyAtOnce(options: str) -> None:
    """
    Of two hundred dials at once none fails, on shared circuits or each on circuits of its own.
    """
    factory = RecordingFactory(greeting=b"hello")
    port = await listen(factory)
    endpoint = endpointOf(port.getHost(), options)
    dials = [Deferred.fromCoroutine(greeted(endpoint)) for _ in range(200)]
    protocols = await gatherResults(dials, consumeErrors=True)
    assert len(protocols) == 200
    await close(*protocols)
    await close(*factory.protocols)
    await port.stopListening()


async def test_cancelledStream() -> None:
    """
    Who cancels a dial has tor drop the stream at once.
    """
    address = OnionAddress(NOBODY, 7777)
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.bootstrapped()
    endpoint = OnionClientEndpoint(reactor, DialOptions(address))
    connecting = endpoint.connect(RecordingFactory())
    while NOBODY not in await tor.control.getInfo("stream-status"):
        await deferLater(reactor, 0.01)
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError):
        await connecting
    while NOBODY in await tor.control.getInfo("stream-status"):
        await deferLater(reactor, 0.01)
    lease.release()


async def test_frozenTor() -> None:
    """
    A tor that is stopped costs no more than the dial's own time; when it goes on, so do dials.
    """
    port = await listen()
    patient, endpoint = endpointOf(port.getHost()), endpointOf(port.getHost(), ":timeout=3")
    await close(await greeted(patient))
    lease = leaseTor(reactor, TorOptions())
    tor: Any = await lease.launched()
    os.kill(tor.pid, signal.SIGSTOP)
    try:
        with pytest.raises(DialTimeout, match="3 s were not enough"):
            await greeted(endpoint)
    finally:
        os.kill(tor.pid, signal.SIGCONT)
    await close(await greeted(patient))
    lease.release()
    await port.stopListening()


async def test_deadTarget() -> None:
    """
    An onion whose program does not answer is told from one that is not there, after three attempts
    on as many circuits.
    """
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.bootstrapped()
    identity = Identity.generate()
    await tor.control.command(
        f"ADD_ONION ED25519-V3:{identity.expanded()} Flags=DiscardPK Port=7777,unix:/nowhere"
    )
    seen: list[Event] = []
    options = DialOptions(OnionAddress(identity.label, 7777))
    with pytest.raises(UnreachableTarget):
        await OnionClientEndpoint(reactor, options, seen.append).connect(RecordingFactory())
    errors = [type(event.error) for event in seen if isinstance(event, Retrying)]
    assert errors.count(UnreachableTarget) == 2
    await tor.control.command(f"DEL_ONION {identity.label}")
    lease.release()


async def test_auth(tmp_path: Path) -> None:
    """
    An onion that lets in only some lets us in with our key, and with no other.
    """
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.bootstrapped()
    identity, ours, other = Identity.generate(), ClientKey.generate(), ClientKey.generate()
    target = tor.newTarget().path
    local = reactor.listenUNIX(target, RecordingFactory(greeting=b"hello"))  # type: ignore[attr-defined]
    await tor.control.command(
        f"ADD_ONION ED25519-V3:{identity.expanded()} Flags=DiscardPK,V3Auth"
        f" ClientAuthV3={ours.public} Port=7777,unix:{target}"
    )
    address = OnionAddress(identity.label, 7777)
    paths = []
    for number, key in enumerate((ours, other)):
        private = b32encode(b64decode(key.forTor())).decode("ascii").rstrip("=")
        path = tmp_path / str(number)
        path.touch(mode=0o600)
        path.write_text(f"{identity.label}:descriptor:x25519:{private}\n")
        paths.append(path)
    with pytest.raises(ClientAuthRequired):
        await greeted(endpointOf(address))
    with pytest.raises(ClientAuthRefused):
        await greeted(endpointOf(address, f":auth={paths[1]}"))
    await close(await greeted(endpointOf(address, f":auth={paths[0]}")))
    with pytest.raises(ClientAuthRequired):
        await greeted(endpointOf(address, ":isolate=dial"))
    await tor.control.command(f"DEL_ONION {identity.label}")
    await local.stopListening()
    lease.release()


async def test_runningTor() -> None:
    """
    Through the SOCKS port of a tor that runs already, nothing is launched.
    """
    port = await listen()
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.launched()
    endpoint = endpointOf(port.getHost(), f":socks={tor.socks.path}")
    await close(await greeted(endpoint))
    for seconds in (2, 20):  # the directories may be slow on a busy machine
        nobody = endpointOf(OnionAddress(NOBODY, 1), f":socks={tor.socks.path}:timeout={seconds}")
        with pytest.raises(DialTimeout) as failed:
            await greeted(nobody)
        if "Nobody is at this onion" in str(failed.value):
            break
    else:
        raise failed.value
    lease.release()
    await port.stopListening()
