# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One tor for all endpoints with equal options, in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs

from onionp2p.errors import TorDied, TorError
from onionp2p.events import TorEnded
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor
from onionp2p.testing.faketor import Delay, Die, Hang
from onionp2p.tor.launch import LaunchedTor
from onionp2p.tor.pool import TorLease, leaseTor, setLauncher, shutdown
from onionp2p.tor.process import SECONDS_TO_END
from onionp2p.tor.tor import Tor

OPTIONS = TorOptions()


def folderOf(tor: Tor) -> str:
    """
    Give the folder of a launched tor's sockets.
    """
    assert isinstance(tor, LaunchedTor)
    return tor.runDirectory.path


def launched(lease: TorLease) -> Deferred[Tor]:
    """
    Wait for a lease's tor.
    """
    return Deferred.fromCoroutine(lease.launched())


def bootstrapped(lease: TorLease) -> Deferred[Tor]:
    """
    Wait until a lease's tor can build circuits.
    """
    return Deferred.fromCoroutine(lease.bootstrapped())


def alive(network: FakeNetwork) -> list[bool]:
    """
    Tell of each tor, in the order of their launches, whether it lives.
    """
    return [tor.alive for tor in network.tors]


def test_shared(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Equal options share one tor, others have another.
    """
    options = [OPTIONS, TorOptions(), TorOptions(state="/elsewhere")]
    leases = [leaseTor(memory_reactor, each) for each in options]
    tors = [memory_reactor.resultOf(lease.launched()) for lease in leases]
    assert tors[0] is tors[1] is not tors[2]
    assert len(fake_network.tors) == 2


def test_reactorsDoNotShare(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Endpoints of two reactors never share a tor.
    """
    other = MemoryReactor()
    other.start()
    with FakeNetwork(other) as network:
        leaseTor(memory_reactor, OPTIONS)
        leaseTor(other, OPTIONS)
        other.advance(0)
        assert (len(fake_network.tors), len(network.tors)) == (1, 1)
        memory_reactor.resultOf(shutdown(memory_reactor))
        assert alive(network) == [True]
        other.stop()
        other.advance(0)


def test_bootstrapped(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor is launched as soon as it answers, and bootstrapped later.
    """
    fake_network.on("BOOTSTRAP 100", Delay(5))
    lease = leaseTor(memory_reactor, OPTIONS)
    memory_reactor.resultOf(lease.launched(), seconds=0)
    memory_reactor.resultOf(lease.bootstrapped())
    assert memory_reactor.seconds() == 5


def test_lingers(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that nobody uses any more goes after 60 s, with its folder.
    """
    lease = leaseTor(memory_reactor, OPTIONS)
    tor = memory_reactor.resultOf(lease.launched())
    lease.release()
    memory_reactor.advance(59)
    assert alive(fake_network) == [True]
    memory_reactor.advance(1)
    assert alive(fake_network) == [False]
    assert not os.path.exists(folderOf(tor))
    assert memory_reactor.leftovers() == []


def test_usedAgain(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who comes within that time gets the same tor, and the time begins anew after its last use.
    """
    lease = leaseTor(memory_reactor, OPTIONS)
    memory_reactor.resultOf(lease.launched())
    lease.release()
    memory_reactor.advance(59)
    again = leaseTor(memory_reactor, OPTIONS)
    memory_reactor.advance(100)
    again.release()
    memory_reactor.advance(59)
    assert alive(fake_network) == [True]


def test_lastReleaseCounts(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor stays until the last of its leases is released; releasing one twice takes nobody else's.
    """
    one, other = leaseTor(memory_reactor, OPTIONS), leaseTor(memory_reactor, OPTIONS)
    third = one.share()
    one.release()
    one.release()
    other.release()
    memory_reactor.advance(100)
    assert alive(fake_network) == [True]
    third.release()
    memory_reactor.advance(60)
    assert alive(fake_network) == [False]


def test_releasedBeforeItIsLaunched(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> None:
    """
    A tor that takes longer to launch than anybody waits is ended, launched or not.
    """
    fake_network.on("LAUNCH", Delay(1000))
    lease = leaseTor(memory_reactor, OPTIONS)
    waiting = launched(lease)
    waiting.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(waiting)
    lease.release()
    memory_reactor.advance(60)
    assert alive(fake_network) == [False]
    assert memory_reactor.leftovers() == []


def test_cancelledWaiter(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    One lessee's cancellation is not another's.
    """
    fake_network.on("LAUNCH", Delay(1))
    one, other = (launched(leaseTor(memory_reactor, OPTIONS)) for _ in range(2))
    one.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(one, seconds=0)
    memory_reactor.resultOf(other)


def test_launchFails(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    When tor can't be launched, all who wait for it are told, and the next to come tries anew.
    """
    fake_network.on("LAUNCH", Die(), times=1)
    leases = [leaseTor(memory_reactor, OPTIONS) for _ in range(3)]
    for waiting in [launched(lease) for lease in leases]:
        with pytest.raises(TorError):
            memory_reactor.resultOf(waiting, seconds=0)
    for lease in leases:
        lease.release()
    memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())


class TestDying:
    """
    A tor that ends by itself.
    """

    def test_log(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It is in the log, as an error, with tor's last words.
        """
        memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        with capturedLogs() as events:
            fake_network.tors[0].die()
            memory_reactor.advance(0)
        (event,) = [e["onionp2p"] for e in events if e["log_level"].name == "error"]
        assert isinstance(event, TorEnded)
        assert isinstance(event.why, TorDied)
        assert "It was killed." in str(event)

    def test_bootstrapping(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Who waits for its bootstrap waits for that of the next one.
        """
        fake_network.on("BOOTSTRAP 50", Delay(9), times=1)
        waiting = bootstrapped(leaseTor(memory_reactor, OPTIONS))
        memory_reactor.advance(1)
        fake_network.tors[0].die()
        memory_reactor.resultOf(waiting, seconds=3)
        assert alive(fake_network) == [False, True]

    def test_another(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        All who ask get the next one, those who have the dead one included.
        """
        lease = leaseTor(memory_reactor, OPTIONS)
        first = memory_reactor.resultOf(lease.launched())
        fake_network.tors[0].die()
        memory_reactor.advance(0)
        assert not self.isPresent(lease)
        second = memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        assert memory_reactor.resultOf(lease.launched(), seconds=0) is second is not first
        assert self.isPresent(lease)
        assert alive(fake_network) == [False, True]

    def isPresent(self, lease: TorLease) -> bool:
        """
        Whether there is a tor now.
        """
        return lease.present is not None

    def test_folder(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Its folder stays for those who have sockets there, and goes with the last of them.
        """
        lease = leaseTor(memory_reactor, OPTIONS)
        tor = memory_reactor.resultOf(lease.launched())
        fake_network.tors[0].die()
        memory_reactor.advance(0)
        assert os.path.exists(folderOf(tor))
        lease.release()
        memory_reactor.advance(0)
        assert not os.path.exists(folderOf(tor))
        assert alive(fake_network) == [False]

    def test_folderAtTheEnd(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Who never lets go of a dead tor leaves no folder behind either, when the reactor stops.
        """
        tor = memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        fake_network.tors[0].die()
        memory_reactor.advance(0)
        memory_reactor.stop()
        memory_reactor.advance(0)
        assert not os.path.exists(folderOf(tor))


class TestShutdown:
    """
    C{onionp2p.shutdown(reactor)}.
    """

    def test_ends(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It ends all of the reactor's tors, whoever uses them.
        """
        for options in (OPTIONS, TorOptions(state="/elsewhere")):
            memory_reactor.resultOf(leaseTor(memory_reactor, options).launched())
        memory_reactor.resultOf(shutdown(memory_reactor))
        assert alive(fake_network) == [False, False]

    def test_nothingIsLeft(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        By then the folder of a tor that nobody uses is gone too.
        """
        lease = leaseTor(memory_reactor, OPTIONS)
        folder = folderOf(memory_reactor.resultOf(lease.launched()))
        lease.release()
        left = shutdown(memory_reactor).addCallback(lambda _: os.path.exists(folder))
        assert memory_reactor.resultOf(left) is False

    def test_twice(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It may be called twice, and where there is no tor.
        """
        memory_reactor.resultOf(shutdown(memory_reactor), seconds=0)
        leaseTor(memory_reactor, OPTIONS)
        first, second = shutdown(memory_reactor), shutdown(memory_reactor)
        memory_reactor.resultOf(first)
        memory_reactor.resultOf(second)

    def test_lessees(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Those who wait for a tor are told that it was shut down, and nothing is logged as an error.
        """
        fake_network.on("LAUNCH", Delay(5))
        waiting = launched(leaseTor(memory_reactor, OPTIONS))
        memory_reactor.advance(1)
        with capturedLogs() as events:
            memory_reactor.resultOf(shutdown(memory_reactor))
        with pytest.raises(TorDied, match="shut down"):
            memory_reactor.resultOf(waiting, seconds=0)
        assert not [e for e in events if e["log_level"].name in {"error", "critical"}]

    def test_successor(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Who comes while a tor ends gets the next one, which is launched when the first is gone: both
        would use the same state directory.
        """
        memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        fake_network.tors[0].freeze()
        ending = shutdown(memory_reactor)
        waiting = launched(leaseTor(memory_reactor, OPTIONS))
        memory_reactor.advance(SECONDS_TO_END - 1)
        assert len(fake_network.tors) == 1
        memory_reactor.resultOf(waiting)
        assert alive(fake_network) == [False, True]
        memory_reactor.resultOf(ending, seconds=0)

    def test_successorShutDown(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork
    ) -> None:
        """
        A shutdown while one tor ends and the next waits for that is over when both are.
        """
        memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        fake_network.tors[0].freeze()
        shutdown(memory_reactor)
        waiting = launched(leaseTor(memory_reactor, OPTIONS))
        memory_reactor.resultOf(shutdown(memory_reactor))
        assert alive(fake_network) == [False]
        with pytest.raises(TorDied):
            memory_reactor.resultOf(waiting)


class TestReactorShutdown:
    """
    The reactor's stop.
    """

    def stop(
        self, reactor: MemoryReactor, phase: str = "before", then: Callable[[], Any] = list
    ) -> None:
        """
        Stop the reactor, and do something in a phase of its shutdown.
        """
        reactor.addSystemEventTrigger(phase, "shutdown", then)
        reactor.stop()
        reactor.advance(0)

    def test_launched(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        A tor in use lives until the last phase, so that connections can flush, and no longer.
        """
        tor = memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())
        seen: list[bool] = []
        self.stop(memory_reactor, "before", lambda: seen.append(fake_network.tors[0].alive))
        assert seen == [True]
        assert alive(fake_network) == [False]
        assert not os.path.exists(folderOf(tor))

    def test_launching(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        A tor that is still being launched is ended before.
        """
        fake_network.on("LAUNCH", Delay(100))
        waiting = launched(leaseTor(memory_reactor, OPTIONS))
        memory_reactor.advance(1)
        self.stop(memory_reactor)
        with pytest.raises(TorDied):
            memory_reactor.resultOf(waiting, seconds=0)
        assert memory_reactor.leftovers() == []

    def test_hung(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        One that hangs while it is launched holds up the reactor's end no longer than it takes to
        kill it.
        """
        fake_network.on("GETINFO", Hang())
        leaseTor(memory_reactor, OPTIONS)
        memory_reactor.advance(1)
        self.stop(memory_reactor)
        memory_reactor.advance(5)
        assert not memory_reactor.running
        assert alive(fake_network) == [False]

    def test_idle(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        One that lingers is ended too, and nothing of its 60 s is left.
        """
        lease = leaseTor(memory_reactor, OPTIONS)
        memory_reactor.resultOf(lease.launched())
        lease.release()
        self.stop(memory_reactor)
        assert alive(fake_network) == [False]
        assert memory_reactor.leftovers() == []

    def test_comesTooLate(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        Who comes after the reactor's end is told so, and no tor is launched.
        """
        self.stop(memory_reactor)
        setLauncher(memory_reactor, None)  # the fake one would not mind
        with pytest.raises(TorDied, match="shut down by this program"):
            memory_reactor.resultOf(leaseTor(memory_reactor, OPTIONS).launched())


def test_progress(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A lessee is told of the bootstrap until it releases its lease.
    """
    fake_network.on("BOOTSTRAP", Delay(1))
    seen: list[int] = []
    lease = leaseTor(memory_reactor, OPTIONS, lambda progress: seen.append(progress.percent))
    memory_reactor.resultOf(lease.launched())
    memory_reactor.advance(2)
    lease.release()
    memory_reactor.advance(2)
    assert seen == [0, 5, 10]
