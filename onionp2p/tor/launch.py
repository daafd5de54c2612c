# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Launching a tor of our own: from options to a process that answers and bootstraps.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import ExitStack, suppress
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from onionp2p.errors import StateInUse, TooFewDescriptors, TorDied, TorError, TorrcRefused
from onionp2p.local.files import UnfitFile, readText
from onionp2p.local.folders import expandHome
from onionp2p.local.places import Place
from onionp2p.options import TorOptions
from onionp2p.tor.bootstrap import Bootstrap
from onionp2p.tor.clientauth import ClientAuthorizations
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import checkVersion, findTor
from onionp2p.tor.rundir import RunDirectory
from onionp2p.tor.state import StateDirectory
from onionp2p.tor.torrc import LONGEST, UserLines, filterUserLines, renderTorrc

__all__ = ["LaunchedTor", "OwnedTor", "launchTor"]

_log = Logger()
_TOO_FEW = re.compile(r"We need (\d+) file descriptors available, and we're limited to (\d+)")


class OwnedTor(Protocol):
    """
    A tor whose life is in our hands: a L{TorProcess}, or in tests what stands in for one.
    """

    @property
    def pid(self) -> int:
        """
        Its process id.
        """

    @property
    def complaints(self) -> str:
        """
        What it complained of last.
        """

    async def end(self) -> None:
        """
        End it, and wait until it is gone.
        """

    def endNow(self) -> None:
        """
        End it without the reactor.
        """


class LaunchedTor:
    """
    A tor of ours that answers.

    @ivar control: its control connection.
    @ivar bootstrap: how far it is in reaching its network.
    @ivar authorizations: our keys to others' onions, while they are needed.
    @ivar runDirectory: the folder of the sockets between us and it.
    @ivar socks: its SOCKS port.
    @ivar pid: its process id.
    """

    def __init__(
        self,
        process: OwnedTor,
        control: TorControl,
        bootstrap: Bootstrap,
        runDirectory: RunDirectory,
        held: ExitStack,
    ) -> None:
        self._process = process
        self._held = held
        self.control = control
        self.bootstrap = bootstrap
        self.authorizations = ClientAuthorizations(control)
        self.runDirectory = runDirectory
        self.socks = Place(path=runDirectory.socksPath)
        self.pid = process.pid

    async def takeLeave(self) -> None:
        """
        Do nothing: it goes too.
        """

    async def end(self) -> None:
        """
        End it, and remove what it does not need for its next start.
        """
        self.bootstrap.stop()
        try:
            await self._process.end()
        finally:
            self._held.close()

    def endNow(self) -> None:
        """
        The same, without the reactor: for when it has stopped.
        """
        self._process.endNow()
        self._held.close()

    async def bootstrapped(self) -> None:
        """
        Wait until it can build circuits.

        @raise TorError: says what keeps it from that.
        """
        await self.bootstrap.whenDone()

    def newTarget(self) -> Place:
        """
        Give a UNIX socket for one more listener, in our private folder.
        """
        return Place(path=self.runDirectory.newTargetPath())

    def whyLost(self) -> TorDied:
        """
        Give the error for when its control connection has ended, with what it complained of last.
        """
        return TorDied(f"Its last words: {self._process.complaints}")


async def launchTor(
    reactor: IReactorTime, options: TorOptions, runDirectory: RunDirectory
) -> LaunchedTor:
    """
    Launch a tor and wait until it answers; it bootstraps by itself.

    @param runDirectory: for the sockets between us and it; stays when tor ends.

    @raise TorError: says what keeps it from starting.
    """
    program = findTor(options.program)
    userLines = _readUserLines(options)
    with ExitStack() as held:
        state = StateDirectory.find(options.state)
        held.callback(state.release)
        defaults = os.path.join(runDirectory.path, "defaults-torrc")
        try:
            with open(defaults, "w", encoding="utf-8", opener=_private) as file:
                file.write(userLines.text)
        except OSError as problem:
            raise TorError(f"{defaults}: {problem.strerror}.") from None
        held.callback(_remove, defaults)
        control = TorControl(reactor)
        try:
            process = TorProcess(
                reactor,
                program,
                lambda descriptor: renderTorrc(
                    stateDirectory=state.path,
                    socksPath=runDirectory.socksPath,
                    owningDescriptor=descriptor,
                    plugins=userLines.plugins,
                ),
                control,
                arguments=["--defaults-torrc", defaults],
                onLine=_logLine,
            )
        except OSError as problem:
            raise TorError(f"{program} can't be run: {problem.strerror}.") from None
        bootstrap = Bootstrap(reactor, control)
        try:
            await control.ready()
            await bootstrap.follow()
        except BaseException as problem:
            bootstrap.stop()
            await process.end()
            if isinstance(problem, TorError):
                raise _whyNot(program, process) from None
            raise
        return LaunchedTor(process, control, bootstrap, runDirectory, held.pop_all())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _remove(path: str) -> None:
    # Who cleans up /tmp may have been here.
    with suppress(FileNotFoundError):
        os.unlink(path)


def _logLine(line: str) -> None:
    # Of its notices, Bootstrap tells what matters; twistd would show every one of them.
    if "[warn]" in line or "[err]" in line:
        _log.debug("tor: {line}", line=line)


def _readUserLines(options: TorOptions) -> UserLines:
    texts = []
    torrc = options.torrc or os.environ.get("ONIONP2P_TORRC")
    named = [name for name in (options.defaultsTorrc, torrc) if name]
    for path in (os.path.abspath(expandHome(name)) for name in named):
        try:
            texts.append(readText(path, LONGEST))
        except UnfitFile as problem:
            raise TorrcRefused(f"{path} can't be read: {problem}.") from None
    try:
        lines = filterUserLines("\n".join(texts))
    except ValueError as problem:
        raise TorrcRefused(f"{torrc}: {problem}.") from None
    if lines.leftOut:
        _log.warn("left out of the torrc: {names}", names=", ".join(lines.leftOut))
    if lines.foreignAuthorities:
        _log.warn("the torrc replaces the authorities of the Tor network by others")
    return lines


def _whyNot(program: str, process: TorProcess) -> TorError:
    """
    Say why a tor ended before it answered.
    """
    for line in process.output:
        checkVersion(line)
        if "another Tor process is running with the same data directory" in line:
            return StateInUse("Another tor runs there.")
        # Tor then calls its configuration wrong, though nobody has written any.
        if (few := _TOO_FEW.search(line)) is not None:
            return TooFewDescriptors(f"It needs {few[1]}, and may open {few[2]}.")
    if any("[err] Reading config failed" in line for line in process.output):
        return TorrcRefused(f"Tor says: {process.complaints}")
    look = f"Look at that program: onionp2p doctor --tor {shlex.quote(program)}."
    return TorDied(f"Tor's last words: {process.complaints} {look}")
