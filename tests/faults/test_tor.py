# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tor ends, hangs, reads its configuration anew, or finds that its clock has jumped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from onionp2p.errors import StateInUse
from onionp2p.events import Cause, Published, Reachable, Repairing, TorEnded, Unreachable, observe
from onionp2p.options import TorOptions
from onionp2p.testing import FakeTor
from onionp2p.testing.faketor import Refuse
from onionp2p.testing.faketor.reconfiguring import reload
from onionp2p.tor.state import StateDirectory

SYSTEM = "/system/control"

kinds = pytest.mark.parametrize("kind", [{}, {"circuits": True}], ids=["memory", "folder"])


@pytest.fixture
def folder() -> Iterator[str]:
    """
    A real folder, for cookies.
    """
    with TemporaryDirectory(prefix="faults-") as path:
        yield path


@kinds
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [(FakeTor.die, 5), (FakeTor.exit, 5), (FakeTor.dropControl, 5), (FakeTor.freeze, 110)],
    ids=["SIGKILL", "SIGTERM", "control lost", "SIGSTOP"],
)
def test_ended(
    program: Any, fault: Callable[[FakeTor], None], seconds: float, kind: dict[str, Any]
) -> None:
    """
    Whatever ends our tor: its connections end, a dial that is begun at once waits and comes
    through, and the listener is the same object at the same address.
    """
    listener = program.listen(**kind)
    port = listener.port
    address = port.getHost()
    stranger = program.connect(port)
    tor = program.serving(listener)
    fault(tor)
    program.reactor.resultOf(program.dial(port, timeout=seconds))
    assert not tor.alive
    assert stranger.lost is not None
    assert listener.factory.protocols[0].lost is not None
    assert listener.port.getHost() == address
    assert program.reaches(port)
    assert listener.kinds()[-3:] == [Unreachable, Published, Reachable]


@kinds
def test_hangUp(program: Any, kind: dict[str, Any]) -> None:
    """
    SIGHUP changes nothing: the same tor, the same onion, and the connections live on.
    """
    listener = program.listen(**kind)
    stranger = program.connect(listener.port)
    tor = program.serving(listener)
    reload(tor)
    program.reactor.advance(10)
    assert program.serving(listener) is tor
    assert program.echoes(stranger)
    assert program.reaches(listener.port)


@kinds
def test_clockJumps(program: Any, kind: dict[str, Any]) -> None:
    """
    An hour that is lost, as while a machine sleeps, costs nobody a connection; new dials come
    through, the watch finds all well, and nothing is repaired.
    """
    listener = program.listen(watch=60.0, **kind)
    stranger = program.connect(listener.port)
    tor = program.serving(listener)
    for end in (tor, program.network.tors[-1]):
        end.jumpClock(3600)
    assert program.reaches(listener.port)
    assert program.echoes(stranger)
    program.reactor.advance(300)
    assert listener.kinds()[-1] is Reachable
    assert not {Repairing, Unreachable} & {*listener.kinds()}
    assert program.serving(listener) is tor


@pytest.mark.parametrize("pause", [0.0, 500.0])
@pytest.mark.parametrize("state", ["same", "empty"])
def test_systemTorRestarted(program: Any, folder: str, state: str, pause: float) -> None:
    """
    A tor that the system runs (control=) may come back soon or late, with what it knew or with
    nothing, another cookie included: we are let in again, and it serves our onion as before.
    """
    cookie = {"CookieAuthentication": "1"}
    tor = program.startSystemTor(folder, **cookie)
    listener = program.listen(tor=TorOptions(control=SYSTEM))
    address = listener.port.getHost()
    tor.exit()
    program.reactor.advance(pause)
    if state == "empty":
        shutil.rmtree(folder)
        os.mkdir(folder)
    restarted = program.startSystemTor(folder, **cookie)
    program.wait(lambda: program.serving(listener) is restarted, seconds=80)
    assert listener.port.getHost() == address
    assert program.reaches(listener.port)
    program.reactor.advance(30)
    assert listener.kinds()[-3:] == [Unreachable, Published, Reachable]


def test_systemTorTakesNoDials(program: Any) -> None:
    """
    One by which we can't dial serves our onion; that we can't try it is told, and no reason to
    repair anything.
    """
    program.startSystemTor(SocksPort="0")
    listener = program.listen(tor=TorOptions(control=SYSTEM), watch=60.0)
    assert program.reaches(listener.port)
    program.reactor.advance(1000)
    causes = {event.cause for event in listener.told if isinstance(event, Unreachable)}
    assert causes == {Cause.NO_SOCKS}
    assert Repairing not in listener.kinds()


def test_systemTorFrozen(program: Any) -> None:
    """
    One that is frozen is not ours to end: we leave it, come back when it thaws, and are served,
    though it has not yet noticed that our former connection has gone.
    """
    tor = program.startSystemTor()
    listener = program.listen(tor=TorOptions(control=SYSTEM))
    port = listener.port
    # What it tells those who come back too soon.
    tor.on("ADD_ONION", Refuse(550, "Onion address collision"), times=3)
    tor.freeze()
    program.reactor.advance(300)
    assert tor.alive
    tor.thaw()
    program.wait(lambda: program.serving(listener) is tor, seconds=300)
    assert program.reaches(port)


def test_stateIsLost(tmp_path: Path) -> None:
    """
    The state directory of our own tor may go while it is in use: the next tor has a fresh one, and
    nobody else gets it.
    """
    path = tmp_path / "state"
    first = StateDirectory.find(str(path))
    shutil.rmtree(path)
    second = StateDirectory.find(str(path))
    first.release()
    with pytest.raises(StateInUse):
        StateDirectory.find(str(path))
    second.release()
    assert os.listdir(path) == []


def test_killedAgainAndAgain(program: Any) -> None:
    """
    Each end is told with a reason, and the next tor comes within two seconds.
    """
    listener = program.listen()
    ended: list[TorEnded] = []
    forget = observe(lambda event: ended.append(event) if isinstance(event, TorEnded) else None)
    for _ in range(20):
        program.serving(listener).die()
        program.wait(lambda: program.serving(listener) is not None, seconds=3)
        program.reactor.advance(1)
    forget()
    assert len(ended) == 20
    assert all("It was killed." in str(event.why) for event in ended)
    assert program.reaches(listener.port)
