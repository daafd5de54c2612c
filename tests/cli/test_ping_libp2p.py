# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping} and C{twistd onionp2p ping} over libp2p.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.python import usage

from onionp2p.cli import main
from onionp2p.cli.pinglibp2p import Libp2pPeer
from onionp2p.cli.pingloop import pingPeer
from onionp2p.cli.pingreport import JSONReport, TextReport
from onionp2p.libp2p import ConnectionFactory, Identity
from onionp2p.libp2p.errors import WrongPeer
from onionp2p.libp2p.identityfile import IdentityFile
from onionp2p.libp2p.ping import NAME, PingsFactory
from onionp2p.libp2p.pingservice import PeerDialingService
from onionp2p.libp2p.servers import PeerServerEndpoint
from onionp2p.ping.service import ListeningService
from onionp2p.tap import Options, makeService
from onionp2p.testing import MemoryReactor
from tests.programs import Program, start

__all__ = ["start"]

ONION = "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:7777"
BOB = Identity.generate()


class Net:
    """
    A libp2p peer at C{/bob}, and us.
    """

    def __init__(self, *protocols: str) -> None:
        self.reactor = MemoryReactor()
        self.reactor.start()
        self.factory = ConnectionFactory(
            self.reactor, BOB, {name: PingsFactory() for name in protocols}
        )
        self.reactor.resultOf(UNIXServerEndpoint(self.reactor, "/bob").listen(self.factory))

    def ping(self, report: Any, peerID: str | None = BOB.peerID, **keywords: Any) -> Deferred[int]:
        """
        Ping the peer.
        """
        endpoint = UNIXClientEndpoint(self.reactor, "/bob")
        peer = Libp2pPeer(self.reactor, endpoint, 20, Identity.generate(), peerID)
        return Deferred.fromCoroutine(pingPeer(self.reactor, peer, report, **keywords))


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The output is as of any peer, and ends with its peer id; at the end nothing is left.
    """
    net = Net(NAME)
    assert net.reactor.resultOf(net.ping(TextReport(), count=2)) == 0
    assert re.fullmatch(
        rf"32 bytes from /p2p/{BOB.peerID}: seq=1 time=\d+\.\d ms\n"
        rf"32 bytes from /p2p/{BOB.peerID}: seq=2 time=\d+\.\d ms\n"
        r"2 sent, 2 received, 0% loss\n"
        r"rtt min/avg/p50/p95/max = (\d+\.\d/){4}\d+\.\d ms\n",
        capsys.readouterr().out,
    )
    net.reactor.advance(0)
    assert not net.factory.connections


def test_wrongPeer(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Somebody else is not pinged.
    """
    net = Net(NAME)
    with pytest.raises(WrongPeer, match="check the id"):
        net.reactor.resultOf(net.ping(TextReport(), Identity.generate().peerID))
    assert capsys.readouterr().out == ""
    assert net.reactor.resultOf(net.ping(JSONReport(), Identity.generate().peerID)) == 1
    failure, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert "check the id" in failure["error"]
    assert summary["sent"] == 0


def test_unsupported(capsys: pytest.CaptureFixture[str]) -> None:
    """
    One that speaks no ping is asked once; the status is 1.
    """
    net = Net()
    assert net.reactor.resultOf(net.ping(JSONReport())) == 1
    failure, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert failure == {"error": "the peer speaks libp2p, but not its ping"}
    net.reactor.advance(0)
    assert not net.factory.connections


def test_connectionLost(capsys: pytest.CaptureFixture[str]) -> None:
    """
    After the connection was lost another one is made.
    """
    net = Net(NAME)
    pinging = net.ping(TextReport(), count=3)
    net.reactor.advance(0.5)
    (connection,) = net.factory.connections
    net.reactor.resultOf(connection.close())
    assert net.reactor.resultOf(pinging) == 0
    assert "3 sent, 3 received, 0% loss" in capsys.readouterr().out


@pytest.mark.parametrize("turns", range(6))
def test_interrupted(capsys: pytest.CaptureFixture[str], turns: int) -> None:
    """
    When it is interrupted it prints the summary, and leaves nothing behind.
    """
    net = Net(NAME)
    pinging = net.ping(TextReport())
    for _ in range(turns):
        net.reactor.advance(0)
    pinging.cancel()
    net.reactor.resultOf(pinging)
    assert "% loss" in capsys.readouterr().out
    net.reactor.advance(10)
    assert not net.factory.connections


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([f"{ONION}/p2p/12D3"], "not a libp2p peer id"),
        (["tcp:127.0.0.1:1", "--identity", "x"], "say --libp2p"),
        (["tcp:127.0.0.1:1:protocol=/x", "--libp2p"], "leave it out"),
    ],
)
def test_wrongUse(arguments: list[str], complaint: str) -> None:
    """
    What can't be is refused before anything is dialled.
    """
    result = CliRunner().invoke(main, ["ping", *arguments])
    assert result.exit_code != 0
    assert complaint in result.output


def parsed(*arguments: str) -> Any:
    """
    Parse a command line of C{twistd}.
    """
    untyped: Any = Options
    options = untyped()
    options.parseOptions(["ping", "--libp2p", *arguments])
    return options


def test_services() -> None:
    """
    C{--libp2p} makes a listener of any endpoint, and of an onion one with C{protocol=}; and it
    takes the peer out of what is dialled.
    """
    options = parsed("--listen=tcp:7777")
    assert isinstance(options.subOptions.listening, PeerServerEndpoint)
    assert isinstance(makeService(options), ListeningService)
    onion: Any = parsed("--listen=onionp2p:listen:port=7777", "--identity=a:b").subOptions.listening
    assert onion.options.protocol == NAME
    assert onion.options.identity == str(Path("a:b").absolute())
    dial = parsed(f"--dial=onionp2p:dial:addr={ONION}/p2p/{BOB.peerID}")
    assert isinstance(makeService(dial), PeerDialingService)
    assert dial.subOptions.peerID == BOB.peerID
    assert parsed("--dial=tcp:a:1").subOptions.peerID is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--listen=onionp2p:listen:port=1:protocol=/x"], "--listen: .*leave it out"),
        (["--dial=tcp:a:1:protocol=/x"], "--dial: .*leave it out"),
        ([f"--dial=onionp2p:dial:addr={ONION}/p2p/x"], "--dial: .*not a libp2p peer id"),
    ],
)
def test_wrongOptions(arguments: list[str], problem: str) -> None:
    """
    So is a wrong command line of C{twistd}.
    """
    with pytest.raises(usage.UsageError, match=problem):
        parsed(*arguments)


def test_identityWithout() -> None:
    """
    An identity is of use to libp2p alone.
    """
    untyped: Any = Options
    with pytest.raises(usage.UsageError, match="say --libp2p"):
        untyped().parseOptions(["ping", "--dial=tcp:a:1", "--identity=x"])


@pytest.mark.deadline(20)
async def test_programs(start: Callable[..., Program], tmp_path: Path) -> None:
    """
    One program listens, and tells who it is; others ping it, once or for ever.
    """
    place, key = tmp_path / "bob", tmp_path / "identity"
    twistd = ("twistd", "-n", "--pidfile=", "onionp2p", "ping", "--libp2p")
    listener = start(*twistd, f"--listen=unix:{place}", f"--identity={key}")
    peerID = (await listener.says("listening on ")).rpartition("/p2p/")[2]
    pinging = start("onionp2p", "ping", f"unix:{place}", "--libp2p", "-c", "2", "-i", "0.01")
    dialer = start(*twistd, f"--dial=unix:{place}")
    assert await pinging.ended == 0, pinging.output
    assert pinging.output.count(f"32 bytes from /p2p/{peerID}: seq=") == 2
    assert "peer …" in await dialer.says("32 bytes from ")
    for program in dialer, listener:
        program.signal("TERM")
        assert await program.ended in (0, -15)
    file = IdentityFile(str(key))
    assert file.identity.peerID == peerID
    file.close()
