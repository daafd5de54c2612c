# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Several ports, clients, circuits and floods, over real onion services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from onionp2p import OnionPeer
from onionp2p.clients.keys import ClientKeyFile
from onionp2p.clients.listfile import ClientsFile
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import ClientAuthRefused, ClientAuthRequired, DialTimeout, OnionPortInUse
from onionp2p.interfaces import ICircuitTransport
from onionp2p.keys import Identity
from onionp2p.listening.listen import OnionPort
from onionp2p.tor import pool


class Echo(Protocol):
    """
    Echoes.
    """

    transport: Any = None

    def __init__(self, factory: Echoes, peer: Any) -> None:
        self.factory = factory
        self.peer = peer

    def connectionMade(self) -> None:
        self.factory.came += 1

    def dataReceived(self, data: bytes) -> None:
        if self not in self.factory.spoke:
            self.factory.spoke.append(self)
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.gone += 1


class Echoes(Factory):
    """
    Keeps those who have said something.  Others may have come: a dial that tor tries again can
    leave a connection behind that nobody has.
    """

    def __init__(self) -> None:
        self.spoke: list[Echo] = []
        self.came = 0
        self.gone = 0

    def whenEmpty(self) -> Deferred[None]:
        """
        Give a Deferred that fires when nobody is there any more: a dialer's tor that ends before
        that takes the news along.
        """
        return eventually(lambda: self.gone == self.came)

    def buildProtocol(self, addr: Any) -> Any:
        return Echo(self, addr)


class Caller(Protocol):
    """
    Says something and waits for the echo.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.heard = b""
        self.wanted = b""
        self.answered: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.isOver = False

    def say(self, text: bytes) -> Deferred[None]:
        """
        Give a Deferred that fires when it has come back.
        """
        self.heard, self.wanted, self.answered = b"", text, Deferred()
        self.transport.write(text)
        return self.answered

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self.heard == self.wanted:
            self.answered.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.isOver = True
        self.ended.callback(None)


async def listen(port: int, options: str = "", echoes: Echoes | None = None) -> OnionPort:
    """
    Serve echoes.
    """
    endpoint = serverFromString(reactor, f"onionp2p:listen:port={port}{options}")
    result = await endpoint.listen(echoes or Echoes())
    assert isinstance(result, OnionPort)
    return result


async def dial(port: OnionPort, options: str = "") -> Caller:
    """
    Reach a port and hear an echo.
    """
    address = port.getHost()
    string = f"onionp2p:dial:addr={address.hostname}:port={address.port}{options}"
    caller = Caller()
    await connectProtocol(clientFromString(reactor, string), caller)
    await caller.say(b"hello")
    return caller


async def dialPatiently(port: OnionPort, options: str) -> Caller:
    """
    The same in up to six attempts of 10 s: when introduction points rotate, which in a testing
    network is every 10 to 30 s, a dial may hang in the dialer's tor (0.4.9.11) for minutes.
    """
    for _ in range(5):
        with suppress(DialTimeout):
            return await dial(port, f"{options}:timeout=10")
    return await dial(port, f"{options}:timeout=10")


async def dialWhenAllowed(port: OnionPort, options: str) -> Caller:
    """
    The same, until he is let in: the list is looked at every 2 s.
    """
    while True:
        with suppress(ClientAuthRequired, ClientAuthRefused):
            return await dial(port, options)
        await deferLater(reactor, 0.5)


async def untilRefused(port: OnionPort, options: str) -> None:
    """
    The same, until he is let in no more.
    """
    while True:
        caller = Caller()
        address = port.getHost()
        string = f"onionp2p:dial:addr={address.hostname}:port={address.port}{options}"
        try:
            await connectProtocol(clientFromString(reactor, string), caller)
        except ClientAuthRefused:
            return
        # With circuits=yes he may be put out while he is being let in.
        caller.transport.loseConnection()
        await caller.ended
        await deferLater(reactor, 0.5)


async def hangUp(*callers: Caller) -> None:
    """
    Close connections.
    """
    for caller in callers:
        caller.transport.loseConnection()
        await caller.ended


def eventually(happens: Callable[[], bool]) -> Deferred[None]:
    """
    Give a Deferred that fires when something is so; the test's deadline is its own.
    """
    done: Deferred[None] = Deferred()

    def look() -> None:
        if happens():
            done.callback(None)
        else:
            reactor.callLater(0.05, look)

    look()
    return done


async def endOtherTors() -> None:
    """
    End those tors that a test has launched beside that of all tests.
    """
    for (_, options, _), shared in list(pool._tors.items()):
        if options.state is not None:
            await shared.shutdown()


@pytest.fixture
def severalTors() -> Iterator[None]:
    """
    Let a test have tors of its own.
    """
    yield
    blockon(Deferred.fromCoroutine(endOtherTors()))


@pytest.mark.usefixtures("severalTors")
@pytest.mark.parametrize("circuits", ["", pytest.param(":circuits=yes", marks=pytest.mark.slow)])
@pytest.mark.deadline(120)
async def test_severalPorts(tmp_path: Path, circuits: str) -> None:
    """
    While a port comes and goes, those who are in at another one notice nothing, and everybody who
    dials it meanwhile gets in.
    """
    options = f":key={tmp_path}/key{circuits}"
    elsewhere = f":state={tmp_path}/state"
    echoes = Echoes()
    port = await listen(7777, options, echoes)
    inside = await dial(port)
    await hangUp(await dialPatiently(port, elsewhere))
    over = False
    dials = Counter[str]()

    async def keepDialing(isolate: str) -> None:
        while not over:
            await hangUp(await dialPatiently(port, elsewhere + isolate))
            dials[isolate] += 1

    async def someDials() -> None:
        enough = {each: dials[each] + 3 for each in isolations}
        await eventually(lambda: all(dials[each] > enough[each] for each in isolations))

    isolations = [f":isolate=the-same-{bool(circuits)}", ":isolate=dial"]
    dialing = [Deferred.fromCoroutine(keepDialing(each)) for each in isolations]
    for _ in range(2):
        await someDials()
        other = await listen(8888, options)
        with pytest.raises(OnionPortInUse):
            await listen(8888, options)
        assert other.getHost().label == port.getHost().label
        outside = await dial(other)
        await inside.say(b"still here")
        await someDials()
        await other.stopListening()
        await inside.say(b"here as well")
        await outside.say(b"and me")
        await hangUp(outside)
    await someDials()
    over = True
    await gatherResults(dialing)
    await hangUp(inside)
    await echoes.whenEmpty()
    await port.stopListening()


@pytest.mark.usefixtures("severalTors")
@pytest.mark.parametrize("circuits", ["", pytest.param(":circuits=yes", marks=pytest.mark.slow)])
@pytest.mark.deadline(120)
async def test_clients(tmp_path: Path, circuits: str) -> None:
    """
    Who is on the list gets in; who is put on it later, too; who is taken off it, no more, not even
    with the descriptor that he has.  What he has open lives on, or ends with circuits=yes.
    """
    clients = ClientsFile(str(tmp_path / "clients"))
    keys = {name: ClientKey.generate() for name in ("alice", "bob")}
    auth = {}
    for name, key in keys.items():
        ClientKeyFile(key).save(str(tmp_path / name))
        auth[name] = f":auth={tmp_path / name}:state={tmp_path}/{name}-state:isolate=dial"
    clients.add("alice", keys["alice"].public)
    echoes = Echoes()
    port = await listen(7777, f":clients={clients.path}{circuits}", echoes)
    alice = await dial(port, auth["alice"])
    with pytest.raises(ClientAuthRequired):
        await dial(port, f":state={tmp_path}/other-state")
    clients.add("bob", keys["bob"].public)
    bob = await dialWhenAllowed(port, auth["bob"])
    await alice.say(b"I notice nothing")
    clients.remove("bob")
    await untilRefused(port, auth["bob"])
    if circuits:
        await alice.ended
        await bob.ended
    else:
        await alice.say(b"nor now")
        await bob.say(b"nor I")
        await hangUp(alice, bob)
    await hangUp(await dial(port, auth["alice"]))
    await echoes.whenEmpty()
    await port.stopListening()


async def test_circuits() -> None:
    """
    Connections of one circuit have one number, those of others others; closing a circuit ends all
    of its connections at both ends, and no other's.
    """
    echoes = Echoes()
    port = await listen(7777, ":circuits=yes", echoes)
    callers = [await dial(port, f":isolate={name}") for name in ("one", "one", "other")]
    one, again, other = [each.peer for each in echoes.spoke]
    assert [each.transport.getPeer() for each in echoes.spoke] == [one, again, other]
    assert isinstance(one, OnionPeer)
    assert one == again
    assert one.circuit
    assert other.circuit not in {None, one.circuit}
    assert ICircuitTransport.providedBy(echoes.spoke[0].transport)
    await echoes.spoke[0].transport.closeCircuit()
    await callers[0].ended
    await callers[1].ended
    await callers[2].say(b"not me")
    back = await dial(port, ":isolate=one")
    assert echoes.spoke[3].peer.circuit not in {one.circuit, other.circuit}
    await hangUp(callers[2], back)
    await port.stopListening()


async def test_circuitsLiveOn() -> None:
    """
    After the listener has stopped its connections live on, and nobody else gets in.
    """
    port = await listen(7777, ":circuits=yes")
    caller = await dial(port)
    await port.stopListening()
    await caller.say(b"still here")
    with pytest.raises(Exception, match="program behind it"):
        await dial(port, ":isolate=dial:timeout=20")
    await caller.say(b"here as well")
    await hangUp(caller)


@pytest.mark.parametrize("circuits", ["", ":circuits=yes"])
async def test_streamsPerCircuit(circuits: str) -> None:
    """
    With maxstreams= who opens one connection too many loses his circuit, and nobody else his.
    """
    port = await listen(7777, f":maxstreams=2{circuits}")
    callers = [await dial(port, f":isolate={name}") for name in ("one", "one", "other")]
    late = Deferred.fromCoroutine(dial(port, ":isolate=one:timeout=20"))
    await callers[0].ended
    await callers[1].ended
    await callers[2].say(b"not me")
    # He may come back by a circuit of his own.
    (third,) = [result for _, result in await DeferredList([late], consumeErrors=True)]
    if isinstance(third, Caller):
        await hangUp(third)
    await hangUp(callers[2])
    await port.stopListening()


async def test_mostConnections() -> None:
    """
    With maxconnections= those beyond are closed at once.
    """
    echoes = Echoes()
    port = await listen(7777, ":maxconnections=1", echoes)
    caller = await dial(port)
    late = Caller()
    address = port.getHost()
    string = f"onionp2p:dial:addr={address.hostname}:port={address.port}"
    await connectProtocol(clientFromString(reactor, string), late)
    await late.ended
    await hangUp(caller)
    await echoes.whenEmpty()  # the news goes by a circuit, and who comes next by another
    await hangUp(await dial(port))
    await port.stopListening()


@pytest.mark.parametrize("circuits", ["", ":circuits=yes:introrate=10"])
async def test_floods(circuits: str) -> None:
    """
    An onion with all its defences on is reached as others are.
    """
    port = await listen(7777, f":pow=yes:powrate=50:powburst=100:maxstreams=9{circuits}")
    await hangUp(await dial(port))
    await port.stopListening()


async def test_frontend() -> None:
    """
    A backend of an Onionbalance address is published under its own, and reached there.
    """
    frontend = Identity.generate().label
    port = await listen(7777, f":frontend={frontend}.onion")
    await hangUp(await dial(port))
    await port.stopListening()
