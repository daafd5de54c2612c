# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that runs already, used through its control port (C{control=}).

We are its guest.  It is asked, and it is given onions and client keys for as long as we need them;
both are taken back; the onions even when we are killed, since tor ends those of a control
connection with it.  No option of it is ever set, no signal sent, and we never own it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, TimeoutError
from twisted.logger import Logger

from onionp2p.address import AddressError, parsePort
from onionp2p.errors import (
    ControlLost,
    ControlPortError,
    ControlPortForbidden,
    ControlPortNotFound,
    ControlTimeout,
    NoSocksPort,
    NotAControlPort,
    RunningTorLost,
)
from onionp2p.local.places import LOOPBACK, Place
from onionp2p.options import TorOptions
from onionp2p.tor.access import mayWrite, whoMayWrite
from onionp2p.tor.authentication import Proof
from onionp2p.tor.bootstrap import Bootstrap
from onionp2p.tor.clientauth import ClientAuthorizations
from onionp2p.tor.control import TorControl
from onionp2p.tor.words import parseStrings

__all__ = ["RunningTor", "connectControl", "connectTor", "readListeners"]

_log = Logger()

_SECONDS_TO_CONNECT = 10.0
_UNIX = "unix:"
_ANY_FREE_PORT = Place()


class RunningTor:
    """
    A running tor that has let us in.

    @ivar control: our control connection to it.
    @ivar bootstrap: how far it is in reaching its network.
    @ivar authorizations: our keys to others' onions, while they are needed.
    """

    def __init__(self, where: Place, control: TorControl, bootstrap: Bootstrap) -> None:
        """
        @param where: its control port.
        """
        self._where = where
        self._socks: Place | None = None
        self.control = control
        self.bootstrap = bootstrap
        self.authorizations = ClientAuthorizations(control)

    @property
    def socks(self) -> Place:
        """
        Where it takes dials, as it said when it was L{bootstrapped} last.

        @raise NoSocksPort: if it does nowhere.
        """
        if self._socks is None:
            raise NoSocksPort
        return self._socks

    async def bootstrapped(self) -> None:
        """
        Wait until it can build circuits.

        @raise TorError: says what keeps it from that.
        """
        await self.bootstrap.whenDone()
        # Asked each time: its owner may move it, and Tor Browser opens it late.
        self._socks = readListeners(await self.control.getInfo("net/listeners/socks"))

    def newTarget(self) -> Place:
        """
        Give a TCP port: a tor of another user can't enter a folder of ours.
        """
        return _ANY_FREE_PORT

    def whyLost(self) -> RunningTorLost:
        """
        Give the error for when our control connection has ended.
        """
        return RunningTorLost(_at(self._where))

    async def takeLeave(self) -> None:
        """
        Take back our client keys.  Our onions go with the control connection.
        """
        await self.authorizations.revokeAll()

    async def end(self) -> None:
        """
        Leave it as it was.
        """
        self.bootstrap.stop()
        await self.takeLeave()
        await self.control.close()

    def endNow(self) -> None:
        """
        The same, when the reactor has closed all connections already.
        """
        self.bootstrap.stop()


async def connectTor(reactor: Any, options: TorOptions) -> RunningTor:
    """
    Connect to the tor whose control port is C{options.control}.

    @raise ControlPortError: says what is wrong with that port, and what to do.
    @raise TorError: if it is too old, or silent.
    """
    assert options.control is not None
    where = Place.of(options.control)
    proof = Proof.fromEnvironment(showsCookie=bool(where.path))
    control = TorControl(reactor, proof=proof)
    await connectControl(reactor, where, control)
    bootstrap = Bootstrap(reactor, control)
    try:
        await control.ready()
        await bootstrap.follow()
    except BaseException as problem:
        bootstrap.stop()
        await control.close()
        # Of two that say no more than that, the user wants to know where.
        if isinstance(problem, ControlLost) and not proof.introduced:
            raise NotAControlPort(_at(where)) from None
        if isinstance(problem, (ControlLost, ControlTimeout)):
            raise type(problem)(_at(where)) from None
        raise
    _log.info("using the tor at {where}", where=where.name)
    return RunningTor(where, control, bootstrap)


async def connectControl(reactor: Any, where: Place, control: TorControl) -> None:
    """
    Connect to a control port, and no more.

    @raise ControlPortError: says what is wrong with that port, and what to do.
    @raise ControlTimeout: if nobody takes the connection.
    """
    try:
        await where.connect(reactor, control.protocol, _SECONDS_TO_CONNECT)
    except ConnectingCancelledError:
        raise CancelledError from None
    except TimeoutError:
        raise ControlTimeout(_at(where)) from None
    except ConnectError as problem:
        if problem.osError in {errno.EACCES, errno.EPERM}:
            raise ControlPortForbidden(whoMayWrite(where.name)) from None
        if problem.osError in {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR}:
            raise ControlPortNotFound(_at(where)) from None
        raise ControlPortError(f"{where.name}: {problem.args[0]}.") from None
    except OSError as problem:  # a path that is too long, say
        raise ControlPortError(f"{where.name}: {problem}.") from None


def _at(where: Place) -> str:
    return f"It is at {where.name}."


def readListeners(text: str) -> Place | None:
    """
    Choose where to dial: a UNIX socket before a port of 127.0.0.1, if we may use it.

    @param text: what C{GETINFO net/listeners/socks} gives.

    @return: L{None} if we can dial nowhere.
    """
    listeners = parseStrings(text)
    for listener in listeners:
        if listener.startswith(_UNIX) and _mayUse(listener.removeprefix(_UNIX)):
            return Place(path=listener.removeprefix(_UNIX))
    for listener in listeners:
        host, _, port = listener.rpartition(":")
        if host in {LOOPBACK, "0.0.0.0"}:  # noqa: S104 - tor's, not ours; and we are among all
            with suppress(AddressError):
                return Place(port=parsePort(port))
    return None


def _mayUse(path: str) -> bool:
    return not os.path.exists(path) or mayWrite(path)
