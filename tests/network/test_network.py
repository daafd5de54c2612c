# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The private network as a product: started, shared, disturbed, and gone.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred

from onionp2p.errors import TorError, TorNotFound, TorTooOld
from onionp2p.testing import blueprint
from onionp2p.testing.network import PrivateNetwork

Start = Callable[..., Any]


async def test_relaysComeAndGo(tmp_path: Path, tor_listen: Any, tor_dial: Any) -> None:
    """
    Relays can be frozen, stopped and brought back while the network serves.
    """
    private = PrivateNetwork(reactor, folder=str(tmp_path), relays=6)
    await private.start()
    try:
        first, second = private.relays[:2]
        first.freeze()
        await second.stop()
        await second.restart()
        first.thaw()
        assert [node.nickname for node in private.nodes] == [f"n{n}" for n in range(7)]
        assert await second.control.getInfo("version")
        assert await first.control.getInfo("version")
    finally:
        await private.stop(keepLogs=str(tmp_path))
    # What is left is what was asked for.
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"n{n}.log" for n in range(7)]


async def test_aNodeThatDiesSpoilsTheStart(tmp_path: Path) -> None:
    """
    A relay killed during the start ends it with an error that names the relay; nothing is left but
    the logs that were asked for.
    """

    def kill(text: str, fraction: float) -> None:
        if text == "voting":
            os.kill(private.relays[0].pid, 9)

    folder, logs = tmp_path / "net", tmp_path / "logs"
    folder.mkdir()
    logs.mkdir()
    private = PrivateNetwork(reactor, folder=str(folder), logs=str(logs), step=kill)
    with pytest.raises(TorError, match="The node n1 ended"):
        await private.start()
    assert list(folder.iterdir()) == []
    assert sorted(log.name for log in logs.iterdir()) == [f"n{number}.log" for number in range(6)]


@pytest.mark.parametrize("moment", ["making keys", "launching tors", "voting"])
async def test_cancelledStart(tmp_path: Path, moment: str) -> None:
    """
    A start can be given up at any time, and leaves nothing.
    """

    def cancel(text: str, fraction: float) -> None:
        if text == moment:
            reactor.callLater(0, lambda: starting.cancel())  # noqa: PLW0108 - made later

    private = PrivateNetwork(reactor, folder=str(tmp_path), step=cancel)
    starting = Deferred.fromCoroutine(private.start())
    with pytest.raises(CancelledError):
        await starting
    assert list(tmp_path.iterdir()) == []


async def test_portsTakenByOthers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When somebody takes a port between its choice and tor's binding, others are chosen.
    """
    free = blueprint._freePorts
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices = [[taken.getsockname()[1], *free(6)]]
        monkeypatch.setattr(
            blueprint, "_freePorts", lambda n: choices.pop() if choices else free(n)
        )
        private = PrivateNetwork(reactor, folder=str(tmp_path))
        await private.start()
        await private.stop()
    assert choices == []


async def test_noTor(tmp_path: Path) -> None:
    """
    Without a tor program nothing is started, and the error says how to install it.
    """
    private = PrivateNetwork(reactor, folder=str(tmp_path), program=str(tmp_path / "tor"))
    with pytest.raises(TorNotFound, match="apt install tor"):
        await private.start()
    assert list(tmp_path.iterdir()) == []


async def test_oldTor(tmp_path: Path) -> None:
    """
    A tor that is too old is told by its version.
    """
    program = tmp_path / "tor"
    program.write_text("#!/bin/sh\necho '[notice] Tor 0.4.7.8 running on Linux with'\n")
    program.chmod(0o755)
    (tmp_path / "net").mkdir()
    private = PrivateNetwork(reactor, folder=str(tmp_path / "net"), program=str(program))
    with pytest.raises(TorTooOld, match=r"0\.4\.7\.8"):
        await private.start()
    assert list((tmp_path / "net").iterdir()) == []


async def test_noPlace(tmp_path: Path) -> None:
    """
    Where its folder can't be made, the error names the place.
    """
    with pytest.raises(TorError, match="nowhere"):
        await PrivateNetwork(reactor, folder=str(tmp_path / "nowhere")).start()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"authorities": 0}, "authority"),
        ({"relays": 3}, "5 nodes"),
        ({"votingInterval": 5}, "10 s"),
    ],
)
def test_networksThatCannotWork(options: dict[str, int], complaint: str) -> None:
    """
    A network that could not work is refused before anything is started.
    """
    with pytest.raises(ValueError, match=complaint):
        PrivateNetwork(reactor, **options)  # type: ignore[arg-type]


async def test_threeAuthorities(tmp_path: Path) -> None:
    """
    A network may have several authorities, which vote together.
    """
    private = PrivateNetwork(reactor, authorities=3, relays=3, folder=str(tmp_path))
    await private.start()
    assert len(private.authorities) == len(private.relays) == 3
    await private.stop()


async def test_commandLine(start: Start, tmp_path: Path) -> None:
    """
    Testnet run passes the network to a command, ends with its status, and leaves nothing; testnet
    status lists it meanwhile.
    """
    script = (
        "env | grep ^TOR_SOCKS_PORT; onionp2p testnet status --folder $0;"
        " cat $ONIONP2P_TORRC; exit 7"
    )
    path = f"PATH={os.path.dirname(sys.executable)}:$PATH"
    program = start(
        "onionp2p",
        "testnet",
        "run",
        "--client",
        "--folder",
        str(tmp_path),
        "--",
        "/bin/sh",
        "-c",
        f"{path}; {script}",
        str(tmp_path),
    )
    assert await program.ended == 7
    assert "TOR_SOCKS_PORT=" in program.output
    assert "6 of 6 nodes" in program.output
    assert "TestingTorNetwork 1" in program.output
    assert list(tmp_path.iterdir()) == []


async def test_upUntilInterrupted(start: Start, tmp_path: Path) -> None:
    """
    Testnet up prints what to export, keeps the network until Ctrl-C, and leaves nothing.
    """
    program = start("onionp2p", "testnet", "up", "--folder", str(tmp_path))
    torrc = (await program.says("export ONIONP2P_TORRC=")).partition("=")[2]
    assert stat.S_IMODE(os.stat(os.path.dirname(torrc)).st_mode) == 0o700
    program.signal("INT")
    assert await program.ended == 0
    assert list(tmp_path.iterdir()) == []


async def test_interruptedWhileStarting(start: Start, tmp_path: Path) -> None:
    """
    Ctrl-C during the start ends it, with nothing left.
    """
    program = start("onionp2p", "testnet", "up", "--folder", str(tmp_path))
    await program.says("voting")
    program.signal("INT")
    assert await program.ended == 130
    assert "Traceback" not in program.output
    assert list(tmp_path.iterdir()) == []


async def test_noSuchCommand(start: Start) -> None:
    """
    A command that is not there is told at once, with a shell's status.
    """
    program = start("onionp2p", "testnet", "run", "--", "no-such-command")
    assert await program.ended == 127
    assert "no-such-command" in program.output
