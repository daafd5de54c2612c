# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The control connection, with a tor in memory at its other end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, eventAsText
from twisted.python.failure import Failure

from onionp2p.errors import ControlLost, ControlTimeout, TorRefusedCommand
from onionp2p.local.quiet import quietFactory
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Die, Drop, Hang, Ignore, Refuse, Reply
from onionp2p.tor.control import TorControl
from onionp2p.tor.words import parseKeywords

SECRET = "c2VjcmV0" * 11
"""As long as a key, and in its alphabet."""


@pytest.fixture
def tor(memory_reactor: MemoryReactor) -> Iterator[FakeTor]:
    """
    A tor that takes commands at C{/control}.
    """
    fake = FakeTor(memory_reactor, FakeNetwork(memory_reactor), "/nowhere")
    fake.doors.openControl("/control", owner=True)
    fake.start()
    yield fake
    memory_reactor.resultOf(Deferred.fromCoroutine(fake.end()))


@pytest.fixture
def control(memory_reactor: MemoryReactor, tor: FakeTor) -> TorControl:
    """
    A control connection that is let in.
    """
    connection = connect(memory_reactor)
    memory_reactor.resultOf(connection.ready())
    return connection


def connect(reactor: MemoryReactor) -> TorControl:
    """
    Give a control connection that is just made.
    """
    control = TorControl(reactor)
    endpoint = UNIXClientEndpoint(reactor, "/control")
    reactor.resultOf(endpoint.connect(quietFactory(control.protocol)))
    return control


def command(control: TorControl, text: str) -> Deferred[str]:
    """
    Send a command.
    """
    return Deferred.fromCoroutine(control.command(text))


def test_command(memory_reactor: MemoryReactor, control: TorControl) -> None:
    """
    A command's result is tor's answer, without the codes.
    """
    answer = memory_reactor.resultOf(control.command("GETINFO version signal/names"))
    assert answer.startswith("version=0.4.9.11\nsignal/names=RELOAD HUP")


def test_getInfo(memory_reactor: MemoryReactor, control: TorControl) -> None:
    """
    The value of one key comes by itself.
    """
    assert memory_reactor.resultOf(control.getInfo("version")) == "0.4.9.11"


def test_anyPieces(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    It makes no difference how tor's bytes are cut into packets.
    """
    tor.pieceSize = 1
    control = connect(memory_reactor)
    memory_reactor.resultOf(control.ready())
    assert memory_reactor.resultOf(control.getInfo("version")) == "0.4.9.11"


def test_refused(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    A refusal is an error with tor's code and words.
    """
    tor.on("SIGNAL", Refuse(552, "what is that"))
    with pytest.raises(TorRefusedCommand, match="552 what is that") as caught:
        memory_reactor.resultOf(control.command("SIGNAL NEWNYM"))
    assert caught.value.code == 552


def test_inOrder(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Commands that are sent at once get their own answers, though one is slow and one refused.
    """
    tor.on("GETINFO version", Delay(3), times=1)
    tor.on("GETINFO dormant", Refuse(551))
    first, second, third = (
        command(control, f"GETINFO {key}") for key in ("version", "dormant", "process/pid")
    )
    with pytest.raises(TorRefusedCommand):
        memory_reactor.resultOf(second)
    assert memory_reactor.resultOf(first) == "version=0.4.9.11"
    assert memory_reactor.resultOf(third) == f"process/pid={tor.pid}"


@pytest.mark.parametrize("fault", [Hang(), Ignore()])
def test_deadline(
    memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl, fault: Hang | Ignore
) -> None:
    """
    A tor that does not answer costs 30 s.
    """
    tor.on("SIGNAL", fault)
    with pytest.raises(ControlTimeout):
        memory_reactor.resultOf(control.command("SIGNAL NEWNYM"))
    assert memory_reactor.seconds() == 30
    memory_reactor.advance(0)


@pytest.mark.parametrize("moment", ["PROTOCOLINFO", "AUTHENTICATE", "GETINFO", "SETEVENTS"])
def test_readyDeadline(memory_reactor: MemoryReactor, tor: FakeTor, moment: str) -> None:
    """
    So does one that never lets us in.
    """
    tor.on(moment, Hang())
    control = connect(memory_reactor)
    with pytest.raises(ControlTimeout):
        memory_reactor.resultOf(control.ready())
    assert memory_reactor.seconds() == 30


@pytest.mark.parametrize("moment", ["PROTOCOLINFO", "AUTHENTICATE", "GETINFO", "SETEVENTS"])
@pytest.mark.parametrize("fault", [Drop(), Die(), Reply(b"250-half", closes=True)])
def test_lostBeforeReady(
    memory_reactor: MemoryReactor, tor: FakeTor, moment: str, fault: Drop | Die | Reply
) -> None:
    """
    A connection that ends before we are let in fails at once.
    """
    tor.on(moment, fault)
    control = connect(memory_reactor)
    with pytest.raises(ControlLost):
        memory_reactor.resultOf(control.ready(), seconds=0)


def test_lost(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    When the connection ends, all commands under way fail at once, and so do later ones; whoever
    asked is told, whenever they ask.
    """
    tor.on("GETINFO version", Drop())
    told = [control.whenLost()]
    commands = [command(control, f"GETINFO {key}") for key in ("version", "dormant")]
    for answer in commands:
        with pytest.raises(ControlLost):
            memory_reactor.resultOf(answer, seconds=0)
    assert control.lost
    with pytest.raises(ControlLost):
        memory_reactor.resultOf(control.command("GETINFO version"), seconds=0)
    for deferred in [*told, control.whenLost()]:
        memory_reactor.resultOf(deferred, seconds=0)


def test_cancelled(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Who stops waiting for an answer harms nobody: the next command gets its own.
    """
    tor.on("GETINFO version", Delay(3), times=1)
    first, second = command(control, "GETINFO version"), command(control, "GETINFO dormant")
    memory_reactor.advance(1)
    first.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(first, seconds=0)
    assert memory_reactor.resultOf(second) == "dormant=0"


@pytest.mark.parametrize("text", ["GETINFO a\r\nSIGNAL HALT", "GETINFO a\nb", "GETINFO é", "\x00"])
def test_oneLine(memory_reactor: MemoryReactor, control: TorControl, text: str) -> None:
    """
    A command is one line of ASCII: nothing else is sent.
    """
    with pytest.raises(ValueError, match="one line of ASCII"):
        memory_reactor.resultOf(control.command(text))


def test_events(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Observers are told of their events, in order, until they have had enough; what is not ASCII in
    them is replaced.
    """
    one: list[str] = []
    other: list[str] = []
    forget = control.observe("HS_DESC", one.append)
    control.observe("STATUS_CLIENT", other.append)
    tor.tell("HS_DESC", "FAILED x")
    tor.tell("HS_DESC", "FAILED \xe9")
    tor.tell("STATUS_CLIENT", "NOTICE y")
    tor.tell("BW", "0 0")
    memory_reactor.advance(0)
    forget()
    tor.tell("HS_DESC", "FAILED z")
    memory_reactor.advance(0)
    assert one == ["FAILED x", "FAILED ?"]
    assert other == ["NOTICE y"]


def test_brokenObserver(
    memory_reactor: MemoryReactor,
    tor: FakeTor,
    control: TorControl,
    loggedErrors: list[object],
) -> None:
    """
    An observer that raises is logged, and breaks nothing.
    """

    def broken(text: str) -> None:
        raise ZeroDivisionError

    control.observe("HS_DESC", broken)
    tor.tell("HS_DESC", "FAILED x")
    assert memory_reactor.resultOf(control.getInfo("version")) == "0.4.9.11"
    assert loggedErrors
    loggedErrors.clear()


@pytest.mark.parametrize(
    "garbage",
    [b"garbage\r\n", b"\xff\xfe\r\n", b"999 what?\r\n", b"250-a\r\n551 b\r\n", b"\r\n", b"2\r\n"],
)
def test_garbage(
    memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl, garbage: bytes
) -> None:
    """
    An answer that is none ends the connection; nothing is logged as a fault of ours.
    """
    tor.on("GETINFO", Reply(garbage))
    with pytest.raises(ControlLost):
        memory_reactor.resultOf(control.getInfo("version"), seconds=0)
    assert control.lost


def test_unaskedAnswer(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    So does an answer that nobody asked for.
    """
    tor.on("GETINFO", Reply(b"250 OK\r\n250 OK\r\n"))
    memory_reactor.resultOf(control.command("GETINFO version"))
    memory_reactor.advance(0)
    assert control.lost


@pytest.mark.parametrize("fault", [Refuse(512, SECRET), Drop(), Die(), Ignore(), Reply(b"?\r\n")])
def test_secretsStayHere(
    memory_reactor: MemoryReactor,
    tor: FakeTor,
    control: TorControl,
    fault: Refuse | Drop | Die | Ignore | Reply,
) -> None:
    """
    A command may hold a key: it is in no error, whatever goes wrong, nor in the variables of a
    traceback; not even if tor quotes it.
    """
    tor.on("ADD_ONION", fault)
    with capturedLogs() as events:
        shown = shownBy(memory_reactor, command(control, f"ADD_ONION ED25519-V3:{SECRET}"))
    shown += [repr(event) + eventAsText(event) for event in events]
    assert not [text for text in shown if SECRET[:16] in text]


def test_secretOnALostConnection(
    memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl
) -> None:
    """
    Nor is the key of a command that could not be sent at all.
    """
    tor.dropControl()
    memory_reactor.advance(0)
    sending = control.command(f"ADD_ONION ED25519-V3:{SECRET}")
    # By the reactor: with Twisted 24.7 a failure shows the frame that began a coroutine, too.
    begin: Any = Deferred.fromCoroutine
    shown = shownBy(memory_reactor, deferLater(memory_reactor, 0, begin, sending))
    assert not [text for text in shown if SECRET[:16] in text]


def shownBy(reactor: MemoryReactor, failing: Deferred[str]) -> list[str]:
    """
    Give all that an error shows to who looks closely.
    """
    failures: list[Failure] = []
    failing.addErrback(failures.append)
    reactor.advance(30)
    shown: list[str] = []
    error: BaseException | None = failures[0].value
    while error is not None:
        failure = Failure(error, type(error), error.__traceback__, captureVars=True)
        shown += [repr(error), str(error), failure.getTraceback(detail="verbose")]
        error = error.__cause__ or error.__context__
    return shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", {}),
        ("UPLOADED x", {}),
        ("A=1 B=two", {"A": "1", "B": "two"}),
        ('SUMMARY="two words" TAG=x', {"SUMMARY": "two words", "TAG": "x"}),
        (r'WHY="a \"quoted\" \\ thing"', {"WHY": r'a "quoted" \ thing'}),
        ('BROKEN="never closed', {"BROKEN": '"never'}),
        ("EMPTY= NEXT=1", {"EMPTY": "", "NEXT": "1"}),
    ],
)
def test_parseKeywords(text: str, words: dict[str, str]) -> None:
    """
    The C{NAME=value} words of an event are read, quoted or not; others are passed over.
    """
    assert parseKeywords(text) == words
