# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services on a tor in memory: what is desired, and what tor serves.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.logger import capturedLogs

from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import (
    OnionPortInUse,
    OnionRefused,
    OnionTermsDiffer,
    TorDied,
)
from onionp2p.keys import Identity
from onionp2p.local.quiet import quietFactory
from onionp2p.options import Admission, ProofOfWork
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Drop, Hang, Ignore, Refuse, Reply
from onionp2p.tor.control import TorControl
from onionp2p.tor.service import Clients, Terms
from onionp2p.tor.services import OnionServices, ServedPort

OURS = Identity(bytes(32))
OTHERS = Identity(b"x" * 32)
ALICE, BOB = (ClientKey(bytes([number] * 32)).public for number in (1, 2))
TERMS = Terms()
CIRCUITS = Terms(circuits=True)


class Rig:
    """
    A tor, and what it is to serve.
    """

    def __init__(self, reactor: MemoryReactor, folder: Path) -> None:
        self.reactor = reactor
        self.folder = folder
        self.network = FakeNetwork(reactor)
        self.services = OnionServices(reactor)
        self.startTor()

    def startTor(self, *, hasPow: bool = True) -> None:
        """
        Have it served by a fresh tor.
        """
        self.tor = FakeTor(self.reactor, self.network, str(self.folder), hasPow=hasPow)
        self.tor.doors.openControl("/control", owner=True)
        self.tor.start()
        self.control = TorControl(self.reactor)
        endpoint = UNIXClientEndpoint(self.reactor, "/control")
        self.reactor.resultOf(endpoint.connect(quietFactory(self.control.protocol)))
        self.reactor.resultOf(self.control.ready())
        self.written: list[list[str]] = []
        self._record(cast(Any, self.control.protocol).transport)
        self.reactor.resultOf(self.services.applyTo(self.control, str(self.folder)))

    def _record(self, transport: Any) -> None:
        """
        Note the first words of the commands of each piece that is written.
        """
        write = transport.write

        def record(data: bytes) -> None:
            self.written.append([line.split()[0] for line in data.decode().splitlines()])
            write(data)

        transport.write = record

    def endTor(self) -> None:
        """
        End the tor.
        """
        self.reactor.resultOf(Deferred.fromCoroutine(self.tor.end()))
        self.reactor.advance(0)

    def begin(
        self,
        port: int,
        terms: Terms = TERMS,
        clients: Clients = None,
        identity: Identity = OURS,
    ) -> Deferred[ServedPort]:
        """
        Begin to serve a port.
        """
        served = self.services.serve(identity, port, f"unix:/run/{port}", terms, clients)
        return Deferred.fromCoroutine(served)

    def serve(
        self,
        port: int,
        terms: Terms = TERMS,
        clients: Clients = None,
        identity: Identity = OURS,
    ) -> ServedPort:
        """
        Serve a port.
        """
        return self.reactor.resultOf(self.begin(port, terms, clients, identity))

    def stop(self, served: ServedPort, idle: Deferred[None] | None = None) -> None:
        """
        Serve a port no more.
        """
        self.reactor.resultOf(served.stop(idle or succeed(None)))

    @property
    def targets(self) -> dict[int, str]:
        """
        Where tor delivers the connections of our onion.
        """
        service = self.tor.onions.services.get(OURS.label)
        return {} if service is None else service.targets


@pytest.fixture
def rig(memory_reactor: MemoryReactor, tmp_path: Path) -> Iterator[Rig]:
    """
    A tor that serves nothing yet.
    """
    tmp_path.chmod(0o700)
    rig = Rig(memory_reactor, tmp_path)
    yield rig
    rig.endTor()


@pytest.mark.parametrize("terms", [TERMS, CIRCUITS])
class TestPorts:
    """
    Ports of one onion, whichever way tor is told of it.
    """

    def test_severalPorts(self, rig: Rig, terms: Terms) -> None:
        """
        Ports with one identity are one onion; each goes where it should, and goes when it is
        stopped.
        """
        one = rig.serve(1, terms)
        other = rig.serve(2, terms)
        assert rig.targets == {1: "unix:/run/1", 2: "unix:/run/2"}
        rig.stop(one)
        assert rig.targets == {2: "unix:/run/2"}
        rig.stop(other)
        assert rig.tor.onions.services == {}

    def test_noCopyOfTheKey(self, rig: Rig, terms: Terms) -> None:
        """
        Tor keeps no copy of the key for other controllers to ask for.
        """
        rig.serve(1, terms)
        (service,) = rig.tor.onions.services.values()
        assert ("DiscardPK" in service.flags) == (terms is TERMS)

    def test_atOnce(self, rig: Rig, terms: Terms) -> None:
        """
        Ports that are asked for at once are served together.
        """
        beginnings = [rig.begin(port, terms) for port in range(1, 11)]
        for beginning in beginnings:
            rig.reactor.resultOf(beginning)
        assert rig.targets == {port: f"unix:/run/{port}" for port in range(1, 11)}

    def test_samePort(self, rig: Rig, terms: Terms) -> None:
        """
        A port that is served can't be served twice, and the first goes on.
        """
        served = rig.serve(1, terms)
        with pytest.raises(OnionPortInUse, match="port 1 of"):
            rig.serve(1, terms)
        assert rig.targets == {1: "unix:/run/1"}
        rig.stop(served)
        rig.serve(1, terms)

    def test_otherTerms(self, rig: Rig, terms: Terms) -> None:
        """
        Another port on other terms is refused; once the onion is gone, it may come back on them.
        """
        other = CIRCUITS if terms is TERMS else TERMS
        served = rig.serve(1, terms)
        with pytest.raises(OnionTermsDiffer, match=OURS.label):
            rig.serve(2, other)
        assert rig.targets == {1: "unix:/run/1"}
        rig.stop(served)
        rig.serve(2, other)
        assert rig.targets == {2: "unix:/run/2"}

    def test_refusedChange(self, rig: Rig, terms: Terms) -> None:
        """
        When tor refuses a change, what was there before is there again.
        """
        rig.serve(1, terms)
        word = "ADD_ONION" if terms is TERMS else "SETCONF"
        rig.tor.on(word, Refuse(551, "no luck today"), times=1)
        with pytest.raises(OnionRefused, match="551 no luck today"):
            rig.serve(2, terms)
        assert rig.targets == {1: "unix:/run/1"}
        rig.serve(2, terms)
        assert rig.targets == {1: "unix:/run/1", 2: "unix:/run/2"}

    def test_refusedAtFirst(self, rig: Rig, terms: Terms) -> None:
        """
        An onion that tor refuses leaves nothing.
        """
        word = "ADD_ONION" if terms is TERMS else "SETCONF"
        rig.tor.on(word, Refuse(551, "no luck today"))
        with pytest.raises(OnionRefused, match="551 no luck today"):
            rig.serve(1, terms)
        assert rig.targets == {}
        assert not [path for path in rig.folder.iterdir() if path.is_dir()]

    def test_unanswered(self, rig: Rig, terms: Terms) -> None:
        """
        When tor does not answer in time, nobody waits for it: it may yet do what it was asked.
        """
        rig.serve(1, terms)
        word = "ADD_ONION" if terms is TERMS else "SETCONF"
        rig.tor.on(word, Delay(45), times=1)
        served = rig.serve(2, terms)
        rig.reactor.advance(100)
        assert rig.targets == {1: "unix:/run/1", 2: "unix:/run/2"}
        rig.stop(served)
        assert rig.targets == {1: "unix:/run/1"}

    @pytest.mark.parametrize("port", [1, 2])
    def test_cancelled(self, rig: Rig, terms: Terms, port: int) -> None:
        """
        Who is cancelled before tor's answer leaves nothing of his behind, but what others have.
        """
        if port == 2:
            rig.serve(1, terms)
        word = "ADD_ONION" if terms is TERMS else "SETCONF"
        rig.tor.on(word, Delay(5), times=1)
        adding = rig.begin(port, terms)
        waiting = rig.begin(3, terms)
        rig.reactor.advance(1)
        adding.cancel()
        with pytest.raises(CancelledError):
            rig.reactor.resultOf(adding)
        rig.reactor.resultOf(waiting)
        expected = {1: "unix:/run/1", 3: "unix:/run/3"}
        assert rig.targets == {its: expected[its] for its in expected if its == 3 or port == 2}

    def test_lost(self, rig: Rig, terms: Terms) -> None:
        """
        When the connection ends before tor's answer, the next tor serves it.
        """
        rig.tor.on("ADD_ONION" if terms is TERMS else "SETCONF", Drop())
        served = rig.serve(1, terms)
        rig.endTor()
        rig.startTor()
        assert rig.targets == {1: "unix:/run/1"}
        rig.reactor.resultOf(served.whenPublished())

    @pytest.mark.parametrize("fault", [Refuse(552), Drop(), Hang()])
    def test_stoppingNeverFails(self, rig: Rig, terms: Terms, fault: Refuse | Drop | Hang) -> None:
        """
        Stopping never fails, and takes 2 s at most.
        """
        served = rig.serve(1, terms)
        for word in ("DEL_ONION", "RESETCONF"):
            rig.tor.on(word, fault)
        rig.reactor.resultOf(served.stop(succeed(None)), seconds=2)
        rig.reactor.advance(60)

    def test_frozen(self, rig: Rig, terms: Terms) -> None:
        """
        A tor that was frozen does all that was asked of it meanwhile when it thaws.
        """
        one = rig.serve(1, terms)
        other = rig.serve(2, terms, identity=OTHERS)
        rig.tor.freeze()
        rig.stop(one)
        late = rig.begin(3, terms, identity=OTHERS)
        rig.stop(other)
        rig.tor.thaw()
        rig.reactor.resultOf(late)
        assert rig.targets == {}
        assert rig.tor.onions.services[OTHERS.label].targets == {3: "unix:/run/3"}

    def test_freshTor(self, rig: Rig, terms: Terms) -> None:
        """
        A fresh tor is brought to all that is desired by one call, with what was stopped in between
        left out; and publication is waited for anew.
        """
        served = [rig.serve(port, terms, (ALICE,)) for port in (1, 2, 3)]
        rig.reactor.resultOf(served[0].whenPublished())
        rig.endTor()
        rig.stop(served[2])
        rig.reactor.resultOf(served[1].changeClients((BOB,)))
        rig.network.on("UPLOAD", Delay(4))
        rig.startTor()
        assert rig.targets == {1: "unix:/run/1", 2: "unix:/run/2"}
        assert BOB in rig.tor.onions.services[OURS.label].clients
        assert ALICE not in rig.tor.onions.services[OURS.label].clients
        published = served[0].whenPublished()
        assert not published.called
        rig.reactor.resultOf(published)

    def test_publication(self, rig: Rig, terms: Terms) -> None:
        """
        A port is published once every directory has answered; when tor ends, by the next one; and
        it never will be when there is none.
        """
        rig.tor.on("UPLOAD", Delay(4), times=1)
        served = rig.serve(1, terms)
        rig.reactor.resultOf(served.whenPublished())
        assert rig.reactor.seconds() == 4
        assert OURS.label in rig.network.descriptors
        rig.tor.on("UPLOAD", Ignore())
        other = rig.serve(1, terms, identity=OTHERS)
        published = other.whenPublished()
        rig.endTor()
        assert not published.called
        rig.startTor()
        rig.reactor.resultOf(published)
        rig.endTor()
        never = other.whenPublished()
        rig.services.giveUp(TorDied())
        with pytest.raises(TorDied):
            rig.reactor.resultOf(never)
        rig.startTor()

    def test_clients(self, rig: Rig, terms: Terms) -> None:
        """
        Those on the list may enter, whatever it becomes; nobody may when there are none.
        """
        served = rig.serve(1, terms, (ALICE,))
        assert rig.tor.onions.services[OURS.label].clients & {ALICE, BOB} == {ALICE}
        for clients in [(ALICE, BOB), (BOB,), (), (ALICE,)]:
            rig.reactor.resultOf(served.changeClients(clients))
            (*keys,) = rig.tor.onions.services[OURS.label].clients
            assert keys
            assert (set(keys) & {ALICE, BOB}) == set(clients)

    def test_refusedClients(self, rig: Rig, terms: Terms) -> None:
        """
        When tor refuses a list, the former one is in force.
        """
        served = rig.serve(1, terms, (ALICE,))
        word = "ADD_ONION" if terms is TERMS else "SETCONF"
        rig.tor.on(word, Refuse(513), times=1)
        # Proof of work is known to be there, so that this is no reason to try without.
        with pytest.raises(OnionRefused):
            rig.reactor.resultOf(served.changeClients((ALICE, BOB)))
        assert rig.tor.onions.services[OURS.label].clients & {ALICE, BOB} == {ALICE}

    def test_limits(self, rig: Rig, terms: Terms) -> None:
        """
        Proof of work and the limit of streams reach tor.
        """
        admission = Admission(proofOfWork=ProofOfWork.YES, powRate=5, powBurst=9, maxStreams=3)
        rig.serve(1, Terms(admission, circuits=terms.circuits))
        service = rig.tor.onions.services[OURS.label]
        assert service.maxStreams == 3
        assert "MaxStreamsCloseCircuit" in service.flags
        assert sorted(service.pow.values()) == [1, 5, 9]


def test_noProofOfWork(rig: Rig) -> None:
    """
    A tor that has no proof of work serves without, and that is said once; where it is required,
    that is an error.
    """
    rig.endTor()
    rig.startTor(hasPow=False)
    with capturedLogs() as events:
        rig.serve(1)
        rig.serve(1, identity=OTHERS)
    said = [each for each in events if "proof of work" in each.get("log_format", "")]
    assert len(said) == 1
    required = Terms(Admission(proofOfWork=ProofOfWork.YES))
    with pytest.raises(OnionRefused, match="pow=auto"):
        rig.serve(1, required, identity=Identity(b"y" * 32))
    assert len(rig.tor.onions.services) == 2


def test_sentTogether(rig: Rig) -> None:
    """
    A change reaches tor in one piece, so that no dial falls between the onion's end and its return.
    """
    rig.serve(1)
    rig.serve(2)
    assert rig.written[-1] == ["DEL_ONION", "ADD_ONION"]
    assert rig.targets == {1: "unix:/run/1", 2: "unix:/run/2"}


def test_anotherAddress(rig: Rig) -> None:
    """
    A tor that serves another address than that of the key is not trusted, and told to stop.
    """
    rig.tor.on("ADD_ONION", Reply(f"250-ServiceID={OTHERS.label}\r\n250 OK\r\n".encode()))
    withdrawn = rig.tor.on(f"DEL_ONION {OTHERS.label}", Refuse(552), times=1)
    with pytest.raises(OnionRefused, match="another address"):
        rig.serve(1)
    assert withdrawn.spent


def test_othersOnions(rig: Rig) -> None:
    """
    An onion that another controller serves is not touched when ours collides with it.
    """
    key = OURS.expanded()
    command = rig.control.command(f"ADD_ONION ED25519-V3:{key} Flags=DiscardPK Port=9,unix:/9")
    rig.reactor.resultOf(Deferred.fromCoroutine(command))
    with pytest.raises(OnionRefused, match="550 Onion address collision"):
        rig.serve(1)
    assert rig.targets == {9: "unix:/9"}


class TestFolders:
    """
    Onions that tor reads from folders.
    """

    def folder(self, rig: Rig) -> Path:
        """
        Give the folder of our onion.
        """
        return rig.folder / OURS.label

    def test_private(self, rig: Rig) -> None:
        """
        The key and all else is for nobody's eyes, and gone when it is not needed any more.
        """
        served = rig.serve(1, CIRCUITS, (ALICE,))
        paths = [self.folder(rig), *self.folder(rig).rglob("*")]
        assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
        assert "hs_ed25519_secret_key" in [path.name for path in paths]
        rig.stop(served)
        assert not self.folder(rig).exists()

    def test_others(self, rig: Rig) -> None:
        """
        One comes and goes beside others, in folders and in memory.
        """
        one = rig.serve(1, CIRCUITS)
        rig.serve(2, CIRCUITS, identity=OTHERS)
        third = Identity(b"y" * 32)
        rig.serve(3, identity=third)
        rig.stop(one)
        assert {*rig.tor.onions.services} == {OTHERS.label, third.label}

    def test_connectionsLiveOn(self, rig: Rig) -> None:
        """
        While connections live, tor keeps their onion, where it leads nobody else; it goes with the
        last of them.
        """
        one, other = rig.serve(1, CIRCUITS), rig.serve(2, CIRCUITS)
        idle: Deferred[None] = Deferred()
        rig.stop(one, idle)
        assert (*rig.targets,) == (1, 2)
        assert not Path(rig.targets[1].removeprefix("unix:")).exists()
        rig.stop(other)
        assert rig.targets[1] != "unix:/run/1"
        idle.callback(None)
        rig.reactor.advance(0)
        assert rig.targets == {}

    def test_back(self, rig: Rig) -> None:
        """
        Meanwhile the port may be served again, on other terms too.
        """
        idle: Deferred[None] = Deferred()
        rig.stop(rig.serve(1, CIRCUITS), idle)
        served = rig.serve(1, CIRCUITS)
        assert rig.targets == {1: "unix:/run/1"}
        rig.stop(served, Deferred())
        rig.serve(1)
        assert rig.targets == {1: "unix:/run/1"}
        assert "DiscardPK" in rig.tor.onions.services[OURS.label].flags
        idle.callback(None)
        rig.reactor.advance(0)
        assert rig.targets == {1: "unix:/run/1"}

    def test_leavingTwice(self, rig: Rig) -> None:
        """
        The last connection of one listener is not that of the next one at the same port.
        """
        idles: list[Deferred[None]] = [Deferred(), Deferred()]
        for idle in idles:
            rig.stop(rig.serve(1, CIRCUITS), idle)
        idles[0].callback(None)
        rig.reactor.advance(0)
        assert rig.targets != {}
        idles[1].callback(None)
        rig.reactor.advance(0)
        assert rig.targets == {}

    def test_revoked(self, rig: Rig) -> None:
        """
        Who joins the list is no reason to end anything; when one leaves it, the onion goes and
        comes back in one go, since he would find the way by its former descriptor.
        """
        served = rig.serve(1, CIRCUITS, (ALICE,))
        onions = rig.tor.onions.services
        rig.reactor.resultOf(served.changeClients((ALICE, BOB)))
        assert rig.written[-1] == ["SETCONF"]
        rig.reactor.resultOf(served.changeClients((BOB,)))
        assert rig.written[-1] == ["RESETCONF", "SETCONF"]
        assert onions[OURS.label].clients & {ALICE, BOB} == {BOB}

    def test_frontend(self, rig: Rig) -> None:
        """
        A backend of an Onionbalance address has the file that says so before tor reads it.
        """
        rig.serve(1, Terms(frontend=OTHERS.label))
        assert (self.folder(rig) / "ob_config").read_text() == (
            f"MasterOnionAddress {OTHERS.label}.onion\n"
        )
        assert not rig.tor.onions.services[OURS.label].exportsCircuits

    def test_introductionRate(self, rig: Rig) -> None:
        """
        The limit of introductions reaches tor.
        """
        rig.serve(1, Terms(Admission(introRate=7, introBurst=70), circuits=True))
        text = rig.reactor.resultOf(Deferred.fromCoroutine(self.options(rig)))
        assert "HiddenServiceEnableIntroDoSDefense=1" in text
        assert "HiddenServiceEnableIntroDoSRatePerSec=7" in text
        assert "HiddenServiceEnableIntroDoSBurstPerSec=70" in text

    async def options(self, rig: Rig) -> str:
        """
        Ask tor for the options of its folders.
        """
        return await rig.control.command("GETCONF HiddenServiceOptions")

    def test_diskFull(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        When the folder can't be made, tor is told nothing.
        """
        rig.folder.chmod(0o500)
        monkeypatch.setattr(os, "mkdir", noSpace)
        with pytest.raises(OnionRefused, match="No space left"):
            rig.serve(1, CIRCUITS)
        assert ["SETCONF"] not in rig.written
        monkeypatch.undo()
        rig.folder.chmod(0o700)

    def test_notOurTor(self, rig: Rig) -> None:
        """
        On a tor that is not ours there are none.
        """
        rig.reactor.resultOf(rig.services.applyTo(rig.control, None))
        with pytest.raises(OnionRefused, match="tor of our own"):
            rig.serve(1, CIRCUITS)


def noSpace(*_: object) -> None:
    """
    Fail as on a full disk.
    """
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
