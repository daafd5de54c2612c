# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping}.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from onionp2p.cli import main
from onionp2p.cli.parameters import asTyped
from onionp2p.cli.ping import clientEndpoint, ping
from onionp2p.cli.pingloop import pingPeer
from onionp2p.cli.pingraw import RawPeer
from onionp2p.cli.pingreport import JSONReport, Report, TextReport
from onionp2p.errors import DialCancelled, DialTimeout
from onionp2p.ping import PingResponder, PingResponderFactory
from onionp2p.ping.initiator import TIMEOUT
from onionp2p.testing import MemoryReactor

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PING = [sys.executable, "-c", "from onionp2p.cli import main; main(prog_name='onionp2p')", "ping"]


class Net:
    """
    A peer at C{/peer}, and us.
    """

    def __init__(self) -> None:
        self.reactor = MemoryReactor()
        self.reactor.start()

    def listen(self, factory: Factory) -> Any:
        """
        Be a peer.
        """
        return self.reactor.listenUNIX("/peer", factory)

    def ping(self, report: Report, *, timeout: float = TIMEOUT, **keywords: Any) -> Deferred[int]:
        """
        Ping the peer.
        """
        peer = RawPeer(self.reactor, UNIXClientEndpoint(self.reactor, "/peer"), timeout)
        return Deferred.fromCoroutine(pingPeer(self.reactor, peer, report, **keywords))


@pytest.fixture
def net() -> Net:
    """
    A net in memory.
    """
    return Net()


def test_lines(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    There is a line a reply, and a summary; the status is 0.
    """
    net.listen(PingResponderFactory())
    assert net.reactor.resultOf(net.ping(TextReport(), count=2)) == 0
    assert re.fullmatch(
        r"32 bytes from unix:/peer: seq=1 time=\d+\.\d ms\n"
        r"32 bytes from unix:/peer: seq=2 time=\d+\.\d ms\n"
        r"2 sent, 2 received, 0% loss\n"
        r"rtt min/avg/p50/p95/max = (\d+\.\d/){4}\d+\.\d ms\n",
        capsys.readouterr().out,
    )


def test_json(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    With --json each line is an object.
    """
    net.listen(PingResponderFactory())
    assert net.reactor.resultOf(net.ping(JSONReport(), count=2)) == 0
    *replies, summary = map(json.loads, capsys.readouterr().out.splitlines())
    times = [reply.pop("time_ms") for reply in replies]
    assert replies == [{"seq": 1}, {"seq": 2}]
    rtt = summary.pop("rtt_ms")
    assert summary == {"sent": 2, "received": 2, "loss_percent": 0}
    assert list(rtt) == ["min", "avg", "p50", "p95", "max"]
    assert rtt["min"] == min(times)
    assert rtt["max"] == max(times)


def test_interval(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without a count pings go out for ever: one a second, or as often as is asked for.
    """
    net.listen(PingResponderFactory())
    pinging = net.ping(TextReport())
    net.reactor.advance(9.5)
    assert capsys.readouterr().out.count("bytes from") == 10
    pinging.cancel()
    net.reactor.resultOf(pinging)
    pinging = net.ping(TextReport(), interval=0.1)
    net.reactor.advance(9.95)
    assert capsys.readouterr().out.count("bytes from") == 100
    pinging.cancel()
    net.reactor.resultOf(pinging)


def test_interrupted(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    When it is interrupted it prints the summary, says whether there were replies, and leaves
    nothing behind; a ping that was under way does not count.
    """
    port = net.listen(OneReplyFactory())
    pinging = net.ping(TextReport())
    net.reactor.advance(2)
    pinging.cancel()
    assert net.reactor.resultOf(pinging, 0) == 0
    assert "1 sent, 1 received, 0% loss\n" in capsys.readouterr().out
    port.stopListening()
    net.reactor.advance(0)
    assert net.reactor.leftovers() == []


def test_interruptedWhileDialing(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    When it is interrupted before the first connection there were no replies, so the status is 1.
    """
    pinging = Deferred.fromCoroutine(
        pingPeer(net.reactor, RawPeer(net.reactor, Slow(net)), TextReport())
    )
    net.reactor.advance(2)
    pinging.cancel()
    assert net.reactor.resultOf(pinging, 0) == 1
    assert capsys.readouterr().out == "0 sent, 0 received, 0% loss\n"


def test_interruptedWhileDialingAgain(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    When it is interrupted after the peer has gone, that is no lost ping, and the end.
    """
    port = net.listen(Factory.forProtocol(Dropping))
    pinging = Deferred.fromCoroutine(
        pingPeer(net.reactor, RawPeer(net.reactor, Slow(net, 1)), TextReport())
    )
    net.reactor.advance(3.5)
    pinging.cancel()
    assert net.reactor.resultOf(pinging, 0) == 0
    assert capsys.readouterr().out.splitlines()[2] == "2 sent, 1 received, 50% loss"
    port.stopListening()
    net.reactor.advance(0)
    assert net.reactor.leftovers() == []


@implementer(IStreamClientEndpoint)
class Slow:
    """
    Reaches the peer a number of times, then nobody; it is cancelled as an onion's endpoint is.
    """

    def __init__(self, net: Net, times: int = 0) -> None:
        self._endpoint = UNIXClientEndpoint(net.reactor, "/peer")
        self._times = times

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        if self._times == 0:
            return Deferred(lambda dialing: dialing.errback(DialCancelled()))
        self._times -= 1
        dialing: Deferred[Any] = self._endpoint.connect(protocolFactory)
        return dialing


class OneReply(PingResponder):
    """
    Answers once, then falls silent.
    """

    replies = 1

    def answer(self, data: bytes) -> bytes:
        if self.replies == 0:
            return b""
        self.replies -= 1
        return super().answer(data)


class OneReplyFactory(PingResponderFactory):
    """
    Makes such peers.
    """

    protocol = OneReply


def test_timeout(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A ping without a reply is a line of its own, after the time-out, and a loss.
    """
    net.listen(OneReplyFactory())
    assert net.reactor.resultOf(net.ping(TextReport(), count=2, timeout=3)) == 0
    assert net.reactor.seconds() == 4
    _, failure, summary, _ = capsys.readouterr().out.splitlines()
    assert failure == "seq=2: no echo within 3 s"
    assert summary == "2 sent, 1 received, 50% loss"


def test_noReplies(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without any reply there are no round trips to sum up, and the status is 1.
    """
    net.listen(Factory.forProtocol(Protocol))
    assert net.reactor.resultOf(net.ping(TextReport(), count=1)) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["1 sent, 0 received, 100% loss"]
    assert net.reactor.resultOf(net.ping(JSONReport(), count=1)) == 1
    failure, summary = map(json.loads, capsys.readouterr().out.splitlines())
    hint = "; if the peer speaks libp2p, say --libp2p"
    assert failure == {"seq": 1, "error": f"no echo within 20 s{hint}"}
    assert summary == {"sent": 1, "received": 0, "loss_percent": 100, "rtt_ms": None}


def test_otherProtocol(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Of a peer that never answers rightly, it is said once what it may speak.
    """

    class Closing(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.loseConnection()

    net.listen(Factory.forProtocol(Closing))
    assert net.reactor.resultOf(net.ping(TextReport(), count=3)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seq=1: connection lost: ")
    assert lines[0].endswith("; if the peer speaks libp2p, say --libp2p")
    assert not any("--libp2p" in line for line in lines[1:])


def test_histogram(
    net: Net, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A histogram ends it on a terminal, not elsewhere, and not among JSON.
    """
    monkeypatch.setattr("onionp2p.cli.pingreport.histogram", lambda *_, **__: ["#####"])
    net.listen(PingResponderFactory())
    for terminal, report, drawn in (
        (True, TextReport(), True),
        (False, TextReport(), False),
        (True, JSONReport(), False),
    ):
        monkeypatch.setattr("onionp2p.cli.pingreport.isTerminal", lambda _, yes=terminal: yes)
        net.reactor.resultOf(net.ping(report, count=5))
        assert capsys.readouterr().out.endswith("#####\n") is drawn


class Dropping(PingResponder):
    """
    Closes the connection at the second ping.
    """

    pings = 0

    def answer(self, data: bytes) -> bytes:
        self.pings += 1
        if self.pings == 1:
            return super().answer(data)
        assert self.transport is not None
        self.transport.loseConnection()
        return b""


def test_connectionLost(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    When the connection is lost its ping is, too; for the next one the peer is dialled again.
    """
    net.listen(Factory.forProtocol(Dropping))
    assert net.reactor.resultOf(net.ping(TextReport(), count=4)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "seq=1 time=" in lines[0]
    assert lines[1].startswith("seq=2: connection lost: Connection was closed cleanly")
    assert "seq=3 time=" in lines[2]
    assert lines[3].startswith("seq=4: connection lost: ")
    assert lines[4] == "4 sent, 2 received, 50% loss"


def test_peerGone(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A dial that fails later is a lost ping, and the next one may succeed.
    """
    port = net.listen(Factory.forProtocol(Dropping))
    pinging = net.ping(TextReport())
    net.reactor.advance(1.5)
    net.reactor.resultOf(port.stopListening())
    net.reactor.advance(1)
    net.listen(PingResponderFactory())
    net.reactor.advance(1)
    pinging.cancel()
    assert net.reactor.resultOf(pinging) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "seq=3: " in lines[2]
    assert "seq=4 time=" in lines[3]


def test_nobodyThere(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    """
    When the first dial fails, that is all there is to say; and nothing was sent.
    """
    with pytest.raises(ConnectError):
        net.reactor.resultOf(net.ping(TextReport()))
    assert capsys.readouterr().out == ""
    assert net.reactor.resultOf(net.ping(JSONReport())) == 1
    failure, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert failure.keys() == {"error"}
    assert summary == {"sent": 0, "received": 0, "loss_percent": 0, "rtt_ms": None}


@pytest.mark.parametrize(
    "address",
    [
        f"{LABEL}.onion:7777",
        f"{LABEL.upper()}.ONION:7777",
        f"/onion3/{LABEL}:7777",
        f"onionp2p:dial:addr={LABEL}.onion:7777",
    ],
)
def test_onionAddress(address: str) -> None:
    """
    An onion's address may have any spelling.
    """
    from onionp2p.endpoints import OnionClientEndpoint

    assert isinstance(clientEndpoint(MemoryReactor(), address), OnionClientEndpoint)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("short.onion:7777", "56 characters"),
        (f"{LABEL}.onion", "port"),
        (f"/onion3/{LABEL}", "port"),
        ("/ip4/127.0.0.1/tcp/7777", "/onion3"),
        ("example.com:80", "Unknown endpoint type: 'example.com'"),
        ("tcp", "'host' and 'port': give tcp:HOST:PORT"),
        ("tcp:127.0.0.1:1:nonsense=1", "argument 'nonsense': give tcp:HOST:PORT"),
    ],
)
def test_wrongAddress(address: str, problem: str) -> None:
    """
    Any other text is refused with the reason; nothing is resolved or connected to.
    """
    with pytest.raises(ValueError, match=problem):
        clientEndpoint(MemoryReactor(), address)


def test_otherEndpoints() -> None:
    """
    The string of any other client endpoint will do.
    """
    endpoint = clientEndpoint(MemoryReactor(), "unix:/run/app.sock")
    assert isinstance(endpoint, UNIXClientEndpoint)


def test_wrongAddressOnTheCommandLine() -> None:
    """
    The command says what is wrong with it, and exits with 2.
    """
    result = subprocess.run(
        [*PING, "short.onion:7777"], capture_output=True, text=True, check=False, timeout=10
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")
    assert "Error: Invalid value for ADDRESS: " in result.stderr


def test_wrongOptions() -> None:
    """
    Options out of range are refused before anything is dialled.
    """
    for options in (["-c", "0"], ["-i", "-1"], ["--timeout", "0"], []):
        arguments = [*PING, *options, *(["unix:/nowhere"] if options else [])]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=10)
        assert result.returncode == 2
        assert "Usage:" in result.stderr


def test_terminated() -> None:
    """
    Lines come as they happen, even into a pipe; SIGTERM ends an endless run with the summary.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [*PING, "-i", "0.01", f"tcp:127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            connection, _ = listener.accept()
            with connection:
                connection.sendall(connection.recv(32, socket.MSG_WAITALL))
                line = process.stdout.readline()
                process.send_signal(signal.SIGTERM)
                rest = process.stdout.read()
    assert re.fullmatch(rf"32 bytes from tcp:127\.0\.0\.1:{port}: seq=1 time=\d+\.\d ms\n", line)
    assert "1 sent, 1 received, 0% loss\n" in rest
    assert process.returncode == 0


def test_timeoutOfADial() -> None:
    """
    Of a dial that took too long nobody says that --timeout is too short, which is for replies.
    """
    assert asTyped(str(DialTimeout()), ping) == str(DialTimeout())


@pytest.mark.parametrize("option", ["-i", "--timeout"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "x"])
def test_seconds(option: str, value: str) -> None:
    """
    What is no number of seconds is refused before anything is dialled.
    """
    result = CliRunner().invoke(ping, ["tcp:127.0.0.1:1", option, value])
    assert result.exit_code == 2
    assert option in result.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Give an ADDRESS, or an --invitation"),
        (["tcp:127.0.0.1:1", "--invitation", "x"], "Give an ADDRESS, or an --invitation"),
        (["--invitation", "/nowhere/x"], "/nowhere/x"),
        (["--invitation", "-"], "standard input"),
    ],
)
def test_wrongInvitations(arguments: list[str], complaint: str) -> None:
    """
    One of the two says whom to ping, and what is wrong with an invitation is said.
    """
    result = CliRunner().invoke(main, ["ping", *arguments], input="garbage")
    assert result.exit_code != 0
    assert complaint in result.output
