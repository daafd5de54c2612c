# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor process of ours, and the certainty that it ends when we do.

Theory of operation.  Tor gets one end of a socket pair as its owning control connection
(C{__OwningControllerFD}): when nobody holds the other end any more, however our process ended,
tor exits.  Its torrc comes on standard input and its log goes to a second socket pair, so nothing
is left on disk and no port is opened.  A session of its own keeps the terminal's Ctrl-C from it.

C{subprocess.Popen} rather than C{reactor.spawnProcess}: it makes the session itself
(C{start_new_session}), needs no SIGCHLD handler, and so works with a reactor in any thread.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from onionp2p.local.forks import closeInChildren, keepInChildren
from onionp2p.local.quiet import quietFactory
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase
    from twisted.internet.tcp import Connection

    from onionp2p.tor.control import TorControl

__all__ = ["SECONDS_TO_END", "TorProcess"]

SECONDS_TO_END = 3.0
"""
How long a tor that is let go of may take to end.
"""

_COMPLAINT = re.compile(r"\[(?:warn|err)\] (.*)")
_MOST_LINES = 20
_SECONDS_TO_REAP = 2.0


def _effectiveUser() -> tuple[int | None, int | None]:
    """
    After C{twistd --euid} the real user is root still, and tor looks at the real one.
    """
    if (os.getuid(), os.getgid()) == (os.geteuid(), os.getegid()):
        return None, None
    return os.geteuid(), os.getegid()


class _TorOutput(LineOnlyReceiver):
    """
    What tor prints: kept as far as it may explain an end, and passed on.
    """

    delimiter = b"\n"

    def __init__(self, onLine: Callable[[str], None]) -> None:
        self._onLine = onLine
        self.lines: deque[str] = deque(maxlen=_MOST_LINES)
        self.closed: Outcome[None] = Outcome()

    def lineReceived(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        self.lines.append(text)
        self._onLine(text)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Pass over a line that is too long, rather than close what tor writes to.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.succeed(None)


class TorProcess:
    """
    A running tor.

    @ivar pid: its process id.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        program: str,
        makeTorrc: Callable[[int], str],
        control: TorControl,
        *,
        arguments: Sequence[str] = (),
        onLine: Callable[[str], None] = lambda line: None,
    ) -> None:
        """
        Spawn a tor.

        @param reactor: must provide L{IReactorSocket} too.
        @param program: the path of the program.
        @param makeTorrc: from the number of tor's control descriptor to its torrc.
        @param control: is connected to tor's control connection before this returns.
        @param arguments: more arguments; no secrets, since everybody can read them.
        @param onLine: told each line that tor prints.

        @raise OSError: if it can't be spawned.
        """
        self._reactor = reactor
        self._output = _TorOutput(onLine)
        # Held apart from the control connection, which may break while tor must live on.
        self._leash, theirControl = socket.socketpair(socket.AF_UNIX)
        with ExitStack() as undo, theirControl:
            undo.callback(self._leash.close)
            ourLog, theirLog = socket.socketpair(socket.AF_UNIX)
            with ourLog, theirLog, tempfile.TemporaryFile() as torrc:
                torrc.write(makeTorrc(theirControl.fileno()).encode("utf-8"))
                torrc.seek(0)
                user, group = _effectiveUser()
                self._process = subprocess.Popen(
                    [program, "-f", "-", *arguments],
                    stdin=torrc,
                    stdout=theirLog.fileno(),
                    stderr=theirLog.fileno(),
                    pass_fds=[theirControl.fileno()],
                    start_new_session=True,
                    cwd="/",
                    env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                    user=user,
                    group=group,
                )
                self.pid = self._process.pid
                undo.callback(self._killAndReap)
                self._log = self._adopt(ourLog, self._output)
            adopted = self._adopt(self._leash, control.protocol).fileno()
            undo.pop_all()
        closeInChildren(self._leash.fileno())
        closeInChildren(adopted)
        control.whenLost().addCallback(lambda _: keepInChildren(adopted))

    def _adopt(self, end: socket.socket, protocol: IProtocol) -> Connection:
        """
        Connect C{protocol} to a socket, of which the reactor keeps a duplicate.
        """
        end.setblocking(False)
        adopter = cast("PosixReactorBase", self._reactor)
        transport = adopter.adoptStreamConnection(
            end.fileno(), socket.AF_UNIX, quietFactory(protocol)
        )
        return cast("Connection", transport)

    @property
    def output(self) -> list[str]:
        """
        The last lines that tor printed.
        """
        return list(self._output.lines)

    @property
    def complaints(self) -> str:
        """
        What tor warned of last, or else what it said last; which signal ended it, if one did.
        """
        status = self._process.returncode
        if status is not None and status < 0:
            return f"It was ended by signal {-status}."
        found = [match[1] for line in self._output.lines if (match := _COMPLAINT.search(line))]
        return " ".join(found[-3:] or self.output[-1:]) or f"none; its exit status is {status}."

    def whenGone(self) -> Deferred[None]:
        """
        Give a Deferred that fires when tor has ended; never fails.
        """
        return self._output.closed.wait()

    def kill(self) -> None:
        """
        Have it end without a moment's thought, with what it has started; L{end} or L{endNow} must
        follow.
        """
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)  # it leads a session, so a group, of its own

    async def end(self) -> None:
        """
        End tor: let go of it, and kill it if it is still there 3 s later (a frozen one).
        """
        self._letGo()
        for lastResort in (self.kill, self._log.abortConnection):
            try:
                await self.whenGone().addTimeout(SECONDS_TO_END, self._reactor)
                break
            except TimeoutError:  # of the second kind when somebody else holds its output
                lastResort()
        self._reap()

    def endNow(self) -> None:
        """
        The same, without the reactor: for when it has stopped.
        """
        self._letGo()
        self._reap()

    def _letGo(self) -> None:
        if self._leash.fileno() < 0:  # done before
            return
        keepInChildren(self._leash.fileno())
        with suppress(OSError):  # tor may have gone first
            self._leash.shutdown(socket.SHUT_RDWR)
        self._leash.close()

    def _reap(self) -> None:
        """
        Take the end of the process from the kernel.  It is imminent; if not, it is made so.
        """
        try:
            self._process.wait(_SECONDS_TO_REAP)
        except subprocess.TimeoutExpired:
            self._killAndReap()

    def _killAndReap(self) -> None:
        self.kill()
        self._process.wait()
